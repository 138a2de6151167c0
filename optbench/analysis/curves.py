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
    """Median and interval of one column of `curves` over the seeds of each group, at every evaluated step.

    curves: rows of the `curves` table; runs: the runs to take, all of one group evaluated at the same steps (runs of
    one configuration are). A failed run counts as inf from the end of its curve on: it is not dropped, so the median
    of a group becomes inf once half of its runs have failed. A run that a deadline stopped keeps its last value.

    Returns columns `by`, step, epoch, samples, median, low, high, coverage, n, in the order of `runs` and of steps.
    """
    by = list(by)
    wanted = runs[[*by, "run_id"]].assign(failed=failed(runs))
    rows = curves[["run_id", "step", "epoch", "samples", column]].dropna(subset=[column])
    rows = rows[rows["run_id"].isin(wanted["run_id"])]
    parts = []
    for name, group in wanted.groupby(by, sort=False, dropna=False):
        part = rows[rows["run_id"].isin(group["run_id"])]
        # A run without a single usable point is still one of the seeds: its column is there, empty.
        grid = part.pivot(index="step", columns="run_id", values=column).reindex(columns=group["run_id"])
        lost = grid.isna().to_numpy() & group["failed"].to_numpy()
        values = np.where(lost, np.inf, grid.ffill().to_numpy())
        values[np.isnan(values)] = np.inf
        index = np.repeat(np.arange(len(grid)), values.shape[1])
        median, low, high, coverage, n = grouped_intervals(values.ravel(), index, len(grid), confidence)
        clock = part.drop_duplicates("step").set_index("step").loc[grid.index, ["epoch", "samples"]].reset_index()
        parts.append(
            clock.assign(**dict(zip(by, name, strict=True)), median=median, low=low, high=high, coverage=coverage, n=n)
        )
    columns = [*by, "step", "epoch", "samples", "median", "low", "high", "coverage", "n"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns]
