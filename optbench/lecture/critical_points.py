"""Points of zero gradient: where minimizing the norm of the gradient ends, and of which kind these points are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import root

import optbench

_STEP, _ZERO, _FLAT, _APART = 1e-5, 1e-7, 1e-5, 1e-3
_SEARCH = {"maxiter": 300, "xtol": 1e-13, "factor": 0.1}
"""A short first step (factor): long ones throw the units of a network into saturation."""


def critical_points(problem: optbench.Problem, starts: np.ndarray) -> pd.DataFrame:
    """Where minimizing the norm of the gradient ends from each of the `starts`, (n, dim): one row a start.

    Levenberg-Marquardt on |gradient|^2, with the Hessian by central differences of the exact gradient. Columns: found
    (the gradient's norm fell below 1e-7 sqrt(dim), at a point not found before), value, negative and flat (how many
    eigenvalues of the Hessian are below -1e-5 times the largest, and how many nearer to zero), plateau (none is
    negative and more than half are flat: saturated units, say, and the loss hardly depends on most parameters), dim.
    Most points that are not found are minima of the norm alone: Hessian times gradient is zero, the gradient is not.

    Source: Dauphin et al. 2014, sec. 3; Frye et al. 2021, Critical Point-Finding Methods Reveal Gradient-Flat Regions.
    """
    one, many, dim = optbench.objective(problem), optbench.objective(problem, runs=2 * problem.dim), problem.dim
    step = _STEP * np.concatenate([np.eye(dim), -np.eye(dim)])

    def gradient(w):
        return one(w)[1][0]

    def hessian(w):
        above, below = many(w + step)[1].reshape(2, dim, dim)
        slopes = (above - below) / (2 * _STEP)
        return (slopes + slopes.T) / 2

    rows, known = [], np.empty((0, dim))
    for start in starts:
        with np.errstate(all="ignore"):
            end = root(gradient, start, jac=hessian, method="lm", options=_SEARCH).x
        new = not (np.linalg.norm(known - end, axis=1) < _APART).any()
        found = new and np.linalg.norm(gradient(end)) < _ZERO * np.sqrt(dim)
        eigenvalues = np.linalg.eigvalsh(hessian(end))
        level = _FLAT * np.abs(eigenvalues).max()
        negative, flat = int((eigenvalues < -level).sum()), int((np.abs(eigenvalues) <= level).sum())
        plateau = negative == 0 and flat > dim / 2
        rows.append((found, one(end)[0][0], negative, flat, plateau, dim))
        known = np.vstack([known, end]) if found else known
    return pd.DataFrame(rows, columns=["found", "value", "negative", "flat", "plateau", "dim"])
