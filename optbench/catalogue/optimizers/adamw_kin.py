"""AdamW's kin, with its decay beside the step: by Nesterov's look-ahead, and with a bound on the step of a block."""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import larger

_SEARCH = {
    "lr": log_uniform(1e-4, 1),
    "beta1": one_minus_log_uniform(0.02, 0.5),
    "beta2": one_minus_log_uniform(1e-3, 0.2),
    "weight_decay": log_uniform(1e-5, 0.1),
}
_SEARCH_SOURCE = "as for adamw"


@optimizer(
    source="Dozat 2016 with Loshchilov & Hutter's decay; torch.optim.NAdam(decoupled_weight_decay=True)",
    limits={"momentum_decay": "[0, inf)"},
    shared=("product",),
    search=_SEARCH,
    search_source=_SEARCH_SOURCE,
    equals={
        "torch": (
            "NAdam(lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay, "
            "decoupled_weight_decay=True)"
        ),
        "optax": "# optax has no schedule of the momentum",
        "keras": (
            "Nadam(learning_rate=lr, beta_1=beta1, beta_2=beta2, epsilon=eps, weight_decay=weight_decay) if "
            "momentum_decay == 1 # Keras's momentum_decay is 1"
        ),
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    momentum_decay=0.004,
    weight_decay=0.01,
)
def nadamw(w, g, m, v, product, lr, beta1, beta2, eps, momentum_decay, weight_decay, beta2_t, t):
    """w = w - lr (nadam's step + weight_decay w), which is decoupled_decay(nadam).

    With a large momentum_decay mu_t is beta1 at all steps: optax.nadamw, and the form of AlgoPerf's baseline.
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    product = mu if t == 1 else mu * product
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    along = (1 - mu) / (1 - product) * g + mu_next / (1 - product * mu_next) * m
    return w - lr * (along / (sqrt(v / (1 - beta2_t)) + eps) + weight_decay * w), m, v, product


def _surprise(g, v, beta2, eps, beta2_t):
    """Return the squared gradient over its corrected average, this gradient in it."""
    return g * g / larger(eps * eps, (beta2 * v + (1 - beta2) * g * g) / (1 - beta2_t))


@optimizer(
    source="Wortsman et al. 2023, Algorithm 2",
    block={"surprise": _surprise},
    search=_SEARCH,
    search_source=_SEARCH_SOURCE,
    beta1=0.9,
    beta2=0.99,
    eps=1e-6,
    weight_decay=0.01,
)
def stable_adamw(w, g, m, v, lr, surprise, beta1, beta2, eps, weight_decay, beta1_t, beta2_t, rows, columns):
    """w = w - lr / max(1, rms) (adamw's step);  rms^2 = mean of g^2 / max(v / (1 - beta2^t), eps^2), by block.

    Where gradients are larger than v has seen, the block's step is shorter: Adafactor's clipping for Adam. The decay is
    part of the step, and so is shortened, too. torch-optimi has the paper's eps, 1e-6, pytorch_optimizer 1e-8.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    rate = lr / larger(1, sqrt(surprise / (rows * columns)))
    along = (m / (1 - beta1_t)) / (sqrt(v / (1 - beta2_t)) + eps)
    return w - rate * (along + weight_decay * w), m, v
