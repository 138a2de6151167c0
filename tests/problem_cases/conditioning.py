"""Ill-conditioned problems. (Those of a random rotation or target: test_problem_convex.py.)"""

from scipy.linalg import hilbert as hilbert_matrix

SETTINGS = [
    "ellipsoid(dim=1)", "ellipsoid(dim=2)", "ellipsoid(dim=7, condition=1e8)",
    "ellipsoid(dim=33, condition=1e4, seed=2)", "discus(dim=5, condition=1e8)", "bent_cigar(dim=6, condition=1e8)",
    "quadratic_deep(dim=30, seed=1)", "hilbert(dim=1)", "hilbert(dim=10)", "powell_singular(dim=12)",
    "dixon_price(dim=1)", "dixon_price(dim=2)", "deep_linear(size=4, hidden=())", "deep_linear(size=5, hidden=2)",
    "deep_linear(size=4, hidden=(6, 3, 5))", "deep_linear(size=3, hidden=(3, 3, 3, 3), condition=1.0, gain=0.3)",
]  # fmt: skip
NOT_ANALYTIC = set()


def hilbert(w):
    return (w - 1) @ hilbert_matrix(len(w)) @ (w - 1) / 2


def powell_singular(w):
    a, b, c, d = w.reshape(-1, 4).T
    return ((a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4).sum()


def beale(w):
    return sum((c - w[0] * (1 - w[1] ** k)) ** 2 for k, c in enumerate((1.5, 2.25, 2.625), start=1))


def dixon_price(w):
    return (w[0] - 1) ** 2 + sum((i + 1) * (2 * w[i] ** 2 - w[i - 1]) ** 2 for i in range(1, len(w)))


FORMULAS = {
    "hilbert": (hilbert, {}),
    "hilbert(dim=10)": (hilbert, {}),
    "powell_singular": (powell_singular, {}),
    "powell_singular(dim=12)": (powell_singular, {}),
    "beale": (beale, {}),
    "dixon_price": (dixon_price, {}),
    "dixon_price(dim=1)": (dixon_price, {}),
    "dixon_price(dim=2)": (dixon_price, {}),
}
