"""Blocks needed: by simulation of sweeps that are extended to them, and the power of verdicts as they are printed."""

import numpy as np
import pytest
from scipy import stats

from optbench.analysis.judging import judge
from optbench.analysis.pair_statistics import spent_alpha
from optbench.analysis.power import blocks_needed

FIRST, NEXT = spent_alpha(1), spent_alpha(2)


def open_pairs(mean, sd, levels=5, seed=0, most=1000):
    """Return the differences (pairs, most) of pairs that are open after 8 blocks, and the blocks that these need."""
    rows = mean[:, None] + sd[:, None] * np.random.default_rng(seed).standard_normal((len(mean), most))
    table = judge(rows[:, :8], np.arange(len(rows)), levels, FIRST)
    needed = blocks_needed(table["mean"], table["sd"], table["n"], levels=levels, alpha=NEXT, most=most)
    left = (table["verdict"] == "open").to_numpy()
    return rows[left], needed[left]


def share_decided(rows, needed, levels=5):
    """Return how many of the pairs with a finite number are decided after so many blocks."""
    finite = np.isfinite(needed)
    blocks = np.where(np.arange(rows.shape[1]) < needed[finite, None], rows[finite], np.nan)
    verdict = judge(blocks, np.arange(len(blocks)), levels, NEXT)["verdict"]
    return np.mean(verdict != "open")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ratios", "sd"), [((1.0, 3.0), 0.2), ((1.0, 3.0), 0.3), ((1.0, 3.0), 0.5), ((0.5, 2.0), 0.3), ((0.2, 5.0), 1.0)]
)
def test_the_blocks_that_are_named_decide_four_of_five(ratios, sd):
    rng = np.random.default_rng(7)
    mean = rng.uniform(*np.log(ratios), 1500)
    rows, needed = open_pairs(mean, sd * np.exp(0.5 * rng.standard_normal(1500)))
    assert np.all(needed > 8) and np.isfinite(needed).mean() > 0.5
    assert 0.72 < share_decided(rows, needed) < 0.88


def test_the_blocks_that_are_named_decide_most_equal_pairs():
    rows, needed = open_pairs(np.zeros(1000), np.full(1000, 0.1))
    assert share_decided(rows, needed) > 0.8


def test_the_number_has_the_chance_that_plain_simulation_gives_it():
    """Further blocks are drawn one by one, from means and spreads that the blocks so far leave possible."""
    mean, sd, n, draws = 0.3, 0.4, 8, 4000
    needed = int(blocks_needed(mean, sd, n, levels=3, alpha=0.01)[0])
    rng = np.random.default_rng(0)
    so_far = mean + sd * stats.zscore(rng.standard_normal(n), ddof=1)
    sigma = sd * np.sqrt((n - 1) / rng.chisquare(n - 1, draws))
    truth = mean + sigma * rng.standard_normal(draws) / np.sqrt(n)
    new = truth[:, None] + sigma[:, None] * rng.standard_normal((draws, needed - n))
    rows = np.hstack([np.tile(so_far, (draws, 1)), new])
    decided = {}
    for blocks in (needed, int(0.8 * needed)):
        verdict = judge(rows[:, :blocks], np.arange(draws), levels=3, alpha=0.01)["verdict"]
        decided[blocks] = np.mean(verdict != "open")
    assert decided[needed] == pytest.approx(0.8, abs=0.02) and decided[int(0.8 * needed)] < 0.78


@pytest.mark.parametrize("above", [0.05, 0.5])
def test_the_blocks_that_are_named_show_or_rule_out_a_regression(above):
    rng, limit = np.random.default_rng(3), np.log1p(above)
    rows = rng.uniform(-1, 1, (1000, 1)) + 0.4 * rng.standard_normal((1000, 1000))

    def judge_open(rows, alpha):
        table = judge(rows, np.arange(len(rows)), 2, alpha)
        return table[((table["low"] <= limit) & (table["high"] > limit))]

    table = judge_open(rows[:, :8], FIRST)
    needed = blocks_needed(table["mean"], table["sd"], table["n"], levels=2, alpha=NEXT, above=above)
    finite = np.isfinite(needed)
    blocks = np.where(np.arange(1000) < needed[finite, None], rows[table.index[finite]], np.nan)
    assert finite.mean() > 0.8 and 0.72 < 1 - len(judge_open(blocks, NEXT)) / len(blocks) < 0.88


def test_it_is_beyond_reach_or_close():
    assert np.isinf(blocks_needed(0.0, 3.0, 8, levels=5)[0])
    assert blocks_needed(np.log(1.07), 0.001, 8, levels=5)[0] == 9
    few, many = blocks_needed([1.0, 0.3], [0.5, 0.5], [8, 8], levels=5)
    assert 8 < few < many
    assert blocks_needed(0.3, 0.5, 8, levels=5)[0] > blocks_needed(0.3, 0.5, 8, levels=2)[0]
    assert np.isnan(blocks_needed([0.3, 0.3], [np.nan, np.nan], [0, 1], levels=5)).all()
    assert blocks_needed(np.ones(0), np.ones(0), np.ones(0), levels=5).shape == (0,)
    assert blocks_needed(0.3, 0.5, 8, levels=5, most=20)[0] == np.inf


@pytest.mark.parametrize(("levels", "alpha"), [(2, 0.05), (5, 0.005)])
def test_blocks_that_agree_need_as_many_as_equal_signs_take(levels, alpha):
    needed = int(blocks_needed(0.7, 0.0, 2, levels=levels, alpha=alpha)[0])
    verdicts = [judge([np.full(n, 0.7)], levels=levels, alpha=alpha)["verdict"][0] for n in (needed - 1, needed)]
    assert verdicts == ["open", "wins"]


def test_more_pairs_at_once_change_no_number():
    rng = np.random.default_rng(3)
    mean, sd, n = rng.normal(0, 0.5, 30), rng.uniform(0.1, 1, 30), rng.integers(2, 20, 30)
    together = blocks_needed(mean, sd, n, levels=4)
    assert together.tolist() == [blocks_needed(*each, levels=4)[0] for each in zip(mean, sd, n, strict=True)]
    assert blocks_needed(-mean, sd, n, levels=4) == pytest.approx(together, rel=0.15)


@pytest.mark.parametrize(
    ("ratio", "sd", "first", "second"),
    [(2.0, 0.2, 0.99, 0.99), (2.0, 0.3, 0.8, 0.99), (2.0, 0.5, 0.25, 0.8), (1.5, 0.2, 0.6, 0.99), (1.5, 0.3, 0.2, 0.7)],
)
def test_the_power_of_a_verdict_among_five_levels(ratio, sd, first, second):
    """sd: that of the differences of a pair; first, second: the least share at 8 blocks, and looked at again at 16."""
    rows = np.log(ratio) + sd * np.random.default_rng(1).standard_normal((3000, 16))
    for n, alpha, least in ((8, FIRST, first), (16, NEXT, second)):
        verdict = judge(rows[:, :n], np.arange(3000), levels=5, alpha=alpha)["verdict"]
        assert least <= np.mean(verdict == "wins") <= least + 0.2 and not np.any(verdict == "loses")
