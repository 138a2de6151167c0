"""Quick checks of a user's record, which compile nothing: a sweep runs them before it starts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from optbench.checks import optimizer, problem
from optbench.checks.failure import CheckFailed, check_close, find_title
from optbench.checks.guarded_arrays import Guarded
from optbench.checks.interpreter import Interpreter
from optbench.contract.optimizers import Optimizer
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule

_SECONDS = 0.5
"""The time limit for the checks of one record. Checks that do not end by then find nothing."""


def find_faults(record: Any) -> list[str]:
    """Return the faults of a problem, an optimizer or a schedule, in words; [] for other records.

    These are faults that raise no error but make results meaningless: a start or a rule that differs from call to call,
    a gradient that is not written, an index beyond an array. Call it from the main thread.
    """
    found = []
    try:
        with _time_limit(_SECONDS):
            for check in _CHECKS.get(type(record), ()):
                try:
                    check(record)
                except (CheckFailed, IndexError) as error:
                    found.append(f"{type(record).__name__.lower()} {record.name}: {find_title(check)}: {error}")
    except (Exception, SystemExit):  # what a plug-in raises besides, its runs report
        pass
    return found


def _check_gradient_written(record: Problem) -> None:
    """Check that it writes the whole gradient, within its arrays."""
    guarded = Guarded(record, "float64", 2, rows=5)
    guarded.view["g"][...] = np.nan
    guarded.run_in_python()
    unwritten = int(np.isnan(guarded.view["g"][0] if guarded.single else guarded.view["g"]).sum())
    if unwritten:
        raise CheckFailed(f"{unwritten} of the numbers in g are not written, or NaN at the start point")
    if wrong := guarded.out_of_bounds_writes():
        raise CheckFailed(f"writes to or beyond {', '.join(wrong)}")


def _check_repeats(record: Optimizer) -> None:
    """Check that it takes the same step when it is called again."""
    dim = sum(int(np.prod(shape)) for shape in optimizer.SHAPES)
    steps = [Interpreter(record, optimizer.SHAPES).step(np.ones(dim), np.full(dim, 0.5), 0.1) for _ in range(2)]
    if not np.array_equal(steps[0], steps[1], equal_nan=True):
        raise CheckFailed("the same weights and gradients give other weights")


def _check_factors(record: Schedule) -> None:
    """Check that it gives one finite, non-negative factor a step, the same alone as among others."""
    step = np.arange(1, 101)
    epoch = (step - 1) // 10
    values = np.asarray(record(step, epoch, 100), dtype=float)
    if values.shape != step.shape:
        raise CheckFailed(f"gives shape {values.shape} for 100 steps")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        bad = int(np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[0])
        raise CheckFailed(f"the factor of step {step[bad]}, epoch {epoch[bad]}, is {values[bad]}")
    alone = [float(np.ravel(record(step[i : i + 1], epoch[i : i + 1], 100))[0]) for i in range(100)]
    check_close(values, np.array(alone), 1e-12, "a step alone against all together")


SCHEDULE = (_check_factors,)
_CHECKS: dict[type, tuple] = {
    Problem: (*problem.QUICK, _check_gradient_written),
    Optimizer: (_check_repeats, *optimizer.QUICK),
    Schedule: SCHEDULE,
}


class _TimeOver(BaseException):
    """Raised if the checks of a record take too long; a plug-in's handler of Exception does not catch it."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _TimeOver inside the block once it has taken so many seconds."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise _TimeOver

    before = signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TimeOver:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
