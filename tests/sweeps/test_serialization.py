"""Plans and cohorts that are written as JSON and made again elsewhere are the same ones."""

import json
import sys

import pytest
from harness import CATALOGUE

import optbench
from optbench.catalogue import loader
from optbench.catalogue.loader import cached_catalogue
from optbench.contract.errors import OptbenchError
from optbench.sweeps import session
from optbench.sweeps.run.isolation import Isolation
from optbench.sweeps.serialization import cohort_from_json, cohort_to_json, plan_from_json, plan_to_json
from optbench.sweeps.spec import make_spec, read_spec

MINE = """
import numpy as np
from optbench import Look, Problem, log_uniform, optimizer, problem, schedule, schedule_wrapper, wrapper


@optimizer(source="a test", beta=0.5, search={"beta": log_uniform(0.1, 0.9)}, limits={"beta": "(0, 1)"})
def mine(w, g, m, lr, beta):
    m = beta * m + g
    return w - lr * m, m


@wrapper(source="a test", k=2.0)
def around(step, w, g, lr, k):
    w = step(w, g * k)
    return w


def ahead_of(w, g):
    return w - 0.1 * g


@wrapper(source="a test", look=Look(ahead_of, every=3))
def twice(step, w, g, ahead, lr):
    w = step(w, ahead)
    return w, ahead


def here(w):
    return w


@optimizer(source="a test", look=Look(here, every=3, draws_labels=True))
def drawing(w, g, ahead, lr):
    return w - lr * g * abs(ahead), ahead


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
    {"learning_rates": [0.01, 0.1], "seeds": 3, "optimizers": "gd, mine(beta=[0.1,0.2]), around(mine), twice(gd), cg"},
    {"trials": 4, "blocks": 2, "learning_rates": None, "optimizers": "gd, mine, around(mine)"},
    {"learning_rates": "1e-3:1:3", "blocks": 3, "optimizers": "gd, mine, lbfgs", "points": [1, 4]},
]
COMMON = {"problems": ["rosenbrock", "bowl", "bowl(shift=1.0)", "average"], "batch_sizes": [4, "full"], "steps": 9,
          "schedules": "constant, sawtooth, warmup(sawtooth), capped(cosine)"}  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "mine.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize("spec", SPECS, ids=["grid", "trials in blocks", "a grid in blocks"])
def test_all_that_planning_uses_is_there(spec, file):
    spec = make_spec({**COMMON, **{k: v for k, v in spec.items() if v is not None}, "plugins": [str(file)]}, {})
    plan = session.plan(spec, loader.load_all(file))
    again = plan_from_json(json.loads(json.dumps(plan_to_json(plan))), spec, CATALOGUE, "cpu", "")
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


def test_second_gradients_and_labels_are_those_of_the_plan(file):
    given = {"problems": "mlp", "optimizers": "drawing, twice(gd), gd", "steps": 3, "plugins": [str(file)]}
    plan = session.plan(spec := make_spec(given, {}), loader.load_all(file))
    again = plan_from_json(json.loads(json.dumps(plan_to_json(plan))), spec, CATALOGUE, "cpu", "")
    found = {each.cohort.optimizer.name: each.cohort for each in again.series}
    facts = {name: (each.optimizer.look_every, each.optimizer.draws_labels) for name, each in found.items()}
    assert facts == {"drawing": (3, True), "twice(gd)": (3, False), "gd": (0, False)}
    assert found["drawing"].problem.draws_labels == 1


def test_the_users_file_stays_out_of_this_process(file, tmp_path):
    copy = tmp_path / "other.py"
    copy.write_text(file.read_text() + "# another content, that nobody has loaded\n")
    spec = make_spec({**COMMON, **SPECS[0], "plugins": [str(copy)]}, {})
    plan = session.load_and_plan(spec, Isolation())
    assert plan.runs
    assert not any(name.startswith("_optbench_plugin_other") for name in sys.modules)


def test_a_sweep_says_once_what_quick_checks_found(tmp_path):
    file = tmp_path / "drawn.py"
    file.write_text(MINE.replace("rng.uniform(1, 2, 2)", "np.random.default_rng().uniform(1, 2, 2)"))
    with pytest.warns(UserWarning, match=r"problem bowl: .* different points.* \(optbench check drawn.py\)") as caught:
        optbench.sweep(problems=["bowl"], optimizers=["gd"], batch_sizes=["full"], learning_rates=[0.1], steps=3,
                       schedules=["constant"], seeds=2, plugins=[file])  # fmt: skip
    assert sum("different points" in str(each.message) for each in caught) == 1


EVERYTHING = {
    "problems": sorted(set(CATALOGUE.problems) - {"flights", "weather", "mnist"}),
    "optimizers": [*sorted({*CATALOGUE.optimizers} - {"sophia_g"}), *CATALOGUE.baselines,
                   *(f"{name}(adam)" for name in CATALOGUE.wrappers)],
    "schedules": [*CATALOGUE.schedules, *(f"{name}(cosine)" for name in CATALOGUE.schedule_wrappers)],
    "learning_rates": [0.1, 0.3], "batch_sizes": [16, "full"], "steps": 3, "seeds": 1, "dtypes": ["float32"],
    "points": [1, 2],
}  # fmt: skip


@pytest.mark.parametrize("spec", [read_spec(), make_spec(EVERYTHING)], ids=["default", "all"])
def test_every_cohort_comes_back_with_its_ids(spec):
    """Every problem and every optimizer once."""
    seen = set()
    for planned in session.plan(spec, CATALOGUE).cohorts:
        names = {planned.cohort.problem.name, planned.cohort.optimizer.name}
        if names <= seen:
            continue
        seen |= names
        data = json.loads(json.dumps(cohort_to_json(planned)))
        again = cohort_from_json(data, CATALOGUE)
        assert (again.cohort_id, again.run_ids) == (planned.cohort_id, planned.run_ids)
        assert (again.stage, again.block) == (planned.stage, planned.block)
        assert again.cohort.evaluated.tolist() == planned.cohort.evaluated.tolist()


def test_another_version_or_file_is_refused(tmp_path):
    file = tmp_path / "rule.py"
    text = "from optbench import optimizer\n@optimizer(source='x')\ndef mine(w, g, lr):\n    return w - lr * g\n"
    file.write_text(text)
    spec = make_spec({"problems": ["rosenbrock"], "optimizers": ["mine"], "learning_rates": [0.1], "steps": 3}, {})
    planned = next(iter(session.plan(spec, loader.load_all(file)).cohorts))
    data = cohort_to_json(planned)
    with pytest.raises(OptbenchError, match="this is optbench .* and the sweep is of 0.0.1"):
        cohort_from_json(data | {"version": "0.0.1"}, loader.load_all(file))
    file.write_text(text.replace("lr * g", "0.5 * lr * g"))
    with pytest.raises(OptbenchError, match="rosenbrock with mine: plug-in or data files differ"):
        cohort_from_json(data, loader.load_all(file))


RANDOM = """
import os
import numpy as np
from optbench import Problem, problem

def half_square(w, g):
    g[0] = w[0]
    return 0.5 * w[0] * w[0]

@problem(source="x")
def restless():
    return Problem(form="single", dim=1, start=np.ones, value_and_gradient=half_square, minimum=0.0,
                   minimum_source="x", digest=os.urandom(4).hex(), eager=True)
"""


def test_a_problem_that_is_another_one_whenever_it_is_built_is_told_so(tmp_path):
    file = tmp_path / "restless.py"
    file.write_text(RANDOM)
    spec = make_spec({"problems": ["restless"], "optimizers": ["gd"], "learning_rates": [0.1], "steps": 3}, {})
    planned = next(iter(session.plan(spec, loader.load_all(file)).cohorts))
    with pytest.raises(OptbenchError, match="problem restless is another one whenever it is built: seed its random"):
        cohort_from_json(cohort_to_json(planned), cached_catalogue([file]))
