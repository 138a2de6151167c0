"""Some lanes on the CPU: their arrays, calls of the compiled loop that steps them, and lanes that need no steps."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from optbench.compiler.contracts import DriveArguments
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.batches import Batches
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.cohort_kernels import CohortCode, EagerCode, is_compiled
from optbench.engine.cpu.evaluation import Evaluator
from optbench.engine.cpu.update import Update
from optbench.engine.outcome import Evaluation
from optbench.engine.rates import Rates
from optbench.engine.runner import Lanes

_Means = Callable[[np.ndarray], np.ndarray]
# Bytes of the snapshots of one call: an eighth of a core's L2 cache, or 16 points of 50 runs of 20 parameters.
# Measured: evaluated at every step, Rosenbrock of 16 lanes takes 3.1 us a step, and 96 with a call for each point
_SNAPSHOT_BYTES = 1 << 18
_LOOKED_AT = 1 << 12
"""Steps whose rates an estimate looks at; lanes that are equal in them count as equal to the end."""


class DuplicateLanes:
    """The lanes of a call that have been equal so far, so that only one of each group has to be computed.

    Schedules by the epoch are equal in the first one, a sixth of a run of six epochs. In single form, where a kernel
    takes lanes one by one, the first of such lanes makes the steps, and the others get a copy: the same bits. Measured,
    MLP on digits: 0.9 of the time of steps, 0.55 of that of evaluations.

    Attributes:
        first_of: (lanes,): the first lane that has been equal to each so far; often itself.
    """

    def __init__(self, lanes: Sequence[Lane]):
        self.first_of = _find_first_equals(_setting_keys(lanes))

    def divide_steps(
        self, factors: np.ndarray, schedule_of: np.ndarray, alive: np.ndarray
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Divide steps into pieces where the rates of equal lanes begin to differ.

        Args:
            factors: (schedules, steps): the factors of the rate.
            schedule_of: (lanes,): the row of ``factors`` for each lane.
            alive: (lanes,) bool, read before each piece.

        Yields:
            The first step of a piece, the step after its last one, and the lanes that equal an earlier lane in it.
        """
        first, steps = 0, factors.shape[1]
        while first < steps:
            now = factors[schedule_of, first].tolist()
            self.first_of = _find_first_equals(list(zip(self.first_of.tolist(), now, alive.tolist(), strict=True)))
            followers = np.flatnonzero(self.first_of != np.arange(len(self.first_of)))
            last, leaders = steps, self.first_of[followers]
            for pair in set(zip(schedule_of[followers].tolist(), schedule_of[leaders].tolist(), strict=True)):
                mine, other = factors[pair, first:last]
                differs = mine != other
                last = first + int(differs.argmax()) if differs.any() else last
            yield first, last, followers
            first = last


def computed_shares(cohort: Cohort) -> tuple[float, float]:
    """Return the shares of a cohort's run-steps and of its evaluations that are computed; the rest is copied."""
    if cohort.problem.form != "single" or not is_compiled(cohort.problem, cohort.optimizer):
        return 1.0, 1.0
    lanes, size = len(cohort.lanes), min(cohort.steps, _LOOKED_AT)
    rates = Rates(cohort.lanes, cohort.per_epoch, cohort.steps, cohort.optimizer.second_every)
    duplicates = DuplicateLanes(cohort.lanes)
    rates.prepare(0)
    rates.draw(0, size)
    steps, evaluations, points = 0, 1, cohort.evaluated
    for first, last, followers in duplicates.divide_steps(rates.factors, rates.schedule_of, np.ones(lanes, bool)):
        last = cohort.steps if last == size else last
        steps += (last - first) * (lanes - len(followers))
        evaluations += int(np.diff(np.searchsorted(points, (first, last), "right"))[0]) * (lanes - len(followers))
    return steps / (cohort.steps * lanes), evaluations / (len(points) * lanes)


def order_by_settings(lanes: Sequence[Lane]) -> np.ndarray:
    """Return indices (lanes,) that order the lanes so that those that differ in schedule only are adjacent."""
    return np.argsort(_find_first_equals(_setting_keys(lanes)), kind="stable")


def _setting_keys(lanes: Sequence[Lane]) -> list[Hashable]:
    """Return a key for each lane, equal for lanes that differ in their schedules at most."""
    return [(lane.lr, *sorted(lane.hyperparameters.items())) for lane in lanes]


def _find_first_equals(keys: Sequence[Hashable]) -> np.ndarray:
    """Return (keys,): for each key the index of the first key that equals it."""
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(key, place) for place, key in enumerate(keys)])


class Steps(NamedTuple):
    """Steps to be made after step ``done``, with the numbers drawn for them, as in DriveArguments.

    Attributes:
        factors: (schedules, size): the factors of the learning rate.
        steady: whether these are the same at every step.
        rows: what stages take of each step, as of `Batches.draw_steps`.
    """

    done: int
    size: int
    factors: np.ndarray
    steady: bool
    order: np.ndarray
    sizes: np.ndarray
    rows: Mapping[str, np.ndarray]

    def part(self, first: int, last: int) -> "Steps":
        """Return the steps from the place ``first`` to before ``last``."""
        if last - first == self.size:
            return self
        part = slice(first, last)
        factors, drawn = np.ascontiguousarray(self.factors[:, part]), (self.order[part], self.sizes[part])
        rows = {name: each[part] for name, each in self.rows.items()}
        return Steps(self.done + first, last - first, factors, self.steady, *drawn, rows)


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
        self._duplicates = DuplicateLanes(lanes) if self.single else None
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
        """Make steps, as in runner.Lanes."""
        steps = Steps(done, size, rates.factors, rates.steady, *self.batches.draw_steps(size))
        self._snapshots = Snapshots(inner, self.w, self.update.reported(self.w, done + size), self.runs)
        if self._duplicates is None:
            self._drive(rates, steps)
        else:
            for first, last, followers in self._duplicates.divide_steps(steps.factors, rates.schedule_of, self.alive):
                part = steps.part(first, last)
                self.alive[followers] = False
                self._drive(rates, part)
                self._copy_lanes(followers, self._duplicates.first_of[followers], part)
        if self.path is not None and inner:
            self._snapshots.reported[:-1] -= np.expand_dims(self.path(np.array(inner)), 1 if self.single else 2)

    def _drive(self, rates: Rates, steps: Steps) -> None:
        """Call the compiled loop until all steps are made: in lanes form it stops where a lane has diverged."""
        assert isinstance(self.code, CohortCode)
        at, update, snapshots = 0, self.update, self._snapshots
        (x, y), (x_batch, y_batch) = self.arrays.train, self.batch
        while at < steps.size:
            base = rates.base * self.alive
            update.scalars[0] = base * steps.factors[rates.schedule_of, at]
            arguments = DriveArguments(
                w=self.w, g=self.g, f=self.f, w_rows=self.w_rows, g_rows=self.g_rows, state=update.state,
                scalars=update.scalars, powers=update.powers, blocks=update.blocks,
                factors=np.empty((len(steps.factors), 0)) if steps.steady else steps.factors, base=base,
                schedule_of=rates.schedule_of, limit=self.limit, alive=self.alive, diverged_at=self.diverged_at,
                x=x, y=y, order=steps.order[at:], sizes=steps.sizes[at:], x_batch=x_batch, y_batch=y_batch,
                constants=self.arrays.constants, layout=self.arrays.layout, work=self.work,
                done=steps.done, skip=at, single=self.single,
                inner=snapshots.inner, seen=snapshots.all, seen_f=snapshots.f, reported=snapshots.source,
            )  # fmt: skip
            values = self.stages | {name: rows[at:] for name, rows in steps.rows.items()}
            at += self.code.drive(*arguments, *(values[name] for name in self.code.arguments))
            self.done = steps.done + at
            if at < steps.size:
                self.freeze()

    def _copy_lanes(self, followers: np.ndarray, leaders: np.ndarray, steps: Steps) -> None:
        """Copy all that these steps have changed from lanes that made them to their duplicates, both given by index."""
        self.reused_steps += len(followers) * steps.size
        update, snapshots = self.update, self._snapshots
        unit, late = ([self.stages[name]] if name in self.stages else [] for name in ("unit", "late"))
        for array in (self.w, self.g, self.f, self.alive, self.diverged_at, *unit):
            array[followers] = array[leaders]
        taken = slice(*np.searchsorted(snapshots.inner, (steps.done, steps.done + steps.size), "right"))
        for array in (update.state, update.scalars, update.powers, *late, snapshots.f[taken]):
            array[:, followers] = array[:, leaders]
        snapshots.all[taken, :, followers] = snapshots.all[taken, :, leaders]

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
