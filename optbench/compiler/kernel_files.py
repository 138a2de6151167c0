"""Keep compiled kernels in files with checksums: what a crash, a full disk or a stray bit has damaged is never run.

Only numba_inside.py, which puts them into the place of numba's own, knows of numba. Whatever goes wrong here, a kernel
is compiled anew, after one warning a process.
"""

import hashlib
import os
import pickle
import stat
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from optbench.contract.errors import in_one_line


class KernelCacheWarning(RuntimeWarning):
    """Compiled kernels cannot be kept or read, and the next start is as slow as the first; or others can write them."""


_warned: list[str] = []
_shared: list[str] = []
_SEAL = hashlib.sha256().digest_size


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


class ChecksummedFiles:
    """The kernels of one function, a file for each signature and machine, in the place of numba's IndexDataCacheFile.

    A file holds the hash of where it belongs, the hash of the rest, and the rest. There is no index: one file less to
    open, and two processes cannot write past each other.
    """

    def __init__(self, folder: str | os.PathLike, name: str, stamp: Any, dump: Callable[[Any], bytes]):
        """Keep files ``name.*.nbc`` in ``folder``; ``stamp``: of the source and of numba; ``dump`` pickles data."""
        self.folder, self.name, self.stamp, self.dump = Path(folder), name, stamp, dump

    def path(self, key: Any) -> Path:
        """Return the path of a file; ``key``: what numba's cache knows it by, the signature and the machine."""
        return self.folder / f"{self.name}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.nbc"

    def _origin_hash(self, key: Any) -> bytes:
        """Return the sha256 of name, key and stamp: a file that holds another one is of other code, and is not used."""
        return hashlib.sha256(f"{self.name} {key!r} {self.stamp!r}".encode()).digest()

    def load(self, key: Any) -> Any:
        """Return the data that was saved under a key; None if there is none, or if it is damaged or of other code."""
        try:
            data = self.path(key).read_bytes()
        except FileNotFoundError:
            return None
        place, seal, rest = data[:_SEAL], data[_SEAL : 2 * _SEAL], data[2 * _SEAL :]
        if hashlib.sha256(rest).digest() != seal:
            warn_once(f"the compiled kernel {self.path(key)} is damaged")
            return None
        return pickle.loads(rest) if place == self._origin_hash(key) else None

    def save(self, key: Any, data: Any) -> None:
        """Write the data of a key under a temporary name and rename it, so that no process reads half a file."""
        rest = self.dump(data)
        part = self.path(key).with_suffix(f".{uuid.uuid4().hex[:16]}.part")
        try:
            part.write_bytes(self._origin_hash(key) + hashlib.sha256(rest).digest() + rest)
            part.replace(self.path(key))
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise

    def flush(self) -> None:
        """Delete all kernels of the function."""
        for path in self.folder.glob(f"{self.name}.*.nbc"):
            path.unlink(missing_ok=True)

    @contextmanager
    def tolerate_errors(self) -> Iterator[None]:
        """Return a context for reading and writing in which any Exception ends the block with one warning a process.

        A Warning, where the user made errors of warnings, is raised.
        """
        try:
            yield
        except Warning:
            raise  # where the user made errors of warnings
        except Exception as error:  # unpickling raises many kinds
            reason = getattr(error, "strerror", None) or in_one_line(error)
            warn_once(f"compiled kernels cannot be kept in {self.folder}: {reason}")
