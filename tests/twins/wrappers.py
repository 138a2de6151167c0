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


_ALL = (
    clip, lookahead, average, coupled_decay, decoupled_decay, cautious, cautious_decay, corrected_decay, hyperball
)  # fmt: skip
WRAPPERS = {wrapper.rule.__name__: wrapper for wrapper in _ALL}
