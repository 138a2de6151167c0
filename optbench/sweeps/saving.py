"""Finished cohorts on their way to the disk, in threads of their own: whoever ran them goes on meanwhile.

To outlast a power cut a file takes milliseconds of waiting, as long as a small cohort takes to run.
"""

import queue
import threading
from collections.abc import Callable

from optbench.sweeps.crews.contract import Finished

# Files that are waited for at once: a file takes 3.6 ms on a disk of which 0.25 are the processor's (measured), a
# small cohort 2 to 6 ms of a core
_THREADS = 2
"""Files that are waited for at once: a disk answers several at a time."""
_WAITING = 2
"""Files that wait for these; beyond, whoever brings one waits himself."""


class Saving:
    """Hands all that it is given to ``save``, from several threads, and tells of each. Neither may raise."""

    def __init__(self, save: Callable[[Finished], None], told: Callable[[], None] = lambda: None):
        self._save, self._told, self._lock = save, told, threading.Lock()
        self._tasks: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_THREADS + _WAITING)
        self._over = False
        self.unsaved = 0
        """How many are on their way."""
        # Started here: where the system refuses a thread, whoever begins the sweep hears of it, and not a worker.
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(_THREADS)]
        for thread in self._threads:
            thread.start()

    def put(self, ended: Finished) -> None:
        """Save it soon; after :meth:`finish` at once."""
        self._room.acquire()
        with self._lock:
            self.unsaved += 1
            over = self._over
            if not over:
                self._tasks.put(ended)
        if over:
            self._one(ended)

    def _one(self, ended: Finished) -> None:
        self._save(ended)
        with self._lock:
            self.unsaved -= 1
        self._room.release()
        self._told()

    def _serve(self) -> None:
        while (ended := self._tasks.get()) is not None:
            self._one(ended)

    def finish(self) -> None:
        """Return when all is saved that was given before."""
        with self._lock:
            self._over = True
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
