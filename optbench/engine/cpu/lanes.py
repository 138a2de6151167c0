"""Some lanes on the CPU: their arrays, calls of the compiled loop that steps them, and their evaluations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from optbench.compiler.contracts import DriveArguments
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.batches import Batches
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.cohort_kernels import CohortCode, EagerCode
from optbench.engine.cpu.evaluation import Evaluator
from optbench.engine.cpu.update import Update
from optbench.engine.outcome import Evaluation
from optbench.engine.rates import Rates
from optbench.engine.runner import Lanes

_Means = Callable[[np.ndarray], np.ndarray]
# Bytes of the snapshots of one call: an eighth of a core's L2 cache, or 16 points of 50 runs of 20 parameters.
# Measured: evaluated at every step, Rosenbrock of 16 lanes takes 3.1 us a step, and 96 with a call for each point
_SNAPSHOT_BYTES = 1 << 18


class Snapshots:
    """Weights, gradients and losses of lanes at points of evaluation between the steps of one call and at its end.

    Args:
        inner: the steps before the last one at which snapshots are taken.
        w: the lanes' weights in the problem's form, like all arrays here.
        reported: the weights to evaluate; w itself unless the rule has its own.

    Attributes:
        all: (points, 2 or 3, *w.shape): w, reported if that is another array, and g; f: (points, runs).
    """

    def __init__(self, inner: Sequence[int], w: np.ndarray, reported: np.ndarray, runs: int):
        """Make arrays for the inner steps and one more; none if there are no inner steps."""
        points = len(inner) + 1 if inner else 0
        self.inner, self.source = np.array(inner, np.int64), reported
        self.all = np.empty((points, 2 if reported is w else 3, *w.shape), w.dtype)
        self.f = np.empty((points, runs), w.dtype)
        self.w, self.reported, self.g = self.all[:, 0], self.all[:, -2], self.all[:, -1]

    def add_last(self, w: np.ndarray, reported: np.ndarray, g: np.ndarray, f: np.ndarray) -> None:
        """Write the last row from the current state of the lanes."""
        self.w[-1], self.reported[-1], self.g[-1], self.f[-1] = w, reported, g, f


class CpuLanes(Lanes):
    """Some lanes of a cohort, as in runner.Lanes; arrays as in DriveArguments.

    A lane that diverges is frozen: its weights are kept in ``last_w``. In lanes form, where all lanes step together, it
    goes on from the start point at rate 0, so that it stays finite.

    Attributes:
        single: whether the problem is in single form, where a kernel steps one lane after the other.
        batches: draws mini-batches and noise; batch: where a mini-batch is gathered.
        w_rows, g_rows: w and g in the rule's order, the same memory.
        update: the rule's kernel with its state, or another library's optimizer.
        frozen: (runs,) bool; last_w: (runs, dim), what is reported of frozen lanes.
    """

    def __init__(self, cohort: Cohort, lanes: Sequence[Lane], code: CohortCode | EagerCode, evaluator: Evaluator):
        """Make the arrays of the lanes."""
        problem, dtype = cohort.problem, cohort.dtype
        super().__init__(problem, len(lanes), dtype)
        self.code, self.evaluator, self.single = code, evaluator, problem.form == "single"
        labels_every = cohort.optimizer.second_every * cohort.optimizer.draws_labels
        self.batches = Batches(problem, cohort.batch_size, cohort.seed, dtype, cohort.steps, labels_every)
        self.numbers_per_step, self.path = self.batches.numbers_per_step, self.batches.path
        shape = (self.runs, problem.dim) if self.single else (problem.dim, self.runs)
        self.start = cohort.start_point().astype(dtype)
        self.w, self.g, self.f = aligned(shape, dtype), aligned(shape, dtype), aligned(self.runs, dtype)
        self.by_run(self.w)[:] = self.start
        rows = (self.runs, problem.dim) if code.order == "rows" else shape
        self.w_rows, self.g_rows = self.w.reshape(rows), self.g.reshape(rows)
        self.update: Any = self._new_update(cohort, [lane.hyperparameters for lane in lanes])
        self.frozen, self.last_w = np.zeros(self.runs, bool), np.zeros((self.runs, problem.dim), dtype)
        self.arrays = arrays_of(problem, dtype)
        x, _ = self.arrays.train
        size = cohort.batch_size if self.batches.mini else 0
        self.batch = aligned((size, x.shape[1]), dtype), aligned(size, dtype)
        self.work = aligned(scratch_size(problem, size or len(x), self.runs), dtype)
        self.max_snapshots = max(1, _SNAPSHOT_BYTES // (2 * self.w.nbytes))
        self._snapshots = Snapshots((), self.w, self.w, self.runs)
        self.stages = self._stage_values(rows)

    def _stage_values(self, rows: tuple[int, ...]) -> dict[str, Any]:
        """Return what stages take at every step, by its name in StageArguments; rows: w's shape in the rule's order."""
        problem, shape, runs, update = self.problem, self.w.shape, (self.runs,), self.update
        shapes = {"at": shape, "unit": runs, "late": (problem.delay, *shape), "point": shape, "f_ahead": runs}
        kept = [name for name in shapes if name in self.code.arguments]
        values: dict[str, Any] = {name: aligned(shapes[name], self.dtype) for name in kept}
        values |= {"levels": problem.levels, "labels_each": problem.draws_labels}
        if isinstance(update, Update) and update.point_update is not None:
            values |= {"second_every": update.record.second_every, "point_scalars": update.point_update.scalars}
            values |= {"point_rows": values["point"].reshape(rows), "ahead": update.ahead.reshape(shape)}
        return values

    def _new_update(self, cohort: Cohort, hyperparameters: Sequence[Mapping[str, float]]) -> Any:
        """Return the rule's kernel with its state for lanes of these hyperparameters."""
        problem = cohort.problem
        order, dtype, seed = self.code.order, cohort.dtype, cohort.seed
        return Update(
            cohort.rule, order, problem.blocks, dtype, hyperparameters, problem.roles, seed, sizes=cohort.sizes
        )

    def by_run(self, array: np.ndarray) -> np.ndarray:
        """Return the (runs, dim) view of an array of either form."""
        return array if self.single else array.T

    def _reported(self) -> np.ndarray:
        """Return the weights to evaluate, w or the rule's own choice: (runs, dim) in single form, else (dim, runs).

        Where the objective moves, they are those relative to it; of lanes that have diverged, at that step.
        """
        reported = self.update.reported(self.w, self.done)
        if self.path is None:
            return reported
        offsets = self.path(self.last_steps())
        return reported - (offsets if self.single else offsets.T)

    # Steps

    def advance(self, rates: Rates, done: int, size: int, inner: Sequence[int] = ()) -> None:
        """Make steps, as in runner.Lanes; in lanes form the compiled loop stops where a lane has diverged."""
        assert isinstance(self.code, CohortCode)
        order, sizes, rows = self.batches.draw_steps(size)
        snapshots = Snapshots(inner, self.w, self.update.reported(self.w, done + size), self.runs)
        self._snapshots, update, at = snapshots, self.update, 0
        (x, y), (x_batch, y_batch) = self.arrays.train, self.batch
        while at < size:
            arguments = DriveArguments(
                w=self.w, g=self.g, f=self.f, w_rows=self.w_rows, g_rows=self.g_rows, state=update.state,
                scalars=update.scalars, powers=update.powers, blocks=update.blocks,
                factors=rates.factors, base=rates.base * self.alive, schedule_of=rates.schedule_of,
                limit=self.limit, alive=self.alive, diverged_at=self.diverged_at,
                x=x, y=y, order=order[at:], sizes=sizes[at:], x_batch=x_batch, y_batch=y_batch,
                constants=self.arrays.constants, layout=self.arrays.layout, work=self.work,
                done=done, skip=at, single=self.single,
                inner=snapshots.inner, seen=snapshots.all, seen_f=snapshots.f, reported=snapshots.source,
            )  # fmt: skip
            values = self.stages | {name: drawn[at:] for name, drawn in rows.items()}
            at += self.code.drive(*arguments, *(values[name] for name in self.code.arguments))
            self.done = done + at
            if at < size:
                self.freeze()
        if self.path is not None and inner:
            snapshots.reported[:-1] -= np.expand_dims(self.path(np.array(inner)), 1 if self.single else 2)

    def freeze(self, fell: np.ndarray | None = None) -> None:
        """Save the weights of lanes that have stopped, as in runner.Lanes."""
        fresh = ~(self.alive | self.frozen)
        if fresh.any():
            self.frozen |= fresh
            self.last_w[fresh] = self.by_run(self._reported())[fresh]
            if not self.single:
                self.w[:, fresh] = self.start[:, None]
                self.update.clear(fresh)
        for place in range(len(self._snapshots.inner)) if fell is not None else ():  # they went on from there
            here = np.asarray(fell) == place
            self.last_w[here] = self.by_run(self._snapshots.reported[place])[here]

    def weights(self) -> np.ndarray:
        """Return the reported weights, (runs, dim)."""
        return np.where(self.frozen[:, None], self.last_w, self.by_run(self._reported()))

    # Evaluations

    @np.errstate(all="ignore")  # a run that explodes overflows on its way
    def evaluate(self, has_stepped: bool) -> Evaluation:
        """Evaluate all lanes, as in runner.Lanes."""
        reported = self._reported()  # first, as an optimizer may fail here
        snapshots, evaluator = self._snapshots, self.evaluator
        w, g, f, shown = self.w[None], self.g[None], self.f[None], reported[None]
        if len(snapshots.inner):
            snapshots.add_last(self.w, reported, self.g, self.f)
            w, g, f, shown = snapshots.w, snapshots.g, snapshots.f, snapshots.reported
        steps = [*snapshots.inner.tolist(), self.done]
        coordinates = 2 if self.single else 1  # the axis of parameters
        is_finite = np.isfinite(w).all(axis=coordinates)
        if reported is not self.w:
            is_finite &= np.isfinite(shown).all(axis=coordinates)
        nothing = np.full((len(steps), 1 + len(self.problem.metrics), self.runs), np.nan)
        positions = shown.swapaxes(1, 2) if self.single else shown
        g = g if self.single else g.swapaxes(1, 2)
        measures = {"batch_loss": f.copy(), "gradient_norm": np.sqrt(np.add.reduce(g * g, axis=2))}
        return Evaluation(
            measures=measures if has_stepped else dict.fromkeys(measures, nothing[:, 0]),
            train=self._means(evaluator.train, steps, shown),
            validation=nothing if self.problem.validation is None else self._means(evaluator.validation, steps, shown),
            test=nothing if self.problem.test is None else self._means(evaluator.test, steps, shown),
            positions=positions.copy() if self.problem.dim == 2 else nothing[:, :0],
            finite=is_finite,
        )

    @np.errstate(all="ignore")
    def group_means(self, groups: Sequence[slice]) -> np.ndarray:
        """Return loss and metrics now on groups of the test data, as in runner.Lanes."""
        shown = self._reported()
        if not self.single:
            return self.evaluator.groups(shown, groups)
        values = np.full((len(groups), 1 + len(self.problem.metrics), self.runs), np.nan)
        going = (self.diverged_at == 0) | (self.diverged_at > self.done)
        if going.any():
            values[:, :, going] = self.evaluator.groups(shown[going], groups)
        return values

    def _means(self, means: _Means, steps: Sequence[int], shown: np.ndarray) -> np.ndarray:
        """Return loss and metrics at these steps, (p, 1 + metrics, runs).

        means: a method of the evaluator; shown: the weights to evaluate, of p points in the problem's form.

        In single form each lane is computed by itself, and lanes that have diverged are passed over.
        """
        if not self.single:
            return means(shown)
        values = np.full((len(steps), 1 + len(self.problem.metrics), self.runs), np.nan)
        for place, step in enumerate(steps):
            going = (self.diverged_at == 0) | (self.diverged_at > step)
            values[place, :, going] = means(shown[place : place + 1, going])[0].T
        return values
