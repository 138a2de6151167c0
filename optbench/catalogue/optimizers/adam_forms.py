"""Adam with its parts arranged in another way.

LaProp: the momentum behind the scale.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer


@optimizer(
    source="Ziyin, Wang & Ueda 2020 (LaProp), Algorithm 1",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="as for adamw",
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
