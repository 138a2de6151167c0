"""Some lanes on a GPU, of one cohort or of many: their arrays on the card, and launches for many steps of them all."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from optbench.compiler.contracts import AssessArguments, StepsArguments
from optbench.compiler.cuda import BLOCK, blocks, cuda, put
from optbench.compiler.cuda_steps import ROWS
from optbench.compiler.update_text import scalar_count
from optbench.contract.optimizers import Optimizer
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine import batches
from optbench.engine.arrays import arrays_of, block_table, first_scalars, scratch_size
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.outcome import Look
from optbench.engine.rates import Rates

_BATCH_BYTES = 1 << 26  # of the mini-batches gathered for one launch: little beside a card's memory; an estimate


class GpuLanes:
    """Some lanes of cohorts that differ by seed, start and lanes. Arrays as in StepsArguments."""

    def __init__(self, members: Sequence[tuple[Cohort, Sequence[Lane]]], code: Any):
        first = members[0][0]
        problem, optimizer, batch_size, dtype = first.problem, first.rule, first.batch_size, first.dtype
        self.problem, self.optimizer, self.code, self.dtype = problem, optimizer, code, dtype
        self.done, self.batch_size, self.ahead, self.given = 0, batch_size, 1, 0
        self.stream = cuda.stream()
        lanes = [lane for _, part in members for lane in part]
        self.runs, dim = len(lanes), problem.dim
        self.member = np.repeat(np.arange(len(members), dtype=np.int32), [len(part) for _, part in members])
        self.batches = [batches.Batches(problem, batch_size, cohort.seed, dtype, cohort.steps) for cohort, _ in members]
        self.starts = np.array([cohort.start_point() for cohort, _ in members]).astype(dtype)
        self.alive, self.diverged_at = np.ones(self.runs, bool), np.zeros(self.runs, np.int64)
        self.limit, self.unmoved = np.full(self.runs, np.inf, dtype), np.zeros(self.runs, bool)

        table, _, _ = block_table(optimizer, problem.blocks)
        scalars = first_scalars(optimizer, len(table), dtype, [lane.hyperparameters for lane in lanes])
        self.w = self._put(np.ascontiguousarray(self.starts[self.member].T))
        self.g, self.state = self._zeros(dim, self.runs), self._zeros(len(optimizer.own), dim, self.runs)
        self.f, self.norm = self._zeros(self.runs), self._zeros(self.runs)
        self.update = self._put(scalars), self._put(np.ones((len(optimizer.powers), self.runs)))
        self.table, self.members = self._put(table), self._put(self.member)
        arrays = arrays_of(problem, dtype)
        self.train = tuple(map(self._put, arrays.train))
        self.test = None if problem.test is None else tuple(map(self._put, arrays.test))
        self.constants, self.layout = self._put(arrays.constants), self._put(arrays.layout)
        self.work = self._zeros(code.scratch, self.runs)
        self.width = len(members) * max(batch_size if code.shape.batches else 1, dim + 1 if code.shape.noisy else 1)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why each lane could not go on: a kernel fails for no lane."""
        return ("",) * self.runs

    def _put(self, array: np.ndarray):
        return put(array, self.stream)

    def _zeros(self, *shape):
        return self._put(np.zeros(shape, self.dtype))

    def _get(self, array) -> np.ndarray:
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
            drawn = [member.draw(count) for member in self.batches]
            sizes = drawn[0][1]
            (x_batch, y_batch), noise = self._gathered([order for order, _, _ in drawn]), self._zeros(0, 0, 0)
            if self.code.shape.noisy:
                noise = self._put(np.array([noise for _, _, noise in drawn]))
            arguments = StepsArguments(
                w=self.w, g=self.g, f=self.f, norm=self.norm, state=self.state, scalars=scalars, powers=powers,
                work=self.work, blocks=self.table, factors=self._put(np.ascontiguousarray(factors[:, at : at + count])),
                base=base, schedule_of=schedule_of, member=self.members, limit=limit, alive=alive,
                diverged_at=diverged_at, x=x, y=y, x_batch=x_batch, y_batch=y_batch, sizes=self._put(sizes),
                noise=noise, constants=self.constants, layout=self.layout, done=done + at,
            )  # fmt: skip
            self.code.steps[blocks(self.runs), BLOCK, self.stream](*arguments)
            at += count
        self.alive[:], self.diverged_at[:] = self._get(alive), self._get(diverged_at)
        self.stream.synchronize()
        if done == 0:
            self.unmoved = self.diverged_at == 1
        self.done = done + size

    def _gathered(self, orders: list[np.ndarray]):
        """The mini-batches of the next steps of every member, (members, steps, B, features) and (members, steps, B)."""
        if not self.code.shape.batches:
            return self._zeros(0, 0, 0, 0), self._zeros(0, 0, 0)
        order = np.array(orders)
        x_batch = cuda.device_array((*order.shape, self.train[0].shape[1]), self.dtype, stream=self.stream)
        y_batch = cuda.device_array(order.shape, self.dtype, stream=self.stream)
        numbers = blocks(order.size * self.train[0].shape[1])
        self.code.gather[numbers, BLOCK, self.stream](*self.train, self._put(order), x_batch, y_batch)
        return x_batch, y_batch

    def park(self, fell: np.ndarray | None = None) -> None:
        """Nothing to do: a dead lane's thread touches nothing."""

    def _reported(self):
        """What is evaluated, on the card."""
        record = self.optimizer
        return self.w if record.report is None or self.done == 0 else self.state[record.own.index(record.report)]

    def look(self, seen: bool) -> Look:
        """What the lanes have now, on the host; ``seen``: whether a step has told loss and gradient."""
        nothing = np.full(self.runs, np.nan)
        f, norm = (self._get(self.f), self._get(self.norm)) if seen else (nothing, nothing)
        train, finite = self._mean(*self.train)
        test = np.full_like(train, np.nan) if self.test is None else self._mean(*self.test)[0]
        positions = self._get(self._reported()) if self.problem.dim == 2 else np.empty((0, self.runs))
        return Look(*(part[None] for part in (f, norm, train, test, positions, finite)))

    def _mean(self, x, y):
        """Loss and metrics on all examples, (1 + metrics, runs), and which lanes are finite."""
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
        """(runs, dim): the last weights, or what the rule reports instead."""
        w = self._get(self._reported()).T.copy()
        w[self.unmoved] = self.starts[self.member[self.unmoved]]  # before a first update, nothing was reported
        return w


def scratch(problem: Problem, batch: int) -> tuple[int, int]:
    """Numbers of ``work`` that a lane's gradient takes on a batch (0: all data), and all that it takes."""
    if problem.work is None:
        return 0, 0
    rows = batch or (len(problem.data[0]) if problem.data else 1)
    gradient = scratch_size(problem, rows, 1)
    return gradient, max(gradient, scratch_size(problem, ROWS, 1))


def bytes_per_lane(problem: Problem, optimizer: Optimizer, batch: int, dtype: DtypeName) -> int:
    """What a lane takes on the card."""
    size = np.dtype(dtype).itemsize
    slots = len(optimizer.own) + 2
    rows = scalar_count(optimizer, len(problem.blocks))
    return size * (problem.dim * slots + rows + scratch(problem, batch)[1] + 8) + 8 * (len(optimizer.powers) + 8)
