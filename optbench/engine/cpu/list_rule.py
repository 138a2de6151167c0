"""A rule on a list of arrays, each with a state of its own: what a stepper steps.

A sum over all parameters adds up the arrays' own sums, in their order and in float64: no array is copied.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from optbench.compiler.scalar_rows import rows_of_run, scalar_rows
from optbench.compiler.update_kernels import partial_update
from optbench.contract.optimizers import Optimizer, Sizes
from optbench.contract.roles import find_roles
from optbench.contract.types import DtypeName
from optbench.engine.arrays import StepInputs, write_hyperparameters
from optbench.engine.cpu.update import Update


class ListRule:
    """A rule with its state for a list of arrays.

    Args:
        record: the rule.
        rows: the arrays, each (runs, numbers).
        shapes: the parameter blocks of each.
        dtype: of all of them.
        values: the hyperparameters.
        seed: of the random numbers of the rule.
        sizes: of its mini-batches.

    Attributes:
        updates: the kernel with its arrays, for each array by its place; none for an empty one.
        clocks: the number of steps that each array has made.
        shares_state: True if all arrays have one clock and one set of shared slots: as these depend on sums over
            several arrays, or as all take their second gradients in the same steps, and not in every one.
    """

    def __init__(
        self,
        record: Optimizer,
        rows: Sequence[np.ndarray],
        shapes: Sequence[tuple[tuple[int, ...], ...]],
        dtype: DtypeName,
        values: Mapping[str, float],
        seed: int,
        sizes: Sizes,
    ):
        """Give each array a new state, and compile the kernels."""
        self.record, self.rows, self.clocks = record, rows, [0] * len(rows)
        self.updates: dict[int, Update] = {}
        roles, place = iter(find_roles([shape for blocks in shapes for shape in blocks])), 0
        for i, (w, blocks) in enumerate(zip(rows, shapes, strict=True)):
            own, (runs, size) = [next(roles) for _ in blocks], w.shape
            if size:
                self.updates[i] = Update(record, "rows", blocks, dtype, [values] * runs, own, seed, place, sizes)
                self.updates[i].kernel.prepare()
            place += size
        self._partial = partial_update(record, dtype) if record.total and len(self.updates) > 1 else None
        self.shares_state = record.second_every > 1 or (self._partial is not None and bool(record.run_slots))

    def step(self, gradients: Sequence[np.ndarray | None], inputs: StepInputs) -> None:
        """Make one step along gradients, each like its array; None: the array stays, and so does its clock.

        inputs: those of the step, but t is the clock of each array.
        """
        given = [i for i, g in enumerate(gradients) if g is not None]
        if self.shares_state and given:
            self.clocks = [max(self.clocks) + 1] * len(self.clocks)
        else:
            for i in given:
                self.clocks[i] += 1
        present = {i: g for i, g in enumerate(gradients) if g is not None and i in self.updates}
        if not present:
            return
        for update in self.updates.values():
            inputs.write_rows(self.record.inputs, update.scalars)
        if self._partial is None:
            for i, g in present.items():
                self._call(self.updates[i].kernel, i, g)
        else:  # sums over all parameters come first, group by group
            for rows, kernel in zip(self._partial.groups, self._partial.sums, strict=True):
                for i, g in present.items():
                    self._call(kernel, i, g)
                for row in rows:
                    total = sum(float(self.updates[i].scalars[row, 0]) for i in present)
                    with np.errstate(over="ignore"):  # a run that diverges may exceed float32
                        for i in present:
                            self.updates[i].scalars[row, 0] = total
            for i, g in present.items():
                self._call(self._partial.apply, i, g)
        if self.shares_state:
            first = next(iter(present))
            for i in self.updates.keys() - present.keys():
                if self.clocks[i] == 1:  # slots that begin with w do so at the first step
                    self._make_first_step(first, i)
                self._copy_shared(first, i)

    def _call(self, kernel: Callable, i: int, g: np.ndarray) -> None:
        """Call a kernel on an array and its gradient."""
        update = self.updates[i]
        kernel(self.rows[i], g, *update.arrays, self.clocks[i], 0, update.runs)

    def _make_first_step(self, first: int, i: int) -> None:
        """Make the first step of array i along no gradient, and put it back; array ``first`` has made that step."""
        before, zeros, update = self.rows[i].copy(), np.zeros_like(self.rows[i]), self.updates[i]
        if self._partial is None:
            self._call(update.kernel, i, zeros)
        else:
            shared = len(scalar_rows(self.record))
            for kernel in self._partial.sums:
                self._call(kernel, i, zeros)
                update.scalars[:shared] = self.updates[first].scalars[:shared]
            update.powers[:] = self.updates[first].powers
            self._call(self._partial.apply, i, zeros)
        self.rows[i][:] = before

    def _copy_shared(self, first: int, i: int) -> None:
        """Copy powers, and the shared slots of the run, from array ``first`` to array i."""
        source, target, rows = self.updates[first], self.updates[i], rows_of_run(self.record)
        target.powers[:] = source.powers
        target.scalars[rows] = source.scalars[rows]

    def write_hyperparameters(self, values: Mapping[str, float]) -> None:
        """Write the hyperparameters to their rows of all ``scalars``."""
        for update in self.updates.values():
            write_hyperparameters(self.record, [values] * update.runs, update.scalars)

    def reported(self, i: int) -> np.ndarray:
        """Return what the rule reports of an array, (runs, numbers): the array itself if that is w, else a copy."""
        row = self.rows[i]
        found = self.updates[i].reported(row, self.clocks[i]) if i in self.updates else row
        return row if found is row else found.copy()
