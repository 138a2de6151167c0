"""What may go wrong with files of compiled kernels: others write there, at the same time or at all, or a disk is full.

Only numba_inside.py knows of numba. Whatever goes wrong here, a kernel is compiled anew, after one warning a process.
"""

import os
import stat
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from optbench.contract.errors import in_one_line
from optbench.contract.paths import take_lock

WAIT_SECONDS = 5
"""The longest wait for another process that writes kernels, which takes it milliseconds."""


class KernelCacheWarning(RuntimeWarning):
    """Compiled kernels cannot be kept or read, and the next start is as slow as the first; or others can write them."""


_warned: list[str] = []
_shared: list[str] = []


def warn_once(what: str) -> None:
    """Warn that kernels cannot be kept, once in a process; ``what``: what has happened, and where."""
    if not _warned:
        _warned.append(what)
        warnings.warn(f"{what}: kernels are compiled anew, which takes seconds each", KernelCacheWarning, 2)


def warn_if_shared(folder: str | os.PathLike) -> None:
    """Warn, once in a process, if somebody else can put kernels in a folder: they would run as this user's."""
    try:
        found = os.stat(folder)
    except OSError:
        return
    mine = not hasattr(os, "geteuid") or found.st_uid in (os.geteuid(), 0)
    private = found.st_gid == found.st_uid  # a group for each user, as many systems have it
    open_to = stat.S_IWOTH if private else stat.S_IWOTH | stat.S_IWGRP
    if (not mine or found.st_mode & open_to) and not _shared:
        _shared.append(str(folder))
        warnings.warn(
            f"others can write to {str(folder)!r}, where compiled kernels are kept, and what they put there would run: "
            "set NUMBA_CACHE_DIR to a folder of your own",
            KernelCacheWarning,
            2,
        )


@contextmanager
def one_writer(folder: str | os.PathLike) -> Iterator[bool]:
    """Hold the lock by which one process at a time writes kernels into a folder; yield whether it could be had.

    numba keeps an index of a function's kernels: of two writers at once one loses its entry, or both take one name for
    two kernels. The lock is held for milliseconds. Where another process keeps it for longer, because it is suspended,
    a warning names that process, once, and later calls try without waiting. Raises OSError if the file cannot be made.
    """
    path, held = Path(folder) / "kernels.lock", False
    # A link, in a folder in which others can write, may lead to any file of the user's.
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        end = time.monotonic() + (0 if _warned else WAIT_SECONDS)
        while not (held := held or take_lock(file)) and time.monotonic() < end:
            time.sleep(0.02)
        if held:
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
        else:
            owner = os.pread(file, 20, 0).decode(errors="replace")
            warn_once(f"process {owner} has held {path} for {WAIT_SECONDS} s, and kernels are not kept meanwhile")
        yield held
    finally:
        os.close(file)


@contextmanager
def tolerate_errors(folder: str | os.PathLike, mend: Callable[[], None]) -> Iterator[None]:
    """Return a context for reading and writing kernels in which an Exception ends the block, with one warning.

    folder: where they are kept; mend: called then, such as to delete what cannot be read. A Warning, where the user
    made errors of warnings, is raised.
    """
    try:
        yield
    except Warning:
        raise  # where the user made errors of warnings
    except Exception as error:  # unpickling raises many kinds
        with suppress(Exception):
            mend()
        reason = getattr(error, "strerror", None) or in_one_line(error)
        warn_once(f"compiled kernels cannot be kept in {folder}: {reason}")
