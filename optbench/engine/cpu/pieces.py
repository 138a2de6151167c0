"""A rule's kernels on the pieces of a list of arrays, on some threads."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from optbench.compiler.partial_updates import partial_update
from optbench.compiler.update_text import scalar_rows
from optbench.contract.resources import cores
from optbench.engine.arrays import aligned
from optbench.engine.cpu.update import Update
from optbench.engine.pieces import Piece, Pieces

_LINE = 16
"""Numbers: a cache line of float32, where each piece's slots begin."""
_ALONE = 1 << 18
"""Parameters below which one thread does it all: to wake another takes as long as it would save."""


class CpuPieces(Pieces):
    """Pieces on this machine's cores; ``threads``: at most so many, None: one a core."""

    def __init__(self, *arguments: Any, threads: int | None = None):
        super().__init__(*arguments)
        self.threads = threads or cores()
        self._partial = partial_update(self.record, self.dtype) if self.joint else None
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0
        self._move()

    def _move(self) -> None:
        """Put the slots of all pieces into one memory, whose pages can be large; nobody has touched their own yet."""
        states = [piece.update.state for piece in self.pieces]
        ends = np.cumsum([-(-state.size // _LINE) * _LINE for state in states], dtype=int).tolist()
        memory = aligned(max(ends, default=0), self.dtype)
        for piece, state, end in zip(self.pieces, states, ends, strict=True):
            first = end - -(-state.size // _LINE) * _LINE
            piece.update.state = memory[first : first + state.size].reshape(state.shape)

    def update(self, *arguments: Any) -> Update:
        shapes, values = arguments
        made = Update(self.record, "rows", shapes, self.dtype, values)
        made.kernel.prepared()
        return made

    def rate(self, rate: float) -> None:
        for piece in self.pieces:
            piece.update.scalars[0] = rate

    def take(self, present: Sequence[Piece]) -> None:
        if self._partial is None:
            return self._run(present[0].update.kernel, present)
        for rows, kernel in zip(self._partial.groups, self._partial.sums, strict=True):
            self._run(kernel, present)
            for row in rows:
                total = sum(float(piece.update.scalars[row, 0]) for piece in present)
                with np.errstate(over="ignore"):  # a run that diverges may leave float32
                    for piece in present:
                        piece.update.scalars[row, 0] = total
        self._run(self._partial.apply, present)

    def first_step_at_rest(self, piece: Piece, other: Piece) -> None:
        assert self._partial is not None
        shared = len(scalar_rows(self.record))
        other.update.powers[:] = piece.update.powers
        other.update.scalars[:shared] = piece.update.scalars[:shared]
        kept, other.g, other.clock = other.w.copy(), np.zeros_like(other.w), piece.clock
        self._run(self._partial.apply, [other])
        other.w[:], other.g = kept, None

    def hand_on(self, piece: Piece, other: Piece) -> None:
        other.update.powers[:] = piece.update.powers
        other.update.scalars[:] = piece.update.scalars

    def joined(self, parts: list[Any]) -> np.ndarray:
        return np.concatenate(parts, axis=1)

    def _run(self, kernel: Callable, present: Sequence[Piece]) -> None:
        """The kernel on each piece."""
        count = min(self.threads, len(present))
        if count == 1 or sum(piece.last - piece.first for piece in present) < _ALONE:
            for piece in present:
                update = piece.update
                kernel(piece.w, piece.g, *update.arrays, piece.clock, 0, update.runs)
            return
        work, lock = iter(present), threading.Lock()
        if self._pool is None or self._process != os.getpid():  # a fork has none of the threads
            self._pool, self._process = ThreadPoolExecutor(self.threads - 1, "stepper"), os.getpid()
        others = [self._pool.submit(_drain, kernel, work, lock) for _ in range(count - 1)]
        try:
            _drain(kernel, work, lock)
        finally:
            for other in others:
                other.result()


def _drain(kernel: Callable, work: Iterator[Piece], lock: threading.Lock) -> None:
    while True:
        with lock:
            piece = next(work, None)
        if piece is None:
            return
        update = piece.update
        kernel(piece.w, piece.g, *update.arrays, piece.clock, 0, update.runs)
