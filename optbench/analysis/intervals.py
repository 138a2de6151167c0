"""The median of a few seeds, with an interval that assumes nothing about their distribution."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

_EXACT = 1 << 12
"""The most values for which the coverage is computed exactly, in whole numbers."""


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
    k, covered = 1, 1.0 - 2.0 * 0.5**n
    for wider, coverage in _coverages(n):
        if coverage < confidence:
            break
        k, covered = wider, coverage
    return k - 1, n - k, covered


def _coverages(n: int) -> Iterator[tuple[int, float]]:
    """Yield k and its coverage for each k from 2 on; k = (n + 1) / 2 is the middle value, with a coverage near 0."""
    if n <= _EXACT:
        values, choices, fewer = 2**n, 1, 1
        for k in range(2, (n + 1) // 2 + 1):
            choices = choices * (n - k + 2) // (k - 1)
            fewer += choices
            yield k, max(0, values - 2 * fewer) / values
        return
    from scipy.special import bdtr  # a sixth of a second; scipy.stats has the same, and takes half a second

    for k in range(2, (n + 1) // 2 + 1):
        yield k, max(0.0, 1.0 - 2.0 * float(bdtr(k - 1, n, 0.5)))


def median_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float, float]:
    """Return the median of `values` and the distribution-free interval around it.

    values: (n,) numbers; inf stands for a failed run and sorts last. NaN is refused, as it has no place in the order.
    Returns (median, low, high, coverage); coverage is below `confidence` where n is too small (0 for n = 1).
    All but the coverage are in the unit of the values. With no values all are NaN and the coverage is 0.

    >>> median_interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    (3.5, 1.0, 6.0, 0.96875)
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    if np.isnan(values).any():
        raise ValueError("median_interval got NaN; mark failed runs with inf")
    median, low, high, coverage, _ = grouped_intervals(values, np.zeros(values.size, dtype=np.intp), 1, confidence)
    return float(median[0]), float(low[0]), float(high[0]), float(coverage[0])


def grouped_intervals(
    values: ArrayLike, groups: ArrayLike, count: int, confidence: float = 0.95
) -> tuple[np.ndarray, ...]:
    """Return `median_interval` of many groups at once.

    values: (n,) float, no NaN; groups: (n,) int in [0, count).
    Returns (median, low, high, coverage, n), each of shape (count,); NaN and coverage 0 for an empty group.
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
