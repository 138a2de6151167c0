"""What is drawn for the steps of a run, once for all runs that see the same: of one seed, on examples as many."""

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

# Bytes of what is drawn for a run that other runs share: 50,000 steps of noise of 20 parameters, 32,000 mini-batches
# of 64; a longer run draws the rest for itself.
_HEAD = 1 << 23
"""Bytes of what a run draws, from its first step on, that are kept for other runs."""
_KEPT = 1 << 25
"""Bytes of all that is kept."""


class Source(Protocol):
    """Draws what one step after the other needs, a row each."""

    done: int
    """Steps that are drawn."""
    row: tuple[int, Any]
    """How many numbers a step needs, and their dtype."""
    ahead: int
    """Bytes at most of what is drawn before it is asked for."""

    def draw(self, out: np.ndarray) -> None:
        """Write what the next ``len(out)`` steps need."""


class _Head:
    """What the first steps need, as far as it was asked for, and what draws the rest."""

    def __init__(self, source: Source):
        self._source, self._lock = source, threading.Lock()
        numbers, dtype = source.row
        self._rows = np.empty((0, numbers), dtype)
        self.most = max(_HEAD - source.ahead, 0) // (numbers * self._rows.itemsize)
        """Steps that are kept."""

    @property
    def nbytes(self) -> int:
        return self._rows.nbytes + (self._source.ahead if self.most else 0)

    def rows(self, first: int, last: int) -> np.ndarray:
        """What the steps after ``first`` up to ``last`` need, which is no more than ``most``; not to be written."""
        with self._lock:
            grows = last > len(self._rows)
            if grows:
                room = min(max(last, 2 * len(self._rows)), self.most)
                rows = np.empty((room, self._rows.shape[1]), self._rows.dtype)
                rows[: self._source.done] = self._rows[: self._source.done]
                self._rows = rows
            if last > self._source.done:
                self._source.draw(self._rows[self._source.done : last])
            rows = self._rows[first:last]
        if grows:
            _forget()
        return rows

    def rest(self) -> Source:
        """What draws for the steps behind those that are kept."""
        self.rows(0, self.most)
        return copy.deepcopy(self._source)


_heads: OrderedDict[tuple, _Head] = OrderedDict()
_lock = threading.Lock()


def _head(name: tuple, source: Callable[[], Source]) -> _Head:
    """That of a name, for which another run may have drawn."""
    with _lock:
        if name not in _heads:
            _heads[name] = _Head(source())
        _heads.move_to_end(name)
        return _heads[name]


def _forget() -> None:
    """Leave room where what is kept has grown: what was not asked for longest goes first."""
    with _lock:
        most = sum(head.nbytes for head in _heads.values())
        while len(_heads) > 1 and most > _KEPT:
            most -= _heads.popitem(last=False)[1].nbytes


class Drawn:
    """What is drawn for a run. ``name``: of what ``source`` draws, which is all that it depends on."""

    def __init__(self, name: tuple, source: Callable[[], Source]):
        self._head, self._done = _head(name, source), 0
        self._rest: Source | None = None

    def draw(self, count: int) -> np.ndarray:
        """(count, numbers): what the next ``count`` steps need; not to be written."""
        first, self._done = self._done, self._done + count
        kept = self._head.rows(min(first, self._head.most), min(self._done, self._head.most))
        if len(kept) == count:
            return kept
        self._rest = self._rest or self._head.rest()
        rows = np.empty((count, kept.shape[1]), kept.dtype)
        rows[: len(kept)] = kept
        self._rest.draw(rows[len(kept) :])
        return rows
