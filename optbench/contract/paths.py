"""Paths that users give, where asking for a file that cannot exist is no error, and locks of files."""

import os
from collections.abc import Callable
from pathlib import Path

from optbench.contract.errors import OptbenchError, shown

try:
    import fcntl
except ImportError:  # a system without it has no lock that goes with its owner, and so none
    fcntl = None  # type: ignore[assignment]


def path_of(name: str, value: object) -> Path:
    """Return a path that a user has given, with ``~`` expanded; raise OptbenchError if it cannot be one."""
    if not isinstance(value, str | os.PathLike):
        raise OptbenchError(f"{name}: {shown(value)} must be a path")
    text = os.fspath(value)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise OptbenchError(f"{name}: {shown(text)} is no path")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~ of a user that does not exist
        return Path(text)


def is_file(path: Path) -> bool:
    """Return True if there is such a file; False also for a name that is too long."""
    return _exists(path.is_file)


def is_folder(path: Path) -> bool:
    """Return True if there is such a folder; False also for a name that is too long."""
    return _exists(path.is_dir)


def _exists(ask: Callable[[], bool]) -> bool:
    """Return the answer of ``ask``; False if the system refuses the path, for example as too long."""
    try:
        return ask()
    except (OSError, ValueError):
        return False


def take_lock(file: int) -> bool:
    """Lock an open file and return True; False if another process has it; True, too, where there are no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without them
        return True
    return True
