"""Exponentially weighted averages in the simulator."""

from itertools import product

import numpy as np

TYPES, BETAS = ["float32", "float64"], [0.0, 0.5, 0.9, 0.999]
# Rows and columns that fill no square; spans of several squares, and a last one that is not full.
MANY = [((3, 70) if correct == (dtype == "float32") else (33, 5), dtype, beta, correct)
        for dtype, beta, correct in product(TYPES, BETAS, [False, True])]  # fmt: skip
LONG = {0.0: (1, 1030), 0.5: (3, 70), 0.9: (2, 1030), 0.999: (1, 5200)}
FEW = [(LONG[beta], dtype, beta, (dtype == "float32") == (beta > 0.8)) for dtype, beta in product(TYPES, BETAS)]
CASES = [("many", *case) for case in MANY] + [("few", *case) for case in FEW]
PUBLIC = [(7,), (2, 3, 5), (0,), (3, 0), (0, 4)]


def series(shape, dtype="float64") -> np.ndarray:
    """Values about 3, so that no average comes near 0."""
    return (3 + np.random.default_rng(0).standard_normal(shape)).astype(dtype)


def spoiled(kernels) -> np.ndarray:
    """What is not finite: in the first place, in the midst, at the end of a square, and both infinities."""
    x = series((4, 70 if kernels == "many" else 1100))
    middle = x.shape[1] // 2 - 1
    x[0, 0], x[1, middle], x[2, -2], x[3, [31, middle]] = np.nan, np.inf, -np.inf, [np.inf, -np.inf]
    return x


def launch(kernels, x, beta, correct) -> np.ndarray:
    from optbench.averages import cuda as averages

    out = np.full(x.size, 7.0, x.dtype)
    rate = np.log(beta) if correct and beta else -np.inf
    # At most three spans, scanned by two threads: several squares a span, and several spans a thread.
    options = {"spans": 3, "scanners": 2} if kernels == "few" else {}
    getattr(averages, kernels)(x.reshape(-1), x.shape[1], np.float64(beta), rate, out, **options)
    return out.reshape(x.shape)


def run() -> dict[str, np.ndarray]:
    from optbench.averages.cuda import averages

    made = {str(case): launch(case[0], series(*case[1:3]), *case[3:]) for case in CASES}
    made |= {kernels: launch(kernels, spoiled(kernels), 0.1, True) for kernels in ("many", "few")}
    return made | {str(shape): averages(series(shape), 0.9, True) for shape in PUBLIC}
