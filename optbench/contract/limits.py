"""Where a parameter may lie: an interval, written as in mathematics, or one of some words."""

import math
from collections.abc import Mapping

from optbench.contract.errors import OptbenchError


def enforce(owner: str, values: Mapping, limits: Mapping) -> None:
    """Raise OptbenchError unless each number of ``values`` is finite and within its entry of ``limits``.

    Values are numbers, tuples of numbers, or words. A limit is an interval such as ``"(0, 1]"`` or ``"[0, inf)"``,
    or the tuple of the words that are allowed. The message begins with ``owner``.
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


def _inside(number: float, interval: str) -> bool:
    low, high = map(float, interval[1:-1].split(","))
    above = number >= low if interval[0] == "[" else number > low
    return above and (number <= high if interval[-1] == "]" else number < high)
