"""A sweep's files for machines that do not have them: plug-ins and data, by content.

Names stay those that the sweep was given, and with them all ids; only the places of the files differ.
"""

import contextlib
import hashlib
import importlib.metadata
import platform
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from optbench.catalogue.sources import files_of
from optbench.contract.errors import OptbenchError
from optbench.contract.version import __version__
from optbench.datasets.cache import cache_folder, write_atomically
from optbench.datasets.copies import recorded_files


@dataclass(frozen=True)
class PackedFile:
    """A file: its original path, and its content."""

    path: Path
    sha256: str
    content: bytes


@dataclass(frozen=True)
class FileBundle:
    """All files that the cohorts of a sweep need besides the package itself, and the versions that they need."""

    plugins: tuple[tuple[PackedFile, ...], ...]
    """Each plug-in, followed by the modules beside it that it imports."""
    data: tuple[tuple[str, tuple[PackedFile, ...]], ...]
    """The name of each file or folder, with the files in it."""
    versions: Mapping[str, str]

    def unpack(self) -> tuple[list[Path], dict[str, Path]]:
        """Write the files that this machine lacks; return the paths of the plug-ins, and those of the data by name."""
        places = {}
        for name, files in self.data:
            copies = _unpack(files)
            places[name] = copies[0] if len(copies) == 1 else copies[0].parent
        return [_unpack(files)[0] for files in self.plugins], places


def pack(plugins: Iterable[str], digests: Iterable[str]) -> FileBundle:
    """Read the files of a sweep, with their content; raise OptbenchError if one cannot be read.

    plugins: their paths. digests: those of its problems' data, "" for no data; a file or folder of data of which a part
    has gone since is left out.
    """
    # A set of the same content that was read before, and whose files have gone since, is not the one that is asked for.
    data = {
        name: files
        for digest in digests
        for name, files in (recorded_files(digest).items() if digest else ())
        if all(file.is_file() for file in files)
    }
    return FileBundle(
        tuple(tuple(map(_pack_file, files_of(Path(path).resolve()))) for path in plugins),
        tuple((name, tuple(map(_pack_file, files))) for name, files in data.items()),
        versions(),
    )


@cache
def versions() -> dict[str, str]:
    """Return the versions, by package, that must be equal on all machines to give the same numbers."""
    packages = {name: importlib.metadata.version(name) for name in ("numba", "numpy", "scipy")}
    return {"optbench": __version__, **packages, "Python": platform.python_version()}


def describe_differences(there: Mapping[str, str]) -> str:
    """Return a text that lists the versions here that differ from those in ``there``; "" if none does."""
    here = versions()
    return ", ".join(f"{name} {here[name]}, not {version}" for name, version in there.items() if here[name] != version)


def _pack_file(path: Path) -> PackedFile:
    """Read a file, with its checksum; raise OptbenchError if it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OptbenchError(f"cannot read {str(path)!r}: {error.strerror}") from None
    return PackedFile(path, _sha256(content), content)


def _sha256(content: bytes) -> str:
    """Return the SHA-256 checksum in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _unpack(files: Sequence[PackedFile]) -> list[Path]:
    """Return the paths of these files on this machine: their original ones if they are there unchanged, or copies.

    The other files lie in the folder of the first one, or below it.
    """
    if all(map(_has_same_content, files, (file.path for file in files))):
        return [file.path for file in files]
    digest, home = _sha256("".join(file.sha256 for file in files).encode()), files[0].path.parent
    for parent in (cache_folder, _temporary_folder):  # a home may be read-only
        places = [parent() / "received" / digest[:16] / file.path.relative_to(home) for file in files]
        with contextlib.suppress(OptbenchError):
            for file, place in zip(files, places, strict=True):
                if not _has_same_content(file, place):
                    write_atomically(place, partial(Path.write_bytes, data=file.content), platform.node())
            return places
    raise OptbenchError(f"{platform.node()} cannot keep a copy of {files[0].path.name} in {places[0].parent}")


def _has_same_content(file: PackedFile, place: Path) -> bool:
    """Return True if the file at that path has the content of the packed one."""
    try:
        return _sha256(place.read_bytes()) == file.sha256
    except OSError:
        return False


@cache
def _temporary_folder() -> Path:
    """Return a temporary folder, the same in the whole process."""
    return Path(tempfile.mkdtemp(prefix="optbench-"))
