"""The protocol's choices against a naive twin in plain Python, what must never enter one, and the runs behind them."""

import math

import numpy as np
import pandas as pd
import pytest
from staged import FAILED, naive_choices, only, shuffled, sorted_rows, staged_table
from synthetic import failure, runs_table

from optbench.analysis import (
    choose_settings,
    recommend_settings,
    select_chosen_runs,
    select_finalists,
    tail_values,
    verdicts,
)
from optbench.contract.errors import OptbenchError


def noisy(rates=12, ties=False, seed=0):
    rng = np.random.default_rng(seed)

    def value(*_):
        y = float(rng.normal())
        return math.inf if rng.random() < 0.1 else round(2 * y) / 2 if ties else y

    return staged_table(value, rates=tuple(np.arange(1, rates + 1) / 10), blocks=3, screen=2, problems=("p", "q"))


@pytest.mark.parametrize("ties", [False, True])
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


def test_the_recommended_setting_is_the_best_of_all_blocks_on_seeds_of_its_own():
    def value(problem, optimizer, rate, stage, block, seed):
        if stage == "holdout":
            return math.inf if (rate, block) == (0.2, 0) else math.log(rate)
        return {0.1: 3 * block, 0.2: 1, 0.3: 3 * (1 - block)}[rate] + 0.01 * seed

    runs = staged_table(value, holdout=3)
    result = recommend_settings(runs)
    assert result["lr"].tolist() == [0.2, 0.2] and result["optimizer"].tolist() == ["gd", "adam"]
    pooled = runs[(runs["lr"] == 0.2) & (runs["stage"] != "holdout") & (runs["optimizer"] == "gd")]["log_tail"]
    assert result["score"][0] == pytest.approx(pooled.mean()) and result["n_tuning"][0] == 6
    assert (result[["n", "failures"]] == [6, 3]).all(axis=None) and math.isinf(result["high"][0])
    assert result["low"][0] == pytest.approx(0.2) and choose_settings(runs)["lr"].tolist() == [0.1, 0.3] * 2


def test_a_setting_that_one_block_did_not_screen_is_not_recommended():
    runs = noisy()
    best = recommend_settings(runs).iloc[0]
    less = only(runs, lambda row: (row.problem, row.optimizer, row.lr, row.block) != ("p", "gd", best["lr"], 1))
    assert recommend_settings(less).iloc[0]["lr"] != best["lr"]


def test_runs_cut_by_a_deadline_enter_no_choice():
    def value(problem, optimizer, rate, stage, block, seed):
        return None if (rate, block) == (0.1, 0) else rate

    first = select_finalists(staged_table(value))
    assert first[first["block"] == 0]["lr"].tolist() == [0.2, 0.3] * 2
    assert first["left_out"].tolist() == [1, 1, 0, 0, 0] * 2
    assert choose_settings(staged_table(value))["lr"].tolist() == [0.2, 0.1] * 2
    assert recommend_settings(staged_table(value))["lr"].tolist() == [0.2, 0.2]
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
    assert recommend_settings(runs_table(rows))["n"].tolist() == [5]


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
            failure(test_loss_final=math.inf, test_accuracy=0.99),
            {"problem": "without test data", "suboptimality_final": 0.125},
        ]
    )
    expected = [math.log(0.25), math.log(0.5), FAILED, math.log(0.125)]
    assert tail_values(table, "test_loss") == pytest.approx(expected)
    assert tail_values(table, "test_loss_final") == pytest.approx(expected)
    accuracy = [math.log(0.1), math.log(1e-3), 0.0, math.log(0.125)]
    assert tail_values(table, "test_accuracy") == pytest.approx(accuracy)
    assert choose_settings(table.assign(lr=[1, 2, 3, 4], seed=1), "test_accuracy")["lr"].tolist() == [2, 4]


def test_bad_input_is_one_line():
    table = runs_table([{}])
    with pytest.raises(OptbenchError, match="did you mean 'test_accuracy'"):
        tail_values(table, "test_acuracy")
    with pytest.raises(OptbenchError, match="did you mean 'batch_size'"):
        choose_settings(table, of="batch_sizes")
    with pytest.raises(OptbenchError, match="no runs"):
        choose_settings(table.iloc[:0])


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
    blocks = (wide["adam"] - wide["gd"]).groupby(["problem", "block"]).median()
    ratio = np.exp(blocks.groupby("problem").mean())
    rows = verdicts(RUNS).set_index("problem").loc[["p", "q"]]
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
