"""The statistics of pairs behind a verdict: means of blocks with t intervals, alone and for a family at once.

All work on rows: (pairs, blocks) in, (pairs,) out, NaN where a block is missing. scipy.special, which takes a while to
import, is imported when it is needed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from optbench.analysis.sampling import Sampling, join_errors

# Shares of alpha that the first two looks at a sweep spend; further ones halve the rest. Computed for five levels on 20
# to 200 seeds: at the first look intervals are 12 to 14% wider than at the whole alpha, and at the second, on twice the
# seeds, 25 to 28% narrower than at the first; 3% where the luck of the search is half of the variance. With 80% and 10%
# it is 4%, 8 to 10%, and there 23% wider, so that looking again would not pay. Intervals that hold at any time (a
# mixture of t, at its best for the first look) are 32 to 36% wider than these at the first look
PLANNED_LOOKS = (0.5, 0.3)


def mean_effects(
    differences: ArrayLike, confidence: float = 0.95, sampling: Sampling | None = None
) -> dict[str, np.ndarray]:
    """Return the mean over blocks with its t interval: mean, sd, low, high, p (two-sided, against 0), n, each (pairs,).

    sampling: a variance that all blocks of a pair share, which more blocks do not reduce (`join_errors`). With fewer
    than two blocks sd, low, high and p are NaN. Where all blocks are equal, the interval has no width but that.
    """
    rows = np.asarray(differences, dtype=np.float64)
    n = np.sum(~np.isnan(rows), axis=1)
    from scipy.special import stdtr, stdtrit

    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.nansum(rows, axis=1) / n
        sd = np.sqrt(np.nansum((rows - mean[:, None]) ** 2, axis=1) / (n - 1))
        error, freedom = join_errors(sd, n, sampling)
        t = np.where(mean == 0, 0.0, np.abs(mean) / error)
        half = stdtrit(freedom, (1 + confidence) / 2) * error
        p = np.where(n > 1, 2 * stdtr(freedom, -t), np.nan)
    sd = np.where(n > 1, sd, np.nan)
    return {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half, "p": p, "n": n}


def critical_values(
    n: ArrayLike, levels: ArrayLike | None = None, rows: ArrayLike | None = None, alpha: ArrayLike = 0.05
) -> np.ndarray:
    """Return the c by which all intervals mean +- c sd / sqrt(n) of a family hold at once, with probability 1 - alpha.

    n: the blocks of each pair. levels: the number of levels, all pairs of which are compared, or else rows: the number
    of comparisons. All broadcast. NaN where n is below 2.

    It is Sidak's t quantile. That of the studentized range (Tukey) needs one standard deviation for all pairs; with
    that of each pair it is too small: measured on equal normal levels with eight blocks, some interval excludes 0 in
    7.5% of families of five and in 12% of families of ten; with Sidak's in 4.5% of both.

    Source: Sidak 1967, Journal of the American Statistical Association 62.
    """
    from scipy.special import stdtrit

    n = np.asarray(n)
    alone = -np.expm1(np.log1p(-np.asarray(alpha, dtype=np.float64)) / count_comparisons(levels, rows))
    return np.where(n > 1, -stdtrit(np.maximum(n - 1, 1), alone / 2), np.nan)


def adjusted_p(
    t: ArrayLike, n: ArrayLike, levels: ArrayLike | None = None, rows: ArrayLike | None = None
) -> np.ndarray:
    """Return the two-sided p of t = mean sqrt(n) / sd, adjusted for all comparisons of its family.

    It is below alpha exactly where |t| exceeds `critical_values`. Arguments as there.
    """
    from scipy.special import stdtr

    n = np.asarray(n)
    p = np.where(n > 1, 2 * stdtr(np.maximum(n - 1, 1), -np.abs(np.asarray(t, dtype=np.float64))), np.nan)
    return adjust_by_sidak(p, count_comparisons(levels, rows))


def adjust_by_sidak(p: ArrayLike, rows: ArrayLike) -> np.ndarray:
    """Return p-values adjusted for families of `rows` comparisons, 1 - (1 - p)^rows, to full precision."""
    with np.errstate(divide="ignore"):
        return -np.expm1(np.asarray(rows) * np.log1p(-np.minimum(p, 1.0)))


def count_comparisons(levels: ArrayLike | None, rows: ArrayLike | None) -> np.ndarray:
    """Return the number of comparisons in a family, at least 1: all pairs of `levels`, or else `rows`."""
    if levels is not None:
        levels = np.asarray(levels)
        return np.maximum(levels * (levels - 1) // 2, 1)
    return np.maximum(1 if rows is None else rows, 1)


def spent_alpha(look: ArrayLike, alpha: float = 0.05) -> np.ndarray:
    """Return the part of alpha for the verdicts of a look, from 1: 0.025 of 0.05, 0.015, then 0.005, 0.0025, ...

    Each look after the planned ones spends half of what is left, so however often a growing sweep is looked at, the
    chance of a false verdict at any look stays within alpha.
    """
    first, second = PLANNED_LOOKS
    look = np.asarray(look, dtype=np.float64)
    return alpha * np.select([look == 1, look == 2], [first, second], (1 - first - second) / 2.0 ** (look - 2))[()]


def signed_ranks(differences: ArrayLike, confidence: float = 0.95) -> dict[str, float]:
    """Return the center of a symmetric distribution: estimate, low, high and the exact two-sided p against 0.

    The estimate is the median of the means of all pairs (Hodges & Lehmann 1963), the interval includes the values that
    the signed-rank test (Wilcoxon 1945) does not reject. Zeros are left out of p; ties share their mean rank. Where the
    sample is too small for an interval, it is infinite.

    Source: Hollander & Wolfe 1999, Nonparametric Statistical Methods, 2nd ed., sections 3.1 to 3.3.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[~np.isnan(values)]
    n = len(values)
    if n == 0:
        return {"estimate": np.nan, "low": np.nan, "high": np.nan, "p": np.nan}
    first, second = np.triu_indices(n)
    walsh = np.sort(values[first] / 2 + values[second] / 2)
    tails = np.cumsum(_find_rank_sums(tuple(range(2, 2 * n + 1, 2)))[::2])
    k = int(np.searchsorted(tails, (1 - confidence) / 2, side="right"))  # P(T < k) stays within the tail
    low, high = (walsh[k - 1], walsh[len(walsh) - k]) if k > 0 else (-np.inf, np.inf)
    return {"estimate": float(np.median(walsh)), "low": float(low), "high": float(high), "p": _test_ranks(values)}


def _test_ranks(values: np.ndarray) -> float:
    """Return the two-sided p of the signed-rank test, by the exact distribution for these ranks, ties included."""
    values = values[values != 0]
    if not len(values):
        return 1.0
    size = np.abs(values)
    ordered = np.sort(size)
    doubled = np.searchsorted(ordered, size, side="left") + np.searchsorted(ordered, size, side="right") + 1
    total = int(doubled.sum())
    below = min(int(doubled[values > 0].sum()), int(doubled[values < 0].sum()))
    share = _find_rank_sums(tuple(sorted(doubled.tolist())))
    return float(min(1.0, 2 * share[: below + 1].sum())) if 2 * below < total else 1.0


@lru_cache(maxsize=64)
def _find_rank_sums(ranks: tuple[int, ...]) -> np.ndarray:
    """Return the distribution of the sum of a random subset of `ranks`, (sum + 1,).

    Each of the whole numbers is in the subset with probability 1/2; entry k is the probability of the sum k.
    """
    share = np.zeros(sum(ranks) + 1)
    share[0] = 1.0
    for rank in ranks:
        moved = np.zeros_like(share)
        moved[rank:] = share[:-rank]
        share = (share + moved) / 2
    return share
