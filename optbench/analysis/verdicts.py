"""Verdicts: which of two optimizers, batch sizes or schedules is better on a problem, by how much, and how sure.

What is compared is the whole procedure: tune on some seeds, run on others. Each block of seeds does that once, so the
spread between blocks holds the luck of tuning, which more reporting seeds of one tuned setting would never show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis import texts
from optbench.analysis.held_out import HeldOut, held_out, held_out_at
from optbench.analysis.measures import LOG_TAIL, explain_unmeasured
from optbench.analysis.pair_statistics import adjust_by_holm, blocks_needed, detectable, mean_effects, signed_ranks
from optbench.analysis.protocol import CodedRuns, code_runs
from optbench.analysis.selection import is_staged

ALL = "all"
# Ratio: losses within a tenth of each other are equal for every use that we know of; a choice
EQUIVALENT = 1.1
COLUMNS = (
    "problem", "a", "b", "verdict", "ratio", "low", "high", "p", "p_adjusted", "detectable", "blocks_needed", "blocks",
    "seeds", "probability", "trials", "trials_a", "trials_b", "reason",
)  # fmt: skip


class TunedLevels(NamedTuple):
    """The results of all levels as they were tuned, and the runs for comparisons at fewer trials."""

    table: CodedRuns
    """The runs with their stages and blocks."""
    full: HeldOut
    """The results with all trials that each level was given."""
    screens: CodedRuns
    """The runs on which all settings ran, for comparisons at fewer trials."""
    unmeasured: Mapping[str, str] = MappingProxyType({})
    """The problems on which nothing can be compared, with the reason (`measures.explain_unmeasured`)."""


class Paired(NamedTuple):
    """The differences of pairs of cells, block by block, from which verdicts follow."""

    differences: np.ndarray
    """(pairs, blocks) of y_b - y_a, NaN where a block has no runs of both."""
    seeds: np.ndarray
    """(pairs,) the number of reporting seeds that both have."""
    probability: np.ndarray
    """(pairs,) the probability that a has the lower y on a seed."""
    trials: np.ndarray
    """(pairs,) the trials at which both are compared; 0 where their numbers differ and the side with fewer is ahead."""
    common: np.ndarray
    """(pairs,) the variance that all blocks share (`mean_effects`)."""


def verdicts(
    runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer", confidence: float = 0.95
) -> pd.DataFrame:
    """Return one row for each problem and pair of levels; with several problems, also the rows of problem "all".

    runs: the `runs` table of a sweep, staged or plain (`protocol` divides a plain one). choose_by: the measure that
    settings are chosen and compared by (`tail_values`). of: the column whose levels are compared, "optimizer",
    "batch_size" (the full batch is one level on every problem) or "schedule"; all else is tuned. Every pair has one
    row, a before b in order of appearance; verdict and ratio are about a.

    D_k is the median over the reporting seeds of block k of y_b - y_a, paired by seed, and ratio = exp(mean D): above 1
    a is better, for y is the logarithm of a loss. low, high: the t interval over blocks. p: two-sided; p_adjusted: Holm
    over all pairs of the problem. verdict: "better" or "worse" where p_adjusted < 1 - confidence, else "equivalent"
    where the interval lies within [1/1.1, 1.1], else "undecided" with the detectable ratio (80% power) and
    blocks_needed, the blocks that would show the ratio, or 1.1 where it is nearer to 1. probability: that a has the
    lower y on a seed. reason: why nothing could be decided, such as losses below a stated minimum that is too high,
    which makes ratios of suboptimalities wrong.

    trials_a, trials_b: the number of trials that each side could choose from. Where they differ and the side with
    fewer is ahead, that result stands, since more trials would not make it worse (trials is 0 then). Otherwise both are
    compared at the smaller number, `trials`, by the expected y of the best of so many (`choice_weights`), on the runs
    on which all settings ran. The choice of trials is random, too, so its variance (of the best of so many, drawn from
    those of the larger side) is added to that of the pair.

    In rows "all" problems take the place of blocks, by rank: the ratio is the Hodges-Lehmann estimate of the problems'
    log ratios, interval and p are those of the signed-rank test (Demsar 2006), blocks counts problems. An interval of
    95% takes six. These rows are estimates for further problems like these.

    Source: Demsar 2006, JMLR 7; Bouthillier et al. 2021, MLSys, for tuning as a source of variance.
    """
    return compare_levels(tune_levels(runs, choose_by, of), confidence)


def tune_levels(runs: pd.DataFrame, choose_by: str, of: str) -> TunedLevels:
    """Choose the setting of each level in each block, and return its results on the reporting seeds.

    runs, choose_by: as for `verdicts`. of: the column whose values are the levels that `verdicts` and `ranking`
    compare: "optimizer", "batch_size" or "schedule".
    """
    table = code_runs(runs, choose_by, of)
    staged = of == "optimizer" and is_staged(runs)
    screens = code_runs(runs, choose_by, of, screens=True) if staged else table
    return TunedLevels(table, held_out(table), screens, explain_unmeasured(runs, choose_by))


def compare_levels(levels: TunedLevels, confidence: float = 0.95) -> pd.DataFrame:
    """Return the table that `verdicts` returns, for levels that are tuned."""
    problem, name = (levels.table.cells.iloc[:, column].to_numpy() for column in (0, 1))
    a, b = np.triu_indices(len(problem), 1)
    a, b = (side[problem[a] == problem[b]] for side in (a, b))
    pair, trials = pair_cells(levels, a, b), levels.full.trials
    spoiled = np.isin(problem[a], list(levels.unmeasured))
    differences = np.where(spoiled[:, None], np.nan, pair.differences)
    table = judge_pairs(differences, confidence, pair.common, family=problem[a])
    few = (pair.trials > 0) & (pair.trials < np.maximum(trials[a], trials[b]))  # only the screening's seeds can tell
    reasons = {
        texts.NO_SETTING: (trials[a] == 0) | (trials[b] == 0),
        texts.ONE_BLOCK_AT_EQUAL_TRIALS: few & (table["reason"] == texts.ONE_BLOCK),
    }
    reason = np.select([*reasons.values()], [*reasons], table["reason"])
    table = table.assign(
        problem=problem[a], a=name[a], b=name[b], seeds=pair.seeds, probability=pair.probability,
        trials=pair.trials, trials_a=trials[a], trials_b=trials[b],
        reason=[levels.unmeasured.get(*each) for each in zip(problem[a], reason, strict=True)],
    )[list(COLUMNS)]  # fmt: skip
    over = _compare_over_problems(table, confidence)
    return pd.concat([table, over], ignore_index=True) if len(over) else table


def pair_cells(levels: TunedLevels, a: np.ndarray, b: np.ndarray) -> Paired:
    """Return the differences of pairs of cells; a, b: (pairs,) their rows in `levels.table.cells`.

    Where the numbers of trials differ and the side with fewer is not ahead, both are compared at the smaller number.
    """
    differences, seeds = levels.full.differences(a, b)
    probability, common = levels.full.probability(a, b), np.zeros(len(a))
    trials_a, trials_b = levels.full.trials[a], levels.full.trials[b]
    ahead = mean_effects(differences)["mean"]
    # The side with fewer trials that is ahead for all that needs no allowance: more would not set it back.
    allowed = (trials_a != trials_b) & ~np.where(trials_a < trials_b, ahead > 0, ahead < 0)
    trials = np.where((trials_a != trials_b) & ~allowed, 0, np.minimum(trials_a, trials_b))
    for count in np.unique(trials[allowed]):
        rows = np.flatnonzero(allowed & (trials == count))
        fewer = held_out_at(levels.screens, int(count))
        each, seeds[rows] = fewer.differences(a[rows], b[rows])
        wide = max(differences.shape[1], each.shape[1])
        differences = np.pad(differences, ((0, 0), (0, wide - differences.shape[1])), constant_values=np.nan)
        differences[rows] = np.nan
        differences[rows, : each.shape[1]] = each
        probability[rows] = fewer.probability(a[rows], b[rows])
        common[rows] = fewer.draw[a[rows]] + fewer.draw[b[rows]]
    return Paired(differences, seeds, probability, trials, common)


def judge_pairs(
    differences: np.ndarray,
    confidence: float = 0.95,
    common: np.ndarray | float = 0.0,
    family: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return one row for each pair with the verdict on a, from its differences y_b - y_a, (pairs, blocks).

    y: natural logarithms, lower is better, so a positive difference speaks for a; NaN where a pair lacks a block.
    common: the variance that all blocks of a pair share (`mean_effects`). family: (pairs,) the family of each, within
    which p-values are adjusted; None: all pairs are one.

    Returns columns ratio, low, high, p, blocks, p_adjusted, reason, verdict, detectable and blocks_needed (`verdicts`);
    ratio, low and high are exp of the mean difference and of its interval.
    """
    effect = mean_effects(differences, confidence, common)
    p, n = effect["p"], effect["n"]
    table = pd.DataFrame({"ratio": effect["mean"], "low": effect["low"], "high": effect["high"], "p": p, "blocks": n})
    families = np.zeros(len(p)) if family is None else pd.factorize(family)[0]
    table["p_adjusted"] = table["p"].groupby(families).transform(adjust_by_holm)
    table["reason"] = np.select([n == 0, n == 1], [texts.NO_SEEDS, texts.ONE_BLOCK], "")
    table["verdict"] = _decide_verdicts(table, confidence)
    open_ = (table["verdict"] == "undecided").to_numpy()
    goal = np.maximum(np.abs(effect["mean"]), np.log(EQUIVALENT))
    with np.errstate(over="ignore"):
        table["detectable"] = np.where(open_, np.exp(detectable(effect["sd"], n, confidence, common)), np.nan)
    table["blocks_needed"] = np.where(open_ & (n > 0), blocks_needed(effect["sd"], goal, confidence, common), np.nan)
    return _as_ratios(table)


def judge_over_problems(logs: Sequence[np.ndarray], confidence: float = 0.95) -> pd.DataFrame:
    """Return one row for each pair with the verdict on a over all problems, by signed ranks; columns of `judge_pairs`.

    logs: for each pair the logarithms of the ratios on its problems. All pairs are one family.
    """
    table = pd.DataFrame([signed_ranks(each, confidence) for each in logs]).rename(columns={"estimate": "ratio"})
    table = table.assign(blocks=[len(each) for each in logs], detectable=np.nan, blocks_needed=np.nan)
    table["p_adjusted"] = adjust_by_holm(table["p"])
    table["verdict"] = _decide_verdicts(table, confidence)
    # The smallest p of n problems is 2 / 2^n, and Holm multiplies it by the number of pairs.
    least = int(np.ceil(np.log2(2 * len(table) / (1 - confidence))))
    few = (table["blocks"] < least) & (table["verdict"] == "undecided")
    table["reason"] = np.where(few, texts.describe_few_problems(least), "")
    return _as_ratios(table)


def _decide_verdicts(table: pd.DataFrame, confidence: float) -> np.ndarray:
    """Return "better", "worse", "equivalent" or "undecided" for each row, (rows,), from p_adjusted and the interval.

    ratio, low and high are still logarithms here.
    """
    shown = table["p_adjusted"] < 1 - confidence
    near = (table["low"] >= -np.log(EQUIVALENT)) & (table["high"] <= np.log(EQUIVALENT))
    cases = [shown & (table["ratio"] > 0), shown & (table["ratio"] < 0), near]
    return np.select(cases, ["better", "worse", "equivalent"], "undecided")


def _as_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with exp of ratio, low and high."""
    with np.errstate(over="ignore"):
        return table.assign(**{name: np.exp(table[name]) for name in ("ratio", "low", "high")})


def _compare_over_problems(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the rows of problem "all", for the pairs that at least two problems compare."""
    with np.errstate(divide="ignore"):
        pairs = _orient_pairs(table).assign(log=lambda rows: np.log(rows["ratio"]).replace([-np.inf, np.inf], np.nan))
    several = pairs.groupby(["a", "b"])["log"].transform("count") > 1
    groups = pairs[several].groupby(["a", "b"], sort=False)
    if not groups.ngroups:
        return table.iloc[:0]
    rows = groups.agg(
        seeds=("seeds", "sum"), probability=("probability", "mean"),
        trials=("trials", "min"), trials_a=("trials_a", "min"), trials_b=("trials_b", "min"),
    ).reset_index()  # fmt: skip
    verdict = judge_over_problems([logs.dropna().to_numpy() for _, logs in groups["log"]], confidence)
    return pd.concat([rows, verdict], axis=1).assign(problem=ALL)[list(COLUMNS)]


def _orient_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with a and b of every pair in one order on all problems, that of first appearance."""
    names = pd.unique(pd.concat([table["a"], table["b"]]))
    place = pd.Series(range(len(names)), index=names)
    turn = place[table["a"]].to_numpy() > place[table["b"]].to_numpy()
    return pd.concat([table[~turn], exchange_sides(table[turn])]).sort_index()


def exchange_sides(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs with a and b exchanged: inverse ratios, complementary probabilities, opposite verdicts."""
    return pairs.assign(
        a=pairs["b"], b=pairs["a"], ratio=1 / pairs["ratio"], probability=1 - pairs["probability"],
        trials_a=pairs["trials_b"], trials_b=pairs["trials_a"],
        verdict=pairs["verdict"].replace({"better": "worse", "worse": "better"}),
    )  # fmt: skip
