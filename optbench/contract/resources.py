"""Cores, memory and disk of this machine, and the refusal of work that needs more."""

import contextlib
import ctypes
import errno
import os
import shutil
from functools import cache
from math import ceil
from pathlib import Path

from optbench.contract.errors import OptbenchError

with contextlib.suppress(ImportError):  # POSIX has it
    import resource

REAL = 8
"""Bytes of a float64."""
_ADDRESSES = 1.2 * 2**30
"""Bytes of address space that a command reserves at most under a limit; most of it is never used. On two cores a small
sweep with its page ran in 1.0 GiB (measured). Below its need no command starts: OpenBLAS waits for ever where it gets
no memory."""
_LESS_ADDRESSES = {"compare": 0.75 * 2**30, "info": 2**29, "list": 2**29, "show": 2**29}
"""The same of commands that need less: measured, 0.7 GiB, and 0.4 of those that compute nothing."""
_ARENA_MAX = -8
"""M_ARENA_MAX of glibc's malloc.h."""
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_QUOTAS = (("/sys/fs/cgroup/cpu.max",), ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"))
"""Files with a container's CPU quota and its period."""


def cores() -> int:
    """Return how many cores this process may use, within its container's CPU quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, ceil(min(allowed, _quota())))


@cache
def _quota() -> float:
    """Return the CPU quota in cores; infinity without one. Read once."""
    for paths in _QUOTAS:
        with contextlib.suppress(ValueError, OSError):  # "max" where there is no limit, and -1 in the older kind
            quota, period = map(int, " ".join(Path(path).read_text() for path in paths).split())
            if quota > 0 and period > 0:
                return quota / period
    return float("inf")


@cache
def available_memory() -> float:
    """Return the bytes of memory that this process may use, within its container's and its own limit. Read once."""
    known = [_address_limit()]
    with contextlib.suppress(AttributeError, ValueError, OSError):
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _LIMITS:
        with contextlib.suppress(ValueError, OSError):  # "max" where there is no limit
            known.append(int(Path(path).read_text()))
    return min(each for each in known if each > 0)


def _address_limit() -> float:
    """Return the bytes that ``ulimit -v`` allows; infinity if there is no such limit."""
    with contextlib.suppress(NameError, ValueError, OSError):
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            return float(limit)
    return float("inf")


def need_addresses(command: str) -> None:
    """Let libraries reserve less under a limit of addresses (``ulimit -v``); to be called before they are imported.

    A small sweep with its page has reserved 1.04 GB so, and 2.62 GB else; measured. command: its name, such as "sweep".
    Raises OptbenchError under a limit at which its libraries may hang or crash.
    """
    if (limit := _address_limit()) < _need_of(command):
        raise OptbenchError(f"out of memory: ulimit -v allows {size_text(limit)}, {_needs(command)}")
    if limit < float("inf"):
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # mimalloc, its default, begins with 1 GiB
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # 80 MB a core; runs use one thread in any case
        os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # of worker processes; glibc's arenas are 64 MiB a thread
        with contextlib.suppress(AttributeError, OSError, TypeError):  # glibc alone has it
            ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


def _need_of(command: str) -> float:
    """Return the bytes of address space that a command needs."""
    return _LESS_ADDRESSES.get(command, _ADDRESSES)


def _needs(command: str) -> str:
    """Return what a command needs, and how to get it, as the end of a message."""
    more = "raise it, or the batch system's --mem" if _address_limit() < float("inf") else "give fewer workers"
    return f"and optbench {command} needs about {size_text(_need_of(command))}: {more}"


def memory_ran_out(error: BaseException, command: str) -> str:
    """Return a message about memory for an error that means that there is too little; command: what ran."""
    text = str(error)
    full = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    if not (full or "start new thread" in text or "failed to map segment" in text):
        return ""
    limit = _address_limit()
    there = (
        f"ulimit -v allows {size_text(limit)}" if limit < float("inf") else f"there are {size_text(available_memory())}"
    )
    return f"out of memory ({' '.join(text.split())[:100]}): {there}, {_needs(command)}"


def free_disk(folder: Path) -> float:
    """Return the free bytes on the disk of a folder, which need not exist."""
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return float("inf")


def need_memory(what: str, size: float) -> None:
    """Raise OptbenchError if work, ``what`` in words, takes more bytes (``size``) than there is memory."""
    if size > (there := available_memory()):
        raise OptbenchError(f"{what} needs {size_text(size)} of memory, and this machine has {size_text(there)}")


def need_disk(what: str, folder: Path, size: float) -> None:
    """Raise OptbenchError if a folder's disk has fewer free bytes than ``size``; ``what`` takes them, in words."""
    if size > (free := free_disk(folder)):
        raise OptbenchError(f"{what} needs {size_text(size)} on disk, and {size_text(free)} are free in {folder}")


def size_text(size: float) -> str:
    """Return a number of bytes as a text, in the largest unit that fits."""
    unit = min(max((int(size).bit_length() - 1) // 10, 0), len(_UNITS) - 1)
    return f"{size / 1024**unit:.3g} {_UNITS[unit]}"
