"""The area under curves: closed forms, and a fine grid of steps in plain Python."""

import math

import numpy as np
import pandas as pd
import pytest
from synthetic import make_tables, runs_table

from optbench.analysis.sweep_tables import Tables
from optbench.analysis.trajectories import log_area

TABLES = Tables(**make_tables(problems=("saddle", "breast_cancer"), optimizers=("gd", "adam"), seeds=range(3),
                              schedules=("constant",), diverge_above=2.0))  # fmt: skip
FACTS = {"saddle": (-0.25, 0.9), "breast_cancer": (0.0462, 0.65)}  # minimum, first suboptimality


def one_run(steps, losses, ended=0, given=0, pace=1e9):
    """Return one run, its minimum 0 and its first suboptimality that of `losses`."""
    steps = np.asarray(steps)
    row = {"loss_initial": losses[0], "steps": ended or steps[-1], "samples": 2 * steps[-1], "loss_best": 0.0}
    row |= {"status": "diverged", "suboptimality_final": math.inf} if ended else {"suboptimality_final": 0.0}
    curves = pd.DataFrame({"run_id": "r0", "step": steps, "samples": 2 * steps, "train_loss": losses})
    timings = pd.DataFrame([{"cohort_id": "c", "ns_per_run_step": pace, "steps": given or steps[-1]}])
    problems = pd.DataFrame([{"problem": "p", "minimum": 0.0, "minimum_source": "closed form"}])
    return Tables(runs=runs_table([row]), curves=curves, timings=timings, problems=problems)


def reference(results, run, steps):
    """ln of the suboptimality of one run at many steps: numpy's interpolation between the points."""
    minimum, first = FACTS[run.problem]
    points = results.curves[results.curves["run_id"] == run.run_id].sort_values("step")
    value = np.log(np.maximum(points["train_loss"] - minimum, 1e-14))
    out = np.interp(steps, points["step"], value)
    out = np.where(steps < 1, value.iloc[0], out)
    return np.where((steps >= points["step"].iloc[-1]) & (run.status == "diverged"), math.log(1e6 * first), out)


@pytest.mark.parametrize("step", [2.0, 50.0])
def test_the_area_of_an_exponential_is_known(step):
    """ln f = -s / 10: the mean over ln s from 1 to n is -(n - 1) / (10 ln n), whatever the points."""
    steps = np.unique([0, 1, 7, 33, int(step)])
    steps = steps[steps <= step]
    area = log_area(one_run(steps, np.exp(-steps / 10)))
    assert area[0] == pytest.approx(-(step - 1) / 10 / math.log(step))
    if step > 40:  # without a point at the first step it is interpolated
        assert log_area(one_run(steps[steps != 1], np.exp(-steps[steps != 1] / 10)))[0] == pytest.approx(area[0])


def test_a_failed_run_has_the_area_of_its_failure():
    """A loss of 1 to step 4, then a failure of 1e6 to step 16: half of the four octaves each."""
    assert log_area(one_run([0, 1, 4], [1, 1, 1], ended=5, given=16))[0] == pytest.approx(math.log(1e6) / 2)
    assert log_area(one_run([0], [1], ended=1, given=1))[0] == pytest.approx(math.log(1e6))
    assert log_area(one_run([0, 1], [2, 1]))[0] == 0
    one = one_run([0, 1], [2, 1])
    assert np.isnan(log_area(Tables(one.runs, one.curves.iloc[:0], one.timings, one.problems))[0])


def test_the_area_is_the_mean_over_log_spaced_steps():
    for place in range(0, len(TABLES.runs), 29):
        run = TABLES.runs.iloc[place]
        some = Tables(
            runs=TABLES.runs.iloc[[place]], curves=TABLES.curves, timings=TABLES.timings, problems=TABLES.problems
        )
        edges = np.linspace(0, math.log(run["steps"] if run["status"] == "ok" else some_budget(run)), 200_001)
        middles = np.exp((edges[1:] + edges[:-1]) / 2)
        assert log_area(some)[0] == pytest.approx(reference(some, run, middles).mean(), rel=1e-3, abs=1e-3)


def some_budget(run):
    return TABLES.timings.set_index("cohort_id").loc[run["cohort_id"], "steps"]
