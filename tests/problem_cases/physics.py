"""A physics-informed network: u'' of each layer in plain NumPy, by the derivatives of tanh."""

import itertools

import numpy as np

SETTINGS = ["pinn(frequency=1, hidden=(5,), points=48, border=1.0)", "pinn(hidden=(4, 6, 3), points=60, seed=1)"]
NOT_ANALYTIC = set()


def network(w, x, sizes):
    """u and u'' at the points x."""
    u, first, second, at = x[:, None], np.ones((len(x), 1)), np.zeros((len(x), 1)), 0
    for k, (wide, tall) in enumerate(itertools.pairwise(sizes)):
        weights, bias = w[at : at + wide * tall].reshape(wide, tall), w[at + wide * tall : at + (wide + 1) * tall]
        at += (wide + 1) * tall
        u, first, second = u @ weights + bias, first @ weights, second @ weights
        if k < len(sizes) - 2:
            power = np.exp(-2 * np.where(np.real(u) > 0, u, -u))  # cosh overflows
            tanh = np.where(np.real(u) > 0, 1, -1) * (1 - power) / (1 + power)
            slope = 4 * power / (1 + power) ** 2
            u, first, second = tanh, slope * first, slope * second - 2 * tanh * slope * first**2
    return u[:, 0], second[:, 0]


def pinn(w, x, y, sizes, border):
    _, second = network(w, x[:, 0], sizes)
    ends, _ = network(w, np.array([-1.0, 1.0]), sizes)
    return np.mean((second + y) ** 2) + border * np.mean(ends**2)


FORMULAS = {
    "pinn": (pinn, {"sizes": (1, 20, 20, 1), "border": 100.0}),
    SETTINGS[0]: (pinn, {"sizes": (1, 5, 1), "border": 1.0}),
    SETTINGS[1]: (pinn, {"sizes": (1, 4, 6, 3, 1), "border": 100.0}),
}
