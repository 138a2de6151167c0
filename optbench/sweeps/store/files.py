"""Files that appear whole or not at all: written aside, brought to the disk, renamed. What is no file is not read."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

SCRATCH = ".tmp-"
"""How the names of files begin that are not yet whole."""


def scratch_of(path: Path) -> Path:
    """Where a file is written before it has its name."""
    return path.with_name(f"{SCRATCH}{os.getpid()}-{path.name}.part")


def check_plain(path: Path) -> None:
    """Raise OSError where no plain file is there: a pipe or a device may never come to an end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))


def read_bytes(path: Path) -> bytes:
    """Return the content of a plain file. Raise OSError."""
    check_plain(path)
    return path.read_bytes()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file. Raises OSError, and leaves what was there before."""
    put(path, lambda scratch: scratch.write_bytes(content))


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8. Raises OSError, and leaves what was there before."""
    put(path, lambda scratch: scratch.write_text(text, encoding="utf-8"))


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file elsewhere, and put it in its place. Raises OSError."""
    scratch = scratch_of(path)
    try:
        write(scratch)
        to_disk(scratch)
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut. Raises OSError."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
