"""The choices of the protocol from the `runs` table alone: settings that race, that are chosen, and recommended.

A sweep plans its next stage by these functions, and an analysis uses the same ones, so that the two cannot differ and a
killed sweep resumes to the same bytes. No choice depends on the order of rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.blocks import Coded, coded
from optbench.analysis.intervals import grouped_intervals
from optbench.analysis.measures import LOG_TAIL, tail_values

__all__ = ["chosen", "finalists", "recommended", "tail_values"]

# Settings that race: measured: such a race brings the 90th percentile of the chosen setting's loss over the best
# one's from 1.2 to 4.0 down to 1.0 to 1.4, for a fifth more runs
FINALISTS = 10


def finalists(
    runs: pd.DataFrame, count: int = FINALISTS, choose_by: str = LOG_TAIL, of: str = "optimizer"
) -> pd.DataFrame:
    """Return the settings that race: the `count` best of each problem, optimizer and block.

    The best have the lowest mean of y (`tail_values`) over the seeds on which the block screened all settings; the mean
    and not the median, so that a setting which sometimes fails does not win (y of a failure is finite). Ties go to
    fewer failures, then to the smaller rate, then to the order of the remaining columns. A setting that a deadline cut
    on one of these seeds, or that has not run on all of them, is not considered.

    Returns one row for each (problem, optimizer, block, place): place from 1, the setting, score (the mean), failures,
    n (its runs), trials (settings screened) and left_out (those not considered). A block without any setting to
    consider has no row.
    """
    table = coded(runs, choose_by, of)
    return _rows(table, best_settings(table, count), of)


def chosen(runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer") -> pd.DataFrame:
    """Return the setting that each block chose: of those that raced, the best by mean y over all its tuning seeds.

    Tuning seeds are those of the screening and of the race; without a race all settings that were screened may be
    chosen. Ties, cuts and columns: `finalists`.
    """
    table = coded(runs, choose_by, of)
    return _rows(table, choices(table), of).drop(columns="place")


def choices(table: Coded) -> pd.DataFrame:
    """Return the rows of `chosen` with numbers in place of names: cell, block, setting, score and counts."""
    # A setting that has not raced has fewer runs than the others, and so is not considered.
    best = best_settings(table, 1, table.stage <= 1).drop(columns=["trials", "left_out"])
    totals = best_settings(table, 1)[["cell", "block", "trials", "left_out"]]
    return with_untuned(table, best.merge(totals, on=["cell", "block"]), table.block)


def recommended(runs: pd.DataFrame, choose_by: str = LOG_TAIL, confidence: float = 0.95) -> pd.DataFrame:
    """Return one setting for each problem and optimizer: the best by mean y over the tuning seeds of all blocks.

    Settings that some block has not screened, or that a deadline cut, are not considered; ties as in `finalists`.

    Returns one row for each (problem, optimizer): the setting, score, failures_tuning, n_tuning; and from the reporting
    seeds of all blocks, which are not used for the choice, median, low, high, coverage (exp of y, failures as inf), n
    and failures.
    """
    table = coded(runs, choose_by)
    blocks = pd.Series(table.block).groupby(table.cell).nunique()
    rows = pd.DataFrame({"setting": table.setting, "block": table.block})[(table.stage == 0)]
    seen = rows.groupby("setting")["block"].nunique().reindex(range(len(table.settings)), fill_value=0).to_numpy()
    every = seen == blocks.reindex(table.settings["cell"], fill_value=0).to_numpy()
    best = best_settings(table, 1, (table.stage <= 1) & every[table.setting], pooled=True)
    best = with_untuned(table, best, np.zeros_like(table.block))
    result = _rows(table, best, "optimizer").drop(columns=["block", "place", "left_out"])
    result = result.rename(columns={"failures": "failures_tuning", "n": "n_tuning"})
    place = np.full(len(table.settings), -1)
    place[best["setting"]] = np.arange(len(best))
    used = (table.stage == 2) & (place[table.setting] >= 0) & ~table.cut
    y, at = np.where(table.bad, np.inf, table.y)[used], place[table.setting[used]]
    median, low, high, coverage, n = grouped_intervals(y, at, len(best), confidence)
    failures = np.bincount(at, weights=table.bad[used], minlength=len(best)).astype(np.int64)
    with np.errstate(over="ignore"):
        values = {"median": np.exp(median), "low": np.exp(low), "high": np.exp(high)}
    return result.assign(**values, coverage=coverage, n=n, failures=failures)


def best_settings(table: Coded, count: int, used: np.ndarray | None = None, pooled: bool = False) -> pd.DataFrame:
    """Return the `count` best settings of each cell and block, with place, score and counts.

    used: (runs,) bool, the runs to rank by; by default those of the screening. pooled: all blocks count as one.
    """
    used = table.stage == 0 if used is None else used
    block = np.zeros_like(table.block) if pooled else table.block
    settings = len(table.settings)
    key, code = np.unique(block[used] * settings + table.setting[used], return_inverse=True)
    score, n = _means(table.y[used], code, len(key))
    cut = np.bincount(code, weights=table.cut[used], minlength=len(key)) > 0
    rows = pd.DataFrame(
        {
            "cell": table.settings["cell"].to_numpy()[key % settings],
            "block": key // settings,
            "setting": key % settings,
            "score": score,
            "failures": np.bincount(code, weights=table.bad[used], minlength=len(key)).astype(np.int64),
            "n": n,
        }
    )
    groups = rows.groupby(["cell", "block"])
    full = np.ones(len(rows), dtype=bool) if pooled else (n == groups["n"].transform("max")).to_numpy()
    rows["trials"] = groups["n"].transform("size")
    rows["left_out"] = (cut | ~full).astype(np.int64)
    rows["left_out"] = groups["left_out"].transform("sum")
    rows = rows[~cut & full].sort_values(["cell", "block", "score", "failures", "setting"])
    rows["place"] = rows.groupby(["cell", "block"]).cumcount() + 1
    return rows[rows["place"] <= count].reset_index(drop=True)


def _means(y: np.ndarray, code: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the number of values of each group.

    Values are added in order of size, so that the order of rows does not change the last bits.
    """
    order = np.lexsort((y, code))
    n = np.bincount(code, minlength=count)
    return np.add.reduceat(y[order], np.cumsum(n) - n) / n if count else np.empty(0), n


def with_untuned(table: Coded, best: pd.DataFrame, block: np.ndarray) -> pd.DataFrame:
    """Return `best` with the settings of cells that have only one, which need no tuning seed."""
    settings = np.bincount(table.settings["cell"], minlength=len(table.cells))
    rows = pd.DataFrame({"cell": table.cell, "block": block, "setting": table.setting})
    rows = rows[(settings[table.cell] == 1) & (table.stage == 2)].drop_duplicates()
    there = pd.MultiIndex.from_frame(best[["cell", "block"]])
    rows = rows[~pd.MultiIndex.from_frame(rows[["cell", "block"]]).isin(there)]
    if rows.empty:
        return best
    rows = rows.assign(score=np.nan, failures=0, n=0, trials=1, left_out=0, place=1)
    return pd.concat([best, rows]).sort_values(["cell", "block"], ignore_index=True)


def _rows(table: Coded, best: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return `best` with the names of problems, levels and settings in place of their numbers."""
    cells = table.cells.iloc[best["cell"]].reset_index(drop=True)
    names = table.settings.iloc[best["setting"]].reset_index(drop=True)
    rest = names.drop(columns=[name for name in ("problem", "optimizer") if name in cells] + ["cell"])
    rest = rest.drop(columns=[of], errors="ignore")
    numbers = best[["score", "failures", "n", "trials", "left_out"]].reset_index(drop=True)
    return pd.concat([cells, best[["block", "place"]].reset_index(drop=True), rest, numbers], axis=1)
