"""What loss curves show: the median over seeds at each evaluated step, and the noise from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from optbench.analysis.run_columns import find_failed_runs
from optbench.analysis.statistics import grouped_intervals
from optbench.contract.problems import FLOOR

# Share of a run, its end: where losses are read, too: the way down is over
LAST = 0.2
# Evaluations there: three differences: fewer say nothing of a spread
LEAST_POINTS = 5


def curve_bands(
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    column: str = "train_loss",
    by: Sequence[str] = ("problem", "optimizer"),
    minima: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return the median and interval of a column of `curves` over the seeds of each group, at every evaluated step.

    curves: rows of the `curves` table; runs: the runs to take, all of one group evaluated at the same steps (runs of
    one configuration are). A failed run counts as inf from the end of its curve on: it is not dropped, so the median
    of a group becomes inf once half of its runs have failed. A run that a deadline stopped keeps its last value.
    minima: by problem, to give the last fifth of a run as one point, its mean (`average_end`), where evaluations are
    close together there: beside those before, noise looks as if it began there. None: every evaluation is a point.

    Returns columns `by`, step, epoch, samples, median, low, high, coverage, n, in the order of `runs` and of steps.
    """
    by = list(by)
    group = runs.groupby(by, sort=False, dropna=False).ngroup().to_numpy()
    names = runs[by].iloc[np.unique(group, return_index=True)[1]].reset_index(drop=True)
    rows = curves[["run_id", "step", "epoch", "samples", column]].dropna(subset=[column])
    run = pd.Index(runs["run_id"]).get_indexer(rows["run_id"])
    rows, run = rows[run >= 0], run[run >= 0]

    # A mark is a group and one of its steps; the marks of a group stand together, in the order of steps.
    step, code = np.unique(rows["step"].to_numpy(), return_inverse=True)
    marks, first, mark = np.unique(group[run] * len(step) + code, return_index=True, return_inverse=True)
    owner = marks // max(len(step), 1)
    size = np.bincount(owner, minlength=len(names))
    start = np.cumsum(size) - size
    values = np.full((len(runs), int(size.max(initial=0))), np.nan)
    values[run, mark - start[group[run]]] = rows[column].to_numpy(dtype=np.float64)
    values = _fill_ends(values, find_failed_runs(runs))
    kept = np.ones(len(marks), dtype=bool)
    groups = {} if minima is None else pd.Series(group).groupby(group).indices
    for name, members in groups.items():
        begin, end = start[name], start[name] + size[name]
        late = begin + find_dense_end(step[marks[begin:end] % len(step)])
        if late < end - 1:
            minimum = (minima or {}).get(names.at[name, "problem"], np.nan)
            values[members, size[name] - 1] = average_end(values[members, late - begin : size[name]], minimum)
            kept[late : end - 1] = False

    # A run without a single usable point is still one of the seeds.
    there = np.arange(values.shape[1]) < size[group][:, None]
    place = (start[group][:, None] + np.arange(values.shape[1]))[there]
    drawn = kept[place]
    place = (np.cumsum(kept) - 1)[place[drawn]]
    median, low, high, coverage, n = grouped_intervals(values[there][drawn], place, int(kept.sum()))
    clock = rows[["step", "epoch", "samples"]].iloc[first[kept]].reset_index(drop=True)
    table = pd.concat([names.take(owner[kept]).reset_index(drop=True), clock], axis=1)
    return table.assign(median=median, low=low, high=high, coverage=coverage, n=n)


def find_dense_end(steps: np.ndarray) -> int:
    """Return where the last fifth of a run begins in its evaluated steps, if they are closer together there.

    Else the number of steps. An epoch's end may lie right before it, so that the gaps of three evaluations count.
    """
    late = int(np.searchsorted(steps, (1 - LAST) * steps[-1])) if len(steps) else 0
    many = len(steps) - late
    if many < LEAST_POINTS or late < 3:
        return len(steps)
    before, within = (steps[late] - steps[late - 3]) / 3, (steps[-1] - steps[late]) / (many - 1)
    return late if before > 1.5 * within else len(steps)


def average_end(values: np.ndarray, minimum: float) -> np.ndarray:
    """Return the mean over the last axis: of suboptimalities the geometric one, as verdicts have it, plus the minimum.

    minimum: of a loss; NaN for the mean of the values themselves.
    """
    if not np.isfinite(minimum):
        return values.mean(axis=-1)
    gaps, floor = values - minimum, FLOOR * max(1.0, abs(minimum))
    mean = np.exp(np.log(np.maximum(gaps, floor)).mean(axis=-1))
    return minimum + np.where(gaps.max(axis=-1) > floor, mean, gaps.mean(axis=-1))


def _fill_ends(values: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Return the values, (runs, steps), with NaN replaced by inf in a failed run, else by the run's last value.

    bad: (runs,) True where the run failed.
    """
    there = ~np.isnan(values)
    filled = pd.DataFrame(values).ffill(axis=1).to_numpy(copy=True)
    filled[~there & bad[:, None] | np.isnan(filled)] = np.inf
    return filled


def cost_noise(curves: pd.DataFrame, last: float = LAST) -> pd.Series:
    """Return the standard deviation of successive mini-batch costs around their local mean, by run_id.

    The local mean at a point is the line between its two neighbors: d = f - (the line there). For independent noise of
    variance s^2 around a straight line, d has the variance s^2 (1 + a^2 + b^2), where a and b are the weights of the
    neighbors, so s^2 is the mean of d^2 / (1 + a^2 + b^2). A slow trend has no effect.

    curves: rows of run_id, step and batch_loss; last: the share of a run's steps, at its end, to use. NaN for a run
    with fewer than 5 points there.

    Source: Gasser, Sroka & Jennen-Steinmetz 1986, Biometrika 73(3), eq. 4.
    """
    rows = curves[["run_id", "step", "batch_loss"]].dropna().sort_values(["run_id", "step"], kind="stable")
    ends = rows.groupby("run_id")["step"].transform("max")
    rows = rows[rows["step"] >= (1 - last) * ends]
    groups = rows.groupby("run_id")
    before, after = (groups[["step", "batch_loss"]].shift(k) for k in (1, -1))
    right = (rows["step"] - before["step"]) / (after["step"] - before["step"])
    with np.errstate(over="ignore", invalid="ignore"):
        away = rows["batch_loss"] - (1 - right) * before["batch_loss"] - right * after["batch_loss"]
        squares = (away**2 / (1 + right**2 + (1 - right) ** 2)).groupby(rows["run_id"])
        noise = np.sqrt(squares.mean()).where(squares.count() >= LEAST_POINTS - 2)
    return noise.reindex(curves["run_id"].unique()).rename_axis("run_id")
