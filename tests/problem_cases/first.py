"""The problems of the default sweep and their settings."""

import numpy as np
from scipy.optimize import rosen

SETTINGS = [
    "quadratic(dim=100, condition=1e4)", "quadratic(dim=1, condition=1.0)", "quadratic(dim=2, seed=3)",
    "rosenbrock(dim=5)", "saddle(dim=6, index=2)", "saddle(dim=3, index=3)", "plateau(dim=7, distance=1.0)",
    "least_squares(l2=0.1)", "least_squares(data=gaussian(examples=150, features=4, classes=0))", "logistic(l2=0.0)",
    "logistic(data=gaussian(examples=150, features=4, classes=2))", "softmax(l2=0.0)",
    "softmax(data=gaussian(examples=150, features=4, classes=3), l2=0.5)", "mlp(hidden=())",
    "mlp(hidden=(9, 7), activation=tanh)", "mlp(hidden=(5, 8, 6), activation=sigmoid, initialization=xavier)",
    "mlp(hidden=(8, 9, 7))", "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=6, initialization=large)",
    "mlp(initialization=zero)",
]  # fmt: skip

NOT_ANALYTIC = {"softmax", "logistic"}


def saddle(w, index):
    return (w[:index] ** 4 / 4 - w[:index] ** 2 / 2).sum() + (w[index:] ** 2).sum() / 2


def plateau(w):
    return sum(np.tanh(each - 1) ** 2 for each in w) / 2


def least_squares(w, x, y, l2):
    return 0.5 * np.mean((x @ w - y) ** 2) + 0.5 * l2 * w @ w


def logistic(w, x, y, l2):
    return np.mean(np.logaddexp(0, x @ w) - y * (x @ w)) + 0.5 * l2 * w @ w


def softmax(w, x, y, l2):
    scores = x @ w.reshape(x.shape[1], -1)
    right = scores[np.arange(len(x)), y.astype(int)]
    return np.mean(np.logaddexp.reduce(scores, axis=1) - right) + 0.5 * l2 * w @ w


FORMULAS = {
    "rosenbrock": (rosen, {}),
    "rosenbrock(dim=5)": (rosen, {}),
    "saddle": (saddle, {"index": 1}),
    "saddle(dim=6, index=2)": (saddle, {"index": 2}),
    "plateau": (plateau, {}),
    "plateau(dim=7, distance=1.0)": (plateau, {}),
    "least_squares": (least_squares, {"l2": 0.0}),
    "least_squares(l2=0.1)": (least_squares, {"l2": 0.1}),
    "logistic": (logistic, {"l2": 0.01}),
    "logistic(l2=0.0)": (logistic, {"l2": 0.0}),
    "softmax": (softmax, {"l2": 0.001}),
    "softmax(data=gaussian(examples=150, features=4, classes=3), l2=0.5)": (softmax, {"l2": 0.5}),
}
