"""Which sweeps with optimizers of other libraries run in processes, with a plain class in place of PyTorch's."""

from harness import CATALOGUE, lane
from toy_problems import bowl

from optbench import torch_optimizer
from optbench.engine.cohort import Cohort
from optbench.sweeps.plan import Cohorts, LaneHashes, Plan, SeedSeries
from optbench.sweeps.session import has_long_eager_runs
from optbench.sweeps.spec import make_spec


class Plain:
    def __init__(self, params, lr=0.1):
        """As PyTorch's have it."""


def plan(optimizer, steps):
    lanes = [lane("gd", 0.1)] * 4
    series = SeedSeries(Cohort(bowl(), optimizer, lanes, 1024, steps), range(10), LaneHashes(lanes))
    spec = make_spec({"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.1], "steps": steps}, {})
    return Plan(spec, Cohorts([series]))


def test_only_long_sweeps_pay_for_processes_of_their_own():
    torch, rule = torch_optimizer(Plain), CATALOGUE.optimizer("gd")[0]
    assert not has_long_eager_runs(plan(torch, 10)) and not has_long_eager_runs(plan(rule, 10**8))
    assert has_long_eager_runs(plan(torch, 10**6))
