"""Conventions that are tried on any rule, whatever its formula: a factor of the rate, no bias correction, eps's place.

What is measured in `measurements` presumes the formula of momentum or of Adam; these are tried out, one by one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from optbench.checks.against.findings import CLOSE, Finding
from optbench.checks.against.fixes import describe_result, find_hyperparameter, largest_difference, try_first_steps
from optbench.checks.against.rollouts import RATE, GradientStream, Implementation, Shapes, loss_along, rollout
from optbench.checks.interpreter import Interpreter
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Optimizer

Explained = tuple[list[Finding], str]
"""The findings, and the sentence on the agreement with them."""
# eps: far above the size of any average; steps then shrink with it by the power that its place gives
_LARGE = (1e30, 1e34)
_AVERAGES = {"beta1_t": "m", "beta2_t": "v"}  # what these powers correct, as papers call it
_PLACES = {1.0: "outside the root", 0.5: "inside the root"}


class PythonStepper:
    """A rule in plain Python, with its state: one with other arguments than its source names has no kernel."""

    def __init__(self, record: Optimizer, shapes: tuple[tuple[int, ...], ...]):
        """Make the rule for blocks of these shapes."""
        self.interpreter = Interpreter(record, shapes)

    def step(self, w: np.ndarray, g: np.ndarray, rate: float) -> np.ndarray:
        """Return the new weights, (dim,). Raises OptbenchError where Python does, such as for a division by 0."""
        try:
            return self.interpreter.step(w, g, rate, loss_along(g), lambda point: g + (point - w))
        except (ArithmeticError, ValueError) as error:
            raise OptbenchError(str(error)) from None

    def reported(self) -> None:
        """Return None: what is evaluated is not compared here."""


def leave_corrections_out(record: Optimizer) -> dict[str, Callable[[Shapes, Mapping[str, float]], Any]]:
    """Return by what is left out, "beta1_t", what makes a stepper of a rule that has 0 in its place; all at last."""
    powers = [name for name in record.scalars if name.endswith("_t") and name[:-2] in record.powers]
    found = {}
    for left in dict.fromkeys([*((name,) for name in powers), tuple(powers)]):
        zeros = {f"no_{name}": 0.0 for name in left}
        scalars = tuple(f"no_{name}" if name in left else name for name in record.scalars)
        changed = replace(record, scalars=scalars, hyperparameters={**record.hyperparameters, **zeros})

        def begin(
            shapes: Shapes, chosen: Mapping[str, float], changed: Optimizer = changed, zeros: Mapping = zeros
        ) -> PythonStepper:
            """Return the stepper of the changed rule."""
            return PythonStepper(replace(changed, hyperparameters={**chosen, **zeros}), tuple(map(tuple, shapes)))

        found[" and ".join(left)] = begin
    return {name: begin for name, begin in found.items() if name}


def explain_any_rule(
    a: Implementation, b: Implementation, streams: Sequence[GradientStream], tolerance: float
) -> Explained | None:
    """Return the one convention with which two optimizers agree on all streams; None if it is none of these."""
    ways = (_try_factor, _try_corrections, _try_eps)
    return next(chain.from_iterable(way(a, b, streams, tolerance) for way in ways), None)


def _try_factor(
    a: Implementation, b: Implementation, streams: Sequence[GradientStream], tolerance: float
) -> Iterator[Explained]:
    """Yield the factor between all steps, where there is one."""
    stream = streams[-1]
    one, other = try_first_steps(a, stream), try_first_steps(b, stream)
    if one is None or other is None:
        return
    first, second = ((path - stream.start)[0] for path in (one, other))
    there = (first != 0) & (second != 0) & np.isfinite(first) & np.isfinite(second)
    if not there.any():
        return
    factor = float(np.median(second[there] / first[there]))
    if abs(factor - 1) < CLOSE or not factor > 0:
        return
    changed = replace(b, rate_factor=float(f"{1 / factor:.9g}"))
    difference = largest_difference(a, changed, streams, tolerance)
    if difference <= tolerance:
        text = f"the steps of {b.name} are {factor:.6g} times as long: give it {1 / factor:.6g} times the rate"
        yield [Finding("rate", text)], describe_result(b.name, {}, 1 / factor, difference, tolerance)


def _try_corrections(
    a: Implementation, b: Implementation, streams: Sequence[GradientStream], tolerance: float
) -> Iterator[Explained]:
    """Yield the bias correction that one has and the other lacks, where that is all."""
    for each, other in ((a, b), (b, a)):
        for name, begin in each.uncorrected.items():
            difference = largest_difference(replace(each, begin=begin), other, streams, tolerance)
            if difference <= tolerance:
                averages = " and ".join(_AVERAGES.get(part, part) for part in name.split(" and "))
                text = f"{other.name} steps as {each.name} without bias correction of {averages} ({name} = 0)"
                remedy = describe_result(each.name, dict.fromkeys(name.split(" and "), 0.0), 1.0, difference, tolerance)
                yield [Finding("bias correction", text)], remedy


def _try_eps(
    a: Implementation, b: Implementation, streams: Sequence[GradientStream], tolerance: float
) -> Iterator[Explained]:
    """Yield the place of eps, where two optimizers agree without one and it has another place in each."""
    names = [find_hyperparameter("eps", each.hyperparameters) for each in (a, b)]
    if None in names:
        return
    powers = [_measure_power(each, str(name)) for each, name in zip((a, b), names, strict=True)]
    places = [next((text for power, text in _PLACES.items() if abs(found - power) < 0.01), "") for found in powers]
    if places[0] == places[1] or "" in places:
        return
    without = [each.with_values(**{str(name): 0.0}) for each, name in zip((a, b), names, strict=True)]
    streams = [stream for stream in streams if not (stream.gradient(stream.start, 1) == 0).any()]  # else 0 / 0
    if not streams:
        return
    difference = largest_difference(without[0], without[1], streams, tolerance)
    if difference <= tolerance:
        text = f"eps stands {places[0]} in {a.name}, {places[1]} in {b.name}: the same value counts otherwise"
        yield [Finding("eps", text)], describe_result("both", {"eps": 0.0}, 1.0, difference, tolerance)


def _measure_power(optimizer: Implementation, name: str) -> float:
    """Return the power of a very large eps by which the first step shrinks: 1 beside the root, 0.5 inside; or NaN."""
    sizes = []
    gradients = np.ones((1, 1))
    stream = GradientStream("", "", ((1,),), np.zeros(1), lambda w, t: gradients[0])
    try:
        for eps in _LARGE:
            path = rollout(optimizer.with_values(**{name: eps}), stream, RATE, gradients, steps=1).w
            sizes.append(abs(float(path[0, 0])))
    except OptbenchError:
        return np.nan
    if not all(size > 0 for size in sizes):
        return np.nan
    return float(np.log(sizes[0] / sizes[1]) / np.log(_LARGE[1] / _LARGE[0]))
