"""A plan that goes through JSON to a process without the user's files is the same plan."""

import json
import sys

import pytest
from harness import CATALOGUE

import optbench
from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError
from optbench.sweeps import session
from optbench.sweeps.isolation import Isolation
from optbench.sweeps.plan_data import from_data, to_data
from optbench.sweeps.spec_files import merge

MINE = """
import numpy as np
from optbench import Problem, log_uniform, optimizer, problem, schedule, schedule_wrapper, wrapper


@optimizer(source="a test", beta=0.5, search={"beta": log_uniform(0.1, 0.9)}, limits={"beta": "(0, 1)"})
def mine(w, g, m, lr, beta):
    m = beta * m + g
    return w - lr * m, m


@wrapper(source="a test", k=2.0)
def around(step, w, g, lr, k):
    w = step(w, g * k)
    return w


@schedule(source="a test", low=0.5)
def sawtooth(step, epoch, total_steps, low):
    return low + (1 - low) * (step % 10) / 10


@schedule_wrapper(source="a test", most=0.5)
def capped(inner, step, epoch, total_steps, most):
    return np.minimum(inner(step, epoch, total_steps), most)


def half_square(w, g):
    g[0], g[1] = w[0], w[1]
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


@problem(source="a test")
def bowl(shift=0.0):
    return Problem(form="single", dim=2, value_and_gradient=half_square, start=lambda rng: rng.uniform(1, 2, 2),
                   minimum=0.0, minimum_source="a test", minimizer=np.zeros(2), domain=((-1, 1), (-1, 1)))


def mean_square(w, g, x, y):
    g[0] = 0.0
    value = 0.0
    for i in range(len(x)):
        value += 0.5 * (w[0] - y[i]) ** 2 / len(x)
        g[0] += (w[0] - y[i]) / len(x)
    return value


@problem(source="a test")
def average():
    x = np.arange(40.0).reshape(20, 2)
    return Problem(form="single", dim=1, value_and_gradient=mean_square, start=lambda rng: np.ones(1), minimum=0.0,
                   minimum_source="a bound", data=(x[:15], x[:15, 0]), test=(x[15:], x[15:, 0]))
"""
SPECS = [
    {"learning_rates": [0.01, 0.1], "seeds": 3, "optimizers": "gd, mine(beta=[0.1,0.2]), around(mine), lbfgs"},
    {"trials": 4, "blocks": 2, "learning_rates": None, "optimizers": "gd, mine, around(mine)"},
]
COMMON = {"problems": ["rosenbrock", "bowl", "bowl(shift=1.0)", "average"], "batch_sizes": [4, "full"], "steps": 9,
          "schedules": "constant, sawtooth, warmup(sawtooth), capped(cosine)"}  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "mine.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize("spec", SPECS, ids=["grid", "trials in blocks"])
def test_all_that_planning_uses_is_there(spec, file):
    spec = merge({**COMMON, **{k: v for k, v in spec.items() if v is not None}, "plugins": [str(file)]}, {})
    plan = session.plan(spec, loader.load_all(file))
    again = from_data(json.loads(json.dumps(to_data(plan))), spec, CATALOGUE, "cpu", "")
    assert [each.cohort_id for each in again.cohorts] == [each.cohort_id for each in plan.cohorts]
    assert [each.run_ids for each in again.cohorts] == [each.run_ids for each in plan.cohorts]
    assert (again.trials, again.searched, again.origins()) == (plan.trials, plan.searched, plan.origins())
    for old, new in zip(plan.series, again.series, strict=True):
        assert list(old.cohort.evaluated) == list(new.cohort.evaluated) and list(old.seeds) == list(new.seeds)
        for name in ("dim", "minimum", "metrics", "examples", "minimum_source", "domain", "blocks", "eager", "form"):
            assert getattr(old.cohort.problem, name) == getattr(new.cohort.problem, name)
        assert old.cohort.optimizer.space == new.cohort.optimizer.space
    with pytest.raises(OptbenchError, match="half_square is not loaded in this process"):
        next(p for p in again.problems if p.name == "bowl").value_and_gradient()


def test_the_users_file_stays_out_of_this_process(file, tmp_path):
    copy = tmp_path / "other.py"
    copy.write_text(file.read_text() + "# another content, that nobody has loaded\n")
    broken = []
    spec = merge({**COMMON, **SPECS[0], "plugins": [str(copy)]}, {})
    plan = session.planned(spec, Isolation(), lambda path, trace: broken.append(path))
    assert plan.runs and not broken
    assert not any(name.startswith("_optbench_plugin_other") for name in sys.modules)


def test_a_sweep_says_once_what_quick_checks_found(tmp_path):
    file = tmp_path / "drawn.py"
    file.write_text(MINE.replace("rng.uniform(1, 2, 2)", "np.random.default_rng().uniform(1, 2, 2)"))
    with pytest.warns(UserWarning, match=r"problem bowl: .* different points.* \(optbench check drawn.py\)") as told:
        optbench.sweep(problems=["bowl"], optimizers=["gd"], batch_sizes=["full"], learning_rates=[0.1], steps=3,
                       schedules=["constant"], seeds=2, plugins=[file])  # fmt: skip
    assert sum("different points" in str(each.message) for each in told) == 1
