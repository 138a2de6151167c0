"""From a spec to cohorts: how many, of what, and under which ids."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError
from optbench.contract.source_code import SourceFile
from optbench.engine.cohort import Cohort, Lane
from optbench.plan import planned_cohorts
from optbench.plan.spec_files import make_spec
from optbench.run import session
from optbench.run.isolation import Isolation

BASE = {"problems": ["rosenbrock"], "optimizers": ["adam"], "schedules": ["inverse"], "learning_rates": [0.1],
        "batch_sizes": [16], "seeds": [1], "tuning_seeds": 0, "steps": 3}  # fmt: skip

SPEC = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "adam"], "learning_rates": [1e-4, 1e-3],
        "batch_sizes": [16, "full"], "schedules": ["constant", "inverse"], "steps": 5}  # fmt: skip

PLUGIN = """
import numpy as np
from optbench import Problem, optimizer, problem, schedule


@optimizer(source="a test")
def mine(w, g, lr):
    return w - lr * g


@schedule(source="a test")
def halves(step, epoch, total_steps):
    return np.full(len(step), 0.5)


def value_and_gradient(w, g):
    g[0] = w[0]
    return 0.5 * w[0] * w[0]


@problem(source="a test")
def bowl(examples=100):
    return Problem(form="single", dim=1, value_and_gradient=value_and_gradient, start=lambda rng: np.ones(1),
                   minimum=0.0, minimum_source="closed form", examples=examples)
"""


def make(catalogue, **changes):
    return list(planned_cohorts.expand(make_spec(BASE, changes), catalogue).cohorts)


def only(catalogue, **changes):
    """Return (cohort id, run id) of the single run of BASE with ``changes``."""
    (cohort,) = make(catalogue, **changes)
    (run_id,) = cohort.run_ids
    return cohort.cohort_id, run_id


def test_a_sweep_is_the_full_factorial(catalogue):
    parts = {
        "problems": ["rosenbrock", "saddle", "quadratic(dim=3)"],
        "optimizers": ["gd", "adam(beta1=[0.8, 0.9], eps=[0, 1e-8])"],
        "batch_sizes": [16, "full"],
        "schedules": ["constant", "inverse", "inverse(decay_rate=0.5)"],
        "learning_rates": [0.01, 0.1, 1.0],
        "seeds": [3, 4],
        "dtypes": ["float64", "float32"],
    }
    cohorts = make(catalogue, **parts)
    inner = [planned.cohort for planned in cohorts]
    cells = [(c.problem.name, c.optimizer.name, c.batch_size, c.seed, c.dtype) for c in inner]
    expected = itertools.product(parts["problems"], ["gd", "adam"], [16, 1024], [3, 4], parts["dtypes"])
    assert len(cells) == len(set(cells)) and set(cells) == set(expected)
    for planned in cohorts:
        cohort = planned.cohort
        settings = 1 if cohort.optimizer.name == "gd" else 4
        lanes = {(lane.lr, lane.schedule.text, *lane.hyperparameters.values()) for lane in cohort.lanes}
        assert len(lanes) == len(cohort.lanes) == len(planned.run_ids) == settings * 3 * 3
        assert cohort.steps == 3 and planned.cost > 0
    run_ids = [run_id for cohort in cohorts for run_id in cohort.run_ids]
    assert len(set(run_ids)) == len(run_ids) == 3 * (1 + 4) * 2 * 3 * 3 * 2 * 2
    assert len({cohort.cohort_id for cohort in cohorts}) == len(cohorts)


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rates": [0.2]},
        {"schedules": ["constant"]},
        {"schedules": ["inverse(decay_rate=0.5)"]},
        {"optimizers": ["adam(beta1=0.8)"]},
        {"optimizers": ["adam_torch"]},
        {"seeds": [2]},
        {"dtypes": ["float32"]},
        {"batch_sizes": [32]},
        {"batch_sizes": ["full"]},
        {"steps": 4},
        {"run_timeout": 9.0},
        {"problems": ["saddle"]},
        {"problems": ["rosenbrock(noise=2.0)"]},
        {"problems": [{"name": "rosenbrock", "steps": 5}]},
    ],
    ids=repr,
)
def test_every_ingredient_changes_the_ids(catalogue, changes):
    before, after = only(catalogue), only(catalogue, **changes)
    assert before[0] != after[0] and before[1] != after[1]
    assert all(len(part) == 16 and int(part, 16) >= 0 for part in before)


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rates": [1e-1]},
        {"schedules": ["inverse(decay_rate=1)"]},
        {"optimizers": ["adam(eps=0, beta1=0.9)"]},
        {"problems": ["rosenbrock(noise=1, dim=2)"]},
        {"problems": [{"name": "rosenbrock", "steps": 3}], "steps": 7},
        {"epochs": 3 / 64},
        {"tuning_seeds": 1},
    ],
    ids=repr,
)
def test_another_way_to_say_the_same_does_not(catalogue, changes):
    assert only(catalogue, **changes) == only(catalogue)


def test_only_a_gpu_changes_the_ids(catalogue):
    spec = make_spec(BASE, {"device": "auto"})
    on_cpu, on_gpu = (list(planned_cohorts.expand(spec, catalogue, device).cohorts) for device in ("cpu", "cuda"))
    assert (on_cpu[0].cohort_id, *on_cpu[0].run_ids) == only(catalogue)
    assert not {on_cpu[0].cohort_id, *on_cpu[0].run_ids} & {on_gpu[0].cohort_id, *on_gpu[0].run_ids}
    assert (on_cpu[0].cohort.device, on_gpu[0].cohort.device) == ("cpu", "cuda")


def test_a_run_keeps_its_id_in_larger_company(catalogue):
    cohort_id, run_id = only(catalogue)
    more = make(
        catalogue, problems=["saddle", "rosenbrock"], optimizers="gd, adam(beta1=[0.8, 0.9])", batch_sizes="full,16",
        schedules="constant, inverse", learning_rates="1,0.1", seeds=[0, 1], dtypes="float32,float64",
    )  # fmt: skip
    found = [cohort for cohort in more if run_id in cohort.run_ids]
    assert len(found) == 1 and found[0].cohort_id != cohort_id
    lane = found[0].cohort.lanes[found[0].run_ids.index(run_id)]
    assert (found[0].cohort.problem.name, found[0].cohort.batch_size, found[0].cohort.seed, found[0].cohort.dtype) == (
        "rosenbrock",
        16,
        1,
        "float64",
    )
    assert (lane.lr, lane.schedule.text, lane.hyperparameters["beta1"]) == (0.1, "inverse(decay_rate=1.0)", 0.9)


def test_a_batch_above_the_data_is_the_full_batch_once(catalogue):
    planned = make(catalogue, batch_sizes=[16, 5000, "full", 10**30], problems=["rosenbrock", "least_squares"])
    cohorts = [each.cohort for each in planned]
    examples = len(cohorts[-1].problem.data[0])
    assert [(c.problem.name, c.batch_size) for c in cohorts] == [
        ("rosenbrock", 16), ("rosenbrock", 1024), ("least_squares", 16), ("least_squares", examples)
    ]  # fmt: skip


@pytest.mark.parametrize("epochs", [1e-9, 0.5, 1, 1.1, 2.01, 2.2, 7, 1e6 + 0.1])
@pytest.mark.parametrize("size", [1, 10, 100, 128, "full"])
def test_steps_from_epochs(catalogue, epochs, size):
    """The steps of the decimal number that was written, rounded up: 1.1 epochs of 100 steps are 110, not 111."""
    (planned,) = make(catalogue, problems="quadratic_deep", epochs=epochs, batch_sizes=[size])
    per_epoch = math.ceil(1000 / (1000 if size == "full" else size))
    assert planned.cohort.steps == math.ceil(Fraction(repr(epochs)) * per_epoch)


def test_a_problem_may_have_its_own_budget(catalogue):
    entries = ["saddle", {"name": "rosenbrock", "epochs": 2}, {"name": "plateau", "steps": 9}]
    assert [planned.cohort.steps for planned in make(catalogue, problems=entries)] == [3, 2 * 64, 9]


def test_the_content_of_a_plugin_counts_and_its_place_does_not(tmp_path):
    def ids(name, text, **changes):
        file = tmp_path / name / "plugin.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return only(loader.load((file,)), **changes)

    for changes in ({"optimizers": "mine"}, {"schedules": "halves"}, {"problems": "bowl"}):
        first = ids("a", PLUGIN, **changes)
        assert first == ids("b", PLUGIN, **changes)
        changed = ids("a", PLUGIN + "# Another edition.\n", **changes)
        assert first[0] != changed[0] and first[1] != changed[1]
    assert ids("a", PLUGIN) == ids("a", PLUGIN + "\n"), "the file has no part in this run"


@pytest.mark.slow
def test_a_name_of_a_broken_file_is_explained_by_it(tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('no')\n")
    spec = make_spec(BASE, {"plugins": [str(tmp_path / "broken.py")], "optimizers": ["mine"]})
    with pytest.raises(OptbenchError, match="^the plug-in broken.py does not load: RuntimeError: no$"):
        session.load_and_plan(spec, Isolation())


def at(record, letter):
    """Return the record as if it came from a file with a hash of this letter."""
    return replace(record, origins=(SourceFile("a record", Path("anywhere"), 64 * letter),))


@pytest.fixture
def lanes(catalogue):
    constant = at(catalogue.schedule("constant"), "d")
    inverse = at(catalogue.schedule("inverse(decay_rate=0.5)"), "c")
    values = catalogue.optimizer("adam")[1]
    return [Lane(0.1, constant, values), Lane(3e-05, inverse, {**values, "beta1": 0.8}), Lane(1.0, inverse, values)]


@pytest.mark.parametrize(
    ("options", "whole", "alone", "run_ids"),
    [
        ({}, "479a27e7a4be1ce1", "c374dc8e30fc96d6", ["8865fd528e6ca810", "51e0c8fb500cbb59", "9394f3657bdde04f"]),
        (
            {"points": (0, 7), "deadline": 2.5, "dtype": "float32"},
            "7745671c3dd8a30d",
            "51a884d064231f6d",
            ["092c8f8686d84b5f", "a57fa206559efe0f", "ac913b354e0d69be"],
        ),
        (
            {"device": "cuda", "points": "every"},
            "794939f7a16655f4",
            "00816ad962a40e64",
            ["437aaa4ea78ee4ca", "94131d0da2d5f64f", "59a7703a63fa353c"],
        ),
    ],
)
def test_ids_are_those_of_version_0_3_0(catalogue, lanes, monkeypatch, options, whole, alone, run_ids):
    """As that version computed them when it made its plan, from the same records."""
    monkeypatch.setattr(planned_cohorts, "__version__", "1.2.3")
    records = at(catalogue.problem("rosenbrock"), "a"), at(catalogue.optimizer("adam")[0], "b")
    cohort = planned_cohorts.plan_cohort(Cohort(*records, lanes, 16, 30, seed=5, **options))
    for each in (cohort, cohort.on_cpu()):
        assert (each.cohort_id, list(each.run_ids)) == (whole, run_ids)
    one = planned_cohorts.plan_cohort(Cohort(*records, lanes[:1], 16, 30, seed=5, **options), "race", 3)
    assert (one.cohort_id, list(one.run_ids), one.stage, one.block) == (alone, run_ids[:1], "race", 3)


@pytest.mark.parametrize("seeds", [{"seeds": [4, 0, 7]}, {"blocks": 3, "screen": 2}])
def test_cohorts_stand_seed_by_seed_and_block_by_block(catalogue, seeds):
    cohorts = planned_cohorts.expand(make_spec(SPEC, seeds), catalogue).cohorts
    once = list(cohorts)
    assert len(once) == len(cohorts) == 2 * 2 * 2 * (3 if "seeds" in seeds else 6)
    assert cohorts.runs == sum(each.runs for each in once) == 4 * len(once)
    assert [(each.cohort_id, each.run_ids) for each in cohorts] == [(each.cohort_id, each.run_ids) for each in once]
    places = [(each.cohort.seed, each.stage, each.block) for each in once[:6]]
    if "seeds" in seeds:
        assert places[:3] == [(4, "grid", -1), (0, "grid", -1), (7, "grid", -1)]
    else:  # of eight seeds a block, two for the screen
        assert places == [(8 * block + i, "screen", block) for block in range(3) for i in range(2)]


def test_a_plan_of_ten_million_runs_makes_neither_cohorts_nor_ids(catalogue, monkeypatch):
    """Counts of what is made, in the place of a clock."""
    rates = {"learning_rates": "1e-5:1:1000", "schedules": [f"inverse(decay_rate={i})" for i in range(1, 11)]}
    monkeypatch.setattr(planned_cohorts, "PlannedCohort", None)
    monkeypatch.setattr(planned_cohorts.LaneHashes, "texts", None)
    spec = make_spec(SPEC, {"problems": ["saddle"], "optimizers": ["gd"], "seeds": 1000, **rates})
    large = planned_cohorts.expand(spec, catalogue)
    assert (large.runs, len(large.cohorts), len(large.series)) == (20_000_000, 2000, 2)
    assert large.trials == {("saddle", "gd"): 20_000} and large.unequal == "" and large.warnings == []
    assert [origin.key for origin in large.origins()] == ["optimizer gd", "problem saddle", "schedule inverse"]
    assert len({id(series.cohort.lanes) for series in large.series}) == 1
