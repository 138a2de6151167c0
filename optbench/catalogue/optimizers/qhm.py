"""Quasi-hyperbolic momentum: a step along a mixture of the gradient and its average.

QHM: the mixture alone.
"""

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
