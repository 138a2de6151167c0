"""An optimizer as a black box: what comes in are weights, a gradient and a rate, what comes out are new weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Protocol

import numpy as np

from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Optimizer
from optbench.engine.arrays import aligned
from optbench.engine.cpu.update import Update
from optbench.engine.eager.update import EagerUpdate

Shapes = Sequence[tuple[int, ...]]


class Walker(Protocol):
    """An optimizer that has begun; what it remembers is its own."""

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        """The new weights, (dim,), after a step from ``w`` along ``g``; neither is written to."""

    def reported(self) -> np.ndarray | None:
        """The weights that are evaluated, (dim,), where they are not those at which gradients are taken."""


@dataclass(frozen=True)
class Side:
    """One of two optimizers that are compared."""

    name: str
    """How it is called in what is said about it."""
    hyperparameters: Mapping[str, float]
    """Its values, by its own names."""
    begin: Callable[[Shapes, Mapping[str, float]], Walker]
    """``begin(shapes, hyperparameters)`` -> a walker on parameter blocks of these shapes."""
    reports: str | None = None
    """What it evaluates in the place of its weights, where it says so."""
    asked_on: Shapes = ((1,),)
    """The block on whose equal weights questions are asked."""

    def start(self, shapes: Shapes) -> Walker:
        """A walker that has not stepped yet."""
        return self.begin(shapes, self.hyperparameters)

    def given(self, **values: float) -> "Side":
        """The same with other values of some hyperparameters."""
        return replace(self, hyperparameters={**self.hyperparameters, **values})


def side_of(record: Optimizer | Eager, values: Mapping[str, float], name: str) -> Side:
    """The side of a record of the catalogue's, or of another library's."""
    if isinstance(record, Eager):
        return Side(name, values, lambda shapes, given: _Foreign(record, shapes, given, name))
    return Side(name, values, lambda shapes, given: _Rule(record, shapes, given), record.report)


class _Rule:
    """A rule by its compiled kernel."""

    def __init__(self, record: Optimizer, shapes: Shapes, values: Mapping[str, float]):
        self.update = Update(record, "rows", shapes, "float64", [values])
        dim = sum(map(prod, shapes))
        self.w, self.g, self.t = aligned((1, dim), "float64"), aligned((1, dim), "float64"), 0
        self.reports = record.report is not None

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        self.t += 1
        self.w[0], self.g[0], self.update.scalars[0] = w, g, rate
        with np.errstate(all="ignore"):
            self.update(self.w, self.g, self.t)
        return self.w[0].copy()

    def reported(self) -> np.ndarray | None:
        return self.update.reported(self.w, self.t)[0].copy() if self.reports else None


class _Foreign:
    """Another library's optimizer; what it raises becomes one line."""

    def __init__(self, record: Eager, shapes: Shapes, values: Mapping[str, float], name: str):
        dim = sum(map(prod, shapes))
        self.w, self.name = np.zeros((1, dim)), name
        self.update = EagerUpdate(record, tuple(shapes), [values], self.w, True)

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        self.w[0], alive = w, np.ones(1, bool)
        self.update(self.w, np.array(g)[None], np.zeros(1), np.array([rate]), alive)
        if not alive[0]:
            raise OptbenchError(self.update.failures[0])
        return self.w[0].copy()

    def reported(self) -> np.ndarray | None:
        point = self.update.reported(self.w, 1)
        return None if point is self.w else np.array(point[0])
