"""Honest selection: choose on the tuning seeds, report on the others.

A configuration that is the best of many on some seeds is partly lucky on them. The choice is therefore made on the
tuning seeds alone, and every reported number comes from seeds that were not used for the choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from optbench.analysis.measures import LOSS, TIME, clip_intervals, jackknife_values, pair_tail_values
from optbench.analysis.protocol import (
    HOLDOUT,
    REPORT,
    SCREEN,
    WIDEN,
    CodedRuns,
    code_runs,
    recommend_settings,
    select_chosen_runs,
)
from optbench.analysis.run_columns import (
    configuration_columns,
    count_folds,
    drop_lost_runs,
    final_suboptimality,
    find_failed_runs,
    find_full_batch_runs,
    metric_medians,
    number_groups,
)
from optbench.analysis.sampling import Sampling, group_sampling, sample_folds, widen_intervals
from optbench.analysis.statistics import grouped_intervals

# Share of a run after which a lowest validation loss is taken for the noise of mini-batches; a choice
_SETTLED = 0.8
_LARGEST = 700.0  # exp of more is inf, which stands for a failure


def best_configurations(
    runs: pd.DataFrame,
    tuning_seeds: Iterable[int],
    by: Sequence[str] = ("problem", "optimizer"),
    choose_by: str | None = None,
    coded: CodedRuns | None = None,
) -> pd.DataFrame:
    """Return the best configuration of each group, chosen on `tuning_seeds` and measured on all other seeds.

    runs: the `runs` table. by: columns that name a group; "problem" must be among them, since suboptimalities of
    different problems cannot be compared. choose_by: the measure to choose by and to report, as in `tail_values`, here
    as exp(y); None: suboptimality_final. coded: what `protocol.code_runs` returns for it, where it is there already.

    In a sweep with blocks of seeds, for each problem and optimizer it is the setting that the last race of the blocks'
    choices recommends, measured on fresh seeds, with `block`, the one that drew it. Of other groups the best is that of
    the screens, each setting on the seed of its own block, and so a little too good (held_out is False).

    With folds, validation rows of one fold are test rows of another, so that the recommended setting has been chosen
    on all rows. The measure and the metrics are then those of nested cross-validation: of each block's own choice on
    the test rows of its fold.

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
    runs = drop_lost_runs(runs)
    keys = by + [name for name in configuration_columns(runs) if name not in by]
    code, table = number_groups(runs, keys)
    group = number_groups(table, by)[0]
    bad = find_failed_runs(runs)
    value, chosen_by = _measure_runs(runs, bad, choose_by, coded)

    tuning, reporting = _split_runs(runs, tuning_seeds)
    has_tuning = np.bincount(group[code], weights=tuning) > 0
    tuning = tuning | ~has_tuning[group[code]]
    offered, late = tuning, (runs["status"] == "deadline").to_numpy() & ~bad
    owner = None
    if is_staged(runs) and choose_by is not None and by == ["problem", "optimizer"]:
        owner = _find_recommended(runs, choose_by, table, coded)
        wanted = owner.notna().to_numpy()[code] & tuning
        offered = wanted | tuning & ~(np.bincount(group[code], weights=wanted) > 0)[group[code]]
        reports, held = ((runs["stage"] == stage).to_numpy() for stage in (REPORT, HOLDOUT))
        fresh = np.bincount(code, weights=reports, minlength=len(table)) > 0
        reporting = reports | held & ~fresh[code]
    cut = late | (runs["status"] == "failed").to_numpy()
    tried = pd.DataFrame({"code": code, "value": chosen_by, "bad": bad, "cut": cut})[offered]
    best = _choose_configurations(table, group, tried)

    rows = best.pop("code").to_numpy()
    place = np.full(len(table), -1)
    place[rows] = np.arange(len(rows))
    reporting = reporting & ~tuning
    has_other = np.bincount(code, weights=reporting, minlength=len(table)) > 0
    used = (place[code] >= 0) & np.where(has_other[code], reporting, tuning)
    at = place[code]
    if owner is not None and count_folds(runs):
        used, at = _nest_folds(runs, choose_by or LOSS, used, at, group[code], group[rows])
    at, measured = at[used], runs.loc[used]
    median, low, high, coverage, n = grouped_intervals(value[used], at, len(rows))
    if choose_by is not None and (sampling := _find_sampling(runs, choose_by, value, used, at, len(rows))) is not None:
        with np.errstate(divide="ignore"):
            ends = widen_intervals(np.log(median), np.log(low), np.log(high), sampling)
        low, high = np.exp(ends)
    failures, unfinished = (
        np.bincount(at, weights=each[used], minlength=len(rows)).astype(int) for each in (bad, late)
    )
    batches = runs[["problem", "batch_size"]].assign(full_batch=find_full_batch_runs(runs)).drop_duplicates()
    best.insert(len(keys), "full_batch", best[["problem", "batch_size"]].merge(batches, how="left")["full_batch"])
    side = _find_edges(runs, best)
    if owner is not None:
        best = best.assign(block=owner.iloc[rows].to_numpy(dtype=np.int64, na_value=-1))
    best = best.assign(
        median=median, low=low, high=high, coverage=coverage, n=n, failures=failures, unfinished=unfinished,
        held_out=has_other[rows], edge_side=side, edge=side != "", **metric_medians(measured, at, len(rows)),
    )  # fmt: skip
    return best if choose_by is None else clip_intervals(best, runs, choose_by)


def _nest_folds(
    runs: pd.DataFrame, choose_by: str, used: np.ndarray, at: np.ndarray, group: np.ndarray, best: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the runs to report and the row of the best that each is for, with those of nested cross-validation.

    used: (runs,) bool, the runs of the best settings; at: (runs,) their rows; group: (runs,); best: (rows,) the group
    of each row. Of a group without any run of the holdout, those given stay.
    """
    chosen = np.zeros(len(runs), dtype=bool)
    chosen[select_chosen_runs(runs.reset_index(drop=True), choose_by).index] = True
    row = np.full(int(group.max()) + 1, -1)
    row[best] = np.arange(len(best))
    nested = (np.bincount(group, weights=chosen) > 0)[group]
    return np.where(nested, chosen & (row[group] >= 0), used), np.where(nested, row[group], at)


def _measure_runs(
    runs: pd.DataFrame, bad: np.ndarray, choose_by: str | None, coded: CodedRuns | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values to report and those to choose by, (runs,) each; inf for failures.

    bad: (runs,) bool, True for a failure; choose_by, coded: as for `best_configurations`.
    """
    if choose_by is None:
        value = final_suboptimality(runs)
        return value, value
    targets = None
    if choose_by == TIME:
        targets = (coded or code_runs(runs, TIME)).targets.of_runs(runs["problem"])
    reported, chosen_by = (
        np.where(bad, np.inf, np.exp(np.minimum(y, _LARGEST))) for y in pair_tail_values(runs, choose_by, targets)
    )
    return reported, chosen_by


def _find_sampling(
    runs: pd.DataFrame, choose_by: str, value: np.ndarray, used: np.ndarray, group: np.ndarray, count: int
) -> Sampling | None:
    """Return what the data add to the variance of each group's mean: the folds, or else the test examples; None: none.

    value: (runs,), positive; used: (runs,) bool, the runs of groups; group: of those, int in [0, count).
    """
    if count_folds(runs):
        return sample_folds(np.log(value[used]), runs["fold"].to_numpy()[used], group, count)
    jackknife = jackknife_values(runs, choose_by)
    return None if jackknife is None else group_sampling(jackknife[used], group, count)


def measure_overfitting(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each problem and optimizer whose validation loss is known, medians over its runs.

    risen: by how much the validation loss has risen since its lowest value, as a share of that; 0 where that lies in
    the last fifth. lowest_epoch: its epoch.
    """
    if "validation_loss" not in curves:
        curves = curves.assign(validation_loss=np.nan)
    lowest = curves.dropna(subset="validation_loss").sort_values("validation_loss", kind="stable")
    lowest = lowest.drop_duplicates("run_id")[["run_id", "step", "epoch", "validation_loss"]]
    table = runs[["run_id", "problem", "optimizer", "steps", "validation_loss_final"]].merge(lowest, on="run_id")
    table = table[(table["validation_loss"] > 0) & np.isfinite(table["validation_loss_final"])]
    risen = table["validation_loss_final"] / table["validation_loss"] - 1
    table["risen"] = risen.mask(table["step"] > _SETTLED * table["steps"], risen.clip(upper=0))
    table = table.rename(columns={"epoch": "lowest_epoch"})
    return table.groupby(["problem", "optimizer"], sort=False)[["risen", "lowest_epoch"]].median().reset_index()


def is_staged(runs: pd.DataFrame) -> bool:
    """Return True if any run is of a screening, so that the sweep was run in stages, on blocks of seeds."""
    return "stage" in runs and bool((runs["stage"] == SCREEN).any())


def select_screening_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `runs` from the stage in which every setting ran: the screening, or all without stages."""
    return runs[runs["stage"].isin([SCREEN, WIDEN])] if is_staged(runs) else runs


def _split_runs(runs: pd.DataFrame, tuning_seeds: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays (runs,) bool: True for the runs to choose on, and for the runs to report."""
    if is_staged(runs):
        return runs["stage"].isin([SCREEN, WIDEN]).to_numpy(), np.zeros(len(runs), dtype=bool)
    tuning = runs["seed"].isin(list(tuning_seeds)).to_numpy()
    return tuning, ~tuning


def _find_recommended(runs: pd.DataFrame, choose_by: str, table: pd.DataFrame, coded: CodedRuns | None) -> pd.Series:
    """Return for each configuration of `table` the block that drew it, if `recommend_settings` names it; else NA."""
    keys = list(table)
    found = recommend_settings(runs, choose_by, coded=coded)[[*keys, "block"]]
    return table.merge(found, on=keys, how="left")["block"].astype("Int64")


def reported_runs(runs: pd.DataFrame, best: pd.DataFrame, tuning_seeds: Iterable[int]) -> pd.DataFrame:
    """Return the rows of `runs` behind the reported numbers of `best` (a table from `best_configurations`)."""
    keys = ["problem", *configuration_columns(runs)]
    tuning, reporting = _split_runs(runs, tuning_seeds)
    if staged := is_staged(runs):
        reporting = runs["stage"].isin([REPORT, HOLDOUT]).to_numpy()
    marked = runs.assign(_tuning=tuning, _reporting=reporting)
    mine = marked.merge(best[[*keys, "held_out"]], on=keys, how="inner")
    if staged:  # where the last race was run, the holdout of the block that drew the setting does not count
        fresh = (mine["stage"] == REPORT).groupby([mine[key] for key in keys], dropna=False).transform("any")
        mine["_reporting"] &= (mine["stage"] == REPORT) | ~fresh
    used = np.where(mine["held_out"], mine["_reporting"], mine["_tuning"] | (not staged))
    return mine[used.astype(bool)].drop(columns=["held_out", "_tuning", "_reporting"])


def _choose_configurations(table: pd.DataFrame, group: np.ndarray, runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per group: its best configuration on the given runs, with `code`, its row in `table`.

    table: the configurations; group: (configurations,) the number of each one's group; runs: the tuning runs, with code
    (their row in `table`), value (lower is better), bad (failed) and cut (by a deadline).
    """
    each = runs.groupby("code")
    worst, least = each["value"].max(), each["value"].min()
    work = table.assign(
        tuning_median=each["value"].median(), tuning_failures=each["bad"].sum(), tuning_unfinished=each["cut"].sum(),
        tuning_n=each.size(), tuning_spread=(worst - least).where(np.isfinite(worst), np.inf),
        group=group, code=range(len(table)),
    ).dropna(subset="tuning_n")  # fmt: skip
    counts = ["tuning_failures", "tuning_unfinished", "tuning_n"]
    work = work.astype(dict.fromkeys(counts, np.int64))
    work = work[work["tuning_n"] == work.groupby("group")["tuning_n"].transform("max")]
    whole = work["tuning_unfinished"] == 0
    work = work[whole | ~whole.groupby(work["group"]).transform("any")]
    order = ["group", "tuning_median", "tuning_failures", "tuning_spread", "lr"]
    order += [name for name in table if name != "lr"]
    work = work.sort_values(order, kind="stable")
    return work.drop_duplicates("group").drop(columns=["group", "tuning_spread"]).reset_index(drop=True)


def _find_edges(runs: pd.DataFrame, best: pd.DataFrame) -> np.ndarray:
    """Return "low" or "high" where the rate is at an end of those tried on the problem by the optimizer, else ""."""
    keys = ["problem", "optimizer"]
    tried = runs.groupby(keys, sort=False)["lr"].agg(["min", "max"]).reset_index()
    tried = best[[*keys, "lr"]].merge(tried, on=keys, how="left")
    cases = [tried["min"] == tried["max"], tried["lr"] == tried["max"], tried["lr"] == tried["min"]]
    return np.select(cases, ["", "high", "low"], "")
