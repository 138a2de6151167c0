"""Threads of this process: kernels release the GIL, so that they run side by side."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from optbench.contract.errors import in_one_line
from optbench.engine.runner import Cancelled
from optbench.sweeps.crews.contract import Finished
from optbench.sweeps.jobs import Job


class ThreadCrew:
    """A pool of threads. ``told``: the number of threads that the timings' table names."""

    def __init__(self, threads: int, told: int):
        self.width, self._told = 2 * threads, told
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(threads)

    def submit(self, job: Job, heard: Callable[[int], None], done: Callable[[Finished], None]) -> None:
        self._pool.submit(self._work, job, heard, done)

    def _work(self, job: Job, heard: Callable[[int], None], done: Callable[[Finished], None]) -> None:
        if self._stopping.is_set():
            return
        try:
            ended = Finished(job, job.files(self._told, heard, self._stopping.is_set))
        except Cancelled:
            return
        except KeyboardInterrupt as error:
            ended = Finished(job, error=error)
        except BaseException as error:  # a plug-in may raise anything; the others go on
            ended = Finished(job, failure=in_one_line(error))
        done(ended)

    def stop(self) -> None:
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
