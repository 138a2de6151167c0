"""The protocol's choices against a naive twin in plain Python, what must never enter one, and the runs behind them."""

import math

import numpy as np
import pandas as pd
import pytest
from quick import slow
from staged import (
    FAILED,
    SAMPLES,
    add_times,
    naive_choices,
    naive_targets,
    only,
    shuffled,
    sorted_rows,
    staged_table,
    time_of,
    verdicts,
)
from synthetic import failure, runs_table

from optbench.analysis import (
    best_configurations,
    choose_settings,
    recommend_settings,
    select_chosen_runs,
    select_finalists,
    tail_values,
)
from optbench.analysis.protocol import find_targets
from optbench.contract.columns import TARGETS, target_column


def noisy(rates=12, ties=False, seed=0):
    rng = np.random.default_rng(seed)

    def value(*_):
        y = float(rng.normal())
        return math.inf if rng.random() < 0.1 else round(2 * y) / 2 if ties else y

    return staged_table(value, rates=tuple(np.arange(1, rates + 1) / 10), blocks=3, screen=2, problems=("p", "q"))


@pytest.mark.parametrize("ties", [False, slow(True)])
def test_choices_equal_a_naive_twin(ties):
    runs = noisy(ties=ties)
    expected = naive_choices(runs, 4)
    raced = {(*name, rate) for name, (rates, _) in expected.items() for rate in rates}
    runs = only(runs, lambda row: row.stage != "race" or (row.problem, row.optimizer, row.block, row.lr) in raced)
    for table in (runs, shuffled(runs)):
        first, last = select_finalists(table, count=4), choose_settings(table)
        assert (first["trials"] == 12).all() and (first["left_out"] == 0).all() and (last["trials"] == 12).all()
        names = ["problem", "optimizer", "block"]
        assert {key: part["lr"].tolist() for key, part in first.groupby(names)} == {
            k: v[0] for k, v in expected.items()
        }
        assert last.set_index(names)["lr"].to_dict() == {key: pair[1] for key, pair in expected.items()}
    assert (first["n"] == 2).all() and (last["n"] == 4).all() and first["place"].tolist() == [1, 2, 3, 4] * 12


@pytest.mark.parametrize("function", [select_finalists, choose_settings, recommend_settings])
def test_the_order_of_rows_is_of_no_matter(function):
    runs = noisy(ties=True)
    a, b = (sorted_rows(function(table)) for table in (runs, shuffled(runs)))
    pd.testing.assert_frame_equal(a, b)


def test_ties_go_to_fewer_failures_then_to_the_smaller_rate():
    ys = {0.1: (0.0, 0.0, FAILED), 0.2: (0.0, 0.0, math.inf), 0.3: (0.0, 0.0, FAILED)}
    runs = staged_table(
        lambda problem, optimizer, rate, stage, block, seed: ys[rate][seed % 3], blocks=1, screen=3, race=0, holdout=0
    )
    assert select_finalists(shuffled(runs))["lr"].tolist() == [0.1, 0.3, 0.2] * 2
    assert recommend_settings(runs)["lr"].tolist() == [0.1, 0.1]


def choices_of_blocks(problem, optimizer, rate, stage, block, seed):
    """The first block chooses 0.1, the second 0.3, which is the worse one there and the better one in the last race;
    0.2, which runs there for another measure, wins it. Of the recommended, one reporting run of four fails."""
    if stage == "final":
        return {0.1: 2.0, 0.2: 0.0, 0.3: 1.0}[rate] + 0.01 * seed
    if stage == "report":
        return math.inf if seed % 4 == 0 else math.log(rate) + 0.01 * seed
    if stage == "holdout":
        return 5.0 + block
    return {0.1: 3 * block, 0.2: 2, 0.3: 3 * (1 - block) + 0.5}[rate] + 0.01 * seed


def test_the_recommended_setting_is_the_best_of_the_last_race():
    runs = staged_table(choices_of_blocks, holdout=3, final=3, report=4)
    assert choose_settings(runs)["lr"].tolist() == [0.1, 0.3] * 2
    result = recommend_settings(shuffled(runs)).sort_values("optimizer", ascending=False, ignore_index=True)
    assert result["optimizer"].tolist() == ["gd", "adam"] and result["lr"].tolist() == [0.2, 0.2]
    assert result["block"].tolist() == [0, 0] and result["trials"].tolist() == [3, 3]
    mine = runs[(runs["lr"] == 0.2) & (runs["optimizer"] == "gd")]
    raced = mine.loc[mine["stage"] == "final", "log_tail"]
    assert result["score"][0] == pytest.approx(raced.mean()) and result["n"][0] == 3
    reports = sorted(np.exp(mine.loc[mine["stage"] == "report", "log_tail"]))
    result = best_configurations(runs, [], choose_by="loss")
    assert (result[["n", "failures"]] == [4, 1]).all(axis=None)
    assert result["median"][0] == pytest.approx((reports[1] + reports[2]) / 2) and math.isinf(result["high"][0])


def test_without_the_last_race_the_best_choice_on_its_own_seeds_is_recommended():
    runs = staged_table(choices_of_blocks, holdout=3, final=3, report=4)
    chosen = {0: 0.1, 1: 0.3}
    runs = only(runs, lambda row: row.block >= 0 and (row.stage != "holdout" or row.lr == chosen[row.block]))
    result = recommend_settings(runs)
    assert result["lr"].tolist() == [0.1, 0.1] and result["block"].tolist() == [0, 0]
    assert result["n"].tolist() == [3, 3]
    result = best_configurations(runs, [], choose_by="loss")
    assert (result[["n", "failures"]] == [3, 0]).all(axis=None)
    assert result["median"].to_numpy() == pytest.approx(math.exp(5.0))


@pytest.mark.slow
def test_runs_cut_by_a_deadline_enter_no_choice():
    def value(problem, optimizer, rate, stage, block, seed):
        return None if (rate, block) == (0.1, 0) else rate

    first = select_finalists(staged_table(value))
    assert first[first["block"] == 0]["lr"].tolist() == [0.2, 0.3] * 2
    assert first["left_out"].tolist() == [1, 1, 0, 0, 0] * 2
    assert choose_settings(staged_table(value))["lr"].tolist() == [0.2, 0.1] * 2
    assert recommend_settings(staged_table(value))[["lr", "block"]].values.tolist() == [[0.1, 1]] * 2
    every = staged_table(lambda *_: None)
    assert select_finalists(every).empty and choose_settings(every).empty and recommend_settings(every).empty


def test_a_finalist_without_all_of_its_race_is_not_chosen():
    runs = staged_table(lambda problem, optimizer, rate, *_: rate)
    less = only(runs, lambda row: not (row.lr == 0.1 and row.stage == "race" and row.seed == 1))
    assert choose_settings(less)["lr"].tolist() == [0.2, 0.1] * 2


def test_a_plain_grid_forms_blocks_of_its_seeds():
    """9 seeds: four blocks, of 3, 2, 2 and 2 seeds, whose first tunes."""
    rows = [
        {"lr": lr, "seed": seed, "suboptimality_final": lr if seed in (10, 13) else 1 / lr}
        for lr in (0.1, 0.2)
        for seed in range(10, 19)
    ]
    result = choose_settings(runs_table(rows))
    assert result["block"].tolist() == [0, 1, 2, 3] and result["lr"].tolist() == [0.1, 0.1, 0.2, 0.2]
    assert best_configurations(runs_table(rows), [10, 13, 15, 17], choose_by="loss")["n"].tolist() == [5]


def test_y_of_runs_and_of_failures():
    table = runs_table(
        [
            {"suboptimality_final": 0.5, "loss_final": 4.5, "loss_initial": 7.0},
            {"suboptimality_final": 0.0, "loss_final": 4.0, "loss_initial": 7.0},
            failure(loss_initial=7.0),
            failure(loss_initial=4.0 + 1e-9),
            {"problem": "unknown minimum", "suboptimality_final": math.nan, "loss_final": 2.0},
        ]
    )
    expected = [math.log(0.5), math.log(4e-14), math.log(3e6), math.log(4.0), math.log(2.0)]
    assert tail_values(table) == pytest.approx(expected)
    tail = table.assign(log_tail=[-3.0, -4.0, math.inf, math.inf, -5.0])
    assert tail_values(tail) == pytest.approx([-3, -4, *expected[2:4], -5])


def test_y_by_test_metrics():
    table = runs_table(
        [
            {"test_loss_final": 0.25, "test_accuracy": 0.9},
            {"test_loss_final": 0.5, "test_accuracy": 1.0},
            failure(test_loss_final=math.inf, test_accuracy=0.98),
            {"problem": "without test data", "suboptimality_final": 0.125},
        ]
    )
    expected = [math.log(0.25), math.log(0.5), FAILED, math.log(0.125)]
    assert tail_values(table, "test_loss") == pytest.approx(expected)
    accuracy = [math.log(0.1), math.log(0.01), 0.0, math.log(0.125)]  # the least step is 0.02
    assert tail_values(table, "test_accuracy") == pytest.approx(accuracy)
    assert choose_settings(table.assign(lr=[1, 2, 3, 4], seed=1), "test_accuracy")["lr"].tolist() == [2, 4]


def test_an_accuracy_without_errors_counts_as_half_an_example():
    """36 examples: one error more is a factor of 2, not of 28 or of infinity; what errs is not changed."""
    right = (36, 35, 33, 18)
    table = runs_table({"seed": seed, "test_accuracy": each / 36} for seed, each in enumerate(right))
    errors = np.exp(tail_values(table, "test_accuracy"))
    assert errors == pytest.approx([1 / 72, 1 / 36, 3 / 36, 18 / 36])
    single = runs_table([{"test_accuracy": 0.9}, {"seed": 1, "test_accuracy": 0.9}])
    assert np.exp(tail_values(single, "test_accuracy")) == pytest.approx([0.1, 0.1])
    rounded = runs_table(
        {"seed": seed, "test_accuracy": float(np.float32(each / 36))} for seed, each in enumerate(right)
    )
    rounded.loc[3, "test_accuracy"] = 18 / 36 + 1e-8
    assert np.exp(tail_values(rounded, "test_accuracy")) == pytest.approx(errors, rel=1e-5)


def timed(seed=0, fails=0.02, blocks=3, rates=8):
    """Times of random runs, by which the blocks have other targets than all of them together."""
    rng = np.random.default_rng(seed)
    luck = {("p", 0): 60, ("p", 1): 100, ("p", 2): 180, ("q", 0): 500, ("q", 1): 800, ("q", 2): 9000}
    runs = staged_table(
        lambda *_: math.inf if rng.random() < fails else 0.0, rates=tuple(np.arange(1, rates + 1) / 10), blocks=blocks,
        screen=2, problems=("p", "q"),
    )  # fmt: skip
    return add_times(runs, lambda row: luck[row.problem, row.block] * rng.lognormal(0.0, 0.3))


@pytest.mark.parametrize("seed", [0, slow(1)])
def test_targets_equal_a_naive_twin(seed):
    runs = timed(seed, fails=0.02)
    shared, in_block = naive_targets(runs)
    assert shared["p"] is not None and len({in_block["p", block] for block in range(3)}) > 1
    for table in (runs, shuffled(runs), only(runs, lambda row: row.stage in ("screen", "race"))):
        found = find_targets(table)
        assert {name: None if math.isnan(each) else each for name, each in found.items()} == shared


def test_a_target_is_the_hardest_that_one_optimizer_reaches_in_all_blocks():
    """gd reaches 1e-3 in one block and 0.1 in the other, adam 0.01 in both: 0.01, as gd and adam take no turns."""
    depth = {("gd", 0): 1e-3, ("gd", 1): 0.1, ("adam", 0): 0.01, ("adam", 1): 0.01}

    def table(**change):
        runs = staged_table(lambda *_: 0.0, screen=2, race=0)
        for share in TARGETS:
            deep = [depth[row.optimizer, row.block] <= share for row in runs.itertuples()]
            runs[target_column(share)] = np.where(deep, 100.0, math.inf)
        return runs

    runs = table()
    assert find_targets(runs).to_dict() == {"p": 0.01}
    missed = (runs["optimizer"] == "adam") & (runs["stage"] == "screen") & (runs["block"] == 1) & (runs["lr"] == 0.2)
    runs.loc[missed & (runs["seed"] == runs["seed"][missed].min()), "samples_to_0.01"] = math.inf
    assert find_targets(runs).to_dict() == {"p": 0.02}  # three settings must, on all seeds
    runs = table()
    runs.loc[runs["stage"] == "holdout", [target_column(share) for share in TARGETS]] = math.inf
    assert find_targets(runs).to_dict() == {"p": 0.01}  # what reports has no say
    assert np.isnan(find_targets(staged_table(lambda *_: 0.0))["p"])


@pytest.mark.parametrize("seed", [0, slow(1)])
def test_choices_by_time_equal_a_naive_twin(seed):
    """Finalists race for the target of their block, and the choice is for that of all blocks; by loss without any."""
    runs = timed(seed)
    shared, in_block = naive_targets(runs)
    assert shared["q"] is None
    expected = naive_choices(
        runs, 4,
        lambda row: time_of(row, shared[row["problem"]]),
        lambda row: time_of(row, in_block[row["problem"], row["block"]]),
    )  # fmt: skip
    names = ["problem", "optimizer", "block"]
    first = select_finalists(shuffled(runs), 4, "time")
    assert {key: part["lr"].tolist() for key, part in first.groupby(names)} == {k: v[0] for k, v in expected.items()}
    raced = {(*name, rate) for name, (rates, _) in expected.items() for rate in rates}
    runs = only(runs, lambda row: row.stage != "race" or (row.problem, row.optimizer, row.block, row.lr) in raced)
    shared, in_block = naive_targets(runs)  # of those that have raced
    expected = naive_choices(
        runs.assign(stage=runs["stage"]), 4, lambda row: time_of(row, shared[row["problem"]]),
        lambda row: 0.0 if (row["problem"], row["optimizer"], row["block"], row["lr"]) in raced else 1.0,
    )  # fmt: skip
    last = choose_settings(runs, "time")
    assert last.set_index(names)["lr"].to_dict() == {key: pair[1] for key, pair in expected.items()}


def test_y_of_times():
    table = runs_table(
        [
            {"samples_to_0.1": 400.0, "log_tail": -9.0},
            {"samples_to_0.1": math.inf, "log_tail": math.log(0.2)},
            {"samples_to_0.1": math.inf, "log_tail": math.log(0.05)},  # below it at the end, in the mean
            failure(**{"samples_to_0.1": 20.0}),
            {"problem": "without a target", "suboptimality_final": 0.125},
        ]
    )
    never = math.log(2 * SAMPLES)
    expected = [math.log(400), never + math.log(2), never, never + math.log(1e7)]
    y = tail_values(table, "time", np.array([0.1, 0.1, 0.1, 0.1, math.nan]))
    assert y[:4] == pytest.approx(expected) and y[4] == tail_values(table)[4]
    np.testing.assert_array_equal(tail_values(table, "time"), tail_values(table))


def rate_of_a_block(problem, optimizer, rate, stage, block, seed):
    """Another rate is best in each block; on the reporting seeds all are alike."""
    luck = np.random.default_rng([seed, int(10 * rate), len(optimizer)]).normal()
    return luck if stage == "holdout" else luck - 9 * (round(10 * rate) == 1 + block % 3)


RUNS = staged_table(rate_of_a_block, blocks=4, screen=2, race=1, holdout=3, problems=("p", "q"))


@pytest.mark.parametrize("table", [RUNS, shuffled(RUNS)], ids=["in order", "shuffled"])
def test_of_each_block_the_chosen_rate_reports(table):
    found = select_chosen_runs(table)
    assert found["run_id"].tolist() == table.loc[found.index, "run_id"].tolist() and found.index.is_monotonic_increasing
    assert len(found) == 4 * 3 * 2 * 2 and (found["stage"] == "holdout").all()
    assert (np.round(10 * found["lr"]) == 1 + found["block"] % 3).all()
    pairs = found.merge(choose_settings(table), on=["problem", "optimizer", "block"])
    assert (pairs["lr_x"] == pairs["lr_y"]).all()


def test_verdicts_follow_from_these_runs():
    found = select_chosen_runs(RUNS)
    wide = found.pivot(index=["problem", "block", "seed"], columns="optimizer", values="log_tail")
    blocks = (wide["adam"] - wide["gd"]).groupby(["problem", "block"]).mean()
    ratio = np.exp(blocks.groupby("problem").mean())
    rows = verdicts(RUNS, "loss").set_index("problem").loc[["p", "q"]]
    assert rows["a"].tolist() == ["gd", "gd"]
    np.testing.assert_allclose(rows["ratio"], ratio)


def test_the_runs_of_a_plain_table_get_its_blocks():
    """Eight seeds make four blocks of two: the second of each reports what was best on the first."""
    rows = [{"lr": lr, "seed": seed, "suboptimality_final": 10.0 ** -(seed // 2 % 2 == (lr == 0.2)), "optimizer": name}
            for name in ("gd", "adam") for lr in (0.1, 0.2) for seed in range(8)]  # fmt: skip
    found = select_chosen_runs(runs_table(rows))
    assert found["seed"].tolist() == [1, 5, 3, 7] * 2 and found["block"].tolist() == [0, 2, 1, 3] * 2
    assert found["lr"].tolist() == [0.1, 0.1, 0.2, 0.2] * 2
    single = select_chosen_runs(runs_table(row for row in rows if row["lr"] == 0.1))
    assert len(single) == 16 and (single["block"] == single["seed"]).all()  # nothing to tune


def test_runs_that_a_deadline_cut_are_left_out():
    table = RUNS.copy()
    cut = select_chosen_runs(RUNS).index[0]
    table.loc[cut, "status"] = "deadline"
    assert select_chosen_runs(table).index.tolist() == [
        place for place in select_chosen_runs(RUNS).index if place != cut
    ]
