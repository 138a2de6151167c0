"""Twins of the rules that use norms, of a parameter block or of all parameters."""

from itertools import count

import numpy as np

from twins.drive import pieces, twin


def norm(x):
    return np.sqrt(np.sum(x * x, dtype=x.dtype))


@twin
def lars(w, blocks, *, beta1=0.9, trust=0.001, weight_decay=0.0, eps=0.0):
    """You, Gitman and Ginsburg 2017, Algorithm 1, block by block."""
    v = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        w, v = w.copy(), v.copy()
        for at, _ in pieces(blocks):
            local = trust * norm(w[at]) / (norm(g[at]) + weight_decay * norm(w[at]) + eps)
            v[at] = beta1 * v[at] + lr * local * (g[at] + weight_decay * w[at])
            w[at] = w[at] - v[at]


@twin
def lamb(w, blocks, *, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01):
    """You et al. 2020, Algorithm 2, phi the identity, block by block."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
        w = w.copy()
        for at, _ in pieces(blocks):
            u = r[at] + weight_decay * w[at]
            w[at] = w[at] - lr * norm(w[at]) / norm(u) * u


@twin
def novograd(w, blocks, *, beta1=0.95, beta2=0.98, eps=1e-8, weight_decay=0.0):
    """Ginsburg et al. 2019, Algorithm 1, layer by layer."""
    m, v = np.zeros_like(w), None
    while True:
        w, g, lr = yield w
        squares = [np.sum(g[at] ** 2) for at, _ in pieces(blocks)]
        v = squares if v is None else [beta2 * a + (1 - beta2) * b for a, b in zip(v, squares, strict=True)]
        m = m.copy()
        for (at, _), second in zip(pieces(blocks), v, strict=True):
            m[at] = beta1 * m[at] + (g[at] / (np.sqrt(second) + eps) + weight_decay * w[at])
        w = w - lr * m


@twin
def mars(w, blocks, *, beta1=0.95, beta2=0.99, gamma=0.025, eps=1e-8, weight_decay=0.0):
    """Yuan et al. 2024, Algorithm 2, with the gradient of the step before (0 before the first)."""
    m, v, last = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        c = g + gamma * beta1 / (1 - beta1) * (g - last)
        for at, _ in pieces(blocks):
            if norm(c[at]) > 1:
                c[at] = c[at] / norm(c[at])
        m = beta1 * m + (1 - beta1) * c
        v = beta2 * v + (1 - beta2) * c**2
        w = w - lr * (m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps) + weight_decay * w)
        last = g


@twin
def prodigy(w, *, beta1=0.9, beta2=0.999, eps=1e-8, d0=1e-6, weight_decay=0.0):
    """Mishchenko and Defazio 2024, the Adam version, with the corrections and the scale 1 / d0 of the authors' code."""
    w0, d, r = w, d0, w.dtype.type(0)
    m, v, s = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        gamma = lr * d * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        m = beta1 * m + (1 - beta1) * d * g
        v = beta2 * v + (1 - beta2) * d**2 * g**2
        r = np.sqrt(beta2) * r + gamma * d / d0 * np.sum(g * (w0 - w))
        s = np.sqrt(beta2) * s + gamma * d / d0 * g
        if np.sum(np.abs(s)) > 0:
            d = max(d, r / np.sum(np.abs(s)))
        w = w - gamma * weight_decay * w - gamma * m / (np.sqrt(v) + d * eps)


TWINS = {rule.__name__: rule for rule in (lars, lamb, novograd, mars, prodigy)}
