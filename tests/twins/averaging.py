"""Twins of the rules that report an average of their iterates: they yield (w, reported)."""

from itertools import count

import numpy as np

from twins.drive import twin


@twin
def asgd(w, *, lambd=1e-4, alpha=0.75, t0=0.0):
    """torch.optim.ASGD, from its source: eta and mu are those set at the end of the step before."""
    real = w.dtype.type
    ax, eta, mu = np.zeros_like(w), None, real(1)
    for t in count(1):
        w, g, lr = yield w, ax
        eta = lr if eta is None else lr / (1 + lambd * lr * (t - 1)) ** alpha
        w = w * (1 - lambd * eta) - eta * g
        ax = w if mu == 1 else ax + mu * (w - ax)
        mu = 1 / max(real(1), t - t0)


def _schedule_free(w, beta1, weight_decay, direction):
    """Defazio et al. 2024, with weights of the largest rate so far, squared."""
    x, z, rates = w, w, []
    for t in count(1):
        y, g, lr = yield (1 - beta1) * z + beta1 * x, x
        rates.append(max([lr, *rates]))
        weights = [rate**2 for rate in rates]
        c = weights[-1] / sum(weights)
        z = z - lr * (direction(g, t) + weight_decay * y)
        x = (1 - c) * x + c * z


@twin
def schedule_free_sgd(w, *, beta1=0.9, weight_decay=0.0):
    return _schedule_free(w, beta1, weight_decay, lambda g, t: g)


@twin
def schedule_free_adamw(w, *, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    v = np.zeros_like(w)

    def direction(g, t):
        nonlocal v
        v = beta2 * v + (1 - beta2) * g**2
        return g / (np.sqrt(v / (1 - beta2**t)) + eps)

    return _schedule_free(w, beta1, weight_decay, direction)


TWINS = {rule.__name__: rule for rule in (asgd, schedule_free_sgd, schedule_free_adamw)}
