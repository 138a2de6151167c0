"""Executors: what runs the cohorts of a sweep. Here are the unit of work, the protocol, and threads of this process."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from optbench.contract.errors import in_one_line
from optbench.engine.outcome import CohortOutcome
from optbench.engine.run_cohorts import run_together
from optbench.engine.runner import Cancelled
from optbench.plan.planned_cohorts import PlannedCohort
from optbench.store.cohort_files import encode_cohorts
from optbench.store.rows import Finished, make_tables

_STOP_SECONDS = 0.6
"""Seconds that a stopped executor waits for its threads: a kernel that loops for ever never ends."""
_JOBS_PER_THREAD = 8
"""Jobs that a thread executor holds for each thread: the one that runs, and a few that wait for it."""
MOST_RUNS = 5000
"""Most runs in a record, unless one cohort has more."""


Result = tuple[bytes | str, ...]
"""Records of all cohorts of a job; or for each of them, in order, its record, or why it could not run, in one line."""


@dataclass(frozen=True, eq=False)
class Job:
    """Cohorts that an executor runs in one call; they differ in seed and lanes only."""

    cohorts: tuple[PlannedCohort, ...]
    note: str = ""
    """The reason why these run on the CPU though a GPU was requested; "" otherwise."""

    @property
    def pair(self) -> str:
        """The problem and the optimizer, as text."""
        return self.cohorts[0].cohort.pair

    @cached_property
    def cost(self) -> float:
        """The work as the plan estimates it, about nanoseconds."""
        return sum(each.cost for each in self.cohorts)

    def run(self, threads: int, on_progress: Callable[[int], None], should_stop: Callable[[], bool]) -> Result:
        """Run the cohorts and return the result. Raises Cancelled once ``should_stop`` returns True.

        Args:
            threads: the number of threads that the table of timings names.
            on_progress: called with the run-steps made since the last call.
            should_stop: called about ten times a second.
        """
        try:
            outcomes = run_together([each.cohort for each in self.cohorts], on_progress, should_stop)
            return self._make_records(threads, outcomes)
        except (Cancelled, KeyboardInterrupt):
            raise
        except BaseException as error:  # a plug-in may raise anything, and the other cohorts go on
            if len(self.cohorts) == 1:
                return self.failed(in_one_line(error))
            alone = [Job((each,), self.note) for each in self.cohorts]
            return tuple(job.run(threads, on_progress, should_stop)[0] for job in alone)

    def _make_records(self, threads: int, outcomes: Sequence[CohortOutcome]) -> tuple[bytes, ...]:
        """Return the records of the cohorts from their outcomes."""
        finished = []
        for each, outcome in zip(self.cohorts, outcomes, strict=True):
            outcome.device_note = self.note or outcome.device_note
            finished.append(Finished(each.cohort, outcome, each.cohort_id, each.run_ids))
        count = max(1, MOST_RUNS // max(each.runs for each in self.cohorts))
        parts = [finished[first : first + count] for first in range(0, len(finished), count)]
        return tuple(encode_cohorts([each.cohort_id for each in part], make_tables(part, threads)) for part in parts)

    def failed(self, reason: str) -> Result:
        """Return the result of a job none of whose cohorts could run, for the same reason."""
        return (reason,) * len(self.cohorts)


class Executor(Protocol):
    """Runs jobs side by side."""

    cohorts_per_job: int
    """The most cohorts that it takes as one job."""

    @property
    def capacity(self) -> int:
        """The number of jobs to hold at once: those that run, and a few that wait."""

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        """Start a job soon, and return the future of its result.

        ``on_progress`` is called from any thread with the run-steps made since its last call. An exception in the
        future ends the sweep.
        """

    def stop(self) -> None:
        """Cancel all jobs, and wait at most a moment for those that run: their futures have no result."""


class DaemonPool:
    """A pool of threads that are daemons.

    ``concurrent.futures.ThreadPoolExecutor`` joins its threads when the interpreter exits, but a user's kernel that
    loops for ever must not keep a program from ending.
    """

    def __init__(self, threads: int):
        """Take the largest number of threads, each started when it is needed."""
        self._count, self._threads = threads, list[threading.Thread]()
        self._calls: queue.SimpleQueue[tuple[Future, Callable[..., Any], tuple] | None] = queue.SimpleQueue()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Call a function in a thread, and return the future of its result."""
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, daemon=True)
            thread.start()
            self._threads.append(thread)
        future: Future = Future()
        self._calls.put((future, function, arguments))
        return future

    def _work(self) -> None:
        """Make the calls of the queue, until None comes."""
        while (call := self._calls.get()) is not None:
            future, function, arguments = call
            try:
                result = function(*arguments)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del call, future, arguments  # a waiting thread must not hold the data of a finished job

    def stop(self) -> None:
        """Drop the calls that wait, and wait at most _STOP_SECONDS for those that run."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._calls.get_nowait()
        for _ in self._threads:
            self._calls.put(None)
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))


class ThreadExecutor:
    """Runs jobs in threads of this process: kernels release the GIL, so that they run side by side."""

    cohorts_per_job = MOST_RUNS

    def __init__(self, threads: int, reported_threads: int | None = None):
        """Take the number of threads, and the one that the table of timings names, by default the same."""
        self.capacity, self._reported = _JOBS_PER_THREAD * threads, reported_threads or threads
        self._pool, self._stopping = DaemonPool(threads), threading.Event()

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        """Start a job as soon as a thread is idle, and return the future of its result."""
        return self._pool.submit(self._run_job, job, on_progress)

    def _run_job(self, job: Job, on_progress: Callable[[int], None]) -> Result:
        """Run a job and return its result; raise Cancelled once stopped.

        on_progress: as in `Job.run`.
        """
        result = job.run(self._reported, on_progress, self._stopping.is_set)
        if self._stopping.is_set():
            raise Cancelled
        return result

    def stop(self) -> None:
        """Cancel all jobs, and wait a moment for their threads."""
        self._stopping.set()
        self._pool.stop()
