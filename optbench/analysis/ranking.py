"""Rank optimizers, batch sizes or schedules by paired verdicts: places, mean ranks, the chance of being better."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from optbench.analysis.measures import LOG_TAIL
from optbench.analysis.pair_statistics import row_medians, trimmed_means
from optbench.analysis.verdicts import ALL, TunedLevels, compare_levels, exchange_sides, tune_levels


def ranking(
    runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer", confidence: float = 0.95
) -> pd.DataFrame:
    """Return one row for each problem and level; with several problems, also the rows of problem "all".

    Arguments as for `verdicts`. place: 1 for every level that is worse than no other, which is first place, shared or
    not (`first`); for others, 1 plus the number of levels that beat them; last for a level that a deadline left without
    a setting. beaten_by, beats: the numbers of levels, by the verdicts. mean_rank: over the reporting seeds, from 1;
    probability: that of a lower y than a rival on a seed, mean over the rivals. value, low, high: the usual result of
    tuning and running the level, exp of the trimmed mean of y over blocks with its interval (`trimmed_means`), so a
    loss; blocks, trials; failures: the share of runs that failed.

    In the rows "all", mean_rank is the mean over problems of the rank by ratio, ties sharing theirs; by the test of
    Nemenyi, two of them differ where they lie further apart than critical_difference (Demsar 2006). Places follow from
    the verdicts over all problems.
    """
    levels = tune_levels(runs, choose_by, of)
    return _rank_levels(compare_levels(levels, confidence), measure_levels(levels, confidence), of, confidence)


def measure_levels(levels: TunedLevels, confidence: float = 0.95) -> pd.DataFrame:
    """Return one row for each cell, a pair of problem and level: its usual y after tuning, over blocks.

    Returns columns problem, the level's, value, low, high (exp of the trimmed mean of y with its t interval), blocks,
    trials and failures.
    """
    effect = trimmed_means(row_medians(levels.full.y), confidence)
    with np.errstate(over="ignore"):
        numbers = {"value": np.exp(effect["mean"]), "low": np.exp(effect["low"]), "high": np.exp(effect["high"])}
    more = {"blocks": effect["n"], "trials": levels.full.trials, "failures": levels.full.failures}
    return levels.table.cells.assign(**numbers, **more)


@lru_cache(maxsize=64)
def critical_difference(levels: int, problems: int, confidence: float = 0.95) -> float:
    """Return the least significant difference of mean ranks in the test of Nemenyi: q sqrt(k (k + 1) / (6 N)).

    Source: Demsar 2006, JMLR 7, section 3.2.2.
    """
    from scipy.stats import studentized_range  # half a second to import

    with np.errstate(all="ignore"):  # SciPy's integral underflows on its way, which a caller may have made an error
        q = studentized_range.ppf(confidence, levels, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(levels * (levels + 1) / (6 * problems)))


def _rank_levels(pairs: pd.DataFrame, values: pd.DataFrame, of: str, confidence: float) -> pd.DataFrame:
    """Return the table of `ranking` from the verdicts of pairs and the values of cells.

    pairs: from `verdicts`; values: from `measure_levels`; of: the column of the levels.
    """
    names = ["problem", of]
    both = pd.concat([pairs, exchange_sides(pairs)], ignore_index=True).rename(columns={"a": of})
    ahead = np.sign(np.nan_to_num(np.log(both["ratio"]))) / 2 + 0.5
    both = both.assign(beats=both["verdict"] == "better", beaten_by=both["verdict"] == "worse", ahead=ahead)
    groups = both.groupby(names, sort=False)
    sums = groups[["beats", "beaten_by"]].sum()
    ranks = 1 + (1 - both["probability"]).groupby([both["problem"], both[of]], sort=False).sum(min_count=1)
    sums = sums.assign(mean_rank=ranks, probability=groups["probability"].mean())
    table = values.merge(sums.reset_index(), on=names, how="left")
    if ALL in set(pairs["problem"]):
        over = _rank_over_problems(both, sums, values[of].unique(), confidence)
        table = pd.concat([table, over], ignore_index=True)
    table = table.assign(**{name: table[name].fillna(0).astype(np.int64) for name in ("beats", "beaten_by", "blocks")})
    # Nobody can beat what has no setting left: it stands behind those that have.
    usable = (table["trials"] != 0).groupby(table["problem"], sort=False).transform("sum")
    table["place"] = np.where((table["trials"] == 0) & (usable > 0), 1 + usable, 1 + table["beaten_by"])
    table["first"] = table["place"] == 1
    order = [*names, "place", "first", "value", "low", "high", "mean_rank", "critical_difference", "probability"]
    return table.reindex(columns=[*order, "beats", "beaten_by", "blocks", "trials", "failures"])


def _rank_over_problems(both: pd.DataFrame, sums: pd.DataFrame, levels: np.ndarray, confidence: float) -> pd.DataFrame:
    """Return the rows of problem "all", one for each level: mean ranks over the problems that all levels have.

    both: the verdicts with each pair in both directions, `ahead` 1 where the level is ahead, 0.5 for a tie; sums: by
    problem and level, the numbers of verdicts for and against it; levels: their names.
    """
    each = both[both["problem"] != ALL]
    of = sums.index.names[1]
    rank = 1 + (1 - each["ahead"]).groupby([each["problem"], each[of]]).sum()
    grid = rank.unstack().reindex(columns=levels).dropna()
    rows = sums.loc[ALL].reindex(levels).assign(mean_rank=grid.mean() if len(grid) else np.nan, blocks=len(grid))
    rows["critical_difference"] = critical_difference(len(levels), len(grid), confidence) if len(grid) > 1 else np.nan
    return rows.rename_axis(of).reset_index().assign(problem=ALL)
