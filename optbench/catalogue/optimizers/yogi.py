"""Adam with another scale in place of the average of g^2.

Yogi: an average that moves by a bounded amount a step.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import sign


@optimizer(
    source="Zaheer et al. 2018, Algorithm 2, bias-corrected as in optax",
    limits={"initial": "[0, inf)"},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="as for adamw",
    equals={
        "optax": (
            "chain(scale_by_yogi(b1=beta1, b2=beta2, eps=eps, initial_accumulator_value=0.0), "
            "scale_by_learning_rate(lr)) if initial == 0 # optax starts both averages at one value"
        ),
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-3,
    initial=1e-6,
)
def yogi(w, g, m, v, lr, beta1, beta2, eps, initial, beta1_t, beta2_t, t):
    """v = v - (1 - beta2) sign(v - g^2) g^2 from `initial`;  w and m as in Adam.

    v moves towards g^2 by at most (1 - beta2) g^2, so small gradients after large ones do not raise the rate as
    fast as in Adam. m starts at 0 (optax starts it at `initial`, too).
    """
    v = initial if t == 1 else v
    m = beta1 * m + (1 - beta1) * g
    square = g * g  # rounded: where v is about as large, a multiply-add would give the difference another sign
    v = v - (1 - beta2) * sign(v - square) * square
    return w - lr * (m / (1 - beta1_t)) / (sqrt(v / (1 - beta2_t)) + eps), m, v
