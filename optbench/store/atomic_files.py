"""Files that appear whole or not at all, and a lock by which one process at a time writes into a folder."""

import datetime
import errno
import json
import os
import platform
import shlex
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optbench.contract.errors import OptbenchError
from optbench.contract.paths import take_lock

SCRATCH = ".tmp-"
"""The beginning of the names of files that are not yet whole."""
LOCK = ".lock"


def check_plain(path: Path) -> None:
    """Raise OSError unless the path is a plain file: reading from a pipe or a device may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))


def read_bytes(path: Path) -> bytes:
    """Return the content of a plain file. Raises OSError if it cannot be read."""
    check_plain(path)
    return path.read_bytes()


def append_bytes(path: Path, content: bytes, new: bool) -> int:
    """Append to a file, and return where the content begins. Raises OSError if that fails; the file then is as before.

    new: make the file, which must not be there yet.
    """
    make = os.O_CREAT | os.O_EXCL if new else 0
    file = os.open(path, os.O_WRONLY | os.O_APPEND | make | getattr(os, "O_BINARY", 0), 0o666)
    try:
        begin, rest = os.fstat(file).st_size, memoryview(content)
        try:
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            os.ftruncate(file, begin)
            if new:
                path.unlink()
            raise
        return begin
    finally:
        os.close(file)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8. Raises OSError if that fails; the previous file then stays."""
    with replace_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; afterwards the file is flushed to the disk and renamed to `path`.

    Raises OSError if that fails; the previous file then stays.
    """
    scratch = path.with_name(f"{SCRATCH}{os.getpid()}-{path.name}.part")
    try:
        yield scratch
        flush_to_disk(scratch)
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def flush_to_disk(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk, so that they survive a power cut. Raises OSError."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def refuse_links(directory: Path) -> None:
    """Raise OptbenchError if a link stands in the place of a folder that results or a report are written to.

    A folder of somebody else's could so have files elsewhere overwritten.
    """
    for name in ("cohorts", "cohorts/damaged", "report", "report/figures", "report/tables", "figures", "tables"):
        if (path := directory / name).is_symlink():
            raise OptbenchError(
                f"{str(path)!r} is a link, and what is written there would land elsewhere: {_advise_removal(path)}"
            )


Note = Callable[[str, float | None], None]
"""Says in a lock what its owner does, and the seconds that are left, if known."""


@contextmanager
def folder_lock(directory: Path) -> Iterator[Note]:
    """Hold the folder, against threads of this process, too. Yields what says in the lock's file what its owner does.

    The lock is flock's: the system releases it when its owner ends, even on SIGKILL. The file says who the owner is.
    Raises OptbenchError if another has it, OSError if it cannot be written.
    """
    path = directory / LOCK
    # A link in a folder of somebody else's may lead to any file of the user's, and the lock's is emptied.
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OptbenchError(f"{str(path)!r} is no plain file, and so no lock: {_advise_removal(path)}")
        if not take_lock(file):
            raise OptbenchError(
                f"{str(directory)!r} is in use{_describe_owner(path)}: wait for it, or choose another --out or out="
            )
        if _read_owner(path).get("host", platform.node()) != platform.node():
            # The systems of two hosts need not know of each other's locks.
            raise OptbenchError(
                f"{str(directory)!r} is in use{_describe_owner(path)}, which cannot be asked from here; if that "
                f"process has ended, {_advise_removal(path)}"
            )
        now = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        owner = {"pid": os.getpid(), "host": platform.node(), "since": now}

        def note(doing: str = "", left: float | None = None) -> None:
            """Write who the owner is and what it does, over what stood there: who reads finds the one or the other."""
            text = json.dumps({**owner, "doing": doing, "left": left}).ljust(os.fstat(file).st_size)
            os.pwrite(file, text.encode(), 0)

        os.ftruncate(file, 0)
        note()
        try:
            yield note
        finally:
            os.ftruncate(file, 0)  # the file stays: who waits for its lock has opened it already
    finally:
        os.close(file)


def read_writer(directory: Path) -> dict[str, Any]:
    """Return pid, host and start of who writes into a folder, what it does, and the seconds left; {} if nobody does."""
    if not _read_owner(directory / LOCK):  # to ask for the lock could be in the way of a sweep that begins
        return {}
    try:
        file = os.open(directory / LOCK, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return {}
    try:
        return {} if take_lock(file) else _wait_for_owner(directory / LOCK)
    finally:
        os.close(file)


def describe_writer(directory: Path) -> str:
    """Return who writes into a folder in words, " by process 7 on host since ..."; "" if nobody does."""
    return _describe(read_writer(directory))


def _advise_removal(path: Path) -> str:
    """Return the words that say how to remove a lock."""
    return f"remove it and run again: rm {shlex.quote(str(path))}"


def _describe_owner(path: Path) -> str:
    """Return the owner of a lock in words, " by process 7 on host since ..."; "" if unknown."""
    return _describe(_wait_for_owner(path))


def _describe(owner: Mapping[str, Any]) -> str:
    """Return an owner in words; "" for none."""
    return f" by process {owner['pid']} on {owner['host']} since {owner['since']}" if owner else ""


def _wait_for_owner(path: Path) -> dict[str, Any]:
    """Return the owner of a lock, which may have it and be about to write; {} if unknown."""
    for _ in range(10):
        if owner := _read_owner(path):
            return owner
        time.sleep(0.02)
    return {}


def _read_owner(path: Path) -> dict[str, Any]:
    """Return pid, host and start of a lock's owner, as it wrote them, and what it does; {} if they cannot be read."""
    try:
        content = json.loads(path.read_bytes())
        return {key: content[key] for key in ("pid", "host", "since")} | {
            "doing": content.get("doing", ""), "left": content.get("left")
        }  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
