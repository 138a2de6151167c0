"""Verdicts: which of two optimizers, batch sizes or schedules wins on a problem, by how much, and how sure.

What is compared are the recommended settings, on seeds that all have in common, where these and their runners-up have
reported; each seed counts as a block, and the gap to the runner-up stands for the luck of the search. Elsewhere it is
the whole procedure: draw settings, tune on some seeds, run on others. Each block of seeds does that once, so the spread
between blocks holds the luck of the draw and of tuning. In a plain grid all blocks share the settings, and verdicts are
given these.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from optbench.analysis.failures import compare_failures
from optbench.analysis.held_out import held_out
from optbench.analysis.judging import judge
from optbench.analysis.known import Known, flip_known, select_known
from optbench.analysis.measures import LOSS, SOLVED, TIME, explain_few_test_rows, explain_unmeasured
from optbench.analysis.over_problems import LEAST_PROBLEMS, judge_over_problems
from optbench.analysis.pair_statistics import spent_alpha
from optbench.analysis.power import blocks_needed
from optbench.analysis.protocol import CodedRuns
from optbench.analysis.sampling import Sampling

ALL = "all"
WINS, LOSES, TIE, OPEN = "wins", "loses", "tie", "open"
# Share of the first suboptimality: below it losses differ by no use that we know of, and ratios are capped; a choice
SMALL = 1e-5
# Ratio: the largest that is stated of two losses that are both small
LARGEST = 100.0
COLUMNS = (
    "problem", "a", "b", "verdict", "known", "reason", "bound", "ratio", "low", "high", "p", "p_adjusted",
    "blocks_needed", "blocks", "seeds", "probability", "trials", "trials_a", "trials_b", "failures_a", "failures_b",
)  # fmt: skip
AT_LEAST, AT_MOST, ABOUT = "at least", "at most", "about"


class Paired(NamedTuple):
    """The differences of pairs of cells, block by block, from which verdicts follow."""

    differences: np.ndarray
    """(pairs, blocks) of y_b - y_a, NaN where a block has no runs of both."""
    seeds: np.ndarray
    """(pairs,) the number of reporting seeds that both have."""
    probability: np.ndarray
    """(pairs,) the probability that a has the better run on a seed."""
    failed: np.ndarray
    """(pairs, blocks, 2, 2), of a and of b the numbers of failed and of all reporting runs of a block."""
    failures_a: np.ndarray
    """(pairs,) the share of the reporting runs of a that failed."""
    failures_b: np.ndarray
    """(pairs,) the same of b."""
    missed: np.ndarray
    """(pairs, 2) bool, True where no run of a, or of b, reached the target by which both are judged."""
    partly: np.ndarray
    """(pairs, 2) bool, True where no run of some block of a, or of b, did; a seed in common is a block."""
    depth: np.ndarray
    """(pairs,), the larger of the mean depths of a and b (`HeldOut.depths`)."""
    deepest: np.ndarray
    """(pairs,), the largest depth of a run of both."""
    sampling: Sampling | None
    """Of the mean difference, by the choice of test examples."""


def check_levels(table: CodedRuns, runs: pd.DataFrame) -> CodedRuns:
    """Return coded runs with the problems that their measure cannot judge. runs: the whole table."""
    few, unmeasured = explain_few_test_rows(runs, table.judge_by), explain_unmeasured(runs, table.judge_by)
    return table.with_values(unjudged=few, unmeasured=unmeasured)


def compare_levels(
    table: CodedRuns,
    confidence: float = 0.95,
    look: int = 1,
    edges: pd.DataFrame | None = None,
    plan: bool = True,
    untuned: Collection[str] = (),
    level: str = "",
) -> pd.DataFrame:
    """Return one row for each problem and pair of levels; with several problems, also the rows of problem "all".

    table: the runs of a sweep, staged or plain, coded for the levels and the measures (`check_levels`). look: how often
    these blocks, or fewer of them, have been looked at (`spent_alpha`), where the runs do not say since when they are
    there (`keep_looks`): what is added later pays for its own pairs. edges: the recommended settings that lie at a
    limit of the search (`find_edges`). plan: with blocks_needed. untuned: optimizers that run as they are, for which
    tuning the others is what is asked, and no advantage. level: only the pairs of this one, as a, with the others, and
    without "all"; on each problem these hold at once.

    Every pair has one row, a before b in order of appearance; verdict and ratio are about a. D_k is the difference
    y_b - y_a in block k, or on seed k in common (`CodedRuns.reporting`), and ratio = exp(mean D): above 1 a is better,
    for y is the logarithm of samples, of a loss or of a share of errors. low, high: its interval, simultaneous for all
    comparisons with the best of a problem on seeds in common, for all pairs otherwise, and p_adjusted the p-value that
    belongs to it; p is that of the pair alone.

    verdict: "tie" where the interval lies within [1/1.1, 1.1]; else "wins" or "loses" where it lies beyond 1.05; else
    "open", and `known` (`Known`, or None) is what is known. An optimizer that fails more often neither wins nor ties.
    blocks_needed: how many blocks would decide, in four of five sweeps, what is open; NaN on seeds in common. bound:
    "at least" or "at most" where the ratio is a bound, as a side ends at a limit of the search or misses the target in
    some block; "about" where both do. trials: the smaller of trials_a and trials_b, the settings that each screened in
    a block. Where optimizers had unequal numbers, one with more than the other neither wins nor ties
    (`withhold_unequal`). failures_a, failures_b: the shares of runs that failed. reason: why nothing could be
    decided (`Known`, or None), such as losses below a stated minimum that is too high.

    In rows "all" problems take the place of blocks: signed-rank tests over problems, from 20 of them on (Demsar 2006).

    Source: Demsar 2006, JMLR 7; Bouthillier et al. 2021, MLSys, for tuning as a source of variance.
    """
    problem, name = (table.cells.iloc[:, column].to_numpy() for column in (0, 1))
    a, b = np.triu_indices(len(problem), 1)
    a, b = (side[problem[a] == problem[b]] for side in (a, b))
    if level:
        there = (name[a] == level) | (name[b] == level)
        a, b = a[there], b[there]
        a, b = np.where(name[a] == level, a, b), np.where(name[a] == level, b, a)
    pair, trials = pair_cells(table, a, b), table.trials
    looks = np.where(np.isfinite(table.looks), table.looks, look)
    at = np.maximum(looks[a], looks[b])
    numbers, levels = pd.factorize(problem)[0], np.zeros(len(a), dtype=np.int64)
    for last in np.unique(at):
        there = np.bincount(numbers[looks <= last], minlength=len(numbers))
        levels = np.where(at == last, there[numbers[a]], levels)
    rows = judge_differences(
        pair.differences, problem[a], None if level else levels, pair.failed, confidence, at, pair.sampling,
        table.reported_in_common[a], plan,
    )  # fmt: skip
    rows = rows.assign(
        problem=problem[a], a=name[a], b=name[b], seeds=pair.seeds, probability=pair.probability,
        trials=np.minimum(trials[a], trials[b]),
        trials_a=trials[a], trials_b=trials[b], failures_a=pair.failures_a, failures_b=pair.failures_b,
    )  # fmt: skip
    none = (trials[a] == 0) | (trials[b] == 0)
    lost = (pair.failures_a == 1) & (pair.failures_b == 1)
    alone = (rows["verdict"] == OPEN) & ((pair.failures_a == 1) | (pair.failures_b == 1))
    spoiled = rows["problem"].map(table.unmeasured)
    unjudged = rows["problem"].map(table.unjudged)
    few = unjudged.notna() & spoiled.isna()
    rows = rows.assign(verdict=rows["verdict"].mask(few, OPEN), blocks_needed=rows["blocks_needed"].mask(few))
    rows["known"] = rows["known"].mask(few, None)
    cases = [spoiled.notna(), few, none, lost, pair.missed.all(axis=1), alone]
    told = [Known("no_setting"), Known("all_diverged"), Known("neither_reaches"), Known("one_diverged")]
    rows["reason"] = select_known(cases, [spoiled, unjudged, *told], rows["reason"])
    rows.loc[pair.missed.any(axis=1) & (rows["verdict"] == TIE), "verdict"] = OPEN  # a bound is no tie
    if table.judge_by in (TIME, LOSS):
        rows = _cap_ratios(rows, pair, ~table.timed[a], table.solved[a])
    optimizers = "optimizer" in table.cells  # how many trials draw a batch size or a schedule varies by chance
    if optimizers:
        rows = withhold_unequal(rows, *find_more_trials(rows, untuned))
    rows["bound"] = find_bounds(pair.missed, pair.partly, find_limits(table.cells, edges)[np.stack([a, b])])
    rows = rows[list(COLUMNS)]
    if level:
        return rows
    over = _compare_over_problems(rows, confidence, untuned if optimizers else None)
    return pd.concat([rows, over[list(COLUMNS)]], ignore_index=True) if len(over) else rows


def block_ratios(table: CodedRuns, leaders: Mapping[str, str]) -> pd.DataFrame:
    """Return a row for each problem, optimizer and block that verdicts compare, with its ratio to the leader.

    table: of `check_levels`; leaders: an optimizer by problem. ratio: exp(y - y of the leader) in that block, above 1
    where the leader is better; its geometric mean over blocks is the ratio of the verdict, if that is not capped.
    """
    cells = table.cells.reset_index(drop=True)
    first = pd.MultiIndex.from_frame(cells).get_indexer(
        pd.MultiIndex.from_arrays([cells["problem"], cells["problem"].map(leaders)])
    )
    rows = np.flatnonzero(first >= 0)
    ratios = np.exp(pair_cells(table, first[rows], rows).differences)
    place, block = np.nonzero(~np.isnan(ratios))
    return cells.iloc[rows[place]].assign(block=block, ratio=ratios[place, block]).reset_index(drop=True)


def judge_differences(
    differences: np.ndarray,
    family: np.ndarray,
    levels: np.ndarray | None,
    failed: np.ndarray | None,
    confidence: float = 0.95,
    look: ArrayLike = 1,
    sampling: Sampling | None = None,
    in_common: ArrayLike = False,
    plan: bool = True,
) -> pd.DataFrame:
    """Return one row for each pair with the verdict on a, from its differences y_b - y_a, (pairs, blocks).

    family, levels, sampling: as for `judge`. failed: (pairs, blocks, 2, 2), of a and of b the numbers of failed and
    of all runs; None where failures do not count. look: as there. in_common: (pairs,) bool, True where the
    pair has reported on seeds in common (`CodedRuns.reported_in_common`): levels are then compared with the best
    (`judge`), and no further blocks are named; nor are they without `plan`.

    Returns columns ratio, low, high (exp of the mean difference and of its simultaneous interval), p, p_adjusted,
    blocks, verdict, known, blocks_needed and reason.
    """
    alpha = spent_alpha(look, 1 - confidence)
    failures = None
    if failed is not None:
        (failed_a, runs_a), (failed_b, runs_b) = (np.moveaxis(failed[:, :, side], 2, 0) for side in (0, 1))
        failures = compare_failures(failed_a, runs_a, failed_b, runs_b, alpha)
    rows = judge(differences, family, levels, alpha, failures, sampling, in_common)
    # Where all levels report on seeds in common, as many of these as it takes have run.
    open_ = (rows["verdict"] == OPEN).to_numpy() & ~np.asarray(in_common)
    needed = count_needed(rows, open_ & plan, family, levels, confidence, look, sampling)
    with np.errstate(over="ignore"):
        ends = {to: np.exp(rows[name]) for to, name in (("ratio", "mean"), ("low", "low"), ("high", "high"))}
    if failures is not None:  # a side whose every run fails has no results to compare
        always = [(failures["more"] == side) & (failures[f"failures_{side}"] == 1) for side in ("b", "a")]
        rows["verdict"] = np.select(always, [WINS, LOSES], rows["verdict"])
        needed = np.where(always[0] | always[1], np.nan, needed)
    few = rows["verdict"] == OPEN
    cases = [few & (rows["n"] == 0), few & (rows["n"] == 1)]
    reason = select_known(cases, [Known("no_seeds"), Known("one_block")])
    return rows.assign(**ends, blocks=rows["n"], blocks_needed=needed, reason=reason)


def count_needed(
    judged: pd.DataFrame,
    open_: np.ndarray,
    family: np.ndarray,
    levels: np.ndarray | None,
    confidence: float,
    look: ArrayLike,
    sampling: Sampling | None,
    above: float | None = None,
) -> np.ndarray:
    """Return the blocks that would decide each pair that is open at the next look (`blocks_needed`), (pairs,).

    NaN for the others. judged: of `judge`; open_: (pairs,) bool; the others are those of `judge_differences`.
    """
    needed = np.full(len(judged), np.nan)
    if open_.any() and not (sampling and sampling.share):  # more blocks would have the same folds
        count = judged.groupby(family)["n"].transform(lambda n: (n > 1).sum())
        sizes = {"rows": count[open_]} if levels is None else {"levels": levels[open_]}
        mean, sd, n = (judged.loc[open_, name] for name in ("mean", "sd", "n"))
        common = 0.0 if sampling is None else sampling.variance[open_]
        later = spent_alpha(np.broadcast_to(look, len(judged))[open_] + 1, 1 - confidence)
        needed[open_] = blocks_needed(mean, sd, n, **sizes, alpha=later, common=common, above=above)
    return needed


def pair_cells(table: CodedRuns, a: np.ndarray, b: np.ndarray) -> Paired:
    """Return the differences of pairs of cells, each as it was tuned; a, b: (pairs,) their rows in `table.cells`."""
    tuned = held_out(table)
    differences, seeds = tuned.differences(a, b)
    missed, partly = (
        np.stack([each[side] for side in (a, b)], axis=1)
        for each in (tuned.timed & (tuned.reached_share == 0), tuned.unreached > 0)
    )
    differences[missed.all(axis=1)] = np.nan  # two budgets, and no results
    mean, most = tuned.depths
    return Paired(
        differences, seeds, tuned.probability(a, b), np.stack([tuned.counts[a], tuned.counts[b]], axis=2),
        tuned.failures[a], tuned.failures[b], missed, partly, np.maximum(mean[a], mean[b]),
        np.maximum(most[a], most[b]), tuned.sampling_of_differences(a, b),
    )  # fmt: skip


def withhold_unequal(rows: pd.DataFrame, more_a: np.ndarray, more_b: np.ndarray) -> pd.DataFrame:
    """Return the rows without ties, and without wins of a side that had more trials: the best of more is better.

    A side with fewer trials may win: with as many it would have won the more.

    rows: columns verdict, ratio, known, blocks_needed and reason, which says why a verdict was withheld; more_a,
    more_b: (pairs,) True where a, or b, had more trials than the other, both over problems that differ in this.
    """
    verdict, ratio = rows["verdict"], rows["ratio"]
    held = (more_a & (verdict == WINS)) | (more_b & (verdict == LOSES)) | ((more_a | more_b) & (verdict == TIE))
    # An open row that leans to the side with more trials stays open, however many blocks there are.
    leans = (verdict == OPEN) & rows["reason"].isna() & ((more_a & (ratio >= 1)) | (more_b & (ratio <= 1)))
    new = held | leans
    return rows.assign(
        verdict=verdict.mask(held, OPEN), known=rows["known"].mask(new, None),
        blocks_needed=rows["blocks_needed"].mask(new), reason=rows["reason"].mask(new, Known("unequal_trials")),
    )  # fmt: skip


def _cap_ratios(rows: pd.DataFrame, pair: Paired, lossy: np.ndarray, share: np.ndarray) -> pd.DataFrame:
    """Return the rows with the ratios of losses capped where both are small, and with `known` for what is solved.

    Two losses below 1e-5 of the first suboptimality are compared up to a ratio of 100; below 1e-8 both are solved.
    lossy: (pairs,) bool, True for those that are judged by loss; share: (pairs,), what takes the place of 1e-8.
    """
    solved = lossy & (pair.deepest <= np.log(share) + 1e-6)
    small = lossy & (pair.depth <= np.log(SMALL)) & rows["ratio"].notna().to_numpy()
    told = [Known("solved"), Known("near_lowest")]
    rows["known"] = select_known([solved & (share == SOLVED), solved], told, rows["known"])
    for name in ("ratio", "low", "high"):
        rows[name] = np.where(small, rows[name].clip(1 / LARGEST, LARGEST), rows[name])
    capped = small & ~rows["ratio"].between(1 / LARGEST, LARGEST, inclusive="neither")
    return rows.assign(known=select_known([capped], [Known("both_small")], rows["known"]))


def find_bounds(missed: np.ndarray, partly: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return for each pair why its ratio is a bound: "at least", "at most", "about", or "" where it is none.

    A block whose every run misses the target counts two budgets, and may have needed more. What never reaches the
    target has no best setting that could lie at a limit.

    missed, partly: (pairs, 2) True for a side that never reaches the target, and for one that misses it in some block;
    limit: (2, pairs) True for one at a limit.
    """
    limit = limit & ~missed.T
    return name_bounds(limit[0] | partly[:, 1], limit[1] | partly[:, 0])


def name_bounds(higher: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return what ratios are that may be higher than they seem, lower, both, or neither: "at least" and so on."""
    return np.select([higher & lower, higher, lower], [ABOUT, AT_LEAST, AT_MOST], "")


def find_limits(cells: pd.DataFrame, edges: pd.DataFrame | None) -> np.ndarray:
    """Return (cells,) bool, True where the recommended setting of a cell lies at a limit of the search."""
    if edges is None or edges.empty or "optimizer" not in cells:
        return np.zeros(len(cells), dtype=bool)
    there = pd.MultiIndex.from_frame(edges[["problem", "optimizer"]])
    return pd.MultiIndex.from_frame(cells[["problem", "optimizer"]]).isin(there)


def judge_problems(logs: np.ndarray, levels: int | None = None, confidence: float = 0.95) -> pd.DataFrame:
    """Return the rows of `judge_over_problems` with the columns that `judge_differences` returns.

    logs: (pairs, problems) the logarithms of the ratios; levels: the number of levels all pairs of which are compared.
    """
    judged = judge_over_problems(logs, levels, 1 - confidence)
    with np.errstate(over="ignore"):
        ends = {to: np.exp(judged[name]) for to, name in (("ratio", "mean"), ("low", "low"), ("high", "high"))}
    few = judged["n"] < LEAST_PROBLEMS
    reason = select_known([few], [Known("few_problems", (LEAST_PROBLEMS,))])
    return judged.assign(**ends, blocks=judged["n"], blocks_needed=np.nan, reason=reason)


def find_more_trials(pairs: pd.DataFrame, untuned: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return where a, and where b, had more trials than the other; untuned: as for `compare_levels`."""
    tuned = ~(pairs["a"].isin(untuned) | pairs["b"].isin(untuned))
    more, fewer = pairs["trials_a"] > pairs["trials_b"], pairs["trials_a"] < pairs["trials_b"]
    return (more & tuned).to_numpy(), (fewer & tuned).to_numpy()


def _compare_over_problems(rows: pd.DataFrame, confidence: float, untuned: Collection[str] | None) -> pd.DataFrame:
    """Return the rows of problem "all", one for each pair; none if no pair is compared by two problems at least.

    untuned: as for `compare_levels`; None for levels that are no optimizers, whose trials do not count.
    """
    with np.errstate(divide="ignore"):
        pairs = _orient_pairs(rows).assign(log=lambda each: np.log(each["ratio"]).replace([-np.inf, np.inf], np.nan))
    several = pairs.groupby(["a", "b"])["log"].transform("count") > 1
    if not several.any():
        return rows.iloc[:0]
    pairs["log"] = pairs["log"].where(several)
    groups = pairs.groupby(["a", "b"], sort=False)
    means = groups[["probability", "failures_a", "failures_b"]].mean()
    sums = groups.agg(seeds=("seeds", "sum"), trials=("trials", "min"), trials_a=("trials_a", "min"),
                      trials_b=("trials_b", "min"))  # fmt: skip
    logs = pairs.pivot_table("log", ["a", "b"], "problem", sort=False, dropna=False)
    levels = len(pd.unique(pairs[["a", "b"]].to_numpy().ravel()))
    judged = judge_problems(logs.reindex(sums.index).to_numpy(), levels, confidence)
    table = pd.concat([sums.join(means).reset_index(), judged], axis=1)
    table["reason"] = table["reason"].mask(table["blocks"] == 0, Known("no_two_problems"))
    if untuned is not None:
        first, second = find_more_trials(pairs, untuned)
        more = pairs[["a", "b"]].assign(first=first, second=second)
        more = more.groupby(["a", "b"], sort=False).any()
        table = withhold_unequal(table, more["first"].to_numpy(), more["second"].to_numpy())
    return table.assign(problem=ALL, bound="")[list(COLUMNS)]


def _orient_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with a and b of every pair in one order on all problems, that of first appearance."""
    names = pd.unique(pd.concat([table["a"], table["b"]]))
    place = pd.Series(range(len(names)), index=names)
    turn = place[table["a"]].to_numpy() > place[table["b"]].to_numpy()
    return pd.concat([table[~turn], exchange_sides(table[turn])]).sort_index()


def exchange_sides(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs with a and b exchanged: inverse ratios, complementary probabilities, opposite verdicts."""
    return pairs.assign(
        a=pairs["b"], b=pairs["a"], ratio=1 / pairs["ratio"], low=1 / pairs["high"], high=1 / pairs["low"],
        probability=1 - pairs["probability"], trials_a=pairs["trials_b"], trials_b=pairs["trials_a"],
        failures_a=pairs["failures_b"], failures_b=pairs["failures_a"], known=flip_known(pairs["known"]),
        verdict=pairs["verdict"].replace({WINS: LOSES, LOSES: WINS}),
        bound=pairs["bound"].replace({AT_LEAST: AT_MOST, AT_MOST: AT_LEAST}),
    )  # fmt: skip
