"""The columns of a `runs` table, and facts about its runs that follow from them.

Besides its fixed columns the table has one per hyperparameter and per metric, so their names depend on the sweep.
Names of metrics begin with the data that they were measured on (`contract.columns.METRICS`); the others are
hyperparameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from optbench.contract.columns import (
    DEAD_UNITS,
    EARLY,
    FIRST_LOOK,
    FIRST_TARGET,
    FORMER,
    JACKKNIFE,
    RUNS,
    SCORES,
    STANDING_IN,
    TEST,
    VALIDATION,
    is_gain,
    is_metric,
)
from optbench.contract.names import find_values

COORDINATES = ("w_1", "w_2")


def read_floats(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as float64, (rows,), with NaN where a value is missing."""
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)


def hyperparameter_columns(runs: pd.DataFrame) -> list[str]:
    """Return the names of the hyperparameter columns, in the table's order."""
    fixed = {*RUNS, *FORMER, FIRST_LOOK, FIRST_TARGET, STANDING_IN}
    return [name for name in runs.columns if name not in fixed and not is_metric(name)]


def metric_columns(runs: pd.DataFrame) -> list[str]:
    """Return the names of a `runs` table's columns of extra metrics (accuracy, ...) at the end of runs.

    Those that have curves: not what early stopping would have kept, nor a jackknife, a metric by name (SCORES), or the
    share of dead units.
    Coordinates w_1, w_2 are none.
    """
    at_the_end = [f"{part}{name}" for part in (VALIDATION, TEST) for name in SCORES if name != "accuracy"]
    others = {*RUNS, *COORDINATES, *at_the_end, DEAD_UNITS}
    return [each for each in runs if is_metric(each) and each not in others and not each.startswith((EARLY, JACKKNIFE))]


def configuration_columns(runs: pd.DataFrame) -> list[str]:
    """Return the columns that together identify a configuration: all settings of a run except problem and seed."""
    return ["optimizer", *hyperparameter_columns(runs), "dtype", "batch_size", "schedule", "lr"]


def varied_hyperparameters(runs: pd.DataFrame, given: Mapping[str, str] = MappingProxyType({})) -> dict[str, list[str]]:
    """Return, for each optimizer, the hyperparameters that took more than one value in the sweep, or that it was given.

    A short label has these: others are defaults, or stand in the name. given: the texts of optimizers that were given
    values, by optimizer.
    """
    columns = hyperparameter_columns(runs)
    named = {name: find_values(text) for name, text in given.items()}
    return {
        name: [each for each in columns if part[each].nunique() > 1
               or (each in named.get(name, ()) and f"{each}=" not in name)]
        for name, part in runs.groupby("optimizer", sort=False)
    }  # fmt: skip


def final_suboptimality(runs: pd.DataFrame) -> np.ndarray:
    """Return suboptimality_final, (runs,) float64, with inf for a failed run.

    Where a problem's minimum is not known, the final loss takes its place, which ranks runs the same way.
    """
    gap, loss = read_floats(runs, "suboptimality_final"), read_floats(runs, "loss_final")
    return np.where(find_failed_runs(runs), np.inf, np.where(np.isnan(gap), loss, gap))


def find_unfinished_runs(runs: pd.DataFrame) -> np.ndarray:
    """Return (runs,) bool, True where a deadline stopped the run or it could not run: no setting to choose."""
    return runs["status"].isin(["deadline", "failed"]).to_numpy(dtype=bool)


def find_standing_in(runs: pd.DataFrame) -> dict[str, float]:
    """Return by problem the losses that stand for a minimum which is not known."""
    if STANDING_IN not in runs:
        return {}
    return runs.drop_duplicates("problem").set_index("problem")[STANDING_IN].dropna().to_dict()


def find_lost_runs(runs: pd.DataFrame, by: Sequence[str] = ("problem", "optimizer")) -> np.ndarray:
    """Return (runs,) bool, True where no run of the same problem and optimizer (the columns `by`) could run."""
    bad = runs["status"] == "failed"
    if not bad.any():
        return np.zeros(len(runs), dtype=bool)
    return bad.groupby([runs[name] for name in by], sort=False).transform("all").to_numpy(dtype=bool)


def drop_lost_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs without the pairs of problem and optimizer none of whose runs could run."""
    gone = find_lost_runs(runs)
    return runs[~gone].reset_index(drop=True) if gone.any() else runs


def find_failed_runs(runs: pd.DataFrame) -> np.ndarray:
    """Return (runs,) bool, True where the run diverged or has no finite final loss; a deadline is no failure."""
    loss, gap = read_floats(runs, "loss_final"), read_floats(runs, "suboptimality_final")
    return (runs["status"] == "diverged").to_numpy(dtype=bool) | ~np.isfinite(loss) | np.isinf(gap)


def name_splits(runs: pd.DataFrame) -> pd.Series:
    """Return the problem of each run, (runs,), with its fold where the data are split repeatedly."""
    if not count_folds(runs):
        return runs["problem"]
    return runs["problem"].astype(str) + " " + runs["fold"].fillna(0).astype(np.int64).astype(str)


def count_folds(runs: pd.DataFrame) -> int:
    """Return the number of folds in which the data of these runs are split; 0 where there is one split."""
    return int(np.nan_to_num(runs["fold"].max())) if "fold" in runs and len(runs) else 0


def find_full_batch_runs(runs: pd.DataFrame) -> np.ndarray:
    """Return (runs,) bool, True where the batch is the whole data set, so that one step is one epoch.

    It is decided for each problem and batch size by all of its runs, not by a single run that may have ended early.
    """
    equal = (runs["epochs"] == runs["steps"]) & (runs["steps"] > 0)
    equal |= runs["status"] == "failed"  # it made no step, and tells nothing
    return equal.groupby([runs["problem"], runs["batch_size"]], sort=False).transform("all").to_numpy(dtype=bool)


def number_groups(table: pd.DataFrame, by: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the number of each row's combination of the columns `by`, and the distinct combinations in that order.

    Combinations are numbered from 0 in order of appearance; NaN equals NaN.
    """
    by = list(by)
    code = pd.factorize(table.groupby(by, sort=False, dropna=False, observed=True).ngroup())[0]
    first = np.unique(code, return_index=True)[1]
    return code, table[by].iloc[first].reset_index(drop=True)


def metric_medians(runs: pd.DataFrame, group: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Return the medians over each group of test_loss and of the problems' metrics, (count,) each, by name.

    A failed run counts as the worst: accuracy 0, else inf. NaN for a group without the quantity.
    group: (runs,) int in [0, count), the group of each run; count: the number of groups.
    """
    bad, medians = find_failed_runs(runs), {}
    for name, column in [("test_loss", "test_loss_final"), *((name, name) for name in metric_columns(runs))]:
        values = pd.Series(read_floats(runs, column))
        has = values.notna().groupby(group).transform("any")
        values = values.mask(bad & has, 0.0 if is_gain(name) else np.inf)
        medians[name] = values.groupby(group).median().reindex(range(count)).to_numpy()
    return medians
