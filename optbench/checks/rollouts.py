"""Optimizers as black boxes, their rollouts on the same gradients, and the distance of two rollouts.

A gradient stream is a problem, or a sequence of gradients that is made to distinguish conventions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from optbench.catalogue.loader import Catalogue
from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.contract.optimizers import Optimizer
from optbench.engine.arrays import StepInputs, aligned
from optbench.engine.cpu.objective import Objective
from optbench.engine.cpu.update import Update
from optbench.engine.eager.eager_lanes import eager_update

Shapes = Sequence[tuple[int, ...]]
STEPS = 200
"""Steps of a rollout."""
RATE = 0.1
"""The rate that is tried first; it is divided by 10 if the first optimizer diverges."""
GIVEN = "given gradients"
"""The kind of a stream whose gradients do not depend on the weights."""
# Examples: as in the default sweep
_BATCH = 64
PROBLEMS = (
    ("rosenbrock(dim=4)", None),
    ("quadratic(condition=1e4)", None),
    ("matrix_factorization(size=8)", None),
    ("logistic", _BATCH),
    ("mlp(hidden=(8,))", _BATCH),
)
"""Problems with their batch sizes: a vector, one matrix, matrices and vectors; several dimensions and conditions."""
_EXPONENTS = {"small gradients": (-10, -6), "large gradients": (2, 6), "gradients of all sizes": (-12, 4)}
"""Powers of 10 between which the sizes of given gradients are spread."""
_ROUNDING = float(np.finfo(float).eps)
# Weight: far above where any of the problems has its minimum
_DIVERGED = 1e6
# Digits: those of float64
_MOST_DIGITS = 15


@dataclass(frozen=True)
class Implementation:
    """One of the two optimizers that are compared."""

    name: str
    """Its name in messages."""
    start: Callable[[Shapes], Any]
    """Makes a stepper in its initial state for parameter blocks of these shapes. Its ``step(w, g, rate)`` returns the
    new weights, (dim,); its ``reported()`` those to evaluate, None if they are those that are stepped."""


def loss_along(g: np.ndarray) -> float:
    """Return the loss of a step along a gradient: made up, so that optimizers that see one gradient see one loss."""
    return float(np.abs(g).sum())


class RecordStepper:
    """A rule's kernel, or another library's optimizer, with its state; what that raises becomes an OptbenchError."""

    def __init__(self, record: Optimizer | Eager, shapes: Shapes, values: Mapping[str, float]):
        """Make the optimizer for blocks of these shapes. Raises OptbenchError if it does not take them."""
        self.w, self.g = (aligned((1, sum(map(prod, shapes))), "float64") for _ in range(2))
        self.t, self.eager = 0, isinstance(record, Eager)
        self.update: Any = (
            eager_update(record, tuple(shapes), [values], self.w, True)
            if isinstance(record, Eager)
            else Update(record, "rows", shapes, "float64", [values])
        )

    @np.errstate(all="ignore")
    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        """Return the new weights, (dim,), after a step from ``w`` along ``g``; neither is written to.

        A rule that asks for the loss gets `loss_along` the gradient.
        """
        self.t += 1
        loss = loss_along(g)
        self.w[0], self.g[0] = w, g
        if not self.eager:
            inputs = StepInputs(self.t, rate, loss)
            self.update.find_ahead(self.w, self.g, inputs, lambda point: self.g + (point - self.w))
            self.update.step(self.w, self.g, inputs)
            return self.w[0].copy()
        alive = np.ones(1, bool)
        inputs = StepInputs(self.t, np.array([rate]), np.array([loss]))
        self.update.step(self.w, np.array(g)[None], inputs, alive, lambda r, point: (g + (point - w), loss))
        if not alive[0]:
            raise OptbenchError(self.update.failures[0])
        return self.w[0].copy()

    def reported(self) -> np.ndarray | None:
        """Return the weights to evaluate, (dim,); None if they are those at which gradients are computed."""
        point = self.update.reported(self.w, self.t)
        return None if point is self.w else np.array(point[0])


@dataclass(frozen=True)
class GradientStream:
    """A source of gradients: ``gradient(w, t)`` at step t, from 1; given gradients ignore ``w``."""

    name: str
    kind: str
    """"full batch", "mini-batches of 64" or "given gradients"."""
    shapes: Shapes
    """Of the parameter blocks."""
    start: np.ndarray
    """The first weights, (dim,)."""
    gradient: Callable[[np.ndarray, int], np.ndarray]

    @property
    def is_given(self) -> bool:
        """Return True if gradients do not depend on the weights."""
        return self.kind == GIVEN


def problem_streams(catalogue: Catalogue) -> Iterator[GradientStream]:
    """Yield a stream of the gradients of each of PROBLEMS, in float64."""
    for text, batch in PROBLEMS:
        problem = catalogue.problem(text)
        starts = range(0, problem.examples, batch) if batch else [0]
        batches = [Objective(problem, rows=slice(i, i + batch) if batch else None) for i in starts]

        def gradient(w: np.ndarray, t: int, batches: list[Objective] = batches) -> np.ndarray:
            return batches[(t - 1) % len(batches)](w)[1][0]

        kind = f"mini-batches of {batch}" if batch else "full batch"
        yield GradientStream(problem.name, kind, problem.blocks, batches[0].start(), gradient)


def given_streams(shapes: Shapes = ((3, 2), (4,))) -> Iterator[GradientStream]:
    """Yield streams of made-up gradients that both optimizers get whatever their weights; shapes: of the blocks."""
    dim = sum(map(prod, shapes))
    rng = np.random.default_rng(14)
    signs = rng.choice([-1.0, 1.0], (STEPS, dim))
    start = np.where(np.arange(dim) % 2, 0.0, 1.0)  # at 0 the smallest step is seen, elsewhere a decay
    sequences = {name: signs * 10.0 ** rng.uniform(*size, (STEPS, dim)) for name, size in _EXPONENTS.items()}
    alternating = np.where(np.arange(STEPS) % 3, 1.0, -1.0)[:, None] * (1 + rng.random((STEPS, dim)))
    sparse = signs * (rng.random((STEPS, dim)) < 0.2)
    sparse[:, 0] = 0.0
    sequences |= {"changes of sign": alternating, "zeros, some always": sparse}
    for name, sequence in sequences.items():
        yield GradientStream(name, GIVEN, shapes, start, partial(_look_up, sequence))


def _look_up(sequence: np.ndarray, _: np.ndarray, t: int) -> np.ndarray:
    """Return the gradient of step t of a sequence, (dim,), whatever the weights are."""
    return sequence[t - 1]


class Rollout(NamedTuple):
    """The weights after every step, (steps, dim); those that are evaluated; and the gradients."""

    w: np.ndarray
    reported: np.ndarray
    g: np.ndarray


@np.errstate(all="ignore")  # an optimizer may divide 0 by 0
def rollout(
    optimizer: Implementation, stream: GradientStream, rate: float, gradients: np.ndarray | None = None
) -> Rollout:
    """Return the steps of an optimizer on the gradients at its own weights, or on ``gradients`` (steps, dim).

    The learning rate warms up to ``rate`` and then follows half a cosine: this tells a rule whose state holds the rate
    from one whose state does not.
    """
    stepper = optimizer.start(stream.shapes)
    w = stream.start.astype(float)
    done = Rollout(*(np.zeros((STEPS, len(w))) for _ in range(3)))
    t = np.arange(STEPS)
    rates = rate * np.minimum((t + 1) / 10, 1) * (0.55 + 0.45 * np.cos(np.pi * t / STEPS))
    for i in range(STEPS):
        done.g[i] = stream.gradient(w, i + 1) if gradients is None else gradients[i]
        w = done.w[i] = stepper.step(w, done.g[i], float(rates[i]))
        point = stepper.reported()
        done.reported[i] = w if point is None else point
    return done


def distance(a: np.ndarray, b: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the distance of two paths after each step, (steps,): the largest difference over the longest way so far.

    The difference that rounding of the weights can make is subtracted. The distance is infinite if one path is
    finite and the other is not; a weight that is finite in neither is left out.
    """
    with np.errstate(all="ignore"):
        paths = [np.vstack([start, path]) for path in (a, b)]
        way = np.maximum(*(_largest_by_row(np.diff(path, axis=0)) for path in paths)).cumsum()
        size = np.maximum(*map(_largest_by_row, paths))[1:]
        gap = np.abs(a - b)
        gap[~np.isfinite(a) & ~np.isfinite(b)] = 0.0
        gap[np.isfinite(a) != np.isfinite(b)] = np.inf
        largest = gap.max(axis=1)
        rest = np.fmax(largest - _ROUNDING * np.arange(2, len(a) + 2) * size, 0.0)
        found = np.where(rest > 0, rest / way, 0.0)
    return np.where(np.isinf(largest), np.inf, np.nan_to_num(found))


def _largest_by_row(rows: np.ndarray) -> np.ndarray:
    """Return the largest finite absolute value of each row; 0 where none is finite."""
    return np.where(np.isfinite(rows), np.abs(rows), 0.0).max(axis=1)


@dataclass(frozen=True)
class Comparison:
    """The difference of two optimizers on one gradient stream."""

    problem: str
    """The problem, or the name of the given gradients."""
    gradients: str
    """"full batch", "mini-batches of 64" or "given gradients"."""
    rate: float = 0.0
    """The highest rate of the schedule."""
    difference: float = 0.0
    """The largest difference over all steps, over the way that the weights have come; both get the gradients at the
    first one's weights."""
    step: int | None = None
    """The first step at which it exceeds the tolerance."""
    own_gradients: float | None = None
    """The same with each one's gradients at its own weights; None if gradients are given."""
    refused: str = ""
    """The reason why nothing is compared: an optimizer cannot run on these blocks, or neither is finite."""
    steps: int = 0
    """Steps until no weight of either is finite."""


def compare(a: Implementation, b: Implementation, stream: GradientStream, tolerance: float) -> Comparison:
    """Compare two optimizers on a stream: with the same gradients, and with gradients at their own weights.

    The same gradients are those at the weights of ``a``. tolerance: the largest difference that counts as equal, as a
    part of the way that the weights have come; the result names the first step beyond it. A comparison that is not
    possible is no error: the result says why, in ``refused``.
    """
    try:
        rate, first = RATE, rollout(a, stream, RATE)
        while not stream.is_given and rate > 1e-6 and not np.abs(first.w).max() < _DIVERGED:
            rate /= 10
            first = rollout(a, stream, rate)
        second = rollout(b, stream, rate, first.g)
        own = None if stream.is_given else rollout(b, stream, rate)
    except OptbenchError as error:
        return Comparison(stream.name, stream.kind, refused=in_one_line(error))
    finite = np.flatnonzero((np.isfinite(first.w) | np.isfinite(second.w)).any(axis=1))
    if not finite.size:
        reason = f"neither {a.name} nor {b.name} is finite, from step 1 on"
        return Comparison(stream.name, stream.kind, refused=reason)
    weights = distance(first.w, second.w, stream.start)
    distances = np.maximum(weights, distance(first.reported, second.reported, stream.start))
    over = np.flatnonzero(distances > tolerance)
    return Comparison(
        stream.name, stream.kind, rate, float(distances.max()), int(over[0]) + 1 if over.size else None,
        None if own is None else float(distance(first.w, own.w, stream.start).max()),
        steps=int(finite[-1]) + 1,
    )  # fmt: skip


def digits(difference: float) -> int:
    """Return the number of equal digits at a relative difference, 15 at most."""
    return int(min(max(-np.log10(max(difference, 1e-300)), 0), _MOST_DIGITS))
