"""Adam with another direction in place of the average of g.

Adan: Nesterov's momentum by the change of the gradient. AdEMAMix: two averages, a fast and a very slow one. MARS: a
gradient whose variance is reduced. NAdam: Nesterov's look-ahead.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer, uniform
from optbench.kit.scalars import larger


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
        "optax": "# optax weighs the change of the gradient by 1 - beta2, the paper by beta2, and decays as AdamW does"
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
    equals={"optax": "contrib.ademamix(lr, b1=beta1, b2=beta2, b3=beta3, alpha=alpha, eps=eps)"},
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


def _corrected(g, previous, factor):
    """Return the gradient with gamma of its change, as momentum would have carried it."""
    return g + factor * (g - previous)


def _corrected_square(g, previous, beta1, gamma):
    return _corrected(g, previous, gamma * beta1 / (1 - beta1)) ** 2


@optimizer(
    source="Yuan et al. 2024, MARS-AdamW in its approximate form, as in the authors' code",
    limits={"gamma": "[0, inf)"},
    block={"square": _corrected_square},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "gamma": log_uniform(0.006, 0.1),
    },
    search_source="lr, betas as for adamw; gamma our choice, a factor of four about the authors' value",
    beta1=0.95,
    beta2=0.99,
    gamma=0.025,
    eps=1e-8,
    weight_decay=0.0,
)
def mars(w, g, m, v, previous, lr, square, beta1, beta2, gamma, eps, weight_decay, beta1_t, beta2_t):
    """c = g + gamma beta1 / (1 - beta1) (g - previous g), scaled to norm 1 if longer;  AdamW on c.

    The correction reduces the variance of m. The paper evaluates both gradients on the same batch; this is its
    cheaper form, which takes the gradient of the step before. The norm is that of the parameter block.
    """
    c = _corrected(g, previous, gamma * beta1 / (1 - beta1)) / larger(1, sqrt(square))
    m = beta1 * m + (1 - beta1) * c
    v = beta2 * v + (1 - beta2) * c * c
    along = (m / (1 - beta1_t)) / (sqrt(v / (1 - beta2_t)) + eps)
    return w - lr * (along + weight_decay * w), m, v, g


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
