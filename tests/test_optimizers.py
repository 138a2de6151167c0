"""Every update rule, as the engine compiles it, against its naive twin and against what PyTorch and optax recorded."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from harness import CATALOGUE, OPTIMIZERS, drive_rule
from twins import TWINS

from optbench.engine import kernels

RECORDED = np.load(Path(__file__).parent / "reference" / "trajectories.npz")
INDEX = {entry["key"]: entry for entry in map(json.loads, RECORDED["index"])}
BOTH_ORDERS = pytest.mark.parametrize("order", ["rows", "lanes"])
EVERY_RULE = pytest.mark.parametrize("name", OPTIMIZERS)

# Lecture C1 to C3; the others' own papers and PyTorch's documentation.
DEFAULTS = {
    "gd": {},
    "momentum": {"beta1": 0.9},
    "nesterov": {"beta1": 0.9},
    "adagrad": {"eps": 1e-10},
    "rmsprop": {"beta2": 0.9, "eps": 0.0, "eps_root": 1e-8},
    "rmsprop_torch": {"beta2": 0.99, "eps": 1e-8, "eps_root": 0.0},
    "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 0.0, "eps_root": 1e-8},
    "adam_torch": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_root": 0.0},
}


def twin_of(name):
    if name not in TWINS:
        pytest.fail(f"optimizer {name} has no twin: write it in tests/twins.py from its paper, in plain NumPy")
    return TWINS[name]


def varied(record, runs):
    """One set of hyperparameters per run: the defaults first, then others that the rule must also bear."""
    betas, scales = [None, 0.0, 0.5, 0.97, 0.9999], [1.0, 3.0, 1e3, 1e6, 0.5]
    made = []
    for r in range(runs):
        k = r % 5
        made.append(
            {
                key: (default if k == 0 else betas[k]) if key.startswith("beta") else default * scales[k]
                for key, default in record.hyperparameters.items()
            }
        )
    return made


def random_walk(steps, dim):
    """Gradients that keep a direction for a while, of very different sizes by coordinate."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((steps, dim)) + np.sin(np.arange(steps) / 50)[:, None]) * np.geomspace(1e-3, 1e2, dim)


def both_paths(name, order, dtype, runs=5, dim=6, steps=1000):
    """The kernel's and the twin's trajectories, (steps + 1, runs, dim), with a rate and hyperparameters per lane."""
    record, gradients = CATALOGUE.optimizers[name], random_walk(steps, dim).astype(dtype)
    rng = np.random.default_rng(1)
    w, values = rng.standard_normal((runs, dim)).astype(dtype), varied(record, runs)
    rates = np.geomspace(1e-3, 0.3, runs) / np.sqrt(np.arange(1, steps + 1))[:, None]
    path = drive_rule(record, order, w, gradients, rates, values, dtype)
    twin = twin_of(name)
    twins = [twin(w[r], gradients, rates[:, r], **values[r]) for r in range(runs)]
    return path, np.stack(twins, axis=1)


@EVERY_RULE
@BOTH_ORDERS
@pytest.mark.parametrize(("dtype", "relative"), [("float64", 1e-12), ("float32", 0.0)])
def test_rule_follows_its_twin_for_1000_steps(name, order, dtype, relative):
    path, twins = both_paths(name, order, dtype)
    assert path.dtype == twins.dtype == dtype
    # Coordinates cross 0, where no relative bound can hold: a small part of the way they go is allowed, too. Lane 4
    # has beta = 0.9999, and 1 - beta is known to no better than 1e4 roundings of 1.
    roundings = np.array([50, 50, 50, 50, 1e4])[:, None]
    allowed = relative * np.abs(twins) + np.finfo(dtype).eps * roundings * np.abs(twins).max(axis=0)
    np.testing.assert_array_less(np.abs(path - twins), allowed + np.finfo(dtype).tiny)
    assert (path[-1] != path[0]).all()


@EVERY_RULE
def test_wide_rows_and_many_lanes_agree(name):
    """Widths that fill vectors and leave remainders."""
    record, gradients = CATALOGUE.optimizers[name], random_walk(20, 37)
    w = np.random.default_rng(2).standard_normal((19, 37))
    rates, values = np.full((20, 19), 0.01) * np.arange(1, 20), varied(record, 19)
    by_order = [drive_rule(record, order, w, gradients, rates, values) for order in ("rows", "lanes")]
    np.testing.assert_allclose(*by_order, rtol=1e-12, atol=1e-13)
    alone = [drive_rule(record, "rows", w[r : r + 1], gradients, rates[:, [r]], values[r : r + 1]) for r in (0, 7, 18)]
    np.testing.assert_allclose(by_order[0][:, [0, 7, 18]], np.concatenate(alone, axis=1), rtol=1e-12, atol=1e-13)


@EVERY_RULE
def test_rows_touch_only_the_lanes_of_the_call(name):
    record = CATALOGUE.optimizers[name]
    kernel = kernels.update_kernel(record, "rows", "float64")
    w, g, state = np.ones((4, 3)), np.ones((4, 3)), np.zeros((len(record.slots), 4, 3))
    scalars = np.full((len(kernels.scalar_rows(record)), 4), 0.5)
    powers = np.ones((len(record.powers), 4))
    kernel(w, g, state, scalars, powers, 1, 1, 3)
    assert (w[[0, 3]] == 1).all() and (state[:, [0, 3]] == 0).all() and (powers[:, [0, 3]] == 1).all()
    assert (w[1:3] != 1).all() and (state[:, 1:3] != 0).all() and (powers[:, 1:3] == 0.5).all()


@pytest.mark.parametrize("key", INDEX)
@BOTH_ORDERS
@pytest.mark.parametrize("loop", ["open", "closed"])
def test_rule_follows_the_recorded_trajectory(key, order, loop):
    """Open loop: on the recorded gradients. Closed loop: on gradients of the recorded objective where the rule is."""
    entry = INDEX[key]
    if entry["optimizer"] not in OPTIMIZERS:
        pytest.fail(f"{key} was recorded for the optimizer {entry['optimizer']}, which is not registered")
    expected = RECORDED[f"{key}.trajectory"]
    matrix, quartic = RECORDED["problem.matrix"], RECORDED["problem.quartic"]
    gradients = RECORDED[f"{key}.gradients"] if loop == "open" else lambda _, w: w @ matrix + quartic * w**3
    record, runs = CATALOGUE.optimizers[entry["optimizer"]], 2
    values = [record.with_values(entry["hyperparameters"])] * runs
    rates = np.full((len(expected) - 1, runs), entry["lr"])
    path = drive_rule(record, order, np.tile(expected[0], (runs, 1)), gradients, rates, values)
    for r in range(runs):
        np.testing.assert_allclose(path[:, r], expected, rtol=1e-12, atol=1e-14)


@EVERY_RULE
def test_defaults_are_those_of_the_twin(name):
    stated = inspect.signature(twin_of(name)).parameters.values()
    stated = {p.name: p.default for p in stated if p.kind is p.KEYWORD_ONLY}
    assert CATALOGUE.optimizers[name].hyperparameters == stated


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_the_lectures(name):
    assert CATALOGUE.optimizers[name].hyperparameters == DEFAULTS[name]


@EVERY_RULE
@BOTH_ORDERS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_zero_gradient_stays_put(name, order, dtype):
    record = CATALOGUE.optimizers[name]
    w = np.random.default_rng(3).standard_normal((3, 5)).astype(dtype)
    rates, values = np.full((20, 3), 0.7), [record.with_values({})] * 3
    path = drive_rule(record, order, w, np.zeros((20, 5)), rates, values, dtype)
    np.testing.assert_array_equal(path[-1], w)


@EVERY_RULE
@BOTH_ORDERS
def test_what_is_not_finite_is_never_swallowed(name, order):
    """Else divergence could not be found; and it stays in its own coordinate and lane."""
    record = CATALOGUE.optimizers[name]
    gradients = np.ones((4, 3))
    gradients[1, 1] = np.nan
    path = drive_rule(record, order, np.zeros((2, 3)), gradients, np.full((4, 2), 0.1), [record.with_values({})] * 2)
    assert np.isnan(path[2:, :, 1]).all()
    assert np.isfinite(path[:2]).all() and np.isfinite(path[:, :, [0, 2]]).all()


@EVERY_RULE
def test_record_is_complete(name):
    record = CATALOGUE.optimizers[name]
    assert record.name == name and record.source and record.doc
