"""Rank optimizers, batch sizes or schedules by paired verdicts: places, mean ranks, the chance of being better."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from optbench.analysis.comparison import ALL, Sides, compared, prepared
from optbench.analysis.effects import row_medians, trimmed_means
from optbench.analysis.measures import LOG_TAIL


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
    sides = prepared(runs, choose_by, of)
    return _ranked(compared(sides, confidence), tuned_values(sides, confidence), of, confidence)


def rankings_without(
    runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer", confidence: float = 0.95
) -> pd.DataFrame:
    """Return the rankings with each level left out in turn, one below the other; column `left_out` names that level.

    Ranks over problems and adjusted p-values depend on the other levels. The table is empty for two levels or fewer.
    """
    sides = prepared(runs, choose_by, of)
    values = tuned_values(sides, confidence)
    parts = []
    for name in values[of].unique() if values[of].nunique() > 2 else ():
        pairs = compared(sides, confidence, without=name)
        rest = _ranked(pairs, values[values[of] != name].reset_index(drop=True), of, confidence)
        parts.append(rest.assign(left_out=name))
    if not parts:
        return ranking(runs, choose_by, of, confidence).iloc[:0].assign(left_out=pd.Series(dtype=str))
    table = pd.concat(parts, ignore_index=True)
    return table[["left_out", *table.columns.drop("left_out")]]


def tuned_values(sides: Sides, confidence: float = 0.95) -> pd.DataFrame:
    """Return one row for each cell, a problem with a level: its value after tuning, with the t interval over blocks."""
    y = row_medians(sides.full.y)
    effect = trimmed_means(y, confidence)
    there = ~np.isnan(sides.full.y)
    with np.errstate(invalid="ignore", over="ignore"):
        share = np.where(there, sides.full.bad, 0.0).sum(axis=(1, 2)) / there.sum(axis=(1, 2))
        numbers = {"value": np.exp(effect["mean"]), "low": np.exp(effect["low"]), "high": np.exp(effect["high"])}
    return sides.table.cells.assign(**numbers, blocks=effect["n"], trials=sides.full.trials, failures=share)


@lru_cache(maxsize=64)
def critical_difference(levels: int, problems: int, confidence: float = 0.95) -> float:
    """Return the least significant difference of mean ranks in the test of Nemenyi: q sqrt(k (k + 1) / (6 N)).

    Source: Demsar 2006, JMLR 7, section 3.2.2.
    """
    from scipy.stats import studentized_range  # half a second to import

    with np.errstate(all="ignore"):  # SciPy's integral underflows on its way, which a caller may have made an error
        q = studentized_range.ppf(confidence, levels, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(levels * (levels + 1) / (6 * problems)))


def _ranked(pairs: pd.DataFrame, values: pd.DataFrame, of: str, confidence: float) -> pd.DataFrame:
    """Return the ranking that follows from the verdicts of pairs and the values of cells (`tuned_values`)."""
    names = ["problem", of]
    both = _both_ways(pairs).rename(columns={"a": of})
    ahead = np.sign(np.nan_to_num(np.log(both["ratio"]))) / 2 + 0.5
    both = both.assign(beats=both["verdict"] == "better", beaten_by=both["verdict"] == "worse", ahead=ahead)
    sums = both.groupby(names, sort=False)[["beats", "beaten_by"]].sum()
    ranks = 1 + (1 - both["probability"]).groupby([both["problem"], both[of]], sort=False).sum(min_count=1)
    sums["mean_rank"] = ranks
    sums["probability"] = both.groupby(names, sort=False)["probability"].mean()
    table = values.merge(sums.reset_index(), on=names, how="left")
    levels = values[of].unique()
    if ALL in set(pairs["problem"]):
        table = pd.concat([table, _over_all(both, sums, levels, of, confidence)], ignore_index=True)
    table = table.assign(**{name: table[name].fillna(0).astype(np.int64) for name in ("beats", "beaten_by", "blocks")})
    # Nobody can beat what has no setting left: it stands behind those that have.
    usable = (table["trials"] != 0).groupby(table["problem"], sort=False).transform("sum")
    table["place"] = np.where((table["trials"] == 0) & (usable > 0), 1 + usable, 1 + table["beaten_by"])
    table["first"] = table["place"] == 1
    order = [*names, "place", "first", "value", "low", "high", "mean_rank", "critical_difference", "probability"]
    return table.reindex(columns=[*order, "beats", "beaten_by", "blocks", "trials", "failures"])


def _over_all(both, sums, levels, of, confidence) -> pd.DataFrame:
    """Return the rows of problem "all": mean ranks over the problems that all levels have."""
    each = both[both["problem"] != ALL]
    rank = 1 + (1 - each["ahead"]).groupby([each["problem"], each[of]]).sum()
    grid = rank.unstack().reindex(columns=levels).dropna()
    rows = sums.loc[ALL].reindex(levels).drop(columns="mean_rank")
    rows["mean_rank"] = grid.mean() if len(grid) else np.nan
    rows["blocks"] = len(grid)
    rows["critical_difference"] = critical_difference(len(levels), len(grid), confidence) if len(grid) > 1 else np.nan
    return rows.rename_axis(of).reset_index().assign(problem=ALL)


def _both_ways(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs twice: as they are, and with a and b exchanged."""
    turned = {"better": "worse", "worse": "better"}
    other = pairs.assign(
        a=pairs["b"], b=pairs["a"], ratio=1 / pairs["ratio"], probability=1 - pairs["probability"],
        verdict=pairs["verdict"].replace(turned),
    )  # fmt: skip
    return pd.concat([pairs, other], ignore_index=True)
