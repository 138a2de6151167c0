"""Adam with another direction in place of the average of g.

MARS: a gradient whose variance is reduced.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import larger


def _corrected(g, previous, factor):
    """MARS: the gradient with gamma of its change, as momentum would have carried it."""
    return g + factor * (g - previous)


def _corrected_square(g, previous, beta1, gamma):
    return _corrected(g, previous, gamma * beta1 / (1 - beta1)) ** 2


@optimizer(
    source="Yuan et al. 2024, MARS-AdamW in its approximate form, as in the authors' code",
    limits={"gamma": "[0, inf)"},
    block={"square": _corrected_square},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "gamma": log_uniform(0.006, 0.1),
    },
    search_source="lr, betas as for adamw; gamma our choice, a factor of four about the authors' value",
    beta1=0.95,
    beta2=0.99,
    gamma=0.025,
    eps=1e-8,
    weight_decay=0.0,
)
def mars(w, g, m, v, previous, lr, square, beta1, beta2, gamma, eps, weight_decay, beta1_t, beta2_t):
    """c = g + gamma beta1 / (1 - beta1) (g - previous g), scaled to norm 1 if longer;  AdamW on c.

    The correction reduces the variance of m. The paper evaluates both gradients on the same batch; this is its
    cheaper form, which takes the gradient of the step before. The norm is that of the parameter block.
    """
    c = _corrected(g, previous, gamma * beta1 / (1 - beta1)) / larger(1, sqrt(square))
    m = beta1 * m + (1 - beta1) * c
    v = beta2 * v + (1 - beta2) * c * c
    along = (m / (1 - beta1_t)) / (sqrt(v / (1 - beta2_t)) + eps)
    return w - lr * (along + weight_decay * w), m, v, g
