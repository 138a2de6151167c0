"""Adam with another rate: rectified while its scale is uncertain, or bounded from both sides.

AdaBound: bounded.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import clipped


@optimizer(
    source="Luo et al. 2019, Algorithm 2, without 1 / sqrt(t), as in the authors' code",
    limits={"final_lr": "(0, inf)", "gamma": "(0, inf)"},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(1e-3, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "final_lr": log_uniform(1e-3, 0.5),
        "gamma": log_uniform(1e-4, 0.1),
    },
    search_source="Schmidt et al. 2021, where betas are log-uniform themselves, from 0.5 and 0.8 to 0.999",
    beta1=0.9,
    beta2=0.999,
    final_lr=0.1,
    gamma=1e-3,
    eps=1e-8,
)
def adabound(w, g, m, v, lr, beta1, beta2, final_lr, gamma, eps, beta1_t, beta2_t, t):
    """Adam, its rate of every coordinate kept within final_lr (1 - 1 / (gamma t + 1)) and final_lr (1 + 1 / (gamma t)).

    It begins as Adam and ends as momentum at the rate final_lr. The rate is
    lr sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps) and multiplies m. final_lr is absolute: a schedule
    multiplies lr only (in the authors' code both).
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    rate = lr * sqrt(1 - beta2_t) / (1 - beta1_t) / (sqrt(v) + eps)
    low, high = final_lr * (1 - 1 / (gamma * t + 1)), final_lr * (1 + 1 / (gamma * t))
    return w - clipped(rate, low, high) * m, m, v
