"""The wrappers around several rules, as the engine compiles them, against their naive twins."""

import inspect

import numpy as np
import pytest
from harness import CATALOGUE, drive_rule
from quick import some_quick
from twins import TWINS
from twins import WRAPPERS as WRAPPER_TWINS

BLOCKS = ((2, 2), (2,))
# Beside the defaults.
VALUES = {
    "norm": 40.0,
    "k": 3.0,
    "alpha": 0.8,
    "beta": 0.5,
    "decay": 0.3,
    "floor": 0.9,
    "extra": 1.0,
    "blend": 0.7,
    "decay_scale": 0.5,
    "s0": 0.01,
    "tuner_eps": 1e-3,
    "rho": 0.3,
}
EVERY_WRAPPER = pytest.mark.parametrize("name", sorted(CATALOGUE.wrappers))


def paths(text, own, order, reported, base, dtype="float64", steps=60):
    """Return the kernel's and the twin's trajectory of one run."""
    record, values = CATALOGUE.optimizer(text)
    values = values | own
    rng = np.random.default_rng(4)
    gradients = (rng.standard_normal((steps, 6)) * np.geomspace(0.01, 30, 6)).astype(dtype)
    w, rates = rng.standard_normal((1, 6)).astype(dtype), 0.05 / np.sqrt(np.arange(1, steps + 1))
    path = drive_rule(record, order, w, gradients, rates[:, None], [values], dtype, BLOCKS, reported)
    base_values = {key: values[key] for key in CATALOGUE.optimizers[base].hyperparameters}
    follow = twin_of(text.split("(")[0])(TWINS[base], base_values, **own)
    return path[:, 0], follow(w[0], gradients, rates, blocks=BLOCKS, reported=reported)


def twin_of(name):
    if name not in WRAPPER_TWINS:
        pytest.fail(f"wrapper {name} has no twin: write it in tests/twins/wrappers.py from its paper, in plain NumPy")
    return WRAPPER_TWINS[name]


@pytest.mark.slow
@EVERY_WRAPPER
@pytest.mark.parametrize(  # a rule of every kind: elementwise, shared slots and sums over all, sums by block, a matrix
    ("base", "order", "dtype"),
    [
        ("adam_torch", "rows", "float64"),
        ("adam_torch", "lanes", "float32"),
        ("prodigy", "rows", "float64"),
        ("lamb", "lanes", "float64"),
        ("muon", "rows", "float64"),
    ],
)
def test_wrapper_follows_its_twin(name, base, order, dtype):
    wrapper = CATALOGUE.wrappers[name]
    for own in (dict(wrapper.hyperparameters), {key: VALUES[key] for key in wrapper.hyperparameters}):
        for reported in (False, True) if wrapper.report else (False,):
            path, expected = paths(f"{name}({base})", own, order, reported, base, dtype)
            np.testing.assert_allclose(path, expected, rtol=0, atol=200 * np.finfo(dtype).eps * np.abs(expected).max())
            assert path.dtype == expected.dtype == dtype and (path[-1] != path[0]).any()


@EVERY_WRAPPER
def test_defaults_are_those_of_the_twin(name):
    stated = inspect.signature(twin_of(name).rule).parameters.values()
    stated = {p.name: p.default for p in stated if p.kind is p.KEYWORD_ONLY}
    assert CATALOGUE.wrappers[name].hyperparameters == stated


@pytest.mark.parametrize("name", some_quick(sorted(CATALOGUE.wrappers)))
def test_wrapper_passes_on_what_is_not_finite(name):
    record, values = CATALOGUE.optimizer(f"{name}(adam)")
    gradients = np.ones((4, 3))
    gradients[1, 1] = np.nan
    for order in ("rows", "lanes"):
        path = drive_rule(record, order, np.zeros((2, 3)), gradients, np.full((4, 2), 0.1), [values] * 2)
        assert np.isnan(path[2:, :, 1]).all() and np.isfinite(path[:2]).all()


def test_wrappers_nest():
    """Clip first, then add the decay of it: the outer one sees the gradient first."""
    text = "clip(coupled_decay(lookahead(gd, k=1, alpha=0.5), decay=0.3), norm=2)"
    record, values = CATALOGUE.optimizer(text)
    gradients = np.random.default_rng(5).standard_normal((5, 3)) * 4
    path = drive_rule(record, "rows", np.ones((1, 3)), gradients, np.full((5, 1), 0.1), [values])[:, 0]
    w = np.ones(3)
    for g, seen in zip(gradients, path[1:], strict=True):
        w = w - 0.5 * 0.1 * (g * min(1, 2 / np.linalg.norm(g)) + 0.3 * w)
        np.testing.assert_allclose(seen, w, rtol=1e-13)
