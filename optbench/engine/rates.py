"""The learning rates of some lanes at each step; schedules are called for many steps at a time."""

from collections.abc import Sequence

import numpy as np

from optbench.contract.errors import OptbenchError, PluginError, in_one_line
from optbench.contract.schedules import Schedule
from optbench.engine.batches import count_gradients
from optbench.engine.cohort import Lane

# Steps of a table of factors: a run of the default sweep fits, and a long run of a small function is not cut into short
# calls. To call four schedules for 30 steps takes 27 us, a third of those steps on a small problem (measured)
_TABLE = 1 << 14


class Rates:
    """The learning rates of some lanes: the base rate of each, times the factor of its schedule.

    Attributes:
        base: (runs,): the rates before any schedule.
        schedules: the distinct schedules; schedule_of: (runs,): the index of each lane's.
        failures: the reason why each schedule could not be used, "" if it could; only its own lanes fail.
        factors: (schedules, size): those of the steps that were drawn last.
    """

    def __init__(self, lanes: Sequence[Lane], per_epoch: int, steps: int, second_every: int = 0):
        """Find the distinct schedules of the lanes of a run of so many steps.

        per_epoch: the gradients of an epoch. second_every: as for `count_gradients`.
        """
        self.per_epoch, self.steps, self.second_every = per_epoch, steps, second_every
        self.base = np.array([lane.lr for lane in lanes])
        records = {id(lane.schedule): lane.schedule for lane in lanes}  # hundreds of lanes share a few
        places = {record: place for place, record in enumerate(records)}
        self.schedule_of = np.array([places[id(lane.schedule)] for lane in lanes])
        self.schedules = list(records.values())
        self.failures = [""] * len(self.schedules)
        self._first = -1  # the step after which the table begins
        self._table = np.zeros((len(self.schedules), 0))
        self.factors = np.full((len(self.schedules), 1), np.nan)
        self._drawn = 0  # the step after which ``factors`` begins

    def prepare(self, done: int) -> tuple[int, bool]:
        """Call the schedules for the table of the next step; return its last step, and True if another schedule fails.

        Tables begin at fixed steps: where a schedule fails does not depend on the clock.
        """
        first, before = done // _TABLE * _TABLE, list(self.failures)
        size = min(_TABLE, self.steps - first)
        if first != self._first:
            self._first, self._table = first, self._tabulate(first, size)
        return first + size, self.failures != before

    def draw(self, done: int, size: int) -> None:
        """Set the factors of the next ``size`` steps after ``done``, all of the table that was prepared."""
        self._drawn = done
        first = done - self._first
        self.factors = np.ascontiguousarray(self._table[:, first : first + size])

    def _tabulate(self, first: int, size: int) -> np.ndarray:
        """Return the factors of the steps after ``first``, (schedules, size), and note the schedules that fail."""
        count = 2 if self.steps == 1 else size  # one factor for any number of steps must not pass
        step = np.arange(first + 1, first + count + 1)
        # a division a step shows with small problems
        taken = count_gradients(step - 1, self.second_every)
        epoch = taken // self.per_epoch if self.per_epoch > 1 else taken
        table = np.zeros((len(self.schedules), size))
        for place, schedule in enumerate(self.schedules):
            if not self.failures[place]:
                try:
                    table[place] = _check_factors(schedule, step, schedule(step, epoch, self.steps))[:size]
                except (Exception, SystemExit) as error:  # a plug-in may raise anything; the other lanes go on
                    self.failures[place] = in_one_line(_with_name(schedule, error))
        return table

    def at(self, points: np.ndarray, going: np.ndarray, dtype: str) -> np.ndarray:
        """Return the rates (p, runs) at these of the steps drawn last, in the optimizer's precision.

        going: (p, runs) bool; the rate of the other lanes is 0.
        """
        factors = self.factors[:, points - 1 - self._drawn].T
        return (self.base * going * factors[:, self.schedule_of]).astype(dtype)

    @property
    def failures_of_lanes(self) -> tuple[str, ...]:
        """The reason why each lane's schedule could not be used; "" if it could."""
        if not any(self.failures):
            return ("",) * len(self.schedule_of)
        return tuple(self.failures[place] for place in self.schedule_of)


def _check_factors(schedule: Schedule, step: np.ndarray, value: object) -> np.ndarray:
    """Return ``value``, a schedule's factors at each ``step``, as an array; raise PluginError if one is not valid."""
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
    """Return the error, with the schedule's name if it has none."""
    return error if isinstance(error, OptbenchError) else PluginError(f"schedule {schedule.text}: {in_one_line(error)}")
