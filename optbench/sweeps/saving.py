"""Finished cohorts on their way to the disk, in a thread of its own: whoever ran them goes on meanwhile.

To outlast a power cut a file takes milliseconds of waiting, as long as a small cohort takes to run. Those that end
within a moment are written together: the disk is waited for once, and threads give way to each other less often.
"""

import queue
import threading
from collections.abc import Callable, Sequence

from optbench.sweeps.crews.contract import Finished

_GATHERING = 0.01
"""Seconds in which those that are written together end."""
_MOST = 16
"""So many jobs are on their way; beyond, whoever brings one waits himself."""


class Saving:
    """Hands all that it is given to ``save``, some at a time, and tells of it. Neither may raise."""

    def __init__(self, save: Callable[[Sequence[Finished]], None], told: Callable[[], None] = lambda: None):
        self._save, self._told, self._lock = save, told, threading.Lock()
        self._tasks: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_MOST)
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self.unsaved = 0
        """How many are on their way."""

    def put(self, ended: Finished) -> None:
        """Save it soon; after :meth:`finish` at once."""
        self._room.acquire()
        with self._lock:
            self.unsaved += 1
            over = self._over.is_set()
            if not over:
                self._tasks.put(ended)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, daemon=True)
                    self._thread.start()
        if over:
            self._all([ended])

    def _all(self, ended: Sequence[Finished]) -> None:
        self._save(ended)
        with self._lock:
            self.unsaved -= len(ended)
        self._room.release(len(ended))
        self._told()

    def _serve(self) -> None:
        while (ended := self._tasks.get()) is not None:
            self._over.wait(_GATHERING)
            together = [ended]
            while len(together) < _MOST and not self._tasks.empty():
                if (another := self._tasks.get()) is None:
                    self._tasks.put(None)
                    break
                together.append(another)
            self._all(together)

    def finish(self) -> None:
        """Return when all is saved that was given before."""
        with self._lock:
            self._over.set()
        if self._thread is not None:
            self._tasks.put(None)
            self._thread.join()
