"""A rate per parameter block: steps in proportion to the norm of the block's parameters.

LARS: for momentum.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import ratio


def _w_square(w):
    return w * w


def _g_square(g):
    return g * g


@optimizer(
    source="You, Gitman & Ginsburg 2017, Algorithm 1",
    limits={"trust": "(0, inf)"},
    block={"w_square": _w_square, "g_square": _g_square},
    search={"lr": log_uniform(0.1, 1000), "beta1": one_minus_log_uniform(0.005, 0.3)},
    search_source="lr our choice, best at 3 to 300 on the shipped problems; beta1 as for heavy_ball",
    equals={
        "optax": (
            "lars(lr, weight_decay=0.0, trust_coefficient=trust, eps=eps, momentum=beta1) if weight_decay == 0 # "
            "optax divides by the norm of the sum of gradient and decay"
        ),
    },
    beta1=0.9,
    trust=0.001,
    weight_decay=0.0,
    eps=0.0,
)
def lars(w, g, m, lr, w_square, g_square, beta1, trust, weight_decay, eps):
    """m = beta1 m + lr trust |w| / (|g| + weight_decay |w| + eps) (g + weight_decay w);  w = w - m.

    Norms are those of the parameter block; where one is 0 the factor behind lr is 1. The rate is inside m, as in
    the paper.
    """
    norm = sqrt(w_square)
    size = sqrt(g_square)
    factor = 1 if size == 0 else ratio(trust * norm, size + weight_decay * norm + eps)
    m = beta1 * m + lr * factor * (g + weight_decay * w)
    return w - m, m
