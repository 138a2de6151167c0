"""What is best at each budget: the winner among batch sizes, schedules or optimizers as time goes on.

The best at the end of a run need not be the best a tenth of the way there: its settings are tuned for each budget anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optbench.analysis.blocks import LEVELS, levels_of
from optbench.analysis.columns import failed, metric_columns
from optbench.analysis.comparison import ALL
from optbench.analysis.costs import CLOCKS
from optbench.analysis.points import Part, Tables
from optbench.analysis.ranking import ranking
from optbench.analysis.suboptimality import landmarks
from optbench.analysis.trajectories import pace, values_at
from optbench.contract.errors import OptbenchError, unknown


def runs_at(results: Tables, clock: str, budget: float) -> pd.DataFrame:
    """The `runs` table as it would stand if every run had ended when `clock` stood at `budget`.

    log_tail and suboptimality_final hold what a run had then (`values_at`): that of the point, not of a tail. A run
    that failed later on had not failed yet; one that a deadline stopped later on was not cut. Steps, epochs and
    samples stay those of the whole run, and what was measured at its end (test metrics) is NaN.

    clock: "steps", "samples" or "seconds", the budget's unit.
    """
    return _runs_at(results, clock, values_at(results, clock, np.array([float(budget)]))[:, 0], budget)


def _runs_at(results: Tables, clock: str, y: np.ndarray, budget: float | np.ndarray) -> pd.DataFrame:
    runs = results.runs
    facts = landmarks(runs, results.problems).set_index("problem").loc[runs["problem"]]
    lost = failed(runs) & (y >= facts["failure"].to_numpy())
    cut = (runs["status"] == "deadline").to_numpy() & (_ends(runs, results.timings, clock) < budget)
    gap = np.where(lost, np.inf, np.exp(y))
    loss = facts["minimum"].to_numpy() + gap
    status = np.select([runs["status"] == "failed", lost, cut], ["failed", "diverged", "deadline"], "ok")
    table = runs.assign(
        status=status, loss_final=loss, suboptimality_final=gap,
        loss_best=np.fmin(runs["loss_initial"], loss), log_tail=np.where(lost, np.inf, y),
    )  # fmt: skip
    return table.assign(**{name: np.nan for name in ["test_loss_final", *metric_columns(runs)]})


def against_budget(
    results: Tables,
    of: str = "batch_size",
    clock: str = "samples",
    budgets: int | Sequence[float] = 12,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """How batch sizes, schedules or optimizers rank at each budget, and which are not told apart.

    At each budget, every level is tuned by what its runs had at that time and measured on seeds that did not tune, a
    block of seeds at a time, as `ranking` has it for the ends of runs. Runs of the race and the holdout are left out:
    there only some settings have all seeds. A run that had ended keeps its last value, so that a level that is quick
    is not dropped before the slow ones are done; `ended` is the share of its runs for which this is so. The schedule
    of a run knows its own end, not the budget.

    of: "batch_size", "schedule" or "optimizer". clock: "samples", "seconds" or "steps". budgets: how many, log-spaced
    for each problem from where every level has made a step to where the last run ends; or the budgets themselves.

    Returns one row a (problem, budget, level): problem, clock, budget, `of`, best (the lowest value among those that
    nobody beats), first (not beaten by any: all of these share first place), place, value (suboptimality, geometric
    mean over blocks), low, high, failures (share), ended, blocks, trials. Each budget stands for itself: over all of
    them there is no adjustment.
    """
    if clock not in CLOCKS:
        raise unknown("clock", clock, CLOCKS)
    if of not in LEVELS:
        raise unknown("column to compare", of, LEVELS)
    if not isinstance(budgets, int) and not all(value > 0 for value in budgets):
        raise OptbenchError("budgets must be above 0")
    runs = results.runs
    if "stage" in runs:
        runs = runs[runs["stage"].isin(["grid", "screen"])].drop(columns=["stage", "block"], errors="ignore")
    runs = runs.reset_index(drop=True)
    problem, names = pd.factorize(runs["problem"])
    groups = [np.flatnonzero(problem == number) for number in range(len(names))]
    grids = [_grid(runs.take(rows), results.timings, of, clock, budgets) for rows in groups]
    each = np.full((len(runs), max(map(len, grids), default=0)), np.nan)  # the budgets of each run's problem
    for rows, grid in zip(groups, grids, strict=True):
        each[rows, : len(grid)] = grid
    values = values_at(Part(runs, results), clock, each)
    parts = []
    for place in range(each.shape[1]):  # a budget of every problem at once: `ranking` takes a moment, however few rows
        there = np.flatnonzero(~np.isnan(each[:, place]))
        part = Part(runs.take(there).reset_index(drop=True), results)
        parts.append(_at(part, of, clock, each[there, place], values[there, place], confidence))
    columns = ["problem", "clock", "budget", of, "best", "first", "place", "value", "low", "high", "failures", "ended"]
    columns += ["blocks", "trials"]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)
    order = np.lexsort((np.arange(len(table)), table["budget"], pd.Index(names).get_indexer(table["problem"])))
    return table.take(order)[columns].reset_index(drop=True)


def budget_winners(table: pd.DataFrame) -> pd.DataFrame:
    """One row a (problem, budget) of `against_budget`: problem, clock, budget, winner, value, tied.

    tied: the others that share first place with the winner, best first, as one text; "" where it stands alone.
    """
    of = table.columns[table.columns.get_loc("budget") + 1]
    keys = ["problem", "clock", "budget"]
    ordered = table[table["first"]].sort_values("value", kind="stable")
    best = table.loc[table["best"], [*keys, of, "value"]].rename(columns={of: "winner"})
    others = ordered[~ordered["best"]].groupby(keys)[of].agg(", ".join).rename("tied").reset_index()
    return best.merge(others, on=keys, how="left").fillna({"tied": ""}).reset_index(drop=True)


def _grid(runs: pd.DataFrame, timings: pd.DataFrame, of: str, clock: str, budgets: int | Sequence[float]) -> np.ndarray:
    """The budgets of one problem."""
    if not isinstance(budgets, int):
        return np.asarray(budgets, dtype=np.float64)
    ends = _ends(runs, timings, clock)
    step = pd.Series(ends / runs["steps"].clip(lower=1).to_numpy())
    begun = step > 0  # a deadline may have cut a run before its first step
    first = step[begun].groupby(runs[of].to_numpy()[begun]).min().max()
    return np.geomspace(first, max(ends.max(), first), budgets) if begun.any() else np.zeros(0)


def _at(part: Part, of: str, clock: str, budget: np.ndarray, y: np.ndarray, confidence: float) -> pd.DataFrame:
    """The rows of one budget of each problem. budget, y: (runs,) the budget, and what `values_at` has there."""
    ends, now = _ends(part.runs, part.timings, clock), _runs_at(part, clock, y, budget)
    ranked = ranking(now, of=of, confidence=confidence)
    ranked = ranked[ranked["problem"] != ALL].reset_index(drop=True)
    place = [now["problem"].to_numpy(dtype=object), levels_of(now, of)]
    done = pd.Series(ends <= budget).groupby(place).mean()
    each = pd.Series(budget).groupby(place[0]).first()
    cells = pd.MultiIndex.from_arrays([ranked["problem"], ranked[of]])
    leads = ranked[ranked["first"] & ranked["value"].notna()].groupby("problem")["value"].idxmin()
    return ranked.assign(
        clock=clock, budget=ranked["problem"].map(each), ended=done.reindex(cells).to_numpy(),
        best=ranked.index.isin(leads), trials=ranked["trials"].astype(np.int64),
    )  # fmt: skip


def _ends(runs: pd.DataFrame, timings: pd.DataFrame, clock: str) -> np.ndarray:
    """(runs,) where the clock stands at each run's own end."""
    steps = runs["steps"].to_numpy(dtype=np.float64)
    if clock == "seconds":
        return np.where(steps > 0, steps * pace(runs, timings), 0.0)  # what made no step has no time
    return steps if clock == "steps" else runs["samples"].to_numpy(dtype=np.float64)
