"""A rate per parameter block, from the norms of its parameters or gradients.

LARS: for momentum. LAMB: for AdamW. NovoGrad: Adam with one second moment per parameter block.
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
    rate_means="a factor of the norm of the parameters times trust",
    equals={
        "optax": (
            "lars(lr, weight_decay=0.0, trust_coefficient=trust, eps=eps, momentum=beta1) if weight_decay == 0 # "
            "optax divides by the norm of the sum of gradient and decay"
        )
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


def _adam_step(w, g, m, v, beta1, beta2, eps, weight_decay, by1, by2):
    """Return AdamW's step, before the rate; by1, by2: the reciprocals of both bias corrections."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return by1 * m / (sqrt(by2 * v) + eps) + weight_decay * w


def _step_square(w, g, m, v, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
    """Return the square of AdamW's step, before the rate; beta1_t, beta2_t: the betas to the power t."""
    step = _adam_step(w, g, m, v, beta1, beta2, eps, weight_decay, 1 / (1 - beta1_t), 1 / (1 - beta2_t))
    return step * step


@optimizer(
    source="You et al. 2020, Algorithm 2, with phi(x) = x",
    block={"w_square": _w_square, "step_square": _step_square},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.05, 0.3),
        "weight_decay": log_uniform(1e-3, 1),
    },
    search_source="beta1, weight_decay: Dahl et al. 2023; lr, 1e-4 to 1e-2 there: best at 0.01 to 0.3 here",
    rate_means="the length of a step relative to the parameters",
    equals={
        "optax": "lamb(lr, b1=beta1, b2=beta2, eps=eps, weight_decay=weight_decay)",
        "keras": (
            "Lamb(learning_rate=lr, beta_1=beta1, beta_2=beta2, epsilon=eps) if weight_decay == 0 # Keras leaves "
            "the decay out of the norm of the step"
        ),
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-6,
    weight_decay=0.01,
)
def lamb(w, g, m, v, lr, w_square, step_square, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
    """step is AdamW's, with its weight decay;  w = w - lr |w| / |step| step.

    Norms are those of the parameter block; where one is 0 their ratio counts as 1.
    """
    step = _adam_step(w, g, m, v, beta1, beta2, eps, weight_decay, 1 / (1 - beta1_t), 1 / (1 - beta2_t))
    w = w - lr * ratio(sqrt(w_square), sqrt(step_square)) * step
    return w, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g


@optimizer(
    source="Ginsburg et al. 2019, Algorithm 1",
    block={"g_square": _g_square},
    shared=("v",),
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="lr our choice, best at 1e-3 to 0.1 on the shipped problems; betas as for adamw",
    equals={"optax": "novograd(lr, b1=beta1, b2=beta2, eps=eps, weight_decay=weight_decay)"},
    beta1=0.95,
    beta2=0.98,
    eps=1e-8,
    weight_decay=0.0,
)
def novograd(w, g, m, v, lr, g_square, beta1, beta2, eps, weight_decay, t):
    """m = beta1 m + g / (sqrt(v) + eps) + weight_decay w;  w = w - lr m;  v averages |g|^2 of the block from its first.

    m is a sum, up to 1 / (1 - beta1) times as long as Adam's average.
    """
    v = g_square if t == 1 else beta2 * v + (1 - beta2) * g_square
    m = beta1 * m + g / (sqrt(v) + eps) + weight_decay * w
    return w - lr * m, m, v
