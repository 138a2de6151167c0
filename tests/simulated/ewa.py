"""Exponentially weighted averages in the simulator."""

from itertools import product

import numpy as np

TYPES, BETAS = ["float32", "float64"], [0.0, 0.5, 0.9, 0.999]
# Series and lengths that fill no block of threads, in one chunk each
WHOLE = [((3, 70) if correct == (dtype == "float32") else (33, 5), None, dtype, beta, correct)
         for dtype, beta, correct in product(TYPES, BETAS, [False, True])]  # fmt: skip
# Chunks of one value, of all, and of some, with a last one that is not full
LONG = {0.0: ((1, 130), 40), 0.5: ((3, 70), 1), 0.9: ((2, 1030), 128), 0.999: ((1, 2200), 600)}
CHUNKS = [(*LONG[beta], dtype, beta, (dtype == "float32") == (beta > 0.8)) for dtype, beta in product(TYPES, BETAS)]
CASES = WHOLE + CHUNKS
PUBLIC = [(7,), (2, 3, 5), (0,), (3, 0), (0, 4), (1, 300)]


def series(shape, dtype="float64") -> np.ndarray:
    """Return values about 3, so that no average comes near 0."""
    return (3 + np.random.default_rng(0).standard_normal(shape)).astype(dtype)


def spoiled() -> np.ndarray:
    """Return series that are not finite: in the first place, in the midst, at the end, and with both infinities."""
    x = series((4, 1100))
    x[0, 0], x[1, 549], x[2, -2], x[3, [31, 549]] = np.nan, np.inf, -np.inf, [np.inf, -np.inf]
    return x


def launch(x, chunk, beta, correct) -> np.ndarray:
    from optbench.averages.cuda_averages import average_flat

    out = np.full(x.size, 7.0, x.dtype)
    average_flat(x.reshape(-1), x.shape[1], beta, correct, out, chunk)
    return out.reshape(x.shape)


def run() -> dict[str, np.ndarray]:
    from optbench.averages.cuda_averages import averages

    made = {str(case): launch(series(case[0], case[2]), case[1], *case[3:]) for case in CASES}
    made |= {f"chunk {chunk}": launch(spoiled(), chunk, 0.1, True) for chunk in (1100, 350)}
    return made | {str(shape): averages(series(shape), 0.9, True) for shape in PUBLIC}
