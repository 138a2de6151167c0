"""A rate for every coordinate, over the root of the squares of its gradients.

AdaGrad: rates that only fall. RMSProp: an exponentially weighted average. AdaDelta: AdaGrad that forgets, and needs no
rate.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer, variant
from optbench.kit.scalars import larger


@optimizer(
    source="Duchi, Hazan & Singer 2011, diagonal form (Fig. 1)",
    search={"lr": log_uniform(1e-3, 10)},
    search_source="1e-4 to 1 in Schmidt et al. 2021; a decade higher here: best at 0.1 to 3 on shipped problems",
    equals={
        "torch": "Adagrad(lr=lr, eps=eps)",
        "optax": "adagrad(lr, initial_accumulator_value=0.0, eps=0.0) if eps == 0 # optax adds eps inside the root",
        "keras": (
            "Adagrad(learning_rate=lr, initial_accumulator_value=0.0, epsilon=0.0) if eps == 0 # Keras adds "
            "epsilon inside the root"
        ),
    },
    eps=1e-10,
)
def adagrad(w, g, s, lr, eps):
    """s = s + g^2;  w = w - lr g / (sqrt(s) + eps)."""
    s = s + g * g
    return w - lr * g / (sqrt(s) + eps), s


@optimizer(
    source="lecture C2; Hinton 2012, lecture 6e",
    search={"lr": log_uniform(1e-4, 1), "beta2": one_minus_log_uniform(1e-3, 0.2)},
    search_source="lr: Schmidt et al. 2021; beta2 as for adamw",
    equals={
        "torch": (
            "RMSprop(lr=lr, alpha=beta2, eps=eps) if eps_root == 0 # PyTorch adds eps outside the root, here "
            "eps_root stands inside"
        ),
        "optax": (
            "rmsprop(lr, decay=beta2, eps=eps_root) if eps == 0 else rmsprop(lr, decay=beta2, eps=eps, "
            "eps_in_sqrt=False) if eps_root == 0 # optax has one eps, inside the root or outside"
        ),
        "keras": (
            "RMSprop(learning_rate=lr, rho=beta2, epsilon=eps_root) if eps == 0 # Keras adds epsilon inside the "
            "root, here eps stands outside"
        ),
    },
    beta2=0.9,
    eps=0.0,
    eps_root=1e-8,
)
def rmsprop(w, g, s, lr, beta2, eps, eps_root):
    """s = beta2 s + (1 - beta2) g^2;  w = w - lr g / (sqrt(s + eps_root) + eps).

    The lecture puts eps inside the root (eps_root), PyTorch outside (eps).
    """
    s = beta2 * s + (1 - beta2) * g * g
    return w - lr * g / (sqrt(s + eps_root) + eps), s


rmsprop_torch = variant(
    rmsprop, "rmsprop_torch", source="torch.optim.RMSprop (alpha is beta2)", beta2=0.99, eps=1e-8, eps_root=0.0
)


@optimizer(
    source="Graves 2013 without its momentum; torch.optim.RMSprop(centered=True)",
    search={"lr": log_uniform(1e-4, 1), "beta2": one_minus_log_uniform(1e-3, 0.2)},
    search_source="as for rmsprop",
    equals={
        "torch": "RMSprop(lr=lr, alpha=beta2, eps=eps, centered=True)",
        "optax": "rmsprop(lr, decay=beta2, eps=eps, eps_in_sqrt=False, centered=True)",
        "keras": (
            "RMSprop(learning_rate=lr, rho=beta2, epsilon=0.0, centered=True) if eps == 0 # Keras adds epsilon "
            "inside the root, here eps stands outside"
        ),
    },
    beta2=0.99,
    eps=1e-8,
)
def rmsprop_centered(w, g, m, s, lr, beta2, eps):
    """m, s average g and g^2 with beta2;  w = w - lr g / (sqrt(s - m^2) + eps).

    It divides by the standard deviation. Where the gradient hardly changes that is 0 up to rounding, and the step
    is as long as eps lets it be; PyTorch gives NaN where rounding makes s < m^2, here that counts as 0.
    """
    m = beta2 * m + (1 - beta2) * g
    s = beta2 * s + (1 - beta2) * g * g
    return w - lr * g / (sqrt(larger(0, s - m * m)) + eps), m, s


@optimizer(
    source="torch.optim.RMSprop(momentum); TensorFlow's RMSProp",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="as for rmsprop, beta1 as for adamw",
    equals={
        "torch": "RMSprop(lr=lr, alpha=beta2, eps=eps, momentum=beta1)",
        "optax": (
            "chain(scale_by_rms(decay=beta2, eps=eps, eps_in_sqrt=False), trace(decay=beta1), "
            "scale_by_learning_rate(lr))"
        ),
        "keras": (
            "RMSprop(learning_rate=lr, rho=beta2, epsilon=0.0, momentum=beta1) if constant and eps == 0 # Keras "
            "adds epsilon inside the root, and has the rate inside the momentum"
        ),
    },
    beta1=0.9,
    beta2=0.99,
    eps=1e-8,
)
def rmsprop_momentum(w, g, m, s, lr, beta1, beta2, eps):
    """s averages g^2;  m = beta1 m + g / (sqrt(s) + eps);  w = w - lr m.

    Momentum over the scaled gradients, a sum like that of `heavy_ball`.
    """
    s = beta2 * s + (1 - beta2) * g * g
    m = beta1 * m + g / (sqrt(s) + eps)
    return w - lr * m, m, s


@optimizer(
    source="Zeiler 2012, Algorithm 1; torch.optim.Adadelta (rho is beta2)",
    search={"lr": log_uniform(0.1, 100), "beta2": one_minus_log_uniform(0.01, 0.1), "eps": log_uniform(1e-8, 1e-2)},
    search_source="beta2, eps: the ends of Zeiler 2012, Table 2; lr, 1 there: best at 3 to 30 on shipped problems",
    rate_means="a factor of steps whose size it finds by itself",
    equals={
        "torch": "Adadelta(lr=lr, rho=beta2, eps=eps)",
        "optax": "adadelta(lr, rho=beta2, eps=eps)",
        "keras": "Adadelta(learning_rate=lr, rho=beta2, epsilon=eps)",
    },
    beta2=0.9,
    eps=1e-6,
)
def adadelta(w, g, s, d, lr, beta2, eps):
    """s averages g^2;  step = sqrt(d + eps) / sqrt(s + eps) g;  w = w - lr step;  d averages step^2.

    The step has the unit of w, so the paper has no rate: lr = 1. The first steps are of size sqrt(eps).
    """
    s = beta2 * s + (1 - beta2) * g * g
    step = sqrt(d + eps) / sqrt(s + eps) * g
    return w - lr * step, s, beta2 * d + (1 - beta2) * step * step
