"""The way to write and run a twin: a generator, which yields its point and is sent what it needs there.

    @twin
    def gd(w):
        while True:
            w, g, lr = yield w
            w = w - lr * g

It yields w, or the pair (w, reported iterate), and is sent w again (a wrapper may have changed it), the gradient there
and the rate. Its positional arguments are the start and, where it asks for them, `blocks`: shapes of the parameter
blocks; its keywords are the hyperparameters, which come in the dtype of w, as everything does.

    TWINS[name](w, gradients, lr, blocks=None, reported=False, **hyperparameters) -> trajectory

`w`          start point, shape (dim,). Its dtype is the dtype of all arithmetic: float32 stays float32.
`gradients`  array (steps, dim), or a function w -> gradient that is asked at the current point.
`lr`         the rate: a scalar, or an array (steps,), one rate a step. With a function for `gradients` it must be an
             array, because its length is then the only thing that says how many steps to take.
`trajectory` array (steps + 1, dim), whose row 0 is the start: of w, or of what the rule reports.
"""

import functools
import inspect

import numpy as np


def twin(rule):
    """Return the function described above, of a generator; `.start(w, blocks, hyperparameters)` begins one by hand."""
    known = inspect.signature(rule).parameters

    def start(w, blocks=None, hyperparameters=None):
        values = {p.name: p.default for p in known.values() if p.kind is p.KEYWORD_ONLY} | (hyperparameters or {})
        values = {name: w.dtype.type(value) for name, value in values.items()}
        return rule(w, blocks or ((w.size,),), **values) if "blocks" in known else rule(w, **values)

    @functools.wraps(rule)
    def trajectory(w, gradients, lr, *, blocks=None, reported=False, **hyperparameters):
        w = np.array(w)
        w = w if w.dtype == np.float32 else w.astype(np.float64)
        return follow(start(w, blocks, hyperparameters), w, gradients, lr, reported)

    trajectory.start = start
    return trajectory


def follow(running, w, gradients, lr, reported=False):
    """Return the trajectory of a generator that has not begun."""
    if callable(gradients) and np.ndim(lr) == 0:
        raise ValueError("with a function for the gradients, give one rate a step: lr of shape (steps,)")
    count = len(lr) if callable(gradients) else len(gradients)
    rates = np.broadcast_to(np.asarray(lr, dtype=w.dtype), (count,))
    at, seen = _both(next(running))
    path = [(at, at)]
    for k in range(count):
        g = gradients(at.copy()) if callable(gradients) else gradients[k]
        at, seen = _both(running.send((at, np.asarray(g, dtype=w.dtype), rates[k])))
        path.append((at, seen))
    return np.array([pair[reported] for pair in path])


def _both(yielded):
    return yielded if isinstance(yielded, tuple) else (yielded, yielded)


def pieces(blocks):
    """The slice of each block in the vector of all parameters, and its shape as a matrix (a vector's is (n, 1))."""
    made, at = [], 0
    for shape in blocks:
        size = int(np.prod(shape))
        made.append((slice(at, at + size), (shape[0], size // shape[0])))
        at += size
    return made
