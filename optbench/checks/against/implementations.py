"""Optimizers as black boxes: weights, a gradient and a rate go in, new weights come out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Protocol

import numpy as np

from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Optimizer
from optbench.engine.arrays import StepInputs, aligned
from optbench.engine.cpu.update import Update
from optbench.engine.eager.lanes import eager_update

Shapes = Sequence[tuple[int, ...]]


class Stepper(Protocol):
    """An optimizer with its state."""

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        """Return the new weights, (dim,), after a step from ``w`` along ``g``; neither is written to."""

    def reported(self) -> np.ndarray | None:
        """Return the weights to evaluate, (dim,); None if they are those at which gradients are computed."""


@dataclass(frozen=True)
class Implementation:
    """One of the two optimizers that are compared."""

    name: str
    """Its name in messages."""
    hyperparameters: Mapping[str, float]
    """Values by its own names."""
    begin: Callable[[Shapes, Mapping[str, float]], Stepper]
    """Makes a stepper for parameter blocks of these shapes with these hyperparameters."""
    reports: str | None = None
    """The slot that it evaluates in place of its weights, if it states one."""
    probe_shapes: Shapes = ((1,),)
    """The block, of equal weights, on which it is measured."""

    def start(self, shapes: Shapes) -> Stepper:
        """Return a stepper in its initial state."""
        return self.begin(shapes, self.hyperparameters)

    def with_values(self, **values: float) -> "Implementation":
        """Return the same optimizer with other values of some hyperparameters."""
        return replace(self, hyperparameters={**self.hyperparameters, **values})

    def at_rate(self, factor: float) -> "Implementation":
        """Return the same optimizer at a multiple of every rate."""
        return replace(self, begin=lambda shapes, values: _Scaled(self.begin(shapes, values), factor))


def from_record(record: Optimizer | Eager, values: Mapping[str, float], name: str) -> Implementation:
    """Return the implementation of a rule of the catalogue, or of another library's optimizer."""
    if isinstance(record, Eager):
        return Implementation(name, values, lambda shapes, chosen: _Eager(record, shapes, chosen, name))
    return Implementation(name, values, lambda shapes, chosen: _Rule(record, shapes, chosen), record.report)


class _Scaled:
    """A stepper at a multiple of the rate."""

    def __init__(self, stepper: Stepper, factor: float):
        self.stepper, self.factor, self.reported = stepper, factor, stepper.reported

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        return self.stepper.step(w, g, self.factor * rate)


class _Rule:
    """The compiled kernel of a rule."""

    def __init__(self, record: Optimizer, shapes: Shapes, values: Mapping[str, float]):
        self.update = Update(record, "rows", shapes, "float64", [values])
        dim = sum(map(prod, shapes))
        self.w, self.g, self.t = aligned((1, dim), "float64"), aligned((1, dim), "float64"), 0
        self.reports = record.report is not None

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        self.t += 1
        self.w[0], self.g[0] = w, g
        with np.errstate(all="ignore"):
            self.update.step(self.w, self.g, StepInputs(self.t, rate))
        return self.w[0].copy()

    def reported(self) -> np.ndarray | None:
        return self.update.reported(self.w, self.t)[0].copy() if self.reports else None


class _Eager:
    """Another library's optimizer; its exceptions become one-line errors."""

    def __init__(self, record: Eager, shapes: Shapes, values: Mapping[str, float], name: str):
        self.w, self.name = np.zeros((1, sum(map(prod, shapes)))), name
        self.update = eager_update(record, tuple(shapes), [values], self.w, True)

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        self.w[0], alive = w, np.ones(1, bool)
        self.update.step(self.w, np.array(g)[None], StepInputs(1, np.array([rate]), np.zeros(1)), alive)
        if not alive[0]:
            raise OptbenchError(self.update.failures[0])
        return self.w[0].copy()

    def reported(self) -> np.ndarray | None:
        point = self.update.reported(self.w, 1)
        return None if point is self.w else np.array(point[0])
