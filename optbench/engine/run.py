"""Cohorts -> what they saw, on the device that each names."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from optbench.compiler import numba_inside
from optbench.contract.errors import in_one_line
from optbench.engine.cohort import Cohort
from optbench.engine.outcome import CohortOutcome


def _unheard(run_steps: int) -> None:
    pass


def _never() -> bool:
    return False


def run(cohort: Cohort, progress: Callable[[int], None] = _unheard, stop: Callable[[], bool] = _never) -> CohortOutcome:
    """Run all lanes of a cohort from the same start point on the same mini-batches.

    ``progress`` hears of run-steps done; ``stop`` is asked about ten times a second. Raises runner.Cancelled when it
    says yes, OptbenchError on input that cannot run.
    """
    return run_together([cohort], progress, stop)[0]


def run_together(
    cohorts: Sequence[Cohort], progress: Callable[[int], None] = _unheard, stop: Callable[[], bool] = _never
) -> list[CohortOutcome]:
    """Run cohorts that differ in nothing but seed, start and lanes: in one launch on a GPU, in turn on the CPU."""
    if cohorts[0].device == "cuda":
        from optbench.engine.cuda import cohorts as gpu

        return gpu.run_cohorts(cohorts, progress, stop)
    from optbench.engine.cpu.cohort import run_cohort
    from optbench.engine.eager.cohort import is_eager
    from optbench.engine.eager.cohort import run_cohort as run_eagerly

    return [(run_eagerly if is_eager(cohort) else run_cohort)(cohort, progress, stop) for cohort in cohorts]


def compile_for(cohort: Cohort) -> None:
    """Compile the kernels that the cohort needs on the CPU. Raises PluginError where they do not compile."""
    from optbench.engine.cpu.cohort import compiled
    from optbench.engine.eager.cohort import make_ready

    make_ready(cohort)
    compiled(cohort.problem, cohort.optimizer, len(cohort.lanes), cohort.dtype)


def refusal(cohort: Cohort) -> str | None:
    """Why a GPU cannot run the cohort, after its kernels were compiled for it; None where it can."""
    from optbench.engine.cuda import cohorts as gpu

    reason = gpu.refuses(cohort.problem, cohort.optimizer)
    if reason is None:
        try:
            gpu.compiled(cohort.problem, cohort.rule, cohort.dtype, cohort.batch_size)
        except Exception as error:  # a plug-in that is fine on the CPU may ask too much of a GPU
            reason = in_one_line(error)
    return reason


_TURN = 5e-4
"""Seconds that a thread may hold the interpreter while another waits. A sweep's threads take it between two kernels,
for less than that: with Python's own 5 ms two of them took as long as one (a quadratic's 458 cohorts 3.3 s instead of
2.7)."""


class _SideBySide:
    """The limits of all that run at a time: the first of them sets them, the last one lifts them.

    ``threadpool_limits`` alone gives back what it has found, and one that began inside another's finds its one thread.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users: dict[object, int] = {}
        """The thread of each, in no order."""
        self._limit: Any = None
        self._turn = 0.0
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
        from threadpoolctl import threadpool_limits

        numba_inside.load_products()  # they must be there to be limited
        user = object()
        with self._lock:
            if not self._users:
                self._limit = threadpool_limits(1, user_api="blas")
                self._turn = sys.getswitchinterval()
                sys.setswitchinterval(min(self._turn, _TURN))
            self._users[user] = threading.get_ident()
        try:
            yield
        finally:
            with self._lock:
                if self._users.pop(user, None) is not None:
                    self._lift()

    def _lift(self) -> None:
        if not self._users and self._limit is not None:
            limit, self._limit = self._limit, None
            limit.restore_original_limits()
            sys.setswitchinterval(self._turn)

    def _after_fork(self) -> None:
        """A child has the thread that forked, and none of the others."""
        self._lock = threading.RLock()
        here = threading.get_ident()
        self._users = {user: thread for user, thread in self._users.items() if thread == here}
        self._lift()


_LIMITS = _SideBySide()


def side_by_side() -> AbstractContextManager[None]:
    """A context for runs in parallel: matrix products start no threads, and threads of Python take short turns.

    Contexts may overlap, in any threads: when the last one ends, both are what they were before the first.
    """
    return _LIMITS.held()
