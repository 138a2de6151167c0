"""Adam with another scale in place of the average of g^2.

AdaBelief: how far gradients are from their average. AdaMax: the largest |g|, fading. ADOPT: the average before this
step, which does not know the gradient that it divides. AMSGrad: the largest average so far. Yogi: an average that moves
by a bounded amount a step.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import clipped, larger, sign

_SEARCH = {
    "lr": log_uniform(1e-4, 1),
    "beta1": one_minus_log_uniform(0.02, 0.5),
    "beta2": one_minus_log_uniform(1e-3, 0.2),
}
"""The ranges of most rules of this file."""


@optimizer(
    source="Zhuang et al. 2020, Algorithm 2",
    search=_SEARCH,
    search_source="lr, beta2: Schmidt et al. 2021; beta1: AdamW in Dahl et al. 2023",
    equals={"optax": "adabelief(lr, b1=beta1, b2=beta2, eps=eps, eps_root=eps_root)"},
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


@optimizer(
    source="Kingma & Ba 2015, Algorithm 2; torch.optim.Adamax",
    search=_SEARCH,
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


@optimizer(
    source="Taniguchi et al. 2024 (ADOPT, with clipping)",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-5, 0.1),
    },
    search_source="lr, beta1 as for adamw; beta2 our choice, about the authors' 0.9999",
    equals={"optax": "contrib.adopt(lr, b1=beta1, b2=beta2, eps=eps)"},
    beta1=0.9,
    beta2=0.9999,
    eps=1e-6,
)
def adopt(w, g, m, v, lr, beta1, beta2, eps, t):
    """n = g / max(sqrt(v), eps) within +-(t - 1)^(1/4);  m averages n;  w = w - lr m;  then v averages g^2.

    The gradient is divided by the v of the steps before it, so that the two are independent: then it converges for
    any beta2. The first step only sets v = g^2 and moves nothing.
    """
    limit = sqrt(sqrt(t - 1))
    m = beta1 * m + (1 - beta1) * clipped(g / larger(eps, sqrt(v)), -limit, limit)
    return w - lr * m, m, g * g if t == 1 else beta2 * v + (1 - beta2) * g * g


@optimizer(
    source="Reddi, Kale & Kumar 2018, Algorithm 2, bias-corrected as in torch.optim.Adam(amsgrad=True)",
    search=_SEARCH,
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


@optimizer(
    source="Zaheer et al. 2018, Algorithm 2, bias-corrected as in optax",
    limits={"initial": "[0, inf)"},
    search=_SEARCH,
    search_source="as for adamw",
    equals={
        "optax": (
            "chain(scale_by_yogi(b1=beta1, b2=beta2, eps=eps, initial_accumulator_value=0.0), "
            "scale_by_learning_rate(lr)) if initial == 0 # optax starts both averages at one value"
        )
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
