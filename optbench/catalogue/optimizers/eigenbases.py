"""Rules that step in the eigenbases of Shampoo's matrices, which they renew every few steps.

SOAP: Adam in these bases. SPlus: the sign of the momentum there. SOAP-Muon: the momentum over its root mean square
there, made orthogonal.
"""

from math import sqrt

import numpy as np

from optbench import Matrix, log_uniform, one_minus_log_uniform, optimizer
from optbench.contract.roles import EMBEDDING
from optbench.kit.decompositions import (
    average_products,
    eigenvectors,
    from_basis,
    is_due,
    renew_eigenvectors,
    reorder,
    side,
    split_sides,
    to_basis,
    write,
)
from optbench.kit.orthogonal import orthogonalize
from optbench.kit.scalars import average, larger, sign

# Added to the norm of a matrix that is made orthogonal, so that no gradient stays none.
TINY = 1e-16


def _gradient(g):
    return g


def _before(beta, beta_t):
    """Return beta^(t - 1) from the power t."""
    return beta_t / beta if beta > 0 else 0.0


def _soap_memory(rows, columns, max_dim):
    """Return how many numbers hold m, v, and each side's matrix and basis, of a block of that shape."""
    n, k = (side(rows, max_dim), side(columns, max_dim)) if columns > 1 else (0, 0)
    return 2 * (rows * columns + n * n + k * k)


def _adam_in_basis(block, memory, beta1, beta2, eps, every, max_dim, t):
    """Replace the gradient of a block by Adam's direction in the bases of the step before, and then renew these.

    The first step's gradient makes the first bases, and the direction is 0. A vector has no bases.
    memory: as many numbers as `_soap_memory` says; the momentum in it stays in the bases, too.
    """
    rows, columns = block.shape
    n, k = side(rows, max_dim if columns > 1 else 0.0), side(columns, max_dim if columns > 1 else 0.0)
    size = rows * columns
    m, v = memory[:size].reshape(rows, columns), memory[size : 2 * size].reshape(rows, columns)
    left, right, left_basis, right_basis = split_sides(memory[2 * size :], n, k)
    average_products(block, left, right, beta2)
    if t == 1.0:
        eigenvectors(left, left_basis)
        eigenvectors(right, right_basis)
        for i in range(rows):
            for j in range(columns):
                block[i, j] = 0.0
        return
    turned = to_basis(block, left_basis, right_basis)
    for i in range(rows):
        for j in range(columns):
            m[i, j] = average(m[i, j], turned[i, j], beta1)
            v[i, j] = average(v[i, j], turned[i, j] * turned[i, j], beta2)
            turned[i, j] = m[i, j] / (sqrt(v[i, j]) + eps)
    write(from_basis(turned, left_basis, right_basis), block)
    if n + k > 0 and is_due(t, every):
        momentum = from_basis(m, left_basis, right_basis)
        reorder(v, renew_eigenvectors(left, left_basis), renew_eigenvectors(right, right_basis))
        write(to_basis(momentum, left_basis, right_basis), m)


@optimizer(
    source="Vyas et al. 2024, Algorithm 3, with the details of the authors' code",
    limits={"every": "[1, inf)", "max_dim": "[1, inf)"},
    matrix={"along": Matrix(_gradient, _adam_in_basis, _soap_memory)},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.01, 0.3),
        "beta2": one_minus_log_uniform(0.001, 0.3),
    },
    search_source="our choice, about the authors' lr of 0.003 and betas of 0.95",
    equals={
        "torch": "# PyTorch has no SOAP",
        "optax": "# optax has no SOAP",
        "keras": "# Keras has no SOAP",
    },
    beta1=0.95,
    beta2=0.95,
    eps=1e-8,
    every=10,
    max_dim=10000,
    weight_decay=0.0,
)
def soap(w, g, lr, along, beta1, beta2, weight_decay, beta1_t, beta2_t, t):
    """L, R average G G', G' G;  w = w - lr QL A QR', where A is Adam's direction for QL' G QR, and QL, QR are bases.

    The bases are the eigenvectors of L and R after the first step, which moves nothing, neither matrices nor vectors;
    then every so many steps a QR decomposition improves them. A side longer than max_dim keeps its own basis, and a
    vector, a matrix of one column as well (a matrix in the authors' code), gets Adam; a block of more than two sides is
    a matrix of its first side. Decay follows the step: w = w - lr weight_decay w. As in the authors' code the momentum
    turns with the bases, v does not but is sorted with them, and eps stands beside the uncorrected root.

    The first gradient of a block that is not square leaves eigenvalues of 0 on its longer side, whose eigenvectors
    rounding alone chooses: another BLAS takes other steps. After 20 steps of a small network, on gradients that
    differed in their last digit, weights differed by 0.15 percent of their way; with max_dim below that side, by none.
    """
    rate = lr * sqrt(1 - _before(beta2, beta2_t)) / (1 - _before(beta1, beta1_t)) if t > 1 else 0
    return (w - rate * along) * (1 - lr * weight_decay) if t > 1 else w


def _splus_memory(rows, columns, max_dim):
    """Return how many numbers hold m, and each side's matrix and basis, of a block of that shape."""
    n, k = (_short(rows, max_dim), _short(columns, max_dim)) if columns > 1 else (0, 0)
    return rows * columns + 2 * (n * n + k * k)


def _short(length, max_dim):
    """Return a side's length, or 0 where it is not shorter than max_dim."""
    return length if length < max_dim else 0


def _signs_in_basis(block, memory, beta1, beta2, eps, every, max_dim, t):
    """Replace the gradient of a block by the signs of its average in the bases of the step before.

    A vector has no bases. memory: as many numbers as `_splus_memory` says; the average in it is that of the gradient.
    """
    rows, columns = block.shape
    n, k = _short(rows, max_dim if columns > 1 else 0.0), _short(columns, max_dim if columns > 1 else 0.0)
    size = rows * columns
    m = memory[:size].reshape(rows, columns)
    left, right, left_basis, right_basis = split_sides(memory[size:], n, k)
    average_products(block, left, right, beta2)
    for i in range(rows):
        for j in range(columns):
            m[i, j] = average(m[i, j], block[i, j], beta1)
    if t == 1.0:
        for i in range(rows):
            for j in range(columns):
                block[i, j] = sign(m[i, j])
    else:
        turned = to_basis(m, left_basis, right_basis)
        for i in range(rows):
            for j in range(columns):
                turned[i, j] = sign(turned[i, j])
        write(from_basis(turned, left_basis, right_basis), block)
    if t == 1.0 or t % every == 0.0:
        _decompose(left, eps, left_basis)
        _decompose(right, eps, right_basis)


def _decompose(matrix, eps, basis):
    """Write the eigenvectors of matrix + eps I to basis."""
    shifted = matrix.copy()
    for i in range(len(matrix)):
        shifted[i, i] += eps
    eigenvectors(shifted, basis)


@optimizer(
    source="Frans, Levine & Abbeel 2025, with the details of the authors' code",
    limits={"every": "[1, inf)", "max_dim": "[1, inf)", "vectors": "(0, inf)"},
    matrix={"along": Matrix(_gradient, _signs_in_basis, _splus_memory)},
    report="seen",
    search={
        "lr": log_uniform(1e-3, 10),
        "beta1": one_minus_log_uniform(0.01, 0.3),
        "beta2": one_minus_log_uniform(1e-4, 0.1),
    },
    search_source="our choice, about the authors' lr of 0.1 and betas of 0.9 and 0.999",
    rate_means="half the sum of a matrix's sides times the length of its steps; for vectors, 1000 times",
    equals={
        "torch": "# PyTorch has no SPlus",
        "optax": "# optax has no SPlus",
        "keras": "# Keras has no SPlus",
    },
    beta1=0.9,
    beta2=0.999,
    beta_average=0.999,
    eps=1e-30,
    every=100,
    max_dim=10000,
    vectors=0.001,
    weight_decay=0.0,
)
def splus(w, g, seen, lr, along, beta_average, max_dim, vectors, weight_decay, beta_average_t, rows, columns):
    """w = w - lr 2 / (rows + columns) QL sign(QL' m QR) QR', m averages G; an average of w is what gets evaluated.

    L and R average G G' and G' G, and QL and QR are the eigenvectors of L + eps I, R + eps I of step 1 and of every
    so many-th step; a step takes those before it, and the first none. A side not shorter than max_dim keeps its basis.
    A vector, a matrix of one column as well (a matrix in the authors' code), moves by lr `vectors` sign(m), as the
    signs of a block with a side over max_dim do. The average, of weight beta_average on the past, is corrected for its
    start. Decay follows it: w = (1 - rate weight_decay) w, with the rate of the step. As with soap, rounding chooses
    directions of a block that is not square: weights differed by 20 percent of their way.
    """
    rate = lr * (vectors if columns == 1 or larger(rows, columns) > max_dim else 2 / (rows + columns))
    w = w - rate * along
    seen = seen + (1 - beta_average) / (1 - beta_average_t) * (w - seen)
    return w - rate * weight_decay * w, seen


def _orthogonal_direction(
    block, memory, beta1, beta2, beta_adam, beta2_adam, eps, every, max_dim, ns_steps, ns_coefficients, beta_adam_t,
    beta2_adam_t, role, t,
):  # fmt: skip
    """Replace the gradient of a matrix by the orthogonal direction in the bases of the step before; renew these.

    Of a vector or an embedding by Adam's direction. memory: as many numbers as `_soap_memory` says.
    """
    rows, columns = block.shape
    size = rows * columns
    m, v = memory[:size].reshape(rows, columns), memory[size : 2 * size].reshape(rows, columns)
    if columns == 1 or role == EMBEDDING:
        for i in range(rows):
            for j in range(columns):
                m[i, j] = average(m[i, j], block[i, j], beta_adam)
                v[i, j] = average(v[i, j], block[i, j] * block[i, j], beta2_adam)
                block[i, j] = m[i, j] / (1.0 - beta_adam_t) / (sqrt(v[i, j] / (1.0 - beta2_adam_t)) + eps)
        return
    left, right, left_basis, right_basis = split_sides(memory[2 * size :], side(rows, max_dim), side(columns, max_dim))
    average_products(block, left, right, beta2)
    ahead = np.empty_like(block)
    for i in range(rows):
        for j in range(columns):
            m[i, j] = average(m[i, j], block[i, j], beta1)
            ahead[i, j] = beta1 * m[i, j] + (1.0 - beta1) * block[i, j]
    write(ahead, block)
    if t == 1.0:
        eigenvectors(left, left_basis)
        eigenvectors(right, right_basis)
    else:
        turned = to_basis(ahead, left_basis, right_basis)
        for i in range(rows):
            for j in range(columns):
                v[i, j] = average(v[i, j], turned[i, j] * turned[i, j], beta2)
                turned[i, j] /= larger(eps, sqrt(v[i, j]))
        write(from_basis(turned, left_basis, right_basis), block)
        if is_due(t, every):
            reorder(v, renew_eigenvectors(left, left_basis), renew_eigenvectors(right, right_basis))
    orthogonalize(block, TINY, ns_steps, ns_coefficients)


@optimizer(
    source="SOAP-Muon (Vyas), as in modded-nanogpt's train_gpt_clean_SOTA.py of June 2026; Adam for vectors",
    limits={
        "every": "[1, inf)", "max_dim": "[1, inf)", "ns_steps": "[0, inf)", "ns_coefficients": "[0, 2]",
        "vector_rate": "(0, inf)",
    },
    matrix={"along": Matrix(_gradient, _orthogonal_direction, _soap_memory)},
    search={
        "lr": log_uniform(1e-4, 1), "beta1": one_minus_log_uniform(0.01, 0.3),
        "beta2": one_minus_log_uniform(0.01, 0.3), "vector_rate": log_uniform(0.01, 10),
    },
    search_source="our choice, about that script's lr of 0.0375, betas of 0.95 and 0.9, and 0.01 for vectors",
    equals={
        "torch": "# PyTorch has no such rule", "optax": "# optax has no such rule", "keras": "# Keras has no such rule",
    },
    beta1=0.95,
    beta2=0.9,
    beta_adam=0.8,
    beta2_adam=0.99,
    eps=1e-8,
    every=1,
    max_dim=10000,
    ns_steps=12,
    ns_coefficients=2,
    vector_rate=0.3,
    weight_decay=0.0,
)  # fmt: skip
def soap_muon(w, g, lr, along, vector_rate, weight_decay, rows, columns, role):
    """w = w - lr (sqrt(max(1, columns / rows)) O + weight_decay w), O orthogonal to QL (QL' M QR / sqrt(v)) QR'.

    M is Nesterov's momentum, beta1 m + (1 - beta1) g. v averages the squares of QL' M QR with beta2, where SOAP's
    averages those of QL' G QR; sqrt(v) is at least eps. The bases QL and QR are SOAP's: the first step, whose O is that
    of M, makes them from G G' and G' G, and every so many-th step improves them by a QR decomposition and sorts v with
    them. A side longer than max_dim keeps its own basis. ns_steps of the Newton-Schulz polynomial (2, -1.5, 0.5) make
    O. The script scales what they get to the norm of M, which does not change O; it also keeps the norm of w and bounds
    the step from below, which is left out here.

    Vectors, matrices of one column (matrices in the script) and embeddings get Adam, corrected and without decay, at
    the rate vector_rate lr. As with soap, rounding chooses directions of a block that is not square: weights differed
    by 10 percent of their way.
    """
    vector = columns == 1 or role == EMBEDDING
    step = vector_rate * along if vector else sqrt(larger(1, columns / rows)) * along + weight_decay * w
    return w - lr * step
