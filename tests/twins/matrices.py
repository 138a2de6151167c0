"""Twins of the rules that treat a parameter block as a matrix."""

from itertools import count

import numpy as np

from twins.drive import pieces, twin


def rms(x):
    return np.sqrt(np.mean(x * x, dtype=x.dtype))


@twin
def adafactor(w, blocks, *, beta2_decay=0.8, eps1=1e-15, eps2=1e-3, threshold=1.0, weight_decay=0.0):
    """Shazeer and Stern 2018, Algorithms 4 (matrices) and 5 (vectors), in the variant of torch.optim.Adafactor."""
    real = w.dtype.type
    state = {}
    for t in count(1):
        w, g, lr = yield w
        w = w.copy()
        fresh = real(t) ** -beta2_decay
        for k, (at, shape) in enumerate(pieces(blocks)):
            square = g[at].reshape(shape) ** 2
            if shape[1] == 1:
                old = state.get(k, np.zeros_like(square))
                state[k] = second = (1 - fresh) * old + fresh * square
            else:
                rows, columns = state.get(k, (real(0), real(0)))
                rows = (1 - fresh) * rows + fresh * square.mean(axis=1, keepdims=True)
                columns = (1 - fresh) * columns + fresh * square.mean(axis=0, keepdims=True)
                state[k] = rows, columns
                second = rows @ columns / max(np.mean(rows), eps1)
            u = g[at] / np.sqrt(np.maximum(second, eps1**2)).ravel()
            u = u / max(real(1), rms(u) / threshold)
            alpha = max(eps2, rms(w[at])) * min(lr, 1 / np.sqrt(real(t)))
            w[at] = w[at] - lr * weight_decay * w[at] - alpha * u


def newton_schulz(x, steps, eps):
    """Jordan et al. 2024: the quintic iteration on the smaller side."""
    if x.shape[0] > x.shape[1]:
        return newton_schulz(x.T, steps, eps).T
    x = x / (np.sqrt(np.sum(x * x)) + eps)
    for _ in range(int(steps)):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


@twin
def muon(w, blocks, *, beta1=0.95, beta2=0.999, beta_adam=0.9, eps=1e-8, ns_steps=5.0, weight_decay=0.0):
    """Jordan et al. 2024 with the Nesterov and bias terms of optax.contrib.muon; Adam with them for vectors."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        w, m, v = w.copy(), m.copy(), v.copy()
        for at, shape in pieces(blocks):
            if shape[1] == 1:
                m[at] = beta_adam * m[at] + (1 - beta_adam) * g[at]
                v[at] = beta2 * v[at] + (1 - beta2) * g[at] ** 2
                ahead = beta_adam * m[at] / (1 - beta_adam ** (t + 1)) + (1 - beta_adam) * g[at] / (1 - beta_adam**t)
                w[at] = w[at] - lr * ahead / (np.sqrt(v[at] / (1 - beta2**t)) + eps)
            else:
                m[at] = beta1 * m[at] + (1 - beta1) * g[at]
                ahead = beta1 * m[at] / (1 - beta1 ** (t + 1)) + (1 - beta1) * g[at] / (1 - beta1**t)
                o = newton_schulz(ahead.reshape(shape), ns_steps, eps)
                scale = w.dtype.type(max(1, shape[1] / shape[0]) ** 0.5)
                w[at] = w[at] - lr * (scale * o.ravel() + weight_decay * w[at])


def inverse_root(matrix, power):
    """matrix^(-1/power) by its singular values."""
    u, s, _ = np.linalg.svd(matrix, hermitian=True)
    return (u * s ** (-1 / power)) @ u.T


@twin
def shampoo(w, blocks, *, eps=1e-6, every=1.0):
    """Gupta, Koren and Singer 2018, Algorithm 1; a vector by its diagonal, which is AdaGrad."""
    real = w.dtype.type
    state = {}
    for t in count(1):
        w, g, lr = yield w
        w = w.copy()
        for k, (at, shape) in enumerate(pieces(blocks)):
            if shape[1] == 1:
                state[k] = state.get(k, 0) + g[at] ** 2
                w[at] = w[at] - lr * g[at] / np.sqrt(state[k] + eps)
                continue
            if k not in state:
                state[k] = [eps * np.eye(n, dtype=real) for n in shape] + [None, None]
            left, right, left_root, right_root = state[k]
            gradient = g[at].reshape(shape)
            left, right = left + gradient @ gradient.T, right + gradient.T @ gradient
            if (t - 1) % every == 0:
                left_root, right_root = inverse_root(left, 4), inverse_root(right, 4)
            state[k] = left, right, left_root, right_root
            w[at] = w[at] - lr * (left_root @ gradient @ right_root).ravel()


TWINS = {rule.__name__: rule for rule in (adafactor, muon, shampoo)}
