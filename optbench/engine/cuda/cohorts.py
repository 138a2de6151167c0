"""Cohorts on a GPU: the lanes of many cohorts in one launch, with their arrays on the card."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from optbench.compiler import cuda as device
from optbench.compiler import cuda_steps as kernels
from optbench.compiler import finite_sums
from optbench.compiler.contracts import AssessArguments, StepsArguments
from optbench.compiler.cuda import BLOCK, blocks, cuda, put
from optbench.compiler.gradient_stages import thread_arguments_of
from optbench.compiler.scalar_rows import scalar_count
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import PluginError, in_one_line
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine import batches
from optbench.engine.arrays import arrays_of, make_block_table, make_initial_scalars, owner_of, scratch_size
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.outcome import CohortOutcome, Evaluation, Outcome
from optbench.engine.rates import Rates
from optbench.engine.runner import Clock, Lanes, Runner

_SHARE = 0.4
"""The share of the GPU's free memory that lanes may fill: a sweep has two calls under way; an estimate."""
_MAX_LANES = 1 << 20
"""Several times what fills a large GPU (270,000 threads at once); bounds the host's arrays. An estimate."""
_BATCH_BYTES = 1 << 26
"""Bytes of mini-batches gathered for one launch: little beside a GPU's memory; an estimate."""
# The simulator launches one kernel at a time.
_LAUNCHES = threading.Lock() if device.SIMULATED else nullcontext()


def refusal_reason(problem: Problem, optimizer: AnyOptimizer) -> str | None:
    """Return why the pair cannot run on a GPU, as far as that is known without compiling; None if it can."""
    if isinstance(optimizer, Baseline):
        return "SciPy's methods run on the CPU"
    if problem.eager or not isinstance(optimizer, Optimizer):
        return "what is not compiled runs on the CPU"
    return "its rule transforms whole matrices" if optimizer.matrix else None


class Kernels:
    """The kernels of a problem and a rule at one batch size. Raises PluginError for a pair that no GPU can run."""

    def __init__(self, problem: Problem, optimizer: Optimizer, dtype: DtypeName, batch_size: int):
        """Choose the kernels for the steps and evaluations; raise PluginError for a pair that no GPU can run."""
        why = refusal_reason(problem, optimizer)
        if why:
            raise PluginError(f"{problem.name} with {optimizer.name} cannot run on a GPU: {why}")
        mini, noisy = batches.needed_draws(problem, batch_size)
        if noisy:
            finite_sums.means(dtype)
        work, self.scratch = scratch(problem, batch_size if mini else 0)
        self.shape = kernels.shape_of(problem, optimizer, dtype, mini, noisy, work)
        self.arguments = tuple(thread_arguments_of(self.shape.stages))
        self.owner, evaluate = owner_of(problem), problem.evaluate or problem.value_and_gradient
        self.gather = kernels.gather
        self.steps = kernels.step_kernel(
            problem.value_and_gradient, problem.form, optimizer, dtype, self.shape, self.owner
        )
        self.evaluate = kernels.evaluate_kernel(
            evaluate, problem.form, problem.evaluate is not None, len(problem.metrics), dtype, self.owner
        )


def compile_kernels(problem: Problem, optimizer: Optimizer, dtype: DtypeName, batch_size: int) -> Kernels:
    """Return the kernels of a pair, compiled for the GPU. Raises PluginError if they cannot be."""
    code = Kernels(problem, optimizer, dtype, batch_size)
    for name, signature in () if device.SIMULATED else kernels.signatures(dtype, code.shape.stages).items():
        try:
            getattr(code, name).compile(signature)
        except Exception as error:  # numba raises many kinds
            raise PluginError(f"{code.owner} does not compile for the GPU: {in_one_line(error)}") from error
    return code


def run_cohorts(
    cohorts: Sequence[Cohort], progress: Callable[[int], None], stop: Callable[[], bool]
) -> list[CohortOutcome]:
    """Run cohorts that differ by seed, start and lanes together; return an outcome for each.

    Each sees its own start point and mini-batches, which are those of the CPU. Times are shared out by lanes. Raises
    PluginError for a pair that cannot run on a GPU, runner.Cancelled when ``stop`` says yes.
    """
    first = cohorts[0]
    problem, optimizer, dtype = first.problem, first.rule, first.dtype
    begin = time.perf_counter()
    with _LAUNCHES:
        code = compile_kernels(problem, optimizer, dtype, first.batch_size)
        ready = time.perf_counter()
        clock = Clock(first.deadline, progress, stop)
        parts: list[list[Outcome]] = [[] for _ in cohorts]
        size = first.batch_size if code.shape.batches else 0
        most = device.free_bytes() * _SHARE / bytes_per_lane(problem, optimizer, size, dtype)
        calls = _divide_lanes(cohorts, most)
        for call in calls:
            engine = GpuLanes([(cohorts[m], lanes) for m, lanes in call], code)
            all_lanes = [lane for _, lanes in call for lane in lanes]
            rates = Rates(all_lanes, first.per_epoch, first.steps, optimizer.second_every)
            reports = any(cohort.reports for cohort in cohorts)
            outcome = Runner(engine, rates, dtype, reports).run(first.evaluated, clock.start_call(len(rates.base)))
            at = 0
            for m, lanes in call:
                parts[m].append(outcome.of_lanes(at, at + len(lanes)))
                at += len(lanes)
    seconds, compiling = time.perf_counter() - ready, ready - begin
    total = sum(len(cohort.lanes) for cohort in cohorts)
    card = device.card_name()
    return [
        CohortOutcome(
            parts=outcomes,
            seconds=seconds * len(cohort.lanes) / total,
            evaluation_seconds=sum(outcome.evaluation_seconds for outcome in outcomes),
            compile_seconds=compiling * len(cohort.lanes) / total,
            device="cuda",
            device_note=card,
        )
        for outcomes, cohort in zip(parts, cohorts, strict=True)
    ]


def _divide_lanes(cohorts: Sequence[Cohort], most: float) -> list[list[tuple[int, Sequence[Lane]]]]:
    """Return lanes in portions that the GPU's memory holds: lists of (number of the cohort, some of its lanes)."""
    size, room = int(np.clip(most, 1, _MAX_LANES)), 0
    calls: list[list[tuple[int, Sequence[Lane]]]] = []
    for m, cohort in enumerate(cohorts):
        lanes = cohort.lanes
        while lanes:
            if room == 0:
                calls.append([])
                room = size
            part, lanes = lanes[:room], lanes[room:]
            calls[-1].append((m, part))
            room -= len(part)
    return calls


class GpuLanes(Lanes):
    """Some lanes of cohorts that differ by seed, start and lanes, as in runner.Lanes. Arrays as in StepsArguments.

    Attributes:
        members: the cohorts, each with some of its lanes; member: (runs,), the number of a lane's cohort.
        stream: the launches and copies of these lanes, in order.
        unmoved: (runs,) bool: lanes that diverged before their first update.
    """

    def __init__(self, members: Sequence[tuple[Cohort, Sequence[Lane]]], code: Any):
        """Put the arrays of the lanes on the card."""
        first, lanes = members[0][0], [lane for _, part in members for lane in part]
        problem, optimizer, batch_size, dtype = first.problem, first.rule, first.batch_size, first.dtype
        super().__init__(problem, len(lanes), dtype)
        self.optimizer, self.code, self.batch_size, dim = optimizer, code, batch_size, problem.dim
        self.stream = cuda.stream()
        self.member = np.repeat(np.arange(len(members), dtype=np.int32), [len(part) for _, part in members])
        every = optimizer.second_every * optimizer.draws_labels
        self.batches = [
            batches.Batches(problem, batch_size, cohort.seed, dtype, cohort.steps, every) for cohort, _ in members
        ]
        self.starts = np.array([cohort.start_point() for cohort, _ in members]).astype(dtype)
        self.unmoved = np.zeros(self.runs, bool)
        table, _, _ = make_block_table(optimizer, problem.blocks, {}, problem.roles)
        seeds = [cohort.seed for cohort, part in members for _ in part]
        sizes, hyperparameters = first.sizes, [lane.hyperparameters for lane in lanes]
        scalars = make_initial_scalars(optimizer, len(table), dtype, hyperparameters, 0, seeds, sizes)
        self.w = self._put(np.ascontiguousarray(self.starts[self.member].T))
        self.g, self.state = self._zeros(dim, self.runs), self._zeros(len(optimizer.own), dim, self.runs)
        self.f, self.norm = self._zeros(self.runs), self._zeros(self.runs)
        self.update = self._put(scalars), self._put(np.ones((len(optimizer.powers), self.runs)))
        self.table, self.members = self._put(table), self._put(self.member)
        shapes = {"at": (dim,), "unit": (), "late": (problem.delay, dim), "point": (dim,)}
        self.stages = {name: self._zeros(*shapes[name], self.runs) for name in shapes if name in code.arguments}
        if (rule := optimizer.point_rule) is not None:
            scalars = make_initial_scalars(rule, len(table), dtype, hyperparameters, 0, seeds, sizes)
            self.stages["point_scalars"] = self._put(scalars)
        arrays = arrays_of(problem, dtype)
        self.train = tuple(map(self._put, arrays.train))
        self.validation = None if problem.validation is None else tuple(map(self._put, arrays.validation))
        self.test = None if problem.test is None else tuple(map(self._put, arrays.test))
        self.constants, self.layout = self._put(arrays.constants), self._put(arrays.layout)
        self.work = self._zeros(code.scratch, self.runs)
        self.numbers_per_step = len(members) * self.batches[0].numbers_per_step

    def _put(self, array: np.ndarray) -> Any:
        return put(array, self.stream)

    def _zeros(self, *shape: int) -> Any:
        return self._put(np.zeros(shape, self.dtype))

    def _get(self, array: Any) -> np.ndarray:
        return array.copy_to_host(stream=self.stream)

    def advance(self, rates: Rates, done: int, size: int, inner: Sequence[int] = ()) -> None:
        """Make ``size`` steps after step ``done``, in launches whose mini-batches fill no more than _BATCH_BYTES."""
        factors, at = rates.factors, 0
        alive, diverged_at = self._put(self.alive), self._put(self.diverged_at)
        base, schedule_of = self._put(rates.base), self._put(rates.schedule_of.astype(np.int32))
        limit, (scalars, powers), (x, y) = self._put(self.limit), self.update, self.train
        one_batch = len(self.batches) * self.batch_size * (1 + self.train[0].shape[1]) * np.dtype(self.dtype).itemsize
        most = max(1, _BATCH_BYTES // one_batch) if self.code.shape.batches else size
        while at < size:
            count = min(size - at, most)
            drawn = [member.draw_steps(count) for member in self.batches]
            orders, sizes, rows = zip(*drawn, strict=True)
            x_batch, y_batch = self._gather_batches(orders)
            values = self.stages | {name: self._put(np.array([each[name] for each in rows])) for name in rows[0]}
            arguments = StepsArguments(
                w=self.w, g=self.g, f=self.f, norm=self.norm, state=self.state,
                scalars=scalars, powers=powers, work=self.work, blocks=self.table,
                factors=self._put(np.ascontiguousarray(factors[:, at : at + count])), base=base,
                schedule_of=schedule_of, member=self.members, limit=limit, alive=alive, diverged_at=diverged_at,
                x=x, y=y, x_batch=x_batch, y_batch=y_batch, sizes=self._put(sizes[0]),
                constants=self.constants, layout=self.layout, done=done + at,
            )  # fmt: skip
            taken = (values[name] for name in self.code.arguments)
            self.code.steps[blocks(self.runs), BLOCK, self.stream](*arguments, *taken)
            at += count
        self.alive[:], self.diverged_at[:] = self._get(alive), self._get(diverged_at)
        self.stream.synchronize()
        if done == 0:
            self.unmoved = self.diverged_at == 1
        self.done = done + size

    def _gather_batches(self, orders: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """Return the mini-batches of each member's order, (members, steps, B, features) and (members, steps, B)."""
        if not self.code.shape.batches:
            return self._zeros(0, 0, 0, 0), self._zeros(0, 0, 0)
        order = np.array(orders)
        x_batch = cuda.device_array((*order.shape, self.train[0].shape[1]), self.dtype, stream=self.stream)
        y_batch = cuda.device_array(order.shape, self.dtype, stream=self.stream)
        numbers = blocks(order.size * self.train[0].shape[1])
        self.code.gather[numbers, BLOCK, self.stream](*self.train, self._put(order), x_batch, y_batch)
        return x_batch, y_batch

    def freeze(self, fell: np.ndarray | None = None) -> None:
        """Do nothing: the thread of a lane that has diverged neither reads nor writes its arrays."""

    def _reported(self) -> Any:
        """Return the weights that are evaluated, an array (dim, runs) on the GPU; as CpuLanes does."""
        record = self.optimizer
        w = self.w if record.report is None or self.done == 0 else self.state[record.own.index(record.report)]
        if self.batches[0].path is None:
            return w
        offsets = np.empty((self.problem.dim, self.runs), self.dtype)
        for number, member in enumerate(self.batches):
            assert member.path is not None
            own = self.member == number
            offsets[:, own] = member.path(self.last_steps()[own]).T
        return self._put(self._get(w) - offsets)

    def evaluate(self, has_stepped: bool) -> Evaluation:
        """Evaluate all lanes, with arrays on the host.

        has_stepped: False before the first step, where the loss of a batch and the norm of its gradient are NaN; else
        they are those of the last step.
        """
        nothing = np.full((1, self.runs), np.nan)
        f, norm = (self._get(self.f)[None], self._get(self.norm)[None]) if has_stepped else (nothing, nothing)
        train, finite = self._mean(*self.train)
        validation, test = (
            np.full_like(train, np.nan) if part is None else self._mean(*part)[0]
            for part in (self.validation, self.test)
        )
        positions = self._get(self._reported()) if self.problem.dim == 2 else np.empty((0, self.runs))
        measures = {"batch_loss": f, "gradient_norm": norm}
        return Evaluation(measures, train[None], validation[None], test[None], positions[None], finite[None])

    def group_means(self, groups: Sequence[slice]) -> np.ndarray:
        """Return loss and metrics now on groups of the test data, as in runner.Lanes."""
        assert self.test is not None
        x, y = self.test
        return np.array([self._mean(x[rows], y[rows])[0] for rows in groups])

    def _mean(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return loss and metrics on examples x, y, (1 + metrics, runs), and which lanes are finite, (runs,) bool."""
        out = self._put(np.zeros((1 + len(self.problem.metrics), self.runs)))
        good = self._put(np.zeros(self.runs, bool))
        arguments = AssessArguments(
            w=self.w, reported=self._reported(), g=self.g, work=self.work, out=out, good=good, x=x, y=y,
            constants=self.constants, layout=self.layout,
        )  # fmt: skip
        self.code.evaluate[blocks(self.runs), BLOCK, self.stream](*arguments)
        outcome = self._get(out), self._get(good)
        self.stream.synchronize()
        return outcome

    def weights(self) -> np.ndarray:
        """Return the last weights (runs, dim), or what the rule reports instead."""
        w = self._get(self._reported()).T.copy()
        w[self.unmoved] = self.starts[self.member[self.unmoved]]  # before a first update, nothing was reported
        return w


def scratch(problem: Problem, batch: int) -> tuple[int, int]:
    """Return the numbers of ``work`` for a lane's gradient on a batch (0: all data), and for all of its calls."""
    if problem.work is None:
        return 0, 0
    rows = batch or (len(problem.data[0]) if problem.data else 1)
    gradient = scratch_size(problem, rows, 1)
    return gradient, max(gradient, scratch_size(problem, kernels.ROWS, 1))


def bytes_per_lane(problem: Problem, optimizer: Optimizer, batch: int, dtype: DtypeName) -> int:
    """Return the bytes of GPU memory that a lane takes: parameters, state, scalars and scratch."""
    size = np.dtype(dtype).itemsize
    slots = (
        len(optimizer.own) + 2 + problem.delay + (problem.drift is not None) + (optimizer.second_gradient is not None)
    )
    rows = scalar_count(optimizer, len(problem.blocks))
    return size * (problem.dim * slots + rows + scratch(problem, batch)[1] + 8) + 8 * (len(optimizer.powers) + 8)
