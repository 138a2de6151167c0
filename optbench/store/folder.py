"""A results folder that a sweep writes: a plan (``manifest.json``) and the records of cohorts.

Resume, extension, shards and merge are operations on these. A run counts as finished whichever record holds it, so a
sweep runs only the runs that no record holds. The tables are written in the order of the plan, and so depend neither on
the number of workers nor on interruptions.
"""

import hashlib
import json
import math
import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from optbench.analysis.protocol import REPORT, keep_targets
from optbench.contract.errors import OptbenchError
from optbench.contract.types import Stage
from optbench.plan.joined_specs import COUNTS, describe_additions, find_differences, join_specs
from optbench.plan.planned_cohorts import PlannedCohort, plan_cohort
from optbench.plan.spec import COMMON_STAGES, STAGE_SEEDS, Spec
from optbench.plan.spec_files import make_spec, named_files, parse_spec, read_spec, refuse_unnamed
from optbench.store import final_tables, schemas
from optbench.store.atomic_files import SCRATCH, Note, flush_to_disk, folder_lock, read_bytes, refuse_links, write_text
from optbench.store.cohort_files import TABLES, CohortFiles, DamagedFile, compose_tables, encode_cohorts
from optbench.store.manifest import DamagedManifest, Entry, Manifest, digest_of, read_manifest
from optbench.store.rows import make_failed_tables, shorten_reason
from optbench.store.unknown_minima import COLUMNS, fill_unknown

_KEPT = ("looked_at", "reports", "report_seeds", "extended_by", "added")
"""Keys of provenance.json that another run into the folder keeps."""
_WHOLE_STAGES = ("holdout", *COMMON_STAGES)
"""Stages whose cohorts run as a whole, or come from a record of just these runs: one machine's bits."""


def read_state(directory: Path, warn: Callable[[str], None]) -> tuple[Manifest | None, str | None]:
    """Return the folder's manifest and the text of its spec, None if there is none.

    If one is damaged it is taken from the other, with a warning. Raises OptbenchError if one cannot be read.
    """
    path = directory / "spec.toml"
    if not directory.is_dir():
        return None, None
    try:
        before = read_manifest(directory)
    except DamagedManifest as error:
        before = None
        warn(f"{error.what}; it is written anew")
    try:
        text = read_bytes(path).decode(errors="replace")
    except FileNotFoundError:
        text = None
    except OSError as error:
        raise OptbenchError(f"cannot read {str(path)!r}: {error.strerror}") from None
    if before is not None and text != before.spec:
        written, known = (None if each is None else parse_spec(each) for each in (text, before.spec))
        if written is None or known is None or find_differences(known, written):
            warn(f"{str(path)!r} is not what was written; it is written anew")
        text = before.spec
    return before, text


def read_provenance(directory: Path) -> Mapping[str, Any]:
    """Return the content of provenance.json; nothing if it is not there, or damaged."""
    path = directory / "provenance.json"
    try:
        return schemas.check_provenance(path, json.loads(read_bytes(path)))
    except (OSError, ValueError, RecursionError):
        return {}


def check_resumable(
    directory: Path, spec: Spec, warn: Callable[[str], None], extend: bool = False, shard: str = ""
) -> Manifest | None:
    """Return the manifest of the folder; None if it has none.

    extend: the folder may hold a smaller sweep. Raises OptbenchError if it holds another sweep, more of this one
    than ``shard``, or another part of it.
    """
    before, text = read_state(directory, warn)
    if before is not None and shard and before.shard != shard:
        held = f"part {before.shard}" if before.shard else "the whole"
        raise OptbenchError(
            f"{str(directory)!r} holds {held} of a sweep: choose another --out or out= for part {shard}"
        )
    if before is not None and before.shard and extend and not shard:
        raise OptbenchError(
            f"{str(directory)!r} holds part {before.shard} of a sweep: extend it with --shard {before.shard}, and the "
            "other parts likewise, or what optbench merge makes of all"
        )
    if text is None:
        return before
    old, both = parse_spec(text), None
    with suppress(OptbenchError):
        both = None if old is None else join_specs(old, spec)
    if extend and both is not None and not find_differences(both, spec):
        return before
    if changed := ["what is in spec.toml"] if old is None else find_differences(old, spec):
        extension = "" if both is None else "extend it (--extend) to keep its runs and run what is missing, "
        if old and changed == ["plugins"] and old.plugins:
            extension = f"name its plug-ins: {' '.join(f'--plugin {shlex.quote(file)}' for file in old.plugins)}, "
        raise OptbenchError(
            f"{str(directory)!r} holds another sweep (different: {', '.join(changed)}); choose another --out or out=, "
            f"{extension}or delete it"
        )
    return before


def extend_spec(
    directory: str | Path,
    spec: str | Path | Mapping[str, Any] | None,
    changes: Mapping[str, Any],
    warn: Callable[[str], None],
) -> Spec:
    """Return the folder's own spec with what ``spec``, if any, and ``changes`` add.

    Lists are added to its lists; numbers of seeds, blocks and trials stand in the place of its own, and may only grow.
    Raises OptbenchError if there is no sweep in the folder, or no sweep holds both.
    """
    directory = Path(directory)
    text = read_state(directory, warn)[1]
    if text is None:
        raise OptbenchError(
            f"no sweep in {str(directory)!r} to extend: leave extend (--extend) out, or choose another --out or out="
        )
    old = parse_spec(text)
    if old is None:
        raise OptbenchError(f"{str(directory / 'spec.toml')!r} is damaged: there is no telling what to extend")
    if spec is None or isinstance(spec, Mapping):
        new = make_spec(old.to_dict() if spec is None else spec, changes)
    else:
        new = read_spec(spec, changes, directory)
    files = named_files(changes) if spec is None else new.plugins
    typed = () if spec is None and changes.get("optimizers") is None else new.optimizer_texts
    refuse_unnamed(old.plugins, files, old.optimizer_texts, typed)
    for key in COUNTS:
        have, want = getattr(old, key), getattr(new, key)
        if changes.get(key) is not None and have is not None and want is not None and want < have:
            raise OptbenchError(f"{key}={want}: {str(directory)!r} has {have}, and extending takes nothing away")
    if changes.get("seeds") is not None and not set(old.seeds) <= set(new.seeds):
        raise OptbenchError(f"seeds: {str(directory)!r} has others, and extending takes none away")
    try:
        return join_specs(old, new)
    except OptbenchError as error:
        raise OptbenchError(
            f"cannot extend {str(directory)!r} by this sweep: {error}; choose another --out or out="
        ) from None


@contextmanager
def open_store(
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
        f"{directory}{spec.to_toml()}".encode()
    except UnicodeEncodeError:
        raise OptbenchError("the paths of out and plug-ins must be valid UTF-8") from None
    with _explain_write_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        refuse_links(path)
        with folder_lock(path) as note:
            store = Store(path, spec, provenance, warn, shard, extend)
            store.note = note
            yield store


@contextmanager
def _explain_write_errors(directory: Path) -> Iterator[None]:
    """Turn an OSError of the block into an OptbenchError of one line that says what to do."""
    try:
        yield
    except OSError as error:
        begun = False
        with suppress(OSError, OptbenchError):  # of a path that no disk can have
            begun = bool(CohortFiles(directory).ids())
        advice = (
            "what was finished is kept, run the same command again to go on"
            if begun
            else "choose another --out or out="
        )
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
        """Prepare the folder, which `begin` gives its spec and provenance. The arguments are those of `open_store`.

        Raises OptbenchError if it holds another sweep, or cannot be written.
        """
        self.directory, self.files, self._warn = directory, CohortFiles(directory), warn
        self.note: Note = lambda doing, left: None
        """Tells who asks how far the sweep is; set where the folder is locked."""
        self._runs = final_tables.KnownRuns(self.files)
        self._run_ids: dict[str, list[str]] = {}
        """Those of cohorts that are not planned."""
        self._units: dict[tuple[str, int], list[tuple[str, Stage]]] = {}
        """The cohorts, with their stage, of each problem and block, or seed where there are no blocks."""
        with _explain_write_errors(directory):
            self._before = check_resumable(directory, spec, warn, extend, shard)
            before = self._provenance_before = read_provenance(directory)
            self._extends, command = extend, provenance.get("command", "")
            kept = {key: before[key] for key in _KEPT if key in before}
            kept["targets"] = _find_targets(before, provenance) or provenance.get("targets", {})
            if extend and self._before and self._before.spec != spec.to_toml():
                earlier, old = kept.get("extended_by", []), parse_spec(self._before.spec)
                unknown = [""] * (len(earlier) - len(kept.get("added", [])))  # of before 0.17
                kept["extended_by"] = [*earlier, command]
                kept["added"] = [*unknown, *kept.get("added", []), describe_additions(old, spec) if old else ""]
            if kept.get("extended_by"):
                kept["command"] = before.get("command", command)
            looks = max(before.get("looks", []), provenance.get("looks", []), key=len)
            drawn, now = (each.get("searched") or {} for each in (before, provenance))
            if any(drawn[name] != now[name] for name in {*drawn} & {*now}):
                looks = [*looks, 0]  # trials are drawn anew: a further look, whatever the number of blocks
            self.provenance: dict[str, Any] = {**provenance, **kept, "looks": looks}
            self.files.folder.mkdir(parents=True, exist_ok=True)
            for leftover in directory.glob(f"{SCRATCH}*"):
                leftover.unlink()
            if text := self.files.set_aside():
                warn(text)
            if extend and self._before and self._before.spec != spec.to_toml():
                self.provenance["report_seeds"] = before.get("report_seeds", {}) | self._count_reports(self._before)
        stages = tuple(stage for stage in STAGE_SEEDS if getattr(spec, stage)) if spec.blocks else ("grid",)
        if spec.blocks and not shard:
            stages += COMMON_STAGES
        self._manifest = Manifest(spec.to_toml(), (), stages, shard=shard)

    def _count_reports(self, before: Manifest) -> dict[str, int]:
        """Return the seeds on which a finished sweep has reported, by problem."""
        whole = before.finished and not before.missing
        entries = [each for each in before.cohorts if whole and each.stage == REPORT and self.has(each.cohort_id)]
        runs = self._runs.read([(each, each.cohort_id) for each in entries])
        return runs.groupby("problem")["seed"].nunique().to_dict()

    def has(self, cohort_id: str) -> bool:
        """Return True if a cohort has a record."""
        return cohort_id in self.files

    def is_finished(self, planned: Iterable[PlannedCohort]) -> bool:
        """Return whether the folder has all of the sweep that begins with these cohorts, and its tables."""
        before = self._before
        if before is None or not before.finished or before.missing or before.spec != self._manifest.spec:
            return False
        try:
            for name in before.files:
                before.check(self.directory, name)
        except DamagedFile:
            return False
        ids = {entry.cohort_id for entry in before.cohorts}
        return all(map(self.has, ids)) and ids >= {each.cohort_id for each in planned}

    def save(self, record: bytes) -> None:
        """Save the record of finished cohorts. Raises OptbenchError if that fails; what was saved before stays."""
        with _explain_write_errors(self.directory):
            self.files.save(record)

    def copy_missing(self, files: CohortFiles) -> None:
        """Copy the records of another folder that this one lacks; what is damaged is left out, with a warning."""
        for cohort_id in files.ids():
            if not self.has(cohort_id):
                self.save(files.content(cohort_id))
        if text := files.describe_damage():
            self._warn(f"damaged in {files.folder}, and left out: {text}")

    def save_failed(self, planned: PlannedCohort, reason: str) -> None:
        """Save a cohort that could not run as failed runs, with the reason. Raises OptbenchError like :meth:`save`."""
        tables = make_failed_tables(planned.cohort, planned.cohort_id, planned.run_ids, shorten_reason(reason))
        self.save(encode_cohorts([planned.cohort_id], tables))

    def has_failed(self, cohort_id: str) -> bool:
        """Return True if a run of a saved cohort failed."""
        return "failed" in self.files.read_runs(cohort_id)["status"].to_pylist()

    def begin(self, planned: Sequence[PlannedCohort], first: int = 0) -> list[PlannedCohort]:
        """Add the cohorts ``planned[first:]`` to the manifest, and return them, those that have a record included.

        If others hold some runs of a cohort without a record, these are composed into one, which the tables use until
        the cohort is complete, and in its place a cohort of the other runs is returned; one of the holdout or a later
        stage stays whole. The caller skips what :meth:`has` finds.
        """
        new = planned[first:]
        missing = {each.cohort_id for each in new if not self.has(each.cohort_id)}
        holders = self._find_holders(planned) if missing else {}
        if first == 0 and self._before:
            self.warn_of_dropped(planned, self._before.cohorts, self._provenance_before)
        to_run, entries = [], []
        for each in new:
            rest: PlannedCohort = each
            parts: tuple[str, ...] = ()
            if holders and each.cohort_id in missing:
                there = _select_lanes(each, [run_id in holders for run_id in each.run_ids])
                whole = each.stage in _WHOLE_STAGES
                if there is not None and not (whole and there.cohort_id == each.cohort_id):
                    self._compose(there, holders)
                    parts = (there.cohort_id,)
                    others = _select_lanes(each, [run_id not in holders for run_id in each.run_ids])
                    # A part of a sweep, or one that a time limit has cut, lacks choices of other blocks. To end with
                    # the bytes of the whole sweep, such a cohort runs as a whole: the last bits of a run may depend on
                    # the number of runs in its cohort, for vectors have a width. So it does if a part chose more.
                    if not whole and others is not None:
                        rest = others
            to_run.append(rest)
            if each.block >= 0 or each.stage == "grid":
                unit = each.cohort.problem.name, each.block if each.block >= 0 else each.cohort.seed
                self._units.setdefault(unit, []).append((each.cohort_id, each.stage))
            names = each.cohort.problem.name, each.cohort.optimizer.name
            entries.append(Entry(each.cohort_id, each.stage, each.block, *names, each.runs, parts))
        if first == 0:  # close to the manifest, which has their checksums
            self.write_text("spec.toml", self._manifest.spec)
            self._write_provenance()
        cohorts = (*self._manifest.cohorts, *entries)
        self._write_manifest(replace(self._manifest, cohorts=cohorts, finished=False, missing=""))
        return to_run

    def arrange(self, planned: Iterable[PlannedCohort]) -> None:
        """Put the cohorts of the manifest, and so of the tables, into this order."""
        places = {each.cohort_id: place for place, each in enumerate(planned)}
        cohorts = sorted(self._manifest.cohorts, key=lambda entry: places[entry.cohort_id])
        self._manifest = replace(self._manifest, cohorts=tuple(cohorts))

    def complete(self, planned: Iterable[PlannedCohort]) -> None:
        """Save records of the cohorts whose runs are all in those of others, and flush all to the disk."""
        missing = [each for each in planned if each.stage not in _WHOLE_STAGES and not self.has(each.cohort_id)]
        holders = self._find_holders(planned) if missing else {}
        for each in missing:
            if holders.keys() >= set(each.run_ids):
                self._compose(each, holders)
        with _explain_write_errors(self.directory):
            self.files.flush()

    def _find_holders(self, planned: Iterable[PlannedCohort]) -> dict[str, str]:
        """Return {run id: id of the first cohort whose record holds it}, of the cohorts that are not planned."""
        ids = {each.cohort_id for each in planned}
        holders: dict[str, str] = {}
        for cohort_id in reversed(self.files.ids()):
            if cohort_id not in ids:
                if cohort_id not in self._run_ids:
                    self._run_ids[cohort_id] = self.files.read_runs(cohort_id)["run_id"].to_pylist()
                holders |= dict.fromkeys(self._run_ids[cohort_id], cohort_id)
        return holders

    def _compose(self, each: PlannedCohort, holders: Mapping[str, str]) -> None:
        """Save the record of a cohort whose runs are in others.

        holders: by run id, the id of the cohort whose record holds it.
        """
        if self.has(each.cohort_id):
            return
        sources = [self.files.read(name) for name in sorted({holders[run_id] for run_id in each.run_ids})]
        self.save(encode_cohorts([each.cohort_id], compose_tables(each.run_ids, sources)))

    def warn_of_dropped(
        self, planned: Iterable[PlannedCohort], before: Sequence[Entry], provenance: Mapping, prefix: str = ""
    ) -> None:
        """Warn of how many runs that are in the folder the plan does not keep, and why.

        planned: the cohorts of the plan. before, provenance: the cohorts and provenance that the folder had. prefix:
        the beginning of the warning.
        """
        stages = {each.stage for each in planned}
        there = [entry for entry in before if entry.stage in stages and self.has(entry.cohort_id)]
        if text := _describe_dropped(self.files, planned, there, provenance, self.provenance, prefix):
            self._warn(text)

    def runs(self, only: frozenset[str] | None = None) -> pd.DataFrame:
        """Return the table of the saved runs, in the order of the plan; only: the ids of the cohorts that count."""
        sources = self._find_sources(only)

        def read_curves(problems: Iterable[str], run_ids: pd.Series) -> pd.DataFrame:
            """Return the curves of these problems' runs, those with these ids among them."""
            names = set(problems)
            parts = [self.files.read(cohort_id)["curves"] for entry, cohort_id in sources if entry.problem in names]
            return pa.concat_tables([part.select(COLUMNS) for part in parts]).to_pandas()

        return keep_targets(fill_unknown(self._runs.read(sources), read_curves), self.provenance["targets"])

    def _find_sources(self, only: frozenset[str] | None) -> list[tuple[Entry, str]]:
        """Return the saved cohorts, or of these the ones in ``only``, each with a record that holds runs of it."""
        sources = self._manifest.find_sources(self.files.ids())
        return [source for source in sources if only is None or source[0].cohort_id in only]

    def finish(
        self,
        extra: Mapping[str, pa.Table],
        begun: bool = True,
        only: frozenset[str] | None = None,
        targets: Mapping[str, float] | None = None,
        reports: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Write the final tables from the saved cohorts, and the ``extra`` tables.

        begun: all stages of the sweep were planned; only: the cohorts that count; targets: those of verdicts by
        samples, a share by problem; reports: digests of what verdicts are about, by problem and optimizer.
        """
        sources = self._find_sources(only)
        self._runs.clear()  # a million take as much memory as what puts the tables together
        with _explain_write_errors(self.directory):
            if sources:
                final_tables.write_tables(self.files, sources, self.directory)
            for name, table in extra.items():
                with final_tables.parquet_writer(self.directory / f"{name}.parquet", table.schema) as add:
                    add(table)
            there = {entry.cohort_id for entry, cohort_id in sources if cohort_id == entry.cohort_id}
            missing = self._manifest.describe_missing(sources, begun)
            self._record_look(there, {} if missing else targets or {}, reports or {})
            self._write_manifest(replace(self._manifest, finished=True, missing=missing), (*TABLES, *extra))
            flush_to_disk(self.directory)

    def _record_look(
        self, there: set[str], targets: Mapping[str, float], reports: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Add the number of complete blocks, or seeds, to the looks of provenance.json, if the last look had another.

        It is that of the problem that has most. A block is complete when it has reported: verdicts on these tables are
        a look at that many. An extension that adds other runs is one, too, such as of a wider search at the same
        number: `looked_at` is a digest of the cohorts that verdicts are about. there: the ids of the cohorts
        that the tables have. targets: by problem, those of a whole sweep, which further looks keep. reports:
        as for `finish`; what has changed, or was added, counts from this look at its problem on.
        """
        complete = {
            unit: cohorts
            for unit, cohorts in self._units.items()
            if all(cohort_id in there for cohort_id, _ in cohorts)
            and any(stage in ("grid", "holdout") for _, stage in cohorts)
        }
        number, looks = max(Counter(problem for problem, _ in complete).values(), default=0), self.provenance["looks"]
        ids = sorted(cohort_id for cohorts in complete.values() for cohort_id, _ in cohorts)
        now, last = hashlib.sha256(" ".join(ids).encode()).hexdigest(), self._provenance_before.get("looked_at")
        if number and (looks[-1:] != [number] or (self._extends and last not in (now, None))):
            looks = [*(each for each in looks if each), number]
        if number:
            found = {name: share if math.isfinite(share) else None for name, share in targets.items()}
            self.provenance |= {"looks": looks, "looked_at": now, "targets": self.provenance["targets"] | found}
            before, first = self.provenance.get("reports"), {"": {"": len(looks) - 1}}  # of a folder that lacks them
            self.provenance["reports"] = {
                problem: _number_reports(first if before is None else before.get(problem, {}), digests, len(looks))
                for problem, digests in reports.items()
            }
            self._write_provenance()

    def _write_provenance(self) -> None:
        """Write provenance.json."""
        self.write_text("provenance.json", json.dumps(self.provenance, indent=1) + "\n")

    def _write_manifest(self, manifest: Manifest, tables: Sequence[str] = ()) -> None:
        """Write the manifest with the checksums of the spec, the provenance and these tables."""
        names = ["spec.toml", "provenance.json", *(f"{name}.parquet" for name in tables)]
        with _explain_write_errors(self.directory):
            paths = [path for path in (self.directory / name for name in names) if path.exists()]
            self._manifest = replace(manifest, files={path.name: digest_of(path) for path in paths})
            self._manifest.write(self.directory)

    def write_text(self, name: str, text: str) -> None:
        """Write a file of text beside the tables. Raises OptbenchError if writing fails."""
        with _explain_write_errors(self.directory):
            write_text(self.directory / name, text)


def _select_lanes(planned: PlannedCohort, selected: Sequence[bool]) -> PlannedCohort | None:
    """Return the cohort of the lanes that are selected; None if none is."""
    if all(selected):
        return planned
    lanes = tuple(lane for lane, used in zip(planned.cohort.lanes, selected, strict=True) if used)
    return plan_cohort(replace(planned.cohort, lanes=lanes), planned.stage, planned.block) if lanes else None


def _number_reports(
    before: Mapping[str, Mapping[str, int]], digests: Mapping[str, str], most: int
) -> dict[str, dict[str, int]]:
    """Return by optimizer the digest of its reports, and the first look at one problem that had them.

    before: the same at the last look; most: the number of looks at the folder.
    """
    look = min(1 + max((last for found in before.values() for last in found.values()), default=0), most)
    return {name: {digest: before.get(name, {}).get(digest, look)} for name, digest in digests.items()}


def _find_targets(before: Mapping, now: Mapping) -> dict[str, float | None]:
    """Return the targets of the looks at a folder, by problem; not of problems that have changed since.

    before, now: the provenance of the folder and of the plan.
    """
    if before.get("optbench") != now.get("optbench"):
        return {}
    changed = _list_changed(before, now)
    owners = [key.partition(" ") for key in changed["plugins"]]
    names = [*changed["data"], *(name for kind, _, name in owners if kind == "problem")]
    return {name: share for name, share in before.get("targets", {}).items() if not any(each in name for each in names)}


def find_dropped(
    directory: str | Path, spec: Spec, planned: Iterable[PlannedCohort], provenance: Mapping, extend: bool
) -> str:
    """Return the warning of runs in a folder that a sweep would not keep, without a change of the folder; "" if none.

    planned: the cohorts of the sweep's first stage; provenance: that of the sweep; extend: as of `open_store`.
    """
    path, stages = Path(directory), {each.stage for each in planned}
    try:
        manifest = check_resumable(path, spec, lambda text: None, extend, provenance.get("shard", ""))
    except OptbenchError:  # what the sweep would refuse
        return ""
    files = CohortFiles(path)
    known = manifest.cohorts if manifest else ()
    there = [entry for entry in known if entry.stage in stages and entry.cohort_id in files]
    return _describe_dropped(files, planned, there, read_provenance(path), provenance)


def _describe_dropped(
    files: CohortFiles,
    planned: Iterable[PlannedCohort],
    there: Sequence[Entry],
    before: Mapping,
    now: Mapping,
    prefix: str = "",
) -> str:
    """Return how many runs of the cohorts that are in a folder the plan does not keep, and why; "" if it keeps all.

    there: those of the planned stages; before, now: the provenance of the folder and of the plan; prefix:
    the beginning of the text.
    """
    ids = {each.cohort_id for each in planned}
    others = [entry for entry in there if entry.cohort_id not in ids]
    kept = {run_id for each in planned for run_id in each.run_ids} if others else set()
    lost: dict[tuple[str, bool], Counter[str]] = {}
    for entry in others:
        if count := len(set(files.read_runs(entry.cohort_id)["run_id"].to_pylist()) - kept):
            lost.setdefault(_explain_dropped(entry, before, now), Counter())[entry.optimizer] += count
    if not lost:
        return ""
    total = sum(entry.runs for entry in there)
    texts = [
        f"{', '.join(f'{count:,} of {name}' for name, count in counts.items())} are not: {reason}"
        for (reason, _), counts in lost.items()
    ]
    rest = total - sum(counts.total() for counts in lost.values())
    text = f"{prefix}{rest:,} of {total:,} runs are kept; {'; '.join(texts)}"
    if not prefix and any(edited for _, edited in lost):
        text += f". They stay in {files.folder}, and with the earlier file the same command writes the "
        text += "earlier tables again; choose another --out or out= to have both"
    return text


def _explain_dropped(entry: Entry, before: Mapping, now: Mapping) -> tuple[str, bool]:
    """Return why a plan does not have the runs of a cohort, and whether a file of the user's has changed.

    The reason is a clause to stand after a colon, "they ran on cuda". before, now: the provenance of both sweeps.
    """
    if before.get("optbench") != now.get("optbench"):
        return f"they are of optbench {before.get('optbench')}, and this is {now.get('optbench')}", False
    if before.get("device") != now.get("device"):
        return f"they ran on {before.get('device')}", False
    changed = _list_changed(before, now)
    owners = {"problem": entry.problem, "optimizer": entry.optimizer}
    parts = [key.partition(" ") for key in changed["plugins"]]
    own = [f"{kind} {name}" for kind, _, name in parts if name in owners.get(kind, "")]
    if sources := own or [f"{kind} {name}" for kind, _, name in parts if kind == "schedule"]:
        return f"{', '.join(sources)} has changed", True
    if entry.problem in changed["data"]:
        return f"the data of {entry.problem} have changed", True
    old, new = ((each.get("searched") or {}).get(entry.optimizer) for each in (before, now))
    if old and new and old != new:
        drawn = "their trials are drawn anew, from other ranges"
        return f"{drawn}; they stay unused, and this is a further look at the same seeds", False
    shard = now.get("shard")
    return f"part {shard} has them no more" if shard else "the sweep has such settings no more", False


def _list_changed(before: Mapping, now: Mapping) -> dict[str, list[str]]:
    """Return the keys of plug-ins and of data that have changed; before, now: as for `_explain_dropped`."""
    return {
        kind: [key for key, old in (before.get(kind) or {}).items() if (now.get(kind) or {}).get(key, old) != old]
        for kind in ("plugins", "data")
    }
