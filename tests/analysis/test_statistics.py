"""Intervals over seeds, expected running times and exponents: exact binomial sums, known values, failures and pairs."""

import math
import statistics as standard

import numpy as np
import pandas as pd
import pytest

from optbench.analysis import statistics
from optbench.analysis.statistics import grouped_intervals, interval_ranks, median_interval

SEEDS = np.arange(8)


def reach(steps, reached=True, **columns):
    """Return a table of costs, one run a seed, about `steps` each."""
    steps = steps * (1 + 0.01 * SEEDS)
    return pd.DataFrame({"seed": SEEDS, "steps": steps, "samples": 10 * steps, "reached": reached}).assign(**columns)


@pytest.mark.parametrize("n", [1, 2, 5, 6, 8, 9, 25, 60, 1024, 1025])
def test_ranks_are_the_smallest_symmetric_interval(n):
    low, high, coverage = interval_ranks(n, 0.95)
    assert (low, high) == (n - 1 - high, n - 1 - low)

    def exact(k):  # ranks k and n + 1 - k, from 1
        return sum(math.comb(n, j) for j in range(k, n - k + 1)) / 2**n

    assert coverage == pytest.approx(exact(low + 1), abs=1e-12)
    assert coverage >= 0.95 or low == 0
    if low + 2 <= (n + 1) // 2:
        assert exact(low + 2) < 0.95


def test_interval_of_failures_and_few_values():
    assert median_interval([2.0, np.inf, 1.0]) == (2.0, 1.0, np.inf)
    assert median_interval([1.0, np.inf]) == (np.inf, 1.0, np.inf)
    assert median_interval([7.0]) == (7.0, 7.0, 7.0) and np.isnan(median_interval([])).all()
    assert median_interval([1.5e308, 1.7e308])[0] == 1.6e308
    with pytest.raises(ValueError, match="NaN"):
        median_interval([1.0, np.nan])
    with pytest.raises(ValueError, match="confidence"):
        interval_ranks(1, confidence=1.0)


def test_grouped_intervals_equal_single_ones():
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 12, 200)
    values = rng.choice([0.0, 1.0, 2.5, np.inf], 200)
    got = grouped_intervals(values, groups, 13)
    for group in range(12):
        mine = sorted(values[groups == group].tolist())
        low, high, _ = interval_ranks(len(mine))
        assert (got[0][group], got[1][group], got[2][group]) == (standard.median(mine), mine[low], mine[high])
    assert np.isnan(got[0][12]) and got[3][12] == got[4][12] == 0


def test_expected_running_time_charges_the_failures_to_the_successes():
    assert statistics.ert([10, 20, 100], [True, True, False]) == 65
    assert statistics.ert([10], [False]) == math.inf
    low, high = statistics.ert_interval([10, 20, 100] * 4, [True, True, False] * 4)[1:]
    assert 10 < low < 65 < high


def test_ratios_are_paired_and_count_failures():
    assert statistics.ratio_interval([2.0, 20.0, 200.0], [1.0, 10.0, 100.0]) == (2, 2, 2)
    inf = math.inf
    assert statistics.ratio_interval([inf, 1.0, inf], [1.0, inf, inf]) == (1, 0, inf)


def test_the_fastest_rate_counts_failures():
    """0.1 arrives soonest, but in one run of eight."""
    often, seldom = reach(50, lr=0.3), reach(10, lr=0.1)
    seldom["reached"] = SEEDS == 0
    seldom.loc[SEEDS > 0, "samples"] = 1000
    assert statistics.fastest_rate(pd.concat([seldom, often])) == 0.3
    assert statistics.fastest_rate(pd.concat([often, often.assign(lr=0.2)])) == 0.2
    assert statistics.fastest_rate(reach(10, reached=False, lr=0.3)) == 0.3


def test_speedup_is_a_ratio_of_expected_times():
    half, lost = reach(100, reached=SEEDS % 2 == 0), reach(100, reached=False)
    assert statistics.speedup(reach(300), reach(100), "steps") == pytest.approx((3, 3, 3))
    assert statistics.speedup(half, reach(100), "samples")[0] == pytest.approx(2)
    assert statistics.speedup(lost, reach(100), "steps") == (np.inf,) * 3
    assert statistics.speedup(reach(100), lost, "steps") == (0, 0, 0)
    assert statistics.speedup(lost, lost, "steps") == (1, 1, 1)
    with pytest.raises(ValueError, match="same seeds"):
        statistics.speedup(reach(1), reach(1).iloc[1:], "steps")


def test_a_power_law_gives_its_exponent():
    x = np.array([1.0, 4.0, 16.0, 64.0])
    effect, low, high = statistics.exponent_interval(x, [3 * x**-0.5, 2 * x**-0.5])
    np.testing.assert_allclose([effect, low, high], -0.5)
    spread = statistics.exponent_interval(x, [x**-0.4, x**-0.6, x**-0.5])
    assert statistics.exponent(x, [math.inf, 1, 1, 1]) == -math.inf
    assert statistics.exponent(x, [1, 1, math.inf, math.inf]) == math.inf
    assert math.isnan(statistics.exponent(x, [math.inf, 1, 1, math.inf]))
    assert -0.61 < spread[1] < spread[0] < spread[2] < -0.39


def test_equal_numbers_have_the_exponent_zero():
    for x in ([1, 16, 256], [1, 3, 10, 30], [0.1, 0.7, 5]):
        assert [statistics.exponent(x, [y] * len(x)) for y in (0.1, 3.0, 1e-4, 1e9)] == [0.0] * 4


def test_the_bootstrap_of_a_mean_is_as_wide_as_the_normal_law_says():
    values = np.random.default_rng(0).standard_normal(400)
    effect, low, high = statistics.bootstrap_interval(values, np.mean)
    assert effect == values.mean()
    np.testing.assert_allclose([effect - low, high - effect], 1.96 * values.std() / 20, rtol=0.1)
    assert statistics.bootstrap_interval([math.inf, 1.0], np.max) == (math.inf, 1.0, math.inf)


def test_the_share_is_wilson_s():
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, and 0 of 20, method 3.
    np.testing.assert_allclose(statistics.share_interval(81, 263), (0.3080, 0.2553, 0.3662), atol=5e-5)
    np.testing.assert_allclose(statistics.share_interval(0, 20), (0, 0, 0.1611), atol=5e-5)


def test_a_crossing_lies_between_its_points():
    assert statistics.crossing([0, 10, 20], [1.0, 0.1, 0.001], 0.01) == pytest.approx(15)
    assert statistics.crossing([0, 10], [1.0, 0.0], 0.5) == 10
    assert statistics.crossing([0, 10], [1.0, 0.5], 0.1) == math.inf
