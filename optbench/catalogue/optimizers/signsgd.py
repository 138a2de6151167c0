"""Steps by sign: every coordinate moves by the rate, whatever the size of its gradient.

signSGD, and Signum, which is signSGD with momentum.
"""

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import sign


@optimizer(
    source="Bernstein et al. 2018, Algorithm 1",
    search={"lr": log_uniform(1e-4, 1)},
    search_source="our choice, as for adamw: every coordinate's step has about the size lr",
    equals={
        "optax": "sign_sgd(lr)",
    },
)
def signsgd(w, g, lr):
    """w = w - lr sign(g).

    It comes no nearer to a minimum than about lr a coordinate; on noisy gradients it follows the median, not the mean.
    """
    return w - lr * sign(g)


@optimizer(
    source="Bernstein et al. 2018, Algorithm 2 (Signum)",
    search={"lr": log_uniform(1e-4, 1), "beta1": one_minus_log_uniform(0.02, 0.5)},
    search_source="our choice, as for adamw",
    equals={
        "optax": "signum(lr, beta=beta1)",
        "keras": "Lion(learning_rate=lr, beta_1=beta1, beta_2=beta1) if beta1 > 0 # Keras has no sign without momentum",
    },
    beta1=0.9,
)
def signum(w, g, m, lr, beta1):
    """m = beta1 m + (1 - beta1) g;  w = w - lr sign(m)."""
    m = beta1 * m + (1 - beta1) * g
    return w - lr * sign(m), m
