"""The user's files elsewhere: what was read for a set, and copies to read in its place where a worker got them sent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_COPIES: ContextVar[Mapping[str, Path]] = ContextVar("copies")
_READ: dict[str, dict[str, tuple[Path, ...]]] = {}


def copy_of(path: str) -> Path | None:
    """The copy of a file or folder of this name, if there is one here."""
    return _COPIES.get({}).get(path)


@contextmanager
def copies(places: Mapping[str, Path]) -> Iterator[None]:
    """A context in which the files and folders of these names are read at these places; all names stay as they are."""
    token = _COPIES.set(places)
    try:
        yield
    finally:
        _COPIES.reset(token)


def remember(digest: str, path: str, files: list[Path]) -> None:
    """Keep in mind which files a set of this digest was read from, under which name of a file or folder."""
    _READ.setdefault(digest, {})[path] = tuple(file.absolute() for file in files)


def read_for(digest: str) -> Mapping[str, tuple[Path, ...]]:
    """The files that a set of this digest was read from, under each name that it was asked for by."""
    return _READ.get(digest, {})
