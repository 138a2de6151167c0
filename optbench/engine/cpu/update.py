"""A rule's kernel on the CPU with its arrays: for the lanes of a cohort, and for an array of a stepper's list."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from optbench.compiler.update_kernels import update_kernel
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import ONE_EXAMPLE, Optimizer, Sizes
from optbench.contract.types import DtypeName, Order
from optbench.engine.arrays import StepInputs, aligned, make_block_table, make_initial_scalars


class Update:
    """A rule's kernel with its arrays for some lanes, each with a dictionary of hyperparameters.

    The kernel's entry from Python, which the compiled loop does not use, is compiled at its first call, or by
    ``kernel.prepare()``.
    """

    def __init__(
        self,
        record: Optimizer,
        order: Order,
        shapes: Sequence[tuple[int, ...]],
        dtype: DtypeName,
        hyperparameters: Sequence[Mapping[str, float]],
        roles: Sequence[str] = (),
        seed: int = 0,
        place: int = 0,
        sizes: Sizes = ONE_EXAMPLE,
    ):
        """Allocate the slots of a lane for each entry of ``hyperparameters``, and choose the kernel.

        A rule on matrices has its memory behind its slots, and takes one lane, else it is a PluginError. What finds the
        point of a second gradient is an Update of its own. roles: of the blocks; by default those of their places.
        seed: of the random numbers, which all lanes share. place: of the first parameter among those of the run. sizes:
        of its mini-batches.
        """
        runs = len(hyperparameters)
        self.blocks, dim, memory = make_block_table(record, shapes, hyperparameters[0], roles, place)
        if record.matrix and runs > 1:
            raise PluginError(f"optimizer {record.name}: a rule on matrices steps one run at a time")
        self.record, self.order, self.runs = record, order, runs
        self.kernel = update_kernel(record, order, dtype)
        depth = len(record.own) + (1 + -(-memory // dim) if record.matrix else 0)
        self.state = aligned((depth, *((runs, dim) if order == "rows" else (dim, runs))), dtype)
        count, constants = len(self.blocks), self.kernel.constants
        self.scalars = make_initial_scalars(record, count, dtype, hyperparameters, constants, seed, sizes)
        self.powers = np.ones((len(record.powers), runs))
        rule = record.point_rule
        self.point_update: Update | None = None
        if rule is not None:
            self.point_update = Update(rule, order, shapes, dtype, hyperparameters, roles, seed, place, sizes)

    @property
    def memory(self) -> np.ndarray:
        """The numbers that a rule on matrices keeps for its blocks, behind the slots."""
        return self.state[len(self.record.own) + 1 :].reshape(-1)[: int(self.blocks[-1, 5])]

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The arguments of the kernel between g and t: state, scalars, powers and blocks."""
        return self.state, self.scalars, self.powers, self.blocks

    @property
    def ahead(self) -> np.ndarray:
        """The second gradient of a step, in the rule's order, of a rule that takes one."""
        return self.state[self.record.own.index(self.record.ahead)]

    def find_ahead(self, w: np.ndarray, g: np.ndarray, inputs: StepInputs, gradient: Callable) -> None:
        """Take the second gradient of a step, if it has one: ``gradient(point)``, all in the rule's order."""
        if self.point_update is not None and (inputs.t - 1) % self.record.second_every == 0:
            point = w.copy()
            self.point_update.step(point, g, inputs)
            self.ahead[:] = gradient(point)

    def step(self, w: np.ndarray, g: np.ndarray, inputs: StepInputs, first: int = 0, last: int | None = None) -> None:
        """Make a step of the lanes from ``first`` to ``last``."""
        inputs.write_rows(self.record.inputs, self.scalars)
        self(w, g, inputs.t, first, last)

    def __call__(self, w: np.ndarray, g: np.ndarray, t: int, first: int = 0, last: int | None = None) -> None:
        """Make step ``t`` (from 1) of the lanes from ``first`` to ``last``; the rows of ``scalars`` are written."""
        self.kernel(w, g, *self.arrays, t, first, self.runs if last is None else last)

    def clear(self, lanes: np.ndarray) -> None:
        """Set the state of some lanes, (runs,) bool, to zero if lanes run in vectors."""
        if self.order == "lanes":
            self.state[:, :, lanes] = 0.0

    def reported(self, w: np.ndarray, t: int) -> np.ndarray:
        """Return the reported iterate after step ``t``, in the shape of ``w``."""
        if self.record.report is None or t == 0:
            return w
        return self.state[self.record.own.index(self.record.report)].reshape(w.shape)
