"""Corrections of the bias in float32, with beta^t near 1: against kernels in float64, closed forms and plain Python."""

from math import sqrt

import numpy as np
import pytest
from harness import CATALOGUE, IN_FLOAT32, drive_rule
from quick import QUICK, some_quick
from twins import TWINS, WRAPPERS

import optbench

NEAR = float(np.float32(0.99999))
"""A beta that float32 holds exactly; of 1 - NEAR^t it would hold 8 bits at the first steps, taken from NEAR^t."""
CORRECTED = {name: CATALOGUE.optimizers[name] for name in IN_FLOAT32 if CATALOGUE.optimizers[name].powers}
BLOCKS = ((2, 2), (2,))
STEPS = 30
DIGITS = 2e-5
"""Of the largest step: a hundred roundings, beside 1e-3 with a power of 24 bits."""


OTHERS = {"d0": 2.0**-7, "difference": 1.0, "ns_steps": 1.0, "vector_rate": 1.0}
"""With them prodigy moves at once, vectors are seen beside matrices, and the roundings of m, which five Newton-Schulz
steps multiply by up to 3.4^5 in a small singular value, are not; nor those of a difference of gradients."""


def near(record):
    """Values with such a beta in every power, and those of OTHERS."""
    wanted = dict.fromkeys(record.powers, NEAR)
    return record.with_values(wanted | {name: OTHERS[name] for name in OTHERS if name in record.hyperparameters})


def task():
    """Start, gradients and rates that float32 holds exactly; w is small, so that it can hold steps as well."""
    rng = np.random.default_rng(4)
    w, gradients = rng.normal(size=(1, 6)) / 64, rng.normal(size=(STEPS, 6)) + 1
    return w.astype(np.float32), gradients.astype(np.float32), np.full((STEPS, 1), 2.0**-6)


def assert_same_steps(path, wanted):
    moved = np.diff(np.asarray(wanted, float), axis=0)
    assert np.abs(moved).max() > 1e-4 and np.isfinite(path).all()
    error = np.abs(np.diff(path.astype(float), axis=0) - moved).max() / np.abs(moved).max()
    assert error < DIGITS, error


def compiled(record, order, values, dtype="float32", **options):
    w, gradients, rates = task()
    lanes = 1 if record.matrix or order == "rows" else 3
    together = np.repeat(w, lanes, axis=0), gradients, np.repeat(rates, lanes, axis=1), [values] * lanes
    return drive_rule(record, order, *together, dtype, BLOCKS, **options)[:, -1]


@pytest.mark.parametrize("name", some_quick(CORRECTED, QUICK - {"lamb", "muon"}))
def test_every_rule_with_a_correction(name):
    record = CORRECTED[name]
    values = near(record)
    assert_same_steps(compiled(record, "rows", values), compiled(record, "rows", values, "float64"))


@pytest.mark.parametrize("order", ["rows", "lanes"])
def test_the_average_of_iterates(order):
    w, gradients, rates = task()
    twin = WRAPPERS["average"](TWINS["gd"], {}, beta=NEAR)
    wanted = twin(w[0].astype(float), gradients.astype(float), rates[:, 0], reported=True)
    record = CATALOGUE.optimizer("average(gd)")[0]
    assert_same_steps(compiled(record, order, {"beta": NEAR}, reported=True)[1:], wanted[1:])


def corrected(m, beta_t):
    return m / (1 - beta_t)


def with_a_helper(w, g, m, lr, beta, beta_t):
    m = beta * m + (1 - beta) * g
    return w - lr * corrected(m, beta_t), m


def in_place(w, g, m, lr, beta, beta_t):
    m *= beta
    m += (1 - beta) * g
    return w - lr * m / (1 - beta_t), m


def root_of_both(w, g, m, lr, beta, beta_t):
    m = beta * m + (1 - beta) * g
    rest = 1 - beta * beta_t
    return w - lr * m / sqrt(rest * (1 - beta_t)), m


@pytest.mark.parametrize(("rule", "order"), [(with_a_helper, "lanes"), (in_place, "rows"), (root_of_both, "lanes")])
def test_rules_of_ones_own_however_they_are_written(rule, order):
    """Against the same function in plain Python, whose numbers are float64."""
    record = optbench.optimizer(source="a test", beta=0.9)(rule)
    (w, gradients, rates), path = task(), []
    at, m = w[0].astype(float).tolist(), [0.0] * 6
    for t, g in enumerate(gradients.astype(float), start=1):
        pairs = [rule(at[i], g[i], m[i], float(rates[0, 0]), NEAR, NEAR**t) for i in range(6)]
        at, m = [list(part) for part in zip(*pairs, strict=True)]
        path.append(at)
    assert_same_steps(compiled(record, order, {"beta": NEAR}), [w[0], *path])
