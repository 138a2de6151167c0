"""A matrix from some of its entries."""

import numpy as np

SETTINGS = [
    "matrix_completion(rows=12, columns=20, rank=2, observed=0.6, condition=100.0, seed=1)",
    "matrix_completion(rows=9, columns=9, rank=1, observed=0.6, condition=1.0)",
]  # fmt: skip
NOT_ANALYTIC = set()


def matrix_completion(w, x, y, rows, columns):
    """Through the whole matrix."""
    u, v = np.split(w, [rows * (len(w) // (rows + columns))])
    whole = u.reshape(rows, -1) @ v.reshape(columns, -1).T
    return ((whole[x[:, 0].astype(int), x[:, 1].astype(int)] - y) ** 2).mean() / 2


FORMULAS = {
    "matrix_completion": (matrix_completion, {"rows": 100, "columns": 80}),
    SETTINGS[0]: (matrix_completion, {"rows": 12, "columns": 20}),
    SETTINGS[1]: (matrix_completion, {"rows": 9, "columns": 9}),
}
