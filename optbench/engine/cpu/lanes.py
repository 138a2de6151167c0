"""Some lanes on this machine's cores: their arrays, and one call of the compiled driver after the other."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from optbench.compiler.contracts import DriveArguments, FusedArguments
from optbench.engine import batches
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.code import CohortCode, EagerCode
from optbench.engine.cpu.evaluation import Evaluation
from optbench.engine.cpu.fusing import Pair, can_be_fused, pair
from optbench.engine.cpu.update import Update
from optbench.engine.outcome import Look
from optbench.engine.runner import Rates


class Steps(NamedTuple):
    """Steps to be made after step ``done``, with what was drawn for them, as in DriveArguments."""

    rates: Rates
    done: int
    size: int
    tail: np.ndarray
    order: np.ndarray
    sizes: np.ndarray
    noise: np.ndarray

    @property
    def factors(self) -> np.ndarray:
        """(schedules, steps), or (schedules, 0) where they do not change."""
        return self.rates.factors if not self.rates.steady else np.empty((len(self.rates.schedules), 0))


class CpuLanes:
    """Some ``lanes`` of a cohort; arrays as in DriveArguments.

    A lane that diverges in lanes form is parked: back at the start, at rate 0.
    """

    def __init__(self, cohort: Cohort, lanes: Sequence[Lane], code: CohortCode | EagerCode, evaluation: Evaluation):
        problem, dtype = cohort.problem, cohort.dtype
        self.cohort, self.problem, self.code, self.evaluation = cohort, problem, code, evaluation
        self.done = 0
        self.batches = batches.Batches(problem, cohort.batch_size, cohort.seed, dtype)
        self.runs, self.single = len(lanes), problem.form == "single"
        shape = (self.runs, problem.dim) if self.single else (problem.dim, self.runs)
        self.start = cohort.start_point().astype(dtype)
        self.w, self.g, self.f = aligned(shape, dtype), aligned(shape, dtype), aligned(self.runs, dtype)
        self.by_run(self.w)[:] = self.start
        rows = (self.runs, problem.dim) if code.order == "rows" else shape
        self.w_rows, self.g_rows = self.w.reshape(rows), self.g.reshape(rows)
        self.update: Any = self._update_of(cohort, [lane.hyperparameters for lane in lanes])
        self.alive, self.diverged_at = np.ones(self.runs, bool), np.zeros(self.runs, np.int64)
        self.parked, self.last_w = np.zeros(self.runs, bool), np.zeros((self.runs, problem.dim), dtype)
        self.limit = aligned(self.runs, dtype)
        self.limit[:] = np.inf
        self.tail = np.zeros(self.runs)
        self._nothing = np.full((1 + len(problem.metrics), self.runs), np.nan)
        self.arrays = arrays_of(problem, dtype)
        size = cohort.batch_size if self.batches.mini else 0
        self.batch = aligned((size, self.arrays.x.shape[1]), dtype), aligned(size, dtype)
        self.work = aligned(scratch_size(problem, size or len(self.arrays.x), self.runs), dtype)
        self.pair: Pair | None = None
        if isinstance(code, CohortCode):
            self.pair = pair(problem, cohort.rule, dtype, code.order == "rows", len(self.update.scalars))
        self.width = max(size, problem.dim + 1 if problem.noise else 1)

    def _update_of(self, cohort: Cohort, hyperparameters: Sequence[Mapping[str, float]]) -> Any:
        """What changes the weights, with what it keeps for the lanes of these hyperparameters."""
        strict = can_be_fused(cohort.problem)
        return Update(cohort.rule, self.code.order, cohort.problem.blocks, cohort.dtype, hyperparameters, strict)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why each lane could not go on, "" where it could: a kernel fails for no lane."""
        return ("",) * self.runs

    def _reported(self) -> np.ndarray:
        """The iterates that are evaluated, in the problem's form: w, or what the rule reports instead."""
        return self.update.reported(self.w, self.done)

    def _assessed(self, mean: Callable[[np.ndarray], np.ndarray], w: np.ndarray) -> np.ndarray:
        """(1 + metrics, runs): what the evaluation's ``mean`` gives of all lanes.

        Those that diverged have no values from there on: in single form, where each is computed by itself, they are
        passed over.
        """
        going = self.diverged_at == 0
        if not self.single or going.all():
            return mean(w)
        values = np.full((1 + len(self.problem.metrics), self.runs), np.nan)
        values[:, going] = mean(w[going])
        return values

    def by_run(self, array: np.ndarray) -> np.ndarray:
        """The (runs, dim) view of an array of either form."""
        return array if self.single else array.T

    def advance(self, rates: Rates, done: int, size: int, heard: bool) -> None:
        order, sizes, noise = self.batches.draw(size)
        steps = Steps(rates, done, size, self.tail if heard else self.tail[:0], order, sizes, noise)
        if self.pair is not None and self.pair.kernel is not None:
            self._fused(self.pair.kernel, steps)
            return
        begin = time.perf_counter()
        self._driven(steps)
        if self.pair is not None and self.cohort.deadline is None:  # nothing may be compiled while a clock runs
            seconds = time.perf_counter() - begin
            left = seconds / size * (self.cohort.steps - done - size)
            self.code.fusing_seconds += self.pair.spent(seconds, left)

    def _driven(self, steps: Steps) -> None:
        """By the kernels of problem and rule: all lanes step together, and stop where one has diverged."""
        assert isinstance(self.code, CohortCode)
        at, update = 0, self.update
        (x, y), (x_batch, y_batch) = self.arrays.train, self.batch
        while at < steps.size:
            base = self._base(steps, at)
            arguments = DriveArguments(
                w=self.w, g=self.g, f=self.f, w_rows=self.w_rows, g_rows=self.g_rows, state=update.state,
                scalars=update.scalars, powers=update.powers, blocks=update.blocks,
                factors=steps.factors, base=base, schedule_of=steps.rates.schedule_of,
                limit=self.limit, alive=self.alive, diverged_at=self.diverged_at, tail=steps.tail, x=x, y=y,
                order=steps.order[at:], sizes=steps.sizes[at:], x_batch=x_batch, y_batch=y_batch,
                noise=steps.noise[at:], constants=self.arrays.constants, layout=self.arrays.layout, work=self.work,
                done=steps.done, skip=at, single=self.single,
            )  # fmt: skip
            at += self.code.drive(*arguments)
            self.done = steps.done + at
            if at < steps.size:
                self.park()

    def _fused(self, kernel: Callable[..., None], steps: Steps) -> None:
        """By the one kernel of both: a few lanes make all steps, then the next; each stops where it has diverged."""
        place, update = np.zeros(6, np.int64), self.update
        x, y = self.arrays.train
        while True:
            arguments = FusedArguments(
                w=self.w, g=self.g, f=self.f, state=update.state, scalars=update.scalars, powers=update.powers,
                blocks=update.blocks, factors=steps.factors, base=self._base(steps, 0),
                schedule_of=steps.rates.schedule_of, limit=self.limit, tail=steps.tail, x=x, y=y, noise=steps.noise,
                constants=self.arrays.constants, layout=self.arrays.layout, done=steps.done, steps=steps.size,
                place=place,
            )  # fmt: skip
            kernel(*arguments)
            if place[0] == self.runs:
                break
            self.done = steps.done + int(place[1])
            judged = np.arange(place[4], place[5])
            fresh = judged[self.alive[judged] & ~(self.f[judged] <= self.limit[judged])]
            self.alive[fresh], self.diverged_at[fresh] = False, self.done + 1
            self.park()
        self.done = steps.done + steps.size

    def _base(self, steps: Steps, at: int) -> np.ndarray:
        """(runs,): the rates without their schedules, 0 where a lane stands still; those of step ``at`` are set."""
        base = steps.rates.base * self.alive
        self.update.scalars[0] = base * steps.rates.factors[steps.rates.schedule_of, at]
        return base

    def park(self) -> None:
        fresh = ~(self.alive | self.parked)
        if not fresh.any():
            return
        self.parked |= fresh
        self.last_w[fresh] = self.by_run(self._reported())[fresh]
        if not self.single:
            self.w[:, fresh] = self.start[:, None]
            self.update.clear(fresh)

    @np.errstate(all="ignore")  # a run that explodes overflows on its way
    def look(self, seen: bool) -> Look:
        w, g = self._reported(), self.by_run(self.g)
        finite = self._finite(self.w)
        return Look(
            batch_loss=self.f.copy() if seen else self._nothing[0],
            gradient_norm=np.sqrt(np.add.reduce(g * g, axis=1)) if seen else self._nothing[0],
            train=self._assessed(self.evaluation.train, w),
            test=self._nothing if self.problem.test is None else self._assessed(self.evaluation.test, w),
            positions=self.by_run(w).T.copy() if self.problem.dim == 2 else self._nothing[:0],
            finite=finite if w is self.w else finite & self._finite(w),
        )

    def _finite(self, w: np.ndarray) -> np.ndarray:
        """(runs,): whether all weights are, in the problem's form."""
        return np.logical_and.reduce(np.isfinite(w), axis=1 if self.single else 0)

    def weights(self) -> np.ndarray:
        return np.where(self.parked[:, None], self.last_w, self.by_run(self._reported()))
