"""Other values of the second optimizer's rate and hyperparameters, tried until it is equal to the first one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from optbench.checks.against import meanings
from optbench.checks.against.courses import Course
from optbench.checks.against.lengths import Finding
from optbench.checks.against.sides import Shapes, Side, Walker
from optbench.checks.against.walks import RATE, apart, compare, digits, walk
from optbench.contract.errors import OptbenchError

_VALUES = (
    0.0, 1e-16, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.95, 0.98, 0.99, 0.999
)  # fmt: skip
"""What hyperparameters are usually set to."""
_FIRST = 20
"""Steps after which another value is given up."""
_TRIES = 300
"""How many other values are tried."""


class _Faster:
    """A walker at a multiple of the rate."""

    def __init__(self, walker: Walker, factor: float):
        self.walker, self.factor = walker, factor

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        return self.walker.step(w, g, self.factor * rate)

    def reported(self) -> np.ndarray | None:
        return self.walker.reported()


def at_rate(side: Side, factor: float) -> Side:
    """The side at a multiple of every rate."""

    def begin(shapes: Shapes, values: Mapping[str, float]) -> Walker:
        return _Faster(side.begin(shapes, values), factor)

    return replace(side, begin=begin)


def cured(a: Side, b: Side, found: Sequence[Finding], courses: Sequence[Course], tolerance: float) -> str:
    """What makes ``b`` equal to ``a`` by all that was found, in words, or that it does not do; "" where nothing can."""
    if not found or not all(each.cure for each in found):
        return ""
    cure = {meaning: value for each in found for meaning, value in each.cure.items()}
    factor = cure.pop("rate", 1.0)
    values = {}
    for meaning, value in cure.items():
        name, mine = (meanings.name_of(meaning, each.hyperparameters) for each in (b, a))
        if name is None:
            return ""
        own = a.hyperparameters[mine] if mine else value  # as it was written, where it is what was measured
        plain = next(
            (each for each in (own, float(f"{value:.3g}")) if np.isclose(each, value, rtol=1e-4, atol=0)), value
        )
        values[name] = plain
    gap = _gap(a, at_rate(b.given(**values), float(f"{factor:.9g}")), courses, tolerance)
    return _said(b, values, factor, gap, tolerance)


def other_values(a: Side, b: Side, courses: Sequence[Course], tolerance: float) -> tuple[list[Finding], str] | None:
    """The values of some hyperparameters with which the two are equal, where such are found."""
    pairs = meanings.matched(a.hyperparameters, b.hyperparameters)
    course = courses[-1]
    goals = {id(side): _begun(side, course) for side in (a, b)}
    for side, values in islice(_changes(a, b, pairs), _TRIES):
        goal, path = goals[id(a if side is b else b)], _begun(side.given(**values), course)
        if goal is None or path is None or apart(goal, path, course.start).max() > tolerance:
            continue
        changed = side.given(**values)
        gap = _gap(*((a, changed) if side is b else (changed, b)), courses, tolerance)
        if gap <= tolerance:
            other = a if side is b else b
            texts = {
                name: f"{side.name} has {name}={side.hyperparameters[name]:.6g}; {other.name} steps as with {value:.6g}"
                for name, value in values.items()
            }
            for mine, theirs in pairs.items():
                if (theirs if side is b else mine) in texts and a.hyperparameters[mine] != b.hyperparameters[theirs]:
                    words = f"{mine} is {a.hyperparameters[mine]:.6g} in {a.name}"
                    words += f", {theirs} {b.hyperparameters[theirs]:.6g} in {b.name}"
                    texts[theirs if side is b else mine] = words
            return [Finding(name, text) for name, text in texts.items()], _said(side, values, 1.0, gap)
    return None


def _begun(side: Side, course: Course) -> np.ndarray | None:
    """The first steps; None where the side refuses."""
    try:
        return walk(side, course, RATE, count=_FIRST).w
    except OptbenchError:
        return None


def _changes(a: Side, b: Side, pairs: Mapping[str, str]) -> Iterator[tuple[Side, dict[str, float]]]:
    differing = {
        theirs: a.hyperparameters[mine]
        for mine, theirs in pairs.items()
        if a.hyperparameters[mine] != b.hyperparameters[theirs]
    }
    if differing:
        yield b, differing
    for side, other in ((b, a), (a, b)):
        for name, old in side.hyperparameters.items():
            usual = dict.fromkeys([*other.hyperparameters.values(), 1 - old, *_VALUES])
            yield from ((side, {name: value}) for value in usual if value != old)


def _gap(a: Side, b: Side, courses: Sequence[Course], tolerance: float) -> float:
    """The largest difference; the first that exceeds the tolerance ends it."""
    largest = 0.0
    for course in courses:
        walked = compare(a, b, course, tolerance)
        largest = max(largest, np.inf if walked.refused else walked.difference)
        if not largest <= tolerance:
            break
    return largest


def _said(side: Side, values: Mapping[str, float], factor: float, gap: float, tolerance: float = np.inf) -> str:
    parts = [f"{name}={value:.9g}" for name, value in values.items()]
    parts += [f"{factor:.6g} times the rate"] * (factor != 1)
    what = f"with {' and '.join(parts)} in {side.name} they"
    if gap <= tolerance:
        return f"{what} agree to {digits(gap)} digits on the given gradients"
    return f"{what} differ still, by {gap:.1e}: there is more than this"
