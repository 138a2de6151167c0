"""Convex problems: closed forms, and regression beyond squares. (Poisson overflows far out: test_problem_convex.py.)"""

import numpy as np

SETTINGS = [
    "nesterov_worst(dim=1)", "nesterov_worst(dim=7)", "different_powers(dim=1)", "different_powers(dim=4)",
    "ridge(l2=1.0)", "ridge(data=gaussian(examples=150, features=4, classes=0))", "huber(delta=2.0, l2=0.1)",
    "huber(data=gaussian(examples=150, features=4, classes=0))", "squared_hinge(l2=0.0)",
    "squared_hinge(data=gaussian(examples=150, features=4, classes=2), l2=0.5)", "poisson(l2=0.0)",
    "poisson(examples=150, features=4, l2=0.1, seed=3)",
]  # fmt: skip
NOT_ANALYTIC = set()  # the branches below go by the real part


def nesterov_worst(w):
    """L = 1 in Nesterov's (2.1.11): f_k = L/4 (1/2 (w_1^2 + sum (w_i - w_{i+1})^2 + w_k^2) - w_1)."""
    return ((w[0] ** 2 + (np.diff(w) ** 2).sum() + w[-1] ** 2) / 2 - w[0]) / 4


def different_powers(w):
    return (np.where(w.real < 0, -w, w) ** np.arange(2, len(w) + 2)).sum()


def penalty(w, l2):
    return 0.5 * l2 * w @ w


def ridge(w, x, y, l2):
    return np.mean((x @ w - y) ** 2) / 2 + penalty(w, l2)


def huber(w, x, y, delta, l2):
    error = x @ w - y
    size = np.where(error.real < 0, -error, error)
    return np.mean(np.where(size.real <= delta, error**2 / 2, delta * (size - delta / 2))) + penalty(w, l2)


def squared_hinge(w, x, y, l2):
    missing = 1 - np.where(y == 1, 1, -1) * (x @ w)
    return np.mean(np.where(missing.real > 0, missing**2, 0)) + penalty(w, l2)


FORMULAS = {
    "nesterov_worst": (nesterov_worst, {}),
    "nesterov_worst(dim=1)": (nesterov_worst, {}),
    "nesterov_worst(dim=7)": (nesterov_worst, {}),
    "different_powers": (different_powers, {}),
    "different_powers(dim=4)": (different_powers, {}),
    "ridge": (ridge, {"l2": 0.1}),
    "ridge(l2=1.0)": (ridge, {"l2": 1.0}),
    "huber": (huber, {"delta": 0.5, "l2": 0.0}),
    "huber(delta=2.0, l2=0.1)": (huber, {"delta": 2.0, "l2": 0.1}),
    "squared_hinge": (squared_hinge, {"l2": 0.01}),
    "squared_hinge(l2=0.0)": (squared_hinge, {"l2": 0.0}),
    "squared_hinge(data=gaussian(examples=150, features=4, classes=2), l2=0.5)": (squared_hinge, {"l2": 0.5}),
}
