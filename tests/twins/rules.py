"""Twins of rules, in plain NumPy, of the lecture and of what no library was recorded at two values of its settings."""

from itertools import count

import numpy as np
from reference.optimizer_rows import POLAR_EXPRESS

from twins.drive import pieces, twin


@twin
def gd(w):
    """Gradient descent (lecture A; Cauchy 1847): w <- w - lr g."""
    while True:
        w, g, lr = yield w
        w = w - lr * g


@twin
def momentum(w, *, beta1=0.9):
    """Momentum as a moving average of the gradient, without bias correction (lecture C1; Polyak 1964 up to scale)."""
    velocity = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        velocity = beta1 * velocity + (1 - beta1) * g
        w = w - lr * velocity


@twin
def nesterov(w, *, beta1=0.9):
    """Nesterov momentum on a moving average, in the points where the gradient is taken.

    Source: Nesterov 1983 as written by Sutskever et al. 2013, eq. 3-4, with the look-ahead point as the variable
    (Bengio et al. 2012, section 3.5) and the velocity scaled by (1 - beta1).
    """
    velocity = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        velocity = beta1 * velocity + (1 - beta1) * g
        w = w - lr * (beta1 * velocity + (1 - beta1) * g)


@twin
def aggmo(w, *, beta1=0.0, beta2=0.9, beta3=0.99):
    """Aggregated momentum (Lucas et al. 2019): v_i <- beta_i v_i - g, w <- w + (lr / K) sum v_i."""
    betas = [beta1, beta2, beta3]
    velocities = [np.zeros_like(w) for _ in betas]
    while True:
        w, g, lr = yield w
        velocities = [beta * v - g for beta, v in zip(betas, velocities, strict=True)]
        w = w + lr / w.dtype.type(len(betas)) * sum(velocities)


@twin
def signum(w, *, beta1=0.9):
    """Bernstein et al. 2018, Algorithm 2 (SIGNUM)."""
    m = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        w = w - lr * np.sign(m)


@twin
def rmsprop(w, *, beta2=0.9, eps=0.0, eps_root=1e-8):
    """RMSProp (Tieleman and Hinton 2012, lecture 6.5), eps inside the root as in our lecture (C2) by default."""
    s = np.zeros_like(w)
    while True:
        w, g, lr = yield w
        s = beta2 * s + (1 - beta2) * g**2
        w = w - lr * g / (np.sqrt(s + eps_root) + eps)


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


def _adam(w, beta1, beta2, eps, eps_root):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        w = w - lr * m_hat / (np.sqrt(v_hat + eps_root) + eps)


@twin
def adam(w, *, beta1=0.9, beta2=0.999, eps=0.0, eps_root=1e-8):
    """Adam (Kingma and Ba 2015, Algorithm 1), eps inside the root as in our lecture (C3) by default."""
    return _adam(w, beta1, beta2, eps, eps_root)


@twin
def adam_torch(w, *, beta1=0.9, beta2=0.999, eps=1e-8, eps_root=0.0):
    """Adam with the paper's and PyTorch's defaults: eps outside the root."""
    return _adam(w, beta1, beta2, eps, eps_root)


@twin
def amsgrad(w, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """Reddi, Kale and Kumar 2018, Algorithm 2, with the bias corrections of torch.optim.Adam(amsgrad=True)."""
    m, v, v_max = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        v_max = np.maximum(v_max, v)
        w = w - lr * m / (1 - beta1**t) / (np.sqrt(v_max / (1 - beta2**t)) + eps)


@twin
def adamax(w, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma and Ba 2015, Algorithm 2; eps beside |g| as in torch.optim.Adamax."""
    m, u = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + eps)
        w = w - lr / (1 - beta1**t) * m / u


@twin
def yogi(w, *, beta1=0.9, beta2=0.999, eps=1e-3, initial=1e-6):
    """Zaheer et al. 2018, Algorithm 2, with Adam's bias corrections."""
    m, v = np.zeros_like(w), np.full_like(w, initial)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = v - (1 - beta2) * np.sign(v - g**2) * g**2
        w = w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


@twin
def adabound(w, *, beta1=0.9, beta2=0.999, final_lr=0.1, gamma=1e-3, eps=1e-8):
    """Luo et al. 2019, Algorithm 2, the bounds and Adam's corrections as in the authors' code."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) / (np.sqrt(v) + eps)
        w = w - np.clip(rate, final_lr * (1 - 1 / (gamma * t + 1)), final_lr * (1 + 1 / (gamma * t))) * m


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
def schedule_free_adamw(w, *, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    v = np.zeros_like(w)

    def direction(g, t):
        nonlocal v
        v = beta2 * v + (1 - beta2) * g**2
        return g / (np.sqrt(v / (1 - beta2**t)) + eps)

    return _schedule_free(w, beta1, weight_decay, direction)


def norm(x):
    return np.sqrt(np.sum(x * x, dtype=x.dtype))


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


def newton_schulz(x, steps, eps, kind=0):
    """Jordan et al. 2024, Amsel et al. 2025, or the convergent quintic iteration, on the smaller side."""
    if x.shape[0] > x.shape[1]:
        return newton_schulz(x.T, steps, eps, kind).T
    x = x / (np.sqrt(np.sum(x * x)) + eps)
    known = [[(3.4445, -4.7750, 2.0315)], [*POLAR_EXPRESS, (1.875, -1.25, 0.375)], [(2.0, -1.5, 0.5)]][int(kind)]
    for k in range(int(steps)):
        a, b, c = known[min(k, len(known) - 1)]
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


@twin
def muon(
    w, blocks, *, beta1=0.95, beta2=0.999, beta_adam=0.9, eps=1e-8, ns_steps=5.0, ns_coefficients=0.0,
    consistent_rms=0.0, vector_rate=1.0, weight_decay=0.0,
):  # fmt: skip
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
                w[at] = w[at] - vector_rate * lr * ahead / (np.sqrt(v[at] / (1 - beta2**t)) + eps)
            else:
                m[at] = beta1 * m[at] + (1 - beta1) * g[at]
                ahead = beta1 * m[at] / (1 - beta1 ** (t + 1)) + (1 - beta1) * g[at] / (1 - beta1**t)
                o = newton_schulz(ahead.reshape(shape), ns_steps, eps, ns_coefficients)
                scale = w.dtype.type(max(1, shape[1] / shape[0]) ** 0.5)
                if consistent_rms > 0:  # an orthogonal matrix has the root mean square 1 / sqrt(its longer side)
                    scale = consistent_rms * w.dtype.type(max(shape) ** 0.5)
                w[at] = w[at] - lr * (scale * o.ravel() + weight_decay * w[at])


@twin
def muon_squared(
    w, blocks, *, beta1=0.95, beta2=0.95, beta_adam=0.8, eps=1e-10, ns_steps=12.0, ns_coefficients=2.0,
    vector_rate=0.1, weight_decay=0.0,
):  # fmt: skip
    """arXiv:2604.09967 as modded-nanogpt has it: Muon of the momentum over the root of the average square."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in count(1):
        w, g, lr = yield w
        w, m = w.copy(), m.copy()
        v = beta2 * v + (1 - beta2) * g**2
        for at, shape in pieces(blocks):
            if shape[1] == 1:
                m[at] = beta_adam * m[at] + (1 - beta_adam) * g[at]
                adam = m[at] / (1 - beta_adam**t) / (np.sqrt(v[at] / (1 - beta2**t)) + eps)
                w[at] = w[at] - vector_rate * lr * adam
                continue
            m[at] = beta1 * m[at] + (1 - beta1) * g[at]
            ahead = (beta1 * m[at] + (1 - beta1) * g[at]) / (np.sqrt(v[at]) + eps)
            o = newton_schulz(ahead.reshape(shape), ns_steps, w.dtype.type(1e-16), ns_coefficients)
            scale = w.dtype.type(max(1, shape[1] / shape[0]) ** 0.5)
            w[at] = w[at] - lr * scale * o.ravel() - lr * weight_decay * w[at]


TWINS = {
    rule.__name__: rule
    for rule in (
        gd, momentum, nesterov, aggmo, signum, rmsprop, rmsprop_centered, rmsprop_momentum, adam, adam_torch, amsgrad,
        adamax, yogi, adabound, schedule_free_adamw, lamb, novograd, mars, prodigy, muon,
        muon_squared,
    )
}  # fmt: skip
