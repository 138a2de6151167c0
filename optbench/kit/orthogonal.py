"""The nearest orthogonal matrix by Newton-Schulz steps, for update rules like Muon's."""

from math import sqrt

import numpy as np

from optbench.kit.products import transpose

JORDAN, POLAR_EXPRESS, NEWTON_SCHULZ = range(3)
# p(x) = a x + b x^3 + c x^5, applied to all singular values at once: a row (a, b, c) for each step.
COEFFICIENTS = np.empty((3, 8, 3))
# Jordan et al. 2024: the slope at 0 is as large as it can be while five times p takes (0, 1] to about 0.7 .. 1.2.
COEFFICIENTS[JORDAN] = 3.4445, -4.7750, 2.0315
# Amsel et al. 2025 (arXiv:2505.16932): of each step the best for what those before it leave of [0.001, 1].
COEFFICIENTS[POLAR_EXPRESS] = [
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
    (1.875, -1.25, 0.375),
]
# Their margin for roundings, in all steps but the last: p(x / 1.01).
COEFFICIENTS[POLAR_EXPRESS, :-1] /= 1.01, 1.01**3, 1.01**5
# It converges: p(1) = 1, p'(1) = 0.
COEFFICIENTS[NEWTON_SCHULZ] = 2.0, -1.5, 0.5


def orthogonalize(block: np.ndarray, eps: float, steps: int, coefficients: int) -> None:
    """Replace a matrix (rows, columns) by a nearly orthogonal one.

    The block over its Frobenius norm + eps goes through the steps, on its wide side, which move the singular values to
    about 1. coefficients: JORDAN, POLAR_EXPRESS or NEWTON_SCHULZ; steps behind the eighth are like that.
    """
    rows, columns = block.shape
    tall, length = rows > columns, block.dtype.type(0)
    for i in range(rows):
        for j in range(columns):
            length += block[i, j] * block[i, j]
    wide = np.empty((min(rows, columns), max(rows, columns)), block.dtype)
    for i in range(rows):
        for j in range(columns):
            wide[j if tall else i, i if tall else j] = block[i, j] / (sqrt(length) + eps)
    gram, moved = np.empty((len(wide), len(wide)), block.dtype), np.empty_like(wide)
    square, turned = np.empty_like(gram), moved.reshape(wide.shape[1], wide.shape[0])
    flat_wide, flat_moved = wide.reshape(rows * columns), moved.reshape(rows * columns)
    flat_gram, flat_square = gram.reshape(gram.size), square.reshape(gram.size)
    kind = int(coefficients)
    for step in range(int(steps)):
        at = min(step, 7)
        a, b, c = COEFFICIENTS[kind, at, 0], COEFFICIENTS[kind, at, 1], COEFFICIENTS[kind, at, 2]
        transpose(wide, turned)  # small matrices times a transposed one take BLAS twice as long
        np.matmul(wide, turned, gram)
        np.matmul(gram, gram, square)
        for k in range(flat_gram.shape[0]):
            flat_square[k] = b * flat_gram[k] + c * flat_square[k]
        np.matmul(square, wide, moved)
        for k in range(flat_wide.shape[0]):
            flat_wide[k] = a * flat_wide[k] + flat_moved[k]
    for i in range(rows):
        for j in range(columns):
            block[i, j] = wide[j, i] if tall else wide[i, j]
