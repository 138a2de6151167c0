"""How many blocks an open verdict takes: from what the blocks that there are predict for further ones."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from optbench.analysis.judging import find_agreement, find_decided
from optbench.analysis.pair_statistics import adjust_by_sidak, count_comparisons, critical_values

# Probability with which the number of blocks that is named shall decide: the usual power of a plan
ASSURANCE = 0.8
# Points of the predictive distribution, which give a probability of 0.8 to 0.01
POINTS = 512
# Pairs at once: their points fit into a core's cache, which takes half the time of 20,000 pairs at once
ROWS = 64
# Ratio of neighbors among the numbers of further blocks that are tried; between them N is interpolated
STEP = 1.1


def blocks_needed(
    mean: ArrayLike,
    sd: ArrayLike,
    n: ArrayLike,
    levels: ArrayLike | None = None,
    rows: ArrayLike | None = None,
    alpha: ArrayLike = 0.005,
    most: int = 1000,
    common: ArrayLike = 0.0,
) -> np.ndarray:
    """Return the number of blocks N, above n, that decide a pair with probability 0.8, (pairs,); inf beyond `most`.

    mean, sd, n: of the differences in the n blocks that there are (`judge`). levels or rows: the family, as for
    `critical_values`. alpha: of the look at N blocks (`spent_alpha` of the next one). Decided: a tie, a win or a loss.

    The n blocks stay; N - n are predicted from them: normal, with a flat prior for the mean and the logarithm of sd.
    The mean as it was seen would promise too much, since the true one may be smaller. Where the n agree to the last
    digit, so will the N, and N is what equal signs take. NaN with fewer than two blocks. common: the variance that more
    blocks do not reduce (`Sampling`), for which no number of them may be enough.

    Simulated from 8 blocks of five levels, the N of open pairs decides 79 to 82% of them where true ratios lie between
    1 and 3, 84% where half of them are 1, 70% where most lie within 1.2, and 94 to 96% where all are 1.5 or 2.

    Source: O'Hagan, Stevens & Campbell 2005, Pharmaceutical Statistics 4, for assurance in place of power.
    """
    given = (mean, sd, n, count_comparisons(levels, rows), alpha, common)
    columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in given))
    needed = np.full(columns[0].shape, np.nan)
    known = columns[2] > 1
    mean, sd, n, many, alpha, common = (each[known] for each in columns)
    _, agreeing = find_agreement(mean, sd, n)
    agreeing &= common == 0
    parts = [slice(row, row + ROWS) for row in range(0, len(n), ROWS)]
    predicted = [
        _predict_decisions(mean[part], sd[part], n[part], many[part], alpha[part], common[part], most) for part in parts
    ]
    result = n + np.concatenate([[], *(_first_crossing(*each) for each in predicted)])
    equal = zip(n[agreeing], many[agreeing], alpha[agreeing], strict=True)
    result[agreeing] = [_count_equal_signs(*each, most) for each in equal]
    needed[known] = np.where(result <= most, result, np.inf)
    return needed


def _predict_decisions(
    mean: np.ndarray,
    sd: np.ndarray,
    n: np.ndarray,
    many: np.ndarray,
    alpha: np.ndarray,
    common: np.ndarray,
    most: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of a decision after each number of further blocks, (pairs, numbers), and the numbers."""
    from scipy.special import gammaincinv

    more = _further_blocks(most)
    spread, shift, noise, sums = _prediction_points(most)
    n, mean, squares = n[:, None], mean[:, None], ((n - 1) * sd**2)[:, None]
    counts, place = np.unique(n[:, 0], return_inverse=True)
    sigma = np.sqrt(squares / (2 * gammaincinv((counts[:, None] - 1) / 2, spread)[place]))
    truth = mean + sigma * shift / np.sqrt(n)
    chances = np.empty((len(mean), len(more)))
    for column, k in enumerate(more):
        total, further = n + k, truth + sigma * noise / np.sqrt(k)
        joint = (n * mean + k * further) / total
        joint_squares = squares + sigma**2 * sums[column] + n * k / total * (further - mean) ** 2
        c = critical_values(total[:, 0], rows=many, alpha=alpha)[:, None]
        half = c * np.sqrt(joint_squares / (total - 1) / total + common[:, None])
        chances[:, column] = np.mean(np.any(find_decided(joint - half, joint + half), axis=0), axis=1)
    return chances, more


def _first_crossing(chances: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Return the number of further blocks at which the chance first reaches `ASSURANCE`, (pairs,), inf where never.

    Between the numbers that were tried, the chance is linear in the logarithm of the number.
    """
    reached = chances >= ASSURANCE
    last = np.argmax(reached, axis=1)
    first = np.maximum(last - 1, 0)
    row = np.arange(len(chances))
    below, above = chances[row, first], chances[row, last]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(last > 0, (ASSURANCE - below) / (above - below), 0.0)
        number = np.ceil(more[first] * (more[last] / more[first]) ** share - 1e-9)
    return np.where(reached.any(axis=1), number, np.inf)


def _count_equal_signs(n: float, many: float, alpha: float, most: int) -> float:
    """Return the least number above n of blocks that agree whose p, adjusted for `many` comparisons, is below alpha."""
    numbers = np.arange(n + 1, most + 1)
    small = adjust_by_sidak(2.0 ** (1 - numbers), many) < alpha
    return float(numbers[np.argmax(small)]) if small.any() else np.inf


def _further_blocks(most: int) -> np.ndarray:
    """Return the numbers of further blocks to try, up to `most`: 1, 2, 3, ..., then in steps of a tenth."""
    powers = STEP ** np.arange(np.ceil(np.log(max(most, 2)) / np.log(STEP)) + 1)
    return np.unique(np.minimum(np.round(powers), most))


@lru_cache(maxsize=4)
def _prediction_points(most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return points of the predictive distribution: (points,) of sigma as probabilities, of the mean, of the noise.

    And (numbers, points), for each number k of further blocks, of their sum of squares: chi-square with k - 1 degrees
    of freedom. The points are those of an additive recurrence (Korobov), the same in every call.
    """
    from scipy.special import gammaincinv, ndtri

    root = 1.1673039782614187  # of x^5 = x + 1: its powers spread the points evenly in four dimensions
    points = (0.5 + np.outer(np.arange(1, POINTS + 1), root ** -np.arange(1.0, 5.0))) % 1
    freedom = _further_blocks(most)[:, None] - 1
    sums = np.where(freedom > 0, 2 * gammaincinv(np.maximum(freedom, 1) / 2, points[:, 3]), 0.0)
    return points[:, 0], ndtri(points[:, 1]), ndtri(points[:, 2]), sums
