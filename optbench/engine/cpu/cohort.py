"""Run a cohort on the CPU, in as many calls as the cache asks for."""

import time
from collections.abc import Callable

import numpy as np

from optbench.contract.eager import AnyOptimizer
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine.cohort import Cohort
from optbench.engine.cpu.code import CohortCode, EagerCode, ProblemCode, is_compiled
from optbench.engine.cpu.duplicates import order_by_settings
from optbench.engine.cpu.evaluation import Evaluator
from optbench.engine.cpu.lanes import CpuLanes
from optbench.engine.cpu.scipy_methods import BaselineRun
from optbench.engine.outcome import CohortOutcome, Outcome, merge_outcomes
from optbench.engine.rates import Rates
from optbench.engine.runner import Clock, Runner


def compiled(problem: Problem, optimizer: AnyOptimizer, runs: int, dtype: DtypeName) -> ProblemCode:
    """Return the kernels that a cohort of so many runs needs. Raises PluginError where they do not compile."""
    if isinstance(optimizer, Baseline):
        return ProblemCode(problem, dtype)
    if not is_compiled(problem, optimizer):
        return EagerCode(problem, optimizer, runs, dtype)
    assert isinstance(optimizer, Optimizer)
    return CohortCode(problem, optimizer, runs, dtype)


def run_cohort(
    cohort: Cohort,
    progress: Callable[[int], None],
    stop: Callable[[], bool],
    new_lanes: Callable[..., CpuLanes] = CpuLanes,
) -> CohortOutcome:
    """Run all lanes; arguments and errors as in engine/run.py. new_lanes: makes the lanes of a call."""
    begin = time.perf_counter()
    code = compiled(cohort.problem, cohort.optimizer, len(cohort.lanes), cohort.dtype)
    ready = time.perf_counter()
    clock = Clock(cohort.deadline, progress, stop)
    evaluator = Evaluator(cohort.problem, code, cohort.dtype)
    if isinstance(code, CohortCode | EagerCode):
        parts = _run_lanes(cohort, code, evaluator, clock, new_lanes)
    else:
        parts = [
            BaselineRun(cohort, code, evaluator).run(lane.hyperparameters, clock.for_call(1)) for lane in cohort.lanes
        ]
    evaluation_seconds = sum(part.evaluation_seconds for part in parts)
    return CohortOutcome(parts, time.perf_counter() - ready, evaluation_seconds, ready - begin)


def _run_lanes(
    cohort: Cohort, code: CohortCode | EagerCode, evaluator: Evaluator, clock: Clock, new_lanes: Callable[..., CpuLanes]
) -> list[Outcome]:
    count, width = len(cohort.lanes), code.lanes_per_call
    # A deadline may end a call early: then its lanes would have other points than their neighbors.
    sorts = cohort.problem.form == "single" and width < count and cohort.deadline is None
    order = order_by_settings(cohort.lanes) if sorts else np.arange(count)
    parts = []
    for first in range(0, count, width):
        lanes = [cohort.lanes[place] for place in order[first : first + width]]
        rates = Rates(lanes, cohort.per_epoch, cohort.steps)
        runner = Runner(new_lanes(cohort, lanes, code, evaluator), rates, cohort.dtype)
        parts.append(runner.run(cohort.evaluated, clock.for_call(len(lanes))))
    return parts if (order == np.arange(count)).all() else [merge_outcomes(parts, order)]
