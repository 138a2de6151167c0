"""NovoGrad: Adam with one second moment per parameter block."""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer


def _g_square(g):
    return g * g


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
