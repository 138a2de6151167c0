"""Saddles, and what is built of them."""

import itertools
from math import e

import numpy as np

SETTINGS = [
    "rotated_saddle(dim=3, index=3, seed=4)", "hyperbolic(radius=0.5, offset=0.1)", "monkey_saddle(radius=2.0)",
    "octopus(dim=2)", "octopus(dim=1)", "octopus(dim=7, L=3.0, gamma=0.5, tau=1.5)", "matrix_factorization(rank=1)",
    "matrix_factorization(size=5, rank=5)", "matrix_factorization(size=6, rank=2, condition=4.0, tail=0.2)",
    "phase_retrieval(dim=2, examples=100)", "phase_retrieval(dim=5, examples=333, seed=2)",
]  # fmt: skip

NOT_ANALYTIC = set()


def rotated_saddle(w, dim, index, seed):
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    z = rotation @ w
    return (z**4 / 4 - z**2 / 2)[:index].sum() + (z**2 / 2)[index:].sum()


def hyperbolic(w, radius):
    x, y = w
    y = y if y.real >= 0 else -y
    return x**2 - y**2 if y.real < radius else x**2 + (y - 2 * radius) ** 2 - 2 * radius**2


def monkey_saddle(w, radius):
    x, y = w
    return x**3 - 3 * x * y**2 + 3 / (4 * radius) * (x**2 + y**2) ** 2


def octopus(w, L, gamma, tau):
    """Return the paper's pieces g_1, g_2 and nu, every coordinate weighed by what its neighbour has opened."""
    a = [each if each.real >= 0 else -each for each in w]
    nu = -g1(2 * tau, L, gamma, tau) + 4 * L * tau**2

    def alone(x):
        if x.real <= tau:
            return -gamma * x**2
        return g1(x, L, gamma, tau) if x.real <= 2 * tau else L * (x - 4 * tau) ** 2 - nu

    def held(x):
        """Return the factor of x_{i+1}^2 while x_{i+1} is small."""
        if x.real <= tau:
            return L
        return g2(x, L, gamma, tau) if x.real <= 2 * tau else -gamma

    value = alone(a[0])
    for x, y in itertools.pairwise(a):
        shut = (held(x) + gamma) / (L + gamma)
        value += shut * L * y**2 + (1 - shut) * alone(y)
    return value


def g1(x, L, gamma, tau):
    return (
        -gamma * x**2
        + (-14 * L + 10 * gamma) / (3 * tau) * (x - tau) ** 3
        + (5 * L - 3 * gamma) / (2 * tau**2) * (x - tau) ** 4
    )


def g2(x, L, gamma, tau):
    z = x - 2 * tau
    return -gamma - (L + gamma) * (10 * z**3 / tau**3 + 15 * z**4 / tau**4 + 6 * z**5 / tau**5)


def target_matrix(size, rank, condition, tail, seed=0):
    vectors, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    spectrum = [condition ** (-k / max(rank - 1, 1)) if k < rank else tail for k in range(size)]
    return vectors @ np.diag(spectrum) @ vectors.T


def matrix_factorization(w, **parameters):
    target = target_matrix(**parameters)
    u = w.reshape(len(target), -1)
    return ((u @ u.T - target) ** 2).sum() / 4


def phase_retrieval(w, x, y):
    return np.mean(((x @ w) ** 2 - y) ** 2) / 4


PAPER = {"L": e, "gamma": 1.0, "tau": e}
FORMULAS = {
    "rotated_saddle": (rotated_saddle, {"dim": 20, "index": 5, "seed": 0}),
    "rotated_saddle(dim=3, index=3, seed=4)": (rotated_saddle, {"dim": 3, "index": 3, "seed": 4}),
    "hyperbolic": (hyperbolic, {"radius": 1.0}),
    "hyperbolic(radius=0.5, offset=0.1)": (hyperbolic, {"radius": 0.5}),
    "monkey_saddle": (monkey_saddle, {"radius": 1.0}),
    "monkey_saddle(radius=2.0)": (monkey_saddle, {"radius": 2.0}),
    "octopus": (octopus, PAPER),
    "octopus(dim=2)": (octopus, PAPER),
    "octopus(dim=1)": (octopus, PAPER),
    "octopus(dim=7, L=3.0, gamma=0.5, tau=1.5)": (octopus, {"L": 3.0, "gamma": 0.5, "tau": 1.5}),
    "matrix_factorization": (matrix_factorization, {"size": 20, "rank": 3, "condition": 10.0, "tail": 0.0}),
    "matrix_factorization(rank=1)": (matrix_factorization, {"size": 20, "rank": 1, "condition": 10.0, "tail": 0.0}),
    "matrix_factorization(size=6, rank=2, condition=4.0, tail=0.2)": (
        matrix_factorization,
        {"size": 6, "rank": 2, "condition": 4.0, "tail": 0.2},
    ),
    "phase_retrieval": (phase_retrieval, {}),
    "phase_retrieval(dim=5, examples=333, seed=2)": (phase_retrieval, {}),
}
