"""Expected running times by hand as COCO has them, their intervals one group at a time, restarts by their mean."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from synthetic import failure, make_tables, runs_table

from optbench.analysis import costs, running_times, simulated_restarts, statistics, targets_of, time_to_target
from optbench.contract.errors import OptbenchError

TABLES = SimpleNamespace(**make_tables(problems=("saddle", "breast_cancer"), optimizers=("gd", "adam"), seeds=range(5),
                                       schedules=("constant",), diverge_above=2.0))  # fmt: skip
TIMES = time_to_target(TABLES, targets_of(TABLES.runs, TABLES.problems, shares=(0.1, 0.01)))


def times_of(costs, reached, **columns):
    table = pd.DataFrame({"seed": range(len(costs)), "samples": costs, "reached": reached})
    return table.assign(**{"problem": "p", "optimizer": "gd", "target": 0.1} | columns)


def test_expected_running_times_by_hand():
    """COCO: all evaluations, those of the unsuccessful trials too, over the number of successes."""
    table = pd.concat([
        times_of([100, 300, 1000, 1000], [True, True, False, False]),  # (100 + 300 + 1000 + 1000) / 2
        times_of([200, 400], [True, True], target=0.01),
        times_of([500, 500, 500], [False] * 3, optimizer="adam"),
    ])  # fmt: skip
    found = running_times(table)
    assert found[["optimizer", "target", "runs", "reached", "ert"]].values.tolist() == [
        ["gd", 0.1, 4, 2, 1200], ["gd", 0.01, 2, 2, 300], ["adam", 0.1, 3, 0, math.inf],
    ]  # fmt: skip
    assert (found["low"] <= found["ert"]).all() and (found["ert"] <= found["high"]).all()
    assert found["low"][0] < 1200 < found["high"][0] == math.inf  # none of the four may be drawn that arrived


@pytest.mark.parametrize("clock", ["steps", "samples", "seconds"])
def test_intervals_are_those_of_one_group_at_a_time(clock):
    by = ["problem", "optimizer", "batch_size", "lr"]
    found = running_times(TIMES, by, clock).set_index([*by, "target"])
    groups = TIMES.groupby([*by, "target"])
    assert len(found) == len(groups) > 150
    for key, rows in list(groups)[::11]:
        rows = rows.sort_values("seed")
        expected = statistics.ert_interval(rows[clock], rows["reached"])
        np.testing.assert_allclose(found.loc[key, ["ert", "low", "high"]], expected, rtol=1e-12)


def test_runs_of_one_seed_are_drawn_together():
    """Twice the same table has the same intervals; as independent runs they would be narrower."""
    table = times_of([100, 200, 400, 800], [True] * 4)
    double = pd.concat([table, table])
    columns = ["ert", "low", "high"]
    assert running_times(double)[columns].equals(running_times(table)[columns])
    assert running_times(double)["runs"].tolist() == [8]


def test_restarts_end_with_a_success():
    times = simulated_restarts([10, 7, 1000], [True, True, False], count=20_000)
    rest = times % 1000
    assert set(rest) == {7, 10}
    share = np.bincount((times // 1000).astype(int))[:4] / len(times)  # geometric: 2/3 at once, 2/9 after one failure
    np.testing.assert_allclose(share, [2 / 3, 2 / 9, 2 / 27, 2 / 81], atol=0.012)
    ert = statistics.ert([10, 7, 1000], [True, True, False])
    assert abs(times.mean() - ert) < 4 * times.std() / math.sqrt(len(times))
    assert (simulated_restarts([10, 20], [False, False], count=3) == math.inf).all()


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
    results = SimpleNamespace(runs=runs, curves=pd.DataFrame(curves), timings=timings, problems=problems)
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


def test_groups_are_configurations_unless_told_otherwise():
    table = costs(TABLES)
    keys = ["problem", "optimizer", "batch_size", "schedule", "lr"]
    assert table[keys].equals(TABLES.runs[keys].drop_duplicates(ignore_index=True)) and (table["seeds"] == 5).all()


def test_groups_and_rows_can_be_chosen():
    chosen = TABLES.runs[(TABLES.runs["lr"] == 0.01) & (TABLES.runs["batch_size"] == 16)]
    by = ["problem", "optimizer"]
    table = costs(TABLES, by, chosen)
    assert table[by].equals(chosen[by].drop_duplicates(ignore_index=True)) and (table["runs"] == 5).all()
    ert = running_times(time_to_target(TABLES).merge(chosen[["run_id"]]), by)
    for target in (0.1, 1e-5):
        expected = table[by].merge(ert[ert["target"] == target], on=by)["ert"]
        np.testing.assert_allclose(table[f"samples_to_{target:g}"], expected)


def test_without_a_tail_column_the_late_evaluations_stand_in():
    runs, by = TABLES.runs, ["run_id"]
    table = costs(TABLES, by).set_index("run_id")["log_tail"]
    minimum = TABLES.problems.set_index("problem")["minimum"]
    for run in runs[runs["status"] == "ok"].iloc[::37].itertuples():
        curve = TABLES.curves[(TABLES.curves["run_id"] == run.run_id) & (TABLES.curves["step"] >= 0.8 * run.steps)]
        expected = np.log(np.maximum(curve["train_loss"] - minimum[run.problem], 1e-14)).mean()
        assert table[run.run_id] == pytest.approx(expected)
    lost = runs.loc[runs["status"] == "diverged", "run_id"]
    start = runs["problem"].map({"saddle": 0.9, "breast_cancer": 0.65})
    np.testing.assert_allclose(table[lost], np.log(1e6 * start[lost.index]))


def test_an_unknown_clock_is_told():
    with pytest.raises(OptbenchError, match="unknown clock 'sampels': did you mean 'samples'?"):
        running_times(TIMES, clock="sampels")


def test_blocks_are_drawn_where_there_are_some():
    """Runs of a block share what it chose: three alike a block give the interval of one a block, not of three seeds."""
    one = times_of([100, 200, 400, 800], [True] * 4).assign(block=range(4))
    three = pd.concat([one.assign(seed=one["seed"] + 10 * place) for place in range(3)])
    columns = ["ert", "low", "high"]
    assert running_times(three)[columns].equals(running_times(one)[columns])
    narrow = running_times(three.assign(block=-1)).iloc[0]
    assert narrow["high"] - narrow["low"] < 0.8 * (running_times(one)["high"] - running_times(one)["low"])[0]


def test_times_of_some_runs_have_their_blocks_and_all_runs_targets():
    chosen = TABLES.runs[TABLES.runs["seed"] < 2].assign(stage="holdout", block=lambda rows: rows["seed"])
    found = time_to_target(TABLES, runs=chosen)
    whole = time_to_target(TABLES)
    rest = whole[whole["seed"] < 2].reset_index(drop=True)
    assert found.drop(columns=["stage", "block"]).equals(rest) and (found["block"] == found["seed"]).all()
