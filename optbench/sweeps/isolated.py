"""What comes from a user's file."""

from functools import cache
from pathlib import Path

from optbench.catalogue.loader import shipped_files
from optbench.contract.source_code import SourceFile


@cache
def _shipped() -> frozenset[Path]:
    return frozenset(path.resolve() for path in shipped_files())


@cache
def foreign(origins: tuple[SourceFile, ...]) -> bool:
    """Whether one of the files is not part of this package."""
    return any(origin.file.resolve() not in _shipped() for origin in origins)
