"""Adam with another direction in place of the average of g.

AdEMAMix: two averages, a fast and a very slow one.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer, uniform


@optimizer(
    source="Pagliardini, Ablin & Grangier 2024, without warm-up of alpha and beta3",
    limits={"alpha": "[0, inf)"},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta3": one_minus_log_uniform(1e-5, 1e-2),
        "alpha": uniform(2, 10),
    },
    search_source="lr, beta1 as for adamw; beta3, alpha our choice, about the authors' values",
    equals={
        "optax": "contrib.ademamix(lr, b1=beta1, b2=beta2, b3=beta3, alpha=alpha, eps=eps)",
    },
    beta1=0.9,
    beta2=0.999,
    beta3=0.9999,
    alpha=5.0,
    eps=1e-8,
)
def ademamix(w, g, m, slow, v, lr, beta1, beta2, beta3, alpha, eps, beta1_t, beta2_t):
    """w = w - lr (m / (1 - beta1^t) + alpha slow) / (sqrt(v / (1 - beta2^t)) + eps); slow averages g with beta3.

    Adam with a second, very slow average, which starts at 0 and is not corrected: its weight grows over about
    1 / (1 - beta3) steps, so shorter runs hardly see it.
    """
    m = beta1 * m + (1 - beta1) * g
    slow = beta3 * slow + (1 - beta3) * g
    v = beta2 * v + (1 - beta2) * g * g
    return w - lr * (m / (1 - beta1_t) + alpha * slow) / (sqrt(v / (1 - beta2_t)) + eps), m, slow, v
