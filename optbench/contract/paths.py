"""Paths as users give them: what is none is refused, and asking for a file that cannot be there is no error."""

import os
from collections.abc import Callable
from pathlib import Path

from optbench.contract.errors import OptbenchError, shown


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
