"""The lanes that run in one call, driven from one point of evaluation to the next: on the CPU's cores or on a GPU."""

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.contract.problems import DIVERGENCE_FACTOR, Problem
from optbench.engine.outcome import Look, Outcome, Trace
from optbench.engine.rates import Rates

_CHUNK_SECONDS = 0.1  # how often the caller is asked whether to stop
# Numbers drawn ahead: 1 MiB of float64. Measured at 2^11, 2^14, 2^17, 2^20: Rosenbrock gd 64 lanes 1.30, 1.01, 1.00,
# 1.00; MLP gd 16 lanes 1.02, 1.00, 1.00, 1.00
_CHUNK_NUMBERS = 1 << 17


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
    width: int
    """Random numbers that a step takes."""
    ahead: int
    """Points of evaluation that one call of :meth:`advance` may pass."""
    given: int
    """Run-steps that a lane did not make, for another that was the same so far had made them."""

    @property
    def failures(self) -> tuple[str, ...]:
        """(runs,): why a lane could not go on; "" where it could."""

    def advance(self, rates: Rates, done: int, size: int, inner: Sequence[int] = ()) -> None:
        """Make ``size`` steps after step ``done``; lanes whose loss is over the limit stop before their update.

        ``inner``: steps before the last one after which the next :meth:`look` sees the lanes, too; fewer than
        ``ahead``.
        """

    def look(self, seen: bool) -> Look:
        """Evaluate all lanes; ``seen``: whether they have made a step."""

    def park(self, fell: np.ndarray | None = None) -> None:
        """Put the lanes that are no longer alive aside.

        ``fell``: (runs,) of each that the last look has found diverged, after which of its points; else -1.
        """

    def weights(self) -> np.ndarray:
        """(runs, dim): what is reported, of dead lanes when they stopped."""


def divergence_limit(problem: Problem, first: np.ndarray) -> np.ndarray:
    """(runs,): the largest loss that is no divergence yet, of runs that began at these losses."""
    minimum = problem.minimum
    return minimum + DIVERGENCE_FACTOR * np.maximum(first - minimum, max(1.0, abs(minimum)) / DIVERGENCE_FACTOR)


class Runner:
    """Drives an engine's lanes, and keeps what they saw at each point."""

    def __init__(self, engine: Engine, rates: Rates, dtype: str):
        self.engine, self.rates, self.dtype = engine, rates, dtype
        self.runs = len(rates.base)

    def run(self, points: np.ndarray, clock: Clock) -> Outcome:
        """Run to the last of ``points`` (steps, from 0), or to the clock's end, or until every lane has diverged."""
        engine, trace, done, chunk = self.engine, Trace(), 0, 8
        width = max(engine.width, len(self.rates.schedules))
        last = int(points[-1])
        to_come, evaluating = points[1:].tolist(), self._assess(trace, points[:1], 0)
        while done < last:
            if not engine.alive.any():
                clock.progress((self.rates.steps - done) * self.runs)
                break
            if clock.late():
                if trace.points[-1][-1] != done:
                    evaluating += self._assess(trace, np.array([done]), done)
                break
            begin, first = time.perf_counter(), done
            end = min(done + min(chunk, max(1, _CHUNK_NUMBERS // width)), last)
            passed = self._passed(to_come, done, end, clock)
            end = min(end, to_come[max(passed, 1) - 1])
            size = end - done
            if self.rates.draw(done, size):
                engine.alive &= np.array([not reason for reason in self.rates.failures_of_lanes])
                engine.park()
            engine.advance(self.rates, done, size, to_come[: max(passed - 1, 0)])
            done = end
            clock.progress(size * self.runs)
            spent = time.perf_counter() - begin
            # The same steps in other chunks give the same numbers, so the clock may decide.
            growth = 0.5 * _CHUNK_SECONDS / max(spent, 1e-9)
            chunk = max(1, int(min(chunk * min(max(growth, 0.5), 16.0), _CHUNK_NUMBERS)))
            if passed:
                evaluating += self._assess(trace, np.array(to_come[:passed]), first)
                del to_come[:passed]
        return self._outcome(trace, done, evaluating)

    def _passed(self, to_come: Sequence[int], done: int, end: int, clock: Clock) -> int:
        """How many points of evaluation the steps to ``end`` pass; no more than one where the clock, or a schedule that
        fails, may end them before."""
        sure, ahead = 0, 1
        if to_come[0] < end and self.engine.ahead > 1 and clock.until is None:
            sure, ahead = min(end, done + self.rates.known(done)), self.engine.ahead
        return max(int(to_come[0] <= end), min(bisect_right(to_come, sure), ahead))

    def _assess(self, trace: Trace, points: np.ndarray, before: int) -> float:
        """Append what the lanes have at these points, all after step ``before`` unless they are it; find those that
        have diverged by then. Returns the seconds that it took."""
        begin, engine, problem = time.perf_counter(), self.engine, self.engine.problem
        going, alive = self._going(points, before), np.count_nonzero(engine.alive)
        look = engine.look(points[0] > 0)
        if np.count_nonzero(engine.alive) < alive:  # it has told of failures
            going &= self._going(points, before)
        if points[0] == 0:
            if not np.isfinite(look.train[0, 0]).all():
                raise OptbenchError(f"problem {problem.name}: the loss at the start point is {look.train[0, 0, 0]}")
            engine.limit[:] = divergence_limit(problem, look.train[0, 0])
        fallen = going & ~((look.train[:, 0] <= engine.limit) & look.finite)
        if fallen.any():
            fell = np.where(fallen.any(axis=0), fallen.argmax(axis=0), -1)
            lanes = fell >= 0
            engine.alive[lanes], engine.diverged_at[lanes] = False, points[fell[lanes]]
            engine.park(fell)
            going &= (fell < 0) | (np.arange(len(points))[:, None] <= fell)
        lr = self.rates.at(points, going, self.dtype)
        there = int(going.any(axis=1).sum())  # where no lane is left there is nothing to tell
        if there:
            trace.add(points[:there], lr, look)
        return time.perf_counter() - begin

    def _going(self, points: np.ndarray, before: int) -> np.ndarray:
        """(p, runs): which lanes came to these points, for all that their steps have told."""
        died = self.engine.diverged_at
        return (self.engine.alive | (died > before)) & ((died == 0) | (points[:, None] < died))

    def _failures(self) -> tuple[str, ...]:
        if not any(self.rates.failures):
            return self.engine.failures
        pairs = zip(self.rates.failures_of_lanes, self.engine.failures, strict=True)
        return tuple(of_schedule or of_engine for of_schedule, of_engine in pairs)

    def _outcome(self, trace: Trace, done: int, evaluating: float) -> Outcome:
        columns, diverged_at = trace.columns(), self.engine.diverged_at
        points = columns.pop("points")
        gone = (diverged_at > 0) & (points[:, None] >= diverged_at)
        for array in columns.values() if gone.any() else ():
            array[gone if array.ndim == 2 else np.broadcast_to(gone[:, None], array.shape)] = np.nan
        self.engine.park()
        w = self.engine.weights()
        return Outcome(
            done, points, w=w, diverged_at=diverged_at, evaluation_seconds=evaluating, failures=self._failures(),
            given=self.engine.given, **columns
        )  # fmt: skip
