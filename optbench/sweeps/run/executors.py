"""Executors: what runs the cohorts of a sweep. Here are the unit of work, the protocol, and threads of this process."""

import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from optbench.contract.errors import in_one_line
from optbench.engine.run import run_together
from optbench.engine.runner import Cancelled
from optbench.sweeps.plan import PlannedCohort
from optbench.sweeps.store.cohort_files import encode
from optbench.sweeps.tables import make_tables

_STOP_SECONDS = 0.6
"""Seconds that a stopped executor waits for its threads: a kernel that loops for ever never ends."""
_JOBS_PER_THREAD = 8
"""Jobs that a thread executor holds for each thread: the one that runs, and a few that wait for it."""


class CohortFailed(Exception):
    """A cohort could not run; the text is the reason, in one line."""


Result = tuple[bytes | CohortFailed, ...]
"""For each cohort of a job, in order, the content of its file, or the reason why there is none."""


@dataclass(frozen=True, eq=False)
class Job:
    """Cohorts that an executor runs in one call: one on a CPU, those that differ in their seed on a GPU."""

    cohorts: tuple[PlannedCohort, ...]
    note: str = ""
    """The reason why these run on the CPU though a GPU was requested; "" otherwise."""

    @property
    def device(self) -> str:
        return self.cohorts[0].cohort.device

    @property
    def pair(self) -> str:
        return self.cohorts[0].cohort.pair

    @cached_property
    def cost(self) -> float:
        """The work as the plan estimates it, about nanoseconds."""
        return sum(each.cost for each in self.cohorts)

    def run(
        self, threads: int, on_progress: Callable[[int], None], should_stop: Callable[[], bool]
    ) -> tuple[bytes, ...]:
        """Run the cohorts and return the content of their files. Raises Cancelled once ``should_stop`` returns True.

        Args:
            threads: the number of threads that the table of timings names.
            on_progress: called with the run-steps made since the last call.
            should_stop: called about ten times a second.
        """
        outcomes = run_together([each.cohort for each in self.cohorts], on_progress, should_stop)
        files = []
        for each, outcome in zip(self.cohorts, outcomes, strict=True):
            outcome.device_note = self.note or outcome.device_note
            made = make_tables(each.cohort, outcome, each.cohort_id, each.run_ids, threads)
            files.append(encode(each.cohort_id, made))
        return tuple(files)

    def failed(self, reason: str) -> Result:
        """Return the result of a job none of whose cohorts could run."""
        return (CohortFailed(reason),) * len(self.cohorts)


def grouped(
    cohorts: Iterable[PlannedCohort], key: Callable[[PlannedCohort], object] = lambda each: None
) -> list[list[PlannedCohort]]:
    """Group cohorts by problem, optimizer, dtype and ``key``, in the order of the first of each group."""
    groups: dict[tuple, list[PlannedCohort]] = {}
    for each in cohorts:
        cohort = each.cohort
        groups.setdefault((cohort.problem.name, cohort.optimizer.name, cohort.dtype, key(each)), []).append(each)
    return list(groups.values())


class Executor(Protocol):
    """Runs jobs side by side."""

    @property
    def capacity(self) -> int:
        """The number of jobs to hold at once: those that run, and a few that wait."""

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        """Start a job soon, and return the future of its result.

        ``on_progress`` is called from any thread with run-steps made. An exception in the future ends the sweep; the
        future of a job that :meth:`stop` cancels never completes.
        """

    def stop(self) -> None:
        """Cancel all jobs and return when none runs any more; the executor takes new jobs afterwards."""


class ThreadExecutor:
    """Threads of this process: kernels release the GIL, so that they run side by side.

    ``concurrent.futures.ThreadPoolExecutor`` joins its threads when the interpreter exits. These are daemons: a user's
    kernel that loops for ever must not keep a program from ending.
    """

    def __init__(self, threads: int, reported_threads: int | None = None):
        """Take the number of threads, and the one that the table of timings names, by default the same."""
        self.capacity = _JOBS_PER_THREAD * threads
        self._count, self._reported = threads, reported_threads or threads
        self._reset()

    def _reset(self) -> None:
        """Start anew with an empty queue and no threads."""
        self._tasks: queue.SimpleQueue[tuple[Job, Callable[[int], None], Future[Result]] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, args=(self._tasks, self._stopping), daemon=True)
            thread.start()
            self._threads.append(thread)
        future: Future[Result] = Future()
        self._tasks.put((job, on_progress, future))
        return future

    def _work(self, tasks: queue.SimpleQueue, stopping: threading.Event) -> None:
        """Run jobs from the queue in a thread, until None comes or the executor is stopped."""
        while (task := tasks.get()) is not None and not stopping.is_set():
            job, on_progress, future = task
            result: Result | KeyboardInterrupt
            try:
                result = job.run(self._reported, on_progress, stopping.is_set)
            except Cancelled:
                return
            except KeyboardInterrupt as error:
                result = error
            except BaseException as error:  # a plug-in may raise anything, and the other jobs go on
                result = job.failed(in_one_line(error))
            if stopping.is_set():
                return
            if isinstance(result, KeyboardInterrupt):
                future.set_exception(result)
            else:
                future.set_result(result)

    def stop(self) -> None:
        self._stopping.set()
        for _ in self._threads:
            self._tasks.put(None)
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._reset()
