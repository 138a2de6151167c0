"""Adam with another scale in place of the average of g^2.

ADOPT: the average of the steps before, which does not know the gradient that it divides.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import clipped, larger


@optimizer(
    source="Taniguchi et al. 2024 (ADOPT, with clipping)",
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-5, 0.1),
    },
    search_source="lr, beta1 as for adamw; beta2 our choice, about the authors' 0.9999",
    equals={
        "optax": "contrib.adopt(lr, b1=beta1, b2=beta2, eps=eps)",
    },
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
