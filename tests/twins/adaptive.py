"""Twins of the rules that scale every coordinate by its own gradients, up to Adam."""

from itertools import count

import numpy as np

from twins.drive import twin


@twin
def adagrad(w, *, eps=1e-10):
    """AdaGrad, diagonal form (Duchi, Hazan and Singer 2011, figure 1): divide by the root of the sum of squares."""
    total = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        total = total + g * g
        w = w - lr * g / (np.sqrt(total) + eps)


@twin
def adadelta(w, *, beta2=0.9, eps=1e-6):
    """Zeiler 2012, Algorithm 1, its step multiplied by the rate."""
    square, moved = np.zeros_like(w), np.zeros_like(w)
    while True:
        w, g, lr = yield w
        square = beta2 * square + (1 - beta2) * g**2
        step = -np.sqrt(moved + eps) / np.sqrt(square + eps) * g
        moved = beta2 * moved + (1 - beta2) * step**2
        w = w + lr * step


def _rmsprop(w, beta2, eps, eps_root):
    s = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        s = beta2 * s + (1 - beta2) * g**2
        w = w - lr * g / (np.sqrt(s + eps_root) + eps)


@twin
def rmsprop(w, *, beta2=0.9, eps=0.0, eps_root=1e-8):
    """RMSProp (Tieleman and Hinton 2012, lecture 6.5), eps inside the root as in our lecture (C2) by default."""
    return _rmsprop(w, beta2, eps, eps_root)


@twin
def rmsprop_torch(w, *, beta2=0.99, eps=1e-8, eps_root=0.0):
    """RMSProp with the defaults of torch.optim.RMSprop (its `alpha` is beta2): eps outside the root."""
    return _rmsprop(w, beta2, eps, eps_root)


@twin
def rmsprop_centered(w, *, beta2=0.99, eps=1e-8):
    """Graves 2013: the mean square less the squared mean; eps as in torch.optim.RMSprop."""
    n, m = np.zeros_like(w), np.zeros_like(w)
    while True:
        w, g, lr = yield w
        n = beta2 * n + (1 - beta2) * g**2
        m = beta2 * m + (1 - beta2) * g
        w = w - lr * g / (np.sqrt(np.maximum(n - m**2, 0)) + eps)


@twin
def rmsprop_momentum(w, *, beta1=0.9, beta2=0.99, eps=1e-8):
    """torch.optim.RMSprop with momentum, from the algorithm in its documentation."""
    v, b = np.zeros_like(w), np.zeros_like(w)
    while True:
        w, g, lr = yield w
        v = beta2 * v + (1 - beta2) * g**2
        b = beta1 * b + g / (np.sqrt(v) + eps)
        w = w - lr * b


def _adam(w, beta1, beta2, eps, eps_root, weight_decay=0):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        w = w - lr * weight_decay * w - lr * m_hat / (np.sqrt(v_hat + eps_root) + eps)


@twin
def adam(w, *, beta1=0.9, beta2=0.999, eps=0.0, eps_root=1e-8):
    """Adam (Kingma and Ba 2015, Algorithm 1), eps inside the root as in our lecture (C3) by default."""
    return _adam(w, beta1, beta2, eps, eps_root)


@twin
def adam_torch(w, *, beta1=0.9, beta2=0.999, eps=1e-8, eps_root=0.0):
    """Adam with the paper's and PyTorch's defaults: eps outside the root."""
    return _adam(w, beta1, beta2, eps, eps_root)


@twin
def adamw(w, *, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    """Loshchilov and Hutter 2019, Algorithm 2, the decay multiplied by the rate."""
    return _adam(w, beta1, beta2, eps, w.dtype.type(0), weight_decay)


TWINS = {
    rule.__name__: rule
    for rule in (
        adagrad, adadelta, rmsprop, rmsprop_torch, rmsprop_centered, rmsprop_momentum, adam, adam_torch, adamw,
    )
}  # fmt: skip
