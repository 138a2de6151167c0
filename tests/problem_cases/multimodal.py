"""Functions with many local minima, as the textbooks write them."""

import numpy as np
from numpy import cos, exp, pi, sin, sqrt

SETTINGS = [
    "styblinski_tang(dim=7)", "rastrigin(dim=5)", "rastrigin(dim=1, radius=1.0)", "ackley(dim=6, radius=32.768)",
    "ackley(dim=1)", "griewank(dim=10)", "griewank(dim=1, radius=600.0)", "levy(dim=1)", "levy(dim=4)",
    "easom(radius=100.0)",
]  # fmt: skip

NOT_ANALYTIC = set()


def himmelblau(w):
    x, y = w
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def six_hump_camel(w):
    x, y = w
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (-4 + 4 * y**2) * y**2


def goldstein_price(w):
    x, y = w
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    return first * (30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2))


def branin(w):
    x, y = w
    a, b, c, r, s, t = 1, 5.1 / (4 * pi**2), 5 / pi, 6, 10, 1 / (8 * pi)
    return a * (y - b * x**2 + c * x - r) ** 2 + s * (1 - t) * cos(x) + s


def easom(w):
    x, y = w
    return -cos(x) * cos(y) * exp(-((x - pi) ** 2) - (y - pi) ** 2)


def styblinski_tang(w):
    return 0.5 * (w**4 - 16 * w**2 + 5 * w).sum()


def rastrigin(w):
    return 10 * len(w) + (w**2 - 10 * cos(2 * pi * w)).sum()


def ackley(w):
    return -20 * exp(-0.2 * sqrt((w**2).mean())) - exp(cos(2 * pi * w).mean()) + 20 + np.e


def griewank(w):
    return 1 + (w**2).sum() / 4000 - np.prod(cos(w / sqrt(np.arange(1, len(w) + 1))))


def levy(w):
    z = 1 + (w - 1) / 4
    middle = ((z - 1) ** 2 * (1 + 10 * sin(pi * z + 1) ** 2))[:-1].sum()
    return sin(pi * z[0]) ** 2 + middle + (z[-1] - 1) ** 2 * (1 + sin(2 * pi * z[-1]) ** 2)


_OF = {each.__name__: each for each in (himmelblau, six_hump_camel, goldstein_price, branin, easom, styblinski_tang,
    rastrigin, ackley, griewank, levy)}  # fmt: skip
FORMULAS = {text: (_OF[text.split("(")[0]], {}) for text in [*_OF, *SETTINGS]}
