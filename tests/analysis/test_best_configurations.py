"""Honest selection against a naive twin in plain Python, and the columns of a table of runs."""

import itertools
import math
import statistics
from functools import partial

import numpy as np
import pandas as pd
import pytest
from staged import only, staged_table
from synthetic import failure, runs_table

from optbench.analysis import (
    best_configurations,
    find_full_batch_runs,
    hyperparameter_columns,
    interval_ranks,
    metric_columns,
    recommend_settings,
    reported_runs,
    varied_hyperparameters,
)

winners = partial(best_configurations, by=("problem",))


def naive_best(runs, tuning_seeds, by):
    """Choose by the rule of `best_configurations`, one run at a time."""
    keys = ["optimizer", "beta1", "dtype", "batch_size", "schedule", "lr"]
    rows = runs.to_dict("records")
    for row in rows:
        row["value"] = math.inf if row["status"] == "diverged" else row["suboptimality_final"]
        row["beta1"] = -1.0 if math.isnan(row["beta1"]) else row["beta1"]
    best = {}
    for row in rows:
        group, name = tuple(row[key] for key in by), tuple(row[key] for key in keys)
        best.setdefault(group, {}).setdefault(name, []).append(row)
    out = {}
    for group, configurations in best.items():
        ranked = []
        for name, mine in configurations.items():
            values = [row["value"] for row in mine if row["seed"] in tuning_seeds]
            spread = max(values) - min(values) if max(values) < math.inf else math.inf
            rank = (statistics.median(values), values.count(math.inf), spread, name[-1])
            ranked.append((rank, name, [row["value"] for row in mine if row["seed"] not in tuning_seeds]))
        first = min(rank for rank, _, _ in ranked)
        out[group] = [(name, sorted(values)) for rank, name, values in ranked if rank == first]
    return out


@pytest.mark.parametrize("case", range(2))
@pytest.mark.parametrize("by", [("problem", "optimizer"), ("problem",), ("problem", "optimizer", "lr")])
def test_selection_equals_the_naive_twin(case, by):
    rng = np.random.default_rng(case)
    rows = []
    for problem, (optimizer, beta), batch, schedule, lr, seed in itertools.product(
        "ab", [("gd", np.nan), ("momentum", 0.5), ("momentum", 0.9)], [8, 32], ["constant", "inverse"],
        [0.01, 0.1, 1.0], range(7),
    ):  # fmt: skip
        # Few distinct values, so that every tie-break is needed.
        row = {"problem": problem, "optimizer": optimizer, "beta1": beta, "batch_size": batch, "schedule": schedule}
        row |= {"lr": lr, "seed": seed}
        bad = rng.random() < 0.25
        rows.append(failure(**row) if bad else {**row, "suboptimality_final": float(rng.integers(1, 5))})
    runs = runs_table(rows)
    shuffled = runs.sample(frac=1, random_state=case)
    got, again = (best_configurations(table, [0, 1, 2], by=by) for table in (runs, shuffled))
    wanted = naive_best(runs, {0, 1, 2}, by)
    assert len(got) == len(wanted)
    for row in got.to_dict("records"):
        beta = -1.0 if math.isnan(row["beta1"]) else row["beta1"]
        name = (row["optimizer"], beta, row["dtype"], row["batch_size"], row["schedule"], row["lr"])
        candidates = dict(wanted[tuple(row[key] for key in by)])
        assert name in candidates
        values = candidates[name]
        low, high, coverage = interval_ranks(4)
        assert (row["median"], row["low"], row["high"]) == (statistics.median(values), values[low], values[high])
        assert (row["failures"], row["n"], row["coverage"], row["held_out"]) == (
            values.count(math.inf),
            4,
            coverage,
            True,
        )
    order = list(by)
    pd.testing.assert_frame_equal(
        got.sort_values(order).reset_index(drop=True), again.sort_values(order).reset_index(drop=True)
    )


def test_diverged_runs_are_counted_and_never_dropped():
    rows = [
        {"seed": seed, "suboptimality_final": 1.0, "test_accuracy": 0.9, "test_loss_final": 0.2} for seed in range(5)
    ]
    rows += [failure(seed=seed) for seed in range(5, 9)]
    (row,) = best_configurations(runs_table(rows), [0, 1, 2]).to_dict("records")
    assert (row["failures"], row["n"], row["median"], row["low"], row["high"]) == (4, 6, np.inf, 1.0, np.inf)
    assert (row["test_accuracy"], row["test_loss"]) == (0.0, np.inf)


def test_fewer_failures_win_among_those_that_mostly_fail():
    rows = [failure(lr=lr, seed=seed) for lr in (0.1, 0.2) for seed in range(3)]
    rows[5] = {"lr": 0.2, "seed": 2}
    assert winners(runs_table(rows), [0, 1, 2])["lr"].tolist() == [0.2]


def test_half_finished_configurations_do_not_win():
    rows = [{"batch_size": 8, "seed": 0, "suboptimality_final": 1e-9}]
    rows += [{"batch_size": 64, "seed": seed, "suboptimality_final": 1.0} for seed in range(4)]
    assert winners(runs_table(rows), [0, 1, 2])["batch_size"].tolist() == [64]


def test_without_other_seeds_it_says_so():
    runs = runs_table([{"seed": seed, "lr": lr} for seed in (0, 1) for lr in (0.1, 0.2)])
    row = winners(runs, [0, 1, 2]).iloc[0]
    assert not row["held_out"] and row["n"] == 2
    assert reported_runs(runs, winners(runs, [0, 1, 2]), [0, 1, 2])["run_id"].tolist() == ["r0", "r2"]
    # Tuning seeds that nobody ran are no reason to report nothing.
    assert not winners(runs, [17])["held_out"].iloc[0]


def test_edge_of_the_rate_grid():
    def rows(best, rates, **more):
        return [{"lr": lr, "suboptimality_final": abs(math.log(lr / best)), **more} for lr in rates]

    runs = runs_table(
        rows(0.01, [0.01, 0.1, 1.0]) + rows(1.0, [0.01, 0.1, 1.0], optimizer="adam")
        + rows(0.1, [0.01, 0.1], optimizer="lion") + rows(0.1, [0.1], optimizer="one")
    )  # fmt: skip
    best = best_configurations(runs, [0])
    assert best["edge_side"].tolist() == ["low", "high", "high", ""]
    assert best["edge"].tolist() == [True, True, True, False]


def test_what_a_deadline_cut_is_chosen_only_where_all_was():
    def table(cut):
        rates = itertools.product((0.1, 0.2), range(4))
        return runs_table(
            {"lr": lr, "seed": seed, "suboptimality_final": lr, "status": "deadline" if (lr, seed) in cut else "ok"}
            for lr, seed in rates
        )

    assert winners(table({(0.1, 1)}), [0, 1])["lr"].tolist() == [0.2]
    assert winners(table({(0.1, 3)}), [0, 1])[["lr", "unfinished"]].values.tolist() == [[0.1, 1]]
    every = winners(table({(0.1, 1), (0.2, 0)}), [0, 1])
    assert every[["lr", "tuning_unfinished"]].values.tolist() == [[0.1, 1]]


def test_deadline_runs_keep_their_loss_and_unknown_minima_use_it():
    rows = [{"seed": seed, "status": "deadline", "suboptimality_final": 2.0} for seed in range(4)]
    rows += [{"problem": "q", "seed": seed, "suboptimality_final": np.nan, "loss_final": -3.0} for seed in range(4)]
    best = winners(runs_table(rows), [0])
    assert best["median"].tolist() == [2.0, -3.0] and best["failures"].tolist() == [0, 0]
    assert best["unfinished"].tolist() == [3, 0]


def test_columns_are_told_apart_in_any_order():
    runs = runs_table([{}, {"optimizer": "momentum", "beta1": 0.9}, {"optimizer": "momentum", "beta1": 0.5}])
    runs["w_1"] = 0.0
    for table in (runs, runs[sorted(runs.columns)]):
        assert hyperparameter_columns(table) == ["beta1"] and metric_columns(table) == ["test_accuracy"]
        # A metric of a problem's own is none of the metrics by name, whose columns have no curves
        scored = table.assign(test_f1=0.5, early_test_loss=0.5, test_f1_of_rare=0.5)
        assert metric_columns(scored) == ["test_accuracy", "test_f1_of_rare"]
    assert varied_hyperparameters(runs) == {"gd": [], "momentum": ["beta1"]}


def test_full_batch_is_decided_by_all_runs():
    full = {"batch_size": 100, "steps": 10, "epochs": 10.0}
    runs = runs_table([{}, full, {"steps": 0, "epochs": 0.0}, {"steps": 1, "epochs": 1.0}])
    assert find_full_batch_runs(runs).tolist() == [False, True, False, False]


def last_race(problem, optimizer, rate, stage, block, seed):
    """The first block chooses 0.1, the second 0.3, which the last race recommends; 0.2 is the best of no stage."""
    if stage in ("final", "report"):
        return 1.0 / rate + 0.1 * seed
    return {0.1: 3.0 * block, 0.2: 9.0, 0.3: 3.0 * (1 - block) + 0.5}[rate] + 0.01 * seed


@pytest.mark.parametrize("raced", [True, False])
def test_of_blocks_the_recommended_setting_is_reported(raced):
    """On the fresh seeds of the last stage, or without it on the holdout of the block that drew the setting."""
    runs, chosen = staged_table(last_race, holdout=3, final=3, report=4), {0: 0.1, 1: 0.3}
    runs = only(runs, lambda row: row.stage != "holdout" or row.lr == chosen[row.block])
    runs = only(runs, lambda row: row.stage != "report" or row.lr == 0.3)
    runs = runs if raced else only(runs, lambda row: row.block >= 0)
    best = best_configurations(runs, [], choose_by="loss")
    rate, block, stage, count = (0.3, 1, "report", 4) if raced else (0.1, 0, "holdout", 3)
    assert best[["optimizer", "lr", "block", "n"]].values.tolist() == [
        [name, rate, block, count] for name in ("gd", "adam")
    ]
    assert best["held_out"].all()
    values = runs[(runs["optimizer"] == "gd") & (runs["stage"] == stage) & (runs["lr"] == rate)]
    assert best["median"][0] == pytest.approx(statistics.median(np.exp(values["log_tail"])), rel=0.01)
    found = reported_runs(runs, best, [])
    assert set(found["stage"]) == {stage} and (found["lr"] == rate).all() and len(found) == 2 * count
    lists = [each[["lr", "block"]].values.tolist() for each in (recommend_settings(runs), best)]
    assert lists[0] == lists[1]


def test_of_other_groups_the_best_of_the_screens_is_shown():
    runs = staged_table(last_race, final=1, report=1)
    best = winners(runs, [], choose_by="loss").iloc[0]
    assert not best["held_out"] and "block" not in best
    found = reported_runs(runs, winners(runs, [], choose_by="loss"), [])
    assert set(found["stage"]) == {"screen"} and set(found["lr"]) == {best["lr"]}


def test_selection_refuses_what_it_cannot_answer():
    with pytest.raises(ValueError, match="problem"):
        best_configurations(runs_table([{}]), [0], by=("optimizer",))
    with pytest.raises(ValueError, match="no runs"):
        winners(runs_table([{}]).iloc[:0], [0])
