"""Cohorts that are written as JSON and made again elsewhere are the same ones."""

import json

import pytest
from harness import CATALOGUE
from quick import slow

import optbench
from optbench.catalogue import loader
from optbench.catalogue.loader import cached_catalogue
from optbench.contract.errors import OptbenchError
from optbench.plan.spec_files import make_spec, read_spec
from optbench.run import session
from optbench.run.serialization import cohort_from_json, cohort_to_json

DRAWN = """
import numpy as np
from optbench import Problem, problem


def half_square(w, g):
    g[0], g[1] = w[0], w[1]
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


@problem(source="a test")
def bowl():
    return Problem(form="single", dim=2, value_and_gradient=half_square, minimum=0.0, minimum_source="a test",
                   start=lambda rng: np.random.default_rng().uniform(1, 2, 2))
"""


@pytest.mark.slow
def test_a_sweep_says_once_what_quick_checks_found(tmp_path):
    file = tmp_path / "drawn.py"
    file.write_text(DRAWN)
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


@pytest.mark.parametrize("spec", [read_spec(), slow(make_spec(EVERYTHING))], ids=["default", "all"])
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
