"""Interpolation between the evaluated points of runs, and summaries of whole runs.

Between two evaluations the logarithm of the suboptimality is taken as linear in the clock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.columns import failed
from optbench.analysis.points import Part, Tables, Trajectories, pieces
from optbench.analysis.suboptimality import landmarks, log_gap

# Share of a run's steps: long enough to average the noise of mini-batches out, short enough to be the end of the run;
# estimate
TAIL = 0.2


def pace(runs: pd.DataFrame, timings: pd.DataFrame) -> np.ndarray:
    """Return the seconds of a step of each run, (runs,), without evaluations; NaN where no time was recorded."""
    seconds = timings.drop_duplicates("cohort_id", keep="last").set_index("cohort_id")["ns_per_run_step"] * 1e-9
    return runs["cohort_id"].map(seconds).to_numpy(dtype=np.float64)


def values_at(results: Tables, clock: str, budgets: np.ndarray) -> np.ndarray:
    """Return ln of the suboptimality of each run when the clock reaches each budget, (runs, budgets).

    clock: "steps", "samples" or "seconds"; budgets: (runs, budgets) or (budgets,), in that unit. Before its first
    step a run has the value of its start; after its end it keeps the last one, if it did not fail. A failed run has
    the value of a failure (`landmarks`) from its last evaluation on.
    """
    runs, facts = results.runs, _facts(results)
    each = {"steps": np.ones(len(runs)), "seconds": pace(runs, results.timings)}.get(clock)
    budgets = np.broadcast_to(budgets, (len(runs), np.shape(budgets)[-1]))
    out = np.repeat(facts.failure[:, None], budgets.shape[1], axis=1)
    bad = failed(runs)
    for rows, points in pieces(results):
        time = points.samples if each is None else points.step * each[rows][points.run]
        out[rows] = _values_at(points, time, facts.of(rows), bad[rows], budgets[rows])
    return out


def _values_at(
    points: Trajectories, time: np.ndarray, facts: Facts, bad: np.ndarray, budgets: np.ndarray
) -> np.ndarray:
    """Return `values_at` for the runs of some points, (runs, budgets). time: (points,) the clock at each point."""
    value = _values(points, facts)
    out = np.repeat(facts.failure[:, None], budgets.shape[1], axis=1)
    has = points.end > points.start
    start, last, bad = points.start[has], points.end[has] - 1, bad[has]
    for column in range(budgets.shape[1]):
        budget = budgets[:, column]
        passed = np.add.reduceat(time <= budget[points.run], start, dtype=np.intp) if len(start) else start
        at = np.clip(start + passed - 1, start, last)
        after = np.minimum(at + 1, last)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (budget[has] - time[at]) / (time[after] - time[at])
        between = (after > at) & (points.step[after] > 1)  # nothing happens within the first step
        here = value[at] + np.where(between, np.clip(share, 0, 1), 0) * (value[after] - value[at])
        out[has, column] = np.where(bad & (at == last), facts.failure[has], here)
    return out


def log_area(results: Tables, chosen: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of ln max(f - f*, floor) over log-spaced steps, from the first to the budget's last, (runs,).

    It is the integral over ln step, in closed form, divided by ln of the last step. A failed run has the value of a
    failure (`landmarks`) from its last evaluation to the end of its budget; a run that a deadline stopped counts up to
    its own end. NaN for a run that was never evaluated. chosen: (runs of the sweep,) bool, the runs to return; by
    default all.
    """
    runs, facts, results = _of_chosen(results, chosen)
    out, bad, whole = np.full(len(runs), np.nan), failed(runs), planned_steps(runs, results.timings)
    for rows, points in pieces(results):
        out[rows] = _log_area(points, facts.of(rows), bad[rows], whole[rows])
    return out


def _log_area(points: Trajectories, facts: Facts, bad: np.ndarray, planned: np.ndarray) -> np.ndarray:
    """Return `log_area` for the runs of some points, (runs,). planned: (runs,) the steps of each run's budget."""
    value, count = _values(points, facts), len(bad)
    same = np.diff(points.run) == 0
    s0, s1, y0, y1 = points.step[:-1][same], points.step[1:][same], value[:-1][same], value[1:][same]
    slope = (y1 - y0) / (s1 - s0)
    low, high = np.maximum(s0, 1.0), np.maximum(s1, 1.0)
    part = (y0 - slope * s0) * np.log(high / low) + slope * (high - low)
    area = np.bincount(points.run[:-1][same], weights=part, minlength=count)
    has = points.end > points.start
    last = np.zeros(count)
    last[has] = points.step[points.end[has] - 1]
    final = np.full(count, np.nan)
    final[has] = value[points.end[has] - 1]
    whole = np.where(bad, np.maximum(planned, last), last)
    lost = np.where(bad, np.log(np.maximum(whole, 1) / np.maximum(last, 1)), 0.0)
    failure = facts.failure
    area = area + np.where(bad, lost * failure, 0.0)
    length = np.log(np.maximum(whole, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(has, np.where(length > 0, area / length, np.where(bad, failure, final)), np.nan)


def log_tail(results: Tables, chosen: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of ln max(f - f*, floor) over the last fifth of the steps, (runs,).

    It is the column log_tail where the engine wrote it, else the mean of the evaluations in that part, which always
    has the last one. A failed run has the value of a failure. chosen: as for `log_area`.
    """
    runs, facts, results = _of_chosen(results, chosen)
    if "log_tail" in runs:
        tail = runs["log_tail"].to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        tail = np.full(len(runs), np.nan)
        for rows, points in pieces(results):
            tail[rows] = _log_tail(points, facts.of(rows))
    return np.where(failed(runs), facts.failure, np.where(np.isposinf(tail), facts.failure, tail))


def _log_tail(points: Trajectories, facts: Facts) -> np.ndarray:
    """Return the mean of the evaluations in the last fifth of the steps, for the runs of some points, (runs,)."""
    count = len(points.start)
    last = np.zeros(count)
    has = points.end > points.start
    last[has] = points.step[points.end[has] - 1]
    late = points.step >= (1 - TAIL) * last[points.run]
    run, value = points.run[late], _values(points, facts)[late]
    with np.errstate(invalid="ignore"):
        return np.bincount(run, weights=value, minlength=count) / np.bincount(run, minlength=count)


def planned_steps(runs: pd.DataFrame, timings: pd.DataFrame) -> np.ndarray:
    """Return the steps of each run's budget, (runs,); where `timings` does not have them, the steps that it made."""
    made = runs["steps"].to_numpy(dtype=np.float64)
    if "steps" not in timings:
        return made
    given = timings.drop_duplicates("cohort_id", keep="last").set_index("cohort_id")["steps"]
    return np.fmax(runs["cohort_id"].map(given).to_numpy(dtype=np.float64), made)


class Facts(NamedTuple):
    """The landmarks of each run's problem, (runs,) each."""

    minimum: np.ndarray
    floor: np.ndarray
    failure: np.ndarray

    def of(self, rows: np.ndarray) -> Facts:
        """Return the landmarks of these rows."""
        return Facts(*(column[rows] for column in self))


def _facts(results: Tables) -> Facts:
    runs = results.runs
    table = landmarks(runs, results.problems)
    place = pd.Index(table["problem"]).get_indexer(runs["problem"])
    return Facts(*(table[name].to_numpy()[place] for name in Facts._fields))


def _of_chosen(results: Tables, chosen: np.ndarray | None) -> tuple[pd.DataFrame, Facts, Tables]:
    """Return the chosen runs, their landmarks, computed from all runs, and the tables of the chosen runs."""
    facts = _facts(results)
    if chosen is None:
        return results.runs, facts, results
    runs = results.runs[chosen]
    return runs, facts.of(chosen), Part(runs, results)


def _values(points: Trajectories, facts: Facts) -> np.ndarray:
    """Return ln of the suboptimality, (points,); a loss that is not finite counts as a failure."""
    minimum, floor, failure = (column[points.run] for column in facts)
    value = log_gap(points.loss, minimum, floor)
    return np.where(np.isfinite(value), value, failure)
