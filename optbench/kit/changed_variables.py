"""Problems in other variables: f(A w) in place of f(w), for an A that scales, rotates and permutes.

A = D R P: the variables are taken in an order, rotated in groups of equal size, put in another order, and scaled.
"""

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import arguments
from optbench.contract.problems import Problem
from optbench.contract.source_code import function_of, parse_source


def change(w: np.ndarray, z: np.ndarray, numbers: np.ndarray, places: np.ndarray, size: int) -> None:
    """Write z = A w of one run, (dim,).

    numbers: the scales (dim,), then the rotations of the groups, row by row. places: the order of w, then that of z.
    size: the variables of a group.
    """
    dim = w.shape[0]
    at = dim
    for first in range(0, dim, size):
        last = min(first + size, dim)
        for i in range(first, last):
            total = 0.0
            for j in range(first, last):
                total += numbers[at] * w[places[j]]
                at += 1
            row = places[dim + i]
            z[row] = numbers[row] * total


def change_back(slope: np.ndarray, g: np.ndarray, numbers: np.ndarray, places: np.ndarray, size: int) -> None:
    """Write g = A' slope of one run, (dim,): the gradient in w from that in z; arguments as for `change`."""
    dim = g.shape[0]
    at = dim
    for first in range(0, dim, size):
        last = min(first + size, dim)
        for j in range(first, last):
            g[places[j]] = 0.0
        for i in range(first, last):
            row = places[dim + i]
            for j in range(first, last):
                g[places[j]] += numbers[at] * (numbers[row] * slope[row])
                at += 1


def change_lanes(w: np.ndarray, z: np.ndarray, numbers: np.ndarray, places: np.ndarray, size: int) -> None:
    """Write z = A w of all runs, (dim, runs); as `change`."""
    dim, runs = w.shape
    at = dim
    for first in range(0, dim, size):
        last = min(first + size, dim)
        for i in range(first, last):
            row = places[dim + i]
            for r in range(runs):
                z[row, r] = 0.0
            for j in range(first, last):
                entry, column = numbers[row] * numbers[at], places[j]
                at += 1
                for r in range(runs):
                    z[row, r] += entry * w[column, r]


def change_lanes_back(slope: np.ndarray, g: np.ndarray, numbers: np.ndarray, places: np.ndarray, size: int) -> None:
    """Write g = A' slope of all runs, (dim, runs); as `change_back`."""
    dim, runs = g.shape
    at = dim
    for first in range(0, dim, size):
        last = min(first + size, dim)
        for j in range(first, last):
            for r in range(runs):
                g[places[j], r] = 0.0
        for i in range(first, last):
            row = places[dim + i]
            for j in range(first, last):
                entry, column = numbers[row] * numbers[at], places[j]
                at += 1
                for r in range(runs):
                    g[column, r] += entry * slope[row, r]


def in_variables(
    inner: Problem, order: Sequence[int], rotations: Sequence[np.ndarray], scales: np.ndarray, back: Sequence[int]
) -> Problem:
    """Return the problem f(A w), A = D R P, with f the inner one; its minimum, starts and minimizer follow from f's.

    Blocks and roles stay those of f. ``curvature`` is the diagonal of A' C A, with C a diagonal matrix of f's, so that
    the noise of problems without data has the deviation that follows from f's in each coordinate; where f's is not
    known, the same in all. It stays independent between coordinates.

    Args:
        inner: the problem.
        order: (dim,), the variables of w as R takes them.
        rotations: the orthogonal matrices of its groups, all of one size but the last.
        scales: (dim,), positive: the diagonal of D.
        back: (dim,), the variables of f in the order in which R gives them.

    Returns:
        The record; what cannot follow, such as an architecture, it lacks.

    Raises:
        OptbenchError: the inner problem moves, or its gradients are changed already, in its own variables.
    """
    if inner.stress or inner.bits or inner.drift:
        text = "the wrapper that does this goes around this one, as in noisy(rescaled(mlp))"
        raise OptbenchError(f"problem: {inner.name} moves, or its gradients are changed already; {text}")
    dim, size = inner.dim, len(rotations[0])
    forth, places = np.asarray(order), np.asarray(back)
    matrices = [(first * size, matrix) for first, matrix in enumerate(rotations)]

    def to_inner(w):
        """Return A w, (dim,)."""
        z = np.empty(dim)
        for first, matrix in matrices:
            z[places[first : first + size]] = matrix @ w[forth[first : first + size]]
        return scales * z

    def from_inner(z):
        """Return A^-1 z, (dim,)."""
        w, z = np.empty(dim), np.asarray(z, float) / scales
        for first, matrix in matrices:
            w[forth[first : first + size]] = matrix.T @ z[places[first : first + size]]
        return w

    curvature = np.ones(dim) if inner.curvature is None else np.asarray(inner.curvature, float)
    ours = np.empty(dim)  # the diagonal of A' C A
    for first, matrix in matrices:
        rows = places[first : first + size]
        ours[forth[first : first + size]] = (matrix**2).T @ (scales[rows] ** 2 * curvature[rows])
    constants, layout = np.asarray(inner.constants, float).reshape(-1), tuple(inner.layout)
    predict, evaluate = inner.predict, inner.evaluate
    minimizers = [from_inner(point) for point in inner.list_minimizers()]
    return replace(
        inner,
        start=lambda rng: from_inner(inner.start(rng)),
        value_and_gradient=_changed(inner.value_and_gradient, inner.form, True),
        evaluate=evaluate and _changed(evaluate, inner.form, False),
        predict=predict and (lambda w, x: predict(to_inner(np.asarray(w, float)), x)),
        minimizer=next(iter(minimizers), None),
        other_minimizers=minimizers[1:],
        noise=inner.noise * float(np.sqrt(ours.mean() / curvature.mean())),
        curvature=None if inner.curvature is None else ours,
        constants=np.concatenate([constants, scales, *(matrix.ravel() for matrix in rotations)]),
        layout=(*layout, *map(int, order), *map(int, back), size, len(constants), len(layout)),
        work=lambda rows, runs: 2 * dim * runs + (inner.work(rows, runs) if inner.work else 0),
        domain=None,
        architecture=None,
    )


@cache
def _changed(function: Callable, form: str, slopes: bool) -> Callable:
    """Return ``value_and_gradient`` (``slopes``) or ``evaluate`` of f(A w) from that of f, as one function again.

    The last whole numbers of ``layout`` are the size of a group, and how many of ``constants`` and of ``layout`` are
    f's. Scratch begins with z = A w and the gradient there.
    """
    lanes = form == "lanes"
    outputs = ["out"] if not slopes else ["g", "f"] if lanes else ["g"]
    given = {name: name for name in ("w", *outputs, "x", "y", "constants", "layout", "work")}
    inner = given | {"w": "z", "g": "slope", "constants": "constants[:c]", "layout": "layout[:k]", "work": "rest"}
    call = f"_inner({', '.join(f'{inner[name]}' for name in arguments(function))})"
    shape = ".reshape(w.shape[0], w.shape[1])" if lanes else ""
    numbers = "constants[c:], layout[k:], layout[last - 2]"
    text = f"""
def changed({", ".join(given)}):
    last = layout.shape[0] - 1
    c, k, count = layout[last - 1], layout[last], w.size
    z, slope, rest = work[:count]{shape}, work[count : 2 * count]{shape}, work[2 * count :]
    _change(w, z, {numbers})
    {"value = " if slopes and not lanes else ""}{call}
    {f"_change_back(slope, g, {numbers})" if slopes else ""}
    {"return value" if slopes and not lanes else ""}
"""
    scope: dict[str, Any] = {"_inner": function}
    scope |= {"_change": change_lanes if lanes else change, "_change_back": change_lanes_back if lanes else change_back}
    (tree,) = parse_source(text).body
    assert isinstance(tree, ast.FunctionDef)
    made = function_of(tree, function, scope)
    vars(made)["inner"] = function
    return made
