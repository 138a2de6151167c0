"""CAME: Adafactor's second moment, and steps that are shorter where the update differs from its average."""

from math import sqrt

import numpy as np

from optbench import Matrix, log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import average, larger


def _gradient(g):
    return g


def _memory(rows, columns):
    """Return how many numbers hold m, and the means of the squares along the sides, of a block of that shape."""
    return rows * columns + 2 * (rows + columns) if columns > 1 else 2 * rows


def _add_squares(block, other, by_row, by_column, beta, eps):
    """Average (block - other)^2 + eps along the columns into by_row, and along the rows into by_column."""
    rows, columns = block.shape
    for i in range(rows):
        by_row[i] *= beta
    for j in range(columns):
        by_column[j] *= beta
    across, down = (1.0 - beta) / block.dtype.type(columns), (1.0 - beta) / block.dtype.type(rows)
    for i in range(rows):
        for j in range(columns):
            square = (block[i, j] - other[i, j]) * (block[i, j] - other[i, j]) + eps
            by_row[i] += across * square
            by_column[j] += down * square


def _divide(block, by_row, by_column):
    """Divide a block by the root of the product of both averages over the mean of the first."""
    rows, columns = block.shape
    mean = by_row[0] * 0.0
    for i in range(rows):
        mean += by_row[i] / block.dtype.type(rows)
    inverse = np.empty_like(by_column)
    for j in range(columns):
        inverse[j] = 1.0 / sqrt(by_column[j])
    for i in range(rows):
        factor = sqrt(mean / by_row[i])
        for j in range(columns):
            block[i, j] *= factor * inverse[j]


def _guided(block, memory, beta1, beta2, beta3, eps1, eps2, threshold):
    """Replace the gradient of a block by its direction. memory: m, then the means by row and column of both squares.

    For a vector: m and the average of the squares.
    """
    rows, columns = block.shape
    size, factored = rows * columns, columns > 1
    m = memory[:size].reshape(rows, columns)
    squares = memory[size:]
    residues = squares[rows + columns :]
    if factored:
        _add_squares(block, block * 0.0, squares[:rows], squares[rows : rows + columns], beta2, eps1)
        _divide(block, squares[:rows], squares[rows : rows + columns])
    else:
        for i in range(rows):
            squares[i] = average(squares[i], block[i, 0] * block[i, 0] + eps1, beta2)
            block[i, 0] /= sqrt(squares[i])
    total = block[0, 0] * 0.0
    for i in range(rows):
        for j in range(columns):
            total += block[i, j] * block[i, j]
    scale = 1.0 / larger(1.0, sqrt(total / block.dtype.type(size)) / threshold)
    for i in range(rows):
        for j in range(columns):
            block[i, j] *= scale
            m[i, j] = average(m[i, j], block[i, j], beta1)
    if factored:
        _add_squares(block, m, residues[:rows], residues[rows:], beta3, eps2)
    for i in range(rows):
        for j in range(columns):
            block[i, j] = m[i, j]
    if factored:
        _divide(block, residues[:rows], residues[rows:])


@optimizer(
    source="Luo et al. 2023, Algorithm 2; the authors' came_pytorch",
    limits={"threshold": "(0, inf)"},
    matrix={"update": Matrix(_gradient, _guided, _memory)},
    search={
        "lr": log_uniform(1e-5, 0.1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "beta3": one_minus_log_uniform(1e-5, 0.1),
    },
    search_source="our choice, about the authors' lr of 0.0002 and their betas",
    equals={
        "torch": "# PyTorch has no CAME; came_pytorch.CAME is the authors'",
        "optax": "# optax has no CAME",
        "keras": "# Keras has no CAME",
    },
    beta1=0.9,
    beta2=0.999,
    beta3=0.9999,
    eps1=1e-30,
    eps2=1e-16,
    threshold=1.0,
    weight_decay=0.0,
)
def came(w, g, lr, update, weight_decay):
    """w = w - lr m / sqrt(s) - lr weight_decay w, m averages u, g over its root mean square, and s (u - m)^2.

    Both mean squares are r c' / mean(r) of averages r by row and c by column, of g^2 + eps1 with beta2 and of
    (u - m)^2 + eps2 with beta3, and u is clipped to a root mean square of threshold, before m averages it. A vector, a
    matrix of one column as well, has its own average of g^2, and w = w - lr m. No bias is corrected, as in the authors'
    code: s begins at 1 - beta3 of its size, and so the first steps of a matrix are long.
    """
    return w - lr * weight_decay * w - lr * update
