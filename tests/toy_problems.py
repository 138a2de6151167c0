"""Small problems with one peculiarity each, for the engine's tests."""

from math import log

import numpy as np

from optbench.contract.problems import Problem


def bowl_gradient(w, g):
    total = 0.0
    for i in range(w.shape[0]):
        total += 0.5 * w[i] * w[i]
        g[i] = w[i]
    return total


def bowl(dim=3, noise=0.0):
    """Single form, |w|^2 / 2, with gradient noise."""
    return Problem(
        "single", dim, lambda rng: rng.standard_normal(dim), bowl_gradient, 0.0, "closed form", noise=noise, name="bowl"
    )


def raised_gradient(w, g):
    total = 1e8
    for i in range(w.shape[0]):
        total += 0.5 * w[i] * w[i]
        g[i] = w[i]
    return total


def raised():
    """Single form, 1e8 + |w|^2 / 2 from 1e8 + 1 on: the minimum is large beside the first suboptimality."""
    return Problem("single", 2, lambda rng: np.ones(2), raised_gradient, 1e8, "closed form", name="raised")


def quartic_gradient(w, g):
    total = 0.0
    for i in range(w.shape[0]):
        total += 0.25 * w[i] * w[i] * w[i] * w[i]
        g[i] = w[i] * w[i] * w[i]
    return total


def quartic():
    """Single form, sum w_i^4 / 4: a rate that is too large explodes doubly exponentially."""
    return Problem("single", 3, lambda rng: np.full(3, 5.0), quartic_gradient, 0.0, "closed form", name="quartic")


def blind_gradient(w, g, f):
    for r in range(w.shape[1]):
        f[r] = 0.5 * w[0, r] * w[0, r]
        g[0, r] = w[0, r]
        g[1, r] = -w[1, r]


def blind():
    """Lanes form; the loss does not see the second weight, which grows by the factor 1 + lr at every step."""
    return Problem("lanes", 2, lambda rng: np.ones(2), blind_gradient, 0.0, "closed form", name="blind")


def undefined_gradient(w, g, f):
    for r in range(w.shape[1]):
        f[r] = log(w[0, r])
        g[0, r] = 1.0 / w[0, r]


def undefined_alone(w, g):
    g[0] = 1.0 / w[0]
    return log(w[0])


def undefined(start, form="lanes"):
    """log w in one dimension: no loss for a negative weight."""
    function = undefined_gradient if form == "lanes" else undefined_alone
    return Problem(form, 1, lambda rng: np.full(1, start), function, -100.0, "none", name="undefined")


def line_gradient(w, g, f, x, y, constants):
    for r in range(w.shape[1]):
        f[r] = 0.0
        g[0, r] = 0.0
    for i in range(x.shape[0]):
        for r in range(w.shape[1]):
            e = x[i, 0] * w[0, r] + constants[0] - y[i]
            f[r] += 0.5 * e * e / x.shape[0]
            g[0, r] += e * x[i, 0] / x.shape[0]


def line(**changes):
    """Lanes form with data and a constant: a slope through ten points."""
    x = np.linspace(-1, 1, 10)[:, None]
    fields = {
        "form": "lanes", "dim": 1, "start": lambda rng: np.zeros(1), "value_and_gradient": line_gradient,
        "minimum": 0.0, "minimum_source": "exact", "data": (x, 2 * x[:, 0] + 1), "constants": np.ones(1),
        "name": "line",
    }  # fmt: skip
    return Problem(**fields | changes)
