"""Threads of this process: kernels release the GIL, so that they run side by side."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from optbench.contract.errors import in_one_line
from optbench.engine.runner import Cancelled
from optbench.sweeps.crews.contract import Crew, Finished
from optbench.sweeps.jobs import Job

_STOPPING = 0.6
"""Seconds that a kernel is waited for which was asked to stop: one that loops for ever cannot be ended."""

_DEPTH = 8
"""Jobs a thread: the one that runs, and those that wait for it."""

_Task = tuple[Job, Callable[[int], None], Callable[[Finished], None]]
_Tasks = deque[_Task]


class ThreadCrew:
    """Some threads. ``told``: the number of threads that the timings' table names.

    Of several the first one serves ``small`` before it does what the others do, and they come to its help at the end.
    Jobs of a few milliseconds are Python for the most part, for which threads wait for each other; beside a kernel that
    runs for longer nobody waits. The default sweep takes 0.94 to 0.97 of the time so on two cores.
    """

    def __init__(self, threads: int, told: int):
        self._told, self._most = told, threads
        self.width = _DEPTH * threads
        self._large, self._small = _Tasks(), _Tasks()
        self.small: Crew | None = _Small(self, self._small) if threads > 1 else None
        self._stopping = threading.Event()
        self._there: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """An entry for each task; False: there are no more."""
        # An interpreter that ends waits for no daemon, and so for no kernel that loops for ever.
        self._threads = list[threading.Thread]()

    def submit(self, job: Job, heard: Callable[[int], None], done: Callable[[Finished], None]) -> None:
        self.take(self._large, (job, heard, done))

    def take(self, tasks: _Tasks, task: _Task) -> None:
        """Have it done, as one of these."""
        if len(self._threads) < self._most:
            order = [self._large, self._small] if self._threads else [self._small, self._large]
            thread = threading.Thread(target=self._serve, args=order, daemon=True)
            thread.start()
            self._threads.append(thread)
        tasks.append(task)
        self._there.put(True)

    def _serve(self, first: _Tasks, then: _Tasks) -> None:
        while self._there.get() and not self._stopping.is_set():
            job, heard, done = _next(first, then)
            try:
                ended = Finished(job, job.files(self._told, heard, self._stopping.is_set))
            except Cancelled:
                return
            except KeyboardInterrupt as error:
                ended = Finished(job, error=error)
            except BaseException as error:  # a plug-in may raise anything; the others go on
                ended = Finished(job, failure=in_one_line(error))
            if not self._stopping.is_set():
                done(ended)

    def stop(self) -> None:
        self._stopping.set()
        for _ in self._threads:
            self._there.put(False)
        until = time.monotonic() + _STOPPING
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))


def _next(first: _Tasks, then: _Tasks) -> _Task:
    """A task of the first ones; of the others where there is none. There is one for everybody who asks."""
    while True:
        for tasks in (first, then):
            with suppress(IndexError):  # another thread was quicker
                return tasks.popleft()


class _Small:
    """Those jobs of a crew that its first thread does."""

    width = _DEPTH

    def __init__(self, crew: ThreadCrew, tasks: _Tasks):
        self._crew, self._tasks = crew, tasks

    def submit(self, job: Job, heard: Callable[[int], None], done: Callable[[Finished], None]) -> None:
        self._crew.take(self._tasks, (job, heard, done))

    def stop(self) -> None:
        """Nothing: the crew is stopped."""
