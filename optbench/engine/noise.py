"""The gradient noise of problems without data, drawn once for all cohorts that see the same.

A problem without data is a finite sum of nominal examples f_i(w) = weight_i f(w) + b_i'w, whose weights have the mean 1
and whose b_i the mean 0, both normal. Their means over each mini-batch are drawn, the weight behind the b_i; an epoch's
come from new examples, and the mean over it is f.
"""

import copy
import threading
from collections import OrderedDict

import numpy as np

from optbench.compiler import finite_sums
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName

WEIGHTS = 0.5
"""Standard deviation of the weights of examples in a problem without data, whose mean is 1."""
_AT_ONCE = 1 << 12
"""Normal numbers drawn at a time: they stay in the L1 cache."""
_HEAD = 1 << 23
"""Bytes of a run's noise, from its first step on, that are kept for other runs."""
_KEPT = 1 << 25
"""Bytes of all that is kept."""


class _Source:
    """Draws the noise of one step after the other."""

    def __init__(self, spread: np.ndarray, examples: int, size: int, key: tuple[int, ...], dtype: DtypeName):
        numbers = len(spread)
        self.done, self.dtype, self._examples, self._size = 0, dtype, examples, size
        self._random = np.random.default_rng(np.random.SeedSequence(key))
        self._left, self._spread = np.zeros(numbers), spread
        self._normal = np.empty((max(1, _AT_ONCE // numbers), numbers))
        self._centre = np.zeros(numbers)
        self._centre[-1] = 1.0

    def draw(self, out: np.ndarray) -> None:
        """Write the noise of the next ``len(out)`` steps, (steps, dim + 1)."""
        per_epoch, means = -(-self._examples // self._size), finite_sums.means(self.dtype)
        for at in range(0, len(out), len(self._normal)):
            part, done = out[at : at + len(self._normal)], self.done
            self.done += len(part)
            lasts = self.done // per_epoch - done // per_epoch
            z = self._random.standard_normal(out=self._normal[: len(part) - lasts])
            means(z, self._centre, self._spread, self._left, self._examples, self._size, done, part)


class _Head:
    """The noise of the first steps, as far as it was asked for, and what draws the rest."""

    def __init__(self, source: _Source, numbers: int):
        self._source, self._lock = source, threading.Lock()
        self._rows = np.empty((0, numbers), source.dtype)
        self.most = _HEAD // (numbers * self._rows.itemsize)
        """Steps that are kept."""

    @property
    def nbytes(self) -> int:
        return self._rows.nbytes

    def rows(self, first: int, last: int) -> np.ndarray:
        """The noise of the steps after ``first`` up to ``last``, which is no more than ``most``; not to be written."""
        with self._lock:
            if last > len(self._rows):
                room = min(max(last, 2 * len(self._rows)), self.most)
                rows = np.empty((room, self._rows.shape[1]), self._rows.dtype)
                rows[: self._source.done] = self._rows[: self._source.done]
                self._rows = rows
            if last > self._source.done:
                self._source.draw(self._rows[self._source.done : last])
            return self._rows[first:last]

    def rest(self) -> _Source:
        """What draws the noise behind the steps that are kept."""
        self.rows(0, self.most)
        return copy.deepcopy(self._source)


_heads: OrderedDict[tuple, _Head] = OrderedDict()
_lock = threading.Lock()


def _head(spread: np.ndarray, examples: int, size: int, key: tuple[int, ...], dtype: DtypeName) -> _Head:
    """That of these numbers, which may have been drawn for another run. What was not asked for longest is forgotten."""
    name = (spread.tobytes(), examples, size, key, dtype)
    with _lock:
        if name not in _heads:
            _heads[name] = _Head(_Source(spread, examples, size, key, dtype), len(spread))
        _heads.move_to_end(name)
        while len(_heads) > 1 and sum(head.nbytes for head in _heads.values()) > _KEPT:
            _heads.popitem(last=False)
        return _heads[name]


class Noise:
    """The noise of a run whose mini-batches have ``size`` examples. ``key``: of its random numbers."""

    def __init__(self, problem: Problem, size: int, key: tuple[int, ...], dtype: DtypeName):
        self._head, self._done = _head(_spread(problem), problem.examples, size, key, dtype), 0
        self._rest: _Source | None = None

    def draw(self, count: int) -> np.ndarray:
        """That of the next ``count`` steps, (count, dim + 1); not to be written."""
        first, self._done = self._done, self._done + count
        kept = self._head.rows(min(first, self._head.most), min(self._done, self._head.most))
        if len(kept) == count:
            return kept
        self._rest = self._rest or self._head.rest()
        noise = np.empty((count, kept.shape[1]), kept.dtype)
        noise[: len(kept)] = kept
        self._rest.draw(noise[len(kept) :])
        return noise


def _spread(problem: Problem) -> np.ndarray:
    """Standard deviation of what one example adds to the gradient, (dim,), and of its weight behind that."""
    curvature = np.ones(problem.dim) if problem.curvature is None else np.asarray(problem.curvature, float)
    return np.append(problem.noise * np.sqrt(curvature / curvature.mean()), WEIGHTS)
