"""Intervals over seeds: order statistics, bootstrap, Wilson's; expected running times and fitted exponents.

A run that diverged or never reached its target has an infinite cost: pass `inf`, do not leave it out. Only the expected
running times take what it cost instead, and whether it reached its target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

Interval = tuple[float, float, float]
"""An effect with the ends of its interval: (effect, low, high)."""
RESAMPLES = 2000
"""Resamples of a bootstrap; 50 of them lie beyond each of its quantiles at 2.5% and 97.5%."""
_EXACT = 1 << 10
"""The most values for which the coverage of an interval is computed exactly, in whole numbers."""


@lru_cache(maxsize=1024)
def interval_ranks(n: int, confidence: float = 0.95) -> tuple[int, int, float]:
    """Return the ranks of the two order statistics that enclose the median of `n` independent values.

    The number of values under the median is Binomial(n, 1/2), so [x_(k), x_(n+1-k)] holds the median with
    probability 1 - 2 P(Binomial(n, 1/2) <= k - 1) for continuous distributions, and at least that with ties.
    The largest k whose coverage reaches `confidence` gives the smallest such interval. Where even k = 1 (smallest
    to largest value) does not reach it, k = 1 is returned with the coverage that it has.

    Returns (low, high, coverage), ranks counted from 0.

    Source: David & Nagaraja 2003, Order Statistics, 3rd ed., section 7.1.
    """
    if n < 1:
        raise ValueError(f"an interval needs at least one value, got n={n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    half = (n + 1) // 2
    if n <= _EXACT:
        fewer = accumulate(math.comb(n, j) for j in range(half))
        coverage = np.array([max(0, 2**n - 2 * each) / 2**n for each in fewer])
    else:
        from scipy.special import bdtr  # scipy.stats has the same, and takes half a second to import

        coverage = np.maximum(0.0, 1.0 - 2.0 * bdtr(np.arange(half), n, 0.5))
    k = max(1, int(np.sum(coverage >= confidence)))
    return k - 1, n - k, float(coverage[k - 1])


def grouped_intervals(
    values: ArrayLike, groups: ArrayLike, count: int, confidence: float = 0.95
) -> tuple[np.ndarray, ...]:
    """Return the median of each group with the distribution-free interval around it, for many groups at once.

    values: (n,) float, inf for a failed run, no NaN; groups: (n,) int in [0, count).
    Returns (median, low, high, coverage, n), each of shape (count,); NaN and coverage 0 for an empty group. The
    coverage is below `confidence` where a group is too small (0 for one value).
    """
    values, groups = np.asarray(values, dtype=np.float64), np.asarray(groups, dtype=np.intp)
    ordered = values[np.lexsort((values, groups))]
    sizes = np.bincount(groups, minlength=count)
    starts = np.cumsum(sizes) - sizes
    median, low, high = (np.full(count, np.nan) for _ in range(3))
    coverage = np.zeros(count)
    for n in np.unique(sizes[sizes > 0]):
        here = sizes == n
        first = starts[here]
        low_rank, high_rank, coverage[here] = interval_ranks(int(n), confidence)
        low[here], high[here] = ordered[first + low_rank], ordered[first + high_rank]
        # Halving before adding keeps the mean of two huge values finite.
        median[here] = ordered[first + (n - 1) // 2] / 2 + ordered[first + n // 2] / 2
    return median, low, high, coverage, sizes


def median_interval(values: ArrayLike) -> Interval:
    """Return the median over seeds with its distribution-free interval (`interval_ranks`).

    values: (seeds,), inf for a failure; NaN is refused, as it has no place in the order. Returns (median, low, high);
    for five seeds or fewer, low and high are the smallest and the largest value; all are NaN without values.

    >>> median_interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    (3.5, 1.0, 6.0)
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    if np.isnan(values).any():
        raise ValueError("median_interval got NaN; mark failed runs with inf")
    median, low, high, _, _ = grouped_intervals(values, np.zeros(values.size, dtype=np.intp), 1)
    return float(median[0]), float(low[0]), float(high[0])


def resample_counts(n: int) -> np.ndarray:
    """Return how often a bootstrap draws each of n units in each resample, (1 + RESAMPLES, n); the first row is ones.

    The resamples are those of `bootstrap_interval`, so that weighted sums give the same numbers.
    """
    draws = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    flat = np.bincount((draws + n * np.arange(RESAMPLES)[:, None]).ravel(), minlength=RESAMPLES * n)
    return np.vstack([np.ones(n), flat.reshape(RESAMPLES, n)])


def percentile_bounds(values: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (measured, low, high), (...) each: the measured values and their bootstrap percentile intervals.

    values: (1 + resamples, ...), the first row measured, one resample at least; they may be inf but not NaN. The
    intervals are widened to include the measured values.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3.
    """
    tail = round((1 - confidence) / 2, 12)  # 0.025 and not its neighbour, which is the next order statistic
    # Order statistics instead of interpolation: between two infinite values there is no number.
    low, high = np.quantile(values[1:], [tail, 1 - tail], axis=0, method="inverted_cdf")
    return values[0], np.minimum(low, values[0]), np.maximum(high, values[0])


def percentile_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Return the first of the values with the percentile interval of the others; NaN resamples are left out.

    All three are NaN where the first value is NaN, or where no resample has a value.
    """
    known = values[~np.isnan(values)]
    if np.isnan(values[0]) or len(known) < 2:
        return np.nan, np.nan, np.nan
    effect, low, high = percentile_bounds(known, confidence)
    return float(effect), float(low), float(high)


def bootstrap_interval(values: ArrayLike, statistic: Callable[[np.ndarray], float]) -> Interval:
    """Return a statistic with its percentile bootstrap interval over seeds; paired values of a seed stay together.

    values: (seeds, ...); statistic: such an array -> number (NaN for a resample without one, which is ignored).
    Returns (statistic of all, low, high); the interval is widened to include the statistic.
    """
    values = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    return percentile_interval(np.array([statistic(values), *(statistic(values[rows]) for rows in draws)], dtype=float))


def ert(costs: ArrayLike, reached: ArrayLike) -> float:
    """Return the expected running time to a target: the cost of ALL runs over the number that reached it, or inf.

    costs: (runs,) the cost of each run until it reached the target, or its whole cost; reached: (runs,) bool.

    Source: Hansen et al. 2010, COCO, section 3; Auger & Hansen 2005.
    """
    reached = np.asarray(reached, dtype=bool)
    return float(np.sum(costs) / reached.sum()) if reached.any() else float("inf")


def expected_times(costs: np.ndarray, reached: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return `ert` of many groups and resamples at once, (resamples, ...).

    costs, reached: (..., n); counts: (resamples, n), from `resample_counts`.
    """
    spent, hits = (np.moveaxis(np.asarray(part, dtype=np.float64) @ counts.T, -1, 0) for part in (costs, reached))
    return np.divide(spent, hits, out=np.full(spent.shape, np.inf), where=hits > 0)


def ert_interval(costs: ArrayLike, reached: ArrayLike) -> Interval:
    """Return `ert` with its bootstrap interval over runs. costs, reached: as for `ert`, (runs,) each."""
    pairs = np.column_stack([np.asarray(costs, dtype=np.float64), np.asarray(reached, dtype=np.float64)])
    return bootstrap_interval(pairs, lambda rows: ert(rows[:, 0], rows[:, 1] > 0))


def fastest_rate(times: pd.DataFrame) -> float:
    """Return the rate with the lowest expected samples; on ties, or if none reaches the target, the smallest.

    times: rows of `time_to_target` for one target.
    """
    each = {rate: ert(part["samples"], part["reached"]) for rate, part in times.groupby("lr")}
    return min(each, key=lambda rate: (each[rate], rate))


def speedup(slow: pd.DataFrame, fast: pd.DataFrame, clock: str) -> Interval:
    """Return the expected running time of `slow` over that of `fast`, with its bootstrap interval over paired seeds.

    slow, fast: rows of `time_to_target` for one target; clock: the column of the cost. inf where `slow` never reaches
    the target, 0 where `fast` never does, and 1 where neither does.
    """
    pair = [table.sort_values("seed") for table in (slow, fast)]
    if not np.array_equal(pair[0]["seed"], pair[1]["seed"]):
        raise ValueError("speedup: both tables need one run for each of the same seeds")
    counts = resample_counts(len(pair[0]))
    a, b = (expected_times(table[clock].to_numpy(), table["reached"].to_numpy(), counts) for table in pair)
    return percentile_interval(paired_ratios(a, b))


def paired_ratios(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Return a / b, pair by pair. A failure of one, which is inf, makes the ratio inf or 0; of both, 1."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isinf(a) & np.isinf(b), 1.0, a / b)


def ratio_interval(a: ArrayLike, b: ArrayLike) -> Interval:
    """Return the median over seeds of a / b, paired by seed, with its distribution-free interval.

    a, b: (seeds,) positive; inf for a failure, as of `paired_ratios`.
    """
    return median_interval(paired_ratios(a, b))


def share_interval(hits: int, total: int) -> Interval:
    """Return the share hits / total with its Wilson score interval, which is valid near 0 and 1, too.

    Source: Wilson 1927; Brown, Cai & DasGupta 2001, Statistical Science 16(2).
    """
    z = 1.959963984540054
    share = hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return float(share), float(max(0.0, min(share, middle - half))), float(min(1.0, max(share, middle + half)))


def exponent(x: ArrayLike, y: ArrayLike) -> float:
    """Return the least-squares slope of log y against log x: p of y ~ x^p. x, y: (points,), positive.

    Of equal numbers it is 0 exactly. Where y is inf, a failure, the result is the limit of the slope: inf or -inf, or
    NaN where failures cancel out.
    """
    log_x, log_y = (np.log(np.asarray(part, dtype=np.float64)) for part in (x, y))
    failed, log_x = np.isinf(log_y), log_x - log_x.mean()
    if failed.any():
        side = log_x[failed].sum()
        return float(np.sign(side) * np.inf) if abs(side) > 1e-12 else float("nan")
    # log_x sums to zero but for rounding, which must not become a slope.
    return float(log_x @ (log_y - log_y[0]) / (log_x @ log_x))


def exponent_interval(x: ArrayLike, y: ArrayLike) -> Interval:
    """Return the fitted exponent p of y ~ x^p with its bootstrap interval over seeds.

    x: (points,); y: (seeds, points), positive, inf for a failure. The median over seeds is fitted.
    """
    return bootstrap_interval(y, lambda rows: exponent(x, np.median(rows, axis=0)))


def crossing(x: ArrayLike, y: ArrayLike, target: float) -> float:
    """Return the x where y first falls to `target`, linear in x and log y between the points; inf if it never does.

    x: (points,), increasing; y: (points,), positive, the first one above the target. target: positive.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    under = np.flatnonzero(y <= target)
    if not len(under):
        return float("inf")
    k = under[0]
    if k == 0 or y[k] <= 0:
        return float(x[k])
    share = np.log(y[k - 1] / target) / np.log(y[k - 1] / y[k])
    return float(x[k - 1] + share * (x[k] - x[k - 1]))
