"""The paths of two-parameter problems: the landscape, and where each optimizer stands at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from optbench.figures.evidence import Evidence
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
    count parts of the picture's sides, from the lower left. `every`: all steps are there, none left out.
    """
    table, every = _table(evidence)
    landscapes = evidence.results.landscapes
    parts = ((problem, landscapes[landscapes["problem"] == problem]) for problem in names.problems)
    found = [(problem, part, table[table["problem"] == problem]) for problem, part in parts if len(part)]
    return [_entry(problem, part, lines, evidence, names, every) for problem, part, lines in found if len(lines)]


def _table(evidence: Evidence) -> tuple[pd.DataFrame, bool]:
    """Problem, optimizer, step, w_1, w_2 of one run each; whether every step is there or only the evaluated ones."""
    wanted = ["problem", "optimizer", "step", "w_1", "w_2"]
    table = getattr(evidence.results, "paths", None)
    if table is not None and len(table):
        return table[wanted], True
    rows = evidence.curves
    if not {"w_1", "w_2"} <= set(rows.columns):
        return pd.DataFrame(columns=wanted), False
    runs = evidence.reported.sort_values("seed", kind="stable").drop_duplicates(["problem", "optimizer"])
    rows = rows.dropna(subset=["w_1", "w_2"]).merge(runs[["run_id", "problem", "optimizer"]], on="run_id")
    return rows[wanted], False


def _entry(problem, landscape, table, evidence: Evidence, names: Names, every: bool) -> dict[str, Any]:
    value = landscape.pivot(index="w_2", columns="w_1", values="value")
    x, y, heights = value.columns.to_numpy(), value.index.to_numpy(), value.to_numpy(dtype=np.float64)
    facts = evidence.results.problem(problem)
    stated = facts.get("minimum")
    lowest = stated if stated is not None and pd.notna(stated) else np.nanmin(heights)
    fewer_x, fewer_y = (np.unique(np.linspace(0, len(axis) - 1, SIDE).astype(int)) for axis in (x, y))
    above = heights[np.ix_(fewer_y, fewer_x)] - lowest
    top = np.nanmax(np.where(np.isfinite(above), above, np.nan))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.log10(np.clip(above, LOWEST * top, None))
    across, along = _view(x, table["w_1"]), _view(y, table["w_2"])
    lines = {}
    for name, part in table.sort_values("step", kind="stable").groupby("optimizer", sort=False):
        if name in names.optimizers:
            lines[names.optimizer(name)] = _line(part, across, along)
    place = [facts.get("w_1"), facts.get("w_2")]
    return {
        "problem": names.problems.index(problem),
        "x": short(x[fewer_x]),
        "y": short(y[fewer_y]),
        "z": [short(np.round(row, 3), 6) for row in z],
        "across": list(map(float, across)),
        "along": list(map(float, along)),
        "fine": FINE,
        "minimizer": [float(w) for w in place] if all(w is not None and pd.notna(w) for w in place) else None,
        "lines": [{"optimizer": place, **line} for place, line in sorted(lines.items())],
        "every": every,
    }


def _view(axis: np.ndarray, path: pd.Series) -> tuple[float, float]:
    """The range of the landscape, made wider where a start lies outside it."""
    low, high = float(axis[0]), float(axis[-1])
    first = path[np.isfinite(path)]
    return (min(low, float(first.iloc[0])), max(high, float(first.iloc[0]))) if len(first) else (low, high)


def _line(part: pd.DataFrame, across: tuple, along: tuple) -> dict[str, list[int]]:
    """One path: thinned evenly in the logarithm of the step, cut where it leaves the picture for good."""
    step = part["step"].to_numpy(dtype=np.int64)
    ends = [(part[name].to_numpy(), low, high) for name, (low, high) in (("w_1", across), ("w_2", along))]
    points = np.array([(w - low) / (high - low) for w, low, high in ends])
    wild = ~np.isfinite(points).all(axis=0) | (np.abs(points) > OUTSIDE).any(axis=0)
    count = int(np.argmax(wild)) if wild.any() else len(step)
    kept = _thinned(points[:, :count])
    numbers = np.round(points[:, kept] * FINE).astype(np.int64)
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
