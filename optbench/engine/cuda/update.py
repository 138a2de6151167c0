"""A rule's kernels on a GPU, with the arrays on the card that it keeps for some runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optbench.compiler.contracts import ApplyArguments, BeginArguments, ShareArguments
from optbench.compiler.cuda import BLOCK, GRID, blocks, put
from optbench.compiler.cuda_updates import DOWN, SHARES, WARP, compiled, total
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName, Order
from optbench.engine.update_arrays import block_table, first_scalars


class Update:
    """A rule's kernels with the arrays on the card that it keeps for some runs, as the CPU's Update.

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
        self.scalars, self.table = put(first_scalars(record, len(table), dtype, hyperparameters)), put(table)
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

    def __call__(self, w: Any, g: Any, t: int, stream: Any = 0) -> None:
        """Step ``t`` (from 1) of every run; the rates stand in ``scalars[0]``, and w and g are on the card."""
        code, one_a_run = self.code, (blocks(self.runs), BLOCK, stream)
        if code.begin is not None:
            code.begin[one_a_run](*BeginArguments(scalars=self.scalars, powers=self.powers, blocks=self.table))
        first = 0
        arguments = ApplyArguments(
            w=w, g=g, state=self.state, scalars=self.scalars, sums=self.sums, blocks=self.table, t=t
        )
        for (group, whole), share in zip(code.shares, code.share, strict=True):
            partial = self.partial[: len(group)]
            share[self.shared_grid, self.threads, stream](*ShareArguments(**arguments._asdict(), partial=partial))
            total[one_a_run](partial, self.sums, first, self.used, whole)
            first += len(group)
        code.apply[self.grid, self.threads, stream](*arguments)
