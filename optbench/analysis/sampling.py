"""The sampling error of a test set: how far results would move with other test examples of the same kind.

All runs of a problem are judged on the same test examples, so neither more seeds nor more blocks make this error
smaller. Runs that report have their test loss and metrics without each group of the examples (columns jackknife_*), and
a delete-a-group jackknife gives the variance of whatever is computed from them. A difference of two optimizers is
computed on the same examples for both, so that what is hard for both cancels out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.contract.columns import GROUPS, JACKKNIFE


class Sampling(NamedTuple):
    """The variance that results have by the choice of the test examples."""

    variance: np.ndarray
    """(rows,), 0 where results are not about test examples, or nothing is known."""
    freedom: np.ndarray
    """(rows,), its degrees of freedom, at least 1."""
    share: float = 0.0
    """Of the variance of what is averaged: how much of it their mean has besides, however many there are."""


def has_jackknife(runs: pd.DataFrame, column: str) -> bool:
    """Return whether some run has the values of a column without each group of test examples."""
    name = f"{JACKKNIFE}{column}"
    return name in runs and bool(runs[name].notna().any())


def is_jackknife(content: object) -> bool:
    """Return True for the bytes of a value without each group of test examples: at most GROUPS float32."""
    return isinstance(content, bytes) and len(content) % 4 == 0 and len(content) <= 4 * GROUPS


def read_jackknife(runs: pd.DataFrame, column: str) -> np.ndarray | None:
    """Return the values of a column without each group of test examples, (runs, GROUPS); None if no run has them.

    NaN for runs without them, and behind the last group where there are fewer.
    """
    if not has_jackknife(runs, column):
        return None
    values, contents = np.full((len(runs), GROUPS), np.nan), runs[f"{JACKKNIFE}{column}"].to_numpy()
    for place in np.flatnonzero(pd.notna(contents)):  # runs that tune have none
        content = contents[place]
        if is_jackknife(content):
            found = np.frombuffer(content, np.float32)
            values[place, : len(found)] = np.where(np.isfinite(found), found, np.nan)
    return values


def sampling_variance(values: np.ndarray) -> Sampling:
    """Return the variance of the mean over blocks by the choice of test examples, without what blocks show anyway.

    values: (rows, blocks, groups), the result of each block without each group; NaN where there is none. The jackknife
    of the mean over blocks also holds a share of what blocks and examples do together: how each block's runs err on
    other examples. That is in the spread of blocks as well, and is subtracted, as in an analysis of variance with two
    crossed random factors.

    Source: Efron & Stein 1981, Annals of Statistics 9, for the jackknife; Cameron, Gelbach & Miller 2011, Journal of
    Business & Economic Statistics 29, for the two factors.
    """
    there = ~np.isnan(values)
    blocks, groups = there.any(axis=2).sum(axis=1), there.any(axis=1).sum(axis=1)
    mean = np.where(there, values, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)  # (rows, groups)
    used = there.any(axis=1)
    center = np.where(used, mean, 0.0).sum(axis=1) / np.maximum(groups, 1)
    moved = np.where(used, mean - center[:, None], 0.0)
    own = np.where(there, values, 0.0).sum(axis=2) / np.maximum(there.sum(axis=2), 1)  # (rows, blocks)
    rest = np.where(there, values - own[:, :, None] - moved[:, None, :], 0.0)
    scale = (groups - 1) / np.maximum(groups, 1)
    total = scale * (moved**2).sum(axis=1)
    together = scale * (rest**2).sum(axis=(1, 2)) / np.maximum(blocks - 1, 1) / np.maximum(blocks, 1)
    variance = np.where(blocks > 1, np.maximum(total - together, 0.0), total)
    squares = (total**2 + together**2 / np.maximum(blocks - 1, 1)) / np.maximum(groups - 1, 1)
    freedom = np.divide(variance**2, squares, out=np.ones_like(variance), where=squares > 0)
    return Sampling(np.where(groups > 1, variance, 0.0), np.maximum(freedom, 1.0))


def join_errors(sd: np.ndarray, n: np.ndarray, sampling: Sampling | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the standard error of a mean over n blocks, the test examples' share included, and degrees of freedom.

    sd: (rows,) of the blocks; n: (rows,). Without sampling error it is sd / sqrt(n), with n - 1 degrees of freedom.

    Source: Satterthwaite 1946, Biometrics Bulletin 2, for the degrees of freedom of a sum of variances.
    """
    within, freedom = sd**2 / n, np.maximum(n - 1.0, 1.0)
    if sampling is None:
        return np.sqrt(within), freedom
    within += sampling.share * sd**2
    total = within + sampling.variance
    with np.errstate(divide="ignore", invalid="ignore"):
        joined = total**2 / (within**2 / freedom + sampling.variance**2 / sampling.freedom)
    return np.sqrt(total), np.where((sampling.variance > 0) & np.isfinite(joined), joined, freedom)


def widen_intervals(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, sampling: Sampling, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of intervals of logarithms, made wider by the sampling error, (rows,) each.

    values, low, high: (rows,). Source: Zou & Donner 2008, Statistics in Medicine 27: half widths add in squares.
    """
    from scipy.special import stdtrit

    half = stdtrit(sampling.freedom, (1 + confidence) / 2) * np.sqrt(sampling.variance)
    with np.errstate(invalid="ignore"):
        below, above = np.hypot(values - low, half), np.hypot(high - values, half)
        known = half > 0
        return np.where(known, values - below, low), np.where(known, values + above, high)


def fold_sampling(folds: int, rows: int) -> Sampling:
    """Return the `Sampling` of means over folds, (rows,): that of the split, which is repeated so often.

    The results of J folds, whose training rows are mostly the same, have the correlation n_test / (n_train + n_test),
    so the variance of their mean is (1/J + n_test / n_train) times theirs. A fold of examples tests, and a fifth of
    them validates. That the test rows are drawn is in the variance of the folds, each of which has other ones.

    Simulated on redrawn data sets, intervals of a loss hold in 95 to 99%, those of a ratio of losses in 98 to 100%.

    Source: Nadeau & Bengio 2003, Machine Learning 52, for the correction; Bouckaert & Frank 2004, PAKDD, for folds.
    """
    return Sampling(np.zeros(rows), np.ones(rows), 1 / (0.8 * max(folds, 2) - 1))


def sample_folds(y: np.ndarray, fold: np.ndarray, group: np.ndarray, count: int) -> Sampling:
    """Return the `Sampling` of the mean over the runs of each group, (count,) each, by the split of the data.

    y: (runs,), what is not finite is left out; fold: (runs,), from 1; group: (runs,) int in [0, count). It is the whole
    variance that folds show, with their correction.
    """
    runs = pd.DataFrame({"group": group, "fold": fold, "y": y})[np.isfinite(y)]
    means = runs.groupby(["group", "fold"])["y"].mean().groupby("group").agg(["var", "size"]).reindex(range(count))
    n = means["size"].fillna(1).to_numpy()
    folds = fold_sampling(int(fold.max(initial=0)), count)  # none, where nothing has run on fresh seeds
    error, freedom = join_errors(np.sqrt(means["var"].fillna(0).to_numpy()), n, folds)
    return Sampling(error**2, freedom)


def group_sampling(values: np.ndarray, group: np.ndarray, count: int) -> Sampling:
    """Return the `Sampling` (by the jackknife) of the mean over the runs of each group of runs, (count,) each.

    values: (runs, parts of the examples), y without each part; NaN where it is not known. group: (runs,) int in
    [0, count), the group of runs that each belongs to.
    """
    place = pd.Series(group).groupby(group).cumcount().to_numpy()
    spread = np.full((count, int(place.max(initial=-1)) + 1, values.shape[1]), np.nan)
    spread[group, place] = values
    return sampling_variance(spread)
