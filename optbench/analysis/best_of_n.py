"""The value of tuning: the expected result after n trials, beside the result of the defaults."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optbench.analysis.held_out import best_of
from optbench.analysis.measures import LOSS, tail_values
from optbench.analysis.pair_statistics import mean_effects
from optbench.analysis.protocol import CodedRuns, code_runs
from optbench.analysis.run_columns import configuration_columns, find_failed_runs, find_unfinished_runs
from optbench.contract import arguments
from optbench.contract.arguments import is_real, one_of
from optbench.contract.errors import OptbenchError, shown, unknown

# Trials: about three a decade, up to what people tune by hand
COUNTS = (1, 3, 5, 10, 20, 50)
TRIALS, DEFAULTS = "trials", "defaults"


def best_of_n(
    runs: pd.DataFrame,
    counts: Sequence[int] = COUNTS,
    choose_by: str = LOSS,
    of: str = "optimizer",
    confidence: float = 0.95,
    defaults: pd.DataFrame | None = None,
    coded: CodedRuns | None = None,
) -> pd.DataFrame:
    """Return the expected result of the best of n trials: one row for each problem, level and n.

    With N trials in the order of their tuning score the i-th is chosen with probability C(N - i, n - 1) / C(N, n)
    (`choice_weights`). Where all settings ran on a block's reporting seeds, as in a plain grid, results are from these;
    else they are the scores on the seed that the block tuned on (Dodge et al. 2019), which are a little too good.
    counts: the n, those below the level's number of trials; that number itself is always the last.

    defaults: the settings to show beside it, one row for each optimizer (or optimizer and problem): any columns that
    together name one setting, such as optimizer, lr and schedule; only where `of` is the optimizer. All runs of that
    setting in the table count, since nothing was chosen, except those cut by a deadline or unable to run. coded: what
    `code_runs` returns, where it is there already.

    Returns columns problem, `of`, kind ("trials" or "defaults"), n (0 for the defaults), trials (N), value, low, high
    (exp of the mean y over blocks, with its t interval), blocks and failures (the expected share).
    """
    counts = arguments.list_items("counts", counts)
    if wrong := [n for n in counts if not is_real(n) or n < 1 or n % 1]:
        raise OptbenchError(f"counts: numbers of trials begin at 1, got {shown(wrong[0])}")
    table = coded or code_runs(runs, choose_by, of)
    most = table.trials
    drawn: list[np.ndarray | int] = [*(int(n) for n in sorted(set(counts)) if (n < most).any()), most]
    found = zip(drawn, best_of(table, drawn), strict=True)
    result = pd.concat([_measure_trials(table, n, *each, confidence) for n, each in found]).assign(kind=TRIALS)
    if defaults is not None:
        result = pd.concat([result, _measure_defaults(runs, table, defaults, choose_by, confidence)])
    order = ["problem", of, "kind", "n", "trials", "value", "low", "high", "blocks", "failures"]
    return result.sort_values(["cell", "n"], kind="stable", ignore_index=True)[order]


def _measure_trials(
    table: CodedRuns, n: np.ndarray | int, values: np.ndarray, failures: np.ndarray, confidence: float
) -> pd.DataFrame:
    """Return the rows of `best_of_n` for the best of n trials, one for each cell that has more, or n where that is all.

    n: one number, or (cells,), all trials; values, failures: of `best_of`.
    """
    most = table.trials
    keep = most > (0 if isinstance(n, np.ndarray) else n)
    effect = mean_effects(values, confidence)
    with np.errstate(over="ignore"):
        numbers = {"value": np.exp(effect["mean"]), "low": np.exp(effect["low"]), "high": np.exp(effect["high"])}
    rows = table.cells.assign(cell=range(len(table.cells)), n=n, trials=most, **numbers, blocks=effect["n"])
    return rows.assign(failures=failures)[keep]


def _measure_defaults(
    runs: pd.DataFrame, table: CodedRuns, defaults: pd.DataFrame, choose_by: str, confidence: float
) -> pd.DataFrame:
    """Return the rows of `best_of_n` for the defaults, one for each problem and optimizer, from all of their runs.

    Each seed counts as a block, since nothing is tuned. table: the coded `runs`, for the numbers of its cells.
    defaults: as for `best_of_n`. Raises OptbenchError for an unknown name, or several settings of an optimizer.
    """
    if not isinstance(defaults, pd.DataFrame) or "optimizer" not in defaults or "optimizer" not in table.cells:
        raise OptbenchError('defaults need a column "optimizer", and a comparison of optimizers')
    known = ["problem", *configuration_columns(runs)]
    for name in defaults:
        one_of("column of defaults", name, known)
    for name in defaults["optimizer"]:
        if name not in set(runs["optimizer"]):
            raise unknown("optimizer among defaults", name, runs["optimizer"].unique())
    measured = runs.assign(
        y=tail_values(runs, choose_by, runs["problem"].map(table.targets.shared).to_numpy(dtype=np.float64)),
        bad=find_failed_runs(runs),
    )[~find_unfinished_runs(runs)]
    mine = measured.merge(defaults.drop_duplicates(), on=list(defaults.columns), how="inner")
    settings = mine[known].drop_duplicates().groupby(["problem", "optimizer"]).size()
    for (problem, optimizer), count in settings[settings > 1].items():
        raise OptbenchError(f"defaults of {optimizer} are {count} settings on {problem}: name more of their columns")
    parts = []
    for (problem, optimizer), part in mine.groupby(["problem", "optimizer"], sort=False):
        effect = {name: value[0] for name, value in mean_effects(part["y"].to_numpy()[None], confidence).items()}
        cell = table.cells.index[(table.cells["problem"] == problem) & (table.cells["optimizer"] == optimizer)][0]
        row = {"cell": cell, "problem": problem, "optimizer": optimizer, "kind": DEFAULTS, "n": 0, "trials": 0}
        row |= {name: np.exp(effect[key]) for name, key in (("value", "mean"), ("low", "low"), ("high", "high"))}
        parts.append(row | {"blocks": effect["n"], "failures": part["bad"].mean()})
    return pd.DataFrame(parts)
