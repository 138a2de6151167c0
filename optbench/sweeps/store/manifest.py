"""What a result folder holds: the sweep's spec, its cohorts in order, and the checksums of what is not a cohort."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, get_args

from optbench.contract.errors import OptbenchError
from optbench.contract.types import Stage
from optbench.contract.version import __version__
from optbench.sweeps.store.files import check_plain, read_bytes, write_text

NAME = "manifest.json"
# Version of the manifest's layout: rises when it changes
FORMAT = 1


class DamagedManifest(OptbenchError):
    """The file is not what was written."""


class Entry(NamedTuple):
    """A cohort of the plan, and where in the sweep it stands."""

    cohort_id: str
    stage: Stage
    block: int
    problem: str
    optimizer: str
    runs: int
    parts: tuple[str, ...] = ()
    """The cohorts that hold some of its runs, until its own file does."""


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``."""

    spec: str
    """The text of ``spec.toml``."""
    cohorts: Sequence[Entry]
    """In the order of the tables, as far as they are planned."""
    finished: bool = False
    """Whether the final tables are those of these cohorts."""
    missing: str = ""
    """What the final tables lack, in words."""
    shard: str = ""
    """Which part of the sweep this is, such as "2/8"; empty for the whole."""
    files: dict[str, str] = field(default_factory=dict)
    """The sha256 of the spec, the provenance and the final tables, by name."""
    version: str = __version__

    def write(self, directory: Path) -> None:
        """Write it. Raises OSError."""
        head = {
            "format": FORMAT, "optbench": self.version, "finished": self.finished, "missing": self.missing,
            "shard": self.shard,
            "spec": self.spec, "files": self.files, "columns": Entry._fields,
        }  # fmt: skip
        rows = ",\n".join(json.dumps(entry) for entry in self.cohorts)
        body = f'{json.dumps(head)[:-1]}, "cohorts": [\n{rows}\n]}}\n'
        digest = hashlib.sha256(body.encode()).hexdigest()
        write_text(directory / NAME, f'{{"sha256": "{digest}",\n"manifest": {body}}}\n')

    def check(self, directory: Path, name: str) -> None:
        """Raises OptbenchError where a file is not what was written, or is gone; one it does not know it leaves."""
        if name not in self.files:
            return
        path = directory / name
        try:
            whole = digest_of(path) == self.files[name]
        except OSError as error:
            raise OptbenchError(f"cannot read {str(path)!r} ({error.strerror}): {AGAIN}") from None
        if not whole:
            raise OptbenchError(f"{str(path)!r} is damaged (its checksum is wrong): {AGAIN}")


AGAIN = "run the sweep again, and it is put right from what is there"
_FIELDS = {"spec": str, "finished": bool, "missing": str, "shard": str, "files": dict}
_ROW = [str, str, int, str, str, int, list]
_STAGES = get_args(Stage)


def read(directory: Path) -> Manifest | None:
    """The folder's manifest; None where there is none. Raises OptbenchError where it is damaged."""
    path = directory / NAME
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OptbenchError(f"cannot read {str(path)!r}: {error.strerror}") from None
    first, _, rest = content.partition(b"\n")
    body = rest.removeprefix(b'"manifest": ').removesuffix(b"}\n")
    digest = hashlib.sha256(body).hexdigest()
    if content != b'{"sha256": "%s",\n"manifest": %s}\n' % (digest.encode(), body):
        raise DamagedManifest(f"{str(path)!r} is damaged (its checksum is wrong): {AGAIN}")
    try:
        raw = json.loads(body)
        version = str(raw["optbench"])
        made = _parsed(raw) if raw["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DamagedManifest(f"{str(path)!r} is no list of a sweep's cohorts: {AGAIN}") from None
    if made is None:
        raise OptbenchError(
            f"optbench {version} wrote {str(path)!r} in another format than {__version__} reads: use that version"
        )
    return made


def _parsed(raw: dict[str, Any]) -> Manifest:
    """The manifest of what JSON gave. Raises KeyError or TypeError where that is something else."""
    cohorts = [_entry(row) for row in raw["cohorts"]]
    fields: dict[str, Any] = {key: raw[key] for key in _FIELDS}
    if any(type(fields[key]) is not kind for key, kind in _FIELDS.items()):
        raise TypeError
    if fields["shard"] == "merged":  # written by merge in optbench 0.13.0 and before
        fields["shard"] = ""
    return Manifest(cohorts=cohorts, version=raw["optbench"], **fields)


def _entry(row: list) -> Entry:
    """The entry of a row. Raises TypeError where it is none."""
    if list(map(type, row)) != _ROW:
        raise TypeError
    entry = Entry._make([*row[:-1], tuple(row[-1])])
    texts = all(type(part) is str for part in entry.parts)
    if not texts or entry.stage not in _STAGES or not -1 <= entry.block < 2**63:
        raise TypeError
    return entry


def digest_of(path: Path) -> str:
    """The sha256 of a file. Raises OSError."""
    check_plain(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
