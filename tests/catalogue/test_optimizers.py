"""Every update rule, as the engine compiles it: against its naive twin if it has one, in both orders and precisions."""

import inspect
from functools import cache

import numpy as np
import pytest
from harness import CATALOGUE, IN_FLOAT32, OPTIMIZERS, drive_rule
from quick import some_quick
from twins import TWINS

from optbench.engine.cpu.update import Update

# A rule on matrices steps one run at a time and has no kernel for lanes.
KERNELS = [
    (name, order)
    for name in OPTIMIZERS
    for order in ("rows", "lanes")
    if order == "rows" or not CATALOGUE.optimizers[name].matrix
]
EVERY_RULE = pytest.mark.parametrize("name", OPTIMIZERS)
EVERY_KERNEL = pytest.mark.parametrize(("name", "order"), some_quick(KERNELS))
# Order and precision do not meet in a kernel's text: float32 is tried in one of the orders.
IN_BOTH = [(*kernel, "float64") for kernel in KERNELS] + [(name, "rows", "float32") for name in IN_FLOAT32]
EVERY_KERNEL_IN_BOTH = pytest.mark.parametrize(("name", "order", "dtype"), some_quick(IN_BOTH))
TWINNED_KERNEL_IN_BOTH = pytest.mark.parametrize(
    ("name", "order", "dtype"), some_quick(case for case in IN_BOTH if case[0] in TWINS)
)
RELATIVE = {"float64": 1e-12, "float32": 0.0}
IN_LANES = pytest.mark.parametrize("name", some_quick(name for name, order in KERNELS if order == "lanes"))
BLOCKS = {3: ((3,),), 6: ((2, 2), (2,)), 37: ((5, 3), (7,), (3, 5))}

DEFAULTS = {
    "laprop": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-15, "weight_decay": 0.0},
    "adabelief": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-16, "eps_root": 1e-16},
    "adadelta": {"beta2": 0.9, "eps": 1e-6},
    "adafactor": {"beta2_decay": 0.8, "eps1": 1e-15, "eps2": 1e-3, "threshold": 1.0, "weight_decay": 0.0},
    "adagrad": {"eps": 1e-10},
    "adahessian": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-4, "weight_decay": 0.0, "difference": 1e-4},
    "adam_mini": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "adamw": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
    "adan": {"beta1": 0.98, "beta2": 0.92, "beta3": 0.99, "eps": 1e-8, "weight_decay": 0.0},
    "ademamix": {"beta1": 0.9, "beta2": 0.999, "beta3": 0.9999, "alpha": 5.0, "eps": 1e-8},
    "adopt": {"beta1": 0.9, "beta2": 0.9999, "eps": 1e-6},
    "asgd": {"lambd": 1e-4, "alpha": 0.75, "t0": 0.0},
    "came": {"beta1": 0.9, "beta2": 0.999, "beta3": 0.9999, "eps1": 1e-30, "eps2": 1e-16, "threshold": 1.0,
             "weight_decay": 0.0},
    "dadapt_adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "d0": 1e-6, "weight_decay": 0.0},
    "distributed_shampoo": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-12, "eps_graft": 1e-8, "every": 10.0,
                            "max_dim": 1024.0, "weight_decay": 0.0},
    "dog": {"r0_rel": 1e-6, "eps": 1e-8, "gamma": 8.0},
    "dowg": {"r0": 0.01, "eps": 1e-4},
    "heavy_ball": {"beta1": 0.9, "dampening": 0.0},
    "kron": {"beta1": 0.9, "precond_lr": 0.1, "precond_scale": 1.0, "flat_start": 500.0, "anneal": 0.001,
             "min_prob": 0.03, "max_dim": 8192.0, "weight_decay": 0.0},
    "l_dog": {"r0_rel": 1e-6, "eps": 1e-8, "gamma": 8.0},
    "lars": {"beta1": 0.9, "trust": 0.001, "weight_decay": 0.0, "eps": 0.0},
    "lion": {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
    "momo": {"beta1": 0.9, "lower_bound": 0.0, "adapt_bound": 0.0, "weight_decay": 0.0},
    "momo_adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "lower_bound": 0.0, "adapt_bound": 0.0,
                  "weight_decay": 0.0},
    "moonlight_muon": {"beta1": 0.95, "beta2": 0.95, "beta_adam": 0.9, "eps": 1e-8, "ns_steps": 5.0,
                       "ns_coefficients": 0.0, "consistent_rms": 0.2, "vector_rate": 1.0, "weight_decay": 0.1},
    "nadam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": 0.004},
    "nadamw": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": 0.004, "weight_decay": 0.01},
    "normuon": {"beta1": 0.95, "beta2": 0.95, "beta_adam": 0.9, "beta2_adam": 0.95, "eps": 1e-10, "ns_steps": 5.0,
                "ns_coefficients": 0.0, "vector_rate": 0.015, "weight_decay": 0.0},
    "qhadam": {"beta1": 0.995, "beta2": 0.999, "nu1": 0.7, "nu2": 1.0, "eps": 1e-8},
    "qhm": {"beta1": 0.999, "nu": 0.7},
    "radam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "rmsprop_torch": {"beta2": 0.99, "eps": 1e-8, "eps_root": 0.0},
    "rprop": {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0},
    "schedule_free_radam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "schedule_free_sgd": {"beta1": 0.9, "weight_decay": 0.0},
    "scion": {"beta1": 0.9, "eps": 1e-8, "ns_steps": 5.0, "ns_coefficients": 0.0, "radius": 1.0, "last_radius": 1024.0,
              "weight_decay": 1.0},
    "shampoo": {"eps": 1e-6, "every": 1.0},
    "signsgd": {},
    "soap": {"beta1": 0.95, "beta2": 0.95, "eps": 1e-8, "every": 10.0, "max_dim": 10000.0, "weight_decay": 0.0},
    "soap_muon": {"beta1": 0.95, "beta2": 0.9, "beta_adam": 0.8, "beta2_adam": 0.99, "eps": 1e-8, "every": 1.0,
                  "max_dim": 10000.0, "ns_steps": 12.0, "ns_coefficients": 2.0, "vector_rate": 0.3,
                  "weight_decay": 0.0},
    "sophia_g": {"beta1": 0.965, "beta2": 0.99, "rho": 0.04, "eps": 1e-15, "weight_decay": 0.1},
    "sophia_h": {"beta1": 0.965, "beta2": 0.99, "rho": 0.04, "eps": 1e-15, "weight_decay": 0.1, "difference": 1e-4},
    "splus": {"beta1": 0.9, "beta2": 0.999, "beta_average": 0.999, "eps": 1e-30, "every": 100.0, "max_dim": 10000.0,
              "vectors": 0.001, "weight_decay": 0.0},
    "sps": {"c": 0.5, "lower_bound": 0.0, "eps": 1e-8},
    "sps_smooth": {"c": 0.5, "growth": 2.0, "lower_bound": 0.0, "eps": 1e-8},
    "stable_adamw": {"beta1": 0.9, "beta2": 0.99, "eps": 1e-6, "weight_decay": 0.01},
}  # fmt: skip
"""The defaults of rules without a twin, from their papers and from PyTorch's documentation; a twin states its own."""
# Four values beside the default, for hyperparameters that are neither a beta nor an eps.
VALUES = {
    "adapt_bound": (1.0, 0.0, 1.0, 0.0),
    "alpha": (0.5, 1.0, 2.0, 8.0),
    "anneal": (0.0, 0.01, 0.1, 1.0),
    "c": (0.1, 0.2, 1.0, 10.0),
    "consistent_rms": (0.2, 0.5, 0.0, 0.1),
    "d0": (1e-3, 1e-5, 1e-2, 1e-4),
    "dampening": (0.0, 0.5, 0.9, 1.0),
    "difference": (0.01, 0.1, 0.5, 1e-3),
    "eta_minus": (0.2, 0.5, 0.7, 0.9),
    "eta_plus": (1.0, 1.1, 1.5, 2.0),
    "every": (2.0, 3.0, 10.0, 1.0),
    "final_lr": (1e-3, 0.01, 0.3, 1.0),
    "flat_start": (0.0, 10.0, 100.0, 2.0),
    "gamma": (1.0, 0.1, 0.01, 1e-4),
    "growth": (1.0, 1.1, 4.0, 100.0),
    "initial": (0.0, 1e-3, 1.0, 1e-8),
    "lambd": (0.0, 1e-3, 0.1, 1e-4),
    "last_radius": (1.0, 10.0, 100.0, 3000.0),
    "lower_bound": (-1.0, 0.01, 0.1, 1.0),
    "max_dim": (1.0, 2.0, 3.0, 4.0),
    "min_prob": (0.1, 1.0, 0.5, 0.01),
    "momentum_decay": (0.0, 0.01, 0.1, 1.0),
    "ns_coefficients": (1.0, 0.0, 2.0, 1.0),
    "ns_steps": (1.0, 2.0, 5.0, 6.0),
    "nu": (0.0, 0.3, 0.9, 1.0),
    "nu1": (0.0, 0.3, 0.9, 1.0),
    "nu2": (1.0, 0.3, 0.9, 0.5),
    "precond_lr": (0.3, 0.01, 0.5, 0.9),
    "precond_scale": (0.1, 10.0, 0.5, 2.0),
    "r0": (0.1, 1e-3, 1.0, 1e-4),
    "r0_rel": (1e-3, 1e-5, 1e-2, 1e-4),
    "radius": (0.1, 3.0, 10.0, 50.0),
    "rho": (0.0, 0.01, 1.0, 10.0),
    "step_max": (1e-3, 0.1, 1.0, 10.0),
    "step_min": (1e-9, 1e-4, 1e-3, 1e-5),
    "t0": (3.0, 100.0, 2000.0, 1.0),
    "threshold": (0.5, 1.0, 2.0, 10.0),
    "trust": (0.01, 0.1, 1.0, 1e-4),
    "vector_rate": (0.015, 0.1, 2.0, 10.0),
    "vectors": (0.01, 0.1, 1.0, 1e-4),
    "weight_decay": (0.01, 0.1, 0.3, 1e-3),
}
# Here a rule divides by a difference that is nothing but rounding: by the variance of the last 1 gradient.
SPARED = {"rmsprop_centered": {"beta2": 0.0}}


def varied(record, runs):
    """Return one set of hyperparameters per run: the defaults first, then others that the rule must also bear."""
    return [{key: value_of(record, key, r % 5) for key in record.hyperparameters} for r in range(runs)]


def value_of(record, key, k):
    default = record.hyperparameters[key]
    if key in VALUES:
        return (default, *VALUES[key])[k]
    if key.startswith("eps"):
        return default * (1.0, 3.0, 1e3, 1e6, 0.5)[k]
    if key.startswith("beta"):
        value = (default, 0.0, 0.5, 0.97, 0.9999)[k]
        return default if SPARED.get(record.name, {}).get(key) == value else value
    pytest.fail(f"{record.name} has the hyperparameter {key!r}: say in VALUES what else it should be tested at")


def drive(record, order, w, gradients, rates, values, dtype="float64", **options):
    """Run a rule like `drive_rule`, by blocks, and one run at a time if the rule needs it."""
    blocks = BLOCKS[w.shape[1]]
    if not record.matrix:
        return drive_rule(record, order, w, gradients, rates, values, dtype, blocks, **options)
    alone = [
        drive_rule(record, order, w[[r]], of_run(gradients, r), rates[:, [r]], [values[r]], dtype, blocks, **options)
        for r in range(len(w))
    ]
    return np.concatenate(alone, axis=1)


def of_run(gradients, r):
    return gradients if gradients.ndim == 2 else gradients[:, [r]]


def random_walk(steps, dim):
    """Gradients that keep a direction for a while, of very different sizes by coordinate."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((steps, dim)) + np.sin(np.arange(steps) / 50)[:, None]) * np.geomspace(1e-3, 1e2, dim)


@cache
def twins_of(name, dtype, reported, runs=5, dim=6, steps=1000):
    """Start, gradients, rates and hyperparameters of some runs, and the twin's trajectories, (steps + 1, runs, dim)."""
    gradients = random_walk(steps, dim).astype(dtype)
    w = np.random.default_rng(1).standard_normal((runs, dim)).astype(dtype)
    values = varied(CATALOGUE.optimizers[name], runs)
    rates = np.geomspace(1e-3, 0.3, runs) / np.sqrt(np.arange(1, steps + 1))[:, None]
    follow, more = TWINS[name], {"blocks": BLOCKS[dim], "reported": reported}
    twins = [follow(w[r], gradients, rates[:, r], **more, **values[r]) for r in range(runs)]
    return (w, gradients, rates, values), np.stack(twins, axis=1)


def both_paths(name, order, dtype, reported):
    """Return the kernel's and the twin's trajectories, with a rate and hyperparameters per lane."""
    given, twins = twins_of(name, dtype, reported)
    return drive(CATALOGUE.optimizers[name], order, *given, dtype, reported=reported), twins


def assert_follows(path, twins, dtype, relative):
    assert path.dtype == twins.dtype == dtype
    # Coordinates cross 0, where no relative bound can hold: a small part of the way they go is allowed, too. Lane 4
    # has beta = 0.9999, and 1 - beta is known to no better than 1e4 roundings of 1.
    roundings = np.array([100, 100, 100, 100, 1e4])[:, None]
    allowed = relative * np.abs(twins) + np.finfo(dtype).eps * roundings * np.abs(twins).max(axis=0)
    np.testing.assert_array_less(np.abs(path - twins), allowed + np.finfo(dtype).tiny)
    assert (path[-1] != path[0]).any()


@TWINNED_KERNEL_IN_BOTH
def test_rule_follows_its_twin_for_1000_steps(name, order, dtype):
    assert_follows(*both_paths(name, order, dtype, False), dtype, RELATIVE[dtype])


@pytest.mark.parametrize(
    ("name", "order", "dtype"),
    [case for case in IN_BOTH if case[0] in TWINS and CATALOGUE.optimizers[case[0]].report],
)
def test_reported_iterate_follows_its_twin(name, order, dtype):
    assert_follows(*both_paths(name, order, dtype, True), dtype, RELATIVE[dtype])


@IN_LANES
def test_wide_rows_and_many_lanes_agree(name):
    """Widths that fill vectors and leave remainders."""
    record, gradients = CATALOGUE.optimizers[name], random_walk(20, 37)
    w = np.random.default_rng(2).standard_normal((19, 37))
    rates, values = np.full((20, 19), 0.01) * np.arange(1, 20), varied(record, 19)
    by_order = [drive(record, order, w, gradients, rates, values) for order in ("rows", "lanes")]
    np.testing.assert_allclose(*by_order, rtol=1e-12, atol=1e-13)
    alone = [drive(record, "rows", w[r : r + 1], gradients, rates[:, [r]], values[r : r + 1]) for r in (0, 7, 18)]
    np.testing.assert_allclose(by_order[0][:, [0, 7, 18]], np.concatenate(alone, axis=1), rtol=1e-12, atol=1e-13)


@IN_LANES
def test_rows_touch_only_the_lanes_of_the_call(name):
    """And do for them what a call for all lanes does."""
    record, gradients = CATALOGUE.optimizers[name], random_walk(6, 6)  # schedule_free_radam stands still for 4 steps
    calls = []
    for first, last in ((1, 3), (0, 4)):
        update = Update(record, "rows", BLOCKS[6], "float64", [record.with_values({})] * 4)
        update.scalars[: len(record.inputs)] = 0.5
        arrays = [np.ones((4, 6)), update.state, update.scalars.T, update.powers.T]
        before = [array.copy() for array in arrays]
        for t, g in enumerate(gradients, start=1):
            update(arrays[0], np.tile(g, (4, 1)), t, first, last)
        calls.append(arrays)
    for some, every, start in zip(*calls, before, strict=True):
        axis = 1 if some.ndim == 3 else 0
        np.testing.assert_array_equal(some.take([1, 2], axis), every.take([1, 2], axis))
        np.testing.assert_array_equal(some.take([0, 3], axis), start.take([0, 3], axis))
    assert (calls[0][0][1:3] != 1).any(axis=1).all()


@EVERY_RULE
def test_defaults_are_stated_a_second_time(name):
    if name in TWINS:
        stated = inspect.signature(TWINS[name]).parameters.values()
        stated = {p.name: p.default for p in stated if p.kind is p.KEYWORD_ONLY}
    else:
        stated = DEFAULTS[name]
    assert CATALOGUE.optimizers[name].hyperparameters == stated


def without_decay(record):
    """Decay pulls towards 0 whatever the gradient."""
    return record.with_values({key: 0.0 for key in ("weight_decay", "lambd") if key in record.hyperparameters})


@EVERY_KERNEL_IN_BOTH
def test_zero_gradient_stays_put(name, order, dtype):
    record = CATALOGUE.optimizers[name]
    w = np.random.default_rng(3).standard_normal((3, 6)).astype(dtype)
    rates, values = np.full((20, 3), 0.7), [without_decay(record)] * 3
    for reported in (False, True):
        path = drive(record, order, w, np.zeros((20, 6)), rates, values, dtype, reported=reported)
        np.testing.assert_array_equal(path, np.broadcast_to(w, path.shape))


@EVERY_KERNEL
def test_what_is_not_finite_is_never_swallowed(name, order):
    """Else divergence could not be found. It stays in its lane, and in its coordinate where no sum spreads it."""
    record = CATALOGUE.optimizers[name]
    gradients = np.ones((4, 2, 6)) * np.arange(1, 7)
    gradients[1, 0, 1] = np.nan
    values = [record.with_values({})] * 2
    path = drive(record, order, np.ones((2, 6)), gradients, np.full((4, 2), 0.1), values)
    assert np.isnan(path[2:, 0, 1]).all()
    assert np.isfinite(path[:2]).all() and np.isfinite(path[:, 1]).all()
    if not (record.total or record.by_block):
        assert np.isfinite(path[:, 0, [0, 2, 3, 4, 5]]).all()
    elif not record.total:
        assert np.isfinite(path[:, 0, 4:]).all()  # the other block
