"""Time to a target against a loop over runs in plain Python, and the costs of groups by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from synthetic import failure, make_tables, runs_table

from optbench.analysis import costs, find_reference_values, fixed_targets, tail_values, targets_of, time_to_target
from optbench.analysis.sweep_tables import Tables

TABLES = make_tables(problems=("saddle", "rosenbrock", "breast_cancer"), optimizers=("gd", "adam"), seeds=range(4),
                     schedules=("constant",), diverge_above=2.0)  # fmt: skip
RESULTS = Tables(**TABLES)


def table_of(losses, status="ok", minimum=0.0, given=8):
    """Results of one run on a problem of 4 examples in batches of 2, evaluated at steps 0, 1, 2, 4, 8, 2 ms each."""
    steps = np.array([0, 1, 2, 4, 8])[: len(losses)]
    curves = pd.DataFrame({"run_id": "r0", "step": steps, "samples": 2 * steps, "train_loss": losses})
    row = {"steps": 8, "samples": 16, "epochs": 4.0, "batch_size": 2, "loss_initial": losses[0], "status": status}
    if status == "diverged":
        row |= {"steps": 5, "samples": 10, "epochs": 2.5, "suboptimality_final": math.inf}
    timings = pd.DataFrame([{"cohort_id": "c", "ns_per_run_step": 2e6, "steps": given}])
    problems = pd.DataFrame([{"problem": "p", "minimum": minimum, "minimum_source": "closed form", "examples": 4}])
    return Tables(runs=runs_table([row]), curves=curves, timings=timings, problems=problems)


def arrival(results, loss):
    (row,) = time_to_target(results, fixed_targets(results.runs, loss, results.problems)).itertuples()
    return row


@pytest.mark.parametrize(
    ("losses", "status", "reached", "steps"),
    [
        ([9, 5, 1, 1, 1], "ok", True, 2),
        ([9, 1, 5, 1, 1], "ok", True, 4),  # it came back: the first visit does not count
        ([1, 1, 1, 1, 1], "ok", True, 0),
        ([9, 5, 1, 1, 5], "ok", False, 8),
        ([9, 9, 9, 9, 9], "ok", False, 8),
        ([9, 1, np.nan, 1, 1], "ok", True, 4),
        ([9, 9, 4, 0.25, 0.1], "ok", True, 3),  # ln 4 to ln 1/4: half-way at 1
        ([9, 9, 9, 3, 1 / 3], "ok", True, 6),
        ([9, 9, 9, 10, 0.0], "ok", True, 4 + 4 * math.log(10) / math.log(10 / 1e-14)),  # 0 counts as the floor
        ([9, 1, 1], "deadline", True, 1),  # what it had when it was stopped
        ([9, 1, 1, 1], "diverged", False, 8),  # all that it was given, not the 5 steps until it failed
    ],
)
def test_a_run_arrives_where_its_loss_stays_below(losses, status, reached, steps):
    row = arrival(table_of(losses, status), 1.0)
    assert row.reached == reached
    assert (row.steps, row.samples, row.seconds) == pytest.approx((steps, 2 * steps, 0.002 * steps))


def test_the_logarithm_is_that_of_the_suboptimality():
    """From 4 to 1/4 above a minimum of -2: the loss -1 lies half-way."""
    assert arrival(table_of([7, 7, 2, -1.75, -1.9], minimum=-2.0), -1.0).steps == pytest.approx(3)


def test_a_failed_run_counts_the_samples_of_its_whole_budget():
    """7 steps on 5 examples in batches of 2: two epochs of 3 steps, and one step of 2."""
    results = table_of([9, 9, 9, 9], "diverged", given=7)
    results.problems["examples"] = 5
    assert arrival(results, 1.0).samples == 2 * 5 + 2
    results.problems = None
    assert arrival(results, 1.0).samples == 7 * 2  # as many a step as before it failed


def twin(results, targets):
    """Compute the costs one run and target at a time, in plain Python."""
    rows = {}
    curves = {name: part.sort_values("step") for name, part in results.curves.groupby("run_id")}
    for run in results.runs.itertuples():
        points = list(curves[run.run_id][["step", "samples", "train_loss"]].itertuples(index=False, name=None))
        for target in targets[targets["problem"] == run.problem].itertuples():
            k, level = len(points), target.minimum + target.target * (run.loss_initial - target.minimum)
            while k and points[k - 1][2] <= level:
                k -= 1
            if run.status == "diverged" or k == len(points):
                rows[run.run_id, target.target] = (False, None, None)
                continue
            step, samples, loss = points[k]
            if k and step > 1:
                before = points[k - 1]
                high, low, aim = (max(f - target.minimum, target.floor) for f in (before[2], loss, level))
                share = (math.log(high) - math.log(aim)) / (math.log(high) - math.log(low))
                step, samples = (a + share * (b - a) for a, b in zip(before, (step, samples), strict=False))
            rows[run.run_id, target.target] = (True, step, samples)
    return rows


@pytest.mark.parametrize("order", ["as it is", "shuffled"])
def test_many_runs_agree_with_a_loop_over_them(order):
    shuffled = {"curves": TABLES["curves"].sample(frac=1, random_state=1)} if order == "shuffled" else {}
    results = Tables(**TABLES | shuffled)
    targets = targets_of(results.runs, results.problems, shares=(0.3, 0.1, 0.01, 1e-3))
    table, expected = time_to_target(results, targets), twin(results, targets)
    assert len(table) == 4 * len(results.runs) == len(expected)
    assert table["run_id"].tolist() == results.runs["run_id"].repeat(4).tolist()
    assert 0.1 < table["reached"].mean() < 0.9 and (results.runs["status"] == "diverged").any()
    for row in table.itertuples():
        reached, steps, samples = expected[row.run_id, row.target]
        assert row.reached == reached
        if reached:
            assert (row.steps, row.samples) == pytest.approx((steps, samples), rel=1e-9)


def test_targets_are_shares_of_the_start_of_each_run():
    """Two seeds begin 10 and 1000 above the minimum of 2: at 10% of these, 3 and 102; at 1%, 2.1 and 12."""
    rows = [{"seed": seed, "loss_initial": 2.0 + start, "optimizer": name, "suboptimality_final": 0.5,
             "loss_final": 2.5} for name in ("gd", "adam") for seed, start in enumerate((10, 1000))]  # fmt: skip
    runs = runs_table(rows)
    points = [{"run_id": run.run_id, "step": step, "samples": 16 * step, "train_loss": loss}
              for run in runs.itertuples() for step, loss in enumerate((run.loss_initial, 200, 50, 2.5))]  # fmt: skip
    timings = pd.DataFrame([{"cohort_id": "c", "ns_per_run_step": 1e9, "steps": 100}])
    results = Tables(runs=runs, curves=pd.DataFrame(points), timings=timings, problems=None)
    times = time_to_target(results, targets_of(runs, shares=(0.5, 0.1, 0.01)))  # the minimum from the runs themselves
    between = [2 + math.log(48 / aim) / math.log(48 / 0.5) for aim in (5, 1)]
    late = 1 + math.log(198 / 100) / math.log(198 / 48), 2 + math.log(48 / 10) / math.log(48 / 0.5)
    np.testing.assert_allclose(times["steps"], [*between, 100, 1, *late] * 2)
    assert times["reached"].tolist() == [True, True, False, True, True, True] * 2


def test_the_loss_of_a_target_to_show_is_from_the_median_start():
    rows = [{"seed": seed, "loss_initial": 2.0 + start, "optimizer": name, "suboptimality_final": 0.5,
             "loss_final": 2.5} for name in ("gd", "adam") for seed, start in enumerate((1, 10, 100))]  # fmt: skip
    runs = runs_table(rows)
    targets = targets_of(runs)
    np.testing.assert_allclose(targets["loss"], [2 + 10 * share for share in (0.1, 0.01, 0.001, 1e-5)])
    assert targets_of(runs[runs["optimizer"] == "gd"]).equals(targets)
    more = pd.concat([runs, runs[runs["seed"] == 2]])  # a seed counts once, however many runs it has
    assert targets_of(more).equals(targets)


def test_a_bound_stands_in_for_the_minimum():
    runs = runs_table([{"loss_initial": 2.4, "suboptimality_final": 0.3}])
    for source, bound in (("lower bound (l2 = 0)", True), ("closed form", False)):
        problems = pd.DataFrame({"problem": ["p"], "minimum": [0.0], "minimum_source": [source]})
        targets = targets_of(runs, problems)
        assert (targets["bound"] == bound).all()
        np.testing.assert_allclose(targets["loss"], 2.4 * targets["target"])


@pytest.mark.parametrize(("lowest", "minimum"), [(0.1, 0.0), (-0.1, math.nan)])
def test_without_a_minimum_there_are_targets_for_losses_above_0(lowest, minimum):
    runs = runs_table([{"loss_initial": 1.0, "loss_final": 0.2, "loss_best": lowest, "suboptimality_final": np.nan}])
    (row,) = find_reference_values(runs).itertuples()
    assert row.bound and (row.minimum == minimum or (math.isnan(row.minimum) and math.isnan(minimum)))
    assert targets_of(runs)["loss"].isna().all() == math.isnan(minimum)
    held = table_of([1.0, 0.2, 0.2, 0.2, 0.01])
    results = Tables(runs, held.curves, held.timings)
    assert time_to_target(results)["reached"].any() != math.isnan(minimum)


@pytest.mark.parametrize(("minimum", "failure_gap"), [(0.0, 3e6), (-5e8, 5e8), (1e4, 3e6)])
def test_a_failure_counts_as_the_minimum_itself_where_that_is_more(minimum, failure_gap):
    """As `divergence_limit` has it: runs that stopped there have not passed a million times the first."""
    rows = [{"loss_final": minimum + 1.0, "suboptimality_final": 1.0, "loss_best": minimum + 1.0}, failure()]
    runs = runs_table([{**row, "loss_initial": minimum + 3.0} for row in rows])
    (row,) = find_reference_values(runs).itertuples()
    assert row.failure == pytest.approx(math.log(failure_gap))
    assert tail_values(runs) == pytest.approx([0.0, math.log(failure_gap)], abs=1e-6)


def test_bad_tables_are_refused():
    results = table_of([9, 1])
    with pytest.raises(ValueError, match="no targets"):
        time_to_target(results, targets_of(results.runs).iloc[:0])
    results.runs = pd.concat([results.runs] * 2)
    with pytest.raises(ValueError, match="stands twice"):
        time_to_target(results)


def test_all_costs_of_a_configuration_stand_in_one_row():
    runs = runs_table([
        {"seed": 0, "test_loss_final": 0.3, "test_accuracy": 0.9, "log_tail": -1.0},
        {"seed": 1, "test_loss_final": 0.5, "test_accuracy": 0.7, "log_tail": -3.0},
        failure(seed=2, test_loss_final=math.inf, test_accuracy=0.8, log_tail=math.inf, steps=50, samples=800),
        {"seed": 0, "lr": 0.2, "status": "deadline", "log_tail": -2.0, "steps": 60, "samples": 960},
        {"seed": 0, "optimizer": "adam", "beta1": 0.9, "log_tail": -2.5},
    ])  # fmt: skip
    steps = np.array([0, 1, 10, 100])
    curves = [{"run_id": f"r{run}", "step": step, "samples": 16 * step, "train_loss": loss}
              for run, losses in enumerate([(1, 1, 0.1, 1e-2), (1, 1, 0.1, 0.1), (1, 1, 1), (1, 1, 1, 1),
                                            (1, 0.1, 0.1, 0.1)])
              for step, loss in zip(steps, losses, strict=False)]  # fmt: skip
    problems = pd.DataFrame([{"problem": "p", "minimum": 0.0, "minimum_source": "closed form", "examples": 160}])
    timings = pd.DataFrame([{"cohort_id": "c", "ns_per_run_step": 1e9, "steps": 100}])
    results = Tables(runs=runs, curves=pd.DataFrame(curves), timings=timings, problems=problems)
    by = ["problem", "optimizer", "beta1", "lr"]
    table = costs(results, by, targets=targets_of(runs, problems, shares=(0.1, 0.01)))
    first, late, adam = (row._asdict() for row in table.itertuples())
    assert table["lr"].tolist() == [0.1, 0.2, 0.1] and table["optimizer"].tolist() == ["gd", "gd", "adam"]
    assert (first["runs"], first["seeds"], first["failures"], first["unfinished"]) == (3, 3, pytest.approx(1 / 3), 0)
    assert (first["log_tail"], late["log_tail"], late["unfinished"]) == (-1, -2, 1)
    assert (first["test_loss"], first["test_accuracy"]) == (0.5, 0.7)  # a failure is the worst
    assert math.isnan(adam["test_loss"])
    wide = table.iloc[0]
    assert wide["reached_0.1"] == pytest.approx(2 / 3) and wide["reached_0.01"] == pytest.approx(1 / 3)
    assert wide["samples_to_0.1"] == pytest.approx((160 + 160 + 1600) / 2)
    assert wide["samples_to_0.01"] == pytest.approx(1600 + 1600 + 1600)
    assert wide["seconds_to_0.1"] == pytest.approx((10 + 10 + 100) / 2)
    assert table.iloc[1]["samples_to_0.1"] == math.inf and table.iloc[2]["samples_to_0.1"] == pytest.approx(16)
    assert late["log_area"] == 0 and adam["log_area"] == pytest.approx(math.log(0.1))


def test_groups_and_rows_can_be_chosen():
    chosen = RESULTS.runs[(RESULTS.runs["lr"] == 0.01) & (RESULTS.runs["batch_size"] == 16)]
    by = ["problem", "optimizer"]
    table = costs(RESULTS, by, chosen)
    assert table[by].equals(chosen[by].drop_duplicates(ignore_index=True)) and (table["runs"] == 4).all()
    times = time_to_target(RESULTS).merge(chosen[["run_id"]])
    for target in (0.1, 1e-5):
        sums = times[times["target"] == target].groupby(by, sort=False)[["samples", "reached"]].sum()
        expected = (sums["samples"] / sums["reached"]).to_numpy()
        np.testing.assert_allclose(table[f"samples_to_{target:g}"], expected)


def test_without_a_tail_column_the_late_evaluations_stand_in():
    runs, by = RESULTS.runs, ["run_id"]
    table = costs(RESULTS, by).set_index("run_id")["log_tail"]
    minimum = RESULTS.problems.set_index("problem")["minimum"]
    for run in runs[runs["status"] == "ok"].iloc[::37].itertuples():
        curve = RESULTS.curves[(RESULTS.curves["run_id"] == run.run_id) & (RESULTS.curves["step"] >= 0.8 * run.steps)]
        expected = np.log(np.maximum(curve["train_loss"] - minimum[run.problem], 1e-14)).mean()
        assert table[run.run_id] == pytest.approx(expected)
    lost = runs.loc[runs["status"] == "diverged", "run_id"]
    start = runs["loss_initial"] - runs["problem"].map(minimum)
    np.testing.assert_allclose(table[lost], np.log(1e6 * start[lost.index]))


def test_times_of_some_runs_have_their_blocks_and_all_runs_targets():
    chosen = RESULTS.runs[RESULTS.runs["seed"] < 2].assign(stage="holdout", block=lambda rows: rows["seed"])
    found = time_to_target(RESULTS, runs=chosen)
    whole = time_to_target(RESULTS)
    rest = whole[whole["seed"] < 2].reset_index(drop=True)
    assert found.drop(columns=["stage", "block"]).equals(rest) and (found["block"] == found["seed"]).all()
