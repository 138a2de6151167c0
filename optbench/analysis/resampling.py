"""The bootstrap of many groups at once, as counts: how often each seed stands in each resample."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.statistics import RESAMPLES


def resample_counts(n: int, seed: int = 0) -> np.ndarray:
    """(1 + RESAMPLES, n) how often each of n units is drawn, with replacement; the first row is all of them once.

    The resamples are those of `statistics.bootstrap_interval`, so that a sum weighted with them gives its numbers.
    """
    draws = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    flat = np.bincount((draws + n * np.arange(RESAMPLES)[:, None]).ravel(), minlength=RESAMPLES * n)
    return np.vstack([np.ones(n), flat.reshape(RESAMPLES, n)])


def units(times: pd.DataFrame) -> pd.Series:
    """What a bootstrap draws: blocks, where every run is in one, for the runs of a block share what it chose; or seeds.

    times: a table with the columns seed and, maybe, block (-1: in none).
    """
    return times["block"] if "block" in times and (times["block"] >= 0).all() else times["seed"]


def percentile_bounds(values: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What was measured, and the percentile interval, widened to hold it.

    values: (1 + RESAMPLES, ...), the first row measured; inf may stand among them, NaN not. Returns three (...).
    """
    tail = round((1 - confidence) / 2, 12)  # 0.025 and not its neighbour, which is the next order statistic
    # Order statistics instead of interpolation: between two infinite values there is no number.
    low, high = np.quantile(values[1:], [tail, 1 - tail], axis=0, method="inverted_cdf")
    return values[0], np.minimum(low, values[0]), np.maximum(high, values[0])


def expected_times(costs: np.ndarray, reached: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Expected running times of resamples: the cost of all runs over the number that reached the target; inf for none.

    costs, reached: (..., n); counts: (resamples, n). Returns (resamples, ...).

    Source: Hansen et al. 2021, COCO, Optimization Methods and Software 36(1); Auger & Hansen 2005.
    """
    spent, hits = (np.moveaxis(np.asarray(part, dtype=np.float64) @ counts.T, -1, 0) for part in (costs, reached))
    return np.divide(spent, hits, out=np.full(spent.shape, np.inf), where=hits > 0)
