"""Run cohorts on the CPU: the lanes of each in as many calls as the cache asks for, or SciPy's methods one by one."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from optbench.contract.optimizers import Baseline, Optimizer
from optbench.engine.batches import needed_draws
from optbench.engine.cohort import Cohort
from optbench.engine.cpu.cohort_kernels import CohortCode, EagerCode, ProblemCode, is_compiled
from optbench.engine.cpu.evaluation import Evaluator
from optbench.engine.cpu.lanes import CpuLanes
from optbench.engine.cpu.objective import Objective, find_slope
from optbench.engine.outcome import CohortOutcome, End, Outcome, leave_groups_out
from optbench.engine.rates import Rates
from optbench.engine.runner import FIRST_STEPS, STOPPED, Clock, Runner, call_back


def compile_kernels(cohort: Cohort) -> ProblemCode:
    """Return the kernels that a cohort needs. Raises PluginError if they do not compile."""
    problem, optimizer = cohort.problem, cohort.optimizer
    if isinstance(optimizer, Baseline):
        return ProblemCode(problem, cohort.dtype)
    runs, (_, noisy) = len(cohort.lanes), needed_draws(problem, cohort.batch_size)
    if isinstance(optimizer, Optimizer) and is_compiled(problem, optimizer):
        return CohortCode(problem, optimizer, runs, cohort.dtype, noisy)
    return EagerCode(problem, optimizer, runs, cohort.dtype, noisy)


def run_cohorts(
    cohorts: Sequence[Cohort],
    progress: Callable[[int], None],
    stop: Callable[[], bool],
    new_lanes: Callable[..., CpuLanes] = CpuLanes,
) -> list[CohortOutcome]:
    """Run all lanes; arguments and errors as in engine/run_cohorts.py. new_lanes: makes the lanes of a call."""
    begin, outcomes, steps = time.perf_counter(), list[CohortOutcome](), FIRST_STEPS
    code = compile_kernels(cohorts[0])
    evaluator = Evaluator(cohorts[0].problem, code, cohorts[0].dtype)
    for cohort in cohorts:
        ready = time.perf_counter()
        clock = Clock(cohort.deadline, progress, stop)
        if isinstance(code, CohortCode | EagerCode):
            parts, steps = _run_lanes(cohort, code, evaluator, clock, new_lanes, steps)
        else:
            one = Objective(cohort.problem, cohort.dtype)
            parts = [_run_baseline(cohort, one, lane.hyperparameters, clock.start_call(1)) for lane in cohort.lanes]
        end, evaluation_seconds = time.perf_counter(), sum(part.evaluation_seconds for part in parts)
        outcomes.append(CohortOutcome(parts, end - ready, evaluation_seconds, ready - begin))
        begin = end
    return outcomes


def _run_lanes(
    cohort: Cohort,
    code: CohortCode | EagerCode,
    evaluator: Evaluator,
    clock: Clock,
    new_lanes: Callable[..., CpuLanes],
    steps: int,
) -> tuple[list[Outcome], int]:
    """Return the outcome of each call, in the order of lanes, and the steps of the next call; steps: of the first."""
    parts, width = [], code.lanes_per_call
    for first in range(0, len(cohort.lanes), width):
        lanes = cohort.lanes[first : first + width]
        rates = Rates(lanes, cohort.per_epoch, cohort.steps, cohort.optimizer.second_every)
        made = new_lanes(cohort, lanes, code, evaluator)
        runner = Runner(made, rates, cohort.dtype, cohort.reports, cohort.callback, steps)
        parts.append(runner.run(cohort.evaluated, clock.start_call(len(lanes))))
        if cohort.deadline is None:  # else each call is cut by a clock of its own
            steps = runner.steps
    return parts, steps


_STOPPED = 99
"""SciPy's status of a run that a callback has ended."""


class _OutOfBudget(Exception):
    """Raised if the evaluations or the time are used up."""


def _run_baseline(cohort: Cohort, objective: Objective, hyperparameters: Mapping[str, float], clock: Clock) -> Outcome:
    """Run one of SciPy's line-search methods on the full batch: a step is one evaluation of value and gradient.

    After ``k`` evaluations the weights of the run are those of the best of them; the first one is at the start. A run
    that has converged no longer changes.
    """
    from scipy.optimize import minimize

    points, start, baseline = cohort.evaluated, cohort.start_point(), cohort.baseline
    last, wanted = int(points[-1]), set(points.tolist())
    count, iterations, best, best_w = 0, 0, np.inf, start
    reached = [(0, start, np.nan, np.nan)]  # step, w, value, norm of the gradient

    def value_and_gradient(w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return both in float64 for SciPy, and note them at a point of evaluation. Raises _OutOfBudget."""
        nonlocal count, best, best_w
        if count >= last or clock.late():
            raise _OutOfBudget
        with np.errstate(all="ignore"):  # a line search may look far out
            values, gradients = objective(w)
            value, g = float(values[0]), gradients[0].astype(float)
        count += 1
        if value < best:
            best, best_w = value, np.array(w)
        clock.progress(1)
        if count in wanted:
            reached.append((count, best_w, value, float(np.linalg.norm(g))))
        return value, g

    is_finished, options = True, baseline.options(hyperparameters, last)
    stopped, unfinished = "", "its line search finds nothing lower"

    def after_iteration(intermediate_result: Any) -> None:
        """Count the iteration, and call the user's callback; the argument has the name by which SciPy tells kinds."""
        nonlocal iterations
        iterations += 1
        if cohort.callback is not None and call_back(
            cohort.callback, intermediate_result.x, lambda: float(intermediate_result.fun)
        ):
            raise StopIteration

    try:
        found = minimize(
            value_and_gradient, start, jac=True, method=baseline.method, options=options, callback=after_iteration
        )
        stopped = STOPPED if found.status == _STOPPED else ""
    except _OutOfBudget:
        is_finished = count >= last
        unfinished = f"its {last:,} evaluations are used up"
        stopped = "" if is_finished else "its time is used up"
    slope, flat = find_slope(objective, best_w)
    converged = flat and not stopped  # its own tolerances are 0, so that the last bit decides whether it ends by itself
    reason = stopped or ("it has converged" if flat else unfinished)
    found_by = f"after {count:,} evaluations of the gradient, whose largest component is {slope:.2g}"
    end = End(count, converged, f"{reason} {found_by}", iterations)
    if is_finished:  # at its budget's end, or converged, or its line search found nothing lower
        clock.progress(last - count)
        reached += [(int(step), best_w, *reached[-1][2:]) for step in points if step > reached[-1][0]]
    elif reached[-1][0] < count:
        reached.append((count, best_w, *reached[-1][2:]))
    steps, places, losses, norms = map(np.array, zip(*reached, strict=True))
    begin = time.perf_counter()
    evaluator = Evaluator(cohort.problem, objective.code, cohort.dtype)
    at = places.astype(cohort.dtype)[:, None]
    at = at if cohort.problem.form == "single" else at.swapaxes(1, 2)
    return Outcome(
        steps=int(steps[-1]),
        points=steps,
        measures={
            "lr": np.where(steps > 0, 1.0, np.nan)[:, None],
            "batch_loss": losses[:, None],
            "gradient_norm": norms[:, None],
        },
        train=evaluator.train(at),
        validation=evaluator.validation(at),
        test=evaluator.test(at),
        positions=places[:, : 2 * (cohort.problem.dim == 2), None],
        w=places[-1][None],
        diverged_at=np.zeros(1, np.int64),
        evaluation_seconds=time.perf_counter() - begin,
        end=end,
        jackknife=(
            leave_groups_out(cohort.problem, lambda groups: evaluator.groups(at[-1], groups))
            if cohort.reports
            else None
        ),
    )
