"""Adam with its parts arranged in another way.

LaProp: the momentum behind the scale. Adam-mini: one scale a neuron.
"""

from math import sqrt

from optbench import Matrix, log_uniform, one_minus_log_uniform, optimizer

_SEARCH = {
    "lr": log_uniform(1e-4, 1),
    "beta1": one_minus_log_uniform(0.02, 0.5),
    "beta2": one_minus_log_uniform(1e-3, 0.2),
}
_SEARCH_SOURCE = "as for adamw"


@optimizer(
    source="Ziyin, Wang & Ueda 2020 (LaProp), Algorithm 1",
    search=_SEARCH,
    search_source=_SEARCH_SOURCE,
    beta1=0.9,
    beta2=0.999,
    eps=1e-15,
    weight_decay=0.0,
)
def laprop(w, g, m, v, lr, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
    """w = w - m / (1 - beta1^t) - lr weight_decay w;  m averages lr g / (sqrt(v / (1 - beta2^t)) + eps), v as in Adam.

    Each gradient is scaled by v as it was then, so that no beta1 is too large for beta2. The rate is inside m, as in
    the paper: a falling one reaches the step late. The authors' code divides by the average of past rates over the
    current one in place of 1 - beta1^t, and multiplies the decay by no rate; HeavyBall's rate is outside m. At a
    constant rate and without decay they all take the same steps.
    """
    v = beta2 * v + (1 - beta2) * g * g
    m = beta1 * m + (1 - beta1) * lr * g / (sqrt(v / (1 - beta2_t)) + eps)
    return w - m / (1 - beta1_t) - lr * weight_decay * w, m, v


def _gradient(g):
    return g


def _mini_memory(rows, columns):
    """Return how many numbers hold the averages of g^2 of a block: one a column, of a vector one an element."""
    return columns if columns > 1 else rows


def _spread(block, memory, beta2):
    """Replace the gradient of a block by the average of g^2 of each column, and by that of each element of a vector."""
    rows, columns = block.shape
    count = rows if columns > 1 else 1
    for k in range(memory.shape[0]):
        memory[k] *= beta2
    for i in range(rows):
        for j in range(columns):
            memory[j if columns > 1 else i] += (1 - beta2) * block[i, j] * block[i, j] / block.dtype.type(count)
    for i in range(rows):
        for j in range(columns):
            block[i, j] = memory[j if columns > 1 else i]


@optimizer(
    source="Zhang et al. 2024 (Adam-mini), one v a neuron, and Adam for biases, as in the authors' code",
    matrix={"v": Matrix(_gradient, _spread, _mini_memory)},
    search=_SEARCH,
    search_source=_SEARCH_SOURCE,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
)
def adam_mini(w, g, m, lr, v, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
    """w = w - lr ((m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w);  v averages mean(g^2).

    m averages g. The mean is that over a neuron's inputs: over a column of a block (inputs, outputs), which is a row
    of the authors' (outputs, inputs). A vector, and a matrix of one column, has Adam's v, one an element. The authors
    take the mean over a head of queries or keys, and over the whole of a tensor whose name they do not know, and give
    biases no decay: they go by the names of parameters, this rule by their shapes.
    """
    m = beta1 * m + (1 - beta1) * g
    along = m / (sqrt(v / (1 - beta2_t)) + eps)
    return w - lr * weight_decay * w - lr / (1 - beta1_t) * along, m
