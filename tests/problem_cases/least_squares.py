"""The functions of Moré, Garbow and Hillstrom by their residuals, as the paper states them."""

import numpy as np

SETTINGS = ["mgh(function=box_3d)", "mgh(function=broyden_banded, size=7)"]
NOT_ANALYTIC = set()
MEASURED = {
    "bard": "14 18 22 25 29 32 35 39 37 58 73 96 134 210 439",
    "gaussian": "9 44 175 540 1295 2420 3521 3989 3521 2420 1295 540 175 44 9",
    "meyer": "34780 28610 23650 19630 16370 13720 11540 9744 8261 7030 6005 5147 4427 3820 3307 2872",
    "kowalik_osborne": "1957 1947 1735 1600 844 627 456 342 323 235 246",
    "osborne_1": "844 908 932 936 925 908 881 850 818 784 751 718 685 658 628 603 580 558 538 522 506 490 478 467 457 "
    "448 438 431 424 420 414 411 406",
    "osborne_2": "1366 1191 1112 1013 991 885 831 847 786 725 746 679 608 655 616 606 602 626 651 724 649 649 694 644 "
    "624 661 612 558 533 495 500 423 395 375 372 391 396 405 428 429 523 562 607 653 672 708 633 668 645 632 591 559 "
    "597 625 739 710 729 720 636 581 428 292 162 98 54",
}
UNIT = {"bard": 100, "gaussian": 1e4, "meyer": 1, "kowalik_osborne": 1e4, "osborne_1": 1000, "osborne_2": 1000}
Y = {name: np.array(text.split(), dtype=float) / UNIT[name] for name, text in MEASURED.items()}
U = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])


def numbers(first, last):
    """first, first + 1, ..., last, as real numbers."""
    return np.arange(first, last + 1.0)


def helical_valley(w):
    x, y, z = w
    turn = np.arctan(y / x) / (2 * np.pi) + (0.5 if np.real(x) < 0 else 0)
    return np.array([10 * (z - 10 * turn), 10 * (np.sqrt(x * x + y * y) - 1), z])


def bard(w):
    u = numbers(1, 15)
    v = 16 - u
    return Y["bard"] - (w[0] + u / (v * w[1] + np.minimum(u, v) * w[2]))


def gulf(w):
    t = numbers(1, 99) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return np.exp(-(((y - w[1]) ** 2) ** (w[2] / 2)) / w[0]) - t


def box_3d(w):
    t = numbers(1, 10) / 10
    return np.exp(-t * w[0]) - np.exp(-t * w[1]) - w[2] * (np.exp(-t) - np.exp(-10 * t))


def wood(w):
    a, b, c, d = w
    roots = np.sqrt([100, 1, 90, 1, 10, 0.1])
    return roots * np.array([b - a * a, 1 - a, d - c * c, 1 - c, b + d - 2, b - d])


def kowalik_osborne(w):
    return Y["kowalik_osborne"] - w[0] * (U**2 + U * w[1]) / (U**2 + U * w[2] + w[3])


def brown_dennis(w):
    t = numbers(1, 20) / 5
    return (w[0] + t * w[1] - np.exp(t)) ** 2 + (w[2] + w[3] * np.sin(t) - np.cos(t)) ** 2


def osborne_1(w):
    t = 10 * numbers(0, 32)
    return Y["osborne_1"] - (w[0] + w[1] * np.exp(-t * w[3]) + w[2] * np.exp(-t * w[4]))


def biggs_exp6(w):
    t = numbers(1, 13) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return w[2] * np.exp(-t * w[0]) - w[3] * np.exp(-t * w[1]) + w[5] * np.exp(-t * w[4]) - y


def osborne_2(w):
    t = numbers(0, 64) / 10
    bells = w[1:4, None] * np.exp(-((t - w[8:11, None]) ** 2) * w[5:8, None])
    return Y["osborne_2"] - (w[0] * np.exp(-t * w[4]) + bells.sum(axis=0))


def watson(w):
    t, j = numbers(1, 29)[:, None] / 29, numbers(0, len(w) - 1)
    slope = (t ** np.maximum(j - 1, 0) * j) @ w
    return np.concatenate([slope - (t**j @ w) ** 2 - 1, [w[0], w[1] - w[0] ** 2 - 1]])


def penalty_2(w):
    i, n = numbers(2, len(w)), len(w)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    first = np.exp(w[1:] / 10) + np.exp(w[:-1] / 10) - y
    second = np.exp(w[1:] / 10) - np.exp(-0.1)
    last = (n - numbers(1, n) + 1) @ w**2 - 1
    return np.concatenate([[w[0] - 0.2], np.sqrt(1e-5) * first, np.sqrt(1e-5) * second, [last]])


def variably_dimensioned(w):
    total = numbers(1, len(w)) @ (w - 1)
    return np.concatenate([w - 1, [total, total**2]])


def trigonometric(w):
    n = len(w)
    return n - np.cos(w).sum() + numbers(1, n) * (1 - np.cos(w)) - np.sin(w)


def discrete_boundary(w):
    h = 1 / (len(w) + 1)
    padded = np.concatenate([[0], w, [0]])
    return 2 * w - padded[:-2] - padded[2:] + h**2 * (w + h * numbers(1, len(w)) + 1) ** 3 / 2


def discrete_integral(w):
    h = 1 / (len(w) + 1)
    t = h * numbers(1, len(w))
    kernel = np.where(t <= t[:, None], (1 - t[:, None]) * t, t[:, None] * (1 - t))
    return w + h / 2 * kernel @ (w + t + 1) ** 3


def broyden_tridiagonal(w):
    padded = np.concatenate([[0], w, [0]])
    return (3 - 2 * w) * w - padded[:-2] - 2 * padded[2:] + 1


def broyden_banded(w):
    i, j = np.indices((len(w), len(w)))
    near = (j != i) & (j >= i - 5) & (j <= i + 1)
    return w * (2 + 5 * w**2) + 1 - near @ (w * (1 + w))


def linear_full_rank(w):
    n = len(w)
    return np.concatenate([w, np.zeros(n)]) - 2 / (2 * n) * w.sum() - 1


def linear_rank_1(w):
    n = len(w)
    return numbers(1, 2 * n) * (numbers(1, n) @ w) - 1


def linear_rank_1_zero(w):
    n = len(w)
    factors = np.concatenate([[0], numbers(1, 2 * n - 2), [0]])
    return factors * (numbers(2, n - 1) @ w[1:-1]) - 1


def chebyquad(w):
    i = np.arange(1, len(w) + 1)
    means = np.array([np.polynomial.chebyshev.Chebyshev.basis(k)(2 * w - 1).mean() for k in i])
    return means + np.where(i % 2 == 0, 1 / np.maximum(i**2 - 1.0, 1), 0)


RESIDUALS = {
    "freudenstein_roth": lambda w: np.array(
        [w[0] - 13 + ((5 - w[1]) * w[1] - 2) * w[1], w[0] - 29 + ((w[1] + 1) * w[1] - 14) * w[1]]
    ),
    "powell_badly_scaled": lambda w: np.array([1e4 * w[0] * w[1] - 1, np.exp(-w).sum() - 1.0001]),
    "brown_badly_scaled": lambda w: np.array([w[0] - 1e6, w[1] - 2e-6, w[0] * w[1] - 2]),
    "jennrich_sampson": lambda w: 2 + 2 * numbers(1, 10) - np.exp(np.outer(numbers(1, 10), w)).sum(axis=1),
    "helical_valley": helical_valley,
    "bard": bard,
    "gaussian": lambda w: w[0] * np.exp(-w[1] * ((8 - numbers(1, 15)) / 2 - w[2]) ** 2 / 2) - Y["gaussian"],
    "meyer": lambda w: w[0] * np.exp(w[1] / (45 + 5 * numbers(1, 16) + w[2])) - Y["meyer"],
    "gulf": gulf,
    "box_3d": box_3d,
    "wood": wood,
    "kowalik_osborne": kowalik_osborne,
    "brown_dennis": brown_dennis,
    "osborne_1": osborne_1,
    "biggs_exp6": biggs_exp6,
    "osborne_2": osborne_2,
    "watson": watson,
    "extended_rosenbrock": lambda w: np.concatenate([10 * (w[1::2] - w[::2] ** 2), 1 - w[::2]]),
    "penalty_1": lambda w: np.concatenate([np.sqrt(1e-5) * (w - 1), [w @ w - 0.25]]),
    "penalty_2": penalty_2,
    "variably_dimensioned": variably_dimensioned,
    "trigonometric": trigonometric,
    "brown_almost_linear": lambda w: np.concatenate([w[:-1] + w.sum() - (len(w) + 1), [w.prod() - 1]]),
    "discrete_boundary": discrete_boundary,
    "discrete_integral": discrete_integral,
    "broyden_tridiagonal": broyden_tridiagonal,
    "broyden_banded": broyden_banded,
    "linear_full_rank": linear_full_rank,
    "linear_rank_1": linear_rank_1,
    "linear_rank_1_zero": linear_rank_1_zero,
    "chebyquad": chebyquad,
}


def value(w, name):
    """The sum of the squared residuals."""
    return (RESIDUALS[name](w) ** 2).sum()


FORMULAS = {"mgh": (value, {"name": "wood"}), SETTINGS[1]: (value, {"name": "broyden_banded"})}
