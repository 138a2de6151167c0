"""The evaluated points of runs as arrays, and summaries of whole runs.

Points are read all at once, or some runs at a time. Between two evaluations the logarithm of the suboptimality is taken
as linear in the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.measures import LOG_TAIL, find_reference_values, log_gap
from optbench.analysis.run_columns import find_failed_runs, read_floats
from optbench.analysis.sweep_tables import Tables
from optbench.contract.errors import OptbenchError

# Share of a run's steps: long enough to average the noise of mini-batches out, short enough to be the end of the run;
# nobody has measured it
TAIL = 0.2


@dataclass(frozen=True)
class Trajectories:
    """The evaluated points of all runs, one run after the other, each in the order of its steps."""

    run: np.ndarray
    """(points,) int: the run's row."""
    start: np.ndarray
    """(runs,) int: where the points of each begin; they end at `end`, which is `start` for a run without any."""
    end: np.ndarray
    step: np.ndarray
    """(points,) float, like samples and loss."""
    samples: np.ndarray
    loss: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """The last evaluated step of each run, (runs,); 0 for a run without points."""
        steps = np.zeros(len(self.start))
        has = self.end > self.start
        steps[has] = self.step[self.end[has] - 1]
        return steps


def read_trajectories(results: Tables) -> Iterator[tuple[np.ndarray, Trajectories]]:
    """Yield the points of all runs in portions: places in `results.runs`, and the points of the runs in these.

    A run without points may be left out; of a run that comes twice, the last portion counts. Results with a method
    `points` (run ids -> portions of places and arrays) are read run by run, others as a whole. The order of rows does
    not matter. Raises OptbenchError where a run stands twice in the table of runs.
    """
    ids, read = pd.Index(results.runs["run_id"]), getattr(results, "points", None)
    if not ids.is_unique:
        raise OptbenchError("a run stands twice in the table of runs")
    if read is not None:
        for places, *points in read(results.runs["run_id"]):
            yield places, _sort_points(len(places), *points)
        return
    curves = results.curves
    run = _look_up(ids, curves["run_id"])
    known = run >= 0
    columns = (read_floats(curves, name)[known] for name in ("step", "samples", "train_loss"))
    yield np.arange(len(ids)), _sort_points(len(ids), run[known], *columns)


def _look_up(ids: pd.Index, names: pd.Series) -> np.ndarray:
    """Return the index of each name in `ids`, (names,); -1 for unknown ones. Equal names in a row take one look-up."""
    run = names.ne(names.shift()).cumsum().to_numpy() - 1
    return ids.get_indexer(names[~names.eq(names.shift())])[run] if len(run) else run


def _sort_points(count: int, run: np.ndarray, step: np.ndarray, samples: np.ndarray, loss: np.ndarray) -> Trajectories:
    """Return the points of `count` runs sorted by run and step."""
    order = np.lexsort((step, run))
    end = np.cumsum(np.bincount(run, minlength=count))
    start = np.concatenate([[0], end[:-1]]).astype(np.intp)
    return Trajectories(run[order], start, end, step[order], samples[order], loss[order])


class Facts(NamedTuple):
    """The reference values (`find_reference_values`) of each run's problem, (runs,) each."""

    minimum: np.ndarray
    floor: np.ndarray
    failure: np.ndarray

    def take(self, rows: np.ndarray) -> Facts:
        """Return the values of the runs with these indices."""
        return Facts(*(column[rows] for column in self))


def _read_facts(results: Tables) -> Facts:
    """Return the reference values of each run's problem, (runs,) each, in the order of `results.runs`."""
    table = find_reference_values(results.runs, results.problems)
    place = pd.Index(table["problem"]).get_indexer(results.runs["problem"])
    return Facts(*(table[name].to_numpy()[place] for name in Facts._fields))


def step_seconds(runs: pd.DataFrame, timings: pd.DataFrame) -> np.ndarray:
    """Return the seconds of a step of each run, (runs,), without evaluations; NaN where no time was recorded."""
    return 1e-9 * read_timing(runs, timings, "ns_per_run_step")


def read_timing(runs: pd.DataFrame, timings: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of ``timings`` for each run, (runs,); NaN where it is not there, as in folders of before."""
    if timings.empty or name not in timings:
        return np.full(len(runs), np.nan)
    of_cohort = timings.drop_duplicates("cohort_id", keep="last").set_index("cohort_id")[name]
    return runs["cohort_id"].map(of_cohort).to_numpy(dtype=np.float64)


def planned_steps(runs: pd.DataFrame, timings: pd.DataFrame) -> np.ndarray:
    """Return the steps of each run's budget, (runs,); where `timings` does not have them, the steps that it made."""
    made = read_floats(runs, "steps")
    if "steps" not in timings:
        return made
    given = timings.drop_duplicates("cohort_id", keep="last").set_index("cohort_id")["steps"]
    return np.fmax(runs["cohort_id"].map(given).to_numpy(dtype=np.float64), made)


def log_area(results: Tables, chosen: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of ln max(f - f*, floor) over log-spaced steps, from the first to the budget's last, (runs,).

    It is the integral over ln step, in closed form, divided by ln of the last step. A failed run has the value of a
    failure (`find_reference_values`) from its last evaluation to the end of its budget; a run that a deadline stopped
    counts up to its own end. NaN for a run that was never evaluated. chosen: (runs of the sweep,) bool, the runs to
    return; by default all.
    """
    runs, facts, results = _select_runs(results, chosen)
    out, bad, planned = np.full(len(runs), np.nan), find_failed_runs(runs), planned_steps(runs, results.timings)
    for rows, points in read_trajectories(results):
        out[rows] = _integrate_points(points, facts.take(rows), bad[rows], planned[rows])
    return out


def _integrate_points(points: Trajectories, facts: Facts, bad: np.ndarray, planned: np.ndarray) -> np.ndarray:
    """Return `log_area` for the runs of some points, (runs,).

    facts: the reference values of each run; bad: (runs,) True where it failed; planned: (runs,) the budget's steps.
    """
    value, failure, last = _measure_points(points, facts), facts.failure, points.last
    same = np.diff(points.run) == 0
    s0, s1, y0, y1 = points.step[:-1][same], points.step[1:][same], value[:-1][same], value[1:][same]
    slope = (y1 - y0) / (s1 - s0)
    low, high = np.maximum(s0, 1.0), np.maximum(s1, 1.0)
    part = (y0 - slope * s0) * np.log(high / low) + slope * (high - low)
    area = np.bincount(points.run[:-1][same], weights=part, minlength=len(bad))
    has = points.end > points.start
    final = np.full(len(bad), np.nan)
    final[has] = value[points.end[has] - 1]
    whole = np.where(bad, np.maximum(planned, last), last)
    area = area + np.where(bad, np.log(np.maximum(whole, 1) / np.maximum(last, 1)) * failure, 0.0)
    length = np.log(np.maximum(whole, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(has, np.where(length > 0, area / length, np.where(bad, failure, final)), np.nan)


def log_tail(results: Tables, chosen: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of ln max(f - f*, floor) over the last fifth of the steps, (runs,).

    It is the column log_tail where the engine wrote it, else the mean of the evaluations in that part, which always
    has the last one. A failed run has the value of a failure. chosen: as for `log_area`.
    """
    runs, facts, results = _select_runs(results, chosen)
    if LOG_TAIL in runs:
        tail = read_floats(runs, LOG_TAIL)
    else:
        tail = np.full(len(runs), np.nan)
        for rows, points in read_trajectories(results):
            late = points.step >= (1 - TAIL) * points.last[points.run]
            values = pd.Series(_measure_points(points, facts.take(rows))[late])
            tail[rows] = values.groupby(points.run[late]).mean().reindex(range(len(rows)))
    return np.where(find_failed_runs(runs) | np.isposinf(tail), facts.failure, tail)


def _select_runs(results: Tables, chosen: np.ndarray | None) -> tuple[pd.DataFrame, Facts, Tables]:
    """Return the chosen runs, their reference values, computed from all runs, and the tables of the chosen runs."""
    facts = _read_facts(results)
    if chosen is None:
        return results.runs, facts, results
    runs = results.runs[chosen]
    return runs, facts.take(chosen), results.with_runs(runs)


def _measure_points(points: Trajectories, facts: Facts) -> np.ndarray:
    """Return ln of the suboptimality of each point, (points,); a loss that is not finite counts as a failure.

    facts: the reference values of the runs that the points belong to.
    """
    minimum, floor, failure = (column[points.run] for column in facts)
    value = log_gap(points.loss, minimum, floor)
    return np.where(np.isfinite(value), value, failure)
