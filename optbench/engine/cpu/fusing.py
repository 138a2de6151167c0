"""When a pair of problem and rule has a fused kernel: once it has run for as long as the kernel takes to compile.

So nothing waits for a kernel that does not pay: at worst the whole takes twice as long as it would have with the better
choice. A kernel that an earlier process has left on disk is taken as soon as it is worth loading. From then on the two
kernels that it stands for take turns with it until both have been timed, and the quicker makes the rest: few lanes that
are turned by many short loops, as discus is, take twice as long fused. Which of them makes the steps cannot be seen in
the numbers: both compute the same bits.
"""

import math
import threading
import time
from collections.abc import Callable

from optbench.compiler.fused import Fused, multiplies
from optbench.compiler.update_kernels import parts_of
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import Optimizer
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine.arrays import scratch_size

# Seconds of steps: a fused kernel's text takes 40 ms to write and its code 15 to load (measured); both must not be a
# large part of what it saves: with 0.05 the default sweep asked for 27 kernels, a second in all, and used none
LOADING = 0.2
"""Seconds of steps, made or still to be made, from which a kernel on disk is looked for: its text takes 0.04."""
# Seconds of steps: about what a fused kernel takes to compile: 1.2 to 2.8 s of CPU, half as much again where the
# gradient makes the steps (measured); so the whole takes little more than twice as long as with the better choice
COMPILING = 2.0
"""Seconds that a pair's steps have taken in this process before its kernel is compiled."""
# Seconds of a call: what stands around the kernels takes 0.05 to 0.1 ms (measured): a tenth at most, of either kind
TIMED = 1e-3
"""Seconds from which a call tells how quick its kernels are: what is around them takes a tenth."""
TURNS = 3
"""Such calls of each before the quicker is taken."""
MOST_PARAMETERS = 256
"""Beyond, what the kernels hand each other is small beside what they compute."""


Kind = tuple[int, bool]
"""Of steps: how many lanes make them together, and whether their gradients are given noise."""


class Pair:
    """A problem and a rule in one precision, for one lane or for many; all threads of the process share it."""

    def __init__(self, make: Callable[[], Fused]):
        self._make, self._lock = make, threading.Lock()
        self._fused: Fused | None = None
        self._asked, self._fails = False, False
        self.kernel: Callable | None = None
        self.seconds = 0.0
        """What its steps have taken by kernels of their own."""
        self._paces: dict[tuple[Kind, bool], tuple[float, int]] = {}
        """Seconds of a step at best, and of how many calls; by whether the fused kernel made them."""

    def choice(self, kind: Kind) -> Callable | None:
        """The fused kernel, if it is to make the next steps of that kind."""
        (fused, calls), (own, others) = (self._paces.get((kind, one), (math.inf, 0)) for one in (True, False))
        if calls < TURNS:
            return self.kernel
        return self.kernel if others >= TURNS and fused <= own else None

    def took(self, kind: Kind, fused: bool, seconds: float, steps: int) -> None:
        """A call has made so many steps, in so many seconds."""
        if seconds >= TIMED:
            best, calls = self._paces.get((kind, fused), (math.inf, 0))
            self._paces[kind, fused] = min(best, seconds / steps), calls + 1

    def spent(self, seconds: float, left: float) -> float:
        """Steps have taken so long, and those of the call that follow will take about ``left``; get what then pays.

        Returns the seconds that this took.
        """
        self.seconds += seconds
        wanted = self.seconds > COMPILING or (not self._asked and max(self.seconds, left) > LOADING)
        if self.kernel is not None or self._fails or not wanted or not self._lock.acquire(blocking=False):
            return 0.0
        begin = time.perf_counter()
        try:
            self._get()
        except PluginError:  # its kernels by themselves do compile
            self._fails = True
        finally:
            self._lock.release()
        return time.perf_counter() - begin

    def _get(self) -> None:
        self._asked = True
        self._fused = self._fused or self._make()
        if self.seconds > COMPILING or self._fused.is_kept:
            self.kernel = self._fused.kernel


_pairs: dict[tuple, Pair] = {}


def pair(problem: Problem, rule: Optimizer, dtype: DtypeName, one: bool, rows: int) -> Pair | None:
    """The pair; None where there is no fused kernel for it. ``rows``: of the rule's scalars."""
    if not can_be_fused(problem) or rule.matrix:
        return None
    key = (problem.value_and_gradient, problem.dim, scratch_size(problem, 1, 1), *parts_of(rule), dtype, one, rows)
    return _pairs.setdefault(key, Pair(lambda: Fused(problem, rule, dtype, one, rows)))


def can_be_fused(problem: Problem) -> bool:
    """Whether a kernel of a few lanes can stand for one of all: not for those of data, or of matrix products."""
    if problem.form != "lanes" or problem.data is not None or problem.dim > MOST_PARAMETERS:
        return False
    return not multiplies(problem.value_and_gradient)
