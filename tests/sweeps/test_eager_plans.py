"""The plan's facts about eager steps, with plain classes in place of PyTorch's."""

from dataclasses import replace

import pytest
from toy_problems import bowl

from optbench import torch_optimizer
from optbench.catalogue import loader
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.estimate import estimate_duration, model_duration
from optbench.sweeps.plan import Cohorts, LaneHashes, Plan, Series
from optbench.sweeps.session import has_long_eager_runs
from optbench.sweeps.spec import make_spec


class Plain:
    def __init__(self, params, lr=0.1):
        """As PyTorch's have it."""


@pytest.fixture(scope="module")
def catalogue():
    return loader.load()


def cohort(catalogue, optimizer, problem=None, steps=1000):
    lanes = [Lane(0.1, catalogue.schedule("constant"), {})] * 4
    return Cohort(problem or bowl(), optimizer, lanes, 1024, steps)


def plan(catalogue, optimizer, steps):
    series = Series(made := cohort(catalogue, optimizer, steps=steps), range(10), LaneHashes(made.lanes))
    spec = make_spec({"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.1], "steps": steps}, {})
    return Plan(spec, Cohorts([series]))


def test_only_long_sweeps_pay_for_processes_of_their_own(catalogue):
    torch, rule = torch_optimizer(Plain), catalogue.optimizer("gd")[0]
    assert not has_long_eager_runs(plan(catalogue, torch, 10)) and not has_long_eager_runs(plan(catalogue, rule, 10**8))
    assert has_long_eager_runs(plan(catalogue, torch, 10**6))


def test_an_estimate_of_them_is_that_of_the_model(catalogue):
    series = plan(catalogue, torch_optimizer(Plain), 10**4).series
    series = [replace(each, cohort=replace(each.cohort, optimizer=_foreign(each))) for each in series]
    found = estimate_duration(series, 2)
    assert found.share == 0 and found.seconds == pytest.approx(model_duration(series, 2))


def _foreign(series):
    """Return the optimizer with a file behind it that is not the package's, as all of other libraries have one."""
    from pathlib import Path

    from optbench.contract.source_code import SourceFile

    return replace(series.cohort.optimizer, origins=(SourceFile("optimizer torch:Plain", Path(__file__), "0"),))
