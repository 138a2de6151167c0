"""Both sides on a course, and how far they come apart."""

from dataclasses import dataclass

import numpy as np

from optbench.checks.against.courses import GIVEN, STEPS, Course, rates
from optbench.checks.against.sides import Side, Walker
from optbench.contract.errors import OptbenchError, in_one_line

_ROUNDING = float(np.finfo(float).eps)
RATE = 0.1
"""The rate that is tried first; a tenth of it where the first side runs away."""
# Weight: far above where any of the problems has its minimum
_AWAY = 1e6
# Digits: those of float64
_MOST_DIGITS = 15


@dataclass(frozen=True)
class Walked:
    """Two walks on a course."""

    course: str
    """Its name."""
    kind: str
    """Where its gradients come from."""
    rate: float
    """The highest rate of the schedule."""
    difference: float
    """The largest difference over all steps, over the way that the weights have come, with the same gradients for both
    sides, taken at the first one's weights."""
    step: int | None
    """The first step at which it exceeds the tolerance."""
    by_itself: float | None
    """The same with each side's gradients taken at its own weights; None where gradients are given."""
    refused: str = ""
    """Why nothing is compared: what a side said that cannot run on these blocks, or that neither side is finite."""
    weights: float = 0.0
    """The difference of the weights themselves, whatever is evaluated in their place."""
    compared: int = STEPS
    """Steps until no weight of either side was finite."""


@dataclass
class Path:
    """The weights of a side after every step, (steps, dim); those that are evaluated; and the gradients it got."""

    w: np.ndarray
    reported: np.ndarray
    g: np.ndarray


@np.errstate(all="ignore")  # a side may divide 0 by 0
def walk(side: Side, course: Course, rate: float, given: np.ndarray | None = None, count: int = STEPS) -> Path:
    """A side on a course at a rate, with gradients at its own weights or the ``given`` ones (steps, dim)."""
    walker: Walker = side.start(course.shapes)
    w = course.start.astype(float)
    path = Path(*(np.zeros((count, len(w))) for _ in range(3)))
    for i, now in enumerate(rates(rate)[:count]):
        path.g[i] = course.gradient(w, i + 1) if given is None else given[i]
        w = path.w[i] = walker.step(w, path.g[i], float(now))
        point = walker.reported()
        path.reported[i] = w if point is None else point
    return path


def apart(a: np.ndarray, b: np.ndarray, start: np.ndarray) -> np.ndarray:
    """How far two paths are apart after each step, (steps,): the largest difference of a weight over the longest way.

    What rounding the weights alone can do is taken off. Where one side is not finite and the other is, it is infinite;
    a weight of which neither is finite counts for nothing.
    """
    with np.errstate(all="ignore"):
        whole = [np.vstack([start, path]) for path in (a, b)]
        way = np.maximum(*(_largest(np.diff(path, axis=0)) for path in whole)).cumsum()
        size = np.maximum(*map(_largest, whole))[1:]
        gap = np.abs(a - b)
        gap[~np.isfinite(a) & ~np.isfinite(b)] = 0.0
        gap[np.isfinite(a) != np.isfinite(b)] = np.inf
        largest = gap.max(axis=1)
        rest = np.fmax(largest - _ROUNDING * np.arange(2, len(a) + 2) * size, 0.0)
        found = np.where(rest > 0, rest / way, 0.0)
    return np.where(np.isinf(largest), np.inf, np.nan_to_num(found))


def _largest(rows: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(rows), np.abs(rows), 0.0).max(axis=1)


def compare(a: Side, b: Side, course: Course, tolerance: float) -> Walked:
    """Both sides on a course: with the same gradients, and each with those at its own weights."""
    given = course.kind == GIVEN
    try:
        rate, mine = RATE, walk(a, course, RATE)
        while not given and rate > 1e-6 and not np.abs(mine.w).max() < _AWAY:
            rate /= 10
            mine = walk(a, course, rate)
        theirs = walk(b, course, rate, mine.g)
        alone = None if given else walk(b, course, rate)
    except OptbenchError as error:
        return Walked(course.name, course.kind, 0.0, 0.0, None, None, in_one_line(error), compared=0)
    some = np.flatnonzero((np.isfinite(mine.w) | np.isfinite(theirs.w)).any(axis=1))
    if not some.size:
        text = f"neither {a.name} nor {b.name} is finite, from step 1 on"
        return Walked(course.name, course.kind, 0.0, 0.0, None, None, text, compared=0)
    weights = apart(mine.w, theirs.w, course.start)
    gaps = np.maximum(weights, apart(mine.reported, theirs.reported, course.start))
    over = np.flatnonzero(gaps > tolerance)
    itself = None if alone is None else float(apart(mine.w, alone.w, course.start).max())
    return Walked(
        course.name, course.kind, rate, float(gaps.max()), int(over[0]) + 1 if over.size else None, itself,
        weights=float(weights.max()), compared=int(some[-1]) + 1,
    )  # fmt: skip


def digits(difference: float) -> int:
    """How many digits are the same at that relative difference, 15 at most."""
    return int(min(max(-np.log10(max(difference, 1e-300)), 0), _MOST_DIGITS))
