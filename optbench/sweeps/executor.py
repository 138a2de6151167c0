"""Runs a plan's cohorts over threads, cohort by cohort into the store."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from optbench.contract.errors import in_one_line
from optbench.engine.cohort import compiled
from optbench.engine.lanes import Cancelled
from optbench.sweeps.jobs import Job, grouped, pair, refusal
from optbench.sweeps.plan import COHORT_COST, CohortPlan
from optbench.sweeps.store import Store
from optbench.sweeps.tables import tables

_LAUNCHERS = 2
"""Threads that drive a GPU: while one evaluates on the host, the other's kernels run."""


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
    jobs = _compile(todo, status, watch)

    def work(job: Job) -> None:
        if stopping.is_set():
            raise Cancelled
        step_cost = job.plans[0].step_cost

        def progress(run_steps):
            with lock:
                status.cost += run_steps * step_cost

        try:
            made = job.run(progress, stopping.is_set)
        except Cancelled:
            raise
        except Exception as error:  # a plug-in may raise anything; the others go on
            with lock:
                status.failed[job.pair] = in_one_line(error)
            return
        for plan, cohort in zip(job.plans, made, strict=True):
            store.save(plan.cohort_id, tables(plan, cohort, workers))
            with lock:
                status.cost += COHORT_COST
                status.runs += len(plan.lanes)
                status.cohorts += 1

    with one_blas_thread(), ThreadPoolExecutor(workers) as cpu, ThreadPoolExecutor(_LAUNCHERS) as gpu:
        waiting = {(cpu if job.device == "cpu" else gpu).submit(work, job) for job in jobs}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
                watch(status)
                for future in done:
                    future.result()
        except BaseException:
            stopping.set()
            for pool in (cpu, gpu):
                pool.shutdown(wait=True, cancel_futures=True)
            raise
    watch(status)
    return status


def _compile(plans, status, watch) -> list[Job]:
    """Compile every pair once, those that a GPU refuses for the CPU; leave out what will not compile at all."""
    jobs, reasons = [], {}
    meant = grouped((plan for plan in plans if plan.device == "cuda"), "batch_size", "steps", "deadline")
    rest = [plan for plan in plans if plan.device == "cpu"]
    status.to_compile = len(meant) + len(grouped(rest, "lane_count"))
    for group in meant:
        reason = refusal(group[0])
        if reason is None:
            jobs.append(Job(tuple(group), "cuda"))
        else:
            reasons |= {plan.cohort_id: reason for plan in group}
            rest += group
        status.compiled += 1
        watch(status)
    pairs = grouped(rest, "lane_count")
    status.to_compile = status.compiled + len(pairs)
    for group in pairs:
        plan = group[0]
        try:
            compiled(plan.problem, plan.optimizer, len(plan.lanes), plan.dtype)
            jobs += [Job((plan,), note=reasons.get(plan.cohort_id, "")) for plan in group]
        except Exception as error:
            status.failed[pair(plan)] = in_one_line(error)
        status.compiled += 1
        watch(status)
    order = {plan.cohort_id: i for i, plan in enumerate(plans)}
    return sorted(jobs, key=lambda job: order[job.plans[0].cohort_id])


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
                (cohort,) = Job((replace(plan, steps=steps, deadline=None),)).run()
                spent = cohort.seconds
            stepping = cohort.seconds - cohort.evaluation_seconds
            total += stepping / steps * sum(member.steps for member in group) + cohort.evaluation_seconds * len(group)
    return total / workers
