"""Rank optimizers, batch sizes or schedules by paired verdicts: who leads, who ties with it, who is not told apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optbench.analysis.held_out import held_out
from optbench.analysis.over_problems import mean_ranks
from optbench.analysis.pair_statistics import mean_effects
from optbench.analysis.protocol import CodedRuns
from optbench.analysis.verdicts import (
    ALL,
    LOSES,
    OPEN,
    TIE,
    WINS,
    exchange_sides,
    find_limits,
)

FIRST, BEHIND, FAILED = "first", "behind", "failed"
"""States of a level, besides TIE and OPEN, which are towards the one that is first."""
_WHOLE = ("beats", "beaten_by", "blocks")
"""Columns of whole numbers, 0 where there is nothing to count."""


def measure_levels(table: CodedRuns, confidence: float = 0.95, edges: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row for each cell, a pair of problem and level: its usual result after tuning, over blocks.

    Returns columns problem, the level's, value, low, high (exp of the mean with its t interval), blocks,
    trials, failures, reached and limit.
    """
    full = held_out(table)
    effect = mean_effects(full.values, confidence, full.sampling())
    with np.errstate(over="ignore"):
        numbers = {"value": np.exp(effect["mean"]), "low": np.exp(effect["low"]), "high": np.exp(effect["high"])}
    there = (~np.isnan(full.bad)).any(axis=2).sum(axis=1)
    reached = np.where(table.timed, full.reached_share, np.nan)
    more = {"blocks": there, "trials": full.trials, "failures": full.failures, "reached": reached}
    return table.cells.assign(**numbers, **more, limit=find_limits(table.cells, edges))


def rank_levels(pairs: pd.DataFrame, values: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return one row for each problem and level; with several problems, also the rows of problem "all".

    pairs: from `compare_levels`; values: from `measure_levels`; of: the column of the levels.

    state: "first" for the level with the best value, if no other wins against it and it wins against one or ties with
    all; "tie" for those that tie with the leader, "open" for those that are not told apart from it, "behind" for those
    that some level wins against, the first or another; "failed" where every reporting run failed. Where none is first,
    the leader is "open", too. alone: it is first, wins against all others and does not end at a limit of the
    search. place: 1 plus the number of levels that win against it; last for a level that a deadline left without a
    setting, or whose every run failed.

    beaten_by, beats: the numbers of levels, by the verdicts. mean_rank: over the reporting seeds, from 1;
    probability: that of the better run on a seed, mean over the rivals. value, low, high: the usual result of tuning
    and running the level, exp of the mean over blocks with its t interval: samples, a loss or a share of errors.
    ratio: that of the level over the leader's, of the blocks that both have, with its interval, ratio_low to
    ratio_high, and bound, as there; 1 for the leader, NaN where it is not known. blocks, trials; failures:
    the share of runs that failed; reached: that of runs that reached the target; limit: True where the recommended
    setting lies at a limit of the search.

    In the rows "all", mean_rank is the mean over problems of the rank by value, with its bootstrap interval over
    problems (value is empty, low and high are its ends); worst_rank; stays_first: whether the best mean rank stays the
    best without any one problem.
    """
    names = ["problem", of]
    both = pd.concat([pairs, exchange_sides(pairs)], ignore_index=True).rename(columns={"a": of})
    both = both.assign(beats=both["verdict"] == WINS, beaten_by=both["verdict"] == LOSES)
    groups = both.groupby(names, sort=False)
    sums = groups[["beats", "beaten_by"]].sum()
    ranks = 1 + (1 - both["probability"]).groupby([both["problem"], both[of]], sort=False).sum(min_count=1)
    sums = sums.assign(mean_rank=ranks, probability=groups["probability"].mean())
    table = values.merge(sums.reset_index(), on=names, how="left")
    if ALL in set(pairs["problem"]):
        over = _rank_over_problems(table, sums, of)
        table = pd.concat([table, over], ignore_index=True)
    table = table.assign(**{name: table[name].fillna(0).astype(np.int64) for name in _WHOLE})
    # Few can win against what has no results: it stands behind those that have.
    out = (table["trials"] == 0) | (table["failures"] == 1)
    usable = (~out).groupby(table["problem"], sort=False).transform("sum")
    table["place"] = np.where(out & (usable > 0), 1 + usable, 1 + table["beaten_by"])
    table["may_be_best"] = (table["beaten_by"] == 0) & ~out
    by = table["value"].where(table["problem"] != ALL, table["mean_rank"])
    order = pd.DataFrame({"problem": table["problem"], "by": by, "rank": table["mean_rank"]})[table["may_be_best"]]
    leaders = order.sort_values(["by", "rank"], kind="stable").groupby("problem", sort=False).head(1).index
    table["leader"] = table.index.isin(leaders)
    table = _add_ratios(table, both, of)
    grades = dict(zip(zip(both["problem"], both[of], both["b"], strict=True), both["verdict"], strict=True))
    states = {problem: _find_states(part, grades, of) for problem, part in table.groupby("problem", sort=False)}
    table["state"] = [states[problem][level] for problem, level in zip(table["problem"], table[of], strict=True)]
    rivals = table.groupby("problem", sort=False)[of].transform("size") - 1
    limit = table["limit"].astype("boolean").fillna(False).astype(bool)
    table["alone"] = (table["state"] == FIRST) & (table["beats"] == rivals) & (rivals > 0) & ~limit
    order = [*names, "place", "state", "alone", "may_be_best", "leader", "value", "low", "high"]
    order += ["ratio", "ratio_low", "ratio_high", "bound", "mean_rank", "worst_rank", "stays_first"]
    more = ["probability", "beats", "beaten_by", "blocks", "trials", "failures", "reached", "limit"]
    return table.assign(limit=limit).reindex(columns=[*order, *more])


def _add_ratios(table: pd.DataFrame, both: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return the table with the ratio of each level over the leader of its problem, its interval, and its bound.

    both: the verdicts with each pair in both directions. The ratio of a verdict is above 1 where its first level is
    better, so those of the leader beside each level are taken.
    """
    leaders = table.loc[table["leader"] & (table["problem"] != ALL), ["problem", of]]
    names = {"b": of, "low": "ratio_low", "high": "ratio_high"}
    pairs = both.rename(columns={of: "a"})[["problem", "a", "b", "ratio", "low", "high", "bound"]]
    pairs = leaders.rename(columns={of: "a"}).merge(pairs, on=["problem", "a"]).drop(columns="a").rename(columns=names)
    itself = leaders.assign(ratio=1.0, ratio_low=1.0, ratio_high=1.0, bound="")
    table = table.merge(pd.concat([pairs, itself], ignore_index=True), on=["problem", of], how="left")
    return table.assign(bound=table["bound"].fillna(""))


def _find_states(part: pd.DataFrame, verdicts: Mapping[tuple[str, str, str], str], of: str) -> dict[str, str]:
    """Return the state of each level of a problem.

    part: the problem's rows of the table; verdicts: by problem and both levels, in either order.
    """
    names, states = list(part[of]), dict.fromkeys(part[of], OPEN)
    problem = part["problem"].iloc[0]
    leader = next(iter(part.loc[part["leader"], of]), "")
    grades = {name: verdicts.get((problem, leader, name), OPEN) for name in names if name != leader}
    leads = WINS in grades.values() or (bool(grades) and set(grades.values()) == {TIE})
    for name, beaten, failed, trials in zip(names, part["beaten_by"], part["failures"], part["trials"], strict=True):
        if failed == 1:
            states[name] = FAILED
        elif beaten or trials == 0:
            states[name] = BEHIND
        elif name == leader and leads:
            states[name] = FIRST
        elif grades.get(name) == TIE:
            states[name] = TIE
    return states


def _rank_over_problems(table: pd.DataFrame, sums: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return the rows of problem "all", one for each level: mean ranks over the problems that all levels have.

    table: the rows of the problems; sums: by problem and level, the numbers of verdicts for and against it.
    """
    levels = table[of].unique()
    value = table["value"].where(table["failures"] != 1, np.inf)
    rank = value.groupby(table["problem"], sort=False).rank()
    grid = rank.groupby([table["problem"], table[of]]).first().unstack()
    grid = grid.reindex(table["problem"].unique(), columns=levels).dropna()  # by no name: the bootstrap draws by place
    rows = sums.loc[ALL].reindex(levels).assign(blocks=len(grid), trials=1, failures=0.0)
    if len(grid):
        ranks = mean_ranks(grid)
        rows = rows.assign(
            mean_rank=ranks.mean, low=ranks.low, high=ranks.high, worst_rank=ranks.worst,
            stays_first=ranks.leads & (not ranks.without),
        )  # fmt: skip
    return rows.rename_axis(of).reset_index().assign(problem=ALL)
