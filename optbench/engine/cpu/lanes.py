"""Some lanes on this machine's cores: their arrays, and one call of the compiled driver after the other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from optbench.compiler.contracts import DriveArguments
from optbench.engine import batches
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.code import CohortCode, EagerCode
from optbench.engine.cpu.evaluation import Evaluation
from optbench.engine.cpu.seen import Seen
from optbench.engine.cpu.twins import Twins
from optbench.engine.cpu.update import Update
from optbench.engine.outcome import Look
from optbench.engine.rates import Rates

_Mean = Callable[[np.ndarray], np.ndarray]
# Bytes of what lanes had at points between the steps of one call: an eighth of a core's L2 cache: 16 points of 50
# runs of 20 parameters. With them a cohort of 20 steps takes 1.27 ms, one point at a time 1.55 (measured); beyond, a
# point takes far longer than what it saves
_KEPT = 1 << 18


class Steps(NamedTuple):
    """Steps to be made after step ``done``, with what was drawn for them, as in DriveArguments."""

    done: int
    size: int
    factors: np.ndarray
    """(schedules, size)"""
    steady: bool
    order: np.ndarray
    sizes: np.ndarray
    noise: np.ndarray

    def part(self, first: int, last: int) -> "Steps":
        """Those from the place ``first`` to before ``last``."""
        if last - first == self.size:
            return self
        part = slice(first, last)
        factors = np.ascontiguousarray(self.factors[:, part])
        drawn = self.order[part], self.sizes[part], self.noise[part]
        return Steps(self.done + first, last - first, factors, self.steady, *drawn)

    @property
    def changes(self) -> np.ndarray:
        """(schedules, steps), or (schedules, 0) where they do not change."""
        return np.empty((len(self.factors), 0)) if self.steady else self.factors


class CpuLanes:
    """Some ``lanes`` of a cohort; arrays as in DriveArguments.

    A lane that diverges in lanes form is parked: back at the start, at rate 0.
    """

    def __init__(self, cohort: Cohort, lanes: Sequence[Lane], code: CohortCode | EagerCode, evaluation: Evaluation):
        problem, dtype = cohort.problem, cohort.dtype
        self.cohort, self.problem, self.code, self.evaluation = cohort, problem, code, evaluation
        self.done = 0
        self.batches = batches.Batches(problem, cohort.batch_size, cohort.seed, dtype, cohort.steps)
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
        self.arrays = arrays_of(problem, dtype)
        size = cohort.batch_size if self.batches.mini else 0
        self.batch = aligned((size, self.arrays.train[0].shape[1]), dtype), aligned(size, dtype)
        self.work = aligned(scratch_size(problem, size or len(self.arrays.train[0]), self.runs), dtype)
        self.width = max(size, problem.dim + 1 if problem.noise else 1)
        self.ahead = max(1, _KEPT // (2 * self.w.nbytes))
        self._seen = Seen((), self.w, self.w, self.runs)
        self._twins = Twins(lanes) if self.single else None
        self.given = 0

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

    def _assessed(self, mean: _Mean, step: int, reported: np.ndarray) -> np.ndarray:
        """(1 + metrics, runs): what the evaluation's ``mean`` gives of all lanes in single form, as they were after a
        step. Those that diverged have no values from there on: each is computed by itself, and they are passed over.
        """
        going = (self.diverged_at == 0) | (self.diverged_at > step)
        if going.all():
            return mean(reported)
        values = np.full((1 + len(self.problem.metrics), self.runs), np.nan)
        values[:, going] = mean(reported[going])
        return values

    def by_run(self, array: np.ndarray) -> np.ndarray:
        """The (runs, dim) view of an array of either form."""
        return array if self.single else array.T

    def advance(self, rates: Rates, done: int, size: int, inner: Sequence[int] = ()) -> None:
        drawn = self.batches.draw(size)
        steps = Steps(done, size, rates.factors, rates.steady, *drawn)
        reported = self.update.reported(self.w, done + size)
        self._seen = Seen(inner, self.w, reported, self.runs)
        if self._twins is None:
            self._driven(rates, steps, reported)
            return
        for first, last, followers in self._twins.pieces(steps.factors, rates.schedule_of, self.alive):
            self.alive[followers] = False
            self._driven(rates, steps.part(first, last), reported)
            self._give(followers, self._twins.of[followers], steps.part(first, last))

    def _driven(self, rates: Rates, steps: Steps, reported: np.ndarray) -> None:
        """By the kernels of problem and rule: all lanes step together, and stop where one has diverged."""
        assert isinstance(self.code, CohortCode)
        at, update, seen = 0, self.update, self._seen
        (x, y), (x_batch, y_batch) = self.arrays.train, self.batch
        while at < steps.size:
            base = self._base(rates, steps, at)
            arguments = DriveArguments(
                w=self.w, g=self.g, f=self.f, w_rows=self.w_rows, g_rows=self.g_rows, state=update.state,
                scalars=update.scalars, powers=update.powers, blocks=update.blocks,
                factors=steps.changes, base=base, schedule_of=rates.schedule_of,
                limit=self.limit, alive=self.alive, diverged_at=self.diverged_at, x=x, y=y,
                order=steps.order[at:], sizes=steps.sizes[at:], x_batch=x_batch, y_batch=y_batch,
                noise=steps.noise[at:], constants=self.arrays.constants, layout=self.arrays.layout, work=self.work,
                done=steps.done, skip=at, single=self.single, inner=seen.inner, seen=seen.all, seen_f=seen.f,
                reported=reported,
            )  # fmt: skip
            at += self.code.drive(*arguments)
            self.done = steps.done + at
            if at < steps.size:
                self.park()

    def _give(self, followers: np.ndarray, leaders: np.ndarray, steps: Steps) -> None:
        """Let lanes have what others, who made these steps, have."""
        self.given += len(followers) * steps.size
        update, seen = self.update, self._seen
        for array in (self.w, self.g, self.f, self.alive, self.diverged_at):
            array[followers] = array[leaders]
        here = slice(*np.searchsorted(seen.inner, (steps.done, steps.done + steps.size), "right"))
        for array in (update.state, update.scalars, update.powers, seen.f[here]):
            array[:, followers] = array[:, leaders]
        seen.all[here, :, followers] = seen.all[here, :, leaders]

    def _base(self, rates: Rates, steps: Steps, at: int) -> np.ndarray:
        """(runs,): the rates without their schedules, 0 where a lane stands still; those of step ``at`` are set."""
        base = rates.base * self.alive
        self.update.scalars[0] = base * steps.factors[rates.schedule_of, at]
        return base

    def park(self, fell: np.ndarray | None = None) -> None:
        fresh = ~(self.alive | self.parked)
        if fresh.any():
            self.parked |= fresh
            self.last_w[fresh] = self.by_run(self._reported())[fresh]
            if not self.single:
                self.w[:, fresh] = self.start[:, None]
                self.update.clear(fresh)
        for place in range(len(self._seen.inner)) if fell is not None else ():  # they went on from there
            here = np.asarray(fell) == place
            self.last_w[here] = self.by_run(self._seen.reported[place])[here]

    @np.errstate(all="ignore")  # a run that explodes overflows on its way
    def look(self, seen: bool) -> Look:
        reported = self._reported()  # may tell of failures, and so comes first
        inner, w, g, f, shown = self._seen.inner, self.w[None], self.g[None], self.f[None], reported[None]
        if len(inner):
            self._seen.keep(-1, self.w, reported, self.g, self.f)
            w, g, f, shown = self._seen.w, self._seen.g, self._seen.f, self._seen.reported
        steps = [*inner.tolist(), self.done]
        nothing = np.full((len(steps), 1 + len(self.problem.metrics), self.runs), np.nan)
        g = g if self.single else g.swapaxes(1, 2)
        shown_by_run = shown if self.single else shown.swapaxes(1, 2)
        evaluation, test = self.evaluation, nothing
        if self.problem.test is not None:
            test = self._all_assessed(evaluation.test, evaluation.test_at, steps, shown)
        return Look(
            batch_loss=f.copy() if seen else nothing[:, 0],
            gradient_norm=np.sqrt(np.add.reduce(g * g, axis=2)) if seen else nothing[:, 0],
            train=self._all_assessed(evaluation.train, evaluation.train_at, steps, shown),
            test=test,
            positions=shown_by_run.swapaxes(1, 2).copy() if self.problem.dim == 2 else nothing[:, :0],
            finite=self._finite(w) if reported is self.w else self._finite(w) & self._finite(shown),
        )

    def _all_assessed(self, mean: _Mean, means: _Mean, steps: Sequence[int], shown: np.ndarray) -> np.ndarray:
        """(points, 1 + metrics, runs): what :meth:`_assessed` gives behind each of these steps."""
        if not self.single:
            return means(shown)
        each = [self._assessed(mean, *point) for point in zip(steps, shown, strict=True)]
        return each[0][None] if len(each) == 1 else np.array(each)

    def _finite(self, w: np.ndarray) -> np.ndarray:
        """(p, runs): whether all weights are, each in the problem's form."""
        return np.logical_and.reduce(np.isfinite(w), axis=2 if self.single else 1)

    def weights(self) -> np.ndarray:
        return np.where(self.parked[:, None], self.last_w, self.by_run(self._reported()))
