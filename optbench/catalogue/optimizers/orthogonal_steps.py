"""Muon's descendants, and Scion: rules whose matrices take a step of orthogonal directions, and their vectors another.

A block (inputs, outputs) is a layer's weights; the papers have them transposed. None of these corrects the bias of the
momentum, unlike muon in matrices.py, which follows optax.
"""

from math import sqrt

from optbench import Matrix, log_uniform, one_minus_log_uniform, optimizer
from optbench.contract.roles import EMBEDDING, FIRST, LAST, VECTOR
from optbench.kit.orthogonal import orthogonalize
from optbench.kit.scalars import larger, sign

# Added to a matrix's norm, so that no gradient stays none. The authors, who compute in bfloat16, have 1e-7.
TINY = 1e-16
_SEARCH = {"lr": log_uniform(1e-4, 1), "beta1": one_minus_log_uniform(0.01, 0.3), "vector_rate": log_uniform(0.01, 10)}
_LIMITS = {"ns_steps": "[0, inf)", "ns_coefficients": "[0, 2]", "vector_rate": "(0, inf)"}
_NO_EQUAL = {"optax": "# optax's Muon corrects the bias of its momentum", "keras": "# Keras has no such rule"}


def _is_vector(columns, role):
    """Return True for a block that gets Adam: a vector, a matrix of one column, an embedding."""
    return columns == 1 or role == EMBEDDING


def _nesterov(g, m, beta1):
    """Return Nesterov's momentum, what m will be if the next gradient is like this one."""
    return beta1 * (beta1 * m + (1 - beta1) * g) + (1 - beta1) * g


def _adam(m, v, beta_adam_t, beta2_t, eps):
    """Return Adam's direction, for the averages of g and of its square."""
    return m / (1 - beta_adam_t) / (sqrt(v / (1 - beta2_t)) + eps)


def _orthogonal(block, memory, ns_steps, ns_coefficients, role):
    """Replace a matrix by a nearly orthogonal one."""
    if not _is_vector(block.shape[1], role):
        orthogonalize(block, TINY, ns_steps, ns_coefficients)


@optimizer(
    source="Liu et al. 2025 (Moonlight; D-Muon), section 2.2",
    limits=_LIMITS | {"consistent_rms": "[0, inf)"},
    matrix={"along": Matrix(_nesterov, _orthogonal)},
    search=_SEARCH,
    search_source="our choice; vector_rate as for muon, the authors' is 1",
    equals={"torch": "# PyTorch's Muon, with adjust_lr_fn='match_rms_adamw', computes in bfloat16, and has no rule for "
            "vectors"} | _NO_EQUAL,
    beta1=0.95,
    beta2=0.95,
    beta_adam=0.9,
    eps=1e-8,
    ns_steps=5,
    ns_coefficients=0,
    consistent_rms=0.2,
    vector_rate=1.0,
    weight_decay=0.1,
)  # fmt: skip
def moonlight_muon(
    w, g, m, v, lr, along, beta1, beta2, beta_adam, eps, consistent_rms, vector_rate, weight_decay, beta_adam_t,
    beta2_t, rows, columns, role,
):  # fmt: skip
    """w = w - lr (0.2 sqrt(max(rows, columns)) O + weight_decay w) for matrices;  AdamW for vectors and embeddings.

    m averages g, O is the nearest orthogonal matrix to beta1 m + (1 - beta1) g, roughly, and 0.2 is consistent_rms, the
    root mean square of a step over lr, about that of Adam's. The rate of AdamW is vector_rate lr, and its averages have
    beta_adam and beta2. Muon of PyTorch bounds the norm of the momentum from below where the authors add to it.
    """
    vector = _is_vector(columns, role)
    beta = beta_adam if vector else beta1
    m = beta * m + (1 - beta) * g
    v = beta2 * v + (1 - beta2) * g * g
    adam = _adam(m, v, beta_adam_t, beta2_t, eps)
    step = adam if vector else consistent_rms * sqrt(larger(rows, columns)) * along
    rate = vector_rate * lr if vector else lr
    return w - rate * (step + weight_decay * w), m, v


def _numbers_of_columns(rows, columns):
    """Return how many numbers hold the averages of a block's columns."""
    return columns


def _normalized(block, memory, beta2, eps, ns_steps, ns_coefficients, role):
    """Replace a matrix by an orthogonal one whose columns are divided by the roots of their averages in ``memory``."""
    rows, columns = block.shape
    if _is_vector(columns, role):
        return
    orthogonalize(block, TINY, ns_steps, ns_coefficients)
    before = after = block.dtype.type(0)
    for j in range(columns):
        square = block.dtype.type(0)
        for i in range(rows):
            square += block[i, j] * block[i, j]
        memory[j] = beta2 * memory[j] + (1.0 - beta2) * (square / block.dtype.type(rows))
        root = sqrt(memory[j]) + eps
        before += square
        after += square / (root * root)
        for i in range(rows):
            block[i, j] /= root
    factor = sqrt(before) / (sqrt(after) + eps)
    for i in range(rows):
        for j in range(columns):
            block[i, j] *= factor


@optimizer(
    source="Li et al. 2025 (NorMuon), the authors' code, which keeps the norm; Adam for vectors",
    limits=_LIMITS,
    matrix={"along": Matrix(_nesterov, _normalized, _numbers_of_columns)},
    search=_SEARCH,
    search_source="our choice, about the authors' lr of 0.02, beta1 of 0.95, and 3e-4 for vectors",
    equals={"torch": "# PyTorch has no such rule"} | _NO_EQUAL,
    beta1=0.95,
    beta2=0.95,
    beta_adam=0.9,
    beta2_adam=0.95,
    eps=1e-10,
    ns_steps=5,
    ns_coefficients=0,
    vector_rate=0.015,
    weight_decay=0.0,
)
def normuon(
    w, g, m, v, lr, along, beta1, beta_adam, beta2_adam, eps, vector_rate, weight_decay, beta_adam_t, beta2_adam_t,
    rows, columns, role,
):  # fmt: skip
    """w = w - lr (sqrt(max(1, columns / rows)) N + weight_decay w) for matrices;  Adam for vectors and embeddings.

    N is Muon's O with each column (a neuron's weights) over sqrt(s) + eps, where s averages the column's mean square
    with beta2, and then scaled back to the norm of O. (The paper's Algorithm 1 gives N a root mean square of 0.2
    instead.) Adam and its decay have the rate vector_rate lr, and the averages beta_adam and beta2_adam.
    """
    vector = _is_vector(columns, role)
    beta = beta_adam if vector else beta1
    m = beta * m + (1 - beta) * g
    v = beta2_adam * v + (1 - beta2_adam) * g * g
    adam = _adam(m, v, beta_adam_t, beta2_adam_t, eps)
    step = adam if vector else sqrt(larger(1, columns / rows)) * along
    rate = vector_rate * lr if vector else lr
    return w - rate * (step + weight_decay * w), m, v


def _preconditioned(g, m, v, beta1, beta2, eps):
    """Return Nesterov's momentum over the root of the average of g^2."""
    v = beta2 * v + (1 - beta2) * g * g
    return _nesterov(g, m, beta1) / (sqrt(v) + eps)


@optimizer(
    source="arXiv:2604.09967 (Muon^2), as in modded-nanogpt's train_gpt_simple_muonsq.py; Adam for vectors",
    limits=_LIMITS,
    matrix={"along": Matrix(_preconditioned, _orthogonal)},
    search=_SEARCH,
    search_source="our choice, about that script's lr of 0.1, beta1 of 0.95, and 0.01 for vectors",
    equals={"torch": "# PyTorch has no such rule"} | _NO_EQUAL,
    beta1=0.95,
    beta2=0.95,
    beta_adam=0.8,
    eps=1e-10,
    ns_steps=12,
    ns_coefficients=2,
    vector_rate=0.1,
    weight_decay=0.0,
)
def muon_squared(
    w, g, m, v, lr, along, beta1, beta2, beta_adam, eps, vector_rate, weight_decay, beta_adam_t, beta2_t, rows, columns,
    role,
):  # fmt: skip
    """w = w - lr (sqrt(max(1, columns / rows)) O + weight_decay w), O orthogonal to the momentum over sqrt(v) + eps.

    m averages g, v its square, neither corrected; the momentum is beta1 m + (1 - beta1) g, and ns_steps of the
    Newton-Schulz polynomial (2, -1.5, 0.5) make it orthogonal. Vectors and embeddings get Adam, corrected and without
    decay, at the rate vector_rate lr.
    """
    vector = _is_vector(columns, role)
    beta = beta_adam if vector else beta1
    m = beta * m + (1 - beta) * g
    v = beta2 * v + (1 - beta2) * g * g
    adam = _adam(m, v, beta_adam_t, beta2_t, eps)
    step = vector_rate * adam if vector else sqrt(larger(1, columns / rows)) * along + weight_decay * w
    return w - lr * step, m, v


def _average(g, m, beta1):
    """Return the new average of the gradients."""
    return beta1 * m + (1 - beta1) * g


def _direction(block, memory, eps, ns_steps, ns_coefficients, role):
    """Replace a block by the direction of steepest descent under the norm of its role."""
    rows, columns = block.shape
    real = block.dtype.type
    if role == LAST:
        for i in range(rows):
            for j in range(columns):
                block[i, j] = sign(block[i, j]) / real(rows)
    elif role in (VECTOR, EMBEDDING):
        lines = 1 if role == VECTOR else rows
        tokens = block.reshape(lines, rows * columns // lines)
        for i in range(lines):
            square = real(0)
            for j in range(tokens.shape[1]):
                square += tokens[i, j] * tokens[i, j]
            root = sqrt(square / real(tokens.shape[1])) + eps
            for j in range(tokens.shape[1]):
                tokens[i, j] /= root
    else:
        orthogonalize(block, TINY, ns_steps, ns_coefficients)
        scale = sqrt(real(columns) / real(rows))
        block *= larger(real(1), scale) if role == FIRST else scale


@optimizer(
    source="Pethick et al. 2025 (Scion), Algorithms 1 and 2, with the authors' norms for networks without embeddings",
    limits={"ns_steps": "[0, inf)", "ns_coefficients": "[0, 2]", "radius": "(0, inf)", "last_radius": "(0, inf)"},
    matrix={"along": Matrix(_average, _direction)},
    search={
        "lr": log_uniform(1e-4, 0.3), "beta1": one_minus_log_uniform(0.03, 0.5), "radius": log_uniform(0.1, 100),
        "last_radius": log_uniform(1, 3000),
    },
    search_source="our choice, about the authors' lr of 2^-12 to 2^-6, radius of 1 to 50, last_radius of 1024 to 3000",
    rate_means="the share of the way to the border of a ball of the radius, and so of the weights that decay",
    equals={"torch": "# PyTorch has no such rule", "optax": "# optax has no such rule", "keras": "# Keras has no such "
            "rule"},
    beta1=0.9,
    eps=1e-8,
    ns_steps=5,
    ns_coefficients=0,
    radius=1.0,
    last_radius=1024.0,
    weight_decay=1.0,
)  # fmt: skip
def scion(w, g, m, lr, along, beta1, radius, last_radius, weight_decay, role):
    """m averages g;  w = w - lr (radius D(m) + weight_decay w), D the steepest direction under the norm of its role.

    D of a hidden matrix (inputs, outputs) is sqrt(outputs / inputs) times the nearest orthogonal one, roughly, of the
    first layer max(1, sqrt(outputs / inputs)) times that; of the last layer sign(m) / inputs, with last_radius; of a
    vector, and of each row of an embedding, m / (rms(m) + eps). With weight_decay 1 weights are drawn into the
    ball of their radius; 0 is the authors' unconstrained variant, without that pull.
    """
    m = beta1 * m + (1 - beta1) * g
    length = last_radius if role == LAST else radius
    return w - lr * (length * along + weight_decay * w), m
