"""Adam with another direction in place of the average of g.

NAdam: Nesterov's look-ahead.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer


@optimizer(
    source="Dozat 2016 with its momentum schedule; torch.optim.NAdam",
    limits={"momentum_decay": "[0, inf)"},
    shared=("product",),
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="lr, beta2: Schmidt et al. 2021; beta1: AdamW in Dahl et al. 2023",
    equals={
        "torch": "NAdam(lr=lr, betas=(beta1, beta2), eps=eps, momentum_decay=momentum_decay)",
        "optax": "# optax has no schedule of the momentum",
        "keras": (
            "Nadam(learning_rate=lr, beta_1=beta1, beta_2=beta2, epsilon=eps) if momentum_decay == 1 # Keras's "
            "momentum_decay is 1"
        ),
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    momentum_decay=0.004,
)
def nadam(w, g, m, v, product, lr, beta1, beta2, eps, momentum_decay, beta2_t, t):
    """w = w - lr ((1 - mu_t) g / (1 - mu_1..mu_t) + mu_t+1 m / (1 - mu_1..mu_t+1)) / (sqrt(v / (1 - beta2^t)) + eps).

    m and v as in Adam, mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), which grows from beta1 / 2 to beta1; `product`
    is mu_1 mu_2 .. mu_t. optax.nadam has no such schedule: its mu_t is beta1 at all steps, as here with a large
    momentum_decay.
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    product = mu if t == 1 else mu * product
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    along = (1 - mu) / (1 - product) * g + mu_next / (1 - product * mu_next) * m
    return w - lr * along / (sqrt(v / (1 - beta2_t)) + eps), m, v, product
