"""Honest selection: choose on the tuning seeds, report on the others.

A configuration that is the best of many on some seeds is partly lucky on them. The choice is therefore made on the
tuning seeds alone, and every reported number comes from seeds that were not used for the choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from optbench.analysis.blocks import HOLDOUT, SCREEN
from optbench.analysis.columns import (
    comparable,
    configuration_columns,
    failed,
    final_suboptimality,
    full_batch,
    metric_columns,
)
from optbench.analysis.intervals import grouped_intervals
from optbench.analysis.measures import tail_values
from optbench.analysis.protocol import recommended

_LARGEST = 700.0  # exp of more is inf, which stands for a failure


def best_configurations(
    runs: pd.DataFrame,
    tuning_seeds: Iterable[int],
    by: Sequence[str] = ("problem", "optimizer"),
    confidence: float = 0.95,
    choose_by: str | None = None,
) -> pd.DataFrame:
    """Return the best configuration of each group, chosen on `tuning_seeds` and measured on all other seeds.

    runs: the `runs` table. by: columns that name a group; "problem" must be among them, since suboptimalities of
    different problems cannot be compared. choose_by: the measure to choose by and to report, as in `tail_values`, here
    as exp(y); None: suboptimality_final.

    In a sweep with blocks of seeds, the choice is made on the seeds of the screening, where every setting ran; for an
    optimizer it is the setting that all blocks recommend. It is measured on the reporting seeds.

    The best has the lowest median of suboptimality_final over the tuning seeds, a failed run counting as inf. Ties go
    to fewer failures, then to the smaller range over the tuning seeds, then to the smaller rate, and last to the
    order of the remaining columns, so that the choice never depends on the order of rows. Where only a part of a sweep
    is available, configurations with fewer tuning seeds than others of their group are not considered; nor is one that
    a deadline cut on a tuning seed, or that could not run there, unless that holds for all of its group. Pairs of
    problem and optimizer all of whose runs failed are left out.

    Returns one row per group, groups in order of appearance, with the columns
      `by`, the rest of the configuration (optimizer, hyperparameters, dtype, batch_size, schedule, lr), full_batch;
      tuning_median, tuning_failures, tuning_unfinished, tuning_n: the numbers on the tuning seeds;
      median, low, high, coverage, n, failures, unfinished: the measure on the other seeds; failed runs count as
        inf, runs stopped by a deadline with the loss that they reached (counted in `unfinished`);
      held_out: False where there were no other seeds, so that the numbers come from the tuning seeds;
      edge, edge_side: "low" or "high" where the rate is the lowest or highest of several that were tried;
      test_loss and the metrics: medians on the same seeds, a failed run counting as the worst (accuracy 0, else inf).
    """
    by = list(by)
    if "problem" not in by:
        raise ValueError(f'by must contain "problem", got {by}')
    if runs.empty:
        raise ValueError("there are no runs to choose from")
    runs = comparable(runs)
    keys = by + [name for name in configuration_columns(runs) if name not in by]
    code, table = _codes(runs, keys)
    group = _codes(table, by)[0]
    value, bad = final_suboptimality(runs), failed(runs)
    if choose_by is not None:
        value = np.where(bad, np.inf, np.exp(np.minimum(tail_values(runs, choose_by), _LARGEST)))

    tuning, reporting = _split(runs, tuning_seeds)
    has_tuning = np.bincount(group[code], weights=tuning) > 0
    tuning = tuning | ~has_tuning[group[code]]
    offered, late = tuning, (runs["status"] == "deadline").to_numpy() & ~bad
    cut = late | (runs["status"] == "failed").to_numpy()
    if staged(runs) and choose_by is not None and by == ["problem", "optimizer"]:
        wanted = recommended_rows(runs, choose_by, keys)[code] & tuning
        offered = wanted | tuning & ~(np.bincount(group[code], weights=wanted) > 0)[group[code]]
    chosen = _choose(table, group, code[offered], value[offered], bad[offered], cut[offered], keys)

    rows = chosen["code"].to_numpy()
    place = np.full(len(table), -1)
    place[rows] = np.arange(len(rows))
    reporting = reporting & ~tuning
    has_other = np.bincount(code, weights=reporting, minlength=len(table)) > 0
    used = (place[code] >= 0) & np.where(has_other[code], reporting, tuning)
    at, measured = place[code[used]], runs.loc[used]
    best = chosen.drop(columns="code")
    best["median"], best["low"], best["high"], best["coverage"], best["n"] = grouped_intervals(
        value[used], at, len(rows), confidence
    )
    best["failures"] = np.bincount(at, weights=bad[used], minlength=len(rows)).astype(np.int64)
    best["unfinished"] = np.bincount(at, weights=late[used], minlength=len(rows)).astype(np.int64)
    best["held_out"] = has_other[rows]
    best.insert(len(keys), "full_batch", _full(runs, best))
    best["edge_side"] = _edge_side(runs, best)
    best["edge"] = best["edge_side"] != ""
    best["test_loss"] = _median(measured["test_loss_final"], bad[used], np.inf, at, len(rows))
    for name in metric_columns(runs):
        worst = 0.0 if "accuracy" in name else np.inf
        best[name] = _median(measured[name], bad[used], worst, at, len(rows))
    return best


def staged(runs: pd.DataFrame) -> bool:
    """Return True where the sweep was run in stages, on blocks of seeds."""
    return "stage" in runs and bool((runs["stage"] == SCREEN).any())


def every_setting(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of stages in which every setting ran: of a staged sweep the screening, else all runs."""
    return runs[runs["stage"] == SCREEN] if staged(runs) else runs


def _split(runs: pd.DataFrame, tuning_seeds: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays (runs,) bool: True for the runs to choose on, and for the runs to report."""
    if staged(runs):
        return (runs["stage"] == SCREEN).to_numpy(), (runs["stage"] == HOLDOUT).to_numpy()
    tuning = runs["seed"].isin(list(tuning_seeds)).to_numpy()
    return tuning, ~tuning


def recommended_rows(runs: pd.DataFrame, choose_by: str, keys: list[str]) -> np.ndarray:
    """Return (configurations,) bool, True for those that all blocks recommend, in order of appearance in `runs`."""
    table = _codes(runs, keys)[1]
    wanted = table.merge(recommended(runs, choose_by)[keys].assign(wanted=True), on=keys, how="left")["wanted"]
    return wanted.notna().to_numpy()


def reported_runs(runs: pd.DataFrame, best: pd.DataFrame, tuning_seeds: Iterable[int]) -> pd.DataFrame:
    """Return the rows of `runs` behind the reported numbers of `best` (a table from `best_configurations`)."""
    keys = ["problem", *configuration_columns(runs)]
    tuning, reporting = _split(runs, tuning_seeds)
    marked = runs.assign(_tuning=tuning, _reporting=reporting)
    mine = marked.merge(best[[*keys, "held_out"]], on=keys, how="inner")
    used = np.where(mine["held_out"], mine["_reporting"], mine["_tuning"] | (not staged(runs)))
    return mine[used.astype(bool)].drop(columns=["held_out", "_tuning", "_reporting"])


def _codes(table: pd.DataFrame, keys: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the index of each row's combination of `keys`, and the distinct combinations in order of appearance.

    NaN equals NaN.
    """
    code = pd.Series(table.groupby(keys, sort=False, dropna=False).ngroup().to_numpy())
    first = ~code.duplicated().to_numpy()
    distinct = table.loc[first, keys].set_axis(code[first]).sort_index()
    return code.to_numpy(), distinct


def _choose(table, group, code, value, bad, cut, keys) -> pd.DataFrame:
    """Return one row per group: its best configuration on the given runs, with `code`, its row in `table`."""
    count = len(table)
    median, _, _, _, n = grouped_intervals(value, code, count)
    largest, smallest = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(largest, code, value)
    np.minimum.at(smallest, code, value)
    spread = np.where(np.isfinite(largest), largest, np.inf)
    spread[np.isfinite(largest)] -= smallest[np.isfinite(largest)]
    failures, unfinished = (np.bincount(code, weights=each, minlength=count).astype(np.int64) for each in (bad, cut))
    extra = {"median": median, "failures": failures, "unfinished": unfinished, "n": n, "spread": spread}
    work = table.assign(**{f"tuning_{name}": column for name, column in extra.items()}, group=group, code=range(count))
    complete = work.groupby("group")["tuning_n"].transform("max")
    work = work[(work["tuning_n"] == complete) & (work["tuning_n"] > 0)]
    whole = work["tuning_unfinished"] == 0
    work = work[whole | ~whole.groupby(work["group"]).transform("any")]
    ranking = ["group", "tuning_median", "tuning_failures", "tuning_spread", "lr"]
    work = work.sort_values(ranking + [key for key in keys if key != "lr"], kind="stable")
    return work.drop_duplicates("group").drop(columns=["group", "tuning_spread"]).reset_index(drop=True)


def _median(column: pd.Series, bad: np.ndarray, worst: float, at: np.ndarray, count: int) -> np.ndarray:
    """Return the median of a column per group; NaN where the problem does not have the quantity.

    worst: the value that counts for failed runs.
    """
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    has = np.bincount(at, weights=~np.isnan(values), minlength=count) > 0
    known = has[at] & (bad | ~np.isnan(values))
    return grouped_intervals(np.where(bad, worst, values)[known], at[known], count)[0]


def _full(runs: pd.DataFrame, best: pd.DataFrame) -> np.ndarray:
    """Return (rows of best,) bool, True where the batch is the whole data set."""
    keys = ["problem", "batch_size"]
    pairs = runs[keys].assign(full_batch=full_batch(runs)).drop_duplicates(keys)
    return best[keys].merge(pairs, on=keys, how="left")["full_batch"].to_numpy(dtype=bool)


def _edge_side(runs: pd.DataFrame, best: pd.DataFrame) -> np.ndarray:
    """Return "low" or "high" where the rate is at an end of those tried on the problem by the optimizer, else ""."""
    keys = ["problem", "optimizer"]
    grid = runs.groupby(keys, sort=False)["lr"].agg(["min", "max"]).reset_index()
    grid = best[keys].merge(grid, on=keys, how="left")
    several = grid["min"].to_numpy() < grid["max"].to_numpy()
    rate = best["lr"].to_numpy()
    side = np.where(rate == grid["max"].to_numpy(), "high", np.where(rate == grid["min"].to_numpy(), "low", ""))
    return np.where(several, side, "")
