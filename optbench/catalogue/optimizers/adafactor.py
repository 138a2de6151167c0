"""Adafactor: a second moment of rank one, one number per row and one per column."""

from math import sqrt

import numpy as np

from optbench import Matrix, log_uniform, optimizer
from optbench.kit.scalars import larger


def _gradient(g):
    return g


def _w_square(w):
    return w * w


def _memory(rows, columns):
    """The averages of g^2 along the rows and along the columns."""
    return rows + columns


def _scaled(block, memory, beta2_decay, eps1, threshold, t):
    """Gradient -> update: over the root of its second moment, then its root mean square clipped."""
    rows, columns = block.shape
    by_row, by_column = memory[:rows], memory[rows:]
    fresh = t**-beta2_decay
    by_row *= 1.0 - fresh
    by_column *= 1.0 - fresh
    for i in range(rows):
        for j in range(columns):
            share = fresh * block[i, j] * block[i, j]
            by_row[i] += share / block.dtype.type(columns)
            by_column[j] += share / block.dtype.type(rows)
    # The root of a product is that of its factors: one a row and one a column, where eps1 does not bound it.
    mean, total = larger(eps1, np.sum(by_row) / block.dtype.type(rows)), block.dtype.type(0)
    inverse = np.empty_like(by_column)
    for j in range(columns):
        inverse[j] = 1.0 / sqrt(by_column[j])
    least, most, share = eps1 * eps1, 1.0 / eps1, 1.0 / mean
    for i in range(rows):
        factor = sqrt(mean / by_row[i])
        for j in range(columns):
            square = by_row[i] * by_column[j] * share
            block[i, j] *= most if square <= least else factor * inverse[j]
            total += block[i, j] * block[i, j]
    block /= larger(1.0, sqrt(total / block.dtype.type(block.size)) / threshold)


@optimizer(
    source="Shazeer & Stern 2018, Algorithms 4 and 5, no momentum; torch.optim.Adafactor",
    limits={"threshold": "(0, inf)"},
    matrix={"update": Matrix(_gradient, _scaled, _memory)},
    block={"w_square": _w_square},
    search={"lr": log_uniform(1e-3, 1)},
    search_source="our choice, steps relative to the parameters; best at 1e-3 to 1 on the shipped problems",
    equals={
        "torch": "Adafactor(lr=lr, beta2_decay=-beta2_decay, eps=(eps1, eps2), d=threshold, weight_decay=weight_decay)"
        " if threshold >= 1 # PyTorch refuses d under 1",
        "optax": "# optax adds eps under the average, and does not bound the rate by 1 / sqrt(t)",
        "keras": "# Keras adds epsilon_1 to the square of the gradient, before the average",
    },
    beta2_decay=0.8,
    eps1=1e-15,
    eps2=1e-3,
    threshold=1.0,
    weight_decay=0.0,
)
def adafactor(w, g, lr, update, w_square, eps2, weight_decay, rows, columns, t):
    """w = w - max(eps2, rms(w)) min(lr, 1 / sqrt(t)) u / max(1, rms(u) / threshold) - lr weight_decay w.

    u = g / sqrt(r c' / mean(r)), where r and c average g^2 along the rows and columns of the block, with weight
    1 - t^-beta2_decay on the past. For a vector that is g over the root of its own average. Steps are relative to
    the size of the parameters: lr = 0.01 moves them by about 1%. (PyTorch's beta2_decay has the other sign, its eps1
    is the precision of the dtype.)

    Of a 10 x 10 block a step takes 0.5 us, five times what its operations at full rate would take (benchmarks/floors.py
    on an AMD Zen 4): the block is one run's, and its ten columns are too few for the vectors.
    """
    size = sqrt(w_square / (rows * columns))
    rate = larger(eps2, size) * (lr if lr < 1 / sqrt(t) else 1 / sqrt(t))
    return w - lr * weight_decay * w - rate * update
