"""Adam with another scale in place of the average of g^2.

AMSGrad: the largest average so far, so that no rate rises again.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import larger


@optimizer(
    source="Reddi, Kale & Kumar 2018, Algorithm 2, bias-corrected as in torch.optim.Adam(amsgrad=True)",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="lr, beta2: Schmidt et al. 2021; beta1: AdamW in Dahl et al. 2023",
    equals={
        "torch": "Adam(lr=lr, betas=(beta1, beta2), eps=eps, amsgrad=True)",
        "optax": "# optax takes the maximum of the corrected average",
        "keras": (
            "Adam(learning_rate=lr, beta_1=beta1, beta_2=beta2, epsilon=0.0, amsgrad=True) if eps == 0 # Keras "
            "adds epsilon to the root before it corrects the bias"
        ),
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
)
def amsgrad(w, g, m, v, v_max, lr, beta1, beta2, eps, beta1_t, beta2_t):
    """v_max = max(v_max, v);  w = w - lr (m / (1 - beta1^t)) / (sqrt(v_max / (1 - beta2^t)) + eps).

    m and v as in Adam. A rate that never rises again makes the paper's proof hold. The paper corrects no bias;
    optax takes the maximum of the corrected v.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    v_max = larger(v_max, v)
    return w - lr * (m / (1 - beta1_t)) / (sqrt(v_max / (1 - beta2_t)) + eps), m, v, v_max
