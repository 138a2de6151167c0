"""The bootstrap of many groups at once, by counts of each seed in each resample."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.statistics import RESAMPLES


def resample_counts(n: int, seed: int = 0) -> np.ndarray:
    """Return how often each of n units is drawn with replacement, (1 + RESAMPLES, n); the first row is all ones.

    The resamples are those of `statistics.bootstrap_interval`, so that weighted sums give the same numbers.
    """
    draws = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    flat = np.bincount((draws + n * np.arange(RESAMPLES)[:, None]).ravel(), minlength=RESAMPLES * n)
    return np.vstack([np.ones(n), flat.reshape(RESAMPLES, n)])


def units(times: pd.DataFrame) -> pd.Series:
    """Return the unit of each run that a bootstrap draws: its block, where every run is in one, else its seed.

    Runs of a block share a chosen setting and are not independent. times: a table with the column seed and optionally
    block (-1: in none).
    """
    return times["block"] if "block" in times and (times["block"] >= 0).all() else times["seed"]


def percentile_bounds(values: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the measured values and the ends of their percentile intervals, widened to include them, (...) each.

    values: (1 + RESAMPLES, ...), the first row measured; they may be inf but not NaN.
    """
    tail = round((1 - confidence) / 2, 12)  # 0.025 and not its neighbour, which is the next order statistic
    # Order statistics instead of interpolation: between two infinite values there is no number.
    low, high = np.quantile(values[1:], [tail, 1 - tail], axis=0, method="inverted_cdf")
    return values[0], np.minimum(low, values[0]), np.maximum(high, values[0])


def expected_times(costs: np.ndarray, reached: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the expected running times of resamples: total cost over the number that reached the target, or inf.

    costs, reached: (..., n); counts: (resamples, n). Returns (resamples, ...).

    Source: Hansen et al. 2021, COCO, Optimization Methods and Software 36(1); Auger & Hansen 2005.
    """
    spent, hits = (np.moveaxis(np.asarray(part, dtype=np.float64) @ counts.T, -1, 0) for part in (costs, reached))
    return np.divide(spent, hits, out=np.full(spent.shape, np.inf), where=hits > 0)
