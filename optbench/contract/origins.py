"""Where a record comes from: the file that defines it, and a hash of that file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Origin:
    """The file of one record. A composed record has one for each of its parts, outermost first."""

    key: str
    """Kind and name: ``optimizer adam``."""
    file: Path
    """Where it stands."""
    sha256: str
    """Of the file's content."""


def digest(origins: Iterable[Origin]) -> str:
    """The sha256 of all files that a record is made from: results depend on them.

    Args:
        origins: those of the record.

    Returns:
        The hashes, in their order, with blanks between.
    """
    return " ".join(origin.sha256 for origin in origins)
