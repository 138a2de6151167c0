"""Threads of this process: kernels release the GIL, so that they run side by side."""

import queue
import threading
import time
from collections.abc import Callable

from optbench.contract.errors import in_one_line
from optbench.engine.runner import Cancelled
from optbench.sweeps.crews.contract import Finished
from optbench.sweeps.jobs import Job

_STOPPING = 0.6
"""Seconds that a kernel is waited for which was asked to stop: one that loops for ever cannot be ended."""

_DEPTH = 8
"""Jobs a thread: the one that runs, and those that wait for it."""

_Task = tuple[Job, Callable[[int], None], Callable[[Finished], None]]


class ThreadCrew:
    """Some threads. ``told``: the number of threads that the timings' table names."""

    def __init__(self, threads: int, told: int):
        self.width, self._told = _DEPTH * threads, told
        self._stopping = threading.Event()
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        # An interpreter that ends waits for no daemon, and so for no kernel that loops for ever.
        self._most, self._threads = threads, list[threading.Thread]()

    def submit(self, job: Job, heard: Callable[[int], None], done: Callable[[Finished], None]) -> None:
        if len(self._threads) < self._most:
            self._threads.append(threading.Thread(target=self._serve, daemon=True))
            self._threads[-1].start()
        self._tasks.put((job, heard, done))

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None and not self._stopping.is_set():
            job, heard, done = task
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
            self._tasks.put(None)
        until = time.monotonic() + _STOPPING
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
