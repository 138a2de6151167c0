"""Another library's optimizer, in the place of a rule's kernel, for all lanes of a call."""

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from optbench.contract.eager import Eager
from optbench.contract.errors import in_one_line


class _Library(Protocol):
    """What steps some lanes with a library."""

    failures: list[str]
    making: float

    def step(self, w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray, alive: np.ndarray) -> None:
        """As :meth:`EagerUpdate.__call__`."""

    def points(self) -> dict[int, np.ndarray]:
        """(dim,) by lane: the weights that are evaluated, where they are not those that it changes."""


class EagerUpdate:
    """Optimizers of the record for some lanes; one that raises anything has failed, and the others go on.

    w: (runs, dim), the weights; rows: whether that is the engine's own memory, and contiguous; rates: (runs,), before
    any schedule, by default those of the first step; seed: of what they draw.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        hyperparameters: Sequence[Mapping[str, float]],
        w: np.ndarray,
        rows: bool,
        rates: np.ndarray | None = None,
        seed: int = 0,
    ):
        self.rows = rows
        self._lanes: _Library
        if record.library == "optax":
            from optbench.engine.eager.optax_update import OptaxUpdate

            self._lanes = OptaxUpdate(record, blocks, hyperparameters, w)
        else:
            self._lanes = TorchUpdate(record, blocks, hyperparameters, w, rows, rates, seed)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why each lane could not go on; "" where it could."""
        return tuple(self._lanes.failures)

    @property
    def making(self) -> float:
        """Seconds that preparations took: instances, traces, compilation."""
        return self._lanes.making

    def __call__(self, w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray, alive: np.ndarray) -> None:
        """A step of every lane that is alive, of ``w`` (runs, dim) along ``g``; one that fails is alive no more."""
        self._lanes.step(w, g, f, rates, alive)

    def reported(self, w: np.ndarray, t: int) -> np.ndarray:
        """What the optimizers report after step ``t``, in the shape of ``w``, the problem's form."""
        points = self._lanes.points() if t > 0 else {}
        if not points:
            return w
        out = np.array(w)
        for r, point in points.items():
            (out if self.rows else out.T)[r] = point
        return out

    def clear(self, lanes: np.ndarray) -> None:
        """Nothing: a lane that has ended is not stepped again."""


class TorchUpdate:
    """Instances of PyTorch's class, one a lane.

    Made at the first step, so that what they refuse is the failure of a run that has begun.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        hyperparameters: Sequence[Mapping[str, float]],
        w: np.ndarray,
        rows: bool,
        rates: np.ndarray | None,
        seed: int,
    ):
        from optbench.engine.eager.torch_stepper import TorchStepper

        self.record, self.blocks, self.hyperparameters = record, blocks, hyperparameters
        self.rates, self.rows, self.seed = rates, rows, seed
        # In lanes form a lane is no contiguous memory, which the library asks for: it gets a row of its own. order:
        # a copy that kept the strides would let fused kernels, which do not look at them, write into other lanes.
        self._own = w if rows else np.array(w, order="C")
        self.failures, self.making = [""] * len(w), 0.0
        self._kind = TorchStepper
        self._steppers: list[TorchStepper | None] = [None] * len(w)

    def step(self, w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray, alive: np.ndarray) -> None:
        """A step, lane by lane."""
        for r in np.flatnonzero(alive).tolist():
            try:
                stepper = self._steppers[r]
                if stepper is None:
                    stepper = self._steppers[r] = self._made(r, float(rates[r]))
                stepper.step(g[r], float(f[r]), float(rates[r]))
            except (Exception, SystemExit) as error:  # it may be anybody's code
                self.failures[r], alive[r] = f"{self.record.name}: {in_one_line(error)}", False
            if not self.rows:
                w[r] = self._own[r]

    def _made(self, r: int, rate: float):
        begin = time.perf_counter()
        arguments = self.record.arguments(self.hyperparameters[r])
        try:
            base = rate if self.rates is None else float(self.rates[r])
            return self._kind(self.record, self.blocks, self._own[r], arguments, base, self.seed)
        finally:
            self.making += time.perf_counter() - begin

    def points(self) -> dict[int, np.ndarray]:
        """The points that the optimizers give for evaluation; one that raises has failed, and is asked no more."""
        found = {}
        for r, stepper in enumerate(self._steppers):
            if stepper is None or self.failures[r]:
                continue
            try:
                point = stepper.reported()
            except (Exception, SystemExit) as error:
                self.failures[r] = f"{self.record.name}: {in_one_line(error)}"
                continue
            if point is not None:
                found[r] = point
        return found
