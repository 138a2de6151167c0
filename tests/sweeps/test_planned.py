"""The ids of runs, and cohorts that are made when they are asked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from optbench.contract.source_code import SourceFile
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps import planned
from optbench.sweeps.plan import expand
from optbench.sweeps.spec import make_spec

SPEC = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "adam"], "learning_rates": [1e-4, 1e-3],
        "batch_sizes": [16, "full"], "schedules": ["constant", "inverse"], "steps": 5}  # fmt: skip


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
    monkeypatch.setattr(planned, "__version__", "1.2.3")
    records = at(catalogue.problem("rosenbrock"), "a"), at(catalogue.optimizer("adam")[0], "b")
    cohort = planned.planned_cohort(Cohort(*records, lanes, 16, 30, seed=5, **options))
    assert (cohort.cohort_id, list(cohort.run_ids)) == (whole, run_ids)
    assert (planned.on_cpu(cohort).cohort_id, planned.on_cpu(cohort).run_ids) == (whole, tuple(run_ids))
    one = planned.planned_cohort(Cohort(*records, lanes[:1], 16, 30, seed=5, **options), "race", 3)
    assert (one.cohort_id, list(one.run_ids)) == (alone, run_ids[:1])
    assert (one.key.cohort_id, one.key.stage, one.key.block) == (alone, "race", 3)


@pytest.mark.parametrize("seeds", [{"seeds": [4, 0, 7]}, {"blocks": 3, "screen": 2}])
def test_cohorts_are_the_same_however_they_are_asked_for(catalogue, seeds):
    cohorts = expand(make_spec(SPEC, seeds), catalogue).cohorts
    once = list(cohorts)
    assert len(once) == len(cohorts) == 2 * 2 * 2 * (3 if "seeds" in seeds else 6)
    assert cohorts.runs == sum(each.runs for each in once) == 4 * len(once)
    for other in (
        [cohorts[i] for i in range(len(once))],
        cohorts[:],
        [cohorts[i - len(once)] for i in range(len(once))],
    ):
        assert [(each.key, each.run_ids) for each in other] == [(each.key, each.run_ids) for each in once]
    places = [(each.cohort.seed, each.stage, each.block) for each in cohorts[:6]]
    if "seeds" in seeds:
        assert places[:3] == [(4, "grid", -1), (0, "grid", -1), (7, "grid", -1)]
    else:  # of eight seeds a block, two for the screen
        assert places == [(8 * block + i, "screen", block) for block in range(3) for i in range(2)]
    assert [each.cohort_id for each in cohorts[3:1:-1]] == [once[3].cohort_id, once[2].cohort_id]
    for place in (len(once), -len(once) - 1):
        with pytest.raises(IndexError):
            cohorts[place]


def test_a_plan_of_ten_million_runs_makes_neither_cohorts_nor_ids(catalogue, monkeypatch):
    """Counts of what is made, in the place of a clock."""
    rates = {"learning_rates": "1e-5:1:1000", "schedules": [f"inverse(decay_rate={i})" for i in range(1, 11)]}
    monkeypatch.setattr(planned, "PlannedCohort", None)
    monkeypatch.setattr(planned.LaneHashes, "texts", None)
    plan = expand(make_spec(SPEC, {"problems": ["saddle"], "optimizers": ["gd"], "seeds": 1000, **rates}), catalogue)
    assert (plan.runs, len(plan.cohorts), len(plan.series)) == (20_000_000, 2000, 2)
    assert plan.trials == {("saddle", "gd"): 20_000} and plan.unequal == "" and plan.warnings == []
    assert [origin.key for origin in plan.origins()] == ["optimizer gd", "problem saddle", "schedule inverse"]
    assert len({id(series.cohort.lanes) for series in plan.series}) == 1
