"""Wrappers around optimizers: names, hyperparameters, state, sums, and what does not go together."""

from functools import reduce
from math import sqrt

import numpy as np
import pytest
from harness import CATALOGUE, drive_rule, run
from twins import TWINS, WRAPPERS
from twins.drive import pieces
from twins.wrappers import around

from optbench import stepper, wrapper
from optbench.contract.composition import wrap

BLOCKS = ((2, 3), (4,))


def walk(text, order="rows", reported=False, steps=60, lr=0.02):
    record, values = CATALOGUE.optimizer(text)
    rng = np.random.default_rng(0)
    gradients, w = rng.standard_normal((steps, 10)), rng.standard_normal((1, 10))
    path = drive_rule(record, order, w, gradients, np.full((steps, 1), lr), [values], blocks=BLOCKS, reported=reported)
    return path[:, 0], w[0], gradients


class Around:
    """The twin of a wrapper around a twin, with the method that another wrapper's twin calls."""

    def __init__(self, twin, base, values, **own):
        self.twin, self.base, self.values, self.own = twin, base, values, own

    def start(self, w, blocks, _):
        return self.twin(self.base, self.values, **self.own).start(w, blocks)


@pytest.mark.parametrize("order", ["rows", "lanes"])
def test_three_wrappers_nest(order):
    text = "average(clip(decoupled_decay(novograd(beta1=0.8), decay=0.1), norm=0.5), beta=0.9)"
    path, w, gradients = walk(text, order, reported=True)

    decayed = Around(WRAPPERS["decoupled_decay"], TWINS["novograd"], {"beta1": 0.8}, decay=0.1)
    inner = Around(WRAPPERS["clip"], decayed, {}, norm=0.5)
    expected = WRAPPERS["average"](inner, {}, beta=0.9)(w, gradients, 0.02, blocks=BLOCKS, reported=True)
    np.testing.assert_allclose(path, expected, rtol=1e-9, atol=1e-12)


def of_step(w, new):
    return (w - new) ** 2


def of_weights(w):
    return w * w


@wrapper(source="a test", block={"length": of_step, "size": of_weights})
def turn(step, w, g, lr, length, size):
    new = step(w, 2 * g)
    return w + lr * (new - w) * sqrt(size / (length + 1e-9))


@wrapper(source="a test", shared=("longest",), total={"length": of_step}, most=0.05)
def bound(step, w, g, longest, lr, length, most):
    new = step(w, g)
    longest = max(longest, sqrt(length))
    return w + (new - w) * most / (most + longest), longest


def of_slope(w, new, g, size, pull):
    return (w - new) * g - pull * size / 10


@wrapper(source="a test", block={"size": of_weights, "slope": of_slope}, pull=0.3)
def pulled(step, w, g, mean, lr, slope, size, pull):
    mean = mean + (w - mean) / 2
    new = step(w, g + pull * mean)
    return new - lr * pull * (slope > 0) * w / sqrt(size), mean


@around
def turn_twin(w, inner, blocks):
    while True:
        w, g, lr = yield w
        u = w - inner.send((w, 2 * g, lr))
        for at, _ in pieces(blocks):
            u[at] *= lr * np.sqrt(np.sum(w[at] ** 2) / (np.sum(u[at] ** 2) + 1e-9))
        w = w - u


@around
def bound_twin(w, inner, *, most=0.05):
    longest = 0.0
    while True:
        w, g, lr = yield w
        u = w - inner.send((w, g, lr))
        longest = max(longest, np.linalg.norm(u))
        w = w - u * most / (most + longest)


@around
def pulled_twin(w, inner, blocks, *, pull=0.3):
    mean = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        mean = (mean + w) / 2
        g = g + pull * mean
        new = inner.send((w, g, lr))
        out = new.copy()
        for at, _ in pieces(blocks):
            size = np.sum(w[at] ** 2)
            slope = np.sum((w - new)[at] * (g - pull * mean)[at]) - len(w[at]) * pull * size / 10
            out[at] -= lr * pull * (slope > 0) * w[at] / np.sqrt(size)
        w = out


SLOW = pytest.mark.slow
OWN = {"turn": (turn, turn_twin), "bound": (bound, bound_twin), "pulled": (pulled, pulled_twin)}


CASES = [
    pytest.param(outer, base, marks=[] if base == "gd" or (base, outer) == ("novograd", "pulled bound turn") else SLOW)
    for base in ("gd", "novograd", "adam_torch", "lamb", "muon", "prodigy")
    for outer in ("turn", "bound", "pulled", "bound turn", "turn bound", "pulled bound turn")
]


@pytest.mark.parametrize(("outer", "base"), CASES)
def test_sums_after_the_inner_step(outer, base):
    """Over blocks and over all, around rules with sums, shared slots or a matrix, and around each other."""
    values = {"d0": 0.1} if base == "prodigy" else {}
    chosen = [OWN[name] for name in reversed(outer.split())]
    record = reduce(lambda inner, pair: wrap(pair[0], inner), chosen, CATALOGUE.optimizers[base])
    twin = reduce(lambda inner, pair: (Around(pair[1], *inner), {}), chosen[:-1], (TWINS[base], values))
    rng = np.random.default_rng(0)
    gradients, w, rates = rng.standard_normal((40, 10)), rng.standard_normal(10), np.full((40, 2), 0.05)
    expected = chosen[-1][1](*twin)(w, gradients, rates[:, 0], blocks=BLOCKS)
    for order in ("rows",) if record.matrix else ("rows", "lanes"):
        runs = 1 if record.matrix else 2
        path = drive_rule(record, order, np.tile(w, (runs, 1)), gradients, rates[:, :runs],
                          [record.with_values(values)] * runs, blocks=BLOCKS)  # fmt: skip
        np.testing.assert_allclose(path[:, -1], expected, rtol=1e-9, atol=1e-12)
    parts = [w[:6].reshape(2, 3).copy(), w[6:].copy()]
    rule = stepper(record, parts, lr=0.05, **values)
    for g in gradients:
        rule.step([g[:6].reshape(2, 3), g[6:]])
    np.testing.assert_allclose(np.concatenate([part.ravel() for part in parts]), expected[-1], rtol=1e-9, atol=1e-12)


def test_names_and_hyperparameters_of_both_are_there():
    record, values = CATALOGUE.optimizer("lookahead(clip(adam(beta1=0.8), norm=2), k=3)")
    assert record.name == "lookahead(clip(adam))"
    assert values == CATALOGUE.optimizers["adam"].with_values({"beta1": 0.8}) | {"norm": 2.0, "k": 3.0, "alpha": 0.5}
    assert CATALOGUE.optimizer(record.name)[0] is record, "composed anew, it would compile anew"
    assert [origin.key for origin in record.origins] == ["wrapper lookahead", "wrapper clip", "optimizer adam"]


def test_in_a_sweep_the_reported_iterate_is_evaluated():
    text = "average(gd, beta=0.9)"
    record, values = CATALOGUE.optimizer(text)
    points = np.array([0, 1, 30])
    for count in (20, 1):  # in lanes and one by one
        from optbench.engine.cohort import Lane

        lanes = [Lane(1e-4, CATALOGUE.schedule("constant"), values)] * count
        made = run("rosenbrock", record, lanes, batch_size=1024, steps=30, points=points)
        plain = run("rosenbrock", "gd", [Lane(1e-4, CATALOGUE.schedule("constant"), {})], batch_size=1024, steps=30,
                    points=np.arange(31))  # fmt: skip
        weights = 0.9 ** np.arange(29, -1, -1)
        average = weights @ plain["positions"][1:, :, 0] / weights.sum()
        np.testing.assert_allclose(made["w"][0], average, rtol=1e-11)
        np.testing.assert_allclose(made["positions"][-1, :, 0], average, rtol=1e-11)
        np.testing.assert_allclose(made["positions"][:2, :, 0], plain["positions"][:2, :, 0], rtol=1e-14)
