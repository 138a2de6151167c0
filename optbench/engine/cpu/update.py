"""A rule's kernel on this machine's cores, with the arrays that it keeps for some lanes."""

from collections.abc import Mapping, Sequence

import numpy as np

from optbench.compiler.update_kernels import update_kernel
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName, Order
from optbench.engine.arrays import aligned
from optbench.engine.update_arrays import block_table, first_scalars


class Update:
    """A rule's kernel with the arrays that it keeps for some lanes, one dictionary of hyperparameters each.

    Its entrance from Python, which the compiled driver does not take, is compiled when it is first called or prepared.
    """

    def __init__(
        self,
        record: Optimizer,
        order: Order,
        shapes: Sequence[tuple[int, ...]],
        dtype: DtypeName,
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
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What the kernel takes between g and t."""
        return self.state, self.scalars, self.powers, self.blocks

    def __call__(self, w: np.ndarray, g: np.ndarray, t: int, first: int = 0, last: int | None = None) -> None:
        """Step ``t`` (from 1) of the lanes from ``first`` to ``last``; the rates stand in ``scalars[0]``."""
        self.kernel(w, g, *self.arrays, t, first, self.runs if last is None else last)

    def clear(self, lanes: np.ndarray) -> None:
        """Begin anew with the state of some lanes, given as (runs,) bool, of those that run in vectors."""
        if self.order == "lanes":
            self.state[:, :, lanes] = 0.0

    def reported(self, w: np.ndarray, t: int) -> np.ndarray:
        """The reported iterate after step ``t``, in the shape of ``w``."""
        if self.record.report is None or t == 0:
            return w
        return self.state[self.record.own.index(self.record.report)].reshape(w.shape)
