"""A rule's arrays for a list of arrays, piece by piece; how kernels run on them is for each device to say.

Each array is a parameter block. Where arrays are cut depends on them alone: numbers are the same on any number of
threads. A sum over all parameters is one of the pieces' own sums, in their order and in float64: no array is copied for
it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName

# _LARGEST, Numbers of a piece of an array: measured on a pinned core, Adam on 2e7 parameters, beside torch's fused
# one, at 2^16, 2^18, 2^20, whole: float32 0.88, 0.87, 0.82, 0.76; float64 0.86, 0.84, 0.85, 0.80. Whole, one thread
# would do it all.
_SMALLEST, _LARGEST = 1 << 16, 1 << 20
"""Numbers of a piece. A call costs 2 us, which is little even beside the smallest."""
_SHARES = 16
"""Pieces that all parameters together make at least, within these sizes: what several threads have to share."""
# _BESIDE, Numbers: 17 or 34 cache lines. Two slots of a piece of 2^20 would begin at the same place of a page:
# measured as above, with and without: float32 0.87, 0.89; float64 0.76, 0.86
_LINE, _BESIDE = 1 << 10, 272
"""A piece has a multiple of the one and the other besides: the next one begins at a cache line where the array does,
and its slots lie at different places of a page, or the core would take one for another."""


class Piece:
    """A part of an array, of all its runs, with what the rule keeps for it."""

    def __init__(self, update: Any, w: Any, first: int, last: int):
        self.update, self.w, self.first, self.last = update, w, first, last
        self.g: Any = None
        """This step's gradient."""
        self.clock = 0
        """The step that it makes, from 1."""


class Pieces:
    """The arrays that a rule keeps for a list of arrays.

    Args:
        record: the rule.
        rows: the arrays, each (runs, numbers).
        shapes: of each its parameter blocks.
        dtype: of all of them.
        values: the hyperparameters.
        split: whether arrays may be taken in pieces.
    """

    def __init__(
        self,
        record: Optimizer,
        rows: Sequence[Any],
        shapes: Sequence[tuple[tuple[int, ...], ...]],
        dtype: DtypeName,
        values: Mapping[str, float],
        split: bool,
    ):
        self.record, self.rows, self.dtype = record, rows, dtype
        self.clocks = [0] * len(rows)
        """Of each array, how many steps it has made."""
        most = int(np.clip(sum(w.shape[1] for w in rows) // _SHARES, _SMALLEST, _LARGEST)) // _LINE * _LINE + _BESIDE
        split = split and not record.by_block
        self.arrays: list[list[Piece]] = []
        for w, blocks in zip(rows, shapes, strict=True):
            runs, size = w.shape
            pieces = []
            for first in range(0, size, most if split else max(size, 1)):
                last = min(first + most, size) if split else size
                whole = last - first == size
                update = self.update(blocks if whole else ((last - first,),), [values] * runs)
                pieces.append(Piece(update, w if whole else w[:, first:last], first, last))
            self.arrays.append(pieces)
        self.pieces = [piece for pieces in self.arrays for piece in pieces]
        self.joint = bool(record.total) and len(self.pieces) > 1
        """Whether there are sums to be put together."""
        self.together = self.joint and bool(record.shared) and not record.by_block
        """Whether all arrays have one clock and one set of shared slots, as these depend on sums over all arrays."""

    def step(self, gradients: Sequence[Any]) -> None:
        """One step along gradients, each like its array; None: the array stays, and so does its clock."""
        present: list[Piece] = []
        absent: list[Piece] = []
        if self.together and any(g is not None for g in gradients):
            self.clocks = [self.clocks[0] + 1] * len(self.clocks)
        for i, (g, pieces) in enumerate(zip(gradients, self.arrays, strict=True)):
            if g is None:
                absent += pieces
                continue
            if not self.together:
                self.clocks[i] += 1
            for piece in pieces:
                piece.g = g if piece.last - piece.first == g.shape[1] else g[:, piece.first : piece.last]
                piece.clock = self.clocks[i]
            present += pieces
        if not present:
            return
        self.take(present)
        if self.together:
            for other in absent:
                self._follow(present[0], other)
        for piece in present:
            piece.g = None

    def _follow(self, piece: Piece, other: Piece) -> None:
        """Hand the clock and the shared slots to one that stays.

        Slots that begin with w do so at the first step: there the rule runs without a gradient, and w is put back.
        """
        if piece.clock == 1:
            self.first_step_at_rest(piece, other)
        self.hand_on(piece, other)

    def reported(self, array: int) -> Any:
        """What the rule reports of that array, (runs, numbers); the array itself where that is w."""
        if self.record.report is None or self.clocks[array] == 0 or not self.arrays[array]:
            return self.rows[array]
        return self.joined(
            [piece.update.state[self.record.own.index(self.record.report)] for piece in self.arrays[array]]
        )

    # What a device does.

    def update(self, shapes: Sequence[tuple[int, ...]], values: list[Mapping[str, float]]) -> Any:
        """The kernels of the rule with new arrays."""
        raise NotImplementedError

    def rate(self, rate: float) -> None:
        """The rate from now on."""
        raise NotImplementedError

    def take(self, present: Sequence[Piece]) -> None:
        """One step of these."""
        raise NotImplementedError

    def first_step_at_rest(self, piece: Piece, other: Piece) -> None:
        """The first step of ``other``, along no gradient and with w put back; ``piece`` has made it."""
        raise NotImplementedError

    def hand_on(self, piece: Piece, other: Piece) -> None:
        """Powers and scalars of one for the other."""
        raise NotImplementedError

    def joined(self, parts: list[Any]) -> Any:
        """A new array of parts of rows."""
        raise NotImplementedError
