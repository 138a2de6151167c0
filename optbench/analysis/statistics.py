"""Effects over seeds with 95% intervals, failures included. All functions return plain floats.

A run that diverged or never reached its target has an infinite cost: pass `inf`, do not leave it out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from optbench.analysis import intervals

Interval = tuple[float, float, float]
RESAMPLES = 2000
"""Resamples of a bootstrap; 50 of them lie beyond each of its quantiles at 2.5% and 97.5%."""


def median_interval(values: ArrayLike) -> Interval:
    """Return the median over seeds with its distribution-free interval (David & Nagaraja 2003, section 7.1).

    values: (seeds,), inf for a failure. Returns (median, low, high); for five seeds or fewer, low and high are the
    smallest and the largest value.
    """
    return intervals.median_interval(values)[:3]


def bootstrap_interval(values: ArrayLike, statistic: Callable[[np.ndarray], float], seed: int = 0) -> Interval:
    """Return a statistic with its percentile bootstrap interval over seeds; paired values of a seed stay together.

    values: (seeds, ...); statistic: such an array -> number (NaN for a resample without one, which is ignored).
    Returns (statistic of all, low, high); the interval is widened to include the statistic.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3.
    """
    values = np.asarray(values, dtype=np.float64)
    effect = float(statistic(values))
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(values), size=(RESAMPLES, len(values)))
    drawn = np.array([statistic(values[rows]) for rows in draws], dtype=np.float64)
    # Order statistics instead of interpolation: between two infinite values there is no number.
    low, high = np.quantile(drawn[~np.isnan(drawn)], [0.025, 0.975], method="inverted_cdf")
    return effect, min(effect, float(low)), max(effect, float(high))


def ert(costs: ArrayLike, reached: ArrayLike) -> float:
    """Return the expected running time to a target: the cost of ALL runs over the number that reached it, or inf.

    costs: (runs,) the cost of each run until it reached the target, or its whole cost; reached: (runs,) bool.

    Source: Hansen et al. 2010, COCO, section 3; Auger & Hansen 2005.
    """
    reached = np.asarray(reached, dtype=bool)
    return float(np.sum(costs) / reached.sum()) if reached.any() else float("inf")


def ert_interval(costs: ArrayLike, reached: ArrayLike, seed: int = 0) -> Interval:
    """Return `ert` with its bootstrap interval over runs."""
    pairs = np.column_stack([np.asarray(costs, dtype=np.float64), np.asarray(reached, dtype=np.float64)])
    return bootstrap_interval(pairs, lambda rows: ert(rows[:, 0], rows[:, 1] > 0), seed)


def ratio_interval(a: ArrayLike, b: ArrayLike) -> Interval:
    """Return the median over seeds of a / b, paired by seed, with its distribution-free interval.

    a, b: (seeds,) positive; inf for a failure. A failure of one makes the ratio inf or 0; of both, 1.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        ratio = np.where(np.isinf(a) & np.isinf(b), 1.0, a / b)
    return median_interval(ratio)


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

    Where y is inf, a failure, the result is the limit of the slope: inf or -inf, or NaN where failures cancel out.
    """
    log_x, log_y = (np.log(np.asarray(part, dtype=np.float64)) for part in (x, y))
    failed, log_x = np.isinf(log_y), log_x - log_x.mean()
    if failed.any():
        side = log_x[failed].sum()
        return float(np.sign(side) * np.inf) if abs(side) > 1e-12 else float("nan")
    return float(log_x @ log_y / (log_x @ log_x))


def exponent_interval(x: ArrayLike, y: ArrayLike, seed: int = 0) -> Interval:
    """Return the fitted exponent p of y ~ x^p with its bootstrap interval over seeds.

    x: (points,); y: (seeds, points), positive, inf for a failure. The median over seeds is fitted.
    """
    return bootstrap_interval(y, lambda rows: exponent(x, np.median(rows, axis=0)), seed)


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
