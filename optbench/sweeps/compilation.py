"""The kernels of a sweep's cohorts, pair by pair in a thread of their own: what is compiled runs meanwhile.

A first start compiles for a quarter of a minute, most of it for one problem: the others need not wait for it.
"""

import threading
from collections.abc import Callable, Sequence

from optbench.contract.errors import in_one_line
from optbench.engine.cpu.code import is_compiled
from optbench.engine.run import compile_for
from optbench.sweeps import interrupts
from optbench.sweeps.jobs import grouped
from optbench.sweeps.planned import PlannedCohort

_STOPPING = 0.6
"""Seconds that a compilation is waited for when nothing more is to run; it ends by itself."""
Group = Sequence[PlannedCohort]


class Compilation:
    """Compiles what each group of cohorts needs, in order, and tells of each: compiled, or why it will not compile.

    planned: what is to run on this machine's cores. told: hears of each group, with the reason, "" for none; from
    another thread after :meth:`start`. What it raises ends the compilation, and ``broken`` hears of it.
    """

    def __init__(
        self,
        planned: Sequence[PlannedCohort],
        told: Callable[[Group, str], None],
        broken: Callable[[BaseException], None],
    ):
        self.groups: list[list[PlannedCohort]] = grouped(planned, _lanes)
        self._told, self._broken = told, broken
        self._stopping, self._thread = threading.Event(), threading.Thread(target=self._rest, daemon=True)
        self._begun = 0

    def begin(self) -> None:
        """In this thread, what other libraries have a part in: they are loaded by it."""
        self.groups.sort(key=lambda group: is_compiled(group[0].cohort.problem, group[0].cohort.optimizer))
        for group in self.groups:
            if is_compiled(group[0].cohort.problem, group[0].cohort.optimizer):
                break
            self._begun += 1
            self._told(group, _refusal(group))
            interrupts.look()

    def start(self) -> None:
        """The rest, in a thread."""
        if self._begun < len(self.groups):
            self._thread.start()

    def wait(self) -> None:
        """Until all is compiled; a signal ends it."""
        while self._thread.is_alive():
            self._thread.join(_STOPPING)
            interrupts.look()

    def stop(self) -> None:
        """Compile no further group."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOPPING)

    def _rest(self) -> None:
        try:
            for group in self.groups[self._begun :]:
                if self._stopping.is_set():
                    return
                reason = _refusal(group)
                if not self._stopping.is_set():
                    self._told(group, reason)
        except BaseException as error:
            self._broken(error)


def _refusal(group: Group) -> str:
    """Compile for the group; why it will not compile, "" where it does."""
    try:
        with interrupts.noted(long=True):  # numba takes an exception from outside for one of its own
            compile_for(group[0].cohort)
    except (Exception, SystemExit) as error:
        return in_one_line(error)
    return ""


def _lanes(planned: PlannedCohort) -> int:
    """How many runs it has: few ask for another kernel than many."""
    return planned.runs
