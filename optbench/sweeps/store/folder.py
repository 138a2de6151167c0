"""The result folder: every cohort written at once or not at all, so that a killed sweep loses nothing finished.

``cohorts/ID.cohort`` appears by renaming a finished file, and tells by its checksum whether it is whole. A run is
looked for in all of them, so that a cohort of which some runs are there already has only the others run. The tables of
the whole sweep are put together in the order of the plan, and so do not depend on who ran what when.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from optbench.contract.errors import OptbenchError
from optbench.sweeps.planned import PlannedCohort, planned_cohort
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml
from optbench.sweeps.store import final_tables, manifest, resume
from optbench.sweeps.store.cohort_files import Damaged, encode
from optbench.sweeps.store.extension import unkept
from optbench.sweeps.store.files import SCRATCH, put, read_bytes, to_disk, write_bytes, write_text
from optbench.sweeps.store.lock import locked
from optbench.sweeps.store.manifest import Entry, Manifest
from optbench.sweeps.store.reading import missing_text
from optbench.sweeps.store.run_index import HeldRuns, composed

_NAMED = 5
"""So many damaged files are named; of more the number is told."""


@contextmanager
def opened(
    directory: str | Path,
    spec: Spec,
    provenance: Mapping,
    tell: Callable[[str], None],
    shard: str = "",
    extend: bool = False,
) -> Iterator["Store"]:
    """The folder, for this process alone; extend: it may hold a part of the sweep.

    Raises OptbenchError where it is in use, and as ``Store`` does.
    """
    path = _checked(directory, spec)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with locked(path):
            yield Store(path, spec, provenance, tell, shard, extend)
    except OSError as error:
        raise unwritable(path, error) from None


class Store:
    """A folder of results. Raises OptbenchError where it cannot be used, or holds another sweep."""

    def __init__(
        self,
        directory: str | Path,
        spec: Spec,
        provenance: Mapping,
        tell: Callable[[str], None] = lambda text: None,
        shard: str = "",
        extend: bool = False,
    ):
        self.directory, self._tell, self._spec = _checked(directory, spec), tell, spec
        self.cohorts, self._damaged = self.directory / "cohorts", self.directory / "cohorts" / "damaged"
        self._whole: set[str] = set()
        self._bad: dict[str, str] = {}
        try:
            self._before = resume.claimed(self.directory, spec, tell, extend, shard)
            self._made, self._provenance = read_json(self.directory / "provenance.json"), provenance
            self.cohorts.mkdir(parents=True, exist_ok=True)
            for folder in (self.directory, self.cohorts):
                for leftover in folder.glob(f"{SCRATCH}*"):
                    leftover.unlink()
            write_text(self.directory / "spec.toml", to_toml(spec))
            write_text(self.directory / "provenance.json", json.dumps(provenance, indent=1) + "\n")
        except OSError as error:
            raise OptbenchError(f"cannot write to {str(directory)!r}: {reason(error)}") from None
        self._manifest = Manifest(to_toml(spec), (), shard=shard)

    def has(self, cohort_id: str) -> bool:
        """Whether a cohort's file is there, and whole: a damaged one is set aside, as if it had never been written."""
        if cohort_id not in self._whole:
            path = final_tables.file_of(self.cohorts, cohort_id)
            try:
                final_tables.checked(path, cohort_id)
            except FileNotFoundError:
                return False
            except (OSError, Damaged) as error:
                self._set_aside(path, error)
                return False
            self._whole.add(cohort_id)
        return True

    def _set_aside(self, path: Path, error: Exception) -> None:
        self._bad[path.name] = str(error)
        try:
            self._damaged.mkdir(exist_ok=True)
            path.replace(self._damaged / path.name)
        except OSError as refused:
            raise unwritable(self.directory, refused) from None

    def save(self, cohort_id: str, content: bytes) -> None:
        """Keep a finished cohort's file. Raises OptbenchError where the disk refuses; what was saved before stays."""
        try:
            write_bytes(final_tables.file_of(self.cohorts, cohort_id), content)
        except OSError as error:
            raise unwritable(self.directory, error) from None
        self._whole.add(cohort_id)

    def begin(self, planned: Sequence[PlannedCohort], first: int = 0) -> list[PlannedCohort]:
        """What is to run of the cohorts from the number ``first`` on: a cohort of which some runs are there in other
        files becomes one of the others alone, and what is there stands in the tables meanwhile. The manifest has them
        all from now on."""
        new = planned[first:]
        missing = {each.cohort_id for each in new if not self.has(each.cohort_id)}
        elsewhere = self.elsewhere(planned) if missing else HeldRuns()
        if first == 0 and self._before:
            self.tell_unkept(planned, self._before.cohorts, self._made, elsewhere)
        rest, entries = [], []
        for each in new:
            parts: tuple[str, ...] = ()
            if each.cohort_id in missing and elsewhere:
                lanes, parts = elsewhere.missing(each.run_ids)
                if parts and not lanes:
                    self._compose(each, parts)
                    parts = ()
                elif parts and not elsewhere.within(parts, each.run_ids):
                    there = _part(each, sorted({*range(each.runs)} - {*lanes}))
                    self._compose(there, parts)
                    parts = (there.cohort_id,)
            # A shard reports on what each block has chosen, the sweep on what all recommend as well. To end with the
            # sweep's very bytes, such a cohort runs as a whole: the last bits of a run may depend on how many run
            # beside it, for vectors have a width.
            rest.append(_part(each, lanes) if parts and each.stage != "holdout" else each)
            entries.append(_entry(each, parts))
        self._report_damage()
        self._manifest = replace(
            self._manifest, cohorts=(*self._manifest.cohorts, *entries), finished=False, missing=""
        )
        self._write_manifest()
        return rest

    def tell_unkept(
        self,
        planned: Sequence[PlannedCohort],
        before: Sequence[Entry],
        made: Mapping,
        elsewhere: HeldRuns,
        where: str = "",
    ) -> None:
        """Say how many runs of a folder with these cohorts the plan does not keep. made: that folder's provenance."""
        stages = {each.stage for each in planned}
        there = [entry for entry in before if entry.stage in stages and self.has(entry.cohort_id)]
        held = elsewhere.only({entry.cohort_id for entry in there})
        if text := unkept(planned, there, held, made, self._provenance, self._manifest.shard):
            self._tell(f"{where}{text}")

    def complete(self, planned: Sequence[PlannedCohort], first: int = 0) -> None:
        """Put the runs of each cohort from the number ``first`` on into a file of its own, where they all are there."""
        missing = [each for each in planned[first:] if not self.has(each.cohort_id)]
        elsewhere = self.elsewhere(planned) if missing else HeldRuns()
        for each in missing:
            lanes, parts = elsewhere.missing(each.run_ids)
            if not lanes:
                self._compose(each, parts)
        to_disk(self.cohorts)

    def elsewhere(self, planned: Sequence[PlannedCohort]) -> HeldRuns:
        """The runs in files that are no cohort of the plan."""
        names = {each.cohort_id for each in planned}
        others = sorted(name for name in final_tables.names(self.cohorts) if name not in names)
        return HeldRuns.read(self.cohorts, [name for name in others if self.has(name)])

    def _compose(self, each: PlannedCohort, parts: Sequence[str]) -> None:
        tables = {name: final_tables.whole(self.cohorts, name) for name in parts}
        self.save(each.cohort_id, encode(each.cohort_id, composed(each.cohort_id, each.run_ids, tables)))
        held = set(each.run_ids)
        for name, part in tables.items():
            if held.issuperset(part["runs"]["run_id"].to_pylist()):
                final_tables.file_of(self.cohorts, name).unlink()
                self._whole.discard(name)

    def _report_damage(self) -> None:
        if self._bad:
            named = [f"{name} ({why})" for name, why in list(self._bad.items())[:_NAMED]]
            more = f" and {len(self._bad) - _NAMED:,} more" if len(self._bad) > _NAMED else ""
            self._tell(f"damaged, set aside in {self._damaged} and run again: {', '.join(named)}{more}")
            self._bad.clear()

    def runs(self, only: frozenset[str] | None = None) -> pd.DataFrame:
        """The runs that are there, in the order of the plan: what the next stage is planned from. only: of these."""
        pairs = self._held(only)
        return final_tables.runs_of(self.cohorts, pairs, lambda name: name != "cohort_id" and not name.startswith("w_"))

    def _held(self, only: frozenset[str] | None) -> list[tuple[Entry, str]]:
        pairs = final_tables.held(self.cohorts, self._manifest.cohorts)
        return pairs if only is None else [pair for pair in pairs if pair[0].cohort_id in only]

    def finish(self, extra: Mapping[str, pa.Table], begun: bool = True, only: frozenset[str] | None = None) -> None:
        """Write the tables of the whole sweep, from what is there of its cohorts; begun: all its stages were; only:
        these alone."""
        pairs = self._held(only)
        try:
            if pairs:
                final_tables.put_together(self.cohorts, pairs, self.directory)
            for name, table in extra.items():
                write_table(self.directory / f"{name}.parquet", table)
        except OSError as error:
            raise unwritable(self.directory, error) from None
        missing = missing_text(self._manifest, pairs, begun)
        self._manifest = replace(self._manifest, finished=True, missing=missing)
        self._write_manifest([f"{name}.parquet" for name in (*final_tables.TABLES, *extra)])
        to_disk(self.directory)

    def _write_manifest(self, names: Sequence[str] = ()) -> None:
        try:
            paths = [self.directory / name for name in ("spec.toml", "provenance.json", *names)]
            digests = {path.name: manifest.digest_of(path) for path in paths if path.exists()}
            self._manifest = replace(self._manifest, files=digests)
            self._manifest.write(self.directory)
        except OSError as error:
            raise unwritable(self.directory, error) from None

    def leave(self, name: str, text: str) -> None:
        """Write a file of text beside the tables. Raises OptbenchError where the disk refuses."""
        try:
            write_text(self.directory / name, text)
        except OSError as error:
            raise unwritable(self.directory, error) from None


def read_json(path: Path) -> Mapping:
    """What a file holds; nothing where it is not there, or damaged."""
    try:
        content = json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _entry(planned: PlannedCohort, parts: Sequence[str] = ()) -> Entry:
    names = planned.cohort.problem.name, planned.cohort.optimizer.name
    return Entry(planned.cohort_id, planned.stage, planned.block, *names, planned.runs, tuple(parts))


def _part(planned: PlannedCohort, lanes: Sequence[int]) -> PlannedCohort:
    """The cohort of these lanes alone."""
    cohort = replace(planned.cohort, lanes=tuple(planned.cohort.lanes[lane] for lane in lanes))
    return planned_cohort(cohort, planned.stage, planned.block)


def _checked(directory: str | Path, spec: Spec) -> Path:
    try:
        f"{directory}{to_toml(spec)}".encode()
    except UnicodeEncodeError:
        raise OptbenchError("the paths of --out and --plugin must be valid UTF-8") from None
    return Path(directory)


def unwritable(directory: Path, error: OSError) -> OptbenchError:
    """The disk's refusal, in a line, with what to do."""
    begun = False
    with suppress(OSError, OptbenchError):  # of a path that no disk can have
        begun = bool(final_tables.names(directory / "cohorts"))
    cure = "what was finished is kept, run the same command again to go on" if begun else "choose another --out"
    return OptbenchError(f"cannot write to {str(directory)!r}: {reason(error)}; {cure}")


def reason(error: OSError) -> str:
    """What the system says: Arrow's own errors have more around it."""
    return os.strerror(error.errno) if error.errno else " ".join(str(error).split())


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file at once or not at all. Raises OSError."""
    put(path, lambda scratch: pq.write_table(table, scratch, compression="zstd"))
