"""The evaluated points of many runs as arrays, in the order of runs and steps, and what lies between the points.

Between two evaluations the logarithm of the suboptimality is taken as linear in the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from optbench.analysis.columns import failed
from optbench.analysis.suboptimality import landmarks, log_gap
from optbench.contract.errors import OptbenchError

TAIL = 0.2


class Tables(Protocol):
    """The tables of a sweep."""

    @property
    def runs(self) -> pd.DataFrame:
        """A row a run."""

    @property
    def curves(self) -> pd.DataFrame:
        """A row an evaluation of a run."""

    @property
    def timings(self) -> pd.DataFrame:
        """A row a cohort."""

    @property
    def problems(self) -> pd.DataFrame:
        """A row a problem, with its minimum."""


class Part(NamedTuple):
    """Some of a sweep's runs, with all its other tables."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    timings: pd.DataFrame
    problems: pd.DataFrame


@dataclass(frozen=True)
class Trajectories:
    """The points of all runs, one run behind the other, each in the order of its steps."""

    run: np.ndarray
    """(points,) int: the run's row."""
    start: np.ndarray
    """(runs,) int: where the points of each begin; they end at `end`, which is `start` for a run without any."""
    end: np.ndarray
    step: np.ndarray
    """(points,) float, like samples and loss."""
    samples: np.ndarray
    loss: np.ndarray


def trajectories(runs: pd.DataFrame, curves: pd.DataFrame) -> Trajectories:
    """The rows of `curves` that belong to `runs`; the order of rows in either table does not matter."""
    ids = pd.Index(runs["run_id"])
    if not ids.is_unique:
        raise OptbenchError("a run stands twice in the table of runs")
    run = _rows(ids, curves["run_id"])
    step = curves["step"].to_numpy(dtype=np.float64)
    samples, loss = (curves[name].to_numpy(dtype=np.float64) for name in ("samples", "train_loss"))
    if (run < 0).any():
        kept = run >= 0
        run, step, samples, loss = run[kept], step[kept], samples[kept], loss[kept]
    ahead = (np.diff(run) > 0) | ((np.diff(run) == 0) & (np.diff(step) > 0))
    if not ahead.all():
        order = np.lexsort((step, run))
        run, step, samples, loss = run[order], step[order], samples[order], loss[order]
    end = np.cumsum(np.bincount(run, minlength=len(runs)))
    start = np.concatenate([[0], end[:-1]]).astype(np.intp)
    return Trajectories(run, start, end, step, samples, loss)


def _rows(ids: pd.Index, names: pd.Series) -> np.ndarray:
    """The row of each name in `ids`, -1 for others. The rows of one run mostly stand together: one look-up for each."""
    if not len(names):
        return np.empty(0, dtype=np.intp)
    new = np.concatenate([[True], (names.iloc[1:].array != names.iloc[:-1].array)]).astype(bool)
    rows = ids.get_indexer(pd.Index(names[new]))
    return rows[np.cumsum(new) - 1]


def pace(runs: pd.DataFrame, timings: pd.DataFrame) -> np.ndarray:
    """(runs,) seconds that a step of each run takes, evaluations left out; NaN where no time was recorded."""
    seconds = timings.drop_duplicates("cohort_id", keep="last").set_index("cohort_id")["ns_per_run_step"] * 1e-9
    return runs["cohort_id"].map(seconds).to_numpy(dtype=np.float64)


def values_at(results: Tables, clock: str, budgets: np.ndarray) -> np.ndarray:
    """(runs, budgets) ln of the suboptimality that each run has when the clock stands at each budget.

    clock: "steps", "samples" or "seconds"; budgets: (runs, budgets) or (budgets,), in that unit. Before its first
    step a run has the value of its start; after its end it keeps the last one, if it did not fail. A failed run has
    the value of a failure (`landmarks`) from its last evaluation on.
    """
    runs, facts = results.runs, _facts(results)
    points = trajectories(runs, results.curves)
    value = _values(points, facts)
    each = {"steps": np.ones(len(runs)), "seconds": pace(runs, results.timings)}.get(clock)
    time = points.samples if each is None else points.step * each[points.run]
    budgets = np.broadcast_to(budgets, (len(runs), np.shape(budgets)[-1]))
    out = np.repeat(facts["failure"].to_numpy()[:, None], budgets.shape[1], axis=1)
    has = points.end > points.start
    start, last, bad = points.start[has], points.end[has] - 1, failed(runs)[has]
    for column in range(budgets.shape[1]):
        budget = budgets[:, column]
        passed = np.add.reduceat(time <= budget[points.run], start, dtype=np.intp) if len(start) else start
        at = np.clip(start + passed - 1, start, last)
        after = np.minimum(at + 1, last)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (budget[has] - time[at]) / (time[after] - time[at])
        between = (after > at) & (points.step[after] > 1)  # nothing happens within the first step
        here = value[at] + np.where(between, np.clip(share, 0, 1), 0) * (value[after] - value[at])
        out[has, column] = np.where(bad & (at == last), facts["failure"].to_numpy()[has], here)
    return out


def log_area(results: Tables) -> np.ndarray:
    """(runs,) mean over log-spaced steps, from the first to the budget's last, of ln max(f - f*, floor).

    It is the integral over ln step, in closed form, over ln of the last step. A failed run counts with the value of a
    failure (`landmarks`) from its last evaluation to the end of its budget, one that a deadline stopped to its own
    end. NaN for a run that was never evaluated.
    """
    runs, facts = results.runs, _facts(results)
    points = trajectories(runs, results.curves)
    value = _values(points, facts)
    same = np.diff(points.run) == 0
    s0, s1, y0, y1 = points.step[:-1][same], points.step[1:][same], value[:-1][same], value[1:][same]
    slope = (y1 - y0) / (s1 - s0)
    low, high = np.maximum(s0, 1.0), np.maximum(s1, 1.0)
    part = (y0 - slope * s0) * np.log(high / low) + slope * (high - low)
    area = np.bincount(points.run[:-1][same], weights=part, minlength=len(runs))
    has, bad = points.end > points.start, failed(runs)
    last = np.zeros(len(runs))
    last[has] = points.step[points.end[has] - 1]
    final = np.full(len(runs), np.nan)
    final[has] = value[points.end[has] - 1]
    whole = np.where(bad, np.maximum(planned_steps(runs, results.timings), last), last)
    lost = np.where(bad, np.log(np.maximum(whole, 1) / np.maximum(last, 1)), 0.0)
    failure = facts["failure"].to_numpy()
    area = area + np.where(bad, lost * failure, 0.0)
    length = np.log(np.maximum(whole, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(has, np.where(length > 0, area / length, np.where(bad, failure, final)), np.nan)


def log_tail(results: Tables) -> np.ndarray:
    """(runs,) mean over the last fifth of the steps of ln max(f - f*, floor); the value of a failure for a failed run.

    From the column log_tail where the engine wrote it, and else the mean of the evaluations in that part; the last one
    is always there.
    """
    runs, facts = results.runs, _facts(results)
    failure = facts["failure"].to_numpy()
    if "log_tail" in runs:
        tail = runs["log_tail"].to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        points = trajectories(runs, results.curves)
        last = np.zeros(len(runs))
        has = points.end > points.start
        last[has] = points.step[points.end[has] - 1]
        late = points.step >= (1 - TAIL) * last[points.run]
        run, value = points.run[late], _values(points, facts)[late]
        with np.errstate(invalid="ignore"):
            tail = np.bincount(run, weights=value, minlength=len(runs)) / np.bincount(run, minlength=len(runs))
    return np.where(failed(runs), failure, np.where(np.isposinf(tail), failure, tail))


def planned_steps(runs: pd.DataFrame, timings: pd.DataFrame) -> np.ndarray:
    """(runs,) the steps that each run was given; where `timings` does not say, those that it made."""
    made = runs["steps"].to_numpy(dtype=np.float64)
    if "steps" not in timings:
        return made
    given = timings.drop_duplicates("cohort_id", keep="last").set_index("cohort_id")["steps"]
    return np.fmax(runs["cohort_id"].map(given).to_numpy(dtype=np.float64), made)


def _facts(results: Tables) -> pd.DataFrame:
    """The landmarks of each run's problem, a row a run."""
    runs = results.runs
    return landmarks(runs, results.problems).set_index("problem").loc[runs["problem"]].reset_index()


def _values(points: Trajectories, facts: pd.DataFrame) -> np.ndarray:
    """(points,) ln of the suboptimality; a loss that is no number counts as a failure."""
    minimum, floor, failure = (facts[name].to_numpy()[points.run] for name in ("minimum", "floor", "failure"))
    value = log_gap(points.loss, minimum, floor)
    return np.where(np.isfinite(value), value, failure)
