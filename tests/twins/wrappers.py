"""Twins of the wrappers: WRAPPERS[name](twin of the optimizer, its hyperparameters, **own) -> trajectory function."""

import inspect
from itertools import count

import numpy as np

from twins.drive import pieces, twin


def around(wrapper):
    """A wrapper's generator, which gets the wrapped rule as a generator that has begun -> a function like `twin`."""

    def wrap(base, base_values, **own):
        def rule(w, blocks):
            inner = base.start(w, blocks, base_values)
            next(inner)
            values = {name: w.dtype.type(value) for name, value in own.items()}
            more = {"blocks": blocks} if "blocks" in inspect.signature(wrapper).parameters else {}
            return wrapper(w, inner, **more, **values)

        return twin(rule)

    wrap.rule = wrapper
    return wrap


@around
def clip(w, inner, *, norm=1.0):
    """Pascanu, Mikolov and Bengio 2013, Algorithm 1."""
    while True:
        w, g, lr = yield w
        length = np.sqrt(np.sum(g * g, dtype=g.dtype))
        if length > norm:
            g = norm / length * g
        w = inner.send((w, g, lr))


@around
def lookahead(w, inner, *, k=5.0, alpha=0.5):
    """Zhang et al. 2019, Algorithm 1."""
    slow = w
    for t in count(1):
        w, g, lr = yield w, slow
        w = inner.send((w, g, lr))
        if t % k == 0:
            slow = slow + alpha * (w - slow)
            w = slow


@around
def average(w, inner, *, beta=0.99):
    """Lecture B1 and B5: the moving average of the iterates from 0, over 1 - beta^t."""
    v, seen = np.zeros_like(w), w
    for t in count(1):
        w, g, lr = yield w, seen
        w = inner.send((w, g, lr))
        v = beta * v + (1 - beta) * w
        seen = v / (1 - beta**t)


@around
def coupled_decay(w, inner, *, decay=1e-4):
    """Step along the gradient of f + decay |w|^2 / 2."""
    while True:
        w, g, lr = yield w
        w = inner.send((w, g + decay * w, lr))


@around
def decoupled_decay(w, inner, *, decay=0.01):
    """Loshchilov and Hutter 2019, Algorithm 1, the decay multiplied by the rate: it shrinks w first."""
    while True:
        w, g, lr = yield w
        w = inner.send((w, g, lr)) - lr * decay * w


@around
def cautious(w, inner, blocks, *, floor=1e-3, extra=0.0):
    """Liang et al. 2024, Algorithm 1, by block; the authors' C-AdamW divides by the mean of the mask, 1e-3 at least."""
    while True:
        w, g, lr = yield w
        u = w - inner.send((w, g, lr))
        for at, _ in pieces(blocks):
            mask = np.where(u[at] * g[at] > 0, 1, 0).astype(w.dtype)
            u[at] = u[at] * mask / max(mask.mean() + extra / mask.size, floor)
        w = w - u


@around
def cautious_decay(w, inner, *, decay=0.01):
    """Chen et al. 2025: decoupled weight decay where step and weight have one sign."""
    while True:
        w, g, lr = yield w
        u = w - inner.send((w, g, lr))
        w = w - u - lr * decay * np.where(u * w >= 0, w, 0)


@around
def corrected_decay(w, inner, *, decay=0.01):
    """Defazio 2025, AdamC's decay: lr^2 / max lr times w; the largest rate is that of the steps so far."""
    largest = 0
    while True:
        w, g, lr = yield w
        largest = max(largest, lr)
        w = inner.send((w, g, lr)) - lr**2 / largest * decay * w


@around
def hyperball(w, inner, blocks):
    """Wen et al. 2026: each matrix moves by lr times its norm along the direction of the step, and keeps its norm."""
    while True:
        w, g, lr = yield w
        new = inner.send((w, g, lr))
        for at, shape in pieces(blocks):
            if shape[1] > 1:
                r, u = np.linalg.norm(w[at]), w[at] - new[at]
                moved = w[at] - lr * r * u / np.linalg.norm(u)
                new[at] = moved * r / np.linalg.norm(moved)
        w = new


@around
def schedule_free(w, inner, *, blend=0.9):
    """Defazio et al. 2024, equations 1 to 3, around any rule; an iterate weighs its squared highest rate."""
    z, x, largest, total = w, w, 0, 0
    while True:
        _, g, lr = yield w, x
        z = inner.send((z, g, lr))
        largest = max(largest, lr)
        total = total + largest**2
        c = largest**2 / total
        x = (1 - c) * x + c * z
        w = (1 - blend) * z + blend * x


@around
def sam(w, inner, *, rho=0.05):
    """Foret et al. 2021, Algorithm 1; the gradient beside w, which a twin is not given, is g plus the way there."""
    while True:
        w, g, lr = yield w
        w = inner.send((w, g + rho * g / np.linalg.norm(g), lr))


@around
def asam(w, inner, *, rho=0.5):
    """Kwon et al. 2021, Algorithm 1 with eta = 0; the gradient there as for sam."""
    while True:
        w, g, lr = yield w
        w = inner.send((w, g + rho * w**2 * g / np.linalg.norm(w * g), lr))


@around
def mechanic(w, inner, *, decay_scale=0.01, s0=1e-6, tuner_eps=1e-8):
    """Cutkosky, Defazio and Mehta 2023, Algorithm 1, with delta kept, and h clipped to the largest before."""
    betas = (1 - 0.1 ** np.arange(1, 7)).astype(w.dtype)
    m, v, r, s = (np.zeros_like(betas) for _ in range(4))
    s, start, norm = s + s0, w, np.linalg.norm
    while True:
        w, g, lr = yield w
        delta = (start - w) / (sum(s) + tuner_eps)
        h = np.sum(delta * (g + decay_scale * sum(s) * norm(g) / (norm(w) + tuner_eps) * w))
        r = betas * r + np.clip(h, -m, m) * s
        m = np.maximum(betas * m, abs(h) + tuner_eps)
        v = betas**2 * v + h**2
        s = (s0 / 6 * m + np.maximum(r, 0)) / (np.sqrt(v) + tuner_eps)
        w = start - sum(s) * (delta + w - inner.send((w, g, lr)))


_ALL = (
    clip, lookahead, average, coupled_decay, decoupled_decay, cautious, cautious_decay, corrected_decay, hyperball,
    schedule_free, sam, asam, mechanic,
)  # fmt: skip
WRAPPERS = {wrapper.rule.__name__: wrapper for wrapper in _ALL}
