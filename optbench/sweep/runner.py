"""Runs a plan's cohorts over threads, cohort by cohort into the store."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from optbench.engine.cohort import compiled, run_cohort
from optbench.engine.lanes import Cancelled
from optbench.errors import in_one_line
from optbench.sweep.plan import COHORT_COST, CohortPlan
from optbench.sweep.store import Store
from optbench.sweep.tables import tables


@dataclass
class Status:
    """How far a sweep is. ``cost`` is the plan's weight of work; ``runs`` and ``cohorts`` count finished ones."""

    total_cost: float = 0.0
    total_runs: int = 0
    cost: float = 0.0
    runs: int = 0
    cohorts: int = 0
    compiled: int = 0
    to_compile: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """What would not compile or run, by problem and optimizer, with the reason; its cohorts are left out."""


def one_blas_thread():
    """A context in which matrix products do not start threads: the runs are what goes in parallel."""
    import scipy.linalg.blas  # noqa: F401  numba's matrix products are SciPy's: it must be loaded to be limited
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


def run(
    plans: Sequence[CohortPlan],
    store: Store,
    workers: int,
    watch: Callable[[Status], None] = lambda status: None,
) -> Status:
    """Run what the store does not have yet. ``watch`` is called about ten times a second, in this thread.

    KeyboardInterrupt stops the cohorts in flight within about a tenth of a second; finished ones are in the store.
    Raises OptbenchError where the store cannot be written.
    """
    status, lock, stopping = Status(), threading.Lock(), threading.Event()
    todo = []
    for plan in plans:
        status.total_cost += plan.cost
        status.total_runs += len(plan.lanes)
        if store.has(plan.cohort_id):
            status.cost += plan.cost
            status.runs += len(plan.lanes)
            status.cohorts += 1
        else:
            todo.append(plan)
    # Once before the threads start: parallel writers of one kernel's cache can clash.
    todo = _compile(todo, status, watch)

    def work(plan: CohortPlan) -> None:
        if stopping.is_set():
            raise Cancelled

        def progress(run_steps):
            with lock:
                status.cost += run_steps * plan.step_cost

        try:
            cohort = run_cohort(
                plan.problem, plan.optimizer, plan.lanes, seed=plan.seed, batch_size=plan.batch_size, steps=plan.steps,
                dtype=plan.dtype, deadline=plan.deadline, progress=progress, stop=stopping.is_set,
            )  # fmt: skip
        except Cancelled:
            raise
        except Exception as error:  # a plug-in may raise anything; the others go on
            with lock:
                status.failed[f"{plan.problem.name} with {plan.optimizer.name}"] = in_one_line(error)
            return
        store.save(plan.cohort_id, tables(plan, cohort, workers))
        with lock:
            status.cost += COHORT_COST
            status.runs += len(plan.lanes)
            status.cohorts += 1

    with one_blas_thread(), ThreadPoolExecutor(workers) as pool:
        waiting = {pool.submit(work, plan) for plan in todo}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
                watch(status)
                for future in done:
                    future.result()
        except BaseException:
            stopping.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    watch(status)
    return status


def _compile(plans, status, watch) -> list[CohortPlan]:
    """Compile every pair once; the plans of those that will not compile are left out."""
    pairs = {}
    for plan in plans:
        key = (plan.problem.name, plan.optimizer.name, plan.dtype, len(plan.lanes))
        pairs.setdefault(key, []).append(plan)
    status.to_compile, kept = len(pairs), []
    for group in pairs.values():
        plan = group[0]
        try:
            compiled(plan.problem, plan.optimizer, len(plan.lanes), plan.dtype)
            kept += group
        except Exception as error:
            status.failed[f"{plan.problem.name} with {plan.optimizer.name}"] = in_one_line(error)
        status.compiled += 1
        watch(status)
    order = {plan.cohort_id: i for i, plan in enumerate(plans)}
    return sorted(kept, key=lambda plan: order[plan.cohort_id])


def estimate(plans: Sequence[CohortPlan], workers: int, budget: float = 0.02) -> float:
    """Seconds that the plans will take, from a short probe of each problem x batch size x dtype."""
    groups: dict[tuple, list[CohortPlan]] = {}
    for plan in plans:
        groups.setdefault((plan.problem.name, plan.batch_size, plan.dtype), []).append(plan)
    total = 0.0
    with one_blas_thread():
        for group in groups.values():
            plan, steps, spent = max(group, key=lambda plan: len(plan.optimizer.slots)), 1, 0.0
            while spent < budget and steps < plan.steps:
                steps = min(4 * steps, plan.steps)
                cohort = run_cohort(
                    plan.problem, plan.optimizer, plan.lanes, seed=plan.seed, batch_size=plan.batch_size, steps=steps,
                    dtype=plan.dtype,
                )  # fmt: skip
                spent = cohort.seconds
            stepping = cohort.seconds - cohort.evaluation_seconds
            total += stepping / steps * sum(member.steps for member in group) + cohort.evaluation_seconds * len(group)
    return total / workers
