"""A results folder that is read: its final tables, checked, or temporary ones of an unfinished sweep."""

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

from optbench.contract.errors import OptbenchError
from optbench.contract.paths import is_folder
from optbench.sweeps.store import final_tables, manifest, schemas
from optbench.sweeps.store.cohort_files import AGAIN, TABLES, CohortFiles
from optbench.sweeps.store.files import read_bytes
from optbench.sweeps.store.manifest import Manifest

_POINT_COLUMNS = ("step", "samples", "train_loss")
_ROWS = 1 << 19
"""Rows of ``curves`` that are read at a time."""


class Points(NamedTuple):
    """The points of some runs."""

    places: np.ndarray
    """(runs,) int: the places of these runs among those that were requested."""
    run: np.ndarray
    """(points,) int: the place in `places`."""
    step: np.ndarray
    """(points,) float64, like samples and loss."""
    samples: np.ndarray
    loss: np.ndarray


class Folder:
    """A results folder that is read. Raises OptbenchError if it holds no run, and names what is damaged."""

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
            self._write_tables(self._manifest)
        for name in TABLES:
            if not (self._tables / f"{name}.parquet").is_file():
                missing = f"no finished sweep in {str(path)!r} ({name}.parquet is missing)"
                raise OptbenchError(f"{missing}: run optbench sweep --out {path}")

    def _write_tables(self, plan: Manifest) -> None:
        """Write the tables of the finished cohorts into a temporary folder, which goes when this object goes.

        Raises OptbenchError if no cohort is finished, a file is damaged, or the folder cannot be written to.
        """
        files = CohortFiles(self.path)
        sources = plan.sources(files.ids())
        if not sources:
            raise OptbenchError(f"no cohort of the sweep in {str(self.path)!r} is finished yet: run it again to go on")
        for _, cohort_id in sources:
            with files.readable(cohort_id):
                files.verify(cohort_id)
        self._tables = Path(tempfile.mkdtemp(prefix="optbench-"))
        weakref.finalize(self, shutil.rmtree, self._tables, ignore_errors=True)
        try:
            final_tables.write_tables(files, sources, self._tables)
        except OSError as error:
            raise OptbenchError(f"cannot write to {str(self._tables)!r}: {_first_line(error)}") from None
        self.missing = plan.lacks(sources, begun=False)

    def provenance(self) -> dict[str, Any]:
        """Return the content of ``provenance.json``; that of an empty file if there is none."""
        path = self.path / "provenance.json"
        try:
            content = json.loads(read_bytes(path))
        except FileNotFoundError:
            content = {}
        except (OSError, ValueError, RecursionError) as error:
            raise OptbenchError(f"cannot read {str(path)!r} ({_first_line(error)}): {AGAIN}") from None
        self._check(path)
        return schemas.provenance(path, content)

    def table(self, name: str, wanted: Iterable[str] = (), **options: Any) -> pd.DataFrame:
        """Return a table; with ``wanted``, only these columns, as far as it has them; options: of `read_table`."""
        return self._read(self._tables / f"{name}.parquet", wanted, **options)

    def optional(self, name: str) -> pd.DataFrame | None:
        """Return a table that a folder may lack: an unfinished sweep's, or one of an older version."""
        path = self.path / f"{name}.parquet"
        there = path.is_file() if self._manifest is None else path.name in self._manifest.files
        return self._read(path) if there else None

    def _read(self, path: Path, wanted: Iterable[str] = (), **options: Any) -> pd.DataFrame:
        """Read a table, or the wanted columns that it has; raise OptbenchError if it is damaged."""
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
            raise _unreadable(shown, error) from None

    def points(self, run_ids: pd.Series) -> Iterator[Points]:
        """Yield all points of these runs, some runs at a time."""
        path = self._tables / "curves.parquet"
        self._check(path)
        return points_of(path, run_ids)

    def _check(self, path: Path) -> None:
        """Compare a file of the folder with its checksum, once."""
        if self._manifest and path.parent == self.path and path.name not in self._checked:
            self._manifest.check(self.path, path.name)
            self._checked.add(path.name)


def points_of(path: Path, run_ids: pd.Series) -> Iterator[Points]:
    """Yield all points of these runs from a table of curves, each run whole; one without any does not come.

    Some rows are read at a time, so that any number fits. Raises OptbenchError.
    """
    ids = pd.Index(run_ids)
    came, scattered = np.zeros(len(ids), dtype=bool), np.zeros(len(ids), dtype=bool)
    for place, values in _whole_runs(_batches(path, ids)):
        # The rows of a run stand together in all that optbench writes; what others have sorted is read again.
        scattered[place[came[place]]] = True
        came[place] = True
        yield _numbered(place, values)
    if scattered.any():
        parts = [(place[scattered[place]], values[:, scattered[place]]) for place, values in _batches(path, ids)]
        yield _numbered(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))


def _numbered(place: np.ndarray, values: np.ndarray) -> Points:
    places, run = np.unique(place, return_inverse=True)
    return Points(places, run, *values)


def _whole_runs(batches: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches cut where a run ends."""
    rest = np.empty(0, dtype=np.intp), np.empty((len(_POINT_COLUMNS), 0))
    for batch in batches:
        place, values = (np.concatenate(pair, axis=-1) for pair in zip(rest, batch, strict=True))
        ends = np.flatnonzero(place[1:] != place[:-1]) + 1
        cut = ends[-1] if len(ends) else 0
        rest = place[cut:], values[:, cut:]
        if cut:
            yield place[:cut], values[:, :cut]
    if len(rest[0]):
        yield rest


def _batches(path: Path, ids: pd.Index) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (points,) the place in `ids` of each point's run, and (3, points) step, samples and loss."""
    try:
        file = pq.ParquetFile(path, read_dictionary=["run_id"])
        schemas.check_schema("curves", file.schema_arrow)
        for batch in file.iter_batches(_ROWS, columns=["run_id", *_POINT_COLUMNS]):
            names = batch.column("run_id")
            if names.null_count:
                raise OptbenchError("the column 'run_id' has empty rows")
            place = ids.get_indexer(names.dictionary.to_pandas())[names.indices.to_numpy()]
            kept = place >= 0
            values = [batch.column(name).to_numpy(zero_copy_only=False)[kept] for name in _POINT_COLUMNS]
            yield place[kept], np.array(values, dtype=np.float64)
    except OptbenchError as error:
        raise schemas.no_table(path, error) from None
    except (ArrowException, OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["unknown"])[0]


def _unreadable(path: Path, error: Exception) -> OptbenchError:
    return OptbenchError(f"cannot read the table {str(path)!r} ({_first_line(error)}): {AGAIN}")
