"""Shampoo: AdaGrad with a full matrix for the rows and one for the columns of every block."""

from math import sqrt

import numpy as np

from optbench import Matrix, log_uniform, optimizer
from optbench.kit.scalars import larger


def _gradient(g):
    return g


def _memory(rows, columns):
    """L and R, and their inverse fourth roots."""
    return 2 * (rows * rows + columns * columns) if columns > 1 else rows


def _fourth_root(matrix, eps, out):
    """out = matrix^(-1/4) of a symmetric matrix whose eigenvalues are at least eps."""
    values, vectors = np.linalg.eigh(matrix)
    scaled = np.empty_like(matrix)
    for j in range(len(matrix)):
        root = sqrt(sqrt(sqrt(larger(values[j], eps))))
        for i in range(len(matrix)):
            scaled[i, j] = vectors[i, j] / root
    np.dot(scaled, scaled.T, out)


def _add(product, total, first, eps):
    """total += product, from eps I at the first step; returns whether it is finite."""
    trace = product[0, 0]
    for i in range(len(total)):
        for j in range(len(total)):
            total[i, j] += product[i, j] + (eps if first and i == j else 0.0)
            trace += abs(total[i, j])
    return trace - trace == 0


def _preconditioned(block, memory, eps, every, t):
    """G -> L^(-1/4) G R^(-1/4); a vector by its own sum of squares."""
    rows, columns = block.shape
    if columns == 1:
        for i in range(rows):
            memory[i] += block[i, 0] * block[i, 0]
            block[i, 0] /= sqrt(memory[i] + eps)
        return
    n, m = rows * rows, columns * columns
    left, right = memory[:n].reshape(rows, rows), memory[n : n + m].reshape(columns, columns)
    left_root = memory[n + m : 2 * n + m].reshape(rows, rows)
    right_root = memory[2 * n + m :].reshape(columns, columns)
    first = t == 1.0
    finite = _add(np.dot(block, block.T), left, first, eps)
    if not (_add(np.dot(block.T, block), right, first, eps) and finite):
        for i in range(rows):
            for j in range(columns):
                block[i, j] = np.nan
        return
    if (t - 1.0) % every == 0.0:
        _fourth_root(left, eps, left_root)
        _fourth_root(right, eps, right_root)
    np.dot(np.dot(left_root, block), right_root, block)


@optimizer(
    source="Gupta, Koren & Singer 2018, Algorithm 1; vectors by the diagonal form (AdaGrad)",
    limits={"every": "[1, inf)"},
    matrix={"along": Matrix(_gradient, _preconditioned, _memory)},
    search={"lr": log_uniform(1e-3, 10)},
    search_source="as for adagrad, which it is for vectors",
    eps=1e-6,
    every=1,
)
def shampoo(w, g, lr, along):
    """L = L + G G', R = R + G' G, from eps I;  w = w - lr L^(-1/4) G R^(-1/4).

    The roots are renewed `every` so many steps; a root costs an eigenvalue decomposition, about 20 n^3 operations for
    n rows. For vectors and matrices of one column, s = s + g^2, w = w - lr g / sqrt(s + eps).

    Of a 10 x 10 block a step takes 12 us where its operations at BLAS's rate would take 0.8 (benchmarks/floors.py): two
    decompositions by LAPACK, whose matrices are too small for the vectors. On an AMD Zen 4 they are 14 of 17 us: 7 us
    each, 2 of them to make a matrix tridiagonal, 5 for its eigenvalues and vectors, by numba as by SciPy.
    """
    return w - lr * along
