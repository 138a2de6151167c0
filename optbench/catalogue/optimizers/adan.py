"""Adam with another direction in place of the average of g.

Adan: Nesterov's momentum by the change of the gradient.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer


@optimizer(
    source="Xie et al. 2022, Algorithm 1 (its betas are 1 - ours)",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.005, 0.08),
        "beta2": one_minus_log_uniform(0.02, 0.32),
        "beta3": one_minus_log_uniform(0.0025, 0.04),
    },
    search_source="lr as for adamw; betas our choice, a factor of four about the authors' 1 - beta",
    equals={
        "optax": "# optax weighs the change of the gradient by 1 - beta2, the paper by beta2, and decays as AdamW does",
    },
    beta1=0.98,
    beta2=0.92,
    beta3=0.99,
    eps=1e-8,
    weight_decay=0.0,
)
def adan(w, g, m, v, n, previous, lr, beta1, beta2, beta3, eps, weight_decay, beta1_t, beta2_t, beta3_t, t):
    """m, v, n average g, d, (g + beta2 d)^2;  w = (w - lr (m + beta2 v) / (sqrt(n) + eps)) / (1 + lr weight_decay).

    d = g - the g before, 0 at the first step. Nesterov momentum without a look-ahead point: the change of the
    gradient stands in for it. All averages are bias-corrected, as in the authors' code. The decay is a proximal step.
    optax.adan multiplies d and v by 1 - beta2 where the paper, in our betas, has beta2, and decays as AdamW does.
    """
    change = 0 if t == 1 else g - previous
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * change
    n = beta3 * n + (1 - beta3) * (g + beta2 * change) * (g + beta2 * change)
    along = m / (1 - beta1_t) + beta2 * v / (1 - beta2_t)
    w = (w - lr * along / (sqrt(n / (1 - beta3_t)) + eps)) / (1 + lr * weight_decay)
    return w, m, v, n, g
