"""AdaDelta: AdaGrad that forgets, and needs no rate."""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer


@optimizer(
    source="Zeiler 2012, Algorithm 1; torch.optim.Adadelta (rho is beta2)",
    search={"lr": log_uniform(0.1, 100), "beta2": one_minus_log_uniform(0.01, 0.1), "eps": log_uniform(1e-8, 1e-2)},
    search_source="beta2, eps: the ends of Zeiler 2012, Table 2; lr, 1 there: best at 3 to 30 on shipped problems",
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
