"""The verdict on a pair of levels from the differences of its blocks: wins, loses, tie or open, and what is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from optbench.analysis.failures import SHARES
from optbench.analysis.known import Known
from optbench.analysis.pair_statistics import (
    adjust_by_sidak,
    adjusted_p,
    count_comparisons,
    critical_values,
    mean_effects,
)
from optbench.analysis.sampling import Sampling, join_errors

# Ratios: within a tenth two levels are equal for every use that we know of; a win is beyond a twentieth. Choices
TIE = 1.1
MARGIN = 1.05
# Ratios within which two levels are said to lie, and the one beyond which, on both sides, nothing is known
BOUNDS = (1.1, 1.2, 1.3, 1.5, 2.0)
WIDEST = max(BOUNDS)
# Differences that agree: their spread in shares of their mean, and the logarithm by which runs that took the same
# steps may differ, for a sum in another order
AGREEMENT = 1e-9
ROUNDING = 1e-12


def judge(
    differences: ArrayLike,
    family: ArrayLike | None = None,
    levels: ArrayLike | None = None,
    alpha: ArrayLike = 0.05,
    failures: pd.DataFrame | None = None,
    sampling: Sampling | None = None,
    with_best: ArrayLike = False,
) -> pd.DataFrame:
    """Return one row for each pair with the verdict on a, from its differences y_b - y_a, (pairs, blocks).

    y: natural logarithms, lower is better, so a positive difference speaks for a; NaN where a pair lacks a block.
    family: (pairs,) the family of each, whose comparisons hold at once with probability 1 - alpha; None: all are one.
    levels: (pairs,) or one number, of the levels whose pairs make a family; None: a family is any comparisons, counted
    where they have two blocks. alpha: of the family, or (pairs,). failures: (pairs,) rows of `compare_failures`.
    sampling: what the choice of test examples adds to the variance of the mean (`join_errors`). with_best: (pairs,)
    bool, True where only the comparisons of the best level with the others shall hold at once, and these on one side:
    whoever loses to some level is then not the best (Hsu 1984), and the other levels may be.

    Returns columns mean, sd, n; low, high: the simultaneous interval (`critical_values`; logarithms, as mean is);
    p, and p_adjusted, which is below alpha exactly where the interval excludes 0; verdict; known.

    verdict, by the first that holds: "tie": the interval lies within [1/1.1, 1.1], however small p is; "wins" or
    "loses": it lies beyond 1.05; "open". A side that fails more often (`failures`, column more) neither wins nor ties;
    it may lose. known: what an open pair's interval still says (`find_known`).

    Blocks that agree to the last digit say nothing about their spread: p is that of n equal signs, 2^(1 - n), adjusted
    by Sidak, and the interval is without bounds unless that is below alpha. Where all differences are 0, both sides
    took the same steps: a tie.

    Source: Hsu 1984, Annals of Statistics 12, for multiple comparisons with the best.
    """
    rows = np.asarray(differences, dtype=np.float64)
    effect = mean_effects(rows, sampling=sampling)
    mean, sd, n, p = (effect[name] for name in ("mean", "sd", "n", "p"))
    groups = np.zeros(len(n), dtype=np.int64) if family is None else pd.factorize(np.asarray(family))[0]
    counted = np.bincount(groups, weights=n > 1, minlength=1)[groups].astype(np.int64)
    rows_at_once = np.broadcast_to(count_comparisons(levels, counted), n.shape)
    if levels is not None:  # one end of each of levels - 1 intervals, which is half of both ends
        rows_at_once = np.where(with_best, np.maximum((np.asarray(levels) - 1) / 2, 1), rows_at_once)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        error, freedom = join_errors(sd, n, sampling)
        t, count = np.where(mean == 0, 0.0, mean / error), np.where(n > 1, freedom + 1, n)
        p_adjusted = adjusted_p(t, count, rows=rows_at_once)
        half = critical_values(count, rows=rows_at_once, alpha=alpha) * error
    same, agreeing = find_agreement(mean, sd, n)
    if sampling is not None:  # blocks that agree are of one mind about these examples, but not about others
        agreeing &= sampling.variance == 0
        same &= agreeing
    signs = 2.0 ** np.minimum(1 - n, 0)
    p = np.select([same, agreeing], [1.0, signs], p)
    p_adjusted = np.select([same, agreeing], [1.0, adjust_by_sidak(signs, rows_at_once)], p_adjusted)
    half = np.select([same, agreeing], [0.0, np.where(p_adjusted < alpha, 0.0, np.inf)], half)
    table = pd.DataFrame({"mean": mean, "sd": sd, "n": n, "low": mean - half, "high": mean + half, "p": p})
    table["p_adjusted"] = p_adjusted
    decided = find_decided(mean - half, mean + half)
    table["verdict"] = np.select([*decided], ["tie", "wins", "loses"], "open")
    if failures is not None:
        table = table.assign(**{name: failures[name].to_numpy() for name in (*SHARES, "more")})
        table["verdict"] = _hold_back(table)
    return table.assign(known=find_known(table))


def find_known(table: pd.DataFrame) -> np.ndarray:
    """Return what is known of a beside b where that is not a win or a loss, (pairs,); None where it is, or nothing is.

    table: columns verdict, low, high (logarithms), and, where failures count, those of `compare_failures`. The share of
    failures comes first, if it is what a verdict was held back for.
    """
    told = table["verdict"].isin(["wins", "loses"]).to_numpy()
    found = np.full(len(table), None, dtype=object)
    ends = table["low"].to_numpy(), table["high"].to_numpy()
    for place in np.flatnonzero(~told):
        found[place] = _read_interval(ends[0][place], ends[1][place])
    if "more" in table:
        for place in np.flatnonzero(~told & (table["more"] != "").to_numpy()):
            row = table.iloc[place]
            shares = SHARES[:3] if row["more"] == "a" else SHARES[3:]
            found[place] = Known("fails", tuple(float(row[name]) for name in shares), row["more"])
    return found


def find_agreement(mean: np.ndarray, sd: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs differ by 0 in all blocks, and which by one number up to rounding, (pairs,) each."""
    agreeing = (n > 1) & (sd <= AGREEMENT * np.abs(mean) + ROUNDING)
    return agreeing & (np.abs(mean) <= ROUNDING), agreeing


def find_decided(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which intervals of logarithms are a tie, a win and a loss, each of their shape; a tie comes first."""
    tie, margin = (low >= -np.log(TIE)) & (high <= np.log(TIE)), np.log(MARGIN)
    return tie, ~tie & (low > margin), ~tie & (high < -margin)


def _hold_back(table: pd.DataFrame) -> np.ndarray:
    """Return the verdicts, (pairs,), without the wins and ties of a side that fails more often than the other."""
    verdict, more = table["verdict"].to_numpy(), table["more"].to_numpy()
    unearned = {"a": ["wins", "tie"], "b": ["loses", "tie"]}
    cases = [(more == side) & np.isin(verdict, words) for side, words in unearned.items()]
    return np.select(cases, ["open", "open"], verdict)


def _read_interval(low: float, high: float) -> Known | None:
    """Return what an interval of the logarithm of a ratio says, a leading above 0; None where there is none."""
    if np.isnan(low):
        return None
    if np.isinf(low) and np.isinf(high):
        return Known("few_blocks")
    widest = max(-low, high)
    if widest <= np.log(TIE):
        return Known("within", (TIE,))
    if low > 0 or high < 0:
        return Known("leads", (MARGIN,), "a" if low > 0 else "b")
    if low < -np.log(WIDEST) and high > np.log(WIDEST):
        return Known("noisy")
    for ratio in BOUNDS:
        if widest <= np.log(ratio):
            return Known("within", (ratio,))
    better = high <= np.log(WIDEST)
    return Known("bounded", (_round_up(np.exp(high if better else -low)),), "a" if better else "b")


def _round_up(ratio: float) -> float:
    """Return a ratio with two digits, rounded up, as a bound is."""
    digits = 10.0 ** (np.floor(np.log10(ratio)) - 1)
    return float(np.ceil(np.round(ratio / digits, 9)) * digits)
