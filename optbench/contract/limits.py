"""Limits of parameters: an interval, written as in mathematics, or one of some words."""

import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

from optbench.contract.arguments import check, condition, is_number
from optbench.contract.errors import OptbenchError, PluginError

_NOT_NEGATIVE = re.compile("eps|(weight_)?decay")


@cache
def _kind_within(limit: str | tuple) -> Any:
    """Return the type of values within a limit: one of some words, or numbers in an interval, one or a tuple."""
    if isinstance(limit, tuple):
        return Literal[limit]
    # The last condition is the first to be tried.
    return Annotated[
        Any,
        condition(lambda value: all(is_inside(number, limit) for number in _numbers(value)), f"in {limit}"),
        condition(lambda value: all(map(math.isfinite, _numbers(value))), "finite"),
    ]


def _numbers(value: Any) -> list:
    """Return the numbers of a value, which may be one, a tuple of them, or something else, which has none."""
    return [each for each in (value if isinstance(value, tuple) else (value,)) if is_number(each)]


def enforce(owner: str, values: Mapping, limits: Mapping, error: type[OptbenchError] = OptbenchError) -> None:
    """Raise ``error`` for values that are not finite or lie outside their limits.

    ``owner``: such as ``optimizer adam``. ``values``: numbers, tuples of numbers, or words, by name. ``limits``: by
    name, an interval such as ``"(0, 1]"``, or the tuple of the words that are allowed.
    """
    for key, value in values.items():
        check(_kind_within(limits.get(key, "(-inf, inf)")), value, f"{owner}: {key}=", error)


def check_limits(owner: str, stated: Mapping, within: Mapping, defaults: Mapping) -> None:
    """Raise PluginError for limits of unknown parameters, and for defaults outside the limits.

    stated: the limits that a record gives; within: those, and the ones that names such as "beta1" have anyway.
    """
    strange = next((key for key in stated if key not in defaults), None)
    if strange is not None:
        raise PluginError(f"{owner}: limits name {strange!r}, which is none of {', '.join(defaults) or 'its values'}")
    enforce(owner, defaults, within, PluginError)


def limits_by_name(names: Iterable[str]) -> dict[str, str]:
    """Return the intervals of hyperparameters whose names mean the same everywhere: betas, eps and decays.

    Example:
        >>> limits_by_name(["beta1", "eps", "norm"])
        {'beta1': '[0, 1)', 'eps': '[0, inf)'}
    """
    betas = [name for name in names if name.startswith("beta")]
    return dict.fromkeys(betas, "[0, 1)") | {name: "[0, inf)" for name in names if _NOT_NEGATIVE.match(name)}


def is_interval(limit: object) -> bool:
    """Return True for an interval, as :func:`enforce` reads it."""
    if not isinstance(limit, str) or limit[:1] not in ("[", "(") or limit[-1:] not in ("]", ")"):
        return False
    try:
        low, high = bounds(limit)
    except ValueError:
        return False
    return low <= high


def bounds(interval: str) -> tuple[float, float]:
    """Return the lower and the upper end of an interval.

    Example:
        >>> bounds("[1, inf)")
        (1.0, inf)
    """
    low, high = map(float, interval[1:-1].split(","))
    return low, high


def is_inside(number: float, interval: str) -> bool:
    """Return True for a number in an interval.

    Example:
        >>> is_inside(1, "[0, 1)")
        False
    """
    low, high = bounds(interval)
    above = number >= low if interval[0] == "[" else number > low
    return above and (number <= high if interval[-1] == "]" else number < high)


def _is_limit(value: Any) -> bool:
    """Return True for an interval, or for a tuple of words."""
    words = isinstance(value, tuple) and value and all(isinstance(each, str) for each in value)
    return bool(words) or is_interval(value)


Limit = Annotated[Any, condition(_is_limit, "an interval such as '(0, 1]' or '[0, inf)', or a tuple of words")]
