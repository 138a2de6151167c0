"""A cohort: the one object that says what is to be run, from the spec and the Python functions down to the engine.

Its runs share problem, optimizer, start point, mini-batches and precision; a single run is a cohort of one lane.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.types import Device, DtypeName
from optbench.engine import batches, settings
from optbench.engine.points import evaluation_points

MOST_EVERY = 10_000_000
"""The most steps that are evaluated one by one: their curve of one run takes a gigabyte."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What one run of a cohort does not share with the others."""

    lr: float
    schedule: Schedule
    hyperparameters: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Runs that share all but rate, schedule and hyperparameters. Raises OptbenchError for a value that cannot run.

    batch_size: examples a step; a larger one than the problem has is the full batch. steps: updates.
    """

    problem: Problem
    optimizer: AnyOptimizer
    lanes: Sequence[Lane]
    batch_size: int
    steps: int
    seed: int = 0
    """Of the start point, the order of the examples, and the gradient noise."""
    dtype: DtypeName = "float64"
    points: Sequence[int] | Literal["every"] | None = None
    """Steps to evaluate at, besides the first and the last; None: some, log-spaced."""
    start: np.ndarray | None = None
    """(dim,), in the place of the problem's own start point."""
    deadline: float | None = None
    """Seconds after which a run ends where it is. One of several that run together takes its share of their time, so
    that all have the same, however many there are and however many calls they take."""
    device: Device = "cpu"
    evaluated: np.ndarray = field(init=False, repr=False)
    """(p,): the steps to evaluate at, in order."""

    def __post_init__(self) -> None:
        for name in ("seed", "dtype", "deadline"):
            object.__setattr__(self, name, settings.checked(name, getattr(self, name)))
        settings.budget(None, self.steps)
        object.__setattr__(self, "points", settings.checked("points", self.points, self.steps))
        if not self.lanes:
            raise OptbenchError("a cohort needs at least one lane")
        for rate in {id(lane.lr): lane.lr for lane in self.lanes}.values():  # a grid's lanes share theirs
            settings.checked("lr", rate)
        object.__setattr__(self, "lanes", tuple(self.lanes))
        size = settings.checked("batch_size", self.batch_size)
        object.__setattr__(self, "batch_size", full_or(size, self.problem))
        object.__setattr__(self, "evaluated", self._evaluated(self.points))
        if self.start is not None:
            object.__setattr__(self, "start", _start(self.start, self.problem))

    def _evaluated(self, points) -> np.ndarray:
        if points is None:
            return evaluation_points(self.problem, self.steps, self.batch_size)
        if points == "every":
            if self.steps > MOST_EVERY:
                raise OptbenchError(f"points='every' serves up to {MOST_EVERY:,} steps: give a list of them")
            return np.arange(self.steps + 1)
        return np.array(sorted({0, *points, self.steps}))  # the first loss tells divergence, the last is the result

    def with_seed(self, seed: int) -> "Cohort":
        """The same with another seed, without checking the rest again."""
        other = copy.copy(self)
        object.__setattr__(other, "seed", settings.seed(seed))
        return other

    @property
    def rule(self) -> Optimizer:
        """The optimizer of a cohort whose optimizer is an update rule."""
        assert isinstance(self.optimizer, Optimizer)
        return self.optimizer

    @property
    def baseline(self) -> Baseline:
        """The optimizer of a cohort whose optimizer is SciPy's."""
        assert isinstance(self.optimizer, Baseline)
        return self.optimizer

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return batches.steps_per_epoch(self.problem.examples, self.batch_size)

    @property
    def pair(self) -> str:
        """Problem and optimizer, in words."""
        return f"{self.problem.name} with {self.optimizer.name}"

    def start_point(self) -> np.ndarray:
        """Where all lanes start, (dim,) float64."""
        return batches.start_point(self.problem, self.seed) if self.start is None else self.start


def full_or(size: int | str, problem: Problem) -> int:
    """The examples of a step: ``size``, or all of the problem's where it is "full" or there are no more."""
    return problem.examples if isinstance(size, str) else min(size, problem.examples)


def _start(value, problem: Problem) -> np.ndarray:
    try:
        if isinstance(value, range) and len(value) > problem.dim:
            raise ValueError
        start = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise OptbenchError(f"start: {shown(value)} must be an array of numbers") from None
    if start.shape != (problem.dim,) or not np.isfinite(start).all():
        raise OptbenchError(f"start: must be {problem.dim} finite numbers, got {shown(value)}")
    return start
