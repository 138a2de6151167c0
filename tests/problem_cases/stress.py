"""Stress wrappers: those that change the start or the variables, around functions, networks and each other."""

import numpy as np

SETTINGS = [
    "perturbed_start(rosenbrock)", "perturbed_start(mlp(hidden=(4,)), scale=0.0)", "rescaled(rosenbrock)",
    "rescaled(rosenbrock(dim=7), span=30.0, rotate=3, seed=2)", "rescaled(nqm(dim=9), span=5.0)", "rescaled(softmax)",
    "rescaled(mlp(hidden=(4,)), rotate=16)", "rescaled(permuted(logistic), span=10.0, rotate=1)",
    "permuted(quadratic)", "permuted(mlp(hidden=(4,)), seed=3)",
]  # fmt: skip
NOT_ANALYTIC = set()


def matrix(dim, span, rotate, seed):
    """D Q': scales in random order, and rotations of random groups, in that order of drawing."""
    rng, q = np.random.default_rng(seed), np.zeros((dim, dim))
    d = rng.permutation(span ** (np.linspace(-1, 1, dim) / 2))
    order = rng.permutation(dim)
    for first in range(0, dim, rotate):
        group = order[first : first + rotate]
        q[group, group] = 1
        if len(group) > 1:
            turn, triangle = np.linalg.qr(rng.standard_normal((len(group), len(group))))
            q[np.ix_(group, group)] = turn @ np.diag(np.sign(np.diag(triangle)))
    return np.diag(d) @ q


def rosenbrock(w):
    return sum(100 * (w[i + 1] - w[i] ** 2) ** 2 + (1 - w[i]) ** 2 for i in range(len(w) - 1))


def rescaled_rosenbrock(w, span, rotate, seed):
    return rosenbrock(matrix(len(w), span, rotate, seed) @ w)


def permuted_nqm(w, seed):
    order = np.random.default_rng(seed).permutation(len(w))
    return (w[order] ** 2 / np.arange(1, len(w) + 1.0)).sum() / 2


FORMULAS = {
    "rescaled(rosenbrock)": (rescaled_rosenbrock, {"span": 100.0, "rotate": 64, "seed": 0}),
    "rescaled(rosenbrock(dim=7), span=30.0, rotate=3, seed=2)": (
        rescaled_rosenbrock, {"span": 30.0, "rotate": 3, "seed": 2},
    ),
    "permuted(nqm(dim=6), seed=1)": (permuted_nqm, {"seed": 1}),
    "perturbed_start(rosenbrock)": (rosenbrock, {}),
}  # fmt: skip
