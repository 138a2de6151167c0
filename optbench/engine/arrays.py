"""Arrays as kernels take them, of one precision, C-contiguous and writable: a problem's data, a rule's scalars."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from optbench.compiler.scalar_rows import SEED, scalar_count, scalar_rows
from optbench.contract.optimizers import ONE_EXAMPLE, Optimizer, Sizes
from optbench.contract.problems import Problem
from optbench.contract.roles import ROLES, find_roles
from optbench.contract.types import DtypeName
from optbench.kit.random import SEEDS

# Bytes of a cache line: arrays that begin off it make small kernels up to 1.3 times as slow (measured)
_LINE = 64
_COPIED = 1 << 24
"""Bytes of examples up to which they are copied to where a cache line begins; an estimate."""
PADDING = 1 << 10
"""Bytes kept free on both sides of an array. Where an array that a kernel writes lies closer to another than one vector
of its loop, the loop runs without vectors, and may add up in another order."""


def aligned(shape: int | tuple[int, ...], dtype: DtypeName) -> np.ndarray:
    """Return zeros that begin at a cache line, with PADDING on both sides: the same bits wherever memory is."""
    size = np.dtype(dtype).itemsize * (math.prod(shape) if isinstance(shape, tuple) else int(shape))
    memory = np.zeros(size + _LINE + 2 * PADDING, np.uint8)
    first = PADDING + -memory.__array_interface__["data"][0] % _LINE  # a fifth of the time of .ctypes
    return memory[first : first + size].view(dtype).reshape(shape)


@dataclass(frozen=True, eq=False)
class ProblemArrays:
    """A problem's data and constants, which kernels read and never write.

    Attributes:
        train, validation, test: examples (n, features) and targets (n,); (0, 0) and (0,) if there are none.
        constants, layout: as in a kernel's arguments.
    """

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    constants: np.ndarray
    layout: np.ndarray


def arrays_of(problem: Problem, dtype: DtypeName) -> ProblemArrays:
    """Return the arrays of a problem in a precision; they are cached in the record of the problem."""
    key = "arrays", dtype
    if key not in problem.kept:
        problem.kept[key] = ProblemArrays(
            convert_examples(problem.data, dtype),
            convert_examples(problem.validation, dtype),
            convert_examples(problem.test, dtype),
            np.require(problem.constants, dtype, ["C", "W"]).reshape(-1),
            np.require(problem.layout, np.int64, ["C", "W"]).reshape(-1),
        )
    return problem.kept[key]


def convert_examples(data: tuple | None, dtype: DtypeName) -> tuple[np.ndarray, np.ndarray]:
    """Return examples (n, features) and targets (n,) of training or test data; empty arrays for None.

    Large arrays of the right kind are not copied. Smaller ones are moved to where a cache line begins: to gather 64
    rows of 20 numbers takes 170 ns then, and 210 elsewhere (measured).
    """
    if data is None:
        return np.zeros((0, 0), dtype), np.zeros(0, dtype)
    x, y = (np.require(part, dtype, ["C", "W"]) for part in data)  # kernels are compiled for writable arrays only
    if x.nbytes <= _COPIED and x.__array_interface__["data"][0] % _LINE:
        moved = aligned(x.shape, dtype)
        moved[:] = x
        x = moved
    return x, y.reshape(-1)


def owner_of(problem: Problem) -> str:
    """Return the words for a problem with which messages about its functions begin."""
    return f"problem {problem.name or '(unnamed)'}"


def scratch_size(problem: Problem, rows: int, runs: int) -> int:
    """Return the numbers of scratch for a call on so many rows and runs; in single form the runs share it."""
    runs = 1 if problem.form == "single" else runs
    key = "scratch", rows, runs
    if key not in problem.kept:
        problem.kept[key] = problem.scratch(max(rows, 1), runs)
    return problem.kept[key]


class StepInputs(NamedTuple):
    """The inputs of an optimizer's step besides weights, gradients and its state, filled by every loop in Python.

    Those that a rule asks for are rows of its ``scalars``; the compiled loops of the CPU and of CUDA write these rows
    themselves, and pass t as an argument.

    Attributes:
        t: the step, from 1.
        lr: the learning rate, one number or one for each lane.
        loss: the loss on the mini-batch, likewise; NaN if the loop has none.
        labels: the labels that are drawn for the mini-batch.
    """

    t: int
    lr: Any
    loss: Any = math.nan
    labels: Any = 1

    def write_rows(self, names: Sequence[str], scalars: np.ndarray) -> None:
        """Write the inputs that a rule asks for, its ``inputs``, to the first rows of its ``scalars``."""
        for row, name in enumerate(names):
            scalars[row] = getattr(self, name)


def make_initial_scalars(
    record: Optimizer,
    blocks: int,
    dtype: DtypeName,
    hyperparameters: Sequence[Mapping[str, float]],
    constants: int = 0,
    seeds: int | Sequence[int] = 0,
    sizes: Sizes = ONE_EXAMPLE,
) -> np.ndarray:
    """Return ``scalars`` of a rule before its first step: the hyperparameters of each run.

    constants: the number of rows that the kernel keeps constants in; seeds: of the runs' random numbers; sizes: of
    their mini-batches.
    """
    scalars = aligned((scalar_count(record, blocks) + constants, len(hyperparameters)), dtype)
    write_hyperparameters(record, hyperparameters, scalars)
    if record.is_random:
        scalars[scalar_rows(record).index(SEED)] = np.asarray(seeds) % SEEDS
    for name in record.sizes:
        scalars[scalar_rows(record).index(name)] = getattr(sizes, name)
    return scalars


def write_hyperparameters(
    record: Optimizer, hyperparameters: Sequence[Mapping[str, float]], scalars: np.ndarray
) -> None:
    """Write the hyperparameters of each run to their rows of ``scalars``, behind those of its inputs."""
    for row, name in enumerate(record.hyperparameters, start=len(record.inputs)):
        scalars[row] = [values[name] for values in hyperparameters]


def make_block_table(
    record: Optimizer,
    shapes: Sequence[tuple[int, ...]],
    values: Mapping[str, float],
    roles: Sequence[str] = (),
    place: int = 0,
) -> tuple[np.ndarray, int, int]:
    """Return ``blocks`` of a rule's kernel, the number of parameters, and the numbers of memory that all blocks need.

    values: the hyperparameters, on which memory may depend. place: of the first parameter among those of the run.
    ``blocks``, (blocks, 8): first parameter, the one behind the last, rows, columns, both ends of its memory, its role,
    by default that of its place, and the place of its first parameter.
    """
    table, at, memory = [], 0, 0
    for shape, role in zip(shapes, roles or find_roles(shapes), strict=True):
        rows, columns = shape[0], int(np.prod(shape[1:], dtype=int))
        size = sum(stage.numbers(rows, columns, values) for stage in record.matrix.values())
        table.append((at, at + rows * columns, rows, columns, memory, memory + size, ROLES.index(role), place + at))
        at, memory = at + rows * columns, memory + size
    return np.array(table, np.int64), at, memory
