"""The control of a run on a CPU or GPU: the steps of its lanes, their evaluations, and their ends."""

import inspect
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.contract.problems import DIVERGENCE_FACTOR, Problem
from optbench.contract.types import DtypeName
from optbench.engine.arrays import aligned
from optbench.engine.outcome import End, Evaluation, Outcome, leave_groups_out
from optbench.engine.rates import Rates

FIRST_STEPS = 8
"""Steps of the first call of a cohort; later calls have as many as fit into half of _CHUNK_SECONDS."""
_CHUNK_SECONDS = 0.1
"""Seconds between two checks whether to stop."""
# Numbers drawn for a call: 1 MiB of float64. Measured at 2^11, 2^14, 2^17, 2^20: Rosenbrock gd 64 lanes 1.30, 1.01,
# 1.00, 1.00; MLP gd 16 lanes 1.02, 1.00, 1.00, 1.00
_CHUNK_NUMBERS = 1 << 17


class Cancelled(Exception):
    """Raised if the caller asked to stop; the results of the cohort are dropped."""


@dataclass(frozen=True)
class Clock:
    """The time limit of a run, and the caller's functions.

    Attributes:
        deadline: seconds for each lane, or None.
        progress: called with the number of run-steps made since the last time.
        stop: called repeatedly; returns True to stop.
        until: the time of time.perf_counter at which the current call of lanes must end; None: never.
    """

    deadline: float | None
    progress: Callable[[int], None]
    stop: Callable[[], bool]
    until: float | None = None

    def start_call(self, lanes: int) -> "Clock":
        """Return the clock of a call of so many lanes that begins now: each lane has the whole deadline."""
        return self if self.deadline is None else replace(self, until=time.perf_counter() + self.deadline * lanes)

    def late(self) -> bool:
        """Return True if the time is up. Raises Cancelled if the caller asks to stop."""
        if self.stop():
            raise Cancelled
        return self.until is not None and time.perf_counter() > self.until


STOPPED = "the callback stopped it"


def call_back(callback: Callable, w: np.ndarray, loss: Callable[[], float]) -> bool:
    """Call a user's callback as SciPy does; return True if it raises StopIteration, which ends the run.

    It gets the current weights, or SciPy's OptimizeResult with x and fun if its argument is ``intermediate_result``.
    loss: returns fun.
    """
    try:
        named = "intermediate_result" in inspect.signature(callback).parameters
    except (TypeError, ValueError):  # some of C have no signature
        named = False
    try:
        if named:
            from scipy.optimize import OptimizeResult

            callback(intermediate_result=OptimizeResult(x=np.array(w), fun=loss()))
        else:
            callback(np.array(w))
    except StopIteration:
        return True
    return False


class Lanes:
    """Some lanes of a cohort with their arrays, on a CPU or on a GPU. A lane that is not ``alive`` no longer changes.

    Attributes:
        alive: (runs,) bool.
        diverged_at: (runs,): the step whose loss was over the limit, 0 if there was none.
        limit: (runs,): the largest loss that does not count as divergence.
        numbers_per_step: the random numbers that a step takes.
        max_snapshots: the most points of evaluation in one call of :meth:`advance`.
        done: steps made.
    """

    numbers_per_step: int

    def __init__(self, problem: Problem, runs: int, dtype: DtypeName):
        """Begin with all lanes alive, and no limit of the loss."""
        self.problem, self.runs, self.dtype = problem, runs, dtype
        self.alive, self.diverged_at = np.ones(runs, bool), np.zeros(runs, np.int64)
        self.limit = aligned(runs, dtype)
        self.limit[:] = np.inf
        self.max_snapshots, self.done = 1, 0

    @property
    def failures(self) -> tuple[str, ...]:
        """The reason why each lane could not continue; "" for all lanes of compiled kernels, which raise no error."""
        return ("",) * self.runs

    def advance(self, rates: Rates, done: int, size: int, inner: Sequence[int] = ()) -> None:
        """Make ``size`` steps after step ``done``; lanes whose loss is over the limit stop before their update.

        inner: steps before the last one, fewer than ``max_snapshots``, which the next :meth:`evaluate` includes.
        """
        raise NotImplementedError

    def evaluate(self, has_stepped: bool) -> Evaluation:
        """Evaluate all lanes at the inner points and now; ``has_stepped``: True after a step, which sets f and g."""
        raise NotImplementedError

    def group_means(self, groups: Sequence[slice]) -> np.ndarray:
        """Return loss and metrics of all lanes now on these groups of the test data, (groups, 1 + k, runs)."""
        raise NotImplementedError

    def freeze(self, fell: np.ndarray | None = None) -> None:
        """Stop the lanes that are no longer alive, and keep their weights.

        fell: (runs,): the index of the point in the last evaluation at which a lane was found diverged; -1 if not.
        """
        raise NotImplementedError

    def last_steps(self) -> np.ndarray:
        """Return the steps that each lane has made, (runs,), or the one at which it diverged."""
        return np.where(self.diverged_at > 0, self.diverged_at, self.done)

    def weights(self) -> np.ndarray:
        """Return the reported weights, (runs, dim); of stopped lanes those at their stop."""
        raise NotImplementedError


def divergence_limit(problem: Problem, first: np.ndarray) -> np.ndarray:
    """Return the loss of each run (runs,) above which it counts as diverged; first: the losses at the start."""
    if np.isnan(problem.minimum):  # then nothing is known but the size of the first loss
        return first + DIVERGENCE_FACTOR * np.maximum(np.abs(first), 1.0)
    minimum = problem.minimum
    return minimum + DIVERGENCE_FACTOR * np.maximum(first - minimum, max(1.0, abs(minimum)) / DIVERGENCE_FACTOR)


class Runner:
    """A loop that steps and evaluates some lanes, and collects their evaluations."""

    def __init__(
        self,
        lanes: Lanes,
        rates: Rates,
        dtype: str,
        reports: bool = True,
        callback: Callable | None = None,
        steps: int = FIRST_STEPS,
    ):
        """Take the lanes and their learning rates.

        dtype: the precision of the optimizer. reports: of Cohort. callback: called at every point of evaluation behind
        the start; see `call_back`. steps: those of the first call; afterwards ``steps`` has those of the next one.
        """
        self.callback = callback
        self._end: End | None = None
        if callback is not None:
            lanes.max_snapshots = 1
        self.lanes, self.rates, self.dtype, self.reports, self.steps = lanes, rates, dtype, reports, steps
        self.runs = len(rates.base)
        self._points: list[np.ndarray] = []
        self._evaluations: list[Evaluation] = []
        self._evaluation_seconds = 0.0

    def run(self, points: np.ndarray, clock: Clock) -> Outcome:
        """Run to the last of ``points`` (step numbers, from 0), or until the clock is late or all lanes diverged."""
        lanes, done, last = self.lanes, 0, int(points[-1])
        most = max(1, _CHUNK_NUMBERS // max(lanes.numbers_per_step, len(self.rates.schedules)))
        pending = points[1:].tolist()
        self._evaluate(points[:1], 0)
        while done < last:
            if not lanes.alive.any():
                clock.progress((self.rates.steps - done) * self.runs)
                break
            if clock.late():
                if self._points[-1][-1] != done:
                    self._evaluate(np.array([done]), done)
                break
            begin, first = time.perf_counter(), done
            known, has_failed = self.rates.prepare(done)
            if has_failed:
                lanes.alive &= np.array([not reason for reason in self.rates.failures_of_lanes])
                lanes.freeze()
            end = min(done + min(self.steps, most), last, known)
            passed = min(bisect_right(pending, end), lanes.max_snapshots)
            end = min(end, pending[max(passed, 1) - 1])
            self.rates.draw(done, end - done)
            lanes.advance(self.rates, done, end - done, pending[: max(passed - 1, 0)])
            done = end
            clock.progress((done - first) * self.runs)
            # The same steps in other chunks give the same numbers, so the clock may decide.
            growth = 0.5 * _CHUNK_SECONDS / max(time.perf_counter() - begin, 1e-9)
            self.steps = max(1, int(min(self.steps * min(max(growth, 0.5), 16.0), _CHUNK_NUMBERS)))
            if passed:
                self._evaluate(np.array(pending[:passed]), first)
                del pending[:passed]
                if self.callback is not None and self._is_stopped(done):
                    break
        return self._outcome(done)

    def _is_stopped(self, done: int) -> bool:
        """Call the callback with the first lane, and return whether it ends the run; done: the steps made."""
        assert self.callback is not None
        if call_back(self.callback, self.lanes.weights()[0], lambda: float(self._evaluations[-1].train[-1, 0, 0])):
            self._end = End(done, False, f"{STOPPED} after {done:,} steps")
        return self._end is not None

    def _evaluate(self, points: np.ndarray, before: int) -> None:
        """Evaluate at these points (p,), keep the results, and stop lanes that diverged.

        before: the step from which on the points lie; lanes that had diverged by then are left out.
        """
        begin, lanes = time.perf_counter(), self.lanes
        going, alive = self._find_lanes_at(points, before), np.count_nonzero(lanes.alive)
        evaluation = lanes.evaluate(bool(points[0] > 0))
        losses = evaluation.train[:, 0]
        if np.count_nonzero(lanes.alive) < alive:  # a lane has failed in its evaluation
            going &= self._find_lanes_at(points, before)
        if points[0] == 0:
            if not np.isfinite(losses[0]).all():
                raise OptbenchError(f"problem {lanes.problem.name}: the loss at the start point is {losses[0, 0]}")
            lanes.limit[:] = divergence_limit(lanes.problem, losses[0])
        fallen = going & ~((losses <= lanes.limit) & evaluation.finite)
        if fallen.any():
            fell = np.where(fallen.any(axis=0), fallen.argmax(axis=0), -1)
            diverged = fell >= 0
            lanes.alive[diverged], lanes.diverged_at[diverged] = False, points[fell[diverged]]
            lanes.freeze(fell)
            going &= (fell < 0) | (np.arange(len(points))[:, None] <= fell)
        if count := int(going.any(axis=1).sum()):  # points that no lane reaches are left out
            evaluation.measures["lr"] = self.rates.at(points, going, self.dtype)
            self._points.append(points[:count])
            self._evaluations.append(evaluation)
        self._evaluation_seconds += time.perf_counter() - begin

    def _find_lanes_at(self, points: np.ndarray, before: int) -> np.ndarray:
        """Return which lanes have reached these points, (p, runs) bool: none that had diverged by step ``before``."""
        died = self.lanes.diverged_at
        return (self.lanes.alive | (died > before)) & ((died == 0) | (points[:, None] < died))

    def _failures(self) -> tuple[str, ...]:
        """Return for each lane the message of its schedule's failure, or else of its optimizer's; "" for none."""
        if not any(self.rates.failures):
            return self.lanes.failures
        pairs = zip(self.rates.failures_of_lanes, self.lanes.failures, strict=True)
        return tuple(of_schedule or of_lane for of_schedule, of_lane in pairs)

    def _outcome(self, done: int) -> Outcome:
        """Return the evaluations as one outcome, NaN from where a lane has diverged."""
        diverged_at, points = self.lanes.diverged_at, np.concatenate(self._points)
        gone = (diverged_at > 0) & (points[:, None] >= diverged_at)

        def join_points(parts: list[np.ndarray]) -> np.ndarray:
            """Return arrays (points, ...) of the evaluations as one array of all points, NaN where a lane is gone."""
            rows = [part[: len(steps)] for part, steps in zip(parts, self._points, strict=True)]
            array = np.concatenate(rows).astype(float, copy=False)
            if gone.any():
                array[gone if array.ndim == 2 else np.broadcast_to(gone[:, None], array.shape)] = np.nan
            return array

        evaluations = self._evaluations
        self.lanes.freeze()
        begin = time.perf_counter()
        jackknife = leave_groups_out(self.lanes.problem, self.lanes.group_means) if self.reports else None
        if jackknife is not None:
            jackknife[..., diverged_at > 0] = np.nan
        self._evaluation_seconds += time.perf_counter() - begin
        return Outcome(
            steps=done,
            points=points,
            measures={
                name: join_points([each.measures[name] for each in evaluations]) for name in evaluations[0].measures
            },
            train=join_points([each.train for each in evaluations]),
            validation=join_points([each.validation for each in evaluations]),
            test=join_points([each.test for each in evaluations]),
            positions=join_points([each.positions for each in evaluations]),
            w=self.lanes.weights(),
            diverged_at=diverged_at,
            evaluation_seconds=self._evaluation_seconds,
            failures=self._failures(),
            end=self._end,
            jackknife=jackknife,
        )
