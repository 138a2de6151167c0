"""The learning rates of some lanes at each step; schedules are called for many steps at a time."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError, PluginError, in_one_line
from optbench.contract.schedules import Schedule
from optbench.engine.cohort import Lane

# Factors of a schedule at a time. To call four schedules for 30 steps takes 27 us, a third of those steps on a small
# problem (measured); a table of so many takes 100 us and 128 KiB
_TABLE = 1 << 12
_ONE = np.ones(1)
"""The array behind all factors of the constant schedule: NumPy's own broadcast takes 10 us, as long as a few steps."""


class Rates:
    """The learning rates of some lanes: the base rate of each, times the factor of its schedule.

    Attributes:
        base: (runs,): the rates before any schedule.
        schedules: the distinct schedules; schedule_of: (runs,): the index of each lane's.
        failures: the reason why each schedule could not be used, "" where it could; only its own lanes fail.
        factors: (schedules, size): those of the steps that were drawn last.
        steady: True where none of these changes from step to step.
    """

    def __init__(self, lanes: Sequence[Lane], per_epoch: int, steps: int):
        self.per_epoch, self.steps = per_epoch, steps
        self.base = np.array([lane.lr for lane in lanes])
        records = {id(lane.schedule): lane.schedule for lane in lanes}  # hundreds of lanes share a few
        schedules = {_identity(schedule): schedule for schedule in records.values()}
        numbers = {identity: number for number, identity in enumerate(schedules)}
        places = {record: numbers[_identity(schedule)] for record, schedule in records.items()}
        self.schedule_of = np.array([places[id(lane.schedule)] for lane in lanes])
        self.schedules = list(schedules.values())
        self.failures = [""] * len(self.schedules)
        self.factors = np.full((len(self.schedules), 1), np.nan)
        self.steady = False
        self._drawn = 0  # the step after which ``factors`` begins
        self._table, self._from = np.zeros((len(self.schedules), 0)), 0  # the factors after step ``_from``
        self._changes = np.zeros(0, np.int64)  # by each step of the table, how often any factor has changed
        self._constant = all(schedule.function is _constant() for schedule in self.schedules)

    def known(self, done: int) -> int:
        """Return the number of steps after ``done`` for which the table has valid factors."""
        if self._constant:
            return self.steps - done
        there = self._from + len(self._changes) - done
        if done >= self._from and there > 0:
            return there
        if any(self._cover(done, min(_TABLE, self.steps - done))):
            self._changes = self._changes[:0]
        return len(self._changes)

    def draw(self, done: int, size: int) -> bool:
        """Set the factors of the next ``size`` steps after ``done``; return True if a further schedule fails."""
        if self._constant:  # the rest takes longer than a step of a small problem
            self.factors = np.ndarray((len(self.schedules), size), float, _ONE, strides=(0, 0))
            self.steady = True
            self._drawn = done
            return False
        first, failed = done - self._from, False
        if not 0 <= first <= first + size <= len(self._changes):
            first, reasons = 0, self._cover(done, max(size, min(_TABLE, self.steps - done)))
            if any(reasons):  # a failure counts at its own steps only
                reasons = self._cover(done, size)
            self.failures = [before or now for before, now in zip(self.failures, reasons, strict=True)]
            failed = any(reasons)
        self.factors, self._drawn = np.ascontiguousarray(self._table[:, first : first + size]), done
        self.steady = bool(self._changes[first] == self._changes[first + size - 1])
        return failed

    def _cover(self, done: int, size: int) -> list[str]:
        """Fill the table for ``size`` steps after ``done``; return each schedule's reason of failure, "" for none."""
        self._from = done
        reasons = self._tabulate(size)
        changed = (self._table[:, 1:] != self._table[:, :-1]).any(axis=0)
        self._changes = np.append(0, changed).cumsum()
        return reasons

    def _tabulate(self, size: int) -> list[str]:
        """Call the schedules that have not failed; return each one's reason of failure, "" for none."""
        step = np.arange(self._from + 1, self._from + size + 1)
        # a division a step shows with small problems
        epoch = (step - 1) // self.per_epoch if self.per_epoch > 1 else step - 1
        self._table, reasons = np.zeros((len(self.schedules), size)), [""] * len(self.schedules)
        for place, schedule in enumerate(self.schedules):
            if not self.failures[place]:
                try:
                    if self._from == 0 and size == 1:  # one factor for any number of steps must not pass
                        _checked(schedule, *self._begin(schedule))
                    self._table[place] = _checked(schedule, step, schedule(step, epoch, self.steps))
                except (Exception, SystemExit) as error:  # a plug-in may raise anything; the other lanes go on
                    reasons[place] = in_one_line(_with_name(schedule, error))
        return reasons

    def _begin(self, schedule: Schedule) -> tuple[np.ndarray, np.ndarray]:
        """Return the first two steps, and the schedule's factors for them."""
        step = np.arange(1, 3)
        return step, schedule(step, (step - 1) // self.per_epoch, self.steps)

    def at(self, points: np.ndarray, going: np.ndarray, dtype: str) -> np.ndarray:
        """Return the rates (p, runs) at these of the steps drawn last, in the optimizer's precision.

        going: (p, runs) bool; the rate of the other lanes is 0.
        """
        factors = self.factors[:, points - 1 - self._drawn].T
        return (self.base * going * factors[:, self.schedule_of]).astype(dtype)

    @property
    def failures_of_lanes(self) -> tuple[str, ...]:
        """The reason why each lane's schedule could not be used; "" where it could."""
        if not any(self.failures):
            return ("",) * len(self.schedule_of)
        return tuple(self.failures[place] for place in self.schedule_of)


@cache
def _constant() -> Callable:
    """Return the function of the constant schedule."""
    return loader.load_all().schedule("constant").function


def _identity(schedule: Schedule) -> int:
    """Return a key that is equal for the same schedule; for constant schedules also where lanes have a record each."""
    return id(_constant() if schedule.function is _constant() else schedule)


def _checked(schedule: Schedule, step: np.ndarray, value: object) -> np.ndarray:
    """Return a schedule's factors. Raises PluginError unless there is a finite one for each step, not below 0."""
    factor = np.asarray(value)
    if factor.dtype.kind not in "fiub":
        raise PluginError(f"schedule {schedule.text}: factors must be real numbers, got {factor.dtype.name}")
    if factor.shape != step.shape:
        # The clock decides how many steps a call has, so the number is no part of the message.
        kind = "a single one" if factor.ndim == 0 else f"{factor.ndim} axes" if factor.ndim > 1 else "another number"
        raise PluginError(f"schedule {schedule.text} must give one factor for each step, got {kind}")
    sound = np.isfinite(factor) & (factor >= 0)
    if not sound.all():
        bad = step[np.flatnonzero(~sound)[0]]
        raise PluginError(f"schedule {schedule.text}: the factor of step {bad} is negative or not a finite number")
    return factor


def _with_name(schedule: Schedule, error: BaseException) -> BaseException:
    """Return the error, with the schedule's name where it has none."""
    return error if isinstance(error, OptbenchError) else PluginError(f"schedule {schedule.text}: {in_one_line(error)}")
