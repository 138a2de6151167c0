"""The best batch sizes, schedules or optimizers at each budget of steps, samples or seconds.

The best at the end of a run need not be the best after a quarter of it. A plain grid, where every setting has all
seeds, is tuned for each budget separately; a sweep with blocks reports what it has tuned for the whole run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optbench.analysis.columns import (
    configuration_columns,
    find_failed_runs,
    metric_columns,
    number_groups,
    read_floats,
)
from optbench.analysis.costs import CLOCKS
from optbench.analysis.measures import LOSS, find_reference_values
from optbench.analysis.protocol import LEVELS, SCREEN, levels_of, select_chosen_runs
from optbench.analysis.ranking import ranking
from optbench.analysis.selection import is_staged
from optbench.analysis.trajectories import Part, Tables, interpolate_values, step_seconds
from optbench.analysis.verdicts import ALL
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError


def cut_runs_at(results: Tables, clock: str, budget: float | np.ndarray, y: np.ndarray | None = None) -> pd.DataFrame:
    """Return the `runs` table as it would be if every run had ended when `clock` reached `budget`.

    log_tail and suboptimality_final hold the value at that point (`interpolate_values`), not the mean of a tail. A run
    that failed later counts as not failed, and one that a deadline stopped later as not cut. Steps, epochs and samples
    remain those of the whole run, and measurements at its end (test metrics) are NaN.

    clock: "steps", "samples" or "seconds", the budget's unit; budget: one for all runs, or (runs,). y: the values
    there, (runs,), if they are known.
    """
    if y is None:
        y = interpolate_values(results, clock, np.array([budget], dtype=np.float64).T)[:, 0]
    runs = results.runs
    facts = find_reference_values(runs, results.problems).set_index("problem").loc[runs["problem"]]
    lost = find_failed_runs(runs) & (y >= facts["failure"].to_numpy())
    cut = (runs["status"] == "deadline").to_numpy() & (_read_ends(runs, results.timings, clock) < budget)
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
    budgets: int | Sequence[float] = (0.25, 0.5, 1.0),
    choose_by: str = LOSS,
) -> pd.DataFrame:
    """Rank batch sizes, schedules or optimizers by their losses at each budget.

    Of a plain grid every level is tuned at each budget by the values of its runs at that time and measured on other
    seeds, block by block, as `ranking` does for the ends of runs. Of a sweep with blocks the runs of the holdout are
    ranked: there each block has settings of its own, and only those that it chose, for the whole run, have fresh seeds.
    A run that had ended keeps its last value, so that a fast level is not dropped before the slow ones are done;
    `ended` is the share of such runs. The schedule of a run depends on its own end, not on the budget.

    of: "batch_size", "schedule" or "optimizer". clock: "samples", "seconds" or "steps". budgets: up to 1, shares of the
    longest run of each problem; above 1, in the unit of the clock; or their number, with log-spaced budgets for each
    problem from the first step of all levels to the end of the last run. choose_by: the measure by which a sweep with
    blocks chose what is ranked.

    Returns one row for each (problem, budget, level): problem, clock, budget, `of`, best (the lowest value among those
    that are first), first (no other wins against it), place, value (suboptimality, geometric mean over blocks), low,
    high, failures (share), ended, blocks, trials. Verdicts hold for all pairs of a budget at once, not for all budgets.
    There is no row for a problem where nothing reports.
    """
    arguments.one_of("clock", clock, CLOCKS)
    arguments.one_of("column to compare", of, LEVELS)
    if not isinstance(budgets, int) and not all(value > 0 for value in budgets):
        raise OptbenchError("budgets must be above 0")
    runs, trials, level = results.runs, None, of
    if is_staged(runs):
        trials, level = _count_trials(runs, of), "optimizer"
        runs = _merge_settings(select_chosen_runs(runs, choose_by, of), of)
    else:
        runs = runs.drop(columns=["stage", "block"], errors="ignore")
    runs = runs.reset_index(drop=True)
    problem, names = pd.factorize(runs["problem"])
    groups = [np.flatnonzero(problem == number) for number in range(len(names))]
    grids = [_space_budgets(runs.take(rows), results.timings, level, clock, budgets) for rows in groups]
    each = np.full((len(runs), max(map(len, grids), default=0)), np.nan)  # the budgets of each run's problem
    for rows, grid in zip(groups, grids, strict=True):
        each[rows, : len(grid)] = grid
    values = interpolate_values(Part(runs, results), clock, each)
    parts = []
    for place in range(each.shape[1]):  # a budget of every problem at once: `ranking` takes a moment, however few rows
        there = np.flatnonzero(~np.isnan(each[:, place]))
        part = Part(runs.take(there).reset_index(drop=True), results)
        parts.append(_rank_levels_at(part, level, clock, each[there, place], values[there, place]))
    columns = ["problem", "clock", "budget", of, "best", "first", "place", "value", "low", "high", "failures", "ended"]
    columns += ["blocks", "trials"]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True).rename(columns={level: of})
    if trials is not None:
        table["trials"] = trials.reindex(pd.MultiIndex.from_frame(table[["problem", of]])).to_numpy()
    order = np.lexsort((np.arange(len(table)), table["budget"], pd.Index(names).get_indexer(table["problem"])))
    return table.take(order)[columns].reset_index(drop=True)


def _count_trials(runs: pd.DataFrame, of: str) -> pd.Series:
    """Return by problem and level the most settings that a block screened. runs: of a sweep with blocks."""
    table = runs[["problem", "block"]].assign(level=levels_of(runs, of))
    table["setting"] = number_groups(runs, configuration_columns(runs))[0]
    counts = table[runs["stage"] == SCREEN].groupby(["problem", "level", "block"])["setting"].nunique()
    return counts.groupby(["problem", "level"]).max()


def _merge_settings(runs: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return reporting runs as those of one optimizer a level, named after it, with a single setting.

    What was chosen in a block is then ranked as it is, without another choice.
    """
    if runs.empty:
        return runs
    names = [name for name in configuration_columns(runs) if name not in ("optimizer", "dtype")]
    coarsest = runs["dtype"].min()  # float32 before float64: a loss below the minimum is rounding up to a larger one
    one = {name: runs[name].iloc[0] for name in names}
    return runs.assign(**one, dtype=coarsest, optimizer=levels_of(runs, of))


def _space_budgets(
    runs: pd.DataFrame, timings: pd.DataFrame, of: str, clock: str, budgets: int | Sequence[float]
) -> np.ndarray:
    """Return the budgets of one problem, in the unit of the clock; none where no run made a step.

    runs: those of the problem; of: the column of the levels. budgets: as for `against_budget`.
    """
    ends = _read_ends(runs, timings, clock)
    if not isinstance(budgets, int):
        given = np.asarray(budgets, dtype=np.float64)
        given = np.where(given <= 1, given * np.nanmax(ends), given)
        return given[given > 0]
    step = pd.Series(ends / runs["steps"].clip(lower=1).to_numpy())
    begun = step > 0  # a deadline may have cut a run before its first step
    first = step[begun].groupby(runs[of].to_numpy()[begun]).min().max()
    return np.geomspace(first, max(ends.max(), first), budgets) if begun.any() else np.zeros(0)


def _rank_levels_at(part: Part, of: str, clock: str, budget: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """Return the rows of `against_budget` for one budget of each problem: one row for each problem and level of `of`.

    part: the runs. budget: (runs,) the budget of each run's problem; y: (runs,) ln of the suboptimality at that time.
    """
    ends, now = _read_ends(part.runs, part.timings, clock), cut_runs_at(part, clock, budget, y)
    ranked = ranking(now, LOSS, of)
    ranked = ranked[ranked["problem"] != ALL].reset_index(drop=True)
    place = [now["problem"].to_numpy(dtype=object), levels_of(now, of)]
    done = pd.Series(ends <= budget).groupby(place).mean()
    each = pd.Series(budget).groupby(place[0]).first()
    cells = pd.MultiIndex.from_arrays([ranked["problem"], ranked[of]])
    first = ranked["place"] == 1
    leads = ranked[first & ranked["value"].notna()].groupby("problem")["value"].idxmin()
    return ranked.assign(
        clock=clock, budget=ranked["problem"].map(each), ended=done.reindex(cells).to_numpy(),
        first=first, best=ranked.index.isin(leads), trials=ranked["trials"].astype(np.int64),
    )  # fmt: skip


def _read_ends(runs: pd.DataFrame, timings: pd.DataFrame, clock: str) -> np.ndarray:
    """Return the clock's value at the end of each run, (runs,). clock: "steps", "samples" or "seconds"."""
    if clock == "seconds":
        steps = read_floats(runs, "steps")
        return np.where(steps > 0, steps * step_seconds(runs, timings), 0.0)  # what made no step has no time
    return read_floats(runs, clock)
