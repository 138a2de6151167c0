"""A rule's kernels on a list of arrays on a card."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from optbench.compiler.cuda import cuda, put
from optbench.compiler.cuda_updates import across
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName
from optbench.engine.cuda.update import Update
from optbench.engine.pieces import Piece, Pieces


class CudaPieces(Pieces):
    """Pieces on a card: whole arrays, each with kernels of its own, in one stream.

    Raises PluginError for a rule that cannot run there.
    """

    def __init__(self, record: Optimizer, rows: Sequence[Any], shapes: Any, dtype: DtypeName, values: Any):
        super().__init__(record, rows, shapes, dtype, values, False)
        if self.joint:  # the sums of all arrays side by side, so that a kernel can add them up
            self._sums = put(np.zeros((len(self.pieces), *self.pieces[0].update.sums.shape), self.dtype))
            for k, piece in enumerate(self.pieces):
                piece.update.sums = self._sums[k]

    def update(self, *arguments: Any) -> Update:
        shapes, values = arguments
        return Update(self.record, "rows", shapes, self.dtype, values)

    def rate(self, rate: float) -> None:
        for piece in self.pieces:
            piece.update.scalars[0] = put(np.full(piece.update.runs, rate, self.dtype))

    def take(self, present: Sequence[Piece]) -> None:
        if not self.joint:
            for piece in present:
                piece.update(piece.w, piece.g, piece.clock)
            return
        here = set(map(id, present))
        members = put(np.array([id(piece) in here for piece in self.pieces]))
        for piece in present:
            piece.update.begin()
        first = 0
        for k, (group, whole) in enumerate(present[0].update.code.shares):
            for piece in present:
                piece.update.share(k, piece.w, piece.g, piece.clock)
            if whole:
                across[1, 1](self._sums, members, first, len(group))
            first += len(group)
        for piece in present:
            piece.update.apply(piece.w, piece.g, piece.clock)

    def first_step_at_rest(self, piece: Piece, other: Piece) -> None:
        self.hand_on(piece, other)
        kept = self.joined([other.w])
        other.update.apply(other.w, put(np.zeros(other.w.shape, self.dtype)), piece.clock)
        other.w.copy_to_device(kept)

    def hand_on(self, piece: Piece, other: Piece) -> None:
        other.update.scalars.copy_to_device(piece.update.scalars)
        other.update.powers.copy_to_device(piece.update.powers)

    def joined(self, parts: list[Any]) -> Any:
        (part,) = parts
        copy = cuda.device_array(tuple(part.shape), self.dtype)
        copy.copy_to_device(part)
        return copy
