"""Linear models: the first and the last part of their kernels, which are common to all, and their record.

A kernel calls ``scores``, ``penalize`` and ``finish`` by name, like a function of its own file.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from optbench import datasets
from optbench.contract.architecture import Architecture, Loss
from optbench.contract.problems import Problem
from optbench.contract.process_state import limited_threads
from optbench.kit.lane_products import product
from optbench.kit.learning import data_fields


def scores(x: np.ndarray, w: np.ndarray, f: np.ndarray, score: np.ndarray) -> None:
    """Write the scores x w, (rows, runs), into ``score``, and set the sums of losses ``f`` to 0.

    x: (rows, features); w: (features, runs).
    """
    product(x, w, score)
    for r in range(w.shape[1]):
        f[r] = 0.0


def penalize(w: np.ndarray, f: np.ndarray, strength: float) -> None:
    """Add strength/2 |w|^2 to the sum ``f`` of each run; w: (features, runs)."""
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            f[r] += 0.5 * strength * w[i, r] * w[i, r]


def finish(w: np.ndarray, g: np.ndarray, f: np.ndarray, rows: int, strength: float) -> None:
    """Divide the sums in ``f`` and ``g`` by the number of rows, and add strength/2 |w|^2 and its gradient.

    f: (runs,) losses; g: (features, runs) gradients.
    """
    share = w.dtype.type(1.0 / rows)
    for r in range(w.shape[1]):
        f[r] *= share
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = share * g[i, r] + strength * w[i, r]
    penalize(w, f, strength)


def linear_model(
    data: datasets.Dataset,
    kernel: Callable,
    constants: tuple,
    loss: Callable | None,
    outputs: tuple = (),
    called: Loss | None = None,
    **fields: Any,
) -> Problem:
    """Return the problem f(w) = mean loss(x w) + l2/2 |w|^2, with an intercept as w's last row.

    ``kernel``: value_and_gradient in lanes form, with scratch for (rows, runs) numbers. ``constants`` begin with l2.
    ``loss(scores)`` -> (values (n,), gradients in the scores' shape), in NumPy and independent of the kernel: with it
    SciPy finds the minimum; scores are (n,) or (n, *outputs). None: the minimum is bounded by 0. ``called``: the name
    of the loss in an Architecture, whose delta is the second constant; None: nothing is predicted. ``fields``: fields
    of Problem in place of the usual ones. Runs start at normal weights of standard deviation 0.1.
    """
    examples = data_fields(data, intercept=True)
    x = examples["data"][0]
    shape = (x.shape[1], *outputs)
    dim, l2 = math.prod(shape), constants[0]

    layer = (0, shape[0] - 1, math.prod(outputs), "linear")
    delta = constants[1] if len(constants) > 1 else 0.0
    architecture = called and Architecture((layer,), called, l2, delta, initialization="small")
    common = examples | {
        "form": "lanes",
        "dim": dim,
        "value_and_gradient": kernel,
        "start": lambda rng: 0.1 * rng.standard_normal(dim),
        "blocks": (shape,),
        "constants": constants,
        "work": lambda rows, runs: rows * runs,
        "architecture": architecture,
        "predict": architecture and (lambda w, x: architecture.predict(w, np.asarray(x)[:, :-1])),
    }
    minimum = {"minimum": 0.0, "minimum_source": "lower bound (l2 = 0)"}
    if loss is not None:

        def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
            """Return the problem's value and gradient at w, in NumPy."""
            values, slopes = loss(x @ w.reshape(shape))
            return values.mean() + 0.5 * l2 * w @ w, (x.T @ slopes).ravel() / len(x) + l2 * w

        minimizer = _solve(objective, dim)
        source = "SciPy's L-BFGS-B on an independent objective"
        minimum = {"minimum": float(objective(minimizer)[0]), "minimum_source": source, "minimizer": minimizer}
    return Problem(**common | minimum | fields)


def _solve(objective, dim):
    """Return the minimizer of an objective (w -> value, gradient), (dim,), by L-BFGS-B from 0."""
    from scipy.optimize import minimize  # half a second that only some problems need

    options = {"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-9}
    with limited_threads():  # its matrices are small: two threads, which wait for each other, take ten times as long
        return minimize(objective, np.zeros(dim), jac=True, method="L-BFGS-B", options=options).x
