"""Adam: momentum and RMSProp together, both averages bias-corrected."""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer, variant


@optimizer(
    source="lecture C3; Kingma & Ba 2015, Algorithm 1",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "eps_root": log_uniform(1e-16, 1),
    },
    search_source="lr, beta2: Schmidt et al. 2021; beta1: Dahl et al. 2023; eps, squared: Sivaprasad et al. 2020",
    equals={
        "torch": (
            "Adam(lr=lr, betas=(beta1, beta2), eps=eps) if eps_root == 0 # PyTorch adds eps outside the root, "
            "here eps_root stands inside"
        ),
        "optax": "adam(lr, b1=beta1, b2=beta2, eps=eps, eps_root=eps_root)",
        "keras": (
            "Adam(learning_rate=lr, beta_1=beta1, beta_2=beta2, epsilon=0.0) if eps == 0 and eps_root == 0 # "
            "Keras adds epsilon to the root before it corrects the bias"
        ),
    },
    beta1=0.9,
    beta2=0.999,
    eps=0.0,
    eps_root=1e-8,
)
def adam(w, g, m, v, lr, beta1, beta2, eps, eps_root, beta1_t, beta2_t):
    """m, v average g and g^2;  w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t) + eps_root) + eps).

    The lecture puts eps inside the root (eps_root), the paper, PyTorch and optax outside (eps).
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return w - lr * (m / (1 - beta1_t)) / (sqrt(v / (1 - beta2_t) + eps_root) + eps), m, v


adam_torch = variant(
    adam,
    "adam_torch",
    source="torch.optim.Adam; Kingma & Ba 2015",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "eps": log_uniform(1e-8, 1),
    },
    search_source="lr, beta2: Schmidt et al. 2021; beta1: Dahl et al. 2023; eps: Sivaprasad et al. 2020",
    eps=1e-8,
    eps_root=0.0,
)


@optimizer(
    source="Loshchilov & Hutter 2019, Algorithm 2; torch.optim.AdamW",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "weight_decay": log_uniform(1e-5, 0.1),
    },
    search_source="lr, beta2: Schmidt et al. 2021; beta1: Dahl et al. 2023; weight_decay: Sivaprasad et al. 2020",
    equals={
        "torch": "AdamW(lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay)",
        "optax": "adamw(lr, b1=beta1, b2=beta2, eps=eps, weight_decay=weight_decay)",
        "keras": (
            "AdamW(learning_rate=lr, beta_1=beta1, beta_2=beta2, epsilon=0.0, weight_decay=weight_decay) if eps "
            "== 0 # Keras adds epsilon to the root before it corrects the bias"
        ),
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.01,
)
def adamw(w, g, m, v, lr, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
    """w = w - lr ((m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w), m and v as in Adam.

    The decay stands beside the adaptive step, so that it does not shrink where gradients are large. It is multiplied
    by the rate, as in PyTorch (the paper multiplies it by the schedule's factor alone).
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    along = (m / (1 - beta1_t)) / (sqrt(v / (1 - beta2_t)) + eps)
    return w - lr * (along + weight_decay * w), m, v
