"""Adam with another rate: rectified while its scale is uncertain, or bounded from both sides.

AdaBound: bounded. RAdam: rectified.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import clipped, larger


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


@optimizer(
    source="Liu et al. 2020, Algorithm 2; torch.optim.RAdam",
    shared=("a", "c"),
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="lr, beta2: Schmidt et al. 2021; beta1: AdamW in Dahl et al. 2023",
    equals={
        "torch": "RAdam(lr=lr, betas=(beta1, beta2), eps=eps)",
        "optax": "radam(lr, b1=beta1, b2=beta2, eps=0.0) if eps == 0 # optax corrects the bias before it adds eps",
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
)
def radam(w, g, m, v, a, c, lr, beta1, beta2, eps, beta1_t):
    """w = w - lr (m / (1 - beta1^t)) r sqrt(1 - beta2^t) / (sqrt(v) + eps) where rho > 5, else without what follows r.

    rho = rho_inf - 2 t beta2^t / (1 - beta2^t), rho_inf = 2 / (1 - beta2) - 1, and
    r^2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho). As in PyTorch, eps is added to the
    uncorrected sqrt(v). The first steps (5 with beta2 = 0.999) are plain momentum: their size is that of the gradient.
    With a = sum beta2^k and c = sum (k + 1) beta2^k over k < t, rho is 2 c / a - 1 and 1 - beta2^t is (1 - beta2) a:
    the same numbers without the difference of two thousands, which float32 cannot take.
    """
    a = 1 + beta2 * a
    c = a + beta2 * c
    rho, last = 2 * c / a - 1, 2 / (1 - beta2) - 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    rectified = sqrt(larger(0, (rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho)))
    scale = rectified * sqrt((1 - beta2) * a) / (sqrt(v) + eps) if rho > 5 else 1
    return w - lr * (m / (1 - beta1_t)) * scale, m, v, a, c
