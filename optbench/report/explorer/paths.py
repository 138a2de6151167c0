"""The paths of two-parameter problems: the landscape, and where each optimizer stands at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from optbench.figures.evidence import Evidence, Walk
from optbench.report.explorer.names import Names
from optbench.report.explorer.numbers import short

SIDE = 121
"""Grid points along a side of the landscape: contours are smooth with so many."""
LOWEST = 3e-4
"""The lowest contour, as a share of the highest: valleys below are narrower than the grid."""
MOST_POINTS = 2_000
"""Points of a path: more than a line of a screen's width shows."""
FINE = 1 << 14
"""Parts that a side of the picture is divided into: points are told as whole numbers of them."""
OUTSIDE = 4
"""How many times its own size a path may leave the picture before it is cut."""


def paths(evidence: Evidence, names: Names) -> list[dict[str, Any]]:
    """An entry for each problem with a landscape and a path: `x`, `y` (the grid), `z` (log10 of the height above the
    minimum), `minimizer`, and `lines`: of each optimizer its steps and points, as differences of whole numbers that
    count parts of the picture's sides, from the lower left. `every`: they come from every step, as finely as a screen
    shows.
    """
    found = []
    for problem in names.problems:
        walks = evidence.walks(problem) if len(evidence.landscape(problem)) else {}
        walks = {name: walk for name, walk in walks.items() if len(walk.step)}
        if walks:
            found.append(_entry(problem, walks, evidence, names))
    return found


def _entry(problem: str, walks: dict[str, Walk], evidence: Evidence, names: Names) -> dict:
    x, y, height = evidence.surface(problem)
    facts = evidence.results.problem(problem)
    fewer_x, fewer_y = (np.unique(np.linspace(0, len(axis) - 1, SIDE).astype(int)) for axis in (x, y))
    above = height[np.ix_(fewer_y, fewer_x)]
    top = np.max(above, where=np.isfinite(above), initial=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.log10(np.clip(above, LOWEST * top, None))
    across, along = (_view(axis, [walk.w[0, side] for walk in walks.values()]) for side, axis in enumerate((x, y)))
    lines = [{"optimizer": names.optimizer(name), **_line(walk, across, along)} for name, walk in walks.items()]
    place = [facts.get("w_1"), facts.get("w_2")]
    return {
        "problem": names.problems.index(problem),
        "x": short(x[fewer_x]),
        "y": short(y[fewer_y]),
        "z": [short(np.round(row, 3), 6) for row in z],
        "across": across,
        "along": along,
        "fine": FINE,
        "minimizer": [float(w) for w in place] if all(w is not None and pd.notna(w) for w in place) else None,
        "lines": sorted(lines, key=lambda line: line["optimizer"]),
        "every": all(walk.whole for walk in walks.values()),
    }


def _view(axis: np.ndarray, starts: list[float]) -> tuple[float, float]:
    """The range of the landscape, made wider where a start lies outside it."""
    near = [start for start in starts if np.isfinite(start)]
    return min(float(axis[0]), *near), max(float(axis[-1]), *near)


def _line(walk: Walk, across: tuple[float, float], along: tuple[float, float]) -> dict[str, list[int]]:
    """One path: cut where it leaves the picture for good, and thinned."""
    step = np.asarray(walk.step, dtype=np.int64)
    low, high = np.array([across, along]).T
    points = (walk.w - low) / (high - low)
    wild = ~np.isfinite(points).all(axis=1) | (np.abs(points) > OUTSIDE).any(axis=1)
    count = int(np.argmax(wild)) if wild.any() else len(step)
    kept = _thinned(points[:count].T)
    numbers = np.round(points[kept].T * FINE).astype(np.int64)
    names = ("step", "x", "y")
    return {name: np.diff(row, prepend=0).tolist() for name, row in zip(names, (step[kept], *numbers), strict=True)}


def _thinned(points: np.ndarray) -> np.ndarray:
    """The points to keep, the first and the last among them: so many that equal ways lie between them."""
    count = points.shape[1]
    if count <= MOST_POINTS:
        return np.arange(count)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=1)))])
    half = MOST_POINTS // 2
    by_way = np.searchsorted(way, np.linspace(0, way[-1], half)).clip(0, count - 1)
    by_step = np.geomspace(1, count, half).astype(np.int64) - 1
    return np.unique(np.concatenate([[0], by_way, by_step, [count - 1]]))
