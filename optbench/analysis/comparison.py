"""Verdicts: which of two optimizers, batch sizes or schedules is better on a problem, by how much, and how sure.

What is compared is the whole procedure: tune on some seeds, run on others. Each block of seeds does that once, so the
spread between blocks holds the luck of tuning, which more reporting seeds of one tuned setting would never show.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.blocks import SCREEN, Coded, coded
from optbench.analysis.effects import blocks_needed, detectable, holm, mean_effects, signed_ranks
from optbench.analysis.held_out import HeldOut, held_out, held_out_at
from optbench.analysis.measures import LOG_TAIL, unmeasured

ALL = "all"
# Ratio: losses within a tenth of each other are equal for every use that we know of; a choice
EQUIVALENT = 1.1
_SINGLE = "a single block of seeds: more are needed"


class Sides(NamedTuple):
    """The results of all levels as they were tuned, and the runs for comparisons at fewer trials."""

    table: Coded
    """The runs with their stages and blocks."""
    full: HeldOut
    """The results with all trials that each level was given."""
    screens: Coded
    """The runs on which all settings ran, for comparisons at fewer trials."""
    unmeasured: Mapping[str, str] = MappingProxyType({})
    """The problems on which nothing can be compared, with the reason (`measures.unmeasured`)."""


def verdicts(
    runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer", confidence: float = 0.95
) -> pd.DataFrame:
    """Return one row for each problem and pair of levels; with several problems, also the rows of problem "all".

    runs: the `runs` table of a sweep, staged or plain (`blocks` divides a plain one). choose_by: the measure that
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
    return compared(prepared(runs, choose_by, of), confidence)


def compared(sides: Sides, confidence: float, without: str | None = None) -> pd.DataFrame:
    """Return the rows of `verdicts`; the level `without`, if any, is left out before p-values are adjusted."""
    level = sides.table.cells.iloc[:, 1]
    parts = []
    for problem in sides.table.cells["problem"].unique():
        cells = np.flatnonzero((sides.table.cells["problem"] == problem) & (level != without))
        parts.append(_of_problem(sides, problem, cells, confidence))
    table = pd.concat(parts, ignore_index=True)
    over = _over_problems(table, confidence) if len(parts) > 1 else table.iloc[:0]
    return pd.concat([table, over], ignore_index=True) if len(over) else table


def prepared(runs: pd.DataFrame, choose_by: str, of: str) -> Sides:
    """Return the tuned results that `verdicts` and `ranking` compare."""
    table = coded(runs, choose_by, of)
    staged = of == "optimizer" and "stage" in runs and (runs["stage"] == SCREEN).any()
    screens = coded(runs, choose_by, of, screens=True) if staged else table
    return Sides(table, held_out(table), screens, unmeasured(runs, choose_by))


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


def paired(sides: Sides, a: np.ndarray, b: np.ndarray) -> Paired:
    """Return the differences of the cells a and b, (pairs,) rows of `cells`.

    Where the numbers of trials differ and the side with fewer is not ahead, both are compared at the smaller number.
    """
    differences, seeds = sides.full.differences(a, b)
    probability, common = sides.full.probability(a, b), np.zeros(len(a))
    trials_a, trials_b = sides.full.trials[a], sides.full.trials[b]
    ahead = mean_effects(differences)["mean"]
    # The side with fewer trials that is ahead for all that needs no allowance: more would not set it back.
    allowed = (trials_a != trials_b) & ~np.where(trials_a < trials_b, ahead > 0, ahead < 0)
    trials = np.where((trials_a != trials_b) & ~allowed, 0, np.minimum(trials_a, trials_b))
    for count in np.unique(trials[allowed]):
        rows = np.flatnonzero(allowed & (trials == count))
        fewer = held_out_at(sides.screens, int(count))
        each, seeds[rows] = fewer.differences(a[rows], b[rows])
        wide = max(differences.shape[1], each.shape[1])
        differences = np.pad(differences, ((0, 0), (0, wide - differences.shape[1])), constant_values=np.nan)
        differences[rows] = np.nan
        differences[rows, : each.shape[1]] = each
        probability[rows] = fewer.probability(a[rows], b[rows])
        common[rows] = fewer.draw[a[rows]] + fewer.draw[b[rows]]
    return Paired(differences, seeds, probability, trials, common)


def _of_problem(sides: Sides, problem: str, cells: np.ndarray, confidence: float) -> pd.DataFrame:
    """Return the rows of `verdicts` of one problem; cells: rows of `cells`."""
    first, second = np.triu_indices(len(cells), 1)
    a, b = cells[first], cells[second]
    differences, seeds, probability, count, common = paired(sides, a, b)
    if problem in sides.unmeasured:
        differences = np.full_like(differences, np.nan)
    trials = sides.full.trials
    rest = {"trials_a": trials[a], "trials_b": trials[b], "trials": count}
    names = sides.table.cells.iloc[:, 1].to_numpy()
    table = judged(problem, names[a], names[b], differences, confidence, common)
    table = table.assign(**rest, seeds=seeds, probability=probability)[list(COLUMNS)]
    reason = table["reason"]
    fewer = (count > 0) & (count < np.maximum(trials[a], trials[b]))  # of which only the screening's seeds can tell
    reason = reason.mask(fewer & (reason == _SINGLE), f"at equal trials there is {_SINGLE}")
    reason = reason.mask((trials[a] == 0) | (trials[b] == 0), "no setting without a stopped or failed run")
    return table.assign(reason=sides.unmeasured.get(problem, reason))


COLUMNS = (
    "problem", "a", "b", "verdict", "ratio", "low", "high", "p", "p_adjusted", "detectable", "blocks_needed", "blocks",
    "seeds", "probability", "trials", "trials_a", "trials_b", "reason",
)  # fmt: skip


def judged(
    problem: str | np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    differences: np.ndarray,
    confidence: float = 0.95,
    common: np.ndarray | float = 0.0,
) -> pd.DataFrame:
    """Return the verdicts of one family of pairs from their differences y_b - y_a, (pairs, blocks).

    common: the variance that all blocks of a pair share (`mean_effects`).
    """
    effect = mean_effects(differences, confidence, common)
    p, n = effect["p"], effect["n"]
    rows = {"problem": problem, "a": a, "b": b, "ratio": effect["mean"], "low": effect["low"], "high": effect["high"]}
    table = pd.DataFrame({**rows, "p": p, "p_adjusted": holm(p), "blocks": n})
    table["reason"] = np.select([n == 0, n == 1], ["no reporting seeds", _SINGLE], "")
    table["verdict"] = verdict_words(table, confidence)
    open_ = (table["verdict"] == "undecided").to_numpy()
    goal = np.maximum(np.abs(effect["mean"]), np.log(EQUIVALENT))
    with np.errstate(over="ignore"):
        table["detectable"] = np.where(open_, np.exp(detectable(effect["sd"], n, confidence, common)), np.nan)
    table["blocks_needed"] = np.where(open_ & (n > 0), blocks_needed(effect["sd"], goal, confidence, common), np.nan)
    return _as_ratios(table)


def verdict_words(table: pd.DataFrame, confidence: float) -> np.ndarray:
    """Return the verdict of each row, (rows,); ratio, low and high are still logarithms here."""
    shown = table["p_adjusted"] < 1 - confidence
    near = (table["low"] >= -np.log(EQUIVALENT)) & (table["high"] <= np.log(EQUIVALENT))
    cases = [shown & (table["ratio"] > 0), shown & (table["ratio"] < 0), near]
    return np.select(cases, ["better", "worse", "equivalent"], "undecided")


def _as_ratios(table: pd.DataFrame) -> pd.DataFrame:
    with np.errstate(over="ignore"):
        return table.assign(**{name: np.exp(table[name]) for name in ("ratio", "low", "high")})


def _over_problems(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the rows of problem "all", for the pairs that at least two problems compare."""
    pairs = []
    for (a, b), part in _oriented(table).groupby(["a", "b"], sort=False):
        logs = np.log(part["ratio"].to_numpy())
        if (count := int(np.isfinite(logs).sum())) < 2:
            continue
        result = signed_ranks(logs[np.isfinite(logs)], confidence)
        row = {
            "problem": ALL,
            "a": a,
            "b": b,
            "ratio": result["estimate"],
            "blocks": count,
            "seeds": part["seeds"].sum(),
        }
        row |= {name: result[name] for name in ("low", "high", "p")}
        row |= {name: part[name].min() for name in ("trials", "trials_a", "trials_b")}
        pairs.append({**row, "probability": part["probability"].mean(), "detectable": np.nan, "blocks_needed": np.nan})
    if not pairs:
        return table.iloc[:0]
    rows = pd.DataFrame(pairs)
    rows["p_adjusted"] = holm(rows["p"])
    rows["verdict"] = verdict_words(rows, confidence)
    # The smallest p of n problems is 2 / 2^n, and Holm multiplies it by the number of pairs.
    least = np.ceil(np.log2(2 * len(rows) / (1 - confidence)))
    few = (rows["blocks"] < least) & (rows["verdict"] == "undecided")
    rows["reason"] = np.where(few, f"{least:.0f} problems are needed", "")
    return _as_ratios(rows)[list(COLUMNS)]


def _oriented(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with a and b of every pair in one order on all problems, that of first appearance."""
    names = pd.unique(pd.concat([table["a"], table["b"]]))
    place = pd.Series(range(len(names)), index=names)
    turn = place[table["a"]].to_numpy() > place[table["b"]].to_numpy()
    swapped = table.assign(
        a=table["b"], b=table["a"], ratio=1 / table["ratio"], probability=1 - table["probability"],
        trials_a=table["trials_b"], trials_b=table["trials_a"],
    )  # fmt: skip
    return pd.concat([table[~turn], swapped[turn]]).sort_index()
