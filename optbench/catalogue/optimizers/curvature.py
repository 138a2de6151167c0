"""Rules that scale each parameter's step by the curvature there, which a second gradient shows: AdaHessian."""

from math import sqrt

from optbench import Look, log_uniform, one_minus_log_uniform, optimizer


def _aside(w, difference, rademacher):
    """Return w + difference z, z of ones with random signs."""
    return w + difference * rademacher


@optimizer(
    source="Yao et al. 2021 (AdaHessian), Algorithm 1, without its average over the weights of a filter",
    look=Look(_aside),
    limits={"difference": "(0, inf)"},
    search={
        "lr": log_uniform(1e-3, 10),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="lr two decades about pytorch_optimizer's default of 0.1; the rest as for adamw",
    beta1=0.9,
    beta2=0.999,
    eps=1e-4,
    weight_decay=0.0,
    difference=1e-4,
)
def adahessian(
    w, g, m, v, ahead, lr, beta1, beta2, eps, weight_decay, difference, beta1_t, beta2_t, rademacher
):  # fmt: skip
    """w = w - lr ((m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w);  v averages (z Hz)^2.

    z Hz, with random signs z, is the diagonal of the Hessian and noise of mean 0 (Hutchinson). Hz is the difference of
    two gradients of the mini-batch, (f'(w + difference z) - f'(w)) / difference; the authors differentiate twice, which
    is the same for a quadratic. A step takes two gradients, and so twice the samples. The power of the root is 1, and
    eps is added to it; pytorch_optimizer's eps is 1e-16.
    """
    curvature = rademacher * (ahead - g) / difference
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * curvature * curvature
    return w - lr * (m / (1 - beta1_t) / (sqrt(v / (1 - beta2_t)) + eps) + weight_decay * w), m, v, ahead
