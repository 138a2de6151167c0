"""What a target costs a group of runs: expected running times with intervals, and all costs in one table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from optbench.analysis.columns import configuration_columns, failed, metric_columns
from optbench.analysis.costs import CLOCKS, time_to_target
from optbench.analysis.intervals import grouped_intervals
from optbench.analysis.resampling import expected_times, percentile_bounds, resample_counts, units
from optbench.analysis.trajectories import Tables, log_area, log_tail
from optbench.contract.errors import unknown

_GROUPS_AT_ONCE = 256


def running_times(
    times: pd.DataFrame,
    by: Sequence[str] = ("problem", "optimizer"),
    clock: str = "samples",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The expected running time to each target: the cost of all runs over the number that reached it; inf for none.

    times: from `time_to_target`. by: columns that name a group; clock: "steps", "samples" or "seconds". The interval
    is a bootstrap over seeds, or over blocks where the runs stand in some (`units`); what they hold stays together.

    Returns one row a (group, target), groups in order of appearance: `by`, target, runs, reached (how many), ert, low,
    high (in the clock's unit).
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
    """(count,) running times of a run that is started anew, with another seed, until it reaches the target.

    Runs are drawn with replacement and their costs added up to the first that reached it; inf where none did. The mean
    of these times is the expected running time.

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


def costs(
    results: Tables,
    by: Sequence[str] | None = None,
    runs: pd.DataFrame | None = None,
    targets: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """All costs of each configuration, or of each group, in one table.

    by: columns that name a group; by default problem and configuration. runs: those rows of `results.runs` that
    count, such as the reported ones; by default all. targets: as for `time_to_target`.

    Returns one row a group, in order of appearance, with
      `by`, runs, seeds, failures (their share, 0 to 1), unfinished (the share that a deadline stopped);
      log_tail: the median over runs of the mean of ln max(f - f*, floor) over the last fifth of the steps;
      log_area: the same over log-spaced steps of the whole budget; a failure counts as 1e6 times the first in both;
      test_loss and the metrics: medians over runs, a failed one counting as the worst (accuracy 0, else inf);
      and for each target, by its share: reached_0.1 (share of runs), samples_to_0.1, seconds_to_0.1 (expected running
      times; `running_times` has their intervals).
    """
    every = results.runs
    by = ["problem", *configuration_columns(every)] if by is None else list(by)
    chosen = np.ones(len(every), dtype=bool) if runs is None else every["run_id"].isin(runs["run_id"]).to_numpy()
    mine, bad = every[chosen], failed(every)[chosen]
    table = mine[by].drop_duplicates(ignore_index=True)
    count = len(table)
    code = mine[by].merge(table.assign(_group=np.arange(count)), on=by, how="left")["_group"].to_numpy()
    table["runs"] = size = np.bincount(code, minlength=count)
    table["seeds"] = mine["seed"].groupby(code).nunique().to_numpy()
    table["failures"] = np.bincount(code, weights=bad, minlength=count) / size
    late = (mine["status"] == "deadline").to_numpy() & ~bad
    table["unfinished"] = np.bincount(code, weights=late, minlength=count) / size
    for name, each in (("log_tail", log_tail), ("log_area", log_area)):
        table[name] = _median(each(results)[chosen], code, count)
    for name, column in [("test_loss", "test_loss_final"), *((name, name) for name in metric_columns(mine))]:
        values = mine[column].to_numpy(dtype=np.float64, na_value=np.nan)
        there = np.bincount(code, weights=~np.isnan(values), minlength=count) > 0
        worst = 0.0 if "accuracy" in name else np.inf
        table[name] = _median(np.where(bad & there[code], worst, values), code, count)
    times = time_to_target(results, targets)
    times = times[times["run_id"].isin(mine["run_id"])]
    wide = times.groupby([*by, "target"], sort=False, dropna=False, observed=True)
    sums = wide[["reached", "samples", "seconds"]].sum()
    sums["share"] = wide["reached"].mean()
    for target in times["target"].unique():
        here = table[by].merge(sums.xs(target, level="target").reset_index(), on=by, how="left")
        table[f"reached_{target:g}"] = here["share"]
        for clock in ("samples", "seconds"):
            with np.errstate(divide="ignore", invalid="ignore"):
                ert = np.where(here["reached"] == 0, np.inf, here[clock] / here["reached"])
            table[f"{clock}_to_{target:g}"] = np.where(here["share"].isna(), np.nan, ert)
    return table


def _median(values: np.ndarray, code: np.ndarray, count: int) -> np.ndarray:
    known = ~np.isnan(values)
    return grouped_intervals(values[known], code[known], count)[0]
