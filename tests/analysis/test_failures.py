"""Shares of failed runs against statsmodels and SciPy, and by simulation of runs that fail together in a block."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from optbench.analysis.failures import compare_failures, failure_shares
from optbench.analysis.judging import judge
from optbench.wording.verdict_texts import say

PER_BLOCK = 4


def failing(share, correlation, cells, blocks=8, seed=0):
    """Return numbers of failed runs, (cells, blocks), whose chance varies from block to block."""
    rng = np.random.default_rng(seed)
    chance = np.full((cells, blocks), float(share))
    if correlation == 1:
        chance = (rng.random((cells, blocks)) < share).astype(float)
    elif correlation:
        scale = 1 / correlation - 1
        chance = rng.beta(share * scale, (1 - share) * scale, (cells, blocks))
    return rng.binomial(PER_BLOCK, chance)


def compared(failed_a, failed_b):
    runs = np.full(np.shape(failed_a), PER_BLOCK)
    return compare_failures(failed_a, runs, failed_b, runs)


@pytest.mark.parametrize("failed", [[1] * 8, [0] * 8, [4] * 8, [1, 0, 1, 0, 1, 0, 0, 1]])
def test_the_interval_of_runs_that_fail_alone_is_that_of_clopper_and_pearson(failed):
    result = failure_shares([failed], [[PER_BLOCK] * 8])
    expected = proportion_confint(sum(failed), 32, method="beta")
    assert (result.low[0], result.high[0]) == pytest.approx(expected) and result.share[0] == sum(failed) / 32


def test_blocks_that_fail_as_a_whole_count_as_one_run_each():
    failed = np.array([4, 4, 0, 0, 0, 0, 0, 0])
    result = failure_shares([failed], [[PER_BLOCK] * 8])
    design = (failed / 4).var(ddof=1) / 8 / (0.25 * 0.75 / 32) * (stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975)) ** 2
    assert (result.low[0], result.high[0]) == pytest.approx(proportion_confint(8 / design, 32 / design, method="beta"))
    independent = failure_shares([[1] * 8], [[PER_BLOCK] * 8])
    assert result.high[0] - result.low[0] > 1.8 * (independent.high[0] - independent.low[0])


def test_missing_blocks_and_unequal_runs():
    result = failure_shares([[1, 2, np.nan], [0, 0, 0], [1, 0, 0]], [[4, 2, np.nan], [0, 0, 0], [4, 0, 0]])
    assert result.share[[0, 2]].tolist() == [0.5, 0.25] and np.isnan([result.share[1], result.low[1]]).all()
    assert result.blocks.tolist() == [2, 0, 1] and result.runs.tolist() == [6, 0, 4]
    residuals = np.array([1 - 4 * 0.5, 2 - 2 * 0.5])
    assert result.variance[0] == pytest.approx(2 * np.sum(residuals**2) / 36)
    table = compare_failures([[1, 2]], [[4, 2]], [[np.nan, np.nan]], [[0, 0]])
    assert np.isnan(table["failures_p"][0]) and table["more"][0] == ""


def test_p_is_that_of_one_common_share_as_far_as_runs_are_independent():
    a, b = np.array([2, 1, 1, 2]), np.array([1, 0, 1, 0])
    z, _ = proportions_ztest([a.sum(), b.sum()], [16, 16])
    assert compared([a], [b])["failures_p"][0] == pytest.approx(2 * stats.t.sf(abs(z), 6))


def test_blocks_that_fail_as_a_whole_are_compared_like_single_runs():
    a, b = np.array([1, 0, 1, 1, 0, 1, 1, 1]), np.array([0, 0, 1, 0, 0, 0, 1, 0])
    z, _ = proportions_ztest([a.sum(), b.sum()], [8, 8])
    whole, single = compared([4 * a], [4 * b]), compare_failures([a], [a * 0 + 1], [b], [b * 0 + 1])
    expected = 2 * stats.t.sf(abs(z) * np.sqrt(7 / 8), 14)  # the variance of blocks has n - 1 below
    assert whole["failures_p"][0] == single["failures_p"][0] == pytest.approx(expected)


def test_who_fails_more_often_is_named():
    none, quarter = [0] * 8, [1] * 8
    table = compared([quarter, none, none, [4] * 8], [none, quarter, none, [4] * 8])
    assert table["more"].tolist() == ["a", "b", "", ""]
    assert table["failures_p"].tolist()[2:] == [1.0, 1.0]
    judged = judge(np.full((4, 8), 0.7) + np.linspace(0, 0.1, 8), failures=table)
    assert judged["verdict"].tolist() == ["open", "wins", "wins", "wins"]
    assert say(judged["known"][0]) == "fails in 25% [11–43] of runs"


@pytest.mark.parametrize("correlation", [0, 0.2, 0.5, 1])
@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.9])
def test_equal_shares_are_rarely_told_apart(share, correlation):
    a, b = (failing(share, correlation, 6000, seed=seed) for seed in (1, 2))

    assert np.mean(compared(a, b)["more"] != "") <= 0.05


def test_a_quarter_of_failures_against_none_is_found():
    found = compared(failing(0.25, 0, 2000), np.zeros((2000, 8)))["more"]
    assert np.mean(found == "a") >= 0.8
    assert np.mean(compared(np.ones((1, 8)), np.zeros((1, 8)))["more"] == "a") == 1


@pytest.mark.parametrize(("share", "correlation"), [(0.1, 0), (0.25, 0.2), (0.5, 0.5), (0.8, 0.2), (0.5, 1)])
def test_intervals_cover_the_share(share, correlation):
    failed = failing(share, correlation, 4000, seed=3)
    result = failure_shares(failed, np.full(failed.shape, PER_BLOCK))
    assert np.mean((result.low <= share) & (share <= result.high)) >= 0.94
