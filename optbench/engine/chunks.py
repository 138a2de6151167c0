"""A rule on a list of arrays, in chunks: the part of a stepper that is the same on a CPU and on a GPU.

Each array is a parameter block. The arrays alone decide where they are cut, so that numbers are the same on any number
of threads. A sum over all parameters adds up the chunks' own sums, in their order and in float64: no array is copied.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from optbench.contract.optimizers import ONE_EXAMPLE, Optimizer, Sizes
from optbench.contract.roles import find_roles
from optbench.contract.types import DtypeName
from optbench.engine.arrays import StepInputs, write_hyperparameters

# Numbers of a chunk. Measured on a pinned core, Adam on 2e7 parameters, beside torch's fused one, at most 2^16, 2^18,
# 2^20, whole: float32 0.88, 0.87, 0.82, 0.76; float64 0.86, 0.84, 0.85, 0.80. Whole, one thread would do it all; a call
# costs 2 us, little even beside the smallest.
_SMALLEST, _LARGEST = 1 << 16, 1 << 20
_CHUNKS = 16
"""Chunks at least, within these sizes, so that several threads have something to share; an estimate."""
# A chunk has a multiple of _LINE and _OFFSET more (17 or 34 cache lines): the next one begins at a cache line where the
# array does, and its slots lie at different places of a page. Measured as above, with and without: float32 0.87, 0.89;
# float64 0.76, 0.86
_LINE, _OFFSET = 1 << 10, 272


class Chunk:
    """A part of an array, for all its runs, with the rule's state for it.

    Attributes:
        update: the rule's kernels and arrays, an Update of the CPU or of a GPU.
        w: (runs, last - first): the parameters.
        g: the gradient of the current step, or None.
        clock: the number of the current step, from 1.
    """

    def __init__(self, update: Any, w: Any, first: int, last: int):
        """Make the chunk of the columns from ``first`` to ``last``, before its first step."""
        self.update, self.w, self.first, self.last = update, w, first, last
        self.g: Any = None
        self.clock = 0

    def part(self, row: Any) -> Any:
        """Return the chunk's columns of a row (runs, numbers) of its array."""
        return row if self.last - self.first == row.shape[1] else row[:, self.first : self.last]


class ChunkedRule:
    """A rule with its state for a list of arrays.

    Args:
        record: the rule.
        rows: the arrays, each (runs, numbers).
        shapes: the parameter blocks of each.
        dtype: of all of them.
        values: the hyperparameters.
        can_split: True if arrays may be divided into chunks.
        seed: of the random numbers of the rule.
        sizes: of its mini-batches.

    Attributes:
        arrays: the chunks of each array; chunks: all of them.
        clocks: the number of steps that each array has made.
        has_global_sums: True if the rule needs sums over several chunks.
        shares_state: True if all arrays have one clock and one set of shared slots: as these depend on such sums, or as
            all take their second gradients in the same steps, and not in every one.
    """

    def __init__(
        self,
        record: Optimizer,
        rows: Sequence[Any],
        shapes: Sequence[tuple[tuple[int, ...], ...]],
        dtype: DtypeName,
        values: Mapping[str, float],
        can_split: bool,
        seed: int = 0,
        sizes: Sizes = ONE_EXAMPLE,
    ):
        """Divide the arrays into chunks, each with a new state."""
        self.record, self.rows, self.dtype, self.seed, self.sizes = record, rows, dtype, seed, sizes
        self.clocks = [0] * len(rows)
        most = int(np.clip(sum(w.shape[1] for w in rows) // _CHUNKS, _SMALLEST, _LARGEST)) // _LINE * _LINE + _OFFSET
        can_split = can_split and not record.by_block
        self.arrays: list[list[Chunk]] = []
        roles = iter(find_roles([shape for blocks in shapes for shape in blocks]))
        place = 0
        for w, blocks in zip(rows, shapes, strict=True):
            runs, size = w.shape
            chunks, own = [], [next(roles) for _ in blocks]
            for first in range(0, size, most if can_split else max(size, 1)):
                last = min(first + most, size) if can_split else size
                is_whole = last - first == size
                parts = blocks if is_whole else ((last - first,),)
                update = self.new_update(parts, [values] * runs, own if is_whole else (), place + first)
                chunks.append(Chunk(update, w if is_whole else w[:, first:last], first, last))
            self.arrays.append(chunks)
            place += size
        self.chunks = [chunk for chunks in self.arrays for chunk in chunks]
        self._written: tuple = ()  # the inputs in the rows of ``scalars``
        self.has_global_sums = bool(record.total) and len(self.chunks) > 1
        self.shares_state = record.look_every > 1 or (self.has_global_sums and bool(record.run_slots))

    def step(self, gradients: Sequence[Any], inputs: StepInputs) -> None:
        """Make one step along gradients, each like its array; None: the array stays, and so does its clock.

        inputs: those of the step, but t is the clock of each array.
        """
        if inputs[1:] != self._written:
            self.write_inputs(inputs)
            self._written = inputs[1:]
        present: list[Chunk] = []
        absent: list[Chunk] = []
        if self.shares_state and any(g is not None for g in gradients):
            self.clocks = [max(self.clocks) + 1] * len(self.clocks)
        for i, (g, chunks) in enumerate(zip(gradients, self.arrays, strict=True)):
            if g is None:
                absent += chunks
                continue
            if not self.shares_state:
                self.clocks[i] += 1
            for chunk in chunks:
                chunk.g = chunk.part(g)
                chunk.clock = self.clocks[i]
            present += chunks
        if not present:
            return
        self.step_chunks(present)
        for other in absent if self.shares_state else ():
            if present[0].clock == 1:  # slots that begin with w do so at the first step
                self.make_first_step(present[0], other)
            self.copy_shared(present[0], other)
        for chunk in present:
            chunk.g = None

    def write(self, rows: Sequence[Any], target: Callable[[Chunk], Any]) -> None:
        """Copy rows, each like its array or None, to what ``target`` returns of each chunk."""
        for row, chunks in zip(rows, self.arrays, strict=True):
            for chunk in chunks if row is not None else ():
                self.copy(chunk.part(row), target(chunk))

    def copies(self, rows: Sequence[Any]) -> list[Any]:
        """Return copies of rows, each like its array; an empty one, which no kernel changes, is itself."""
        return [self.concatenate([row]) if chunks else row for row, chunks in zip(rows, self.arrays, strict=True)]

    def write_hyperparameters(self, values: Mapping[str, float]) -> None:
        """Write the hyperparameters to their rows of all ``scalars``."""
        for chunk in self.chunks:
            with chunk.update.edit("scalars") as scalars:
                write_hyperparameters(self.record, [values] * chunk.update.runs, scalars)

    def reported(self, array: int) -> Any:
        """Return what the rule reports of an array, (runs, numbers): the array itself if that is w."""
        if self.record.report is None or self.clocks[array] == 0 or not self.arrays[array]:
            return self.rows[array]
        slot = self.record.own.index(self.record.report)
        return self.concatenate([chunk.update.state[slot] for chunk in self.arrays[array]])

    # For each device to define.

    def new_update(
        self, shapes: Sequence[tuple[int, ...]], values: list[Mapping[str, float]], roles: Sequence[str], place: int
    ) -> Any:
        """Return the rule's kernels with new arrays; place: of their first parameter among all."""
        raise NotImplementedError

    def write_inputs(self, inputs: StepInputs) -> None:
        """Write what the rule sees of the next step to the rows of all ``scalars``."""
        raise NotImplementedError

    def step_chunks(self, present: Sequence[Chunk]) -> None:
        """Make one step of these chunks."""
        raise NotImplementedError

    def make_first_step(self, chunk: Chunk, other: Chunk) -> None:
        """Make the first step of ``other`` along no gradient, and put its w back; ``chunk`` has made that step."""
        raise NotImplementedError

    def copy_shared(self, chunk: Chunk, other: Chunk) -> None:
        """Copy powers, and the shared slots of the run, to ``other``."""
        raise NotImplementedError

    def copy(self, source: Any, target: Any) -> None:
        """Copy an array to another one of its shape."""
        raise NotImplementedError

    def concatenate(self, parts: list[Any]) -> Any:
        """Return a new array of parts of rows."""
        raise NotImplementedError
