"""The arrays of the lanes that run in one call, driven from one point of evaluation to the next."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from optbench.engine import batches
from optbench.engine.loss import Loss, aligned
from optbench.engine.updates import Update
from optbench.errors import OptbenchError, PluginError
from optbench.records import Schedule

DIVERGENCE_FACTOR = 1e6
"""A run has diverged when its loss or its weights are not finite, or when its suboptimality exceeds this multiple of
the first one (and the minimum's own size, where the first one is next to nothing)."""

_CHUNK_SECONDS = 0.1  # how often the caller is asked whether to stop
_CHUNK_NUMBERS = 1 << 17  # random numbers and rates drawn ahead at a time


class Cancelled(Exception):
    """The caller asked to stop; nothing of the cohort is kept."""


@dataclass(frozen=True)
class Lane:
    """What one run of a cohort does not share with the others."""

    lr: float
    schedule: Schedule
    hyperparameters: dict[str, float]


@dataclass(frozen=True)
class Clock:
    """When to end (time.perf_counter), whom to tell of run-steps done, whom to ask whether to stop."""

    until: float | None
    progress: Callable[[int], None]
    stop: Callable[[], bool]

    def late(self) -> bool:
        if self.stop():
            raise Cancelled
        return self.until is not None and time.perf_counter() > self.until


@dataclass
class Outcome:
    """What the lanes of one call saw: p evaluation points, ``runs`` lanes, k metrics; NaN where there is nothing."""

    steps: int
    """Steps made: fewer than asked for after a deadline."""
    points: np.ndarray
    """(p,) steps"""
    lr: np.ndarray
    """(p, runs), like batch_loss and gradient_norm: what the optimizer had at the step that led to the point."""
    batch_loss: np.ndarray
    gradient_norm: np.ndarray
    train: np.ndarray
    """(p, 1 + k, runs): loss and metrics on all training data."""
    test: np.ndarray
    positions: np.ndarray
    """(p, 2, runs) for problems of two parameters, else (p, 0, runs)."""
    w: np.ndarray
    """(runs, dim): the last weights."""
    diverged_at: np.ndarray
    """(runs,): the step, 0 where the run did not diverge."""
    evaluation_seconds: float


@dataclass
class _Trace:
    """The rows of an Outcome while they are collected."""

    points: list = field(default_factory=list)
    lr: list = field(default_factory=list)
    batch_loss: list = field(default_factory=list)
    gradient_norm: list = field(default_factory=list)
    train: list = field(default_factory=list)
    test: list = field(default_factory=list)
    positions: list = field(default_factory=list)


class Runner:
    """Arrays as in kernels.py. A lane that diverges in lanes form is parked: back at the start, at rate 0."""

    def __init__(self, problem, optimizer, lanes: Sequence[Lane], code, seed, batch_size, steps, dtype):
        self.problem, self.code, self.dtype, self.steps = problem, code, dtype, steps
        self.made = 0
        self.batches = batches.Batches(problem, batch_size, seed, dtype)
        self.runs, self.single = len(lanes), problem.form == "single"
        shape = (self.runs, problem.dim) if self.single else (problem.dim, self.runs)
        self.start = batches.start_point(problem, seed).astype(dtype)
        self.w, self.g, self.f = aligned(shape, dtype), aligned(shape, dtype), aligned(self.runs, dtype)
        self._by_run(self.w)[:] = self.start
        rows = (self.runs, problem.dim) if code.order == "rows" else shape
        self.w_rows, self.g_rows = self.w.reshape(rows), self.g.reshape(rows)
        values = [lane.hyperparameters for lane in lanes]
        self.update = Update(optimizer, code.order, problem.blocks, dtype, values)
        self.base = np.array([lane.lr for lane in lanes])
        self.schedules = []
        for lane in lanes:
            if lane.schedule not in self.schedules:
                self.schedules.append(lane.schedule)
        self.schedule_of = np.array([self.schedules.index(lane.schedule) for lane in lanes])
        self.alive, self.diverged_at = np.ones(self.runs, bool), np.zeros(self.runs, np.int64)
        self.parked, self.last_w = np.zeros(self.runs, bool), np.zeros((self.runs, problem.dim), dtype)
        self.limit = aligned(self.runs, dtype)
        self.limit[:] = np.inf
        self.loss = Loss(problem, code, dtype)
        x, y = self.loss.train
        size = 0 if problem.data is None or self.batches.full else batch_size
        self.batch = aligned((size, x.shape[1]), dtype), aligned(size, dtype)
        self.work = self.loss.work(size or len(x), self.runs)

    def reported(self) -> np.ndarray:
        """The iterates that are evaluated, in the problem's form: w, or what the rule reports instead."""
        return self.update.reported(self.w, self.made)

    def _by_run(self, array):
        """The (runs, dim) view of an array of either form."""
        return array if self.single else array.T

    def run(self, points: np.ndarray, clock: Clock) -> Outcome:
        """Run to the last of ``points`` (steps, from 0), or to the clock's end, or until every lane has diverged."""
        trace, done, chunk, evaluating = _Trace(), 0, 8, 0.0
        width = max(len(self.batch[0]), self.problem.dim if self.problem.noise else 1, len(self.schedules))
        for point in points:
            while done < point and self.alive.any() and not clock.late():
                begin = time.perf_counter()
                size = int(min(chunk, point - done, max(1, _CHUNK_NUMBERS // width)))
                self._advance(done, size)
                done += size
                clock.progress(size * self.runs)
                spent = time.perf_counter() - begin
                # The same steps in other chunks give the same numbers, so the clock may decide.
                growth = 0.5 * _CHUNK_SECONDS / max(spent, 1e-9)
                chunk = max(1, int(min(chunk * min(max(growth, 0.5), 16.0), _CHUNK_NUMBERS)))
            if not self.alive.any():
                clock.progress((self.steps - done) * self.runs)
                break
            if trace.points and trace.points[-1] == done:
                break  # the clock ran out before a step was made
            begin = time.perf_counter()
            self._assess(trace, done)
            evaluating += time.perf_counter() - begin
            if done < point:
                break
        return self._outcome(trace, done, evaluating)

    def _advance(self, done: int, size: int) -> None:
        """``size`` steps after step ``done``."""
        order, sizes, noise = self.batches.draw(size)
        factors = self._factors(done, size)
        steady = (factors == factors[:, :1]).all()
        at = 0
        while at < size:
            base = self.base * self.alive
            self.update.scalars[0] = base * factors[self.schedule_of, at]
            at += self.code.drive(
                self.w, self.g, self.f, self.w_rows, self.g_rows, *self.update.arrays,
                factors[:, :0] if steady else factors, base, self.schedule_of, self.limit, self.alive,
                self.diverged_at, *self.loss.train, order[at:], sizes[at:], *self.batch, noise[at:],
                self.loss.constants, self.loss.layout, self.work, done, at, self.single,
            )  # fmt: skip
            self.made = done + at
            if at < size:
                self._park()
        self.last_rates = (self.base * self.alive * factors[self.schedule_of, -1]).astype(self.dtype)

    def _factors(self, done, size) -> np.ndarray:
        """The factor of every schedule at each of the next steps, (schedules, size)."""
        step = np.arange(done + 1, done + size + 1)
        per_epoch = self.batches.per_epoch
        epoch = (step - 1) // per_epoch if per_epoch > 1 else step - 1  # a division a step shows with small problems
        factors = np.empty((len(self.schedules), size))
        for row, schedule in zip(factors, self.schedules, strict=True):
            factor = np.asarray(schedule(step, epoch, self.steps), dtype=float)
            if factor.shape != (size,):
                raise PluginError(f"schedule {schedule.name} must give {size} factors, got shape {factor.shape}")
            if not (factor >= 0).all():
                bad = step[np.flatnonzero(~(factor >= 0))[0]]
                raise PluginError(f"schedule {schedule.text}: the factor of step {bad} is negative or not a number")
            row[:] = factor
        return factors

    def _park(self) -> None:
        fresh = ~self.alive & ~self.parked
        self.parked |= fresh
        self.last_w[fresh] = self._by_run(self.reported())[fresh]
        if not self.single:
            self.w[:, fresh] = self.start[:, None]
            if self.code.order == "lanes":
                self.update.state[:, :, fresh] = 0.0

    @np.errstate(all="ignore")  # a run that explodes overflows on its way
    def _assess(self, trace: _Trace, step: int) -> None:
        """Append what the lanes have after ``step``; find those that have diverged by now."""
        w = self.reported()
        train = self.loss.mean(w, *self.loss.train)
        test = np.full_like(train, np.nan) if self.problem.test is None else self.loss.mean(w, *self.loss.test)
        if step == 0:
            if not np.isfinite(train[0]).all():
                raise OptbenchError(f"problem {self.problem.name}: the loss at the start point is {train[0, 0]}")
            minimum = self.problem.minimum
            first = np.maximum(train[0] - minimum, max(1.0, abs(minimum)) / DIVERGENCE_FACTOR)
            self.limit[:] = minimum + DIVERGENCE_FACTOR * first
        seen = step > 0
        trace.points.append(step)
        trace.lr.append(self.last_rates if seen else np.full(self.runs, np.nan))
        trace.batch_loss.append(self.f.copy() if seen else np.full(self.runs, np.nan))
        trace.gradient_norm.append(np.linalg.norm(self._by_run(self.g), axis=1) if seen else np.full(self.runs, np.nan))
        trace.train.append(train)
        trace.test.append(test)
        trace.positions.append(self._by_run(w).T.copy() if self.problem.dim == 2 else np.empty((0, self.runs)))
        good = (train[0] <= self.limit) & np.isfinite(self._by_run(self.w)).all(axis=1)
        good &= np.isfinite(self._by_run(w)).all(axis=1)
        fresh = self.alive & ~good
        if fresh.any():
            self.alive[fresh], self.diverged_at[fresh] = False, step
            self._park()

    def _outcome(self, trace: _Trace, done: int, evaluating: float) -> Outcome:
        points = np.array(trace.points)
        gone = (self.diverged_at > 0) & (points[:, None] >= self.diverged_at)
        columns = {name: np.array(rows, dtype=float) for name, rows in vars(trace).items() if name != "points"}
        for array in columns.values():
            array[gone if array.ndim == 2 else np.broadcast_to(gone[:, None], array.shape)] = np.nan
        self._park()
        w = np.where(self.parked[:, None], self.last_w, self._by_run(self.reported()))
        return Outcome(done, points, w=w, diverged_at=self.diverged_at, evaluation_seconds=evaluating, **columns)
