"""Eigenvectors and roots of symmetric matrices for the kernels of optimizers, by LAPACK, anew every few steps.

Numba's LAPACK raises an error on NaN and infinity, which would end a sweep. Here the result is NaN then, so that the
run counts as diverged. Matrices are contiguous arrays (n, n), in the kernel's dtype. A basis of no vectors, (0, 0),
stands for a side that is left as it is, because it is too long to decompose.
"""

import numpy as np

from optbench.kit.scalars import average, larger


def is_due(t: int, every: int) -> bool:
    """Return True at step 1 and at every so many-th step after it."""
    return (t - 1.0) % every == 0.0


def is_finite(matrix: np.ndarray) -> bool:
    """Return True if no entry is NaN or infinite, nor so large that the sum of all is."""
    total = abs(matrix[0, 0])
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            total += abs(matrix[i, j])
    return total - total == 0


def write(values: np.ndarray, out: np.ndarray) -> None:
    """Write a matrix into another, which may be a part of the memory."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = values[i, j]


def side(length: int, most: float) -> int:
    """Return how many vectors the basis of a side has: ``length``, or 0 if that is more than ``most``."""
    return length if length <= most else 0


def split_sides(memory: np.ndarray, n: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the parts of a memory as matrices: two for the sides, (n, n) and (k, k), then their bases or roots."""
    at, squares = n * n, n * n + k * k
    left, right = memory[:at].reshape(n, n), memory[at:squares].reshape(k, k)
    return left, right, memory[squares : squares + at].reshape(n, n), memory[squares + at :].reshape(k, k)


def average_products(block: np.ndarray, left: np.ndarray, right: np.ndarray, beta: float) -> None:
    """Make left and right, symmetric matrices, beta times themselves plus 1 - beta times B B' and B' B of a block B."""
    if len(left) > 0:
        _average(left, np.dot(block, block.T), beta)
    if len(right) > 0:
        _average(right, np.dot(block.T, block), beta)


def _average(matrix, product, beta):
    """Move a matrix towards a product."""
    for i in range(len(matrix)):
        for j in range(len(matrix)):
            matrix[i, j] = average(matrix[i, j], product[i, j], beta)


def eigenvectors(matrix: np.ndarray, basis: np.ndarray) -> None:
    """Write the eigenvectors of a symmetric matrix into the columns of ``basis``, that of the largest value first."""
    count = len(matrix)
    if count == 0:
        return
    finite = is_finite(matrix)
    vectors = np.linalg.eigh(matrix)[1] if finite else matrix
    for i in range(count):
        for j in range(count):
            basis[i, j] = vectors[i, count - 1 - j] if finite else np.nan


def renew_eigenvectors(matrix: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Make one step of orthogonal iteration from ``basis``, the eigenvectors of what ``matrix`` was some steps ago.

    The columns are sorted by v' P v of the matrix P, the largest first, and P times them made orthogonal by QR.
    Returns the former number of each column.
    """
    count = len(matrix)
    order, sizes = np.empty(count, np.int64), np.empty(count, matrix.dtype)
    if count == 0:
        return order
    moved, turned = np.dot(matrix, basis), np.empty_like(matrix)
    for j in range(count):
        size = basis[0, j] * moved[0, j]
        for i in range(1, count):
            size += basis[i, j] * moved[i, j]
        place = j
        while place > 0 and sizes[place - 1] < size:
            sizes[place], order[place] = sizes[place - 1], order[place - 1]
            place -= 1
        sizes[place], order[place] = size, j
    for i in range(count):
        for j in range(count):
            turned[i, j] = moved[i, order[j]]
    finite = is_finite(turned)
    vectors = np.linalg.qr(turned)[0] if finite else turned
    for i in range(count):
        for j in range(count):
            basis[i, j] = vectors[i, j] if finite else np.nan
    return order


def reorder(block: np.ndarray, row_order: np.ndarray, column_order: np.ndarray) -> None:
    """Move rows and columns to where the orders of `renew_eigenvectors` say; an empty order changes nothing."""
    before = block.copy()
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            row = row_order[i] if len(row_order) > 0 else i
            block[i, j] = before[row, column_order[j] if len(column_order) > 0 else j]


def to_basis(block: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return L' B R of a block B (rows, columns) and the bases L of its rows and R of its columns."""
    out = np.dot(left.T, block) if len(left) > 0 else block.copy()
    return np.dot(out, right) if len(right) > 0 else out


def from_basis(block: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return L B R', which undoes `to_basis`."""
    out = np.dot(left, block) if len(left) > 0 else block.copy()
    return np.dot(out, right.T) if len(right) > 0 else out


def inverse_root(matrix: np.ndarray, root: float, eps: float, out: np.ndarray) -> None:
    """Write (matrix + eps I)^(-1 / root) of a symmetric matrix to ``out``; eigenvalues below 0 count as 0."""
    count, finite = len(matrix), is_finite(matrix)
    if not finite:
        for i in range(count):
            for j in range(count):
                out[i, j] = np.nan
        return
    values, vectors = np.linalg.eigh(matrix)
    scaled = np.empty_like(matrix)
    for j in range(count):
        factor = (larger(0.0, values[j]) + eps) ** (-0.5 / root)
        for i in range(count):
            scaled[i, j] = vectors[i, j] * factor
    np.dot(scaled, scaled.T, out)
