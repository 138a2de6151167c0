"""Adam with another scale in place of the average of g^2.

AdaBelief: how far gradients are from their average.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer


@optimizer(
    source="Zhuang et al. 2020, Algorithm 2",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="lr, beta2: Schmidt et al. 2021; beta1: AdamW in Dahl et al. 2023",
    equals={
        "optax": "adabelief(lr, b1=beta1, b2=beta2, eps=eps, eps_root=eps_root)",
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-16,
    eps_root=1e-16,
)
def adabelief(w, g, m, s, lr, beta1, beta2, eps, eps_root, beta1_t, beta2_t):
    """s = beta2 s + (1 - beta2) (g - m)^2 + eps_root;  w and m as in Adam, with s for v.

    The scale is how far gradients are from their average m, which is taken first: a gradient as expected gives a
    long step. The paper's one epsilon stands in both places.
    """
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * (g - m) * (g - m) + eps_root
    return w - lr * (m / (1 - beta1_t)) / (sqrt(s / (1 - beta2_t)) + eps), m, s
