"""PSGD's Kron: a preconditioner of two triangular matrices for each block, fitted by steps of its own."""

from math import exp, sqrt

import numpy as np

from optbench import Matrix, log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.decompositions import write
from optbench.kit.random import normal
from optbench.kit.scalars import larger

TINY = 2.0**-126  # the least normal number of float32
NOISE = 2.0**-11.5  # the root of float32's eps, in float64 as well
BALANCE = 100.0  # steps after which both factors get one norm, as often as in the authors' code, which draws when


def _momentum(g, m, beta1, beta1_t):
    """Return the new average of the gradients, corrected for its start."""
    return (beta1 * m + (1 - beta1) * g) / (1 - beta1_t)


def _width(length, columns, max_dim):
    """Return how many numbers a row of a side's factor has: 1 of a diagonal, which vectors and long sides have."""
    return length if columns > 1 and length <= max_dim else 1


def _memory(rows, columns, max_dim):
    """Return how many numbers hold the count of steps and both factors; a vector has one."""
    right = columns * _width(columns, columns, max_dim) if columns > 1 else 0
    return 1 + rows * _width(rows, columns, max_dim) + right


def _begin(factor, scale):
    """Make a factor, which is 0, scale times the identity."""
    for i in range(len(factor)):
        for j in range(factor.shape[1]):
            if j == i or factor.shape[1] == 1:
                factor[i, j] = scale


def _largest(matrix):
    """Return the largest magnitude."""
    found = abs(matrix[0, 0])
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            found = larger(found, abs(matrix[i, j]))
    return found


def _balance(left, right):
    """Multiply one factor and divide the other, so that their largest magnitudes are equal."""
    factor = sqrt(_largest(right) / _largest(left))
    left *= factor
    right *= 1.0 / factor


def _times(left, block, right, back):
    """Return L X R', or if ``back`` L' X R, of factors that are triangular, diagonal (one column) or absent (none)."""
    out = block.copy()
    if left.shape[1] == 1:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] *= left[i, 0]
    elif back:
        out = np.dot(left.T, out)
    else:
        out = np.dot(left, out)
    if right.shape[1] == 1:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] *= right[j, 0]
    elif right.shape[1] > 1 and back:
        out = np.dot(out, right)
    elif right.shape[1] > 1:
        out = np.dot(out, right.T)
    return out


def _solve(left, block, right):
    """Replace X by the inverse of L', times X, times the inverse of R, both triangular: by substitution."""
    rows, columns = block.shape
    for i in range(rows):
        if left.shape[1] > 1:
            for before in range(i):
                for j in range(columns):
                    block[i, j] -= left[before, i] * block[before, j]
        for j in range(columns):
            block[i, j] /= left[i, i if left.shape[1] > 1 else 0]
    if right.shape[1] == 0:
        return
    for i in range(rows):
        for j in range(columns):
            block[i, j] /= right[j, j if right.shape[1] > 1 else 0]
            if right.shape[1] > 1:
                for after in range(j + 1, columns):
                    block[i, after] -= block[i, j] * right[j, after]


def _products(block, width, transposed):
    """Return X X', or X' X; of a width of 1 its diagonal, as a column."""
    if width > 1 and transposed:
        return np.dot(block.T, block)
    if width > 1:
        return np.dot(block, block.T)
    out = np.zeros((block.shape[1 if transposed else 0], 1), block.dtype)
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            out[j if transposed else i, 0] += block[i, j] * block[i, j]
    return out


def _bound(matrix, largest):
    """Return a lower bound of the spectral norm of a symmetric matrix: two products with its longest row."""
    count, longest, most = len(matrix), 0, largest * 0.0
    for i in range(count):
        length = most * 0.0
        for j in range(count):
            matrix[i, j] /= largest
            length += matrix[i, j] * matrix[i, j]
        if length > most:
            longest, most = i, length
    vector = matrix[longest].copy()
    for _ in range(2):
        length, moved = most * 0.0, np.zeros_like(vector)
        for i in range(count):
            for j in range(count):
                moved[j] += vector[i] * matrix[i, j]
        for i in range(count):
            length += moved[i] * moved[i]
        moved /= sqrt(length)
        vector = moved
    return sqrt(length) * largest


def _fit(factor, a, b, rate, transposed):
    """Make a factor Q of a side Q - rate triu(A A' - B B') Q / |A A' + B B'|."""
    width = factor.shape[1]
    change, total = _products(a, width, transposed), _products(b, width, transposed)
    for i in range(len(change)):
        for j in range(width):
            ours, noises = change[i, j], total[i, j]
            change[i, j], total[i, j] = ours - noises, ours + noises
    largest = larger(TINY, _largest(total))
    if width == 1:
        for i in range(len(factor)):
            factor[i, 0] -= rate * change[i, 0] * (factor[i, 0] / largest)
        return
    norm = larger(TINY, _bound(total, largest))
    for i in range(len(change)):
        for j in range(width):
            change[i, j] = rate * change[i, j] / norm if j >= i else 0.0
    factor -= np.dot(change, factor)


def _preconditioned(block, memory, precond_lr, precond_scale, flat_start, anneal, min_prob, max_dim, t, key):
    """Replace the momentum of a block by Q1' Q1 M Q2' Q2, of rms 1.1 at most, when Q1 and Q2 have been fitted to it.

    memory: as many numbers as `_memory` says: the steps since the last fit, Q1, and, if the block is no vector, Q2.
    """
    rows, columns = block.shape
    size, width = rows * columns, _width(rows, columns, max_dim)
    left = memory[1 : 1 + rows * width].reshape(rows, width)
    right = memory[1 + rows * width :].reshape(columns, _width(columns, columns, max_dim) if columns > 1 else 0)
    if t == 1.0:
        scale = precond_scale if columns == 1 else sqrt(precond_scale)
        _begin(left, scale)
        _begin(right, scale)
    if columns > 1 and t % BALANCE == 0.0:
        _balance(left, right)
    memory[0] += 1.0
    if memory[0] * larger(min_prob, exp(-anneal * larger(0.0, t - 1.0 - flat_start))) >= 1.0:
        memory[0], mean = 0.0, block[0, 0] * 0.0
        for i in range(rows):
            for j in range(columns):
                mean += abs(block[i, j]) / size
        damped, noise = np.empty_like(block), np.empty_like(block)
        for i in range(rows):
            for j in range(columns):
                noise[i, j] = normal(key, i * columns + j)
                damped[i, j] = block[i, j] + NOISE * mean * noise[i, j]
        seen = _times(left, damped, right, False)
        _solve(left, noise, right)
        _fit(left, seen, noise, precond_lr, False)
        if columns > 1:
            _fit(right, seen, noise, precond_lr, True)
    write(_times(left, _times(left, block, right, False), right, True), block)
    square = block[0, 0] * 0.0
    for i in range(rows):
        for j in range(columns):
            square += block[i, j] * block[i, j]
    longest = 1.1 / (sqrt(square / size) + 1e-12)
    if longest < 1.0:
        block *= longest


@optimizer(
    source="PSGD, Li 2015 and 2024 (arXiv:1512.04202 and 2402.04553), with the details of kron_torch by Walters",
    limits={
        "precond_lr": "(0, 1)", "precond_scale": "(0, inf)", "flat_start": "[0, inf)", "anneal": "[0, inf)",
        "min_prob": "(0, 1]", "max_dim": "[1, inf)",
    },
    matrix={"along": Matrix(_momentum, _preconditioned, _memory)},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "precond_lr": log_uniform(0.01, 0.5),
    },
    search_source="our choice: lr as for adam, precond_lr about the authors' 0.1",
    equals={
        "torch": "# kron_torch.Kron takes these steps, with random numbers of its own, and is no part of PyTorch",
        "optax": "# optax has no Kron",
        "keras": "# Keras has no Kron",
    },
    beta1=0.9,
    precond_lr=0.1,
    precond_scale=1.0,
    flat_start=500,
    anneal=0.001,
    min_prob=0.03,
    max_dim=8192,
    weight_decay=0.0,
)  # fmt: skip
def kron(w, g, m, lr, along, beta1, weight_decay, columns):
    """w = w - lr (U min(1, 1.1 / rms(U)) + weight_decay w);  U = Q1' Q1 M Q2' Q2, M the corrected average of G.

    The triangular Qi, at first a root of precond_scale times the identity, whiten M, before U is taken: with noise V,
    B = Q1'^-1 V Q2^-1 and A = Q1 (M + sqrt(eps) mean|M| V) Q2', eps that of float32, Q1 moves by
    -precond_lr triu(A A' - B B') Q1 / |A A' + B B'|, and Q2 alike with A' A and B' B. Fits are at every step, and after
    flat_start steps at fewer: 1 / p steps apart or more, p = max(min_prob, exp(-anneal steps since then)).

    A side longer than max_dim has a diagonal Qi; a vector, a matrix of one column as well, has one diagonal Q, and no
    decay; a block of more than two sides is a matrix of its first side. |.| is a lower bound of the spectral norm; of
    diagonals, the largest number. At every 100th step Q1 and Q2 get equal norms, which changes no step. kron_torch
    adds its noise to the M of U, too, by an assignment in place; the paper and other ports, as here, do not.
    """
    m = beta1 * m + (1 - beta1) * g
    return w - lr * (along + (weight_decay if columns > 1 else 0) * w), m
