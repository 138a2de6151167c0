"""Running a plan: both dtypes, deadlines, plug-ins that break on the way, and what the runner tells of it."""

import numpy as np
import pandas as pd
import pytest
from harness import execute as execute_spec
from quick import slow

import optbench
from optbench.contract.errors import OptbenchError
from optbench.plan.spec_files import make_spec

SMALL = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3], "batch_sizes": [100],
         "seeds": 2, "tuning_seeds": 1, "steps": 5}  # fmt: skip

HEAD = """
import numpy as np
from optbench import Problem, problem


def value_and_gradient(w, g):
    for i in range(w.shape[0]):
        g[i] = w[i]
    return 0.5 * w[0] * w[0]


def start(rng):
    return np.ones(2)


def make(**changes):
    parts = dict(form="single", dim=2, value_and_gradient=value_and_gradient, start=start, minimum=0.0,
                 minimum_source="closed form")
    return Problem(**(parts | changes))
"""

BROKEN = {
    "does not compile": """
def bad_kernel(w, g):
    return w.no_such_thing


@problem(source="a test")
def bad():
    return make(value_and_gradient=bad_kernel)
""",
    "raises at the start": """
def bad_start(rng):
    raise ZeroDivisionError("nowhere to start\\nat all")


@problem(source="a test")
def bad():
    return make(start=bad_start)
""",
    "starts at NaN": """
@problem(source="a test")
def bad():
    return make(start=lambda rng: np.full(2, np.nan))
""",
    "raises in its kernel": """
def bad_kernel(w, g):
    return w.reshape(3)[0]


@problem(source="a test")
def bad():
    return make(value_and_gradient=bad_kernel)
""",
    "raises where its scratch is asked for": """
def bad_kernel(w, g, f):
    for r in range(w.shape[1]):
        f[r] = 0.0


def bad_work(rows, runs):
    return 1 if runs == 1 else rows // 0


@problem(source="a test")
def bad():
    return make(form="lanes", value_and_gradient=bad_kernel, work=bad_work)
""",
}


def execute(tmp_path, **changes):
    """Return the status of SMALL with ``changes``, and its tables."""
    status = execute_spec(make_spec(SMALL, changes), tmp_path / "out", workers=1)
    return status, optbench.load(tmp_path / "out")


def test_both_dtypes(tmp_path):
    _, found = execute(tmp_path, dtypes="float64,float32", optimizers="adam", learning_rates=[0.01])
    wide, narrow = (found.runs[found.runs["dtype"] == dtype].reset_index() for dtype in ("float64", "float32"))
    assert len(wide) == len(narrow) == 2
    np.testing.assert_allclose(wide["loss_final"], narrow["loss_final"], rtol=1e-3)
    assert (wide["loss_final"] != narrow["loss_final"]).all()
    coordinate = narrow["w_1"].to_numpy()
    assert (coordinate == coordinate.astype(np.float32)).all(), "it was computed in float32"
    assert (wide["lr"] == narrow["lr"]).all() and (narrow["lr"] == 0.01).all(), "the rate is the one asked for"


def test_a_deadline_ends_runs_where_they_are(tmp_path):
    status, found = execute(tmp_path, run_timeout=1e-9, steps=1000)
    runs, curves = found.runs, found.curves
    assert (runs["status"] == "deadline").all() and (runs["steps"] < 1000).all() and status.runs == len(runs) == 4
    assert np.isfinite(runs["loss_final"]).all() and runs["diverged_at"].isna().all()
    assert not curves.duplicated(["run_id", "step"]).any()
    last = curves.groupby("run_id").last().loc[runs["run_id"]]
    assert (
        last["train_loss"].tolist() == runs["loss_final"].tolist() and last["step"].tolist() == runs["steps"].tolist()
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_problem_is_reported_and_takes_no_other_down(case, tmp_path, own_kernels):
    file = tmp_path / "plugin.py"
    file.write_text(HEAD + BROKEN[case])
    status, found = execute(tmp_path, problems="bad, rosenbrock", plugins=[str(file)])
    (pair,) = status.failed
    assert "bad" in pair and "gd" in pair and status.failed[pair] and "\n" not in status.failed[pair]
    bad = found.runs[found.runs["problem"] == "bad"]
    assert (bad["status"] == "failed").all() and len(bad) == 4 and (bad["failure"] == status.failed[pair]).all()
    assert bad[["loss_initial", "loss_final", "loss_best", "log_tail", "diverged_at"]].isna().all(axis=None)
    assert not set(bad["run_id"]) & set(found.curves["run_id"]) and not set(bad["cohort_id"]) & set(found.timings)
    assert set(found.runs["problem"]) == {"bad", "rosenbrock"} and len(found.runs) == 8
    assert (status.runs, status.total_runs, status.cohorts) == (8, 8, 4) and status.cost == pytest.approx(
        status.total_cost
    )
    assert pd.read_parquet(tmp_path / "out" / "problems.parquet")["problem"].tolist() == ["rosenbrock"]


PICKY = """
def picky_start(rng):
    w = rng.random(2)
    if w[0] < 0.5:
        raise ValueError("not this one")
    return w


@problem(source="a test")
def picky():
    return make(start=picky_start)
"""


def test_a_seed_that_cannot_start_costs_no_other_seed(tmp_path, own_kernels):
    """Seeds run in one job."""
    file = tmp_path / "plugin.py"
    file.write_text(HEAD + PICKY)
    given = {"problems": "picky", "batch_sizes": "full", "plugins": [str(file)], "isolate": "never", "workers": 1}
    with pytest.warns(UserWarning, match="could not run picky with gd: [0-9]+ of 24 runs failed"):
        found = optbench.sweep(SMALL, **given, seeds=12, tuning_seeds=6).runs
    lost = found["status"] == "failed"
    assert 0 < lost.sum() < len(found) == 24 and (found["failure"][~lost] == "").all()
    assert found["failure"][lost].str.endswith("start(rng) fails: ValueError: not this one").all()
    seeds = found["seed"][~lost].unique().tolist()
    sound = optbench.sweep(SMALL, **given, seeds=seeds, tuning_seeds=2).runs
    pd.testing.assert_frame_equal(found[~lost].reset_index(drop=True), sound, check_exact=True)


@pytest.mark.parametrize("name", ["seed", slow("train_loss"), slow("w_1")])
def test_a_hyperparameter_cannot_take_the_place_of_a_column(name, tmp_path, own_kernels):
    file = tmp_path / "plugin.py"
    file.write_text(
        "from optbench import optimizer\n\n\n"
        f"@optimizer(source='a test', {name}=0.25)\ndef mine(w, g, lr, {name}):\n    return w - lr * {name} * g\n"
    )
    with pytest.raises(OptbenchError, match=f"plugin.py|{name}"):
        optbench.sweep(SMALL, optimizers="mine", plugins=[str(file)])


def test_status_adds_up_and_a_second_run_has_nothing_to_do(tmp_path):
    seen = []
    spec = make_spec(SMALL, {"optimizers": "gd, momentum", "batch_sizes": "100,full"})
    made = execute_spec(spec, tmp_path / "out", workers=2, watch=lambda s: seen.append((s.runs, s.cost, s.compiled)))
    assert made.runs == made.total_runs == 16 and made.cohorts == 8 and not made.failed
    assert made.compiled == made.to_compile == 2 and made.cost == pytest.approx(made.total_cost, rel=1e-9)
    assert seen == sorted(seen) and seen[-1] == (16, made.cost, 2)
    again = execute_spec(spec, tmp_path / "out", workers=1)
    assert (again.runs, again.cohorts, again.to_compile) == (16, 8, 0) and again.cost == again.total_cost
