"""SOAP-Muon: the momentum over its root mean square in the eigenbases of Shampoo's matrices, made orthogonal."""

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
from optbench.kit.scalars import average, larger

# Added to a matrix's norm, so that no gradient stays none.
TINY = 1e-16


def _gradient(g):
    return g


def _memory(rows, columns, max_dim):
    """Return how many numbers hold m, v, and each side's matrix and basis, of a block of that shape."""
    n, k = (side(rows, max_dim), side(columns, max_dim)) if columns > 1 else (0, 0)
    return 2 * (rows * columns + n * n + k * k)


def _direction(
    block, memory, beta1, beta2, beta_adam, beta2_adam, eps, every, max_dim, ns_steps, ns_coefficients, beta_adam_t,
    beta2_adam_t, role, t,
):  # fmt: skip
    """Replace the gradient of a matrix by the orthogonal direction in the bases of the step before; renew these.

    Of a vector or an embedding by Adam's direction. memory: as many numbers as `_memory` says.
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
    matrix={"along": Matrix(_gradient, _direction, _memory)},
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

    Vectors and embeddings get Adam, corrected and without decay, at the rate vector_rate lr.
    """
    vector = columns == 1 or role == EMBEDDING
    step = vector_rate * along if vector else sqrt(larger(1, columns / rows)) * along + weight_decay * w
    return w - lr * step
