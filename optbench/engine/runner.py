"""The lanes that run in one call, driven from one point of evaluation to the next: on the CPU's cores or on a GPU."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

import numpy as np

from optbench.catalogue import loader
from optbench.contract.bounds import DIVERGENCE_FACTOR
from optbench.contract.errors import OptbenchError, PluginError, in_one_line
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.engine.cohort import Lane
from optbench.engine.outcome import Look, Outcome, Trace

_CHUNK_SECONDS = 0.1  # how often the caller is asked whether to stop
_CHUNK_NUMBERS = 1 << 17  # random numbers and rates drawn ahead at a time
_AHEAD = 1 << 12  # factors of a schedule at a time


class Cancelled(Exception):
    """The caller asked to stop; nothing of the cohort is kept."""


@dataclass(frozen=True)
class Clock:
    """How long a run may take, whom to tell of run-steps done, whom to ask whether to stop."""

    deadline: float | None
    progress: Callable[[int], None]
    stop: Callable[[], bool]
    until: float | None = None
    """When the call that runs must end, on time.perf_counter."""

    def of_call(self, lanes: int) -> "Clock":
        """The same for a call of so many lanes that begins now: each lane has the whole deadline, wherever it runs."""
        return self if self.deadline is None else replace(self, until=time.perf_counter() + self.deadline * lanes)

    def late(self) -> bool:
        if self.stop():
            raise Cancelled
        return self.until is not None and time.perf_counter() > self.until


class Engine(Protocol):
    """Some lanes with their arrays, wherever those are. A lane that is not ``alive`` stays where it is."""

    problem: Problem
    alive: np.ndarray
    """(runs,) bool, like the next two on the host."""
    diverged_at: np.ndarray
    """(runs,): the step whose loss was over the limit, 0 where there was none."""
    limit: np.ndarray
    """(runs,): the largest loss that is no divergence yet."""
    tail: np.ndarray
    """(runs,) float64: the sum of the losses of the steps that were heard."""
    width: int
    """Random numbers that a step takes."""

    @property
    def failures(self) -> tuple[str, ...]:
        """(runs,): why a lane could not go on; "" where it could."""

    def advance(self, rates: "Rates", done: int, size: int, heard: bool) -> None:
        """Make ``size`` steps after step ``done``; lanes whose loss is over the limit stop before their update.

        ``heard``: whether the losses that the steps see are added to ``tail``.
        """

    def look(self, seen: bool) -> Look:
        """Evaluate all lanes; ``seen``: whether they have made a step."""

    def park(self) -> None:
        """Put the lanes that are no longer alive aside."""

    def weights(self) -> np.ndarray:
        """(runs, dim): what is reported, of dead lanes when they stopped."""


class Rates:
    """The learning rates of some lanes: a base each, times the factor of one of their schedules."""

    def __init__(self, lanes: Sequence[Lane], per_epoch: int, steps: int):
        self.per_epoch, self.steps = per_epoch, steps
        self.base = np.array([lane.lr for lane in lanes])
        places: dict[int, int] = {}
        self.schedule_of = np.array([places.setdefault(id(lane.schedule), len(places)) for lane in lanes])
        self.schedules = list({id(lane.schedule): lane.schedule for lane in lanes}.values())
        self.failures = [""] * len(self.schedules)
        """Why a schedule could not be used, which is a matter of its own lanes alone."""
        self.factors = np.full((len(self.schedules), 1), np.nan)
        """The factor of every schedule at each of the steps that were drawn last, (schedules, size)."""
        self.steady = False
        """Whether none of these changes from step to step."""
        self._table, self._from = np.zeros((len(self.schedules), 0)), 0
        """The factors from after step ``_from`` on: to ask for a few at a time takes as long as their steps."""
        self._changes = np.zeros(0, np.int64)
        """Of each of these, how often any of them has changed by then."""
        self._constant = all(schedule.function is _constant() for schedule in self.schedules)

    def draw(self, done: int, size: int) -> bool:
        """Find the factors of the next steps; whether a schedule has failed that had not before."""
        if self._constant:  # what the others take is more than a step of a small problem
            self.factors, self.steady = np.broadcast_to(1.0, (len(self.schedules), size)), True
            return False
        first = done - self._from
        failed = False
        if not 0 <= first <= first + size <= len(self._changes):
            first, self._from = 0, done
            reasons = self._tabulate(max(size, min(_AHEAD, self.steps - done)))
            if any(reasons):  # not before the steps that it is about
                reasons = self._tabulate(size)
            self.failures = [before or now for before, now in zip(self.failures, reasons, strict=True)]
            changed = (self._table[:, 1:] != self._table[:, :-1]).any(axis=0)
            self._changes, failed = np.append(0, changed).cumsum(), any(reasons)
        self.factors = np.ascontiguousarray(self._table[:, first : first + size])
        self.steady = bool(self._changes[first] == self._changes[first + size - 1])
        return failed

    def _tabulate(self, size: int) -> list[str]:
        """Ask the schedules that have not failed for the steps from ``_from`` on. Returns why each cannot be used."""
        step = np.arange(self._from + 1, self._from + size + 1)
        # a division a step shows with small problems
        epoch = (step - 1) // self.per_epoch if self.per_epoch > 1 else step - 1
        self._table, reasons = np.zeros((len(self.schedules), size)), [""] * len(self.schedules)
        for place, schedule in enumerate(self.schedules):
            if not self.failures[place]:
                try:
                    if self._from == 0 and size == 1:  # a single factor for whatever is asked must not pass for once
                        _checked(schedule, *self._begin(schedule))
                    self._table[place] = _checked(schedule, step, schedule(step, epoch, self.steps))
                except (Exception, SystemExit) as error:  # a plug-in may raise anything; the other lanes go on
                    reasons[place] = in_one_line(_told(schedule, error))
        return reasons

    def _begin(self, schedule: Schedule) -> tuple[np.ndarray, np.ndarray]:
        """The first two steps, and what the schedule gives for them."""
        step = np.arange(1, 3)
        return step, schedule(step, (step - 1) // self.per_epoch, self.steps)

    def last(self, alive: np.ndarray, dtype: str) -> np.ndarray:
        """(runs,): what the optimizer had at the last step asked for, in its precision; 0 where a lane stands still."""
        return (self.base * alive * self.factors[self.schedule_of, -1]).astype(dtype)

    @property
    def failures_of_lanes(self) -> tuple[str, ...]:
        """Why each lane's schedule could not be used; "" where it could."""
        return tuple(self.failures[place] for place in self.schedule_of)


@cache
def _constant() -> Callable:
    """The function of the schedule that changes nothing."""
    return loader.load_all().schedule("constant").function


def _checked(schedule: Schedule, step: np.ndarray, value: object) -> np.ndarray:
    """What a schedule gave for these steps. Raises PluginError unless it is a finite factor for each, not below 0."""
    factor = np.asarray(value)
    if factor.dtype.kind not in "fiub":
        raise PluginError(f"schedule {schedule.text}: factors must be real numbers, got {factor.dtype.name}")
    if factor.shape != step.shape:
        # How many are asked for at a time is the clock's choice, and no part of what tables tell.
        kind = "a single one" if factor.ndim == 0 else f"{factor.ndim} axes" if factor.ndim > 1 else "another number"
        raise PluginError(f"schedule {schedule.text} must give one factor for each step, got {kind}")
    sound = np.isfinite(factor) & (factor >= 0)
    if not sound.all():
        bad = step[np.flatnonzero(~sound)[0]]
        raise PluginError(f"schedule {schedule.text}: the factor of step {bad} is negative or not a finite number")
    return factor


def _told(schedule: Schedule, error: BaseException) -> BaseException:
    """The error, with the schedule's name where it has none."""
    return error if isinstance(error, OptbenchError) else PluginError(f"schedule {schedule.text}: {in_one_line(error)}")


def divergence_limit(problem: Problem, first: np.ndarray) -> np.ndarray:
    """(runs,): the largest loss that is no divergence yet, of runs that began at these losses."""
    minimum = problem.minimum
    return minimum + DIVERGENCE_FACTOR * np.maximum(first - minimum, max(1.0, abs(minimum)) / DIVERGENCE_FACTOR)


class Runner:
    """Drives an engine's lanes, and keeps what they saw at each point."""

    def __init__(self, engine: Engine, rates: Rates, dtype: str):
        self.engine, self.rates, self.dtype = engine, rates, dtype
        self.runs = len(rates.base)

    def run(self, points: np.ndarray, heard_from: int | None, clock: Clock) -> Outcome:
        """Run to the last of ``points`` (steps, from 0), or to the clock's end, or until every lane has diverged.

        ``heard_from``: the first step of those whose losses are averaged; None for none.
        """
        engine, trace, done, chunk, evaluating = self.engine, Trace(), 0, 8, 0.0
        width = max(engine.width, len(self.rates.schedules))
        last, silent = int(points[-1]), int(points[-1]) if heard_from is None else heard_from - 1
        evaluated = set(points.tolist())
        for point in sorted(evaluated | {silent}):
            while done < point and engine.alive.any() and not clock.late():
                begin = time.perf_counter()
                size = int(min(chunk, point - done, max(1, _CHUNK_NUMBERS // width)))
                if self.rates.draw(done, size):
                    engine.alive &= np.array([not reason for reason in self.rates.failures_of_lanes])
                    engine.park()
                engine.advance(self.rates, done, size, done >= silent)
                done += size
                clock.progress(size * self.runs)
                spent = time.perf_counter() - begin
                # The same steps in other chunks give the same numbers, so the clock may decide.
                growth = 0.5 * _CHUNK_SECONDS / max(spent, 1e-9)
                chunk = max(1, int(min(chunk * min(max(growth, 0.5), 16.0), _CHUNK_NUMBERS)))
            if not engine.alive.any():
                clock.progress((self.rates.steps - done) * self.runs)
                break
            if trace.points and trace.points[-1] == done:
                break  # the clock ran out before a step was made
            if point in evaluated or done < point:
                begin = time.perf_counter()
                self._assess(trace, done)
                evaluating += time.perf_counter() - begin
            if done < point:
                break
        return self._outcome(trace, done, evaluating, engine.tail / (last - silent) if silent < last else None)

    def _assess(self, trace: Trace, step: int) -> None:
        """Append what the lanes have after ``step``; find those that have diverged by now."""
        engine, problem = self.engine, self.engine.problem
        look = engine.look(step > 0)
        if step == 0:
            if not np.isfinite(look.train[0]).all():
                raise OptbenchError(f"problem {problem.name}: the loss at the start point is {look.train[0, 0]}")
            engine.limit[:] = divergence_limit(problem, look.train[0])
        trace.points.append(step)
        trace.lr.append(self.rates.last(engine.alive, self.dtype))
        trace.batch_loss.append(look.batch_loss)
        trace.gradient_norm.append(look.gradient_norm)
        trace.train.append(look.train)
        trace.test.append(look.test)
        trace.positions.append(look.positions)
        fresh = engine.alive & ~((look.train[0] <= engine.limit) & look.finite)
        if fresh.any():
            engine.alive[fresh], engine.diverged_at[fresh] = False, step
            engine.park()

    def _failures(self) -> tuple[str, ...]:
        pairs = zip(self.rates.failures_of_lanes, self.engine.failures, strict=True)
        return tuple(of_schedule or of_engine for of_schedule, of_engine in pairs)

    def _outcome(self, trace: Trace, done: int, evaluating: float, tail_loss: np.ndarray | None) -> Outcome:
        points, diverged_at = np.array(trace.points), self.engine.diverged_at
        gone = (diverged_at > 0) & (points[:, None] >= diverged_at)
        columns = {name: np.array(rows, dtype=float) for name, rows in vars(trace).items() if name != "points"}
        for array in columns.values():
            array[gone if array.ndim == 2 else np.broadcast_to(gone[:, None], array.shape)] = np.nan
        self.engine.park()
        w = self.engine.weights()
        return Outcome(
            done, points, w=w, diverged_at=diverged_at, evaluation_seconds=evaluating, tail_loss=tail_loss,
            failures=self._failures(), **columns
        )  # fmt: skip
