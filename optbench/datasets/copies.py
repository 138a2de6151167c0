"""Copies of the user's files on a worker: which files a set was read from, and where their copies are."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_COPIES: ContextVar[Mapping[str, Path]] = ContextVar("copies")
_READ: dict[str, dict[str, tuple[Path, ...]]] = {}


def copy_of(path: str) -> Path | None:
    """Return the copy of a file or folder of this name, if there is one here."""
    return _COPIES.get({}).get(path)


@contextmanager
def copies(places: Mapping[str, Path]) -> Iterator[None]:
    """Read the files and folders of these names at these places within the context; names stay the same."""
    token = _COPIES.set(places)
    try:
        yield
    finally:
        _COPIES.reset(token)


def remember(digest: str, path: str, files: list[Path]) -> None:
    """Record the files that a set of this digest was read from, under the name of a file or folder."""
    _READ.setdefault(digest, {})[path] = tuple(file.absolute() for file in files)


def read_for(digest: str) -> Mapping[str, tuple[Path, ...]]:
    """Return the files that a set of this digest was read from, under each name that the user gave."""
    return _READ.get(digest, {})
