"""Verdicts about recommended settings: what reports on seeds in common, against sums written out here."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from staged import ranking, verdicts

from optbench.analysis import protocol
from optbench.analysis.held_out import ERROR, SEARCH, SEARCH_FREEDOM, count_report_seeds
from optbench.analysis.judging import judge
from optbench.analysis.pair_statistics import spent_alpha
from optbench.analysis.protocol import code_runs, keep_looks, select_chosen_runs
from tests.staged import staged_table

RNG = np.random.default_rng(0)
SHARED = RNG.normal(0, 0.3, 10_000)  # what a seed does to all
OWN = RNG.normal(0, 0.2, (10_000, 3, 3))
OPTIMIZERS, RATES = ("gd", "adam", "sign"), (0.1, 0.2, 0.3)
LEVEL = {"gd": 0.0, "adam": 0.5, "sign": 1.5}
GAP = {0.1: 0.3, 0.2: 0.0, 0.3: 0.1}
"""The rate 0.2 is the best of each, and 0.3 the runner-up."""


def value(problem, optimizer, rate, stage, block, seed):
    noise = OWN[seed, OPTIMIZERS.index(optimizer), RATES.index(rate)]
    return LEVEL[optimizer] + GAP[rate] + (SHARED[seed] + noise if stage == "report" else 0.0)


def table(report=12, **options):
    return staged_table(value, OPTIMIZERS, RATES, blocks=2, final=3, report=report, **options)


def values_of(runs, optimizer, rate):
    """The results of a setting on the report seeds, in order of these."""
    here = (runs["optimizer"] == optimizer) & (runs["lr"] == rate) & (runs["stage"] == "report")
    return runs[here].sort_values("seed")["log_tail"].to_numpy()


def test_a_ratio_is_that_of_recommended_settings_on_common_seeds():
    runs = table()
    rows = verdicts(runs, "loss").set_index(["a", "b"])
    gaps = {name: abs(np.mean(values_of(runs, name, 0.3) - values_of(runs, name, 0.2))) for name in OPTIMIZERS}
    usual = np.mean(list(gaps.values()))
    for (a, b), row in rows.iterrows():
        each = values_of(runs, b, 0.2) - values_of(runs, a, 0.2)
        search = SEARCH * sum((gaps[name] ** 2 + 2 * usual**2) / 3 for name in (a, b))
        within = each.var(ddof=1) / 12
        freedom = (within + search) ** 2 / (within**2 / 11 + search**2 / SEARCH_FREEDOM)
        # One end each of two comparisons with the best, at 2.5% together.
        half = stats.t.ppf(1 - 0.025 / 2, freedom) * math.sqrt(within + search)
        assert row["ratio"] == pytest.approx(math.exp(each.mean())) and row["blocks"] == 12
        assert [row["low"], row["high"]] == pytest.approx([math.exp(each.mean() - half), math.exp(each.mean() + half)])
        assert math.isnan(row["blocks_needed"])


def test_what_is_added_pays_for_its_own_pairs():
    """A third optimizer at the second look: the pair of the first stays as it was, whatever the third is like."""
    runs = table()
    before = verdicts(runs[runs["optimizer"] != "sign"].reset_index(drop=True), "loss")
    looks = {"gd": 1, "adam": 1, "sign": 2}
    runs = keep_looks(runs, {"p": {name: {"a digest": look} for name, look in looks.items()}})
    rows = verdicts(runs, "loss", look=2).set_index(["a", "b"])
    pd.testing.assert_series_equal(rows.loc["gd", "adam"], before.set_index(["a", "b"]).loc["gd", "adam"])
    gaps = {name: abs(np.mean(values_of(runs, name, 0.3) - values_of(runs, name, 0.2))) for name in OPTIMIZERS}
    usual = {"gd": (gaps["gd"] + gaps["adam"]) / 2, "sign": np.mean(list(gaps.values()))}
    each = values_of(runs, "sign", 0.2) - values_of(runs, "gd", 0.2)
    search = SEARCH * sum((gaps[name] ** 2 + 2 * usual[name] ** 2) / 3 for name in usual)
    within = each.var(ddof=1) / 12
    freedom = (within + search) ** 2 / (within**2 / 11 + search**2 / SEARCH_FREEDOM)
    half = stats.t.ppf(1 - 0.015 / 2, freedom) * math.sqrt(within + search)
    assert rows.loc[("gd", "sign"), "low"] == pytest.approx(math.exp(each.mean() - half))
    assert not verdicts(runs, "loss", of="optimizer", look=7)["low"].equals(verdicts(table(), "loss", look=7)["low"])
    unknown = keep_looks(table(), {"p": {"gd": {}}})
    pd.testing.assert_frame_equal(verdicts(unknown, "loss", look=2), verdicts(table(), "loss", look=2))


def test_ranks_say_who_may_be_best_and_divide_by_the_leader():
    rows = ranking(table(), "loss").set_index("optimizer")
    assert rows["leader"].tolist() == [True, False, False] == rows["may_be_best"].tolist()
    assert rows["state"].tolist() == ["first", "behind", "behind"]
    np.testing.assert_allclose(rows["ratio"], rows["value"] / rows["value"]["gd"])
    assert rows.loc["gd", ["ratio", "ratio_low", "ratio_high"]].tolist() == [1, 1, 1]
    assert (rows["ratio_low"] <= rows["ratio"]).all() and (rows["ratio_high"] >= rows["ratio"]).all()


def test_clones_may_all_be_best():
    def clone(*given):
        return value(*given) - LEVEL[given[1]]

    rows = ranking(staged_table(clone, OPTIMIZERS, RATES, final=3, report=40), "loss")
    assert rows["may_be_best"].all() and rows["leader"].sum() == 1


@pytest.mark.parametrize("lacking", ["all", "the runner-up", "seeds"])
def test_without_enough_reports_blocks_are_judged(lacking):
    runs = table(report=protocol.LEAST_REPORTS - 1 if lacking == "seeds" else 12)
    if lacking != "seeds":
        reports = (runs["stage"] == "report") & ((runs["lr"] == 0.3) | (lacking == "all")) & (runs["optimizer"] == "gd")
        runs = runs[~reports].reset_index(drop=True)
    assert (verdicts(runs, "loss")["blocks"] == 2).all()
    assert not code_runs(runs).reported_in_common.any()


def test_costs_are_those_of_what_is_judged():
    chosen = select_chosen_runs(table(), "loss")
    assert set(chosen["lr"]) == {0.2} and len(chosen) == 3 * 12 and chosen["block"].nunique() == 12
    assert set(chosen["stage"]) == {"holdout"}


def test_seeds_report_until_the_difference_to_the_leader_is_known_well_enough():
    runs = table(report=100)
    spread = [np.var(values_of(runs, name, 0.2) - values_of(runs, "gd", 0.2), ddof=1) for name in OPTIMIZERS[1:]]
    assert count_report_seeds(code_runs(runs)) == {"p": math.ceil(max(spread) / ERROR**2)}
    assert count_report_seeds(code_runs(table(report=3))) == {"p": 0}


def test_comparisons_with_the_best_find_it_in_a_set_that_holds_it():
    """Five levels, one of them better by a standard error and a half: the best is excluded in at most 5% of cases."""
    rng, count = np.random.default_rng(1), 400
    y = rng.normal(0, 1, (count, 5, 20)) + np.array([0.0, 0.3, 0.3, 0.6, 1.0])[:, None]
    a, b = np.triu_indices(5, 1)
    rows = judge((y[:, b] - y[:, a]).reshape(-1, 20), np.repeat(np.arange(count), 10), 5, 0.025, with_best=True)
    loses = rows["verdict"].to_numpy().reshape(count, 10) == "loses"
    assert loses[:, a == 0].any(axis=1).mean() <= 0.05
    wide = judge((y[:, b] - y[:, a]).reshape(-1, 20), np.repeat(np.arange(count), 10), 5, 0.025)
    assert ((rows["verdict"] == "wins").sum() > (wide["verdict"] == "wins").sum()) and (
        rows["high"] < wide["high"]
    ).all()


def test_looking_again_at_more_seeds_leaves_the_best_in_the_set():
    """Four looks at twice the seeds each: of five equal levels the best loses at some in at most 5%, and in some."""
    rng, count, lost = np.random.default_rng(2), 1000, []
    y = rng.normal(0, 1, (count, 5, 160))
    for look, seeds in enumerate((20, 40, 80, 160), 1):
        part = (y[:, 1:, :seeds] - y[:, :1, :seeds]).reshape(-1, seeds)
        rows = judge(part, np.repeat(np.arange(count), 4), 5, spent_alpha(look), with_best=True)
        lost.append((rows["high"] < 0).to_numpy().reshape(count, 4).any(axis=1))
    assert 0.01 <= np.mean(np.any(lost, axis=0)) <= 0.05 and np.mean(lost[0]) < np.mean(np.any(lost, axis=0))


def with_targets(runs, stated, reached):
    """Runs that reach each share of `reached`, on all seeds, on a problem that states a target."""
    columns = {f"samples_to_{share:g}": np.where(share in reached, 10.0, np.inf) for share in (0.1, 0.01, 1e-4)}
    return runs.assign(target=stated, **columns)


@pytest.mark.parametrize(
    ("stated", "reached", "target"),
    [(0.01, (0.1, 0.01, 1e-4), 0.01), (1e-4, (0.1, 0.01), 0.01), (np.nan, (0.1, 0.01), 0.01), (0.1, (), np.nan)],
)
def test_a_stated_target_stands_where_it_is_reached(stated, reached, target):
    found = protocol.find_targets(with_targets(table(), stated, reached))
    pd.testing.assert_series_equal(found, pd.Series([target], index=["p"]), check_names=False)
