"""The tables of a whole sweep: written from its cohorts in the order of the plan, and read again, checked.

No more than a row group is in memory. Groups are cut by rows, so that the bytes of a table depend on its rows alone.
"""

import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ArrowException

from optbench.contract import columns
from optbench.contract.errors import OptbenchError, nearest
from optbench.contract.paths import is_folder
from optbench.store import schemas
from optbench.store.atomic_files import read_bytes, replace_file
from optbench.store.cohort_files import AGAIN, TABLES, CohortFiles, DamagedFile
from optbench.store.manifest import NAME, Entry, Manifest, read_manifest

# Rows of a row group: what is in memory while tables are written. Measured on a million runs with 7 million points, at
# 2^18, 2^19, 2^20: peak of the whole sweep 1.04, 1.18, 1.44 GiB; curves 433, 400, 384 MB
ROWS = 1 << 19
"""Rows of a row group, and rows of ``curves`` that are read at a time."""
_MEASURED = {*columns.PER_STEP} - {"lr"}
_POINT_COLUMNS = ("step", "samples", "train_loss")

_TOGETHER = 16
"""Cohorts whose rows are joined at a time, and so are in memory together."""

Sources = Sequence[tuple[Entry, str]]
"""Cohorts of the plan, each with the id of a cohort whose record holds runs of it."""


def write_tables(files: CohortFiles, sources: Sources, target: Path) -> None:
    """Write ``runs``, ``curves`` and ``timings`` of these cohorts into a folder.

    sources: the cohorts in order, each with the id of one whose record holds runs of it. target: the folder. Raises
    OptbenchError for a record that is damaged, OSError if writing fails.
    """
    parts = [files.schemas[cohort_id] for _, cohort_id in sources]
    with ExitStack() as stack:
        add = {}
        for name in TABLES:
            schema = _merge_schemas(name, [part[name] for part in parts])
            add[name] = stack.enter_context(parquet_writer(target / f"{name}.parquet", schema))
        for first in range(0, len(sources), _TOGETHER):
            some = sources[first : first + _TOGETHER]
            read = [files.read(cohort_id) for _, cohort_id in some]
            for name in TABLES:
                add[name](_join(some, [tables[name] for tables in read]))


class KnownRuns:
    """The rows of ``runs`` that a sweep has read: every stage reads those of all stages before it."""

    def __init__(self, files: CohortFiles):
        """Take the records; nothing is read yet."""
        self._files = files
        self._table = pa.table({})
        self._rows: dict[tuple[Entry, str], range] = {}

    def read(self, sources: Sources) -> pd.DataFrame:
        """Return the table of these cohorts, without cohort ids and last weights."""
        new = [source for source in sources if source not in self._rows]
        if new:
            parts, end = [self._files.read_runs(cohort_id) for _, cohort_id in new], len(self._table)
            for source, part in zip(new, parts, strict=True):
                self._rows[source] = range(end, end := end + len(part))
            runs = _join(new, parts)
            kept = [name for name in runs.column_names if not name.startswith(("cohort_id", "w_", columns.JACKKNIFE))]
            # pandas takes 30 times as long over a text in many pieces
            self._table = _concat([self._table, runs.select(kept)]).combine_chunks()
        if not sources:
            return pd.DataFrame(columns=list(columns.RUNS))
        runs = self._table.select(_merge_schemas("runs", [self._table.schema]).names)
        found = [self._rows[source] for source in sources]  # of a damaged record there may be no rows
        rows = np.concatenate([np.arange(each.start, each.stop) for each in found])
        return (runs if np.array_equal(rows, np.arange(len(runs))) else runs.take(rows)).to_pandas()

    def clear(self) -> None:
        """Forget all rows."""
        self._table, self._rows = pa.table({}), {}


def _concat(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of tables, with the columns of all."""
    return pa.concat_tables(tables, promote_options="default")


def _join(sources: Sources, tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of a table of several cohorts, with their ids, stages and blocks in this sweep if it has them."""
    joined, counts = _concat(tables), [len(table) for table in tables]
    owners = pa.array(np.repeat(np.arange(len(tables)), counts))
    for name in {"cohort_id", "stage", "block"}.intersection(joined.column_names):
        at = joined.schema.get_field_index(name)
        values = pa.array([getattr(entry, name) for entry, _ in sources], joined.schema.field(at).type)
        joined = joined.set_column(at, joined.schema.field(at), values.take(owners))
    return joined


def _merge_schemas(name: str, parts: Iterable[pa.Schema]) -> pa.Schema:
    """Return the schema with all columns of the parts of a table.

    The fixed ones come first, with hyperparameters behind the optimizer, and metrics at the end. name: of the table.
    """
    distinct = {id(each): each for each in parts}  # cohorts share most of them
    schema = pa.unify_schemas(list(distinct.values()), promote_options="default")
    fixed = [column.name for column in columns.TABLES[name]]
    rest = [column for column in schema.names if column not in fixed]
    metrics = [column for column in rest if columns.is_metric(column)]
    own = [column for column in rest if column not in metrics]
    cut = fixed.index("optimizer") + 1 if own else 0
    order = [column for column in (*fixed[:cut], *own, *fixed[cut:], *metrics) if column in schema.names]
    return pa.schema([schema.field(column) for column in order])


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Yield a function that adds rows to a Parquet file, which appears when all are added.

    Raises OSError if writing fails, and leaves what was there before.
    """
    # Measured values hardly ever repeat: a dictionary of them takes longer than to write them, and more space.
    repeated = [name for name in schema.names if not columns.is_metric(name) and name not in _MEASURED]
    waiting, rows = [schema.empty_table()], 0

    def write(table: pa.Table) -> None:
        """Write rows to the file, one row group at a time."""
        file.write_table(table.combine_chunks(), row_group_size=ROWS)

    def add(part: pa.Table) -> None:
        """Keep rows until there are enough for a row group, and then write it."""
        nonlocal waiting, rows
        waiting.append(part)
        rows += len(part)
        if rows >= ROWS:
            table = _concat(waiting)
            for at in range(0, rows - ROWS + 1, ROWS):
                write(table.slice(at, ROWS))
            waiting, rows = [table.slice(rows - rows % ROWS)], rows % ROWS

    with (
        replace_file(path) as scratch,
        pq.ParquetWriter(scratch, schema, compression="zstd", use_dictionary=repeated) as file,
    ):
        yield add
        if rows:
            write(_concat(waiting))


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


def _name_near_folder(path: Path) -> str:
    """Return ": did you mean 'results/mine'?" for results beside a path, or in a folder there; "" if none are near."""
    try:
        beside = path.parent
        files = [
            file for name in (NAME, "runs.parquet") for way in ("*", "*/*") for file in beside.glob(f"{way}/{name}")
        ]
    except (OSError, ValueError):
        return ""
    folders = {file.parent.name: str(file.parent) for file in sorted(files, reverse=True)}
    found = nearest(path.name, list(folders), cutoff=0.6)  # at 0.5 "none" is near "new"
    return f": did you mean {folders[found]!r}?" if found else ""


class TableReader:
    """A reader of the tables of a results folder: final ones, or temporary ones of a sweep that is unfinished.

    Raises OptbenchError if the folder holds no run, and names what is damaged.
    """

    def __init__(self, path: str | Path):
        """Take a results folder and read its manifest. Raises OptbenchError if that fails."""
        self.path = self._tables = Path(path)
        if not is_folder(self.path):
            hint = _name_near_folder(self.path) or f": run optbench sweep --out {path}"
            raise OptbenchError(f"no folder, and so no finished sweep, in {str(path)!r}{hint}")
        self._manifest = read_manifest(self.path)
        self._checked: set[str] = set()
        self.missing = self._manifest.missing if self._manifest else ""
        if self._manifest and not self._manifest.finished:
            self._write_temporary(self._manifest)
        for name in TABLES:
            if not (self._tables / f"{name}.parquet").is_file():
                missing = f"no finished sweep in {str(path)!r} ({name}.parquet is missing)"
                raise OptbenchError(f"{missing}: run optbench sweep --out {path}")

    def _write_temporary(self, plan: Manifest) -> None:
        """Write the tables of the finished cohorts into a temporary folder, which goes when this object goes.

        Raises OptbenchError if no cohort is finished, a file is damaged, or the folder cannot be written to.
        """
        files = CohortFiles(self.path)
        sources = plan.find_sources(files.ids())
        if not sources:
            raise OptbenchError(f"no cohort of the sweep in {str(self.path)!r} is finished yet: run it again to go on")
        self._tables = Path(tempfile.mkdtemp(prefix="optbench-"))
        weakref.finalize(self, shutil.rmtree, self._tables, ignore_errors=True)
        try:
            write_tables(files, sources, self._tables)
        except OSError as error:
            raise OptbenchError(f"cannot write to {str(self._tables)!r}: {_first_line(error)}") from None
        self.missing = plan.describe_missing(sources)

    def provenance(self) -> dict[str, Any]:
        """Return the content of ``provenance.json``; {} if there is none. Raises OptbenchError for a damaged file."""
        path = self.path / "provenance.json"
        try:
            content = json.loads(read_bytes(path))
        except FileNotFoundError:
            content = {}
        except (OSError, ValueError, RecursionError) as error:
            raise OptbenchError(f"cannot read {str(path)!r} ({_first_line(error)}): {AGAIN}") from None
        self._check(path)
        return schemas.check_provenance(path, content)

    def read(self, name: str, wanted: Iterable[str] = (), **options: Any) -> pd.DataFrame:
        """Return a table; with ``wanted``, only these columns, as far as it has them; options: of `read_table`.

        Raises OptbenchError if it is damaged.
        """
        path = self._tables / f"{name}.parquet"
        self._check(path)
        with _explain_read_errors(self.path / path.name):  # that of an unfinished sweep stands elsewhere
            schema = pq.read_schema(path)
            schemas.check_schema(name, schema)
            names = [column for column in wanted if column in schema.names] or None
            return schemas.to_frame(name, pq.read_table(path, columns=names, **options))

    def read_optional(self, name: str) -> pd.DataFrame | None:
        """Return a table that a folder may lack, such as that of an unfinished sweep; None if it does."""
        path = self.path / f"{name}.parquet"
        exists = path.is_file() if self._manifest is None else path.name in self._manifest.files
        return self.read(name) if exists else None

    def points(self, run_ids: pd.Series) -> Iterator[Points]:
        """Yield all points of these runs, some runs at a time."""
        path = self._tables / "curves.parquet"
        self._check(path)
        return read_points(path, run_ids)

    def _check(self, path: Path) -> None:
        """Compare a file of the folder with its checksum, once."""
        if self._manifest and path.parent == self.path and path.name not in self._checked:
            try:
                self._manifest.check(self.path, path.name)
            except DamagedFile:
                if read_manifest(self.path) == self._manifest:
                    raise
                raise DamagedFile(f"{str(path)!r} was written anew meanwhile: load the folder again") from None
            self._checked.add(path.name)


def read_points(path: Path, run_ids: pd.Series) -> Iterator[Points]:
    """Yield all points of these runs from a table of curves, some whole runs at a time, so that any number fits.

    Raises OptbenchError if the table is damaged, or the rows of a run do not stand together.
    """
    ids = pd.Index(run_ids)
    seen = np.zeros(len(ids), dtype=bool)
    with _explain_read_errors(path):
        for rows in _cut_at_runs(_read_batches(path, ids)):
            places, run = np.unique(rows[0].astype(np.intp), return_inverse=True)
            if seen[places].any():
                raise OptbenchError("the rows of a run do not stand together")
            seen[places] = True
            yield Points(places, run, *rows[1:])


def _cut_at_runs(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the rows of the batches, cut where a run ends; (4, rows) each, the first row being the run's number."""
    rest = np.empty((1 + len(_POINT_COLUMNS), 0))
    for batch in batches:
        rows = np.concatenate([rest, batch], axis=1)
        ends = np.flatnonzero(np.diff(rows[0])) + 1
        cut = ends[-1] if len(ends) else 0
        rest = rows[:, cut:]
        if cut:
            yield rows[:, :cut]
    if rest.size:
        yield rest


def _read_batches(path: Path, ids: pd.Index) -> Iterator[np.ndarray]:
    """Yield (4, rows) float64: the place in `ids` of each point's run, step, samples and loss."""
    file = pq.ParquetFile(path, read_dictionary=["run_id"])
    schemas.check_schema("curves", file.schema_arrow)
    for batch in file.iter_batches(ROWS, columns=["run_id", *_POINT_COLUMNS]):
        names = batch.column("run_id")
        if names.null_count:
            raise OptbenchError("the column 'run_id' has empty rows")
        place = ids.get_indexer(names.dictionary.to_pandas())[names.indices.to_numpy()]
        values = [batch.column(name).to_numpy(zero_copy_only=False) for name in _POINT_COLUMNS]
        yield np.array([place, *values], dtype=np.float64)[:, place >= 0]


@contextmanager
def _explain_read_errors(path: Path) -> Iterator[None]:
    """Turn the errors of reading a table into an OptbenchError that names its file."""
    try:
        yield
    except OptbenchError as error:
        raise OptbenchError(f"{str(path)!r} is no table of a sweep: {error}; run the sweep again") from None
    except (ArrowException, OSError, ValueError, KeyError) as error:
        raise OptbenchError(f"cannot read the table {str(path)!r} ({_first_line(error)}): {AGAIN}") from None


def _first_line(error: Exception) -> str:
    """Return the first line of an error's text."""
    return (str(error).splitlines() or ["unknown"])[0]
