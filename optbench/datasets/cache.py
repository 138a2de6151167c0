"""The cache folder, and atomic writes into it.

Files are below ``OPTBENCH_DATA``, or else ``XDG_CACHE_HOME`` or ``~/.cache``. A file under its final name is complete,
even if the process that wrote it was killed.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from optbench.contract.errors import OptbenchError

_STALE = 3600.0  # seconds after which a half-written folder belongs to a process that was killed


def cache_folder() -> Path:
    """Return the folder of files that are kept between processes: that of OPTBENCH_DATA, or one in the user's cache."""
    own, general = os.environ.get("OPTBENCH_DATA"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own).expanduser()
    return (Path(general) if general and Path(general).is_absolute() else Path.home() / ".cache") / "optbench"


def write_atomically(target: Path, write: Callable[[Path], object], owner: str) -> None:
    """Let ``write`` make a file or folder under another name, then rename it to ``target``, if that is not there.

    ``owner``: begins the message of the OptbenchError that is raised if it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _delete_unfinished(target.parent)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent, ignore_cleanup_errors=True) as folder:
            write(Path(folder) / target.name)
            try:
                (Path(folder) / target.name).replace(target)
            except OSError:
                if not target.exists():
                    raise
    except (OSError, UnicodeError) as error:  # half a letter in a path, which Arrow cannot take
        raise file_error(owner, "write", target, error) from error


def _delete_unfinished(folder: Path) -> None:
    """Delete unfinished folders that killed processes have left, once they are old."""
    for old in folder.glob(".part-*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _STALE:
                shutil.rmtree(old, ignore_errors=True)


def file_error(owner: str, what: str, path: Path, error: Exception) -> OptbenchError:
    """Return the error for a file that cannot be read or written; owner: begins it; what: a verb, read or write."""
    return OptbenchError(f"{owner}: cannot {what} {path}: {getattr(error, 'strerror', None) or error}")
