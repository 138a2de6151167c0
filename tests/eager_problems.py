"""Problems in plain Python for the tests of eager steps: least squares on a matrix and a vector, and their data."""

import numpy as np

from optbench.contract.problems import Problem

RNG = np.random.default_rng(5)
X, TARGET = RNG.standard_normal((40, 3)), RNG.standard_normal(40)


def two_layers(w, g, x, y):
    """mean (tanh(x A) c - y)^2 / 2 of A (3, 2), c (2,)."""
    a, c = w[:6].reshape(3, 2), w[6:]
    hidden = np.tanh(x @ a)
    error = (hidden @ c - y) / len(y)
    g[6:] = hidden.T @ error
    g[:6] = (x.T @ (np.outer(error, c) * (1 - hidden**2))).ravel()
    return 0.5 * len(y) * float(error @ error)


def one_matrix(w, g, x, y):
    """mean |x A|^2 / 2 - y sum(x A) of A (3, 2)."""
    out = x @ w.reshape(3, 2)
    error = (out - y[:, None]) / len(y)
    g[:] = (x.T @ error).ravel()
    return 0.5 * len(y) * float((error**2).sum())


def learned(function=two_layers, blocks=((3, 2), (2,)), **more):
    """Return the problem of a function above, in plain Python."""
    dim = int(sum(np.prod(shape) for shape in blocks))
    return Problem(
        "single", dim, lambda rng: rng.standard_normal(dim), function, 0.0, "a bound", blocks=blocks,
        data=(X, TARGET), eager=True, name=function.__name__, **more
    )  # fmt: skip
