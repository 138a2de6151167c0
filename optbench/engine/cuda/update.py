"""A rule's kernels on a GPU with its arrays for some runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from optbench.compiler.contracts import SharedUpdateArguments
from optbench.compiler.cuda import BLOCK, GRID, blocks, put
from optbench.compiler.cuda_updates import DOWN, SHARES, WARP, compiled, total
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName, Order
from optbench.engine.arrays import block_table, initial_scalars


class Update:
    """A rule's kernels with its arrays on the card for some runs, as the CPU's Update.

    Raises PluginError for a rule that cannot run there.
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
        table, dim, _ = block_table(record, shapes)
        if not record.by_block:
            table = np.array([[0, dim, dim, 1, 0, 0]])
        self.code = compiled(record, order, dtype)
        shape = (runs, dim) if order == "rows" else (dim, runs)
        self.state = put(np.zeros((len(record.own), *shape), dtype))
        self.scalars, self.table = put(initial_scalars(record, len(table), dtype, hyperparameters)), put(table)
        self.powers = put(np.ones((len(record.powers), runs)))
        self.sums = put(np.zeros((len(self.code.sums), len(table), runs), dtype))
        most = max((len(group) for group, _ in self.code.shares), default=0)
        self.partial = put(np.zeros((most, SHARES, len(table), runs), dtype))
        few = min(len(table), GRID)
        if order == "rows":
            self.threads, down = (BLOCK, 1), blocks(dim)
            self.grid, self.shared_grid = (down, min(runs, GRID), few), (min(down, SHARES), min(runs, GRID), few)
            self.used = self.shared_grid[0]
        else:
            high = BLOCK // WARP
            self.threads, wide, down = (WARP, high), blocks(runs, WARP), blocks(dim, high)
            self.grid, self.shared_grid = (wide, min(down, DOWN), few), (wide, min(down, SHARES // high), few)
            self.used = self.shared_grid[1] * high
        self.runs = runs

    @contextmanager
    def edit(self, name: str) -> Iterator[np.ndarray]:
        """Give a copy of one of the arrays, such as "scalars", to be changed, and put it back on the card."""
        array = getattr(self, name)
        copy = array.copy_to_host()
        yield copy
        array.copy_to_device(copy)

    def __call__(self, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Make step ``t`` (from 1) of every run; the rows of ``scalars`` are written, and w and g are on the card."""
        self.begin(w, g, t, stream)
        for k in range(len(self.code.shares)):
            self.share(k, w, g, t, stream)
        self.apply(w, g, t, stream)

    # The parts of a step: a step on several arrays takes them one by one.

    def begin(self, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Multiply the powers, and take over the new values of shared slots."""
        if self.code.begin is not None:
            self.code.begin[blocks(self.runs), BLOCK, stream](*self._arguments(w, g, t))

    def share(self, k: int, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Compute the sums of group ``k``."""
        group, whole = self.code.shares[k]
        first = sum(len(earlier) for earlier, _ in self.code.shares[:k])
        self.code.share[k][self.shared_grid, self.threads, stream](*self._arguments(w, g, t))
        total[blocks(self.runs), BLOCK, stream](self.partial[: len(group)], self.sums, first, self.used, whole)

    def apply(self, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Apply the rule."""
        self.code.apply[self.grid, self.threads, stream](*self._arguments(w, g, t))

    def _arguments(self, w: Any, g: Any, t: int) -> SharedUpdateArguments:
        """Return the arguments of the rule's kernels."""
        return SharedUpdateArguments(
            w=w, g=g, state=self.state, scalars=self.scalars, powers=self.powers, sums=self.sums, blocks=self.table,
            partial=self.partial, t=t,
        )  # fmt: skip
