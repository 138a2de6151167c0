"""A candidate against its baseline: naive twins, planted regressions, and clones."""

import itertools
import math
import re

import numpy as np
import pandas as pd
import pytest
from quick import slow
from scipy import stats
from staged import naive_choices, only, plain_table, shuffled, staged_table, verdicts, with_effects
from statsmodels.stats.multitest import multipletests
from synthetic import failure, runs_table

from optbench.analysis import folders
from optbench.analysis.folders import compare_timings, paired_times
from optbench.contract.errors import OptbenchError
from optbench.wording.verdict_texts import with_texts

FAILED = math.log(1e6)  # runs_table: the first loss is 1, the minimum 0


def compare_tables(*arguments, **keywords):
    """Return the rows of a comparison."""
    return with_texts(folders.compare_tables(*arguments, **keywords).table)


def at_once(rows, alpha=0.025):
    """Return the level of each of so many intervals that hold at once: Sidak's, for what a first look may spend."""
    return (1 - alpha) ** (1 / rows)


def staged(scale=0.0, factor=1.0, seed=0, blocks=8, speed=None, problems=("p",)):
    """Return a staged table, of which `scale` is the noise that only its own `seed` makes, on top of a common one."""
    common, own = np.random.default_rng(99).normal(size=1000), np.random.default_rng(seed)

    def value(problem, optimizer, rate, stage, block, number):
        y = abs(rate - 0.2) + common[number] + (speed or {}).get(optimizer, 0.0) + scale * own.normal()
        return y + math.log(factor)

    return staged_table(value, ("gd", "adam"), blocks=blocks, problems=problems)


def test_the_same_settings_equal_a_naive_twin():
    a, b = plain_table(), plain_table(factor={"adam": 3.0}, seed=10, seeds=7)
    found = folders.compare_tables(a, shuffled(b), above=0.05)
    table = found.table
    assert found.by == "settings" and table["problem"].tolist() == ["p", "p", "q", "q", "all"]
    p, limits = [], []
    for row in table.iloc[:4].itertuples():
        each = []
        for number in range(6):
            values = []
            for rate in (0.1, 0.2):
                sides = [
                    [r.log_tail for r in runs.itertuples()
                     if (r.problem, r.optimizer, r.lr, r.seed) == (row.problem, row.a, rate, number)]
                    for runs in (a, b)
                ]  # fmt: skip
                values.append(sides[1][0] - sides[0][0])
            each.append(sum(values) / 2)
        test = stats.ttest_1samp(each, 0.0)
        expected = np.exp([np.mean(each), *test.confidence_interval(at_once(4))])
        assert [row.ratio, row.low, row.high] == pytest.approx(expected.tolist()) and row.p == pytest.approx(
            test.pvalue
        )
        assert (row.seeds, row.blocks, row.runs, row.trials, row.identical) == (6, 6, 12, 2, 0.0)
        p.append(test.pvalue)
        limits.append(stats.ttest_1samp(each, math.log(1.05)).pvalue)
    assert table["p_adjusted"][:4].to_numpy() == pytest.approx(multipletests(p, method="sidak")[1])
    assert table["p_regression"][:4].to_numpy() == pytest.approx(multipletests(limits, method="sidak")[1])
    assert found.level == pytest.approx(0.975)


def test_tuned_sides_equal_a_naive_twin():
    a, b = staged(0.3, seed=1), staged(0.3, factor=1.2, seed=2)
    found = folders.compare_tables(a, b)
    table = found.table
    assert found.by == "tuned" and table["a"].tolist() == table["b"].tolist() == ["gd", "adam"]
    for row in table.itertuples():
        sides = []
        for runs in (a, b):
            rates = {key: rate for key, (_, rate) in naive_choices(runs, 10).items()}
            sides.append(
                {(r.block, r.seed): r.log_tail for r in runs.itertuples()
                 if r.stage == "holdout" and r.optimizer == row.a and r.lr == rates["p", row.a, r.block]}
            )  # fmt: skip
        blocks = [np.mean([sides[1][key] - sides[0][key] for key in sides[0] if key[0] == k]) for k in range(8)]
        expected = np.exp([np.mean(blocks), *stats.ttest_1samp(blocks, 0.0).confidence_interval(at_once(2))])
        assert [row.ratio, row.low, row.high] == pytest.approx(expected.tolist())
        assert (row.blocks, row.seeds, row.trials) == (8, 16, 3)


@pytest.mark.slow
def test_each_side_keeps_its_choice_whatever_is_measured():
    """A chose by test loss and B by loss; what is compared of both is the test loss."""
    runs = staged(0.3).assign(test_loss_final=lambda table: np.exp(2 * table["lr"] + 0.1 * table["seed"]))
    table = compare_tables(runs, runs, judge_by="test_loss", choose_by=("test_loss", "loss"))
    rates = {key: rate for key, (_, rate) in naive_choices(runs, 10).items()}
    for row in table.itertuples():
        expected = np.mean([2 * (rates["p", row.a, block] - 0.1) for block in range(8)])
        assert row.ratio == pytest.approx(math.exp(expected)) and expected > 0
    runs = only(runs, lambda row: row.stage != "holdout" or row.lr == rates["p", row.optimizer, row.block])
    reason = compare_tables(runs, runs, judge_by="test_loss")["reason"][0]
    assert re.match(r"\d of 8 blocks: elsewhere what was chosen did not run", reason)
    assert (compare_tables(runs, runs, judge_by="test_loss", choose_by=("loss",) * 2)["blocks"] == 8).all()


def test_two_optimizers_are_compared_as_verdicts_does_it():
    runs = staged(0.3, speed={"adam": -0.8})
    row, expected = compare_tables(runs, runs, [("gd", "adam")]).iloc[0], verdicts(runs, "loss").iloc[0]
    assert (expected["a"], row["a"], row["b"], row["verdict"], expected["verdict"]) == (
        "gd",
        "gd",
        "adam",
        "wins",
        "loses",
    )
    for name in ("ratio", "low", "high", "p", "seeds", "blocks", "trials"):
        assert row[name] == pytest.approx(expected[name])
    assert row["probability"] == pytest.approx(1 - expected["probability"])


@pytest.mark.parametrize(
    ("by", "runs"),
    [("tuned", plain_table(seeds=8)), slow("settings", staged(0.3, problems=tuple("pqrstuv")))],
    ids=["plain", "staged"],
)
def test_the_same_tables_differ_in_nothing(by, runs):
    table = compare_tables(runs, shuffled(runs), by=by, above=0.05)
    assert (table["ratio"] == 1.0).all() and (table["identical"] == 1.0).all() and (table["p"].dropna() == 1.0).all()
    rows = table[table["problem"] != "all"]
    assert (rows[["low", "high"]] == 1.0).all(axis=None) and (rows["verdict"] == "tie").all()
    assert (rows["regression"] == "ruled out").all() and (rows["probability"] == 0.5).all()
    assert "shown" not in compare_tables(runs, runs, by=by, above=0.0)["regression"].tolist()
    assert compare_tables(runs, runs, by=by)["regression"].isna().all()


@pytest.mark.parametrize("by", ["settings", slow("tuned")])
def test_a_planted_factor_of_two_is_found(by):
    """And not where the threshold is above it; the other optimizer stays out of it."""
    a = staged(0.1, seed=1, problems=tuple("pqrstu"))
    b = staged(0.1, seed=2, problems=tuple("pqrstu"))
    b.loc[b["optimizer"] == "adam", "log_tail"] += math.log(2)
    table = compare_tables(a, b, by=by, above=0.05).set_index(["problem", "b"])
    assert (table.loc[list("pqrstu")].xs("adam", level="b")["regression"] == "shown").all()
    assert table.xs("adam", level="b")["ratio"].between(1.7, 2.3).all()
    assert not (table.xs("gd", level="b")["regression"] == "shown").any()
    assert table.loc[("all", "all"), "verdict"] == table.loc[("all", "all"), "regression"] == "open"  # six problems
    over = np.log(table["ratio"].drop("all", level="problem").to_numpy().reshape(6, 2)).mean(axis=1)
    middle = np.median([(x + y) / 2 for x, y in itertools.combinations_with_replacement(over, 2)])
    assert table.loc[("all", "all"), "ratio"] == pytest.approx(math.exp(middle))
    higher = compare_tables(a, b, by=by, above=2.5)
    assert (higher["regression"][:12] == "ruled out").all()
    back = compare_tables(b, a, by=by, above=0.05).set_index(["problem", "b"])
    assert (back.xs("adam", level="b")["verdict"] == "wins").all() and (back["regression"] != "shown").all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tuned", "settings"])
def test_clones_are_seldom_told_apart(kind):
    """Sweeps in which nothing but the noise differs: 5% of their rows have p < 0.05, and with four rows each at most
    5% of them show any regression (and two standard errors of so many)."""
    names = tuple(f"p{number}" for number in range(200))
    if kind == "tuned":
        a, b = (staged(1.0, seed=number, blocks=6, problems=names) for number in (1, 2))
    else:
        a, b = (plain_table(seed=number, seeds=5, spread=1.0, problems=names) for number in (1, 2))
    table = compare_tables(a, b, by=kind, above=0.0).iloc[:-1]
    p = table["p"].to_numpy()
    assert len(p) == 400 and abs(np.mean(p < 0.05) - 0.05) < 2.5 * math.sqrt(0.05 * 0.95 / 400)
    families, worse = p.reshape(100, 4), table["ratio"].to_numpy().reshape(100, 4) > 1
    steps = np.sort(families, axis=1) * (4, 3, 2, 1)  # Holm's, by hand: statsmodels collects all garbage at every call
    rejected = np.cumprod(steps < 0.05, axis=1)
    shown = (np.take_along_axis(rejected, families.argsort(axis=1).argsort(axis=1), axis=1) * worse).any(axis=1)
    assert np.mean(shown) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 100)


@pytest.mark.slow
def test_a_regression_follows_from_the_interval():
    for limit in (0.0, 0.01, 0.05, 0.1):
        for effects in ([(0.06, 0.02), (4.08, 4.06)], [(-0.2, 0.1), (0.2, 0.1), (0.1, 0.01)], [(0.03, 0.001)] * 2):
            rows = compare_tables(*with_effects(effects), above=limit).iloc[:-1]
            assert (rows["regression"] == "shown").equals(rows["low"] > 1 + limit)
            assert (rows["regression"] == "ruled out").equals(rows["high"] <= 1 + limit)
            assert (rows.loc[rows["verdict"] == "wins", "regression"] == "ruled out").all()
            assert ((rows["p_regression"] < 0.025) == (rows["regression"] != "open")).all()
    tie = compare_tables(*with_effects([(0.03, 0.001)]), above=0.0).iloc[0]
    assert (tie["verdict"], tie["regression"]) == ("tie", "shown")  # 3% is within a tenth, and more than none


def test_rounding_is_no_difference():
    a = plain_table()
    b = a.assign(log_tail=a["log_tail"] + 1e-9)
    table = compare_tables(a, b, above=0.0)
    assert (table["ratio"] == 1.0).all() and (table["verdict"][:4] == "tie").all()
    assert (table["identical"] == 0.0).all() and (table["regression"] != "shown").all()


@pytest.mark.slow
def test_failures_count_and_those_of_both_sides_do_not():
    rows = [{"optimizer": "gd", "lr": rate, "seed": seed} for rate in (0.1, 0.2) for seed in range(4)]
    worse = [row if row["lr"] == 0.1 else failure(**row) for row in rows]
    row = compare_tables(runs_table(rows), runs_table(worse)).iloc[0]
    assert row["ratio"] == pytest.approx(math.exp((FAILED - math.log(0.5)) / 2)) and row["p"] == 2**-3
    assert (row["failures_a"], row["failures_b"]) == (0.0, 0.5)
    both = [dict(row, suboptimality_final=1.0) if row["lr"] == 0.1 else failure(**row) for row in rows]
    row = compare_tables(runs_table(worse), runs_table(both)).iloc[0]
    assert row["ratio"] == pytest.approx(2.0) and (row["failures_a"], row["failures_b"]) == (0.5, 0.5)
    row = compare_tables(runs_table([failure(**row) for row in rows]), runs_table([failure(**row) for row in rows]))
    assert row["reason"][0] == "every run failed on both sides" and row["verdict"][0] == "open"


def test_the_luck_of_the_search_tells_no_identical_runs_apart():
    """Reports on seeds in common stand with the gap to the runner-up, which is the same on both sides."""
    runs = staged_table(lambda p, name, rate, *_: abs(math.log(rate / 0.1)), blocks=4, final=4, report=24)
    table = compare_tables(runs, shuffled(runs), by="tuned", above=0.05)
    rows = table[table["problem"] != "all"]
    assert (rows["verdict"] == "tie").all() and (rows[["low", "high"]] == 1).all(axis=None)


def test_the_luck_of_the_search_is_the_same_for_a_rule_that_is_unchanged():
    """Its reports may differ in their last bits; that they are equal, while another setting is not, is not enough."""
    runs = staged_table(lambda p, name, rate, *_: abs(math.log(rate / 0.1)), blocks=4, final=4, report=24)
    report, other = runs["stage"] == "report", (runs["stage"] == "screen") & (runs["lr"] == 0.3)
    rounded = runs.assign(
        loss_final=runs["loss_final"] * (1 + 1e-15 * report), log_tail=runs["log_tail"] + 1e-9 * report
    )
    row = compare_tables(runs, rounded, by="tuned", above=0.0).iloc[0]
    assert row[["low", "high", "verdict", "regression"]].tolist() == [1, 1, "tie", "ruled out"] and row["identical"] < 1
    changed = runs.assign(log_tail=runs["log_tail"] + other)
    row = compare_tables(runs, changed, by="tuned").iloc[0]
    assert row["identical"] == 1 and row["low"] < 0.9 and row["high"] > 1.1
    fewer = rounded[~(other & (runs["block"] == 0))].reset_index(drop=True)
    assert compare_tables(runs, fewer, by="tuned")["low"][0] < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("by", ["tuned", "settings"])
def test_runs_that_differ_are_never_called_identical(by):
    """At the floor, as failures at different steps, or by a test metric alone y is the same, and the runs are not."""
    a = plain_table(seeds=8, optimizers=("gd",), problems=("p",))
    for values, changes in (
        ({"log_tail": math.log(1e-14)}, {"loss_final": 1e-17, "suboptimality_final": 1e-17, "loss_best": 1e-17}),
        ({"status": "diverged", "loss_final": np.inf, "suboptimality_final": np.inf, "loss_best": 0.5}, {"steps": 7}),
        ({}, {"test_loss_final": 0.25}),
    ):
        first = a.assign(test_loss_final=0.5).assign(**values)
        second = first.assign(**changes)
        assert (compare_tables(first, first, by=by)["identical"] == 1.0).all()
        assert (compare_tables(first, second, by=by)["identical"] == 0.0).all()
        half = second.where(second["seed"] < 4, first)
        assert 0 < compare_tables(first, half.astype(first.dtypes), by=by)["identical"][0] < 1


@pytest.mark.parametrize("by", ["tuned", slow("settings")])
def test_a_minimum_that_is_too_high_decides_nothing(by):
    a = plain_table(seeds=8, spread=0.01)
    shift = 1 + 0.01 * np.sin(17 * a["seed"])  # equal differences would say nothing of their spread
    b = a.assign(log_tail=a["log_tail"] + shift, suboptimality_final=lambda runs: runs["suboptimality_final"] * math.e)
    b = b.assign(loss_final=b["suboptimality_final"], loss_best=b["suboptimality_final"])
    assert (compare_tables(a, b, by=by, above=0.05)["regression"][:4] == "shown").all()
    b.loc[b["problem"] == "q", "loss_best"] -= 2 * b["loss_best"]
    table = compare_tables(a, b, by=by, above=0.05).set_index("problem")
    assert (table.loc["p", "regression"] == "shown").all()
    assert (table.loc["q", "verdict"] == "open").all() and (table.loc["q", "regression"] == "open").all()
    assert table.loc["q", "reason"].str.startswith("losses lie up to 2.").all() and table.loc["q", "ratio"].isna().all()
    assert table.loc["all", "blocks"] == 1


@pytest.mark.slow
def test_what_can_be_paired_is_paired():
    """A new hyperparameter with one value, another dtype, a plain side and a staged one, cut runs."""
    a = plain_table()
    assert folders.compare_tables(a, a.assign(drag=0.5)).by == "settings"
    assert (compare_tables(a, a.assign(dtype="float32"))["identical"] == 1).all()
    assert (compare_tables(a.drop(columns="log_tail"), a)["identical"] == 1).all()
    mixed = folders.compare_tables(
        only(staged(0.1), lambda row: row.stage == "screen").assign(stage="grid", block=-1), staged()
    )
    assert mixed.by == "settings" and (mixed.table["seeds"] == 8).all()
    assert folders.compare_tables(a, a.assign(lr=a["lr"] * 3)).by == "tuned"
    cut = compare_tables(a.assign(status="deadline"), a)
    assert (cut["reason"][:4] == "every run was cut by a deadline, or could not run").all()
    assert (cut["verdict"] == "open").all()
    one = compare_tables(only(a, lambda row: row.seed == 0), a)
    assert (one["reason"][:4] == "a single seed: 2 are needed").all() and one["low"][:4].isna().all()


def test_a_side_with_more_trials_neither_wins_nor_ties():
    """The ratio is that of both as tuned; a regression that unequal trials may be the reason for is not shown."""
    a, b = staged(0.1), staged(0.1)
    fewer = only(a, lambda row: row.lr != 0.3)
    table = compare_tables(fewer, b, above=0.05)
    assert (table["trials_a"] == 2).all() and (table["trials_b"] == 3).all()
    expected = compare_tables(staged(0.1), b)
    rows = table[table["problem"] != "all"]
    assert not rows["verdict"].isin(["wins", "tie"]).any() and not (rows["regression"] == "ruled out").any()
    turned = compare_tables(b, fewer, above=0.05)
    turned = turned[turned["problem"] != "all"]
    assert not turned["verdict"].isin(["loses", "tie"]).any() and not (turned["regression"] == "shown").any()
    assert np.allclose(turned["ratio"], 1 / rows["ratio"]) and (expected["verdict"] != "").all()
    one = only(a, lambda row: row.lr != 0.3 or row.optimizer != "gd")
    row, expected = compare_tables(one, one, [("gd", "adam")]).iloc[0], verdicts(one).iloc[0]
    for name in ("ratio", "low", "high", "p"):  # what it adds to the variance is in both
        assert row[name] == pytest.approx(expected[name])


def timed(runs, factor=1.0, noise=0.0, seed=0):
    """Runs whose cohorts have ids, and their timings."""
    rng = np.random.default_rng(seed)
    ids = runs["problem"] + runs["optimizer"] + runs["seed"].astype(str)
    runs = runs.assign(cohort_id=ids)
    names = list(dict.fromkeys(ids))
    seconds = factor * np.exp(noise * rng.normal(size=len(names)))
    table = {"cohort_id": names, "lanes": 2, "steps": 100, "seconds": seconds, "evaluation_seconds": seconds / 4}
    return runs, pd.DataFrame({**table, "ns_per_run_step": seconds * 50})


@pytest.mark.slow
def test_seconds_are_paired_by_cohort_and_get_no_verdict():
    """Whatever their ratio is, and however little it varies: the machine may have been slower during all of B."""
    a, b = timed(plain_table(), noise=0.3), timed(plain_table(), 8.5, noise=0.3)
    found = compare_timings(a, b)
    table = found.table
    assert table["problem"].tolist() == ["p", "p", "q", "q", "all"] and found.by == "seconds"
    assert table["ratio"].to_numpy() == pytest.approx(8.5) and (table["runs"][:4] == 6).all()
    assert (table["verdict"] == "open").all() and table[["low", "high", "p", "blocks_needed"]].isna().all(axis=None)
    assert table["reason"].str.startswith("seconds get no verdict").all()
    step = {"ratio": pytest.approx(8.5), "cohorts": 24}
    assert paired_times(a, b) == {"step": step, "evaluation": step}
    other = (b[0].assign(dtype="float32"), b[1])
    assert compare_timings(a, other).table["ratio"].to_numpy() == pytest.approx(8.5)
    longer = (b[0], b[1].assign(steps=200))
    assert paired_times(a, longer) == {}
    with pytest.raises(OptbenchError, match="no cohort in common"):
        compare_timings(a, longer)
