"""The plan of a results folder: the sweep's spec, its cohorts in order, and the checksums of all other files."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from annotated_types import Ge, Lt
from pydantic import TypeAdapter

from optbench.contract.arguments import Flag, Text, Whole
from optbench.contract.errors import OptbenchError
from optbench.contract.types import Stage
from optbench.contract.version import __version__
from optbench.plan.spec import COMMON_STAGES
from optbench.store.atomic_files import check_plain, read_bytes, write_text
from optbench.store.cohort_files import AGAIN, DamagedFile

NAME = "manifest.json"
# Version of the manifest's layout: rises when it changes
FORMAT = 2
_NAMED = 4
"""The most problems that are named among those with missing cohorts."""


class DamagedManifest(OptbenchError):
    """Raised for a manifest whose content is not what was written; ``what``: what is wrong, in words."""

    def __init__(self, what: str):
        """Take what is wrong, behind which the message says how to go on."""
        super().__init__(f"{what}: {AGAIN}")
        self.what = what


class Entry(NamedTuple):
    """A cohort of the plan, and its place in the sweep."""

    cohort_id: Text
    stage: Stage
    block: Annotated[Whole, Ge(-1), Lt(2**63)]
    problem: Text
    optimizer: Text
    runs: Whole
    parts: tuple[Text, ...] = ()
    """Cohorts whose records hold some of its runs, until it has a record of its own."""


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``."""

    spec: Text
    """The text of ``spec.toml``."""
    cohorts: tuple[Entry, ...]
    """In the order of the tables; later stages are planned when earlier ones have run."""
    stages: tuple[Stage, ...]
    """All stages of the sweep, those that are not planned yet among them."""
    finished: Flag = False
    """True if the final tables have all of these cohorts."""
    missing: Text = ""
    """A sentence on what the final tables lack; empty if they lack nothing."""
    shard: Text = ""
    """The part of the sweep that this is, such as "2/8"; empty for the whole."""
    files: dict[Text, Text] = field(default_factory=dict)
    """The sha256 of the spec, the provenance and the final tables, by name."""
    optbench: Text = __version__
    """The version that wrote it."""
    format: Whole = FORMAT

    def write(self, directory: Path) -> None:
        """Write the manifest into a folder, with its checksum. Raise OSError if writing fails."""
        write_text(directory / NAME, _seal(_adapter().dump_json(self)).decode())

    def check(self, directory: Path, name: str) -> None:
        """Raise DamagedFile if a file with a known checksum has another one, or is gone."""
        if name not in self.files:
            return
        path = directory / name
        try:
            same = digest_of(path) == self.files[name]
        except OSError as error:
            raise DamagedFile(f"cannot read {str(path)!r} ({error.strerror}): {AGAIN}") from None
        if not same:
            raise DamagedFile(f"{str(path)!r} is damaged (its checksum is wrong): {AGAIN}")

    def find_sources(self, records: Iterable[str]) -> list[tuple[Entry, str]]:
        """Return the cohorts in order, each with the records that hold its runs: its own, or else those of its parts.

        records: the ids of the cohorts that have one.
        """
        there, pairs = set(records), []
        for entry in self.cohorts:
            ids = [entry.cohort_id] if entry.cohort_id in there else entry.parts
            pairs += [(entry, cohort_id) for cohort_id in ids if cohort_id in there]
        return pairs

    def describe_missing(self, sources: Iterable[tuple[Entry, str]], begun: bool = False) -> str:
        """Return a sentence on what is missing in tables from these sources; "" if nothing is.

        begun: all stages were planned, even if one has no cohorts.
        """
        texts = [f"part {self.shard} of the sweep: optbench merge joins the parts"] if self.shard else []
        there = {entry.cohort_id for entry, cohort_id in sources if cohort_id == entry.cohort_id}
        missing = [entry for entry in self.cohorts if entry.cohort_id not in there]
        later = [] if begun else self._list_later(missing)
        if missing:
            verb, so_far = "is" if len(missing) == 1 else "are", " planned so far" * bool(later)
            count = f"{len(missing):,} of {len(self.cohorts):,} cohorts{so_far} {verb} missing"
            texts.append(f"{count} ({_name_pairs(missing)})")
        if later:
            what = "stages that are planned when these are complete" if missing else "stages not begun"
            texts.append(f"{what}: {', '.join(later)}")
        return f"unfinished: {'; '.join(texts)}" if texts else ""

    def _list_later(self, missing: Sequence[Entry]) -> list[Stage]:
        """Return the stages with cohorts that are not planned yet: those behind the last one that is planned.

        A block that lacks cohorts waits for them, while others go on.
        """
        place = {stage: number for number, stage in enumerate(self.stages)}
        last: dict[tuple[str, int], int] = {}
        for entry in self.cohorts:
            unit = entry.problem, entry.block
            last[unit] = max(last.get(unit, 0), place.get(entry.stage, 0))  # a widened screen is a screen
        most = max(last.values(), default=-1)
        least = min((last[each.problem, each.block] for each in missing if each.block >= 0), default=most)
        return [each for each in self.stages if place[each] > (most if each in COMMON_STAGES else least)]


@cache
def _adapter() -> TypeAdapter:
    """Return pydantic's validator of manifests."""
    return TypeAdapter(Manifest)


def read_manifest(directory: Path) -> Manifest | None:
    """Return the folder's manifest; None if there is none. Raise OptbenchError if it is damaged."""
    path = directory / NAME
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OptbenchError(f"cannot read {str(path)!r}: {error.strerror}") from None
    body = content.partition(b"\n")[2].removeprefix(b'"manifest": ').removesuffix(b"}\n")
    if content != _seal(body):
        raise DamagedManifest(f"{str(path)!r} is damaged (its checksum is wrong)")
    try:
        raw = json.loads(body)
        version, known = str(raw["optbench"]), raw["format"] == FORMAT
        if known:
            return _adapter().validate_python(raw)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DamagedManifest(f"{str(path)!r} is no list of a sweep's cohorts") from None
    raise OptbenchError(
        f"optbench {version} wrote {str(path)!r} in another format than {__version__} reads: use that version"
    )


def digest_of(path: Path) -> str:
    """Return the sha256 of a file. Raise OSError."""
    check_plain(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(body: bytes) -> bytes:
    """Return the content of a manifest's file: the JSON of the manifest, behind its checksum."""
    return b'{"sha256": "%s",\n"manifest": %s}\n' % (hashlib.sha256(body).hexdigest().encode(), body)


def _name_pairs(entries: Sequence[Entry]) -> str:
    """Return the problems of these cohorts with their optimizers as text: "mlp: gd, adam; rosenbrock: gd"."""
    found: dict[str, dict[str, None]] = {}
    for entry in entries:
        found.setdefault(entry.problem, {})[entry.optimizer] = None
    named = [f"{problem}: {', '.join(optimizers)}" for problem, optimizers in list(found.items())[:_NAMED]]
    more = f"; and {len(found) - _NAMED:,} more problems" if len(found) > _NAMED else ""
    return "; ".join(named) + more
