"""A rule's kernel on the CPU with its arrays: for the lanes of a cohort, and for the chunks of a stepper's list."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from optbench.compiler.scalars import rows_of_run, scalar_rows
from optbench.compiler.update_kernels import partial_update, update_kernel
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import ONE_EXAMPLE, Optimizer, Sizes
from optbench.contract.resources import cores
from optbench.contract.types import DtypeName, Order
from optbench.engine.arrays import StepInputs, aligned, make_block_table, make_initial_scalars
from optbench.engine.chunks import Chunk, ChunkedRule

_ONE_THREAD = 1 << 18
"""Parameters below which one thread makes the step: to wake another takes as long as it would save; an estimate."""


class Update:
    """A rule's kernel with its arrays for some lanes, each with a dictionary of hyperparameters.

    The kernel's entry from Python, which the compiled loop does not use, is compiled at its first call, or by
    ``kernel.prepare()``.
    """

    def __init__(
        self,
        record: Optimizer,
        order: Order,
        shapes: Sequence[tuple[int, ...]],
        dtype: DtypeName,
        hyperparameters: Sequence[Mapping[str, float]],
        roles: Sequence[str] = (),
        seed: int = 0,
        place: int = 0,
        sizes: Sizes = ONE_EXAMPLE,
    ):
        """Allocate the state of a lane for each entry of ``hyperparameters``, and choose the kernel.

        roles: of the blocks; by default those of their places. seed: of the random numbers, which all lanes share.
        place: of the first parameter among those of the run. sizes: of its mini-batches.
        """
        runs = len(hyperparameters)
        self.blocks, dim, memory = make_block_table(record, shapes, hyperparameters[0], roles, place)
        if record.matrix and runs > 1:
            raise PluginError(f"optimizer {record.name}: a rule on matrices steps one run at a time")
        self.record, self.order, self.runs = record, order, runs
        self.kernel = update_kernel(record, order, dtype)
        depth = len(record.own) + (1 + -(-memory // dim) if record.matrix else 0)
        self.state = aligned((depth, *((runs, dim) if order == "rows" else (dim, runs))), dtype)
        count, constants = len(self.blocks), self.kernel.constants
        self.scalars = make_initial_scalars(record, count, dtype, hyperparameters, constants, seed, sizes)
        self.powers = np.ones((len(record.powers), runs))
        look = record.look_rule
        self.look: Update | None = None
        if look is not None:
            self.look = Update(look, order, shapes, dtype, hyperparameters, roles, seed, place, sizes)

    @contextmanager
    def edit(self, name: str) -> Iterator[np.ndarray]:
        """Give one of the arrays, such as "scalars", to be changed."""
        yield getattr(self, name)

    @property
    def memory(self) -> np.ndarray:
        """The numbers that a rule on matrices keeps for its blocks, behind the slots."""
        return self.state[len(self.record.own) + 1 :].reshape(-1)[: int(self.blocks[-1, 5])]

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The arguments of the kernel between g and t: state, scalars, powers and blocks."""
        return self.state, self.scalars, self.powers, self.blocks

    @property
    def ahead(self) -> np.ndarray:
        """The second gradient of a step, in the rule's order, of a rule that takes one."""
        return self.state[self.record.own.index(self.record.ahead)]

    def find_ahead(self, w: np.ndarray, g: np.ndarray, inputs: StepInputs, gradient: Callable) -> None:
        """Take the second gradient of a step, if it has one: ``gradient(point)``, all in the rule's order."""
        if self.look is not None and (inputs.t - 1) % self.record.look_every == 0:
            point = w.copy()
            self.look.step(point, g, inputs)
            self.ahead[:] = gradient(point)

    def step(self, w: np.ndarray, g: np.ndarray, inputs: StepInputs, first: int = 0, last: int | None = None) -> None:
        """Make a step of the lanes from ``first`` to ``last``."""
        inputs.write_rows(self.record.inputs, self.scalars)
        self(w, g, inputs.t, first, last)

    def __call__(self, w: np.ndarray, g: np.ndarray, t: int, first: int = 0, last: int | None = None) -> None:
        """Make step ``t`` (from 1) of the lanes from ``first`` to ``last``; the rows of ``scalars`` are written."""
        self.kernel(w, g, *self.arrays, t, first, self.runs if last is None else last)

    def clear(self, lanes: np.ndarray) -> None:
        """Set the state of some lanes, (runs,) bool, to zero if lanes run in vectors."""
        if self.order == "lanes":
            self.state[:, :, lanes] = 0.0

    def reported(self, w: np.ndarray, t: int) -> np.ndarray:
        """Return the reported iterate after step ``t``, in the shape of ``w``."""
        if self.record.report is None or t == 0:
            return w
        return self.state[self.record.own.index(self.record.report)].reshape(w.shape)


class CpuChunks(ChunkedRule):
    """An update rule on chunks of arrays; threads: the most to use, None: one for each core. See ChunkedRule."""

    def __init__(self, record: Optimizer, rows: Any, shapes: Any, dtype: DtypeName, values: Any, can_split: bool,
                 threads: int | None = None, seed: int = 0, sizes: Sizes = ONE_EXAMPLE):  # fmt: skip
        """Divide the arrays into chunks; threads start at the first step that is shared."""
        super().__init__(record, rows, shapes, dtype, values, can_split, seed, sizes)
        self.threads = threads or cores()
        self._partial = partial_update(self.record, self.dtype) if self.has_global_sums else None
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def new_update(
        self, shapes: Sequence[tuple[int, ...]], values: list[Mapping[str, float]], roles: Sequence[str], place: int
    ) -> Update:
        """Return the rule's kernel with new arrays, compiled for calls from Python."""
        update = Update(self.record, "rows", shapes, self.dtype, values, roles, self.seed, place, self.sizes)
        update.kernel.prepare()
        return update

    def write_inputs(self, inputs: StepInputs) -> None:
        """Write what the rule sees of the next step to the rows of all ``scalars``."""
        for chunk in self.chunks:
            inputs.write_rows(self.record.inputs, chunk.update.scalars)

    def step_chunks(self, present: Sequence[Chunk]) -> None:
        """Make one step of these chunks; sums over all parameters come first, group by group."""
        if self._partial is None:
            return self._run(present[0].update.kernel, present)
        for rows, kernel in zip(self._partial.groups, self._partial.sums, strict=True):
            self._run(kernel, present)
            for row in rows:
                total = sum(float(chunk.update.scalars[row, 0]) for chunk in present)
                with np.errstate(over="ignore"):  # a run that diverges may exceed float32
                    for chunk in present:
                        chunk.update.scalars[row, 0] = total
        self._run(self._partial.apply, present)

    def make_first_step(self, chunk: Chunk, other: Chunk) -> None:
        """Make the first step of ``other`` along no gradient, and put its w back; ``chunk`` has made that step."""
        before, other.g, other.clock = other.w.copy(), np.zeros_like(other.w), chunk.clock
        if self._partial is None:
            self._run(other.update.kernel, [other])
        else:
            shared = len(scalar_rows(self.record))
            for kernel in self._partial.sums:
                self._run(kernel, [other])
                other.update.scalars[:shared] = chunk.update.scalars[:shared]
            other.update.powers[:] = chunk.update.powers
            self._run(self._partial.apply, [other])
        other.w[:], other.g = before, None

    def copy_shared(self, chunk: Chunk, other: Chunk) -> None:
        """Copy powers, and the shared slots of the run, to ``other``."""
        other.update.powers[:] = chunk.update.powers
        rows = rows_of_run(self.record)
        other.update.scalars[rows] = chunk.update.scalars[rows]

    def copy(self, source: np.ndarray, target: np.ndarray) -> None:
        target[...] = source

    def concatenate(self, parts: list[Any]) -> np.ndarray:
        return np.concatenate(parts, axis=1)

    def _run(self, kernel: Callable, chunks: Sequence[Chunk]) -> None:
        """Call the kernel on each chunk, on several threads if that pays."""

        def step(chunk: Chunk) -> None:
            """Call the kernel on a chunk."""
            kernel(chunk.w, chunk.g, *chunk.update.arrays, chunk.clock, 0, chunk.update.runs)

        if min(self.threads, len(chunks)) == 1 or sum(chunk.last - chunk.first for chunk in chunks) < _ONE_THREAD:
            for chunk in chunks:
                step(chunk)
            return
        if self._pool is None or self._process != os.getpid():  # a forked process has none of the threads
            self._pool, self._process = ThreadPoolExecutor(self.threads, "stepper"), os.getpid()
        list(self._pool.map(step, chunks))
