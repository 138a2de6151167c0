"""Arguments of the public functions, whatever they were given: each check names the argument that it refuses."""

import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sized
from pathlib import Path
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


def path_of(key: str, value: object) -> Path:
    """A path that a user has given, with ``~`` filled in.

    Args:
        key: what it is for; the message begins with it.
        value: a text or a path.

    Returns:
        The path.

    Raises:
        OptbenchError: it is neither, is empty, or holds what no path can.
    """
    if not isinstance(value, str | os.PathLike):
        raise OptbenchError(f"{key}: {shown(value)} must be a path")
    text = os.fspath(value)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise OptbenchError(f"{key}: {shown(text)} is no path")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~ of a user that does not exist
        return Path(text)


def is_file(path: Path) -> bool:
    """Whether there is such a file, for any path: one whose name is too long is not there, either.

    Args:
        path: as it was given.

    Returns:
        True where there is.
    """
    return _is(path.is_file)


def is_folder(path: Path) -> bool:
    """Whether there is such a folder, in the same way.

    Args:
        path: as it was given.

    Returns:
        True where there is.
    """
    return _is(path.is_dir)


def _is(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except (OSError, ValueError):
        return False
