"""Runs of ``optbench.minimize`` in one picture: their paths over the loss, and their losses over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from optbench.analysis.curves import average_end, find_dense_end
from optbench.analysis.picture_limits import find_picture_limits
from optbench.catalogue import functions
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.problems import Problem
from optbench.engine.cpu.objective import Objective
from optbench.figures import panels
from optbench.figures.data import Trajectory
from optbench.figures.style import style_optimizers

# Points along a side of the grid: smooth contours of a function in Python within a quarter of a second
_GRID = 121


class Run(Protocol):
    """What a figure needs of a run: `optbench.Result` has it."""

    @property
    def curve(self) -> pd.DataFrame:
        """One row for each evaluation."""

    @property
    def status(self) -> str:
        """How the run ended."""

    @property
    def label(self) -> str:
        """The optimizer with its rate."""

    @property
    def problem(self) -> Problem | None:
        """The problem that it ran on."""


def read_runs(given: Any) -> dict[str, Run]:
    """Return by label the runs that a figure is given: one, a list, or a mapping of labels; {} for results of a sweep.

    Equal labels are numbered. Raises OptbenchError for runs of several problems.
    """
    if _is_run(given):
        given = [given]
    if isinstance(given, Mapping):
        found = {str(label): run for label, run in given.items()}
    elif isinstance(given, list | tuple):
        found = {}
        for run in given:
            label, count = getattr(run, "label", ""), 1
            while label in found:
                count += 1
                label = f"{getattr(run, 'label', '')} ({count})"
            found[label] = run
    else:
        return {}
    if not found or not all(map(_is_run, found.values())):
        raise OptbenchError("results must be those of a sweep, or one or several of optbench.minimize")
    problems = [run.problem for run in found.values() if run.problem is not None]
    if any(not _is_same(problems[0], other) for other in problems[1:]):
        raise OptbenchError("these runs are of several problems: a figure shows those of one")
    return found


def refuse_selection(**given: Any) -> None:
    """Raise OptbenchError for arguments of a figure that are for sweeps alone."""
    if wrong := [name for name, value in given.items() if value is not None]:
        raise OptbenchError(f"{wrong[0]} is for the results of a sweep: of single runs give those that are wanted")


def style_runs(runs: Mapping[str, Run]) -> dict[str, dict]:
    """Return the line style of each run by its label, that of its optimizer: the label of a run begins with it."""
    return style_optimizers(runs, called={label: run.label.partition(", ")[0] for label, run in runs.items()})


def trace_runs(runs: Mapping[str, Run]) -> dict[str, Trajectory]:
    """Return the paths of runs by their labels. Raises OptbenchError if they have no two parameters."""
    found = {}
    for label, run in runs.items():
        if "w_1" not in run.curve:
            raise OptbenchError("paths are of problems of two parameters; figures.curves draws the loss of any")
        rows = run.curve[np.isfinite(run.curve[["w_1", "w_2"]]).all(axis=1)]
        found[label] = Trajectory(rows["step"].to_numpy(), rows[["w_1", "w_2"]].to_numpy(), run.status == "diverged", 0)
    return found


def compute_surface(runs: Mapping[str, Run]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[tuple[float, float]]]:
    """Return the loss around the paths of runs: w_1 (columns,), w_2 (rows,), the loss above its minimum, minimizers.

    Where the minimum is not known it is the lowest loss of grid and runs; a function that fails there has NaN.
    """
    problem = next(run.problem for run in runs.values())
    if problem is None:
        raise OptbenchError("these results have lost their problem on the way from another process: run them here")
    tables = [run.curve for run in runs.values()]
    around = find_picture_limits([(each[["w_1", "w_2"]].to_numpy(), each["train_loss"].to_numpy()) for each in tables])
    stated = None if functions.has_found_domain(problem) else problem.domain
    (left, right), (bottom, top) = stated or around or problem.domain or ((-1.0, 1.0), (-1.0, 1.0))
    x, y = np.linspace(left, right, _GRID), np.linspace(bottom, top, _GRID)
    w = np.stack([each.ravel() for each in np.meshgrid(x, y)], axis=1)
    try:
        with np.errstate(all="ignore"):
            loss = Objective(problem, runs=len(w)).evaluate(w)[0].reshape(_GRID, _GRID)
    except Exception:  # the user's function fails somewhere: the paths are there, the contours are not
        loss = np.full((_GRID, _GRID), np.nan)
    every = np.concatenate([loss.ravel(), *(table["train_loss"] for table in tables)])
    lowest = np.min(every, where=np.isfinite(every), initial=np.inf)
    minimum = float(problem.minimum) if np.isfinite(problem.minimum) else float(lowest)
    return x, y, loss - minimum, [(float(w[0]), float(w[1])) for w in problem.list_minimizers()]


def tabulate_losses(runs: Mapping[str, Run], x: str, y: str | None) -> tuple[pd.DataFrame, str]:
    """Return (table, y) of the curves of runs: the table has optimizer (the label), step, x, median, low and high.

    x: a clock. y: a column of the curves, or "suboptimality"; None is that where the minimum is known.
    """
    problem = next(run.problem for run in runs.values())
    minimum = np.nan if problem is None else float(problem.minimum)
    tables = {label: run.curve.rename(columns={"train_loss": "loss"}) for label, run in runs.items()}
    known = [*(["suboptimality"] if np.isfinite(minimum) else []), *next(iter(tables.values())).columns]
    y = arguments.one_of("y", y or ("suboptimality" if np.isfinite(minimum) else "loss"), known)
    parts = []
    for label, table in tables.items():
        value = (table["loss"] - minimum if y == "suboptimality" else table[y]).to_numpy(float)
        late = min(find_dense_end(table["step"].to_numpy()), len(table) - 1)
        value = np.append(value[:late], average_end(value[late:], 0.0 if y == "suboptimality" else np.nan))
        table = table.iloc[[*range(late), -1]]
        columns = {"optimizer": label, "step": table["step"], "x": table["step" if x == "steps" else x]}
        parts.append(pd.DataFrame({**columns, "median": value, "low": value, "high": value}))
    return pd.concat(parts, ignore_index=True), y


def make_title(words: str, runs: Mapping[str, Run]) -> str:
    """Return the title of a figure of runs, "<words>: <problem>"; of a function without a name the words alone."""
    problem = next(run.problem for run in runs.values())
    return words if problem is None or problem.name == functions.NAMELESS else panels.join_title(words, problem.name)


def _is_run(value: Any) -> bool:
    """Return True for a result of ``optbench.minimize``."""
    return all(hasattr(value, name) for name in ("curve", "label", "status", "problem")) and not hasattr(value, "runs")


def _is_same(one: Problem, other: Problem) -> bool:
    """Return whether two problems are the same function."""
    mine, theirs = functions.parts_of(one), functions.parts_of(other)
    return one.name == other.name and (mine and mine.f) == (theirs and theirs.f)
