"""Worker processes that may die: each runs a cohort at a time, and a new one goes on with the rest."""

import contextlib
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from optbench.contract import resources
from optbench.sweeps.crews.contract import Finished
from optbench.sweeps.crews.process import Died, Limits, Process, Stopped
from optbench.sweeps.jobs import Job
from optbench.sweeps.recipes import recipe_of, to_json
from optbench.sweeps.store.cohort_files import Damaged, decode

_DEATHS = 3
"""Workers that may die of a pair in a row, before it is given up."""
_SHARE = 0.5
"""Of the machine's memory that all workers together may take."""
# Bytes: a worker that has loaded everything has 0.25 GB of its own (measured)
_LEAST = 1e9
"""Bytes that each may take in any case."""
_STOPPING = 0.6
"""Seconds that killed workers are waited for."""

_Task = tuple[Job, Callable[[int], None], Callable[[Finished], None]]


def limits_for(processes: int, stall: float, memory: float | None) -> Limits:
    """What each of so many workers may take; memory: bytes, by default a share of the machine's."""
    share = max(resources.memory() * _SHARE / processes, _LEAST)
    return Limits(stall, share if memory is None else memory)


class ProcessCrew:
    """Some worker processes, started when there is work. They run cohorts of the CPU, made from recipes.

    A worker that dies, is silent for too long or takes too much memory fails its cohort, and that alone; a pair of
    which workers die one after the other is given up. Where it died in a user's schedule, the cohort runs once more,
    and the schedule's lanes alone have failed.
    """

    def __init__(
        self, processes: int, plugins: Sequence[str], stall: float = Limits.stall, memory: float | None = None
    ):
        self.limits = limits_for(processes, stall, memory)
        self.width, self._most, self._plugins = 2 * processes, processes, tuple(plugins)
        self._stopping = threading.Event()
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._alive: set[Process] = set()
        self._guard = threading.Lock()
        self._deaths: dict[str, list[str]] = {}
        self._blamed: dict[str, int] = {}
        self._bad_schedules: dict[str, str] = {}
        self._folder: tempfile.TemporaryDirectory | None = None

    def submit(self, job: Job, heard: Callable[[int], None], done: Callable[[Finished], None]) -> None:
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="optbench-", ignore_cleanup_errors=True)
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._serve, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._tasks.put((job, heard, done))

    def _start(self, deadline: float | None) -> Process:
        limits = Limits(self.limits.stall + (deadline or 0.0), self.limits.memory)
        with self._guard:
            if self._stopping.is_set():
                raise Stopped
            assert self._folder is not None
            process = Process(Path(self._folder.name) / "compiling", limits)
            self._alive.add(process)
            return process

    def _end(self, process: Process | None) -> None:
        if process is not None:
            process.end()
            with self._guard:
                self._alive.discard(process)

    def _serve(self) -> None:
        process: Process | None = None
        tasks, stopping = self._tasks, self._stopping
        try:
            while (task := tasks.get()) is not None and not stopping.is_set():
                job, heard, done = task
                deaths = self._deaths.setdefault(job.pair, [])
                if len(deaths) >= _DEATHS:
                    text = (
                        f"not tried: {len(deaths)} workers in a row died of {job.pair}, the last one so: {deaths[-1]}"
                    )
                    done(Finished(job, failure=text))
                    continue
                without = dict(self._bad_schedules)
                ended = None
                while ended is None:
                    try:
                        process = process or self._start(job.planned[0].cohort.deadline)
                        recipe = to_json(recipe_of(job.planned[0], self._plugins))
                        ok, reason, files = process.ask(
                            "run", recipe, self._most, without, on_progress=heard, stopping=stopping.is_set
                        )
                        ended = self._finished(job, files) if ok else Finished(job, failure=str(reason))
                        deaths.clear()
                    except Died as error:
                        schedule, text = process.schedule if process else "", str(error)
                        self._end(process)
                        process = None
                        if schedule and schedule not in without:  # once more, without its lanes
                            without[schedule] = f"schedule {schedule}: {text}"
                            self._blame(schedule, without[schedule])
                        else:
                            deaths.append(text)
                            ended = Finished(job, failure=text)
                    except Exception as error:  # the system gives no process, or no thread
                        ended = Finished(job, error=error)
                done(ended)
        except Stopped:
            pass
        finally:
            self._end(process)

    def _blame(self, schedule: str, reason: str) -> None:
        """Note that a worker has died in a schedule: one in which several have is not called any more."""
        with self._guard:
            self._blamed[schedule] = self._blamed.get(schedule, 0) + 1
            if self._blamed[schedule] >= _DEATHS:
                self._bad_schedules[schedule] = reason

    def _finished(self, job: Job, files: tuple[bytes, ...]) -> Finished:
        try:  # a plug-in that writes where it must not may have hit anything
            for each, file in zip(job.planned, files, strict=True):
                decode(file, each.cohort_id)
        except (Damaged, TypeError, ValueError) as error:
            raise Died(f"its worker process made a file that is damaged: {error}") from None
        return Finished(job, files=files)

    def stop(self) -> None:
        with self._guard:
            self._stopping.set()
            alive = list(self._alive)
        for process in alive:
            process.end()
        for _ in self._threads:
            self._tasks.put(None)
        until = time.monotonic() + _STOPPING
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.cleanup()
        # Whoever was cut off knows the old ones; the next job finds a crew as new.
        self._stopping, self._tasks, self._threads, self._folder = threading.Event(), queue.SimpleQueue(), [], None
