"""The statistics behind verdicts against SciPy, statsmodels and scikit-posthocs, and against sums by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from optbench.analysis.held_out import choice_weights
from optbench.analysis.pair_statistics import (
    adjusted_p,
    critical_values,
    mean_effects,
    signed_ranks,
    spent_alpha,
)
from optbench.analysis.sampling import Sampling


def test_means_equal_scipys():
    rows = np.random.default_rng(0).normal(0.5, 2.0, (20, 8))
    rows[3, 2:] = np.nan  # two blocks
    rows[4, 1:4] = np.nan
    effect = mean_effects(rows, 0.9)
    for place, row in enumerate(rows):
        row = row[~np.isnan(row)]
        expected = stats.ttest_1samp(row, 0.0)
        interval = expected.confidence_interval(0.9)
        got = [effect[name][place] for name in ("mean", "sd", "low", "high", "p", "n")]
        assert got == pytest.approx([row.mean(), row.std(ddof=1), *interval, expected.pvalue, len(row)], rel=1e-9)


def test_a_variance_that_blocks_share_is_added_to_that_of_the_mean():
    rows = np.random.default_rng(0).normal(0.5, 2.0, (3, 8))
    common, within = np.array([0.0, 1.0, 4.0]), rows.var(axis=1, ddof=1) / 8
    effect = mean_effects(rows, sampling=Sampling(common, np.full(3, 49.0)))
    error, freedom = np.sqrt(within + common), (within + common) ** 2 / (within**2 / 7 + common**2 / 49)
    assert effect["high"] == pytest.approx(rows.mean(axis=1) + stats.t.ppf(0.975, freedom) * error)
    assert effect["p"] == pytest.approx(2 * stats.t.sf(np.abs(rows.mean(axis=1)) / error, freedom))


def test_critical_values_are_sidaks():
    n = np.array([2, 5, 8, 100])
    np.testing.assert_allclose(critical_values(n, levels=2), stats.t.ppf(0.975, n - 1), rtol=1e-10)
    np.testing.assert_allclose(critical_values(n), stats.t.ppf(0.975, n - 1), rtol=1e-10)
    ten = stats.t.ppf((1 + 0.96**0.1) / 2, n - 1)
    np.testing.assert_allclose(critical_values(n, levels=5, alpha=0.04), ten, rtol=1e-10)
    np.testing.assert_allclose(critical_values(n[:, None], rows=[3, 10], alpha=0.04)[:, 1], ten, rtol=1e-10)
    assert np.isnan(critical_values([0, 1], levels=3)).all()


def test_adjusted_p_equals_statsmodels():
    t = np.array([0.1, -1.5, 2.5, 6.0, 40.0, np.nan])
    expected = multipletests(2 * stats.t.sf(np.abs(t[:5]), 7), method="sidak")[1]
    np.testing.assert_allclose(adjusted_p(t, 8, rows=5)[:5], expected, rtol=1e-9)
    assert np.isnan(adjusted_p(t, 8, rows=5)[5]) and np.isnan(adjusted_p(2.0, 1, levels=4))


@pytest.mark.parametrize("family", [{"levels": 5}, {"rows": 7}])
def test_p_is_below_alpha_where_t_exceeds_its_critical_value(family):
    for n, alpha in ((2, 0.05), (8, 0.04), (8, 0.005), (40, 0.0025)):
        c = critical_values(n, **family, alpha=alpha)
        p = adjusted_p(c * np.array([1 - 1e-6, 1 + 1e-6]), n, **family)
        assert p[0] > alpha > p[1] and p.mean() == pytest.approx(alpha, rel=1e-4)


def test_looks_spend_no_more_than_alpha():
    spent = [spent_alpha(look) for look in range(1, 40)]
    assert spent[:4] == pytest.approx([0.025, 0.015, 0.005, 0.0025])
    assert sum(spent) == pytest.approx(0.05) and spent_alpha(1, 0.1) == pytest.approx(0.05)


def test_few_blocks_and_blocks_that_agree():
    effect = mean_effects([[np.nan, np.nan, np.nan], [1.0, np.nan, np.nan], [0.0, 0.0, 0.0], [2.0, 2.0, 2.0]])
    assert effect["n"].tolist() == [0, 1, 3, 3]
    for name in ("sd", "low", "high", "p"):
        assert np.isnan(effect[name][:2]).all()
    assert effect["p"][2:].tolist() == [1.0, 0.0]
    assert effect["low"][2:].tolist() == effect["high"][2:].tolist() == [0.0, 2.0]


@pytest.mark.parametrize("n", [3, 6, 7, 12, 20])
def test_signed_ranks_equal_scipys(n):
    values = np.random.default_rng(n).normal(0.4, 1.0, n)
    result = signed_ranks(values)
    assert result["p"] == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)
    assert result["estimate"] == pytest.approx(np.median([(a + b) / 2 for a, b in pairs(values)]))


def pairs(values):
    return itertools.combinations_with_replacement(values, 2)


def test_signed_ranks_with_ties_and_zeros_equal_all_sign_changes():
    values = np.array([1.0, 1.0, -1.0, 2.0, 0.0, 3.0, 3.0])
    kept = values[values != 0]
    ranks = stats.rankdata(np.abs(kept))
    seen = ranks[kept > 0].sum()
    sums = [np.dot(signs, ranks) for signs in itertools.product([0, 1], repeat=len(ranks))]
    lower = min(seen, ranks.sum() - seen)
    assert signed_ranks(values)["p"] == pytest.approx(min(1, 2 * np.mean(np.array(sums) <= lower)))
    assert signed_ranks([0.0, 0.0])["p"] == 1.0 and np.isnan(signed_ranks([])["estimate"])


@pytest.mark.parametrize("n", [5, 6, 9, 15])
def test_the_interval_holds_what_the_test_does_not_refuse(n):
    values = np.random.default_rng(n).normal(1.0, 1.0, n)
    result = signed_ranks(values)
    if n == 5:  # the smallest p is 1/16
        assert (result["low"], result["high"]) == (-math.inf, math.inf)
        return
    for bound, outside in ((result["low"], -1e-6), (result["high"], 1e-6)):
        assert stats.wilcoxon(values - bound - outside, method="exact").pvalue <= 0.05
        assert stats.wilcoxon(values - bound + outside, method="exact").pvalue > 0.05


@pytest.mark.parametrize(("total", "drawn"), [(1, 1), (5, 1), (5, 3), (7, 7), (6, 9)])
def test_the_weights_of_a_choice_equal_a_count_of_all_draws(total, drawn):
    best = [min(draw) for draw in itertools.combinations(range(1, total + 1), min(drawn, total))]
    for place in range(total + 2):
        assert choice_weights(total, drawn, place) == pytest.approx(best.count(place) / len(best))
    if drawn <= total:
        place = np.arange(1, total + 1)
        formula = [math.comb(total - i, drawn - 1) / math.comb(total, drawn) for i in place]
        assert choice_weights(total, drawn, place) == pytest.approx(formula)
