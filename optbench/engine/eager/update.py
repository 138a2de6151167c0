"""Another library's optimizer, one for each lane of a cohort, in the place of a rule's kernel."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from optbench.contract.eager import Eager
from optbench.contract.errors import in_one_line


class Stepper(Protocol):
    """An optimizer of a library that stands at some weights."""

    def step(self, g: np.ndarray, loss: float, rate: float) -> None:
        """Change the weights along a gradient (dim,), which it may write over."""

    def reported(self) -> np.ndarray | None:
        """(dim,): the weights that are evaluated, where they are not those that it changes."""


class EagerUpdate:
    """Optimizers of the record, one a lane; one that raises anything has failed, and the others go on.

    Made at the first step, so that what they refuse is the failure of a run that has begun.

    w: (runs, dim), the weights; rows: whether that is the engine's own memory, and contiguous.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        hyperparameters: Sequence[Mapping[str, float]],
        w: np.ndarray,
        rows: bool,
    ):
        self.record, self.blocks, self.hyperparameters, self.rows = record, blocks, hyperparameters, rows
        # In lanes form a lane is no contiguous memory, which libraries ask for: it gets a row of its own.
        self.own = w if rows else np.array(w)
        self._g = np.empty(w.shape[1], w.dtype)
        self._failures = [""] * len(w)
        self._steppers: list[Stepper | None] = [None] * len(w)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why each lane could not go on; "" where it could."""
        return tuple(self._failures)

    def __call__(self, w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray, alive: np.ndarray) -> None:
        """A step of every lane that is alive, of ``w`` (runs, dim) along ``g``; one that fails is alive no more."""
        for r in np.flatnonzero(alive).tolist():
            self._g[:] = g[r]  # the library may write over it, and the norm is asked for later
            try:
                stepper = self._steppers[r] = self._steppers[r] or self._made(r, float(rates[r]))
                stepper.step(self._g, float(f[r]), float(rates[r]))
            except (Exception, SystemExit) as error:  # it may be anybody's code
                self._failures[r], alive[r] = f"{self.record.name}: {in_one_line(error)}", False
            if not self.rows:
                w[r] = self.own[r]

    def _made(self, r: int, rate: float) -> Stepper:
        place = (self.record, self.blocks, self.own[r], self.record.arguments(self.hyperparameters[r]), rate)
        if self.record.library == "torch":
            from optbench.engine.eager.torch_stepper import TorchStepper

            return TorchStepper(*place)
        from optbench.engine.eager.optax_stepper import OptaxStepper

        return OptaxStepper(*place)

    def reported(self, w: np.ndarray, t: int) -> np.ndarray:
        """What the optimizers report after step ``t``, in the shape of ``w``."""
        others = {r: each.reported() for r, each in enumerate(self._steppers) if each is not None}
        if t == 0 or all(point is None for point in others.values()):
            return w
        out = np.array(w)
        for r, point in others.items():
            if point is not None:
                (out if self.rows else out.T)[r] = point
        return out

    def clear(self, lanes: np.ndarray) -> None:
        """Nothing: a lane that has ended is not stepped again."""
