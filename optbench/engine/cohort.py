"""A cohort: runs that share problem, optimizer, start point, mini-batches and precision; and the steps to evaluate at.

A single run is a cohort of one lane.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from optbench.contract.arguments import real_array
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.optimizers import Baseline, Optimizer, Sizes
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.types import Device, DtypeName
from optbench.engine import batches, settings

MOST_EVERY = 10_000_000
"""The most steps of a run that is evaluated at every step: the curve of one run then takes a gigabyte."""
_MOST = 24
"""Points between start and end: eight per decade over three decades of steps draw a smooth curve on a log axis."""
_SHARE = 0.15
"""The cost of evaluations on data, as a share of the run's own work."""
_LEAST = 6
"""The fewest points of a run on data, whatever their cost."""
_PASS = 3
"""The cost of a training pass over an example, in forward passes; with one hidden layer it is two."""
_TAIL = 12
"""Points in the last fifth, where the cost stays within _SHARE."""
_LEAST_TAIL = 5
"""The fewest points in the last fifth, whatever their cost."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The settings of one run that may differ from those of the other runs of its cohort."""

    lr: float
    schedule: Schedule
    hyperparameters: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Runs that differ only by rate, schedule and hyperparameters. Raises OptbenchError for a value that cannot run.

    Attributes:
        batch_size: examples per step; at most the number of the problem's examples, which is the full batch.
        steps: updates of each run.
        seed: of the start point, the order of the examples, and the gradient noise.
        points: steps to evaluate at, besides the first and the last; None: the engine's choice, log-spaced.
        start: (dim,), in place of the problem's own start point; None: the problem's.
        callback: called with the weights of the first lane at every point of evaluation behind the start, as SciPy's
            methods do; it ends the run by StopIteration. None: nothing is called.
        deadline: seconds after which a run is stopped; None: never. Lanes of one call take turns, so the call as a
            whole has this time for each lane.
        scores: names of metrics of the predictions at the end, of SCORES.
        reports: False for runs that only choose a setting: they need no test values without groups of examples, whose
            small groups would take a tenth of the time of an MLP's short run.
        evaluated: (p,): the steps to evaluate at, in order.
    """

    problem: Problem
    optimizer: AnyOptimizer
    lanes: Sequence[Lane]
    batch_size: int
    steps: int
    seed: int = 0
    dtype: DtypeName = "float64"
    points: Sequence[int] | Literal["every"] | None = None
    start: np.ndarray | None = None
    deadline: float | None = None
    device: Device = "cpu"
    callback: Callable | None = None
    scores: Sequence[str] = ()
    reports: bool = True
    evaluated: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Convert and check the settings, and choose the steps to evaluate at.

        Raises OptbenchError for a bad setting, and for an optimizer that cannot run on the problem.
        """
        for name in ("seed", "dtype", "deadline"):
            object.__setattr__(self, name, settings.checked(name, getattr(self, name)))
        settings.check_budget(None, self.steps)
        object.__setattr__(self, "points", settings.checked("points", self.points))
        if not self.lanes:
            raise OptbenchError("a cohort needs at least one lane")
        for rate in {id(lane.lr): lane.lr for lane in self.lanes}.values():  # a grid's lanes share theirs
            settings.checked("lr", rate)
        object.__setattr__(self, "lanes", tuple(self.lanes))
        object.__setattr__(self, "scores", tuple(self.scores))
        self._refuse_pair()
        size = settings.checked("batch_size", self.batch_size)
        object.__setattr__(self, "batch_size", batch_size_of(size, self.problem))
        object.__setattr__(self, "evaluated", self._steps_to_evaluate())
        if self.start is not None:
            start = real_array("start", self.start, self.problem.dim).astype(np.float64)
            if not np.isfinite(start).all():
                raise OptbenchError(f"start={shown(self.start)} must be finite numbers")
            object.__setattr__(self, "start", start)

    def _refuse_pair(self) -> None:
        """Raise OptbenchError where the optimizer cannot run on the problem."""
        if self.problem.drift is not None and isinstance(self.optimizer, Baseline):
            text = "whose line searches need an objective that stays: leave one of both out"
            raise OptbenchError(f"{self.problem.name} moves, and {self.optimizer.name} is SciPy's, {text}")
        if (self.problem.bits or self.problem.delay) and self.optimizer.second_every:
            late = "spoils: a late gradient belongs to other weights"
            why = late if self.problem.delay else "does not round: it rounds the first one alone"
            text = f"{self.optimizer.name} takes a second gradient in a step, which {self.problem.name} {why}"
            raise OptbenchError(f"{text}; leave one of both out")
        if self.optimizer.draws_labels and not self.problem.draws_labels:
            wanted = "needs a problem that draws labels from its model's probabilities"
            hint = "choose softmax, logistic or a compiled network of classes such as mlp, or a rule such as sophia_h"
            given = self.problem.name or "this problem"
            raise OptbenchError(f"{self.optimizer.name} {wanted}, and {given} draws none: {hint}")

    def _steps_to_evaluate(self) -> np.ndarray:
        """Return the steps to evaluate at, (p,), in order. Raises OptbenchError."""
        points = self.points
        if points is None:
            return evaluation_points(self.problem, self.steps, self.batch_size, self.optimizer.second_every)
        if points == "every":
            if self.steps > MOST_EVERY:
                raise OptbenchError(f"points='every' serves up to {MOST_EVERY:,} steps: give a list of them")
            return np.arange(self.steps + 1)
        if points[-1] > self.steps:
            raise OptbenchError(f"points: step {points[-1]} must lie between 0 and {self.steps}")
        # The first loss sets the limit of divergence, the last one is the result.
        return np.array(sorted({0, *points, self.steps}))

    def _with(self, **fields: Any) -> "Cohort":
        """Return the same cohort with other values of these fields, without checking the rest again."""
        other = copy.copy(self)
        for name, value in fields.items():
            object.__setattr__(other, name, value)
        return other

    def with_seed(self, seed: int) -> "Cohort":
        """Return the same cohort with another seed."""
        return self._with(seed=settings.checked("seed", seed))

    def with_lanes(self, lanes: tuple[Lane, ...], seed: int) -> "Cohort":
        """Return the same cohort with other lanes and another seed."""
        return self._with(lanes=lanes, seed=settings.checked("seed", seed))

    def in_fold(self, number: int) -> "Cohort":
        """Return the same cohort on one fold of its problem's data, from 0; beyond the last one it begins again."""
        folds = (self.problem, *self.problem.other_folds)
        return self._with(problem=folds[number % len(folds)])

    def with_reports(self, reports: bool) -> "Cohort":
        """Return the same cohort whose runs are judged, or only choose."""
        return self if self.reports == reports else self._with(reports=reports)

    @property
    def rule(self) -> Optimizer:
        """The optimizer, which must be an update rule (asserted)."""
        assert isinstance(self.optimizer, Optimizer)
        return self.optimizer

    @property
    def baseline(self) -> Baseline:
        """The optimizer, which must be one of SciPy's (asserted)."""
        assert isinstance(self.optimizer, Baseline)
        return self.optimizer

    @property
    def sizes(self) -> Sizes:
        """What a rule may see of the size of a mini-batch."""
        return Sizes(self.batch_size, self.problem.examples)

    @property
    def per_epoch(self) -> int:
        """The mini-batches of an epoch: its steps, if a step takes one gradient."""
        return batches.steps_per_epoch(self.problem.examples, self.batch_size)

    @property
    def pair(self) -> str:
        """Problem and optimizer as a text: "mlp with adam"."""
        return f"{self.problem.name} with {self.optimizer.name}"

    def start_point(self) -> np.ndarray:
        """Return the start point of all lanes, (dim,) float64."""
        return batches.start_point(self.problem, self.seed) if self.start is None else self.start


def evaluation_points(problem: Problem, steps: int, batch_size: int, second_every: int = 0) -> np.ndarray:
    """Return the steps to evaluate at: start, end, log-spaced ones, some in the last fifth, and each epoch if few.

    A run's score is the mean over the last fifth (engine/outcome.py). The number of points there depends on problem,
    steps and batch size alone, never on the optimizer, so that all optimizers of a problem are scored in one way.

    At most 24 points are log-spaced and twelve lie in the last fifth. On data all of them may cost about 15% of the
    run's own work (an evaluation is a forward pass over all examples, a third of a training pass). Where that is too
    little six and five remain, which takes 30 to 50% of the time of short runs. The table ``timings`` has their actual
    cost. second_every: as for `count_gradients`. Returns (p,) int, in order.
    """
    count, tail, epochs = _MOST, _TAIL, True
    per_epoch = batches.steps_per_epoch(problem.examples, batch_size)
    gradients = batches.count_gradients(steps, second_every)
    if problem.data is not None:
        parts = problem.data, problem.validation, problem.test
        examples = sum(len(part[0]) for part in parts if part is not None)
        payable = _SHARE * _PASS * gradients * min(batch_size, problem.examples) / examples
        tail = _TAIL if payable >= _LEAST + _TAIL else _LEAST_TAIL
        count, epochs = int(np.clip(payable - tail, _LEAST, _MOST)), payable >= _LEAST
    points = {0, steps, *np.geomspace(1, max(steps, 1), count).astype(int).tolist()}
    points.update(np.linspace(first_tail_step(steps), steps, tail).astype(int).tolist())
    if epochs and gradients // per_epoch <= count:
        points.update(-(-taken * steps // gradients) for taken in range(per_epoch, gradients, per_epoch))
    return np.array(sorted(point for point in points if point <= steps))


def first_tail_step(steps: int) -> int:
    """Return the first step, counted from 1, of the last fifth of a run: of its last steps // 5 steps, at least one."""
    return max(1, steps - max(1, steps // 5) + 1)


def batch_size_of(size: int | str, problem: Problem) -> int:
    """Return the examples of a step: ``size``, or all of the problem's if it is "full" or larger."""
    return problem.examples if isinstance(size, str) else min(size, problem.examples)
