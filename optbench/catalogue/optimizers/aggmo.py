"""Momentum: an average or a sum of gradients, Nesterov's look-ahead on it, and several of them at once.

AggMo: several at once.
"""

from optbench import log_uniform, optimizer


@optimizer(
    source="Lucas et al. 2019 with K = 3 and their default damping",
    search={"lr": log_uniform(3e-5, 10)},
    search_source="our choice, best at 1e-4 to 3 on the shipped problems; the authors keep their damping",
    beta1=0.0,
    beta2=0.9,
    beta3=0.99,
)
def aggmo(w, g, u, v, s, lr, beta1, beta2, beta3):
    """u = beta1 u + g, v = beta2 v + g, s = beta3 s + g;  w = w - lr (u + v + s) / 3.

    Aggregated momentum. Sums like `heavy_ball`, each with its own damping: the slow ones speed up flat directions,
    the fast ones damp the oscillation of the slow ones.
    """
    u = beta1 * u + g
    v = beta2 * v + g
    s = beta3 * s + g
    return w - lr * (u + v + s) / 3, u, v, s
