"""Loss curves over seeds: the median at each evaluated step, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optbench.analysis.columns import failed
from optbench.analysis.intervals import grouped_intervals


def curve_bands(
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    column: str = "train_loss",
    by: Sequence[str] = ("problem", "optimizer"),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the median and interval of a column of `curves` over the seeds of each group, at every evaluated step.

    curves: rows of the `curves` table; runs: the runs to take, all of one group evaluated at the same steps (runs of
    one configuration are). A failed run counts as inf from the end of its curve on: it is not dropped, so the median
    of a group becomes inf once half of its runs have failed. A run that a deadline stopped keeps its last value.

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
    values = _continued(values, failed(runs))

    # A run without a single usable point is still one of the seeds.
    there = np.arange(values.shape[1]) < size[group][:, None]
    place = (start[group][:, None] + np.arange(values.shape[1]))[there]
    median, low, high, coverage, n = grouped_intervals(values[there], place, len(marks), confidence)
    clock = rows[["step", "epoch", "samples"]].iloc[first].reset_index(drop=True)
    table = pd.concat([names.take(owner).reset_index(drop=True), clock], axis=1)
    return table.assign(median=median, low=low, high=high, coverage=coverage, n=n)


def _continued(values: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Return the values, (runs, steps), with NaN replaced by inf in a failed run, else by the run's last value."""
    there = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(there, np.arange(values.shape[1]), 0), axis=1)
    filled = np.take_along_axis(values, last, axis=1)
    filled[~there & bad[:, None] | np.isnan(filled)] = np.inf
    return filled
