"""Where a parameter may lie: an interval, written as in mathematics, or one of some words."""

import math
from collections.abc import Mapping

from optbench.contract.errors import OptbenchError


def enforce(owner: str, values: Mapping, limits: Mapping) -> None:
    """Refuse values that are not finite or lie outside their limits.

    Args:
        owner: whose values they are; the message begins with it.
        values: numbers, tuples of numbers, or words, by name.
        limits: by name, an interval such as ``"(0, 1]"`` or ``"[0, inf)"``, or the tuple of the words that are allowed.

    Raises:
        OptbenchError: a value lies outside.
    """
    for key, value in values.items():
        limit = limits.get(key, "(-inf, inf)")
        if isinstance(limit, tuple):
            if value not in limit:
                raise OptbenchError(f"{owner}: {key}={value!r} must be {' or '.join(map(repr, limit))}")
            continue
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, str):
                continue
            if not math.isfinite(number):
                raise OptbenchError(f"{owner}: {key}={value!r} must be finite")
            if not _inside(number, limit):
                raise OptbenchError(f"{owner}: {key}={value!r} must be in {limit}")


def is_interval(limit: object) -> bool:
    """Whether a limit is an interval, as :func:`enforce` reads it.

    Args:
        limit: anything.

    Returns:
        True for a text such as ``"(0, 1]"`` with the lower number first.
    """
    if not isinstance(limit, str) or limit[:1] not in ("[", "(") or limit[-1:] not in ("]", ")"):
        return False
    try:
        low, high = map(float, limit[1:-1].split(","))
    except ValueError:
        return False
    return low <= high


def _inside(number: float, interval: str) -> bool:
    low, high = map(float, interval[1:-1].split(","))
    above = number >= low if interval[0] == "[" else number > low
    return above and (number <= high if interval[-1] == "]" else number < high)
