"""Find the rate, or the values of hyperparameters, with which one optimizer equals another; each is tried."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from optbench.checks.against.findings import Finding
from optbench.checks.against.rollouts import RATE, GradientStream, Implementation, compare, digits, distance, rollout
from optbench.contract.errors import OptbenchError

_ALIASES = {
    "beta1": ("beta1", "b1", "momentum", "decay1"),
    "beta2": ("beta2", "b2", "alpha", "rho", "decay", "decay_rate"),
    "eps": ("eps", "epsilon"),
    "weight_decay": ("weight_decay", "decay", "l2"),
}
"""Meaning -> names of hyperparameters, the first ones preferred."""
# Value: ``decay`` is what an average keeps where its default is at least this, and a decay of the weights elsewhere
_LEAST_MEMORY = 0.5
_VALUES = (
    0.0, 1e-16, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.95, 0.98, 0.99, 0.999
)  # fmt: skip
"""Usual values of hyperparameters."""
_STEPS = 20
"""Steps after which another value is given up."""
_TRIES = 300
"""The most values that are tried."""


def find_hyperparameter(meaning: str, hyperparameters: Mapping[str, float]) -> str | None:
    """Return the name of the hyperparameter with a meaning such as "beta1"; None if there is none."""
    for name in _ALIASES.get(meaning, (meaning,)):
        is_memory = hyperparameters.get(name, 0.0) >= _LEAST_MEMORY
        if name in hyperparameters and (name != "decay" or is_memory == (meaning == "beta2")):
            return name
    return None


def match_names(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, str]:
    """Return the hyperparameters of ``b`` by those of ``a`` that mean the same, {"beta1": "b1"}; without others."""
    pairs = {name: name for name in a if name in b}
    for meaning in _ALIASES:
        one, other = find_hyperparameter(meaning, a), find_hyperparameter(meaning, b)
        if one and other and one not in pairs and other not in pairs.values():
            pairs[one] = other
    return {name: pairs[name] for name in a if name in pairs}


def try_fixes(
    a: Implementation, b: Implementation, found: Sequence[Finding], streams: Sequence[GradientStream], tolerance: float
) -> str:
    """Return a sentence on whether ``b`` with the fixes of all findings equals ``a``; "" if these cannot be applied.

    That is so if there are no findings, if one has no fix, or if ``b`` lacks its hyperparameter.
    """
    if not found or not all(each.fix for each in found):
        return ""
    fixes = {meaning: value for each in found for meaning, value in each.fix.items()}
    factor = fixes.pop("rate", 1.0)
    values = {}
    for meaning, measured in fixes.items():
        name, own = find_hyperparameter(meaning, b.hyperparameters), find_hyperparameter(meaning, a.hyperparameters)
        if name is None:
            return ""
        candidates = (a.hyperparameters[own] if own else measured, float(f"{measured:.3g}"))
        values[name] = next((each for each in candidates if np.isclose(each, measured, rtol=1e-4, atol=0)), measured)
    changed = replace(b.with_values(**values), rate_factor=float(f"{factor:.9g}"))
    return describe_result(b.name, values, factor, largest_difference(a, changed, streams, tolerance), tolerance)


def search_values(
    a: Implementation, b: Implementation, streams: Sequence[GradientStream], tolerance: float
) -> tuple[list[Finding], str] | None:
    """Try usual values of one hyperparameter after the other, of either optimizer, until the two are equal.

    Returns a finding for each changed value, and a sentence on the agreement with them; None if nothing helps.
    """
    pairs = match_names(a.hyperparameters, b.hyperparameters)
    stream = streams[-1]
    first_steps = {id(each): try_first_steps(each, stream) for each in (a, b)}
    for each, values in islice(_candidates(a, b, pairs), _TRIES):
        other, changed = (a if each is b else b), each.with_values(**values)
        goal, path = first_steps[id(other)], try_first_steps(changed, stream)
        if goal is None or path is None or distance(goal, path, stream.start).max() > tolerance:
            continue
        difference = largest_difference(*((a, changed) if each is b else (changed, b)), streams, tolerance)
        if difference <= tolerance:
            texts = {
                name: f"{each.name} has {name}={each.hyperparameters[name]:.6g}; {other.name} steps as with {value:.6g}"
                for name, value in values.items()
            }
            for one, two in pairs.items():
                name, (x, y) = (two if each is b else one), (a.hyperparameters[one], b.hyperparameters[two])
                if name in texts and x != y:
                    texts[name] = f"{one} is {x:.6g} in {a.name}, {two} {y:.6g} in {b.name}"
            findings = [Finding(name, text) for name, text in texts.items()]
            return findings, describe_result(each.name, values, 1.0, difference, tolerance)
    return None


def try_first_steps(optimizer: Implementation, stream: GradientStream) -> np.ndarray | None:
    """Return the weights after each of a few steps, (steps, dim); None if the optimizer cannot take them."""
    try:
        return rollout(optimizer, stream, RATE, steps=_STEPS).w
    except OptbenchError:
        return None


def _candidates(
    a: Implementation, b: Implementation, pairs: Mapping[str, str]
) -> Iterator[tuple[Implementation, dict[str, float]]]:
    """Yield what is tried, an optimizer and its new values: first those of ``a`` in ``b``, then usual ones, one by one.

    pairs: names of ``b`` by those of ``a``, from `match_names`.
    """
    one, two = a.hyperparameters, b.hyperparameters
    differing = {other: one[name] for name, other in pairs.items() if one[name] != two[other]}
    if differing:
        yield b, differing
    for each, other in ((b, a), (a, b)):
        for name, old in each.hyperparameters.items():
            usual = dict.fromkeys([*other.hyperparameters.values(), 1 - old, *_VALUES])
            yield from ((each, {name: value}) for value in usual if value != old)


def largest_difference(
    a: Implementation, b: Implementation, streams: Sequence[GradientStream], tolerance: float
) -> float:
    """Return the largest difference on the streams, or the first beyond the tolerance; inf if one cannot be run."""
    largest = 0.0
    for stream in streams:
        compared = compare(a, b, stream, tolerance)
        largest = max(largest, np.inf if compared.refused else compared.difference)
        if not largest <= tolerance:
            break
    return largest


def describe_result(name: str, values: Mapping[str, float], factor: float, difference: float, tolerance: float) -> str:
    """Return the sentence on a tried fix: the changed values, and to how many digits both agree with them.

    name: of the changed optimizer; factor: of its rate.
    """
    changes = [f"{key}={value:.9g}" for key, value in values.items()]
    changes += [f"{factor:.6g} times the rate"] * (factor != 1)
    start = f"with {' and '.join(changes)} in {name} they"
    if difference <= tolerance:
        return f"{start} agree to {digits(difference)} digits on the given gradients"
    return f"{start} differ still, by {difference:.1e}: there is more than this"
