"""Limits of what computes in parallel, once for the whole process: matrix products on one thread, short turns.

And Python looks for circles of objects less often.
"""

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

# Seconds: kernels end and begin within a tenth of that. Measured with two workers, a quadratic's sweep of 458
# cohorts, seconds of its runs at 20, 5, 0.5 and 0.1 ms: 3.25, 3.35, 2.65, 2.67; with one worker 2.8 to 3.05
_TURN = 5e-4
"""Seconds that a thread may hold the interpreter while another waits. A sweep's threads take it between two kernels,
for less than that: with Python's own 5 ms two of them took as long as one (a quadratic's 458 cohorts 3.3 s instead of
2.7)."""
# Objects: CPU seconds of a first start of `minimize` on logistic, rosenbrock and quadratic with adam and prodigy, in
# turns with 700, 5,000, 10,000, 20,000 and 100,000, means of three: 7.27, 6.66, 6.72, 6.73, 6.44 (AMD Zen 4,
# measured)
_OBJECTS = 10_000
"""Objects more than before, at which Python looks for circles among the youngest: numba makes millions while it
compiles, and few circles. With Python's own 700 a first start took 7.3 s of CPU instead of 6.7. Ten times as many would
save 0.3 s more, but whoever's steps leave circles that hold arrays would need the memory."""


class _SideBySide:
    """The limits of all that run at a time: the first of them sets them, the last one lifts them.

    ``threadpool_limits`` alone gives back what it has found, and one that began inside another's finds its one thread.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users: dict[object, int] = {}
        """The thread of each, in no order."""
        self._limit: Any = None
        self._libraries: tuple[int, Any] = (0, None)
        """What sets their threads, and how many modules there were when it looked for them."""
        self._turn = 0.0
        self._objects = gc.get_threshold()
        """What was set before."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=lambda: self._lock.acquire(),
                after_in_parent=lambda: self._lock.release(),
                after_in_child=self._after_fork,
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """The limit, from here to there."""
        user = object()
        with self._lock:
            if not self._users:
                self._limit = self._loaded().limit(limits=1, user_api="blas")
                self._turn = sys.getswitchinterval()
                sys.setswitchinterval(min(self._turn, _TURN))
                self._objects = gc.get_threshold()
                if 0 < self._objects[0] < _OBJECTS:  # 0: never
                    gc.set_threshold(_OBJECTS, *self._objects[1:])
            self._users[user] = threading.get_ident()
        try:
            yield
        finally:
            with self._lock:
                if self._users.pop(user, None) is not None:
                    self._lift()

    def _loaded(self) -> Any:
        """What sets the threads of the libraries that are loaded. To look for them takes 2.5 ms, as long as a short run
        does, so only after an import: no library comes without one."""
        from threadpoolctl import ThreadpoolController

        modules, controller = self._libraries
        if modules != len(sys.modules):
            modules, controller = self._libraries = (len(sys.modules), ThreadpoolController())
        return controller

    def _lift(self) -> None:
        if not self._users and self._limit is not None:
            limit, self._limit = self._limit, None
            limit.restore_original_limits()
            sys.setswitchinterval(self._turn)
            gc.set_threshold(*self._objects)

    def _after_fork(self) -> None:
        """A child has the thread that forked, and none of the others."""
        self._lock = threading.RLock()
        here = threading.get_ident()
        self._users = {user: thread for user, thread in self._users.items() if thread == here}
        self._lift()


_LIMITS = _SideBySide()


def side_by_side() -> AbstractContextManager[None]:
    """A context for runs in parallel: matrix products start no threads, and threads of Python take short turns.

    Python looks for circles of objects less often, too. Contexts may overlap, in any threads: when the last one ends,
    all three are what they were before the first.

    Returns:
        The context.
    """
    return _LIMITS.held()
