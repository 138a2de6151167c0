"""Adam with another scale in place of the average of g^2.

AdaMax: the largest |g|, fading.
"""

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import larger


@optimizer(
    source="Kingma & Ba 2015, Algorithm 2; torch.optim.Adamax",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="as for adamw",
    equals={
        "torch": "Adamax(lr=lr, betas=(beta1, beta2), eps=eps)",
        "optax": "adamax(lr, b1=beta1, b2=beta2, eps=eps)",
        "keras": (
            "Adamax(learning_rate=lr, beta_1=beta1, beta_2=beta2, epsilon=0.0) if eps == 0 # Keras adds epsilon "
            "behind the maximum"
        ),
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
)
def adamax(w, g, m, u, lr, beta1, beta2, eps, beta1_t):
    """m averages g;  u = max(beta2 u, |g| + eps);  w = w - lr / (1 - beta1^t) m / u.

    The limit of Adam's 2-norm as the norm's order grows; the maximum needs no bias correction.
    """
    m = beta1 * m + (1 - beta1) * g
    u = larger(beta2 * u, abs(g) + eps)
    return w - lr * (m / (1 - beta1_t)) / u, m, u
