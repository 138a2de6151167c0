"""Ranks over problems: against SciPy's bootstrap and signed ranks, and sums by hand."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import special, stats
from staged import answer_of
from synthetic import runs_table

from optbench.analysis.over_problems import (
    DRAWS,
    judge_over_problems,
    mean_ranks,
)
from optbench.wording.verdict_texts import say

RANKS = np.array([[1, 2, 3], [1, 3, 2], [2, 1, 3], [1, 2, 3], [3, 1, 2], [1, 2, 3], [1, 3, 2.0]])
LEVELS, PROBLEMS = ["adam", "gd", "sgd"], list("abcdefg")


def test_mean_ranks_and_their_bootstrap_equal_scipys():
    result = mean_ranks(RANKS)
    assert result.mean == pytest.approx(RANKS.mean(axis=0)) and result.worst.tolist() == [3, 3, 3]
    assert result.leads.tolist() == [True, False, False] and result.problems == 7
    tail = special.ndtr(np.sqrt(7 / 6) * stats.t.ppf(0.025, 6))
    expected = stats.bootstrap(
        (RANKS,), np.mean, confidence_level=1 - 2 * tail, n_resamples=DRAWS, method="percentile", rng=1
    ).confidence_interval
    assert result.low == pytest.approx(expected.low, abs=0.15)
    assert result.high == pytest.approx(expected.high, abs=0.15)
    assert result.chance.sum() == pytest.approx(1) and np.argmax(result.chance) == 0
    two = mean_ranks(np.array([[1, 2.0, 3.0], [1, 2.0, 3.0]]))
    assert np.isnan(two.low).all() and np.isnan(two.high).all(), "two problems that agree are not certainty"
    again, other = mean_ranks(RANKS), mean_ranks(RANKS, seed=1)
    assert again.low.tolist() == result.low.tolist() and other.chance.tolist() != result.chance.tolist()


@pytest.mark.slow
def test_intervals_cover_the_mean_rank_over_all_such_problems():
    rng, strength = np.random.default_rng(0), np.array([-0.8, 0.0, 0.5])

    def draw(count):
        return stats.rankdata(strength + rng.standard_normal((count, 3)), axis=1)

    truth = draw(100_000).mean(axis=0)
    results = [mean_ranks(draw(8)) for _ in range(150)]
    covered = [(result.low <= truth) & (truth <= result.high) for result in results]
    assert 0.88 < np.mean(covered) < 0.99


def test_a_problem_that_decides_who_leads_is_named():
    ranks = np.array([[1, 2, 3], [1, 2, 3], [3, 1, 2], [2, 1, 3], [1, 3, 2.0]])  # 8 beside 9 and 13
    result = mean_ranks(ranks)
    expected = {}
    for place in range(5):
        sums = np.delete(ranks, place, axis=0).sum(axis=0)
        if sums[0] > sums.min():
            expected[place] = np.flatnonzero(sums == sums.min()).tolist()
    assert result.without == expected == {4: [1]}


def test_problems_without_all_ranks_are_left_out():
    ranks = np.vstack([[np.nan, 1, 2], RANKS])
    result = mean_ranks(ranks)
    assert result.mean == pytest.approx(RANKS.mean(axis=0)) and result.problems == 7
    none = mean_ranks(ranks[:1])
    assert np.isnan(none.mean).all() and none.problems == 0 and not none.leads.any()
    decided = mean_ranks(np.vstack([[np.nan, 1, 2], [1, 2, 3], [1, 2, 3], [3, 1, 2], [2, 1, 3], [1, 3, 2.0]]))
    assert set(decided.without) == {5}  # the places of the table as it was given


def test_signed_ranks_from_twenty_problems_on_equal_scipys():
    rows = np.random.default_rng(5).normal([[0.0], [0.8], [-0.8]], 0.6, (3, 24))
    rows[:, 3] = np.nan
    table = judge_over_problems(rows, levels=3)
    p = [stats.wilcoxon(row[~np.isnan(row)], method="exact").pvalue for row in rows]
    assert table["p"].tolist() == pytest.approx(p)
    assert table["p_adjusted"].tolist() == pytest.approx([1 - (1 - each) ** 3 for each in p])
    assert table["verdict"].tolist() == ["open", "wins", "loses"] and table["n"].tolist() == [23] * 3
    assert np.all((table["low"] < table["mean"]) & (table["mean"] < table["high"]))
    # The interval holds what the test, at the level of one of three pairs, does not refuse.
    row, level = rows[1][~np.isnan(rows[1])], 1 - 0.95 ** (1 / 3)
    for shift, refused in ((-1e-6, True), (1e-6, False)):
        assert (stats.wilcoxon(row - table["low"][1] - shift, method="exact").pvalue <= level) == refused


def test_fewer_problems_are_not_tested():
    table = judge_over_problems(np.full((2, 19), 0.7) + np.linspace(0, 0.1, 19))
    assert table["verdict"].tolist() == ["open"] * 2 and table["known"].tolist() == [None] * 2
    assert table[["low", "high", "p", "p_adjusted"]].isna().all().all() and table["mean"][0] == pytest.approx(0.75)
    assert judge_over_problems(np.zeros((0, 5))).empty
    with_zeros = judge_over_problems(np.zeros((1, 30)))
    assert with_zeros["verdict"][0] == "tie" and with_zeros["p"][0] == 1


def test_clones_are_rarely_told_apart_over_problems():
    y = np.random.default_rng(8).standard_normal((60, 5, 24))
    a, b = np.triu_indices(5, 1)
    tables = [judge_over_problems(each[b] - each[a], levels=5) for each in y]
    assert np.mean([table["verdict"].isin(["wins", "loses"]).any() for table in tables]) <= 0.1


def test_pairs_that_one_problem_compares_have_a_row_over_all():
    """On p neither gd nor momentum reaches the target; adam does everywhere."""
    rows = [
        {"problem": problem, "optimizer": name, "seed": seed, "samples_to_0.5": 100.0 + seed if reaches else math.inf}
        for problem in ("p", "q")
        for seed in range(6)
        for name, reaches in (("gd", problem == "q"), ("momentum", problem == "q"), ("adam", True))
    ]
    answer = answer_of(runs_table(rows), (0, 1))
    over = answer.verdicts.query("problem == 'all'").set_index(["a", "b"])
    assert {frozenset(pair) for pair in over.index} == {*map(frozenset, combinations(("gd", "momentum", "adam"), 2))}
    lone = over.loc[("gd", "momentum")]
    assert (lone["verdict"], say(lone["reason"])) == ("open", "fewer than two problems compare them") and np.isnan(
        lone["ratio"]
    )
    assert set(over["reason"].drop(("gd", "momentum")).map(say)) == {"20 problems are needed"}
    assert sorted(answer.list_open("all")) == ["gd", "momentum"]
