"""Twins of the wrappers: WRAPPERS[name](twin of the optimizer, its hyperparameters, **own) -> trajectory function."""

from itertools import count

import numpy as np

from twins.drive import twin


def around(wrapper):
    """A wrapper's generator, which gets the wrapped rule as a generator that has begun -> a function like `twin`."""

    def wrap(base, base_values, **own):
        def rule(w, blocks):
            inner = base.start(w, blocks, base_values)
            next(inner)
            return wrapper(w, inner, **{name: w.dtype.type(value) for name, value in own.items()})

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


WRAPPERS = {wrapper.rule.__name__: wrapper for wrapper in (clip, lookahead, average, coupled_decay, decoupled_decay)}
