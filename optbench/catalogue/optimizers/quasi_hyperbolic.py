"""Quasi-hyperbolic momentum: a step along a mixture of the gradient and its average.

QHM: the mixture alone. QHAdam: in Adam, for g and for g^2.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer, uniform


@optimizer(
    source="Ma & Yarats 2019 (QHM) and their default values",
    limits={"nu": "[0, 1]"},
    search={"lr": log_uniform(1e-3, 30), "beta1": one_minus_log_uniform(1e-4, 0.1), "nu": uniform(0, 1)},
    search_source="lr as for momentum; beta1, nu our choice, about the authors' values",
    beta1=0.999,
    nu=0.7,
)
def qhm(w, g, m, lr, beta1, nu):
    """m = beta1 m + (1 - beta1) g;  w = w - lr ((1 - nu) g + nu m).

    nu = 0 is gradient descent, nu = 1 is `momentum`, nu = beta1 is `nesterov`.
    """
    m = beta1 * m + (1 - beta1) * g
    return w - lr * ((1 - nu) * g + nu * m), m


@optimizer(
    source="Ma & Yarats 2019 (QHAdam) and their default values",
    limits={"nu1": "[0, 1]", "nu2": "[0, 1]"},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(1e-3, 0.2),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "nu1": uniform(0, 1),
    },
    search_source="lr, beta2 as for adamw; beta1, nu1 our choice, about the authors' values",
    beta1=0.995,
    beta2=0.999,
    nu1=0.7,
    nu2=1.0,
    eps=1e-8,
)
def qhadam(w, g, m, v, lr, beta1, beta2, nu1, nu2, eps, beta1_t, beta2_t):
    """w = w - lr ((1 - nu1) g + nu1 m') / (sqrt((1 - nu2) g^2 + nu2 v') + eps), m' and v' Adam's corrected averages.

    nu1 = nu2 = 1 is Adam.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    along = (1 - nu1) * g + nu1 * m / (1 - beta1_t)
    square = (1 - nu2) * g * g + nu2 * v / (1 - beta2_t)
    return w - lr * along / (sqrt(square) + eps), m, v
