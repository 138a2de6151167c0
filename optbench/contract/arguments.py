"""Arguments of the public functions, whatever they were given: each check names the argument that it refuses."""

import itertools
from collections.abc import Iterable, Mapping, Sized
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.values import is_real, is_whole

MOST_ITEMS = 100_000
"""Of a list that a user has written."""


def whole(name: str, value: Any, least: int, most: int = 2**53) -> int:
    """A whole number between two.

    Args:
        name: of the argument; the message begins with it.
        value: as it was given.
        least: the lowest that is taken.
        most: the largest.

    Returns:
        The number.

    Raises:
        OptbenchError: it is none.
    """
    if not is_whole(value) or not least <= value <= most:
        least_text = f"at least {least}" if most == 2**53 else f"from {least:,} to {most:,}"
        raise OptbenchError(f"{name}={shown(value)} must be {least_text}, and a whole number")
    return int(value)


def number(name: str, value: Any) -> float:
    """A finite number, and no truth value.

    Args:
        name: of the argument.
        value: as it was given.

    Returns:
        The number.

    Raises:
        OptbenchError: it is none.
    """
    if not is_real(value):
        raise OptbenchError(f"{name}={shown(value)} must be a finite number")
    return float(value)


def word(name: str, value: Any, words: Iterable[str]) -> str:
    """One of some words.

    Args:
        name: of the argument.
        value: as it was given.
        words: those that are taken.

    Returns:
        The word.

    Raises:
        OptbenchError: it is none of them; the nearest one is named.
    """
    if isinstance(value, str) and value in tuple(words):
        return value
    raise unknown(name, value if isinstance(value, str) else shown(value), words)


def items(name: str, value: Any, most: int = MOST_ITEMS) -> list:
    """What a list holds, or anything else that can be counted up.

    Args:
        name: of the argument.
        value: as it was given; no text, no mapping.
        most: how many are taken.

    Returns:
        The items.

    Raises:
        OptbenchError: it is no list, or too long.
    """
    try:
        if isinstance(value, str | bytes | Mapping | type):
            raise TypeError
        counted = len(value) if isinstance(value, Sized) else 0  # before anybody makes objects of a range of a billion
        found = [] if counted > most else list(itertools.islice(iter(value), most + 1))
    except TypeError:
        raise OptbenchError(f"{name}: {shown(value)} must be a list") from None
    if max(counted, len(found)) > most:
        raise OptbenchError(f"{name}: more than {most:,} entries")
    return found


def reals(name: str, value: Any, shape: str, most: int = 10**9) -> np.ndarray:
    """An array of real numbers; its shape is for the caller to look at.

    Args:
        name: of the argument.
        value: as it was given.
        shape: what it must be, in words for the message.
        most: numbers that are taken.

    Returns:
        The array, as it was or float64.

    Raises:
        OptbenchError: it holds anything else.
    """
    if isinstance(value, range) and len(value) > most:
        raise OptbenchError(f"{name}: {shown(value)} must be {shape}")
    try:
        found = np.asarray(value)
        return found if found.dtype.kind == "f" else found.astype(np.float64, casting="safe")
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise OptbenchError(f"{name}: {shown(value)} must be {shape}") from None
