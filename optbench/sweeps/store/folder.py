"""A results folder that a sweep writes: a plan (``manifest.json``) and a set of cohort files.

Resume, extension, shards and merge are operations on that set. A run counts as finished whichever file holds it, so a
sweep runs only the runs that no file holds. The tables are written in the order of the plan, and so depend neither on
the number of workers nor on interruptions.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from optbench.contract.errors import OptbenchError
from optbench.sweeps.planned import PlannedCohort, planned_cohort
from optbench.sweeps.reasons import shortened
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml
from optbench.sweeps.store import final_tables, resume
from optbench.sweeps.store.cohort_files import TABLES, CohortFiles, Damaged, encode
from optbench.sweeps.store.files import SCRATCH, locked, to_disk, write_text
from optbench.sweeps.store.manifest import Entry, Manifest, digest_of
from optbench.sweeps.store.run_index import RunIndex, composed
from optbench.sweeps.tables import failed_tables

_NAMED = 5
"""The most damaged files that a message names; of further ones it states the number."""


@contextmanager
def opened(
    directory: str | Path,
    spec: Spec,
    provenance: Mapping,
    warn: Callable[[str], None],
    shard: str = "",
    extend: bool = False,
) -> Iterator["Store"]:
    """Lock a results folder for this process until the context ends, and yield its store.

    shard: "" or the part of the sweep to run, such as "2/8"; extend: the folder may hold a smaller sweep of which this
    one is an extension. Raises OptbenchError if it is in use, cannot be written, or holds another sweep.
    """
    path = Path(directory)
    try:
        f"{directory}{to_toml(spec)}".encode()
    except UnicodeEncodeError:
        raise OptbenchError("the paths of --out and --plugin must be valid UTF-8") from None
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        with locked(path):
            yield Store(path, spec, provenance, warn, shard, extend)


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn an OSError of the block into an OptbenchError of one line that says what to do."""
    try:
        yield
    except OSError as error:
        begun = False
        with suppress(OSError, OptbenchError):  # of a path that no disk can have
            begun = bool(CohortFiles(directory).ids())
        advice = "what was finished is kept, run the same command again to go on" if begun else "choose another --out"
        # Arrow's own errors have more around what the system says.
        reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
        raise OptbenchError(f"cannot write to {str(directory)!r}: {reason}; {advice}") from None


class Store:
    """A results folder, held by this process."""

    def __init__(
        self,
        directory: Path,
        spec: Spec,
        provenance: Mapping,
        warn: Callable[[str], None] = lambda text: None,
        shard: str = "",
        extend: bool = False,
    ):
        self.directory, self.files, self._warn = directory, CohortFiles(directory), warn
        self._damaged: dict[str, str] = {}
        self._provenance = provenance
        with writing(directory):
            self._before = resume.check_resumable(directory, spec, warn, extend, shard)
            self._provenance_before = resume.read_provenance(directory)
            self.files.folder.mkdir(parents=True, exist_ok=True)
            for folder in (directory, self.files.folder):
                for leftover in folder.glob(f"{SCRATCH}*"):
                    leftover.unlink()
            write_text(directory / "spec.toml", to_toml(spec))
            write_text(directory / "provenance.json", json.dumps(provenance, indent=1) + "\n")
        self._manifest = Manifest(to_toml(spec), (), shard=shard)

    def has(self, cohort_id: str) -> bool:
        """Return True if a cohort's file exists; a damaged one is moved aside, as if it had never been written."""
        try:
            self.files.verify(cohort_id)
        except FileNotFoundError:
            return False
        except (OSError, Damaged) as error:
            path, aside = self.files.path(cohort_id), self.files.folder / "damaged"
            self._damaged[path.name] = str(error)
            with writing(self.directory):
                aside.mkdir(exist_ok=True)
                path.replace(aside / path.name)
            return False
        return True

    def save(self, cohort_id: str, content: bytes) -> None:
        """Save a finished cohort's file. Raises OptbenchError if that fails; files that were saved before stay."""
        with writing(self.directory):
            self.files.save(cohort_id, content)

    def save_failed(self, planned: PlannedCohort, reason: str) -> None:
        """Save a cohort that could not run as failed runs, with the reason. Raises OptbenchError like :meth:`save`."""
        tables = failed_tables(planned.cohort, planned.key, planned.run_ids, shortened(reason))
        self.save(planned.cohort_id, encode(planned.cohort_id, tables))

    def has_failed(self, cohort_id: str) -> bool:
        """Return True if a run of a saved cohort failed; it must have a file."""
        return "failed" in self.files.table(cohort_id, "runs")["status"].to_pylist()

    def begin(self, planned: Sequence[PlannedCohort], first: int = 0) -> list[PlannedCohort]:
        """Add the cohorts from index ``first`` on to the manifest, and return the cohorts to run for them.

        If other files hold some runs of a cohort, these are composed into one file, which the tables use until the
        cohort is complete, and the returned cohort has the other runs only.
        """
        new = planned[first:]
        missing = {each.cohort_id for each in new if not self.has(each.cohort_id)}
        index = self.index_beside(planned) if missing else RunIndex()
        if first == 0 and self._before:
            self.warn_of_dropped(planned, self._before.cohorts, self._provenance_before, index)
        to_run, entries = [], []
        for each in new:
            rest: PlannedCohort = each
            parts: tuple[str, ...] = ()
            if each.cohort_id in missing:
                found, sources = index.find(each.run_ids)
                if sources:
                    there = _subset(each, found)
                    self._compose(there, sources)
                    parts = (there.cohort_id,)
                    # In the holdout a shard lacks the settings that all blocks recommend. To end with the bytes of the
                    # whole sweep, such a cohort runs as a whole: the last bits of a run may depend on the number of
                    # runs in its cohort, for vectors have a width.
                    if each.stage != "holdout" and not found.all():
                        rest = _subset(each, ~found)
            to_run.append(rest)
            names = each.cohort.problem.name, each.cohort.optimizer.name
            entries.append(Entry(each.cohort_id, each.stage, each.block, *names, each.runs, parts))
        self._warn_of_damage()
        cohorts = (*self._manifest.cohorts, *entries)
        self._write_manifest(replace(self._manifest, cohorts=cohorts, finished=False, missing=""))
        return to_run

    def complete(self, planned: Sequence[PlannedCohort], first: int = 0) -> None:
        """Write the files of cohorts, from index ``first`` on, whose runs are all in files of other cohorts."""
        missing = [each for each in planned[first:] if not self.has(each.cohort_id)]
        index = self.index_beside(planned) if missing else RunIndex()
        for each in missing:
            found, sources = index.find(each.run_ids)
            if found.all():
                self._compose(each, sources)
        to_disk(self.files.folder)

    def index_beside(self, planned: Sequence[PlannedCohort]) -> RunIndex:
        """Return the index of the runs in files that belong to no planned cohort."""
        ids = {each.cohort_id for each in planned}
        return RunIndex.of(self.files, [each for each in self.files.ids() if each not in ids and self.has(each)])

    def _compose(self, each: PlannedCohort, sources: Sequence[str]) -> None:
        """Write the file of a cohort whose runs are in other files; delete those that hold no further run."""
        if self.has(each.cohort_id):
            return
        tables = {cohort_id: self.files.tables(cohort_id) for cohort_id in sources}
        self.save(each.cohort_id, encode(each.cohort_id, composed(each.cohort_id, each.run_ids, list(tables.values()))))
        run_ids = set(each.run_ids)
        for cohort_id, source in tables.items():
            if run_ids.issuperset(source["runs"]["run_id"].to_pylist()):
                self.files.remove(cohort_id)

    def warn_of_dropped(
        self,
        planned: Sequence[PlannedCohort],
        before: Sequence[Entry],
        provenance: Mapping,
        index: RunIndex,
        prefix: str = "",
    ) -> None:
        """Warn of how many runs of a folder with these cohorts and this provenance the plan does not keep."""
        stages = {each.stage for each in planned}
        there = [entry for entry in before if entry.stage in stages and self.has(entry.cohort_id)]
        index = index.only({entry.cohort_id for entry in there})
        if text := resume.describe_dropped(planned, there, index, provenance, self._provenance, self._manifest.shard):
            self._warn(f"{prefix}{text}")

    def _warn_of_damage(self) -> None:
        """Warn of the damaged files that were set aside, in one line."""
        if self._damaged:
            named = [f"{name} ({why})" for name, why in list(self._damaged.items())[:_NAMED]]
            more = f" and {len(self._damaged) - _NAMED:,} more" if len(self._damaged) > _NAMED else ""
            aside = self.files.folder / "damaged"
            self._warn(f"damaged, set aside in {aside} and run again: {', '.join(named)}{more}")
            self._damaged.clear()

    def runs(self, only: frozenset[str] | None = None) -> pd.DataFrame:
        """Return the runs that are there, in the order of the plan; only: those of these cohorts."""
        return final_tables.read_runs(self.files, self._sources(only))

    def _sources(self, only: frozenset[str] | None) -> list[tuple[Entry, str]]:
        sources = self._manifest.sources(self.files.ids())
        return sources if only is None else [source for source in sources if source[0].cohort_id in only]

    def finish(self, extra: Mapping[str, pa.Table], begun: bool = True, only: frozenset[str] | None = None) -> None:
        """Write the final tables from the cohorts that are there, and the ``extra`` ones.

        begun: all stages of the sweep were planned; only: the cohorts that count.
        """
        sources = self._sources(only)
        with writing(self.directory):
            if sources:
                final_tables.write_tables(self.files, sources, self.directory)
            for name, table in extra.items():
                with final_tables.parquet_writer(self.directory / f"{name}.parquet", table.schema) as add:
                    add(table)
            missing = self._manifest.lacks(sources, begun)
            self._write_manifest(replace(self._manifest, finished=True, missing=missing), (*TABLES, *extra))
            to_disk(self.directory)

    def _write_manifest(self, manifest: Manifest, tables: Sequence[str] = ()) -> None:
        """Write the manifest with the checksums of the spec, the provenance and these tables."""
        names = ["spec.toml", "provenance.json", *(f"{name}.parquet" for name in tables)]
        with writing(self.directory):
            paths = [path for path in (self.directory / name for name in names) if path.exists()]
            self._manifest = replace(manifest, files={path.name: digest_of(path) for path in paths})
            self._manifest.write(self.directory)

    def write_text(self, name: str, text: str) -> None:
        """Write a file of text beside the tables. Raises OptbenchError if writing fails."""
        with writing(self.directory):
            write_text(self.directory / name, text)


def _subset(planned: PlannedCohort, lanes: np.ndarray) -> PlannedCohort:
    """Return the cohort of the lanes that are True."""
    if lanes.all():
        return planned
    kept = tuple(lane for lane, used in zip(planned.cohort.lanes, lanes, strict=True) if used)
    return planned_cohort(replace(planned.cohort, lanes=kept), planned.stage, planned.block)
