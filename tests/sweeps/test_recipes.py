"""A cohort that was told as plain data and made again elsewhere is the same one."""

import pickle
from dataclasses import replace

import pytest

from optbench.catalogue import loader
from optbench.catalogue.loader import cached_catalogue
from optbench.contract.errors import OptbenchError
from optbench.sweeps import session
from optbench.sweeps.recipes import cohort_of, recipe_of
from optbench.sweeps.spec_files import SHIPPED, merge, read

CATALOGUE = loader.load()
EVERYTHING = {
    "problems": sorted(set(CATALOGUE.problems) - {"flights", "weather", "mnist"}),
    "optimizers": [*CATALOGUE.optimizers, *CATALOGUE.baselines, *(f"{name}(adam)" for name in CATALOGUE.wrappers)],
    "schedules": [*CATALOGUE.schedules, *(f"{name}(cosine)" for name in CATALOGUE.schedule_wrappers)],
    "learning_rates": [0.1, 0.3], "batch_sizes": [16, "full"], "steps": 3, "seeds": 1, "dtypes": ["float32"],
    "points": [1, 2],
}  # fmt: skip


@pytest.mark.parametrize("spec", [*map(read, sorted(SHIPPED)), merge(EVERYTHING, {})], ids=[*sorted(SHIPPED), "all"])
def test_every_cohort_comes_back_with_its_ids(spec):
    """Every problem and every optimizer once."""
    seen = set()
    for planned in session.plan(spec, CATALOGUE).cohorts:
        names = {planned.cohort.problem.name, planned.cohort.optimizer.name}
        if names <= seen:
            continue
        seen |= names
        recipe = pickle.loads(pickle.dumps(recipe_of(planned, spec.plugins)))
        again = cohort_of(recipe, CATALOGUE)
        assert (again.key, again.run_ids) == (planned.key, planned.run_ids)
        assert again.cohort.evaluated.tolist() == planned.cohort.evaluated.tolist()


def test_another_version_or_file_is_refused(tmp_path):
    file = tmp_path / "rule.py"
    text = "from optbench import optimizer\n@optimizer(source='x')\ndef mine(w, g, lr):\n    return w - lr * g\n"
    file.write_text(text)
    spec = merge({"problems": ["rosenbrock"], "optimizers": ["mine"], "learning_rates": [0.1], "steps": 3}, {})
    planned = session.plan(spec, loader.load_all(file)).cohorts[0]
    recipe = recipe_of(planned, [str(file)])
    with pytest.raises(OptbenchError, match="this is optbench .* and the sweep is of 0.0.1"):
        cohort_of(replace(recipe, version="0.0.1"), loader.load_all(file))
    file.write_text(text.replace("lr * g", "0.5 * lr * g"))
    with pytest.raises(OptbenchError, match="rosenbrock with mine: plug-in or data files differ"):
        cohort_of(recipe, loader.load_all(file))


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
    spec = merge({"problems": ["restless"], "optimizers": ["gd"], "learning_rates": [0.1], "steps": 3}, {})
    planned = session.plan(spec, loader.load_all(file)).cohorts[0]
    with pytest.raises(OptbenchError, match="problem restless is another one whenever it is built: seed its random"):
        cohort_of(recipe_of(planned, [str(file)]), cached_catalogue([file]))
