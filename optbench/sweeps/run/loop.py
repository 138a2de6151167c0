"""The loop that runs one stage of a sweep: plan what is missing, submit it to executors, collect and save results."""

import contextlib
import itertools
import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from typing import Any

from optbench.contract.errors import in_one_line
from optbench.contract.types import Stage
from optbench.engine.cpu.code import is_compiled
from optbench.engine.run import compile_for, limited_threads, refusal
from optbench.sweeps.plan import Plan, PlannedCohort
from optbench.sweeps.run import interrupts
from optbench.sweeps.run.executors import CohortFailed, Executor, Job, Result, ThreadExecutor, grouped
from optbench.sweeps.store.folder import Store
from optbench.sweeps.tables import shorten_reason

_LAUNCHERS = 2
"""Threads that drive a GPU: while one evaluates on the host, the kernels of the other run."""
_POLL_SECONDS = 0.1
"""Longest time between two calls of ``watch``."""
# Seconds: a small cohort takes 2 ms, and waking the thread that submits holds up those that run
_COALESCE_SECONDS = 0.003
"""Seconds in which events are collected before the loop wakes, where all threads have enough to do."""
# Files: one takes 3.6 ms on a disk, of which 0.25 are the processor's; a small cohort takes 2 to 6 ms of a core
# (measured): without these threads a sweep of short cohorts waits for the disk half of its time
_SAVERS = 2
"""Threads that save files: a disk answers several requests at a time."""
_COMPILE_STOP_SECONDS = 0.6
"""Seconds that a stopped sweep waits for the kernel that is being compiled."""
# Nanoseconds by the plan: a task of dask costs 10 ms of CPU over client, scheduler and worker, and a cohort in it
# 0.3 ms (measured on two cores)
_BATCH_COST = 2.5e8
"""Cost of the cohorts that an external executor gets as one job."""
_BATCH_COHORTS = 32
"""Most cohorts of such a job."""
_BATCH_RUNS = 5000
"""Most runs of such a job, unless one cohort has more: each setting takes some 100 bytes on the way."""


@dataclass(frozen=True)
class ExecutionOptions:
    """Options of running cohorts, beside the number of threads. The caller owns both executors, and ends them."""

    is_isolated: Callable[[PlannedCohort], bool] = lambda each: False
    """True for a cohort from a user's file: it is neither compiled nor run in this process."""
    process_executor: Executor | None = None
    """Runs the isolated cohorts."""
    external_executor: Executor | None = None
    """Runs all cohorts, in the place of threads and processes."""
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
    runs: int = 0
    cohorts: int = 0
    stage: Stage = "grid"
    """The stage that runs."""
    stage_begin: tuple[float, int] = (0.0, 0)
    """``cost`` and ``runs`` when it began."""
    stage_total: tuple[float, int] = (0.0, 0)
    """The cost and the runs of the stage alone."""
    compiled: int = 0
    to_compile: int = 0
    out_of_time: bool = False
    """True if the time limit ended the last stage before all of it had run."""
    failed: dict[str, str] = field(default_factory=dict)
    """The reasons of cohorts that could not compile or run, by problem and optimizer."""

    def begin(self, planned: Sequence[PlannedCohort]) -> None:
        """Add the work of one more stage."""
        self.stage = planned[0].stage if planned else self.stage
        self.stage_begin = self.cost, self.runs
        self.stage_total = sum(each.cost for each in planned), sum(each.runs for each in planned)
        self.total_cost += self.stage_total[0]
        self.total_runs += self.stage_total[1]
        self.compiled = self.to_compile = 0

    def add(self, cohorts: Sequence[PlannedCohort], counted: float = 0.0) -> None:
        """Count finished cohorts, of whose cost so much has been counted while they ran."""
        self.cost += sum(each.cost for each in cohorts) - counted
        self.runs += sum(each.runs for each in cohorts)
        self.cohorts += len(cohorts)


class SweepRun:
    """A sweep that runs: the cohorts that are planned so far, what the store has of them, and the progress."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        workers: int,
        watch: Callable[[Status], None] = lambda status: None,
        options: ExecutionOptions | None = None,
    ):
        self.plan, self.store, self.status = plan, store, Status()
        self.planned: list[PlannedCohort] = []
        self._workers, self._watch, self._options = workers, watch, options or ExecutionOptions()

    def add(self, cohorts: Iterable[PlannedCohort]) -> list[PlannedCohort]:
        """Plan more cohorts. Returns those to run; of one that has runs in other files, the cohort of the others."""
        first = len(self.planned)
        self.planned += cohorts
        return self.store.begin(self.planned, first)

    def run(self, cohorts: Sequence[PlannedCohort], **limits: Any) -> None:
        """Run what the store does not have of these cohorts. limits: fields of the options that differ."""
        options = replace(self._options, **limits)
        run_all(cohorts, self.store, self._workers, self._watch, self.status, options)
        self.store.complete(self.planned)


def run_all(
    planned: Sequence[PlannedCohort],
    store: Store,
    workers: int,
    watch: Callable[[Status], None] = lambda status: None,
    status: Status | None = None,
    options: ExecutionOptions | None = None,
) -> Status:
    """Run the cohorts that the store does not have, and return the status.

    KeyboardInterrupt stops running cohorts within about a tenth of a second; finished ones are in the store.

    Args:
        planned: the cohorts of one stage.
        store: the results folder.
        workers: the number of threads.
        watch: called with the status about ten times a second, in this thread.
        status: that of the stages before, which is added to.
        options: how to run them.

    Raises:
        OptbenchError: the store cannot be written.
    """
    return _StageRun(planned, store, workers, watch, status or Status(), options or ExecutionOptions()).run()


_Event = Job | list[Job] | BaseException
"""A job whose files are saved, jobs that are ready to run, or what ends the sweep."""


class _StageRun:
    """One stage: its queues of jobs, and the jobs that executors hold."""

    def __init__(
        self,
        planned: Sequence[PlannedCohort],
        store: Store,
        workers: int,
        watch: Callable[[Status], None],
        status: Status,
        options: ExecutionOptions,
    ):
        self.planned, self.store, self.workers, self.options = planned, store, workers, options
        self.watch, self.status, self.lock = watch, status, threading.Lock()
        self.position = {each.cohort_id: position for position, each in enumerate(planned)}
        self.events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self.own = {"cpu": ThreadExecutor(workers), "cuda": ThreadExecutor(_LAUNCHERS, workers)}
        self.executors: dict[str, Executor] = {**self.own}
        if options.process_executor:
            self.executors["isolated"] = options.process_executor
        if options.external_executor:
            self.executors = {"external": options.external_executor}
        self.queues: dict[str, list[tuple[int, float, int, Job]]] = {name: [] for name in self.executors}
        self.executor_of: dict[Job, str] = {}
        """The jobs that executors hold."""
        self.held: Counter[str] = Counter()
        """The number of jobs that each of them holds."""
        self.counted: defaultdict[Job, float] = defaultdict(float)
        """The cost of a running job that the status has counted."""
        self.to_compile = 0
        """The number of groups of cohorts that wait for their kernels to be compiled."""
        self.notes: dict[str, str] = {}
        """By cohort id, the reason why it runs on the CPU though a GPU was requested."""
        self.compiler = _Compiler((), self._on_compiled, self.events.put)
        self.savers = ThreadPoolExecutor(_SAVERS, "optbench-save")

    def run(self) -> Status:
        """Run the missing cohorts until all are done or the time is over, and return the status."""
        missing, complete = self._missing(), False
        if self.options.external_executor:
            for batch in self._batches(missing):
                self._enqueue("external", batch)
        else:
            self._plan(missing)
        with limited_threads(), interrupts.defer_signals():
            try:
                self.compiler.start(wait=self.options.until is not None)
                while self.to_compile or any(self.queues.values()) or self.executor_of:
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
                self.compiler.stop()
                for executor in self.own.values() if complete else {**self.own, **self.executors}.values():
                    executor.stop()
                self.savers.shutdown()
        self.watch(self.status)
        return self.status

    def _missing(self) -> list[PlannedCohort]:
        """Count the stage, and return the cohorts that are to run."""
        store, missing = self.store, []
        self.status.begin(self.planned)
        for each in self.planned:
            again = self.options.retry_failed
            if store.has(each.cohort_id) and not (again and store.has_failed(each.cohort_id)):
                self.status.add((each,))
            else:
                missing.append(each)
        return missing

    def _batches(self, cohorts: Iterable[PlannedCohort]) -> Iterator[Job]:
        """Yield jobs of several cohorts, of about the same cost, for an executor that takes long to submit one."""
        batch: list[PlannedCohort] = []
        for each in sorted(cohorts, key=lambda each: (self.options.priority(each), -each.cost)):
            whole = [*batch, each]
            too_many = len(whole) > _BATCH_COHORTS or sum(one.runs for one in whole) > _BATCH_RUNS
            if batch and (too_many or sum(one.cost for one in whole) > _BATCH_COST):
                yield Job(tuple(batch))
                batch = []
            batch.append(each)
        if batch:
            yield Job(tuple(batch))

    def _plan(self, missing: Sequence[PlannedCohort]) -> None:
        """Divide the cohorts among isolated ones, a GPU, and the threads of this process, which need kernels first."""
        separate = self.options.process_executor is not None
        isolated = {each.cohort_id for each in missing if separate and self.options.is_isolated(each)}
        local = [each for each in missing if each.cohort_id not in isolated]
        on_gpu, refused = self._compile_for_gpu([each for each in local if each.cohort.device == "cuda"])
        for job in on_gpu:
            self._enqueue("cuda", job)
        for each in missing:
            if each.cohort_id in isolated:
                self._enqueue("isolated", Job((each,)))
        self.notes = {each.cohort_id: reason for each, reason in refused}
        local = [each for each in local if each.cohort.device == "cpu"]
        self.compiler = _Compiler([*local, *(each.on_cpu() for each, _ in refused)], self._on_compiled, self.events.put)
        self.to_compile = len(self.compiler.groups)
        self.status.to_compile = self.status.compiled + self.to_compile

    def _compile_for_gpu(self, cohorts: Sequence[PlannedCohort]) -> tuple[list[Job], list[tuple[PlannedCohort, str]]]:
        """Compile for a GPU; return its jobs, and the cohorts that it cannot run, with the reasons."""
        launches = grouped(cohorts, _launch)
        self.status.to_compile = len(launches)
        jobs, refused = list[Job](), list[tuple[PlannedCohort, str]]()
        for group in launches:
            reason = refusal(group[0].cohort)
            if reason is None:
                jobs.append(Job(tuple(group)))
            else:
                refused += [(each, reason) for each in group]
            self.status.compiled += 1
            self.watch(self.status)
        return jobs, refused

    def _on_compiled(self, group: Sequence[PlannedCohort], reason: str) -> None:
        """Announce the jobs of a compiled group, or save them as failed for a reason; runs in the compiler's thread."""
        jobs = [Job((each,), self.notes.get(each.cohort_id, "")) for each in group]
        if reason:
            for job in jobs:
                self._record(job, job.failed(reason))
        with self.lock:
            self.status.compiled += 1
        self.events.put([] if reason else jobs)

    def _enqueue(self, name: str, job: Job) -> None:
        """Put a job into the queue of an executor; the longest jobs come first, so that none of them begins last."""
        first = job.cohorts[0]
        entry = (self.options.priority(first), -job.cost, self.position[first.cohort_id], job)
        heappush(self.queues[name], entry)

    def _submit(self) -> None:
        """Submit waiting jobs, as many as each executor takes at a time; a hundred thousand would slow it down."""
        for name, executor in self.executors.items():
            if name == "isolated" and (self.to_compile or self.queues["cpu"] or self.held["cpu"]):
                continue  # the cores are taken
            waiting = self.queues[name]
            while waiting and self.held[name] < executor.capacity:
                *_, job = heappop(waiting)
                self.held[name] += 1
                self.executor_of[job] = name
                future = executor.submit(job, partial(self._on_progress, job))
                future.add_done_callback(partial(self._on_done, job))

    def _on_progress(self, job: Job, run_steps: int) -> None:
        """Count run-steps that a job has made; called in an executor's thread."""
        cost = run_steps * job.cohorts[0].step_cost
        with self.lock:
            self.status.cost += cost
            self.counted[job] += cost

    def _on_done(self, job: Job, future: "Future[Result]") -> None:
        """Let a thread save the files of a finished job, while others run; called in an executor's thread."""
        try:
            self.savers.submit(self._save, job, future)
        except RuntimeError:  # the stage has ended
            self._save(job, future)

    def _save(self, job: Job, future: "Future[Result]") -> None:
        """Save the result of a job, and announce it, or the error, to the loop."""
        try:
            self._record(job, future.result())
            self.events.put(job)
        except BaseException as error:
            self.events.put(error)

    def _record(self, job: Job, result: Result) -> None:
        """Save the files of a finished job, and count it."""
        for each, content in zip(job.cohorts, result, strict=True):
            if isinstance(content, CohortFailed):
                self.store.save_failed(each, str(content))
                self.status.failed[each.cohort.pair] = shorten_reason(str(content))
            else:
                self.store.save(each.cohort_id, content)
        with self.lock:
            self.status.add(job.cohorts, self.counted.pop(job, 0.0))

    def _collect(self) -> None:
        """Wait for an event, and handle all that have arrived by then: finished jobs, compiled groups and errors."""
        for event in self._events():
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Job):
                self.held[self.executor_of.pop(event)] -= 1
            else:
                self.to_compile -= 1
                for job in event:
                    self._enqueue("cpu", job)

    def _events(self) -> Iterator[_Event]:
        """Yield the events that have arrived; wait a moment for the first one."""
        with contextlib.suppress(queue.Empty):
            yield self.events.get(timeout=_POLL_SECONDS)
            if len(self.executor_of) > self.workers:
                time.sleep(_COALESCE_SECONDS)
            while True:
                yield self.events.get_nowait()


def _launch(planned: PlannedCohort) -> tuple:
    """Return the settings that cohorts in one GPU launch must share, besides problem, optimizer and dtype."""
    return planned.cohort.batch_size, planned.cohort.steps, planned.cohort.deadline


class _Compiler:
    """Compiles the kernels of groups of cohorts in a thread, while compiled groups run.

    A first start compiles for a quarter of a minute, most of it for one problem.
    """

    def __init__(
        self,
        planned: Iterable[PlannedCohort],
        on_compiled: Callable[[Sequence[PlannedCohort], str], None],
        on_error: Callable[[BaseException], None],
    ):
        """Group the cohorts. on_compiled: called with each group, and the reason why it does not compile, or ""."""
        # Few runs ask for another kernel than many.
        self.groups = grouped(planned, lambda each: each.runs)
        self._on_compiled, self._on_error = on_compiled, on_error
        self._stopping, self._thread = threading.Event(), threading.Thread(target=self._work, daemon=True)

    def start(self, wait: bool) -> None:
        """Compile groups that use other libraries in this thread, and the rest in another; wait: until all are done."""
        ours = {id(group): is_compiled(group[0].cohort.problem, group[0].cohort.optimizer) for group in self.groups}
        self.groups.sort(key=lambda group: ours[id(group)])
        for group in itertools.takewhile(lambda group: not ours[id(group)], list(self.groups)):
            self.groups.remove(group)
            self._on_compiled(group, _compile(group[0]))
            interrupts.check_signals()
        if self.groups:
            self._thread.start()
        while wait and self._thread.is_alive():  # with a time limit the order counts: all must be there to choose from
            self._thread.join(_COMPILE_STOP_SECONDS)
            interrupts.check_signals()

    def stop(self) -> None:
        """Compile no further group."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_COMPILE_STOP_SECONDS)

    def _work(self) -> None:
        """Compile the kernels of each group of cohorts in a thread, and report each result."""
        try:
            for group in self.groups:
                if self._stopping.is_set():
                    return
                reason = _compile(group[0])
                if not self._stopping.is_set():
                    self._on_compiled(group, reason)
        except BaseException as error:
            self._on_error(error)


def _compile(planned: PlannedCohort) -> str:
    """Compile the kernels of a cohort; return why they do not compile, or ""."""
    try:
        with interrupts.defer_signals(long=True):  # numba takes an exception from outside for one of its own
            compile_for(planned.cohort)
    except (Exception, SystemExit) as error:
        return in_one_line(error)
    return ""
