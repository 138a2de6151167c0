"""A problem's arrays as kernels want them: of one precision, C-contiguous, writable."""

import math
from dataclasses import dataclass

import numpy as np

from optbench.contract.problems import Problem
from optbench.contract.record_checks import scratch
from optbench.contract.types import DtypeName

# Bytes of a cache line: arrays that begin off it make small kernels up to 1.3 times as slow (measured when it was
# written)
_LINE = 64
_COPIED = 1 << 24  # bytes of examples that are put where a line begins
APART = 1 << 10
"""Bytes between two arrays of which a kernel writes one. Where they are closer than what its loop takes at a time, LLVM
has the loop made without vectors, which may add up in another order."""


def aligned(shape: int | tuple[int, ...], dtype: DtypeName) -> np.ndarray:
    """Zeros that begin at a cache line: off it, as numpy's own may be, small kernels take up to 1.3 times as long.

    Nothing else lies within APART of them, so that the same numbers give the same bits wherever memory is.
    """
    size = np.dtype(dtype).itemsize * (math.prod(shape) if isinstance(shape, tuple) else int(shape))
    room = np.zeros(size + _LINE + 2 * APART, np.uint8)
    first = APART + -room.__array_interface__["data"][0] % _LINE  # a fifth of the time of .ctypes
    return room[first : first + size].view(dtype).reshape(shape)


@dataclass(frozen=True, eq=False)
class ProblemArrays:
    """What a problem's kernels read besides the weights, and never write."""

    x: np.ndarray
    """(n, features): the training examples; (0, 0) where there are no data, as below."""
    y: np.ndarray
    """(n,)"""
    x_test: np.ndarray
    y_test: np.ndarray
    constants: np.ndarray
    layout: np.ndarray

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        return self.x, self.y

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        return self.x_test, self.y_test


def arrays_of(problem: Problem, dtype: DtypeName) -> ProblemArrays:
    """The arrays of a problem in that precision: made once, and kept with the problem."""
    key = "arrays", dtype
    if key not in problem.kept:
        problem.kept[key] = ProblemArrays(
            *pair_of(problem.data, dtype),
            *pair_of(problem.test, dtype),
            np.require(problem.constants, dtype, ["C", "W"]).reshape(-1),
            np.require(problem.layout, np.int64, ["C", "W"]).reshape(-1),
        )
    return problem.kept[key]


def pair_of(pair: tuple | None, dtype: DtypeName) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of training or test data, (n, features) and (n,); empty for None. Many are not copied where they are so
    already; few are put where a line begins: to gather 64 rows of 20 numbers takes 170 ns then, and else 210."""
    if pair is None:
        return np.zeros((0, 0), dtype), np.zeros(0, dtype)
    x, y = (np.require(part, dtype, ["C", "W"]) for part in pair)  # kernels are compiled for writable arrays only
    if x.nbytes <= _COPIED and x.__array_interface__["data"][0] % _LINE:
        there = aligned(x.shape, dtype)
        there[:] = x
        x = there
    return x, y.reshape(-1)


def scratch_size(problem: Problem, rows: int, runs: int) -> int:
    """Numbers of scratch for a call on so many rows and runs; in single form the runs of a call share it."""
    if problem.work is None:
        return 0
    runs = 1 if problem.form == "single" else runs
    key = "scratch", rows, runs
    if key not in problem.kept:
        owner = f"problem {problem.name or '(unnamed)'}"
        problem.kept[key] = scratch(owner, problem.work, max(rows, 1), runs)
    return problem.kept[key]
