"""Verdicts and rankings against a naive twin in plain Python with SciPy, and planted tables."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from staged import naive_choices, plain_table, shuffled, staged_table
from statsmodels.stats.multitest import multipletests
from synthetic import runs_table

from optbench.analysis import ranking, verdicts

OPTIMIZERS = ("gd", "momentum", "adam")
SPEED = dict(zip(OPTIMIZERS, (0.0, 0.1, -2.0), strict=True))


def noisy(seed=0, problems=("p", "q"), speed=SPEED, blocks=6, spread=0.5, **options):
    """Optimizers whose best y lies at their speed; noise of the seed, and of the run."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=1000)

    def value(problem, optimizer, rate, stage, block, seed):
        y = speed[optimizer] + abs(rate - 0.2) + common[seed] + spread * rng.normal()
        return math.inf if rng.random() < 0.02 else y

    return staged_table(value, tuple(speed), problems=problems, blocks=blocks, **options)


def naive(runs):
    """{(problem, a, b): (differences of blocks, shares of seeds on which a is lower)}"""
    rates = {key: rate for key, (_, rate) in naive_choices(runs, 10).items()}
    worst = math.log(1e6)  # runs_table: the first loss is 1, the minimum 0
    y = {
        (row.problem, row.optimizer, row.block, row.seed): worst if math.isinf(row.log_tail) else row.log_tail
        for row in runs.itertuples()
        if row.stage == "holdout" and row.lr == rates[row.problem, row.optimizer, row.block]
    }
    result = {}
    for problem, (a, b) in itertools.product(runs["problem"].unique(), itertools.combinations(OPTIMIZERS, 2)):
        blocks = {}
        for p, optimizer, block, seed in y:
            if (p, optimizer) == (problem, a):
                blocks.setdefault(block, []).append(y[p, b, block, seed] - y[p, a, block, seed])
        flat = [each for part in blocks.values() for each in part]
        share = np.mean([1.0 if each > 0 else 0.5 if each == 0 else 0.0 for each in flat])
        result[problem, a, b] = [float(np.median(part)) for part in blocks.values()], share
    return result


def test_verdicts_equal_a_naive_twin():
    runs = noisy(holdout=3)
    expected = naive(runs)
    table = verdicts(shuffled(runs))
    assert len(table) == 9 and (table["blocks"] == [6] * 6 + [2] * 3).all() and (table["seeds"][:6] == 18).all()
    for problem in ("p", "q"):
        rows = table[table["problem"] == problem]
        p = []
        for row in rows.itertuples():
            turn = (problem, row.a, row.b) not in expected
            differences, share = expected[(problem, row.b, row.a) if turn else (problem, row.a, row.b)]
            differences, share = (-np.array(differences), 1 - share) if turn else (np.array(differences), share)
            test = stats.ttest_1samp(differences, 0.0)
            values = [np.mean(differences), *test.confidence_interval(0.95)]
            assert [row.ratio, row.low, row.high] == pytest.approx(np.exp(values).tolist())
            assert row.p == pytest.approx(test.pvalue) and row.probability == pytest.approx(share)
            p.append(test.pvalue)
        assert rows["p_adjusted"].to_numpy() == pytest.approx(multipletests(p, method="holm")[1])
    found = table[table["verdict"] != "undecided"]
    assert len(found) and {"adam"} == set(np.where(found["verdict"] == "better", found["a"], found["b"]))
    open_ = table[(table["verdict"] == "undecided") & (table["problem"] != "all")]
    assert (open_["detectable"] > 1).all() and (open_["blocks_needed"] > 2).all()


def test_a_ranking_follows_from_the_verdicts():
    runs = noisy(holdout=4)
    table = ranking(runs)
    assert table["optimizer"].tolist() == list(OPTIMIZERS) * 3
    first = table[(table["problem"] == "p")].set_index("optimizer")
    assert first["place"].to_dict() == {"gd": 2, "momentum": 2, "adam": 1} and first["first"]["adam"]
    assert first["beats"].to_dict() == {"gd": 0, "momentum": 0, "adam": 2}
    rates = {key: rate for key, (_, rate) in naive_choices(runs, 10).items()}
    y = [
        (row.block, row.seed, row.optimizer, math.log(1e6) if math.isinf(row.log_tail) else row.log_tail)
        for row in runs.itertuples()
        if row.problem == "p" and row.stage == "holdout" and row.lr == rates["p", row.optimizer, row.block]
    ]
    grid = pd.DataFrame(y, columns=["block", "seed", "optimizer", "y"])
    ranks = grid.pivot(index="seed", columns="optimizer", values="y").rank(axis=1).mean()
    assert first["mean_rank"].to_dict() == pytest.approx(ranks.to_dict())
    medians = grid.groupby(["optimizer", "block"])["y"].median().unstack().loc["adam"]
    interval = stats.ttest_1samp(medians, 0.0).confidence_interval(0.95)
    assert first.loc["adam", ["value", "low", "high"]].tolist() == pytest.approx(np.exp([medians.mean(), *interval]))
    assert (first["trials"] == 3).all() and (first["blocks"] == 6).all()


def test_over_all_problems_ranks_decide():
    """Seven problems, on all of which one optimizer is far better: the smallest p there is, 2 / 2^7."""
    runs = noisy(problems=tuple("abcdefg"), speed={"gd": 0.0, "adam": -3.0}, blocks=4)
    row = verdicts(runs).iloc[-1]
    assert row["problem"] == "all" and row["p"] == pytest.approx(2 / 2**7) and row["verdict"] == "worse"
    logs = np.log(verdicts(runs)["ratio"].to_numpy()[:7])
    assert np.log(row["ratio"]) == pytest.approx(np.median([(x + y) / 2 for x in logs for y in logs]), abs=0.1)
    over = ranking(runs).set_index(["problem", "optimizer"]).loc["all"]
    assert over["mean_rank"].to_dict() == {"gd": 2.0, "adam": 1.0} and over["first"].to_dict() == {
        "gd": False,
        "adam": True,
    }
    assert (over["critical_difference"] < 1).all() and (over["blocks"] == 7).all()
    few = verdicts(noisy(problems=("a", "b", "c"), speed={"gd": 0.0, "adam": -3.0})).iloc[-1]
    assert few["verdict"] == "undecided" and few["reason"] == "6 problems are needed" and few["high"] == math.inf


def test_equivalent_and_far_apart():
    same = staged_table(
        lambda p, optimizer, rate, stage, block, seed: rate + 0.001 * seed * (optimizer == "gd"), blocks=4
    )
    row = verdicts(same).iloc[0]
    assert row["verdict"] in ("equivalent", "better", "worse") and 1 / 1.1 < row["low"] <= row["high"] < 1.1
    equal = verdicts(staged_table(lambda p, optimizer, rate, *_: rate)).iloc[0]
    assert equal["verdict"] == "equivalent" and equal["ratio"] == 1 and equal["p"] == 1 and equal["probability"] == 0.5


def test_failures_lose_and_stay_finite():
    """An optimizer that always fails is worse, and so is one that fails in more blocks than the other."""
    always = staged_table(lambda p, optimizer, *_: math.inf if optimizer == "gd" else 0.1)
    row = verdicts(always).iloc[0]
    assert row["verdict"] == "worse" and row["ratio"] == pytest.approx(math.exp(0.1) / 1e6)
    assert ranking(always)["failures"].tolist() == [1.0, 0.0]
    often = staged_table(
        lambda p, optimizer, rate, stage, block, seed: math.inf if block < (7 if optimizer == "gd" else 1) else 0.1,
        blocks=8,
    )
    assert verdicts(often).iloc[0]["verdict"] == "worse" and ranking(often)["failures"].tolist() == [7 / 8, 1 / 8]


def test_what_cannot_be_decided_says_why():
    row = verdicts(
        runs_table(
            [
                {"lr": lr, "optimizer": name, "seed": seed}
                for lr in (1, 2)
                for name in ("gd", "adam")
                for seed in range(3)
            ]
        )
    ).iloc[0]
    assert (row["verdict"], row["blocks"]) == ("undecided", 1) and "more are needed" in row["reason"]
    cut = staged_table(lambda p, optimizer, *_: None if optimizer == "gd" else 1.0)
    assert "stopped or failed run" in verdicts(cut)["reason"][0] and verdicts(cut)["verdict"][0] == "undecided"
    unreported = staged_table(lambda *_: 1.0, holdout=0)
    assert verdicts(unreported)["reason"][0] == "no reporting seeds"
    assert verdicts(runs_table([{}])).empty and ranking(runs_table([{}]))["place"].tolist() == [1]


def grids(best, seeds=16):
    """Return two optimizers on a plain grid: gd has the rates 0.1, 0.2, 0.3, and adam has each of them four times."""
    rng = np.random.default_rng(3)
    rows = []
    for seed, (name, copies) in itertools.product(range(seeds), (("gd", 1), ("adam", 4))):
        for copy, rate in itertools.product(range(copies), (0.1, 0.2, 0.3)):
            y = {0.1: 2.0, 0.2: best[name], 0.3: 1.0}[rate] + 0.1 * rng.normal()
            rows.append({"optimizer": name, "lr": rate + copy / 1000, "seed": seed, "suboptimality_final": math.exp(y)})
    return runs_table(rows)


def test_unequal_trials_are_compared_at_equal_ones():
    """The larger side's expected best of three of its twelve, and the variance of that, by all draws."""
    row = verdicts(grids({"gd": 0.0, "adam": -0.1})).iloc[0]
    assert (row["trials"], row["trials_a"], row["trials_b"], row["blocks"]) == (3, 3, 12, 8)
    best = [min(draw) for draw in itertools.combinations([-0.1, 1.0, 2.0] * 4, 3)]
    assert math.log(row["ratio"]) == pytest.approx(np.mean(best), abs=0.1)
    error = (math.log(row["high"]) - math.log(row["low"])) / 2 / stats.t.ppf(0.975, 7)
    assert error == pytest.approx(np.std(best), rel=0.1) and row["verdict"] == "undecided"


def test_a_single_block_at_equal_trials_is_said_to_be_that_alone():
    """Three blocks of three seeds each: on the screening's nine, which all trials ran, one block is left."""
    runs = staged_table(lambda problem, optimizer, *_: {"gd": 1.0, "adam": 0.5}[optimizer], blocks=3)
    first = runs.loc[runs["optimizer"] == "gd", "lr"].min()
    fewer = verdicts(runs[(runs["optimizer"] == "adam") | (runs["lr"] == first)]).iloc[0]
    assert fewer["trials"] == 1 and fewer["blocks"] == 1 and fewer["verdict"] == "undecided"
    assert fewer["reason"] == "at equal trials there is a single block of seeds: more are needed"
    assert verdicts(runs).iloc[0][["blocks", "reason"]].tolist() == [3, ""]


def test_fewer_trials_that_win_all_the_same_stand():
    """gd with three settings, adam with twelve: ahead of all that they can do."""
    row = verdicts(grids({"gd": -1.0, "adam": 0.0})).iloc[0]
    assert (row["trials"], row["verdict"], row["blocks"]) == (0, "better", 8)
    assert math.log(row["ratio"]) == pytest.approx(1.0, abs=0.15)


def test_batch_sizes_and_schedules_are_compared_with_all_else_tuned():
    rng = np.random.default_rng(0)
    rows = []
    names = itertools.product(range(12), ("gd", "adam"), (0.1, 0.2), (16, 256), ("constant", "sqrt_step(k=1.0)"))
    for seed, name, rate, size, schedule in names:
        y = rate + (name == "gd") + 2 * (size == 256) + 0.5 * (schedule == "constant") + 0.01 * rng.normal()
        row = {"optimizer": name, "lr": rate, "seed": seed, "batch_size": size, "schedule": schedule}
        rows.append({**row, "suboptimality_final": math.exp(y), "steps": 100 if size == 16 else 10, "epochs": 10.0})
    runs = runs_table(rows)
    row = verdicts(runs, of="batch_size").iloc[0]
    assert (row["a"], row["b"], row["verdict"], row["trials"]) == ("16", "full", "better", 8)
    assert row["ratio"] == pytest.approx(math.exp(2), rel=0.05)
    row = verdicts(runs, of="schedule").iloc[0]
    assert (row["a"], row["verdict"]) == ("constant", "worse") and row["ratio"] == pytest.approx(
        math.exp(-0.5), rel=0.05
    )
    staged = runs.assign(stage="screen", block=runs["seed"])
    assert verdicts(staged, of="schedule").iloc[0]["ratio"] == pytest.approx(math.exp(-0.5), rel=0.05)
    assert ranking(runs, of="batch_size")["batch_size"].tolist() == ["16", "full"]


def test_nothing_is_decided_by_suboptimalities_from_a_minimum_that_is_too_high():
    """Of p losses lie 0.3 below it; q stands, and so does the accuracy on test data."""
    runs = plain_table({"adam": 0.01}, seeds=8, spread=0.1)
    runs["test_accuracy"] = runs["optimizer"].map({"gd": 0.5, "adam": 0.9})
    lower = runs["problem"].eq("p") & runs["seed"].eq(3)
    runs.loc[lower, "loss_best"] = runs.loc[lower, "loss_final"] - runs.loc[lower, "suboptimality_final"] - 0.3
    table = verdicts(runs).set_index("problem")
    assert table["verdict"].to_dict() == {"p": "undecided", "q": "worse"}
    assert table.loc["p", "reason"] == "losses lie up to 0.3 below the stated minimum"
    assert (
        table.loc["p", ["ratio", "low", "high", "p", "blocks_needed"]].isna().all() and table.loc["q", "reason"] == ""
    )
    places = ranking(runs).set_index(["problem", "optimizer"])["place"].to_dict()
    assert places == {("p", "gd"): 1, ("p", "adam"): 1, ("q", "gd"): 2, ("q", "adam"): 1}
    assert verdicts(runs, "test_accuracy")["verdict"].tolist()[:2] == ["worse", "worse"]
