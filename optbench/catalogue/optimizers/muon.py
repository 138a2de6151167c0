"""Muon: momentum whose matrices are made orthogonal."""

from math import sqrt

import numpy as np

from optbench import Matrix, log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.products import turn
from optbench.kit.scalars import larger

# The quintic p(x) = a x + b x^3 + c x^5, applied to all singular values at once: its slope at 0 is as large as it can
# be while five times p takes (0, 1] to about 0.7 .. 1.2.
QUINTIC = (3.4445, -4.7750, 2.0315)


def _ahead(g, m, beta1, beta_adam, beta1_t, beta_adam_t, columns):
    """Nesterov's momentum, bias-corrected: what m will be if the next gradient is like this one."""
    beta, beta_t = (beta_adam, beta_adam_t) if columns == 1 else (beta1, beta1_t)
    m = beta * m + (1 - beta) * g
    return beta * m / (1 - beta * beta_t) + (1 - beta) * g / (1 - beta_t)


def _orthogonal(block, memory, eps, ns_steps):
    """Singular values -> about 1 by Newton-Schulz iteration on the wide side; vectors stay."""
    rows, columns = block.shape
    if columns == 1:
        return
    a, b, c = QUINTIC
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
    for _ in range(int(ns_steps)):
        turn(wide, turned)  # small matrices times a transposed one take BLAS twice as long
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


@optimizer(
    source="Jordan et al. 2024 (Muon), bias-corrected and with Adam for vectors as in optax.contrib.muon",
    limits={"ns_steps": "[0, inf)"},
    matrix={"along": Matrix(_ahead, _orthogonal)},
    search={"lr": log_uniform(1e-4, 1), "beta1": one_minus_log_uniform(0.01, 0.3)},
    search_source="our choice, about the authors' lr of 0.02 and beta1 of 0.95",
    equals={
        "torch": "# PyTorch's Muon computes in bfloat16, and has no rule for vectors",
        "optax": (
            "contrib.muon(lr, beta=beta1, ns_steps=int(ns_steps), eps=eps, weight_decay=weight_decay, "
            "adam_b1=beta_adam, adam_b2=beta2)"
        ),
        "keras": "# Keras's Muon corrects no bias, and scales its steps in another way",
    },
    beta1=0.95,
    beta2=0.999,
    beta_adam=0.9,
    eps=1e-8,
    ns_steps=5,
    weight_decay=0.0,
)
def muon(w, g, m, v, lr, along, beta1, beta2, beta_adam, eps, weight_decay, beta2_t, rows, columns):
    """m averages g;  w = w - lr (sqrt(max(1, columns / rows)) O + weight_decay w) for matrices (inputs, outputs).

    O is the nearest orthogonal matrix to beta1 m + (1 - beta1) g, roughly: ns_steps Newton-Schulz steps leave singular
    values of 0.7 to 1.2. Both terms are bias-corrected (m for one step more). A vector, and a matrix of one column,
    gets Adam with the same Nesterov momentum, beta_adam, beta2 and eps, at the same rate.

    Of a 10 x 10 block a step takes 3.4 us where its operations at BLAS's rate would take 0.95 (benchmarks/floors.py on
    an AMD Zen 4): fifteen products of BLAS, of 0.13 us each. Ten columns fill 10/16 of two vectors, which makes 0.07 of
    it the least, where 0.03 is the operations' rate; the rest is the call. Products written in vectors took 0.13, too.
    """
    beta = beta_adam if columns == 1 else beta1
    m = beta * m + (1 - beta) * g
    v = beta2 * v + (1 - beta2) * g * g
    adam = along / (sqrt(v / (1 - beta2_t)) + eps)
    step = adam if columns == 1 else sqrt(larger(1, columns / rows)) * along + weight_decay * w
    return w - lr * step, m, v
