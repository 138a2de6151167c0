"""Copies of the user's files on a worker: which files a set was read from, and where their copies are."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_COPIES: ContextVar[Mapping[str, Path]] = ContextVar("copies")
_READ: dict[str, dict[str, tuple[Path, ...]]] = {}


def find_copy(path: str) -> Path | None:
    """Return where the copy of the file or folder of this name lies; None if it has no copy here."""
    return _COPIES.get({}).get(path)


@contextmanager
def use_copies(places: Mapping[str, Path]) -> Iterator[None]:
    """Let data sets of user's files read copies within the context; their names stay the same.

    places: name of a file or folder -> its copy.
    """
    token = _COPIES.set(places)
    try:
        yield
    finally:
        _COPIES.reset(token)


def record_files(digest: str, path: str, files: list[Path]) -> None:
    """Record the files that a data set of this digest was read from; path: the file or folder as the user named it."""
    _READ.setdefault(digest, {})[path] = tuple(file.absolute() for file in files)


def recorded_files(digest: str) -> Mapping[str, tuple[Path, ...]]:
    """Return the files that a data set of this digest was read from, by the name that the user gave; {} for none."""
    return _READ.get(digest, {})
