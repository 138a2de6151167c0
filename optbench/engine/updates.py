"""Update rules -> kernels that step the lanes of a cohort, and the arrays that a rule keeps for them.

The kernel of a rule comes in two loop orders: "rows" for arrays (runs, dim), "lanes" for (dim, runs). ``state``
(k, *w.shape) holds the slots of one number a parameter. ``scalars`` (rows, runs) holds what is constant along the
parameters: the rate, the hyperparameters, their powers, then the sums of the block at hand, then the shared slots;
``powers`` (powers, runs) keeps the running products in float64. ``blocks`` (blocks, 6): of each parameter block its
first and last parameter, rows, columns, and the first and last number of its memory.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numba import float64, int64, types, void

from optbench.engine.codegen import REALS, finish, translator
from optbench.engine.loss import aligned
from optbench.engine.writer import Writer, scalar_rows
from optbench.errors import PluginError
from optbench.rules import Optimizer

_MADE: dict[tuple, object] = {}


def update_signature(dtype: str):
    """(w, g, state, scalars, powers, blocks, t, first, last)"""
    two, three = (types.Array(REALS[dtype], n, "C") for n in (2, 3))
    return void(two, two, three, two, types.Array(float64, 2, "C"), types.Array(int64, 2, "C"), int64, int64, int64)


def update_kernel(record: Optimizer, order: str, dtype: str):
    """The rule as a loop over a cohort. Raises PluginError where it does not compile."""
    if record.matrix and order != "rows":
        raise PluginError(f"optimizer {record.name}: a rule on matrices steps one run at a time")
    parts = (record.rule, record.slots, record.scalars, record.shared, tuple(record.hyperparameters))
    stages = (tuple(record.total.items()), tuple(record.block.items()), tuple(record.matrix.items()))
    key = (*parts, *stages, order, dtype)  # a variant has the same kernel
    if key not in _MADE:
        function = Writer(record, order, translator(dtype, whole_literals=True)).function()
        owner = f"optimizer {record.name}"
        _MADE[key] = finish(function, update_signature(dtype), owner, record.rule.__name__)
    return _MADE[key]


class Update:
    """A rule's kernel with the arrays that it keeps for some lanes, one dictionary of hyperparameters each."""

    def __init__(
        self,
        record: Optimizer,
        order: str,
        shapes: Sequence[tuple[int, ...]],
        dtype: str,
        hyperparameters: Sequence[Mapping[str, float]],
    ):
        runs = len(hyperparameters)
        self.blocks, dim, memory = block_table(record, shapes)
        if record.matrix and runs > 1:
            raise PluginError(f"optimizer {record.name}: a rule on matrices steps one run at a time")
        self.record, self.order, self.runs = record, order, runs
        self.kernel = update_kernel(record, order, dtype)
        depth = len(record.own) + (1 + -(-memory // dim) if record.matrix else 0)
        self.state = aligned((depth, *((runs, dim) if order == "rows" else (dim, runs))), dtype)
        self.scalars = first_scalars(record, len(self.blocks), dtype, hyperparameters)
        self.powers = np.ones((len(record.powers), runs))

    @property
    def arrays(self):
        """What the kernel takes between g and t."""
        return self.state, self.scalars, self.powers, self.blocks

    def __call__(self, w: np.ndarray, g: np.ndarray, t: int, first: int = 0, last: int | None = None) -> None:
        """Step ``t`` (from 1) of the lanes from ``first`` to ``last``; the rates stand in ``scalars[0]``."""
        self.kernel(w, g, *self.arrays, t, first, self.runs if last is None else last)

    def reported(self, w: np.ndarray, t: int) -> np.ndarray:
        """The reported iterate after step ``t``, in the shape of ``w``."""
        if self.record.report is None or t == 0:
            return w
        return self.state[self.record.own.index(self.record.report)].reshape(w.shape)


def scalar_count(record: Optimizer, blocks: int) -> int:
    """How many rows ``scalars`` has: two a shared slot, whose new value the rest of the block must not see."""
    return len(scalar_rows(record)) + 2 * len(record.shared) * (blocks if record.by_block else 1)


def first_scalars(record: Optimizer, blocks: int, dtype: str, hyperparameters: Sequence[Mapping[str, float]]):
    """``scalars`` before the first step: the hyperparameters of each run."""
    scalars = aligned((scalar_count(record, blocks), len(hyperparameters)), dtype)
    for row, name in enumerate(record.hyperparameters, start=1):
        scalars[row] = [values[name] for values in hyperparameters]
    return scalars


def block_table(record, shapes) -> tuple[np.ndarray, int, int]:
    """``blocks``, the number of parameters, and how many numbers of memory they need."""
    need = next((stage.memory for stage in record.matrix.values()), lambda rows, columns: 0)
    table, at, memory = [], 0, 0
    for shape in shapes:
        rows, columns = shape[0], int(np.prod(shape[1:], dtype=int))
        size = int(need(rows, columns))
        table.append((at, at + rows * columns, rows, columns, memory, memory + size))
        at, memory = at + rows * columns, memory + size
    return np.array(table, np.int64), at, memory
