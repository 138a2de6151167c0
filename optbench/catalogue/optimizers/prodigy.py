"""Prodigy: Adam that estimates its own rate from how far it has come."""

from math import sqrt

from optbench import log_uniform, optimizer
from optbench.kit.scalars import larger


def _factor(d, lr, d0, beta1_t, beta2_t, t):
    """Return the factor of this step: the estimated rate times the schedule's and Adam's two corrections."""
    return lr * (d0 if t == 1 else d) * sqrt(1 - beta2_t) / (1 - beta1_t)


def _progress(w, g, start, t):
    return 0 if t == 1 else g * (start - w)


def _length(g, s, d, lr, beta2, d0, beta1_t, beta2_t, t):
    """Return the term of the new s: a sum of gradients with the weight that the distance gives them."""
    return abs(sqrt(beta2) * s + (d0 if t == 1 else d) / d0 * _factor(d, lr, d0, beta1_t, beta2_t, t) * g)


@optimizer(
    source="Mishchenko & Defazio 2024 (Prodigy, Adam version), bias-corrected as in the authors' code",
    limits={"d0": "(0, inf)"},
    shared=("d", "r"),
    total={"progress": _progress, "length": _length},
    search={"lr": log_uniform(0.1, 10), "d0": log_uniform(1e-8, 1e-3)},
    search_source="our choice, a decade about the authors' lr of 1, and some about their d0 of 1e-6",
    rate_means="a factor of the rate that it estimates",
    equals={"optax": "contrib.prodigy(lr, betas=(beta1, beta2), eps=eps, estim_lr0=d0, weight_decay=weight_decay)"},
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    d0=1e-6,
    weight_decay=0.0,
)
def prodigy(
    w, g, m, v, s, start, d, r, lr, progress, length, beta1, beta2, eps, d0, weight_decay, beta1_t, beta2_t, t
):  # fmt: skip
    """w = w - k m / (sqrt(v) + d eps) - k weight_decay w, with k = lr d sqrt(1 - beta2^t) / (1 - beta1^t).

    m and v average d g and d^2 g^2. The distance d grows from d0, d = max(d, r / |s|_1): r and s are sums, their past
    weighted by sqrt(beta2), of k d g'(start - w) and of k d g (both over d0). All parameters share d. Meant for
    lr = 1 and a schedule. d never falls, and nothing moves until it has grown from d0.
    """
    start = w if t == 1 else start
    d = d0 if t == 1 else d
    k = lr * d * sqrt(1 - beta2_t) / (1 - beta1_t)
    m = beta1 * m + (1 - beta1) * d * g
    v = beta2 * v + (1 - beta2) * d * d * g * g
    s = sqrt(beta2) * s + d / d0 * k * g
    r = sqrt(beta2) * r + d / d0 * k * progress
    d = larger(d, r / length if length > 0 else d)
    return w - k * m / (sqrt(v) + d * eps) - k * weight_decay * w, m, v, s, start, d, r
