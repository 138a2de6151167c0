"""The cost of a target for a group of runs: expected running times with intervals, and times with restarts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from optbench.analysis.costs import CLOCKS
from optbench.analysis.resampling import expected_times, percentile_bounds, resample_counts, units
from optbench.contract.errors import unknown

# Groups whose bootstrap is held at once: 4 MiB for 2,000 resamples: inside the caches; not measured
_GROUPS_AT_ONCE = 256


def running_times(
    times: pd.DataFrame,
    by: Sequence[str] = ("problem", "optimizer"),
    clock: str = "samples",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the expected running time to each target: total cost over the number of runs that reached it, or inf.

    times: from `time_to_target`. by: columns that name a group; clock: "steps", "samples" or "seconds". The interval
    is a bootstrap over seeds, or over blocks where all runs are in one (`units`), drawn as a whole.

    Returns one row for each (group, target), groups in order of appearance: `by`, target, runs, reached (the number),
    ert, low, high (in the clock's unit).
    """
    if clock not in CLOCKS:
        raise unknown("clock", clock, CLOCKS)
    keys = [*by, "target"]
    whole = times.assign(_runs=1, _unit=units(times)).groupby([*keys, "_unit"], sort=False, dropna=False, observed=True)
    sums = whole[["_runs", "reached", clock]].sum().reset_index().sort_values("_unit", kind="stable")
    grouped = sums.groupby(keys, sort=False, dropna=False, observed=True)
    code, place = grouped.ngroup().to_numpy(), grouped.cumcount().to_numpy()
    table = times[keys].drop_duplicates(ignore_index=True)
    number = sums.drop_duplicates(keys).assign(_group=code[~sums.duplicated(keys).to_numpy()])
    order = table.merge(number[[*keys, "_group"]], on=keys, how="left")["_group"].to_numpy()
    sizes = np.bincount(code)
    ert, low, high = (np.empty(len(sizes)) for _ in range(3))
    spent, hits = (np.zeros((len(sizes), sizes.max(initial=0))) for _ in range(2))
    spent[code, place], hits[code, place] = sums[clock], sums["reached"]
    for n in np.unique(sizes):
        counts, same = resample_counts(int(n)), np.flatnonzero(sizes == n)
        for first in range(0, len(same), _GROUPS_AT_ONCE):
            rows = same[first : first + _GROUPS_AT_ONCE]
            resampled = expected_times(spent[rows, :n], hits[rows, :n], counts)
            ert[rows], low[rows], high[rows] = percentile_bounds(resampled, confidence)
    for name, column in (("runs", "_runs"), ("reached", "reached")):
        table[name] = np.bincount(code, weights=sums[column])[order].astype(np.int64)
    return table.assign(ert=ert[order], low=low[order], high=high[order])


def simulated_restarts(costs: ArrayLike, reached: ArrayLike, count: int = 1000, seed: int = 0) -> np.ndarray:
    """Return simulated running times, (count,), of runs that are restarted with other seeds until one succeeds.

    Runs are drawn with replacement and their costs are added up to the first that reached the target; inf where none
    did. The mean of these times is the expected running time.

    costs, reached: (runs,). Source: Hansen et al. 2021, COCO, Optimization Methods and Software 36(1), section 4.
    """
    costs, reached = np.asarray(costs, dtype=np.float64), np.asarray(reached, dtype=bool)
    if not reached.any():
        return np.full(count, np.inf)
    rng, total, open_ = np.random.default_rng(seed), np.zeros(count), np.arange(count)
    while len(open_):
        drawn = rng.integers(len(costs), size=len(open_))
        total[open_] += costs[drawn]
        open_ = open_[~reached[drawn]]
    return total
