"""Effects over seeds: failures, pairs, exponents, bootstrap, Wilson's interval and crossings against known values."""

import math

import numpy as np
import pytest

from optbench.analysis import statistics


def test_expected_running_time_charges_the_failures_to_the_successes():
    assert statistics.ert([10, 20, 100], [True, True, False]) == 65
    assert statistics.ert([10], [False]) == math.inf
    low, high = statistics.ert_interval([10, 20, 100] * 4, [True, True, False] * 4)[1:]
    assert 10 < low < 65 < high


def test_ratios_are_paired_and_count_failures():
    assert statistics.ratio_interval([2.0, 20.0, 200.0], [1.0, 10.0, 100.0]) == (2, 2, 2)
    inf = math.inf
    assert statistics.ratio_interval([inf, 1.0, inf], [1.0, inf, inf]) == (1, 0, inf)


def test_a_power_law_gives_its_exponent():
    x = np.array([1.0, 4.0, 16.0, 64.0])
    effect, low, high = statistics.exponent_interval(x, [3 * x**-0.5, 2 * x**-0.5])
    np.testing.assert_allclose([effect, low, high], -0.5)
    spread = statistics.exponent_interval(x, [x**-0.4, x**-0.6, x**-0.5])
    assert statistics.exponent(x, [math.inf, 1, 1, 1]) == -math.inf
    assert statistics.exponent(x, [1, 1, math.inf, math.inf]) == math.inf
    assert math.isnan(statistics.exponent(x, [math.inf, 1, 1, math.inf]))
    assert -0.61 < spread[1] < spread[0] < spread[2] < -0.39


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
