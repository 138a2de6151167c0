"""Rules that see a parameter block as a matrix.

Muon: momentum whose matrices are made orthogonal. Shampoo: AdaGrad with a full matrix for the rows and one for the
columns. Adafactor: a second moment of rank one, one number per row and one per column.
"""

from math import sqrt

import numpy as np

from optbench import Matrix, log_uniform, one_minus_log_uniform, optimizer
from optbench.contract.roles import EMBEDDING
from optbench.kit.decompositions import split_sides
from optbench.kit.orthogonal import orthogonalize
from optbench.kit.scalars import larger

_OPTAX = (
    "contrib.muon(lr, beta=beta1, ns_steps=int(ns_steps), eps=eps, weight_decay=weight_decay, adam_b1=beta_adam, "
    "adam_b2=beta2"
)


def _ahead(g, m, beta1, beta_adam, beta1_t, beta_adam_t, columns, role):
    """Return Nesterov's momentum, bias-corrected: what m will be if the next gradient is like this one."""
    vector = columns == 1 or role == EMBEDDING
    beta, beta_t = (beta_adam, beta_adam_t) if vector else (beta1, beta1_t)
    m = beta * m + (1 - beta) * g
    return beta * m / (1 - beta * beta_t) + (1 - beta) * g / (1 - beta_t)


def _orthogonal(block, memory, eps, ns_steps, ns_coefficients, role):
    """Replace a block (rows, columns) by a nearly orthogonal one; leave vectors and embeddings as they are."""
    if block.shape[1] > 1 and role != EMBEDDING:
        orthogonalize(block, eps, ns_steps, ns_coefficients)


@optimizer(
    source="Jordan et al. 2024 (Muon), bias-corrected and with Adam for vectors as in optax.contrib.muon",
    limits={
        "ns_steps": "[0, inf)",
        "ns_coefficients": "[0, 2]",
        "consistent_rms": "[0, inf)",
        "vector_rate": "(0, inf)",
    },
    matrix={"along": Matrix(_ahead, _orthogonal)},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.01, 0.3),
        "vector_rate": log_uniform(0.01, 10),
    },
    search_source=(
        "our choice, about the authors' lr of 0.02 and beta1 of 0.95; vector_rate about theirs, which differ: 1/67 "
        "(3e-4 beside 0.02) in Jordan's package, 1 in optax and Moonlight; in modded-nanogpt's script of Muon^2 "
        "0.1 for vectors and 3 for embeddings"
    ),
    equals={
        "torch": "# PyTorch's Muon corrects no bias, computes in bfloat16, and has no rule for vectors",
        "optax": (
            f"{_OPTAX}) if ns_coefficients == 0 and vector_rate == 1 and consistent_rms == 0 else "
            f"{_OPTAX}, consistent_rms=consistent_rms) if ns_coefficients == 0 and vector_rate == 1 else "
            f"{_OPTAX}, adam_learning_rate=vector_rate * lr) "
            "if ns_coefficients == 0 and constant and consistent_rms == 0 "
            "# optax has Jordan's coefficients, and schedules for each of its two rates"
        ),
        "keras": "# Keras's Muon corrects no bias, and scales its steps in another way",
    },
    beta1=0.95,
    beta2=0.999,
    beta_adam=0.9,
    eps=1e-8,
    ns_steps=5,
    ns_coefficients=0,
    consistent_rms=0.0,
    vector_rate=1.0,
    weight_decay=0.0,
)
def muon(
    w, g, m, v, lr, along, beta1, beta2, beta_adam, eps, consistent_rms, vector_rate, weight_decay, beta2_t, rows,
    columns, role,
):  # fmt: skip
    """m averages g;  w = w - lr (sqrt(max(1, columns / rows)) O + weight_decay w) for matrices (inputs, outputs).

    O is the nearest orthogonal matrix to beta1 m + (1 - beta1) g, roughly: ns_steps Newton-Schulz steps leave singular
    values of 0.7 to 1.2. Both terms are bias-corrected (m for one step more). A vector, a matrix of one column, and an
    embedding get Adam with the same Nesterov momentum, beta_adam, beta2 and eps, at the rate vector_rate lr.

    ns_coefficients: 0 for Jordan's polynomial, 1 for those of Polar Express (Amsel et al. 2025), which leave singular
    values nearer to 1, 2 for (2, -1.5, 0.5). consistent_rms: where it is not 0, O is scaled to that root mean square,
    by consistent_rms sqrt(max(rows, columns)) (Liu et al. 2025 have 0.2, the size of Adam's steps).
    """
    vector = columns == 1 or role == EMBEDDING
    beta = beta_adam if vector else beta1
    m = beta * m + (1 - beta) * g
    v = beta2 * v + (1 - beta2) * g * g
    adam = along / (sqrt(v / (1 - beta2_t)) + eps)
    scale = sqrt(larger(1, columns / rows)) if consistent_rms == 0 else consistent_rms * sqrt(larger(rows, columns))
    step = vector_rate * adam if vector else scale * along + weight_decay * w
    return w - lr * step, m, v


def _gradient(g):
    return g


def _shampoo_memory(rows, columns):
    """Return how many numbers hold L and R, and their inverse fourth roots, of a block of that shape."""
    return 2 * (rows * rows + columns * columns) if columns > 1 else rows


def _fourth_root(matrix, eps, out):
    """Write matrix^(-1/4) of a symmetric matrix to out; eigenvalues below eps count as eps."""
    values, vectors = np.linalg.eigh(matrix)
    scaled = np.empty_like(matrix)
    for j in range(len(matrix)):
        root = sqrt(sqrt(sqrt(larger(values[j], eps))))
        for i in range(len(matrix)):
            scaled[i, j] = vectors[i, j] / root
    np.dot(scaled, scaled.T, out)


def _add(product, total, first, eps):
    """Add product to total, both (n, n), at the first step also eps I; return True if all is finite."""
    trace = product[0, 0]
    for i in range(len(total)):
        for j in range(len(total)):
            total[i, j] += product[i, j] + (eps if first and i == j else 0.0)
            trace += abs(total[i, j])
    return trace - trace == 0


def _preconditioned(block, memory, eps, every, t):
    """Replace the gradient G of a block by L^(-1/4) G R^(-1/4); a vector by itself over the root of its sum of squares.

    memory: as many numbers as `_shampoo_memory` says, which the next steps use; every: the steps from root to root.
    """
    rows, columns = block.shape
    if columns == 1:
        for i in range(rows):
            memory[i] += block[i, 0] * block[i, 0]
            block[i, 0] /= sqrt(memory[i] + eps)
        return
    left, right, left_root, right_root = split_sides(memory, rows, columns)
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
    matrix={"along": Matrix(_gradient, _preconditioned, _shampoo_memory)},
    search={"lr": log_uniform(1e-3, 10)},
    search_source="as for adagrad, which it is for vectors",
    eps=1e-6,
    every=1,
)
def shampoo(w, g, lr, along):
    """L = L + G G', R = R + G' G, from eps I;  w = w - lr L^(-1/4) G R^(-1/4).

    The roots are renewed `every` so many steps; a root costs an eigenvalue decomposition, about 20 n^3 operations for
    n rows. For vectors and matrices of one column, s = s + g^2, w = w - lr g / sqrt(s + eps).
    """
    return w - lr * along


def _w_square(w):
    return w * w


def _adafactor_memory(rows, columns):
    """Return how many numbers hold the averages of g^2 along the rows and along the columns of a block."""
    return rows + columns


def _scaled(block, memory, beta2_decay, eps1, threshold, t):
    """Divide the gradient of a block by the root of its second moment, and then clip its root mean square.

    memory: the averages by row and by column, updated here; threshold: the largest root mean square.
    """
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
    matrix={"update": Matrix(_gradient, _scaled, _adafactor_memory)},
    block={"w_square": _w_square},
    search={"lr": log_uniform(1e-3, 1)},
    search_source="our choice, steps relative to the parameters; best at 1e-3 to 1 on the shipped problems",
    rate_means="the length of a step relative to the parameters",
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
    """
    size = sqrt(w_square / (rows * columns))
    rate = larger(eps2, size) * (lr if lr < 1 / sqrt(t) else 1 / sqrt(t))
    return w - lr * weight_decay * w - rate * update
