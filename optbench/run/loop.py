"""The loop that runs one stage of a sweep: plan what is missing, submit it to executors, collect and save results."""

import contextlib
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from typing import Any, get_args

from optbench.catalogue.loader import base_name
from optbench.contract.errors import in_one_line
from optbench.contract.types import Stage
from optbench.engine.cpu.cohort_kernels import is_compiled
from optbench.engine.run_cohorts import compile_for, limited_threads, refusal
from optbench.plan.planned_cohorts import Plan, PlannedCohort
from optbench.run import interrupts
from optbench.run.executors import MOST_RUNS, DaemonPool, Executor, Job, Result, ThreadExecutor
from optbench.store.folder import Store
from optbench.store.rows import shorten_reason

_STAGES: tuple[Stage, ...] = get_args(Stage)
_LAUNCHERS = 2
"""Threads that drive a GPU: while one evaluates on the host, the kernels of the other run."""
_POLL_SECONDS = 0.1
"""Longest time between two calls of ``watch``."""
# Seconds: a small cohort takes 2 ms, and waking the thread that submits holds up those that run
_COALESCE_SECONDS = 0.003
"""Seconds in which events are collected before the loop wakes, where all threads have enough to do."""
# Nanoseconds by the plan: a task of dask costs 10 ms of CPU over client, scheduler and worker, and a cohort in it
# 0.3 ms (measured on two cores)
_JOB_COST = 2.5e8
"""Cost of the cohorts of a job: what a stop costs at most, unless one cohort costs more."""
_JOBS_PER_THREAD = 8
"""Jobs of a stage for each thread at least, as far as it has cohorts: all threads end at about the same time."""


@dataclass(frozen=True)
class ExecutionOptions:
    """Options of running cohorts, beside the number of threads."""

    executor: Executor | None = None
    """Runs cohorts in the place of this process; the caller owns and ends it."""
    is_external: Callable[[PlannedCohort], bool] = lambda each: True
    """True for a cohort that this executor runs: it is neither compiled nor run in this process."""
    retry_failed: bool = False
    """Run cohorts again that failed before."""
    priority: Callable[[PlannedCohort], int] = lambda each: 0
    """The order of cohorts: the lowest number first, and of the same number the longest cohort."""
    until: float | None = None
    """The value of time.monotonic() at which the stage ends, complete or not."""

    def is_late(self) -> bool:
        """Return whether the time is over."""
        return self.until is not None and time.monotonic() > self.until


@dataclass
class Status:
    """Progress of a sweep. ``cost`` is the plan's weight of the work; ``runs`` and ``cohorts`` count finished ones."""

    total_cost: float = 0.0
    total_runs: int = 0
    cost: float = 0.0
    found: float = 0.0
    """The part of the cost whose runs an earlier sweep has left."""
    runs: int = 0
    cohorts: int = 0
    last: str = ""
    """What finished last, such as "adam on rosenbrock"."""
    stage: Stage = "grid"
    """The stage that runs."""
    stage_begin: tuple[float, int] = (0.0, 0)
    """``cost`` and ``runs`` when it began."""
    stage_total: tuple[float, int] = (0.0, 0)
    """The cost and the runs of the stage alone, over its rounds so far."""
    later: dict[Stage, float] = field(default_factory=dict)
    """The cost of what is not planned yet, by stage, as far as it can be known."""
    until: float | None = None
    """The value of time.monotonic() at which a time limit is over."""
    compiled: int = 0
    to_compile: int = 0
    out_of_time: bool = False
    """True if the time limit ended the last stage before all of it had run."""
    failed: dict[str, str] = field(default_factory=dict)
    """The reasons of cohorts that could not compile or run, by problem and optimizer."""

    @classmethod
    def of_finished(cls, runs: int, cohorts: int, last: str) -> "Status":
        """Return the progress of a sweep all of whose runs an earlier one has left; each run counts as much."""
        return cls(runs, runs, runs, runs, runs, cohorts, last, stage_total=(runs, runs))

    def begin(self, planned: Sequence[PlannedCohort]) -> None:
        """Add the work of one more stage, or of one more round of the stage that runs, as widening has several."""
        cost, runs = sum(each.cost for each in planned), sum(each.runs for each in planned)
        if planned and planned[0].stage != self.stage:
            self.stage, self.stage_begin, self.stage_total = planned[0].stage, (self.cost, self.runs), (0.0, 0)
            if planned[0].block < 0:  # stages that blocks share begin when those of all blocks are over
                done = _STAGES[: _STAGES.index(self.stage)]
                self.later = {stage: left for stage, left in self.later.items() if stage not in done}
        self.later[self.stage] = max(self.later.get(self.stage, 0.0) - cost, 0.0)
        self.stage_total = self.stage_total[0] + cost, self.stage_total[1] + runs
        self.total_cost += cost
        self.total_runs += runs
        self.compiled = self.to_compile = 0

    @property
    def left(self) -> float:
        """The cost of what is left of the stage, and of the stages to come."""
        return self.stage_begin[0] + self.stage_total[0] - self.cost + sum(self.later.values())

    def add(self, cohorts: Sequence[PlannedCohort], counted: float = 0.0) -> None:
        """Count finished cohorts. counted: the part of their cost that was counted while they ran."""
        self.cost += sum(each.cost for each in cohorts) - counted
        self.runs += sum(each.runs for each in cohorts)
        self.cohorts += len(cohorts)
        self.last = f"{base_name(cohorts[-1].cohort.optimizer.name)} on {cohorts[-1].cohort.problem.name}"


class SweepRun:
    """A sweep that runs: the cohorts that are planned so far, the store of results, and the progress."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        workers: int,
        watch: Callable[[Status], None] = lambda status: None,
        options: ExecutionOptions | None = None,
    ):
        """Take what to run, and where to save it.

        workers: the number of threads. watch: called with the status about ten times a second, in this thread.
        """
        self.plan, self.store, self.status = plan, store, Status()
        self.workers, self.watch, self.options = workers, watch, options or ExecutionOptions()
        self.planned: list[PlannedCohort] = []

    def add(self, cohorts: Iterable[PlannedCohort]) -> list[PlannedCohort]:
        """Plan more cohorts. Returns those to run; of one that has runs in other files, the cohort of the others."""
        first = len(self.planned)
        self.planned += cohorts
        return self.store.begin(self.planned, first)

    def run(self, cohorts: Sequence[PlannedCohort], **limits: Any) -> None:
        """Run what the store does not have of these cohorts. limits: fields of the options that differ.

        KeyboardInterrupt stops running cohorts within about a tenth of a second; finished ones are in the store.
        Raises OptbenchError if the store cannot be written.
        """
        _StageRun(self, cohorts, replace(self.options, **limits)).run()
        self.store.complete(self.planned)


_Event = Job | list[Job] | BaseException
"""A job that is saved, jobs that are ready to run, or what ends the sweep."""


@dataclass(eq=False)
class _Queue:
    """The jobs that wait for an executor, and those that it holds."""

    executor: Executor
    waiting: list[tuple[int, float, str, int, int, int, Job]] = field(default_factory=list)
    """A heap."""
    held: set[Job] = field(default_factory=set)


class _StageRun:
    """One stage of a sweep that runs: its queues of jobs, and the thread that compiles."""

    def __init__(self, sweep: SweepRun, planned: Sequence[PlannedCohort], options: ExecutionOptions):
        """Take the cohorts of the stage, the store and status of the sweep, and the options of this stage."""
        self.planned, self.options, self.workers = planned, options, sweep.workers
        self.store, self.status, self.watch, self.lock = sweep.store, sweep.status, sweep.watch, threading.Lock()
        self.position = {each.cohort_id: position for position, each in enumerate(planned)}
        self.events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self.cpu, self.gpu = _Queue(ThreadExecutor(sweep.workers)), _Queue(ThreadExecutor(_LAUNCHERS, sweep.workers))
        self.external = _Queue(options.executor) if options.executor else None
        self.queues = [each for each in (self.cpu, self.gpu, self.external) if each]
        self.counted: defaultdict[Job, float] = defaultdict(float)
        """The cost of a running job that the status has counted."""
        self.to_compile = 0
        """The number of groups of cohorts that wait for their kernels to be compiled."""
        self.compiler = DaemonPool(1)
        self.has_ended = False

    def run(self) -> None:
        """Run the missing cohorts until all are done or the time is over."""
        groups, complete = self._plan_jobs(self._select_missing()), False
        with interrupts.defer_signals(), limited_threads():
            try:
                self._start_compiling(groups)
                while self.to_compile or any(each.waiting or each.held for each in self.queues):
                    if self.options.is_late():
                        self.status.out_of_time = True
                        break
                    self._submit()
                    self._collect()
                    self.watch(self.status)
                    interrupts.check_signals()
                else:
                    complete = True
            finally:
                self.has_ended = True
                self.compiler.stop()
                for each in self.queues:
                    if each is not self.external or not complete:
                        each.executor.stop()
        self.watch(self.status)

    def _select_missing(self) -> list[PlannedCohort]:
        """Return the cohorts that the store lacks, and count all of the stage in the status."""
        store, missing, again = self.store, [], self.options.retry_failed
        self.status.begin(self.planned)
        for each in self.planned:
            if store.has(each.cohort_id) and not (again and store.has_failed(each.cohort_id)):
                self.status.add((each,))
                self.status.found += each.cost
            else:
                missing.append(each)
        return missing

    def _plan_jobs(self, missing: Sequence[PlannedCohort]) -> list[list[Job]]:
        """Queue the jobs of the external executor and of a GPU; return the others in groups that share kernels.

        Those run in threads once their group is compiled.
        """
        external = {each.cohort_id for each in missing if self.external and self.options.is_external(each)}
        most = sum(each.cost for each in missing) / (_JOBS_PER_THREAD * self.workers)
        if self.external:
            for job in self._make_jobs([each for each in missing if each.cohort_id in external], self.external, most):
                self._enqueue(self.external, job)
        local = [each for each in missing if each.cohort_id not in external]
        cohorts = [(each, "") for each in local if each.cohort.device == "cpu"]
        cohorts += self._plan_gpu_jobs([each for each in local if each.cohort.device == "cuda"])
        notes = {each.cohort_id: note for each, note in cohorts}
        # Few runs ask for another kernel than many.
        groups = _group([each for each, _ in cohorts], lambda each: each.runs)
        self.to_compile = len(groups)
        self.status.to_compile = self.status.compiled + self.to_compile
        return [list(self._make_jobs(group, self.cpu, most, notes)) for group in groups]

    def _plan_gpu_jobs(self, cohorts: Sequence[PlannedCohort]) -> list[tuple[PlannedCohort, str]]:
        """Compile for a GPU and queue its jobs; return the cohorts that the CPU has to run, each with the reason."""
        launches, refused = _group(cohorts, _launch_settings), list[tuple[PlannedCohort, str]]()
        self.status.to_compile = len(launches)
        for group in launches:
            reason = refusal(group[0].cohort)
            if reason is None:
                self._enqueue(self.gpu, Job(tuple(group)))
            else:
                refused += [(each.on_cpu(), reason) for each in group]
            self.status.compiled += 1
            self.watch(self.status)
        return refused

    def _make_jobs(
        self, cohorts: Iterable[PlannedCohort], queue: _Queue, most: float, notes: Mapping[str, str] | None = None
    ) -> Iterator[Job]:
        """Yield jobs of as many short cohorts as a queue's executor takes together, which share all but seed and lanes.

        most: the cost of a job. notes: those of jobs, by the id of a cohort.
        """

        def key(each: PlannedCohort) -> tuple:
            """Return what the cohorts of a job have in common."""
            alone = each.cohort_id if each.cohort.deadline is not None else ""
            return each.runs, *_launch_settings(each), self.options.priority(each), alone

        for group in _group(cohorts, key):
            first = group[0]
            by_cost, by_runs = min(most, _JOB_COST) // first.cost, MOST_RUNS // first.runs
            count = max(1, int(min(by_cost, by_runs, queue.executor.cohorts_per_job)))
            for at in range(0, len(group), count):
                yield Job(tuple(group[at : at + count]), (notes or {}).get(first.cohort_id, ""))

    def _start_compiling(self, groups: Iterable[list[Job]]) -> None:
        """Compile what other libraries run in this thread, and then the kernels in another, while compiled jobs run.

        A first start compiles for a quarter of a minute, most of it for one problem.
        """

        def has_kernels(group: list[Job]) -> bool:
            """Return True if the group's steps are compiled, not taken by another library."""
            cohort = group[0].cohorts[0].cohort
            return is_compiled(cohort.problem, cohort.optimizer)

        for group in sorted(groups, key=has_kernels):
            if has_kernels(group):
                self.compiler.submit(self._compile, group)
            else:
                self._compile(group)
                interrupts.check_signals()

    def _compile(self, jobs: list[Job]) -> None:
        """Compile the kernels that these jobs share, and announce the jobs; save them as failed if that fails."""
        try:
            try:
                compile_for(jobs[0].cohorts[0].cohort)
                reason = ""
            except (Exception, SystemExit) as error:
                reason = in_one_line(error)
            if self.has_ended:
                return
            for job in jobs if reason else ():
                self._record(job, job.failed(reason))
            with self.lock:
                self.status.compiled += 1
            self.events.put([] if reason else jobs)
        except BaseException as error:
            self.events.put(error)

    def _enqueue(self, queue: _Queue, job: Job) -> None:
        """Put a job into a queue: the longest cohorts first, so that none begins last, then short ones seed by seed.

        So those of one problem, batch size and seed follow each other, and share the random numbers that one has drawn.
        """
        first, alone = job.cohorts[0], len(job.cohorts) == 1
        cohort, position = first.cohort, self.position[first.cohort_id]
        place = (-job.cost, "", 0, 0) if alone else (0.0, cohort.problem.name, cohort.batch_size, cohort.seed)
        heappush(queue.waiting, (self.options.priority(first), *place, position, job))

    def _submit(self) -> None:
        """Submit waiting jobs, as many as each executor takes at a time; a hundred thousand would slow it down."""
        if self.to_compile and self.options.until is not None:
            return  # with a time limit the order counts: all must be there to choose from
        for each in self.queues:
            if each is self.external and (self.to_compile or self.cpu.waiting or self.cpu.held):
                continue  # the cores are taken
            while each.waiting and len(each.held) < each.executor.capacity:
                *_, job = heappop(each.waiting)
                each.held.add(job)
                future = each.executor.submit(job, partial(self._on_progress, job))
                future.add_done_callback(partial(self._save, job))

    def _on_progress(self, job: Job, run_steps: int) -> None:
        """Count run-steps that a job has made; called in an executor's thread."""
        cost = run_steps * job.cohorts[0].step_cost
        with self.lock:
            self.status.cost += cost
            self.counted[job] += cost

    def _save(self, job: Job, future: "Future[Result]") -> None:
        """Save the result of a job, and announce it, or the error, to the loop; called in an executor's thread."""
        try:
            self._record(job, future.result())
            self.events.put(job)
        except BaseException as error:
            self.events.put(error)

    def _record(self, job: Job, result: Result) -> None:
        """Save the records of a finished job, and count it."""
        for each, content in zip(job.cohorts, result, strict=False):
            if isinstance(content, str):
                self.store.save_failed(each, content)
                self.status.failed[each.cohort.pair] = shorten_reason(content)
            else:
                self.store.save(content)
        with self.lock:
            self.status.add(job.cohorts, self.counted.pop(job, 0.0))

    def _collect(self) -> None:
        """Wait for an event, and handle all that have arrived by then: finished jobs, compiled groups and errors."""
        for event in self._wait_for_events():
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Job):
                for each in self.queues:
                    each.held.discard(event)
            else:
                self.to_compile -= 1
                for job in event:
                    self._enqueue(self.cpu, job)

    def _wait_for_events(self) -> Iterator[_Event]:
        """Yield the events that have arrived; wait a moment for the first one."""
        with contextlib.suppress(queue.Empty):
            yield self.events.get(timeout=_POLL_SECONDS)
            if sum(len(each.held) for each in self.queues) > self.workers:
                time.sleep(_COALESCE_SECONDS)
            while True:
                yield self.events.get_nowait()


def _group(cohorts: Iterable[PlannedCohort], key: Callable[[PlannedCohort], object]) -> list[list[PlannedCohort]]:
    """Return lists of the cohorts with equal problem, optimizer, dtype and ``key``, in order of appearance."""
    groups: dict[tuple, list[PlannedCohort]] = {}
    for each in cohorts:
        cohort = each.cohort
        groups.setdefault((cohort.problem.name, cohort.optimizer.name, cohort.dtype, key(each)), []).append(each)
    return list(groups.values())


def _launch_settings(planned: PlannedCohort) -> tuple:
    """Return the settings that cohorts of one job must share, besides problem, optimizer and dtype."""
    cohort = planned.cohort
    return cohort.batch_size, cohort.steps, cohort.deadline, cohort.problem.fold, cohort.reports
