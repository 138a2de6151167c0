"""Some lanes on this machine's cores: their arrays, and one call of the compiled driver after the other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from optbench.compiler.contracts import DriveArguments
from optbench.engine import batches
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.code import CohortCode, EagerCode
from optbench.engine.cpu.evaluation import Evaluation
from optbench.engine.cpu.update import Update
from optbench.engine.outcome import Look
from optbench.engine.runner import Rates


class CpuLanes:
    """Some ``lanes`` of a cohort; arrays as in DriveArguments.

    A lane that diverges in lanes form is parked: back at the start, at rate 0.
    """

    def __init__(self, cohort: Cohort, lanes: Sequence[Lane], code: CohortCode | EagerCode, evaluation: Evaluation):
        problem, dtype = cohort.problem, cohort.dtype
        self.problem, self.code, self.evaluation = problem, code, evaluation
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
        self.arrays = arrays_of(problem, dtype)
        size = cohort.batch_size if self.batches.mini else 0
        self.batch = aligned((size, self.arrays.x.shape[1]), dtype), aligned(size, dtype)
        self.work = aligned(scratch_size(problem, size or len(self.arrays.x), self.runs), dtype)
        self.width = max(size, problem.dim + 1 if problem.noise else 1)

    def _update_of(self, cohort: Cohort, hyperparameters: Sequence[Mapping[str, float]]) -> Any:
        """What changes the weights, with what it keeps for the lanes of these hyperparameters."""
        return Update(cohort.rule, self.code.order, cohort.problem.blocks, cohort.dtype, hyperparameters)

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
        assert isinstance(self.code, CohortCode)
        order, sizes, noise = self.batches.draw(size)
        factors = rates.factors
        steady = (factors == factors[:, :1]).all()
        at = 0
        while at < size:
            base = rates.base * self.alive
            self.update.scalars[0] = base * factors[rates.schedule_of, at]
            (x, y), (x_batch, y_batch), update = self.arrays.train, self.batch, self.update
            arguments = DriveArguments(
                w=self.w, g=self.g, f=self.f, w_rows=self.w_rows, g_rows=self.g_rows, state=update.state,
                scalars=update.scalars, powers=update.powers, blocks=update.blocks,
                factors=factors[:, :0] if steady else factors, base=base, schedule_of=rates.schedule_of,
                limit=self.limit, alive=self.alive, diverged_at=self.diverged_at,
                tail=self.tail if heard else self.tail[:0], x=x, y=y, order=order[at:],
                sizes=sizes[at:], x_batch=x_batch, y_batch=y_batch, noise=noise[at:], constants=self.arrays.constants,
                layout=self.arrays.layout, work=self.work, done=done, skip=at, single=self.single,
            )  # fmt: skip
            at += self.code.drive(*arguments)
            self.done = done + at
            if at < size:
                self.park()

    def park(self) -> None:
        fresh = ~self.alive & ~self.parked
        self.parked |= fresh
        self.last_w[fresh] = self.by_run(self._reported())[fresh]
        if not self.single:
            self.w[:, fresh] = self.start[:, None]
            self.update.clear(fresh)

    @np.errstate(all="ignore")  # a run that explodes overflows on its way
    def look(self, seen: bool) -> Look:
        w, nothing = self._reported(), np.full(self.runs, np.nan)
        return Look(
            batch_loss=self.f.copy() if seen else nothing,
            gradient_norm=np.linalg.norm(self.by_run(self.g), axis=1) if seen else nothing,
            train=self._assessed(self.evaluation.train, w),
            test=self._assessed(self.evaluation.test, w),
            positions=self.by_run(w).T.copy() if self.problem.dim == 2 else np.empty((0, self.runs)),
            finite=np.isfinite(self.by_run(self.w)).all(axis=1) & np.isfinite(self.by_run(w)).all(axis=1),
        )

    def weights(self) -> np.ndarray:
        return np.where(self.parked[:, None], self.last_w, self.by_run(self._reported()))
