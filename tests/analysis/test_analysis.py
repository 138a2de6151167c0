"""Intervals against exact binomial sums, selection against a naive twin in plain Python."""

import itertools
import math
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import failure, runs_table

from optbench.analysis import (
    best_configurations,
    curve_bands,
    full_batch,
    grouped_intervals,
    hyperparameter_columns,
    interval_ranks,
    median_interval,
    metric_columns,
    reported_runs,
    varied_hyperparameters,
)

winners = partial(best_configurations, by=("problem",))

# Ranks from 1 and coverage in percent, 95% intervals for the median by the sign test, from printed tables.
TABLE = {5: (1, 5, 93.8), 6: (1, 6, 96.9), 8: (1, 8, 99.2), 9: (2, 8, 96.1), 10: (2, 9, 97.9), 15: (4, 12, 96.5),
         20: (6, 15, 95.9), 25: (8, 18, 95.7), 30: (10, 21, 95.7)}  # fmt: skip


@pytest.mark.parametrize("n", range(1, 61))
def test_ranks_are_the_smallest_symmetric_interval(n):
    low, high, coverage = interval_ranks(n, 0.95)
    assert (low, high) == (n - 1 - high, n - 1 - low)

    def exact(k):  # ranks k and n + 1 - k, from 1
        return sum(math.comb(n, j) for j in range(k, n - k + 1)) / 2**n

    assert coverage == pytest.approx(exact(low + 1), abs=1e-12)
    assert coverage >= 0.95 or low == 0
    if low + 2 <= (n + 1) // 2:
        assert exact(low + 2) < 0.95


@pytest.mark.parametrize("n", TABLE)
def test_ranks_agree_with_printed_tables(n):
    low, high, coverage = interval_ranks(n, 0.95)
    assert (low + 1, high + 1, round(100 * coverage, 1)) == TABLE[n]


def test_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.exponential(size=(20_000, 9))
    _, low, high, coverage, _ = grouped_intervals(draws.ravel(), np.repeat(np.arange(20_000), 9), 20_000)
    hit = np.mean((low <= math.log(2)) & (math.log(2) <= high))
    assert abs(hit - coverage[0]) < 4 * math.sqrt(0.04 * 0.96 / 20_000)


def test_interval_of_failures_and_few_values():
    assert median_interval([2.0, np.inf, 1.0]) == (2.0, 1.0, np.inf, 0.75)
    assert median_interval([1.0, np.inf])[:3] == (np.inf, 1.0, np.inf)
    assert median_interval([7.0]) == (7.0, 7.0, 7.0, 0.0)
    assert np.isnan(median_interval([])[0]) and median_interval([])[3] == 0.0
    assert median_interval([1.5e308, 1.7e308])[0] == 1.6e308
    with pytest.raises(ValueError, match="NaN"):
        median_interval([1.0, np.nan])
    with pytest.raises(ValueError, match="confidence"):
        median_interval([1.0], confidence=1.0)


def test_grouped_intervals_equal_single_ones():
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 12, 200)
    values = rng.choice([0.0, 1.0, 2.5, np.inf], 200)
    got = grouped_intervals(values, groups, 13)
    for group in range(12):
        mine = sorted(values[groups == group].tolist())
        low, high, _ = interval_ranks(len(mine))
        assert (got[0][group], got[1][group], got[2][group]) == (statistics.median(mine), mine[low], mine[high])
    assert np.isnan(got[0][12]) and got[4][12] == 0


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


@pytest.mark.parametrize("case", range(6))
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


def test_reports_the_held_out_seeds_when_they_disagree():
    rows = [{"lr": 0.1, "seed": seed, "suboptimality_final": 1e-6 if seed < 3 else 8.0} for seed in range(9)]
    rows += [{"lr": 0.2, "seed": seed, "suboptimality_final": 1.0} for seed in range(9)]
    (row,) = winners(runs_table(rows), [0, 1, 2]).to_dict("records")
    assert (row["lr"], row["tuning_median"], row["median"], row["n"]) == (0.1, 1e-6, 8.0, 6)


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


def test_half_finished_configurations_do_not_win():
    rows = [{"batch_size": 8, "seed": 0, "suboptimality_final": 1e-9}]
    rows += [{"batch_size": 64, "seed": seed, "suboptimality_final": 1.0} for seed in range(4)]
    assert winners(runs_table(rows), [0, 1, 2])["batch_size"].tolist() == [64]


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
    assert varied_hyperparameters(runs) == {"gd": [], "momentum": ["beta1"]}


def test_full_batch_is_decided_by_all_runs():
    full = {"batch_size": 100, "steps": 10, "epochs": 10.0}
    runs = runs_table([{}, full, {"steps": 0, "epochs": 0.0}, {"steps": 1, "epochs": 1.0}])
    assert full_batch(runs).tolist() == [False, True, False, False]


def test_selection_refuses_what_it_cannot_answer():
    with pytest.raises(ValueError, match="problem"):
        best_configurations(runs_table([{}]), [0], by=("optimizer",))
    with pytest.raises(ValueError, match="no runs"):
        winners(runs_table([{}]).iloc[:0], [0])


def test_curve_bands_count_failures_from_where_a_curve_ends():
    runs = runs_table([{"seed": 0}, failure(seed=1), {"seed": 2, "status": "deadline"}])
    curves = pd.DataFrame(
        [("r0", 0, 9.0), ("r0", 1, 4.0), ("r0", 2, 1.0), ("r1", 0, 9.0), ("r2", 0, 9.0), ("r2", 1, 5.0)],
        columns=["run_id", "step", "train_loss"],
    ).assign(epoch=0.5, samples=8)
    bands = curve_bands(curves, runs)
    assert bands["median"].tolist() == [9.0, 5.0, 5.0]
    assert bands["low"].tolist() == [9.0, 4.0, 1.0] and bands["high"].tolist() == [9.0, np.inf, np.inf]
    assert bands["n"].tolist() == [3, 3, 3]
    assert curve_bands(curves.iloc[:0], runs).empty


def test_analysis_and_summary_leave_matplotlib_alone():
    code = "import optbench.analysis, optbench.report, sys; sys.exit('matplotlib' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
