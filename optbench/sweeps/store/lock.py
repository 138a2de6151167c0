"""One process at a time: writes into a result folder, or does what another one waits for.

The kernel's lock on a file is what counts: it goes when its owner dies, however it dies. What stands in the file says
who the owner is. It guards threads of one process against each other, too.
"""

import datetime
import json
import os
import platform
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optbench.contract.errors import OptbenchError

try:
    import fcntl
except ImportError:  # a system without it has no lock that goes with its owner, and so none
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the folder. Raises OptbenchError where another has it, OSError where it cannot be written."""
    path = directory / NAME
    file = _open(directory, path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: whoever waits for the old file sees that it is another
        os.close(file)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in such a context with this file, which is made; without locks nobody waits.

    Raises OSError where the file cannot be made or locked.
    """
    with path.open("wb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed, or the process ends
        yield


def _open(directory: Path, path: Path) -> int:
    while True:
        # A link in a folder of somebody else's may lead to any file of the user's, and the lock's is emptied.
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OptbenchError(f"{str(path)!r} is no plain file, and so no lock: {_removal(path)}")
            has = _take(file)
            if not has:
                raise OptbenchError(f"{str(directory)!r} is in use{_owner(path)}: wait for it, or choose another --out")
            if _same(file, path):
                _write(directory, path, file)
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # its owner has just left, and its file with it


def _take(file: int) -> bool:
    """Whether the kernel gives the lock; one that has none to give is taken to do so."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _same(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _write(directory: Path, path: Path, file: int) -> None:
    told = _content(path)
    if told.get("host", platform.node()) != platform.node():
        # The kernels of two hosts need not know of each other's locks.
        raise OptbenchError(
            f"{str(directory)!r} is in use{_owner(path)}, which cannot be asked from here; if that process has ended, "
            f"{_removal(path)}"
        )
    now = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps({"pid": os.getpid(), "host": platform.node(), "since": now}).encode(), 0)


def _removal(path: Path) -> str:
    """How to remove a lock, in words."""
    return f"remove it and run again: rm {shlex.quote(str(path))}"


def _owner(path: Path) -> str:
    for _ in range(10):
        if told := _content(path):
            break
        time.sleep(0.02)  # it may have the lock and be about to write
    return f" by process {told['pid']} on {told['host']} since {told['since']}" if told else ""


def _content(path: Path) -> dict[str, Any]:
    """What its owner wrote; nothing where that is not to be read."""
    try:
        content = json.loads(path.read_bytes())
        return {key: content[key] for key in ("pid", "host", "since")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
