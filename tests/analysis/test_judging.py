"""Verdicts from differences of blocks: against sums by hand, planted differences, and families of equal levels."""

import itertools

import numpy as np
import pandas as pd
import pytest
from quick import slow
from scipy import stats
from statsmodels.stats.multitest import multipletests

from optbench.analysis.judging import find_known, judge
from optbench.analysis.pair_statistics import spent_alpha
from optbench.wording.verdict_texts import say


def spread(mean, sd, n=8):
    """Return n differences with exactly this mean and standard deviation."""
    x = np.linspace(-1, 1, n)
    return mean + sd * x / x.std(ddof=1)


def differences_of(y):
    """Return y_b - y_a of all pairs, from (families, levels, blocks), and the family of each."""
    a, b = np.triu_indices(y.shape[1], 1)
    return (y[:, b] - y[:, a]).reshape(-1, y.shape[2]), np.repeat(np.arange(len(y)), len(a))


def test_intervals_and_p_of_all_pairs():
    rows = np.random.default_rng(0).normal(0.3, 1.0, (10, 8))
    rows[4, 5:] = np.nan
    table = judge(rows, levels=5)
    p = []
    for row, result in zip(rows, table.itertuples(), strict=True):
        row = row[~np.isnan(row)]
        test = stats.ttest_1samp(row, 0)
        interval = test.confidence_interval(0.95**0.1)  # ten pairs of five levels
        assert [result.low, result.high] == pytest.approx([*interval])
        assert (result.mean, result.sd, result.n) == pytest.approx((row.mean(), row.std(ddof=1), len(row)))
        p.append(test.pvalue)
    assert table["p"].tolist() == pytest.approx(p)
    assert table["p_adjusted"].tolist() == pytest.approx(multipletests(p, method="sidak")[1])


def test_other_rows_are_adjusted_by_their_number_with_two_blocks():
    rows = np.array([spread(0.5, 0.3), spread(0.1, 0.2), np.full(8, np.nan), spread(0.5, 0.3)])
    rows[3, 1:] = np.nan
    table = judge(rows)
    alone = 2 * stats.t.sf(0.5 / 0.3 * np.sqrt(8), 7)
    assert table["p_adjusted"][0] == pytest.approx(1 - (1 - alone) ** 2)
    assert table["p_adjusted"].isna().tolist() == [False, False, True, True]
    assert table["verdict"][2:].tolist() == ["open", "open"] and table["known"][2:].tolist() == [None, None]
    by_family = judge(rows, family=["x", "y", "y", "y"])
    assert by_family["p_adjusted"][0] == pytest.approx(alone)


@pytest.mark.parametrize(
    ("mean", "sd", "verdict", "known"),
    [
        (0.03, 0.01, "tie", "within 10% of each other"),  # p is tiny, and it does not matter
        (0.0, 0.02, "tie", "within 10% of each other"),
        (0.7, 0.1, "wins", ""),
        (-0.7, 0.1, "loses", ""),
        (0.1, 0.1, "open", "ahead, perhaps by less than 5%"),
        (-0.1, 0.1, "open", "behind, perhaps by less than 5%"),
        (0.05, 0.08, "open", "within 20% of each other"),
        (0.05, 0.2, "open", "within 30% of each other"),
        (0.05, 0.3, "open", "within 50% of each other"),
        (-0.05, 0.5, "open", "within a factor of 2 of each other"),
        (0.1, 3.0, "open", "too noisy to place"),
        (0.7, 1.0, "open", "at most 1.2 times worse"),
        (-0.7, 1.0, "open", "at most 1.2 times better"),
    ],
)
def test_each_verdict_and_what_is_known(mean, sd, verdict, known):
    table = judge([spread(mean, sd)])
    assert (table["verdict"][0], say(table["known"][0])) == (verdict, known)
    low, high = (float(np.exp(table[end][0])) for end in ("low", "high"))
    assert (table["p_adjusted"][0] < 0.05) == (low > 1 or high < 1)
    assert (verdict == "wins") == (low > 1.05) and (verdict == "tie") == (low >= 1 / 1.1 and high <= 1.1)


def test_the_other_side_hears_the_opposite():
    failures = pd.DataFrame(
        {"failures_a": [0.25, 0.0], "failures_a_low": [0.12, 0.0], "failures_a_high": [0.43, 0.11],
         "failures_b": [0.0, 0.0], "failures_b_low": [0.0, 0.0], "failures_b_high": [0.11, 0.11], "more": ["a", ""]}
    )  # fmt: skip
    rows = np.array([spread(0.7, 0.1), spread(0.7, 1.0)])
    turned = {name: name.replace("_b", "_A").replace("_a", "_b").replace("_A", "_a") for name in failures}
    exchanged = failures.rename(columns=turned).replace({"more": {"a": "b"}})
    table, other = judge(rows, failures=failures), judge(-rows, failures=exchanged)
    assert [*map(say, table["known"])] == ["fails in 25% [12–43] of runs", "at most 1.4 times worse"]
    assert [*map(say, other["known"])] == ["the other fails in 25% [12–43] of runs", "at most 1.4 times better"]
    assert [each.flipped() for each in table["known"]] == other["known"].tolist()
    assert list(find_known(table)) == table["known"].tolist()


@pytest.mark.parametrize(
    ("mean", "more", "verdict"),
    [(0.7, "a", "open"), (0.7, "b", "wins"), (0.7, "", "wins"), (-0.7, "a", "loses"), (-0.7, "b", "open"),
     (0.0, "a", "open"), (0.0, "b", "open"), (0.0, "", "tie")],
)  # fmt: skip
def test_who_fails_more_often_neither_wins_nor_ties(mean, more, verdict):
    shares = {f"failures_{side}{end}": [0.5] for side in "ab" for end in ("", "_low", "_high")}
    assert judge([spread(mean, 0.02)], failures=pd.DataFrame({**shares, "more": [more]}))["verdict"][0] == verdict


def test_blocks_that_agree_give_no_p_of_0():
    def of(value, n, **more):
        return judge([np.full(n, value)], **more).iloc[0]

    for n in (2, 3, 5):
        row = of(0.7, n)
        assert row["p"] == stats.binomtest(n, n).pvalue and row["verdict"] == "open"
        assert np.isinf(row["low"]) and say(row["known"]) == "too few blocks to tell"
    row = of(0.7, 6)
    assert row["p_adjusted"] == pytest.approx(2**-5)
    assert row["low"] == row["high"] == pytest.approx(0.7) and row["verdict"] == "wins"
    assert of(0.7, 8, levels=5)["p_adjusted"] == pytest.approx(1 - (1 - 2**-7) ** 10)
    assert of(0.7, 8, levels=5)["verdict"] == "open" and of(-0.7, 9, levels=5)["verdict"] == "loses"
    same = of(0.0, 2)
    assert (same["p"], same["verdict"], same["low"], same["high"]) == (1, "tie", 0, 0)
    # Rounding alone is no spread.
    rows = 0.7 + np.array([0, 1e-13, -1e-13, 5e-14])
    assert judge([rows])["p"][0] == 0.125 and judge([rows - 0.7])["verdict"][0] == "tie"


def clones(kind, families=1500, levels=5, n=24):
    """Return results without any difference between levels: normal, or skewed with a long tail of bad tunings."""
    rng = np.random.default_rng(11)
    normal = rng.standard_normal((families, levels, n))
    return {"normal": normal, "lognormal": np.exp(normal), "exponential": rng.exponential(size=normal.shape)}[kind]


@pytest.mark.parametrize(("kind", "least"), [("normal", 0.03), ("lognormal", 0.002), ("exponential", 0.005)])
def test_intervals_of_clones_hold_zero_at_once(kind, least):
    """Differences of equal levels are symmetric, however skewed those are; their long tails make t conservative."""
    rows, family = differences_of(clones(kind, n=8))
    table = judge(rows, family, levels=5)
    false = (table["p_adjusted"] < 0.05).groupby(family).any().mean()
    assert least < false <= 0.055
    assert ((table["low"] > 0) | (table["high"] < 0)).equals(table["p_adjusted"] < 0.05)


@pytest.mark.parametrize("kind", ["lognormal", slow("normal")])
def test_looking_again_and_again_tells_few_clones_apart(kind):
    y = clones(kind)
    wrong = np.zeros(len(y), dtype=bool)
    for look, n in enumerate(range(8, 25, 4), start=1):
        rows, family = differences_of(y[..., :n])
        verdict = judge(rows, family, levels=5, alpha=spent_alpha(look))["verdict"]
        wrong |= verdict.isin(["wins", "loses"]).groupby(family).any().to_numpy()
    assert wrong.mean() <= 0.05


def test_alpha_may_differ_between_pairs():
    rows = np.array([spread(0.5, 0.4)] * 2)
    table = judge(rows, alpha=[0.05, 0.001])
    assert table["verdict"].tolist() == ["wins", "open"] and table["high"][1] > table["high"][0]


def test_a_wider_family_never_narrows_an_interval():
    rows = [spread(0.5, 0.4)]
    widths = [np.ptp(judge(rows, levels=k)[["low", "high"]].to_numpy()) for k in (2, 3, 5, 9)]
    assert all(a < b for a, b in itertools.pairwise(widths))
