"""The tables of a result folder: the final ones, checked, or those put together from an unfinished sweep's cohorts."""

import json
import shutil
import tempfile
import tomllib
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

from optbench.contract.arguments import is_folder
from optbench.contract.errors import OptbenchError
from optbench.sweeps.store import final_tables, manifest, schemas
from optbench.sweeps.store.files import read_bytes
from optbench.sweeps.store.manifest import Entry, Manifest
from optbench.sweeps.store.points import Points, points_of, reason, unreadable

TABLES = tuple(f"{name}.parquet" for name in final_tables.TABLES)
_NAMED = 4
"""So many problems are named of which something is missing."""


class Folder:
    """Reads a folder. Raises OptbenchError where it holds no run, and names what is damaged."""

    def __init__(self, path: str | Path):
        self.path = self._tables = Path(path)
        if not is_folder(self.path):
            raise OptbenchError(
                f"no folder, and so no finished sweep, in {str(path)!r}: run optbench sweep --out {path}"
            )
        self._manifest = manifest.read(self.path)
        self._checked: set[str] = set()
        self.missing = self._manifest.missing if self._manifest else ""
        if self._manifest and not self._manifest.finished:
            self._put_together(self._manifest)
        for name in TABLES:
            if not (self._tables / name).is_file():
                missing = f"no finished sweep in {str(path)!r} ({name} is missing)"
                raise OptbenchError(f"{missing}: run optbench sweep --out {path}")

    def _put_together(self, made: Manifest) -> None:
        cohorts = self.path / "cohorts"
        pairs = final_tables.held(cohorts, made.cohorts)
        if not pairs:
            raise OptbenchError(f"no cohort of the sweep in {str(self.path)!r} is finished yet: run it again to go on")
        final_tables.check_all(cohorts, pairs)
        self._tables = Path(tempfile.mkdtemp(prefix="optbench-"))
        weakref.finalize(self, shutil.rmtree, self._tables, ignore_errors=True)
        try:
            final_tables.put_together(cohorts, pairs, self._tables)
        except OSError as error:
            raise OptbenchError(f"cannot write to {str(self._tables)!r}: {reason(error)}") from None
        self.missing = missing_text(made, pairs, begun=False)

    def provenance(self) -> dict[str, Any]:
        """What ``provenance.json`` holds; nothing where there is none."""
        path = self.path / "provenance.json"
        try:
            content = json.loads(read_bytes(path))
        except FileNotFoundError:
            content = {}
        except (OSError, ValueError, RecursionError) as error:
            raise OptbenchError(f"cannot read {str(path)!r} ({reason(error)}): {manifest.AGAIN}") from None
        self._check(path)
        return schemas.provenance(path, content)

    def table(self, name: str, wanted: Iterable[str] = (), **options: Any) -> pd.DataFrame:
        """A table, or those of the ``wanted`` columns that it has."""
        return self._read(self._tables / f"{name}.parquet", wanted, **options)

    def points(self, run_ids: pd.Series) -> Iterator[Points]:
        """All points of these runs, some runs at a time."""
        path = self._tables / "curves.parquet"
        self._check(path)
        return points_of(path, run_ids)

    def _read(self, path: Path, wanted: Iterable[str] = (), **options: Any) -> pd.DataFrame:
        self._check(path)
        shown = self.path / path.name  # that of an unfinished sweep stands elsewhere
        try:
            schema = pq.read_schema(path)
            schemas.check_schema(path.stem, schema)
            columns = [column for column in wanted if column in schema.names] or None
            return schemas.to_frame(path.stem, pq.read_table(path, columns=columns, **options))
        except OptbenchError as error:
            raise schemas.no_table(shown, error) from None
        except (ArrowException, OSError, ValueError) as error:
            raise unreadable(shown, error) from None

    def optional(self, name: str) -> pd.DataFrame | None:
        """A table that a folder may lack: that of an unfinished sweep, or of an old one."""
        path = self.path / f"{name}.parquet"
        there = path.is_file() if self._manifest is None else path.name in self._manifest.files
        return self._read(path) if there else None

    def _check(self, path: Path) -> None:
        """Compare a file of the folder with its checksum, once."""
        if self._manifest and path.parent == self.path and path.name not in self._checked:
            self._manifest.check(self.path, path.name)
            self._checked.add(path.name)


def missing_text(made: Manifest, pairs: Iterable[tuple[Entry, str]], begun: bool) -> str:
    """What a sweep lacks, in a sentence; empty where it lacks nothing.

    pairs: its cohorts and the files that hold their runs; begun: all stages were planned.
    """
    texts = [f"part {made.shard} of the sweep: optbench merge joins the parts" if made.shard else ""]
    there = {entry.cohort_id for entry, name in pairs if name == entry.cohort_id}
    if missing := [entry for entry in made.cohorts if entry.cohort_id not in there]:
        verb = "is" if len(missing) == 1 else "are"
        texts.append(f"{len(missing):,} of {len(made.cohorts):,} cohorts {verb} missing ({_pairs(missing)})")
    stages = {entry.stage for entry in made.cohorts}
    later = [stage for stage in ("race", "holdout") if "screen" in stages - {stage} and stage not in stages]
    seeds = _spec(made.spec) if later and not begun else {}  # a long list of rates takes seconds to be read
    if (later := [stage for stage in later if seeds.get(stage, 1)]) and not begun:
        texts.append(f"the {' and the '.join(later)} {'have' if len(later) > 1 else 'has'} not begun")
    text = "; ".join(filter(None, texts))
    return f"unfinished: {text}" if text else ""


def _pairs(entries: Sequence[Entry]) -> str:
    found: dict[str, dict[str, None]] = {}
    for entry in entries:
        found.setdefault(entry.problem, {})[entry.optimizer] = None
    named = [f"{problem}: {', '.join(optimizers)}" for problem, optimizers in list(found.items())[:_NAMED]]
    more = f"; and {len(found) - _NAMED:,} more problems" if len(found) > _NAMED else ""
    return "; ".join(named) + more


def _spec(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
