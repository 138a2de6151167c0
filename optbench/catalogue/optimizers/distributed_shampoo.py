"""Distributed Shampoo, as it won AlgoPerf: Shampoo's direction with the length of Adam's step, in pieces of a block."""

from math import sqrt

import numpy as np

from optbench import Matrix, log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.decompositions import average_products, inverse_root, split_sides, write
from optbench.kit.scalars import average


def _gradient(g):
    return g


def _squares(length, most):
    """Return the sum of the squared lengths of the pieces of a side, each ``most`` long but the last."""
    return length // most * most * most + (length % most) ** 2


def _memory(rows, columns, max_dim):
    """Return how many numbers hold m, v, and the matrices and roots of each piece, of a block of that shape."""
    most = int(max_dim)
    squares = -(-columns // most) * _squares(rows, most)
    squares += -(-rows // most) * _squares(columns, most) if columns > 1 else 0
    return 2 * (rows * columns + squares)


def _set_root(matrix, correction, root, eps, out):
    """Write (matrix / correction + eps I)^(-1 / root) to out, unless there is no such side."""
    if len(matrix) == 0:
        return
    scaled = np.empty_like(matrix)
    for i in range(len(matrix)):
        for j in range(len(matrix)):
            scaled[i, j] = matrix[i, j] / correction
    inverse_root(scaled, root, eps, out)


def _grafted(piece, k, m, v, memory, beta1, beta2, eps, eps_graft, every, t, rest1, rest2):
    """Replace the gradient of a piece (rows, columns) by its direction; before step ``every`` that is Adam's.

    k: its columns, or 0 for a part of a vector; m, v: its averages; memory: its matrices, then their roots; rest1,
    rest2: 1 - beta1^t and 1 - beta2^t.
    """
    rows, columns = piece.shape
    left, right, left_root, right_root = split_sides(memory, rows, k)
    average_products(piece, left, right, beta2)
    ahead, wanted, found = np.empty_like(piece), piece[0, 0] * 0.0, piece[0, 0] * 0.0
    for i in range(rows):
        for j in range(columns):
            m[i, j] = average(m[i, j], piece[i, j], beta1)
            v[i, j] = average(v[i, j], piece[i, j] * piece[i, j], beta2)
            ahead[i, j] = m[i, j] / rest1
            piece[i, j] = ahead[i, j] / (sqrt(v[i, j] / rest2) + eps_graft)
            wanted += piece[i, j] * piece[i, j]
    if t % every == 0.0:
        _set_root(left, rest2, 4.0 if k > 0 else 2.0, eps, left_root)
        _set_root(right, rest2, 4.0, eps, right_root)
    if t >= every:
        turned = np.dot(left_root, ahead)
        write(np.dot(turned, right_root) if k > 0 else turned, piece)
        for i in range(rows):
            for j in range(columns):
                found += piece[i, j] * piece[i, j]
        for i in range(rows):
            for j in range(columns):
                piece[i, j] *= sqrt(wanted) / (sqrt(found) + 1e-16)


def _directions(block, memory, beta1, beta2, eps, eps_graft, every, max_dim, t, beta1_t, beta2_t):
    """Replace the gradient of a block by the direction of each of its pieces. memory: as in `_memory`."""
    rows, columns = block.shape
    size, most = rows * columns, int(max_dim)
    m, v, at = memory[:size].reshape(rows, columns), memory[size : 2 * size].reshape(rows, columns), 2 * size
    for top in range(0, rows, most):
        for first in range(0, columns, most):
            bottom, last = min(top + most, rows), min(first + most, columns)
            piece = block[top:bottom, first:last].copy()
            k = last - first if columns > 1 else 0
            squares = (bottom - top) ** 2 + k * k
            part_m, part_v = m[top:bottom, first:last], v[top:bottom, first:last]
            _grafted(
                piece, k, part_m, part_v, memory[at : at + 2 * squares], beta1, beta2, eps, eps_graft, every, t,
                1.0 - beta1_t, 1.0 - beta2_t,
            )  # fmt: skip
            write(piece, block[top:bottom, first:last])
            at += 2 * squares


@optimizer(
    source="Shi et al. 2023 with Adam grafting, which won AlgoPerf; the authors' code",
    limits={"every": "[1, inf)", "max_dim": "[1, inf)"},
    matrix={"along": Matrix(_gradient, _directions, _memory)},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="as for adam, whose steps it takes in length",
    equals={
        "torch": "# the authors' distributed_shampoo.DistributedShampoo takes these steps and is no part of PyTorch",
        "optax": "# optax has no Distributed Shampoo",
        "keras": "# Keras has no Distributed Shampoo",
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-12,
    eps_graft=1e-8,
    every=10,
    max_dim=1024,
    weight_decay=0.0,
)
def distributed_shampoo(w, g, lr, along, weight_decay):
    """L, R average G G', G' G, m averages G;  w = w - lr (|A| / |U| U + weight_decay w), U = L^(-1/4) m R^(-1/4).

    A is Adam's direction, with its second moment of beta2 and eps_graft; all averages are bias-corrected, and eps I is
    added to L and R. The roots are renewed at every so many-th step, and until the first of these w - lr A is taken. A
    vector, a matrix of one column as well, has L^(-1/2) m. A block with a side longer than max_dim is cut to pieces,
    each with its own L, R and lengths; one of more than two sides is a matrix of its first side.

    As in the authors' README, but with roots at every 10th step and not every 100th, as runs here are shorter, and
    without their merging of small matrices to vectors. Google's, which others have ported, has momentum behind the
    preconditioner, grafts from AdaGrad, RMSProp or SGD, and corrects no bias: those are other steps.
    """
    return w - lr * (along + weight_decay * w)
