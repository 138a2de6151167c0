"""The tables of a whole sweep, put together from its cohorts' files, one by one, in the order of the plan.

No more than a row group is in memory. Groups are cut by rows, so that a table's bytes depend on its rows alone.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from optbench.contract import columns
from optbench.contract.errors import OptbenchError
from optbench.sweeps.store import cohort_files, schemas
from optbench.sweeps.store.cohort_files import Damaged, decode, schema_in, schemas_of
from optbench.sweeps.store.files import read_bytes, scratch_of, to_disk
from optbench.sweeps.store.manifest import AGAIN, Entry

TABLES = ("runs", "curves", "timings")
T = TypeVar("T")
# Rows of a row group: what is in memory while tables are put together. Measured on a million runs with 7 million
# points, at 2^18, 2^19, 2^20: peak of the whole sweep 1.04, 1.18, 1.44 GiB; curves 433, 400, 384 MB
ROWS = 1 << 19
"""Of a row group."""
# Cohorts: their runs wait in memory until they are given their places, which takes 60 us a table (measured)
_PLACED = 1 << 10
"""Cohorts whose runs are given their places at a time."""
_ENDING = ".cohort"
_PER_STEP = {column.name for column in columns.TABLES["curves"] if column.per_step} - {"lr"}


def file_of(cohorts: Path, cohort_id: str) -> Path:
    """Where a cohort is kept."""
    return cohorts / f"{cohort_id}{_ENDING}"


def held(cohorts: Path, entries: Iterable[Entry]) -> list[tuple[Entry, str]]:
    """The files that hold the runs of the entries, in order: each entry's own, or else those of its parts."""
    there = set(names(cohorts))
    pairs = []
    for entry in entries:
        files = [entry.cohort_id] if entry.cohort_id in there else entry.parts
        pairs += [(entry, name) for name in files if name in there]
    return pairs


def names(cohorts: Path) -> list[str]:
    """The cohorts that have a file. Raises OptbenchError where the folder cannot be read."""
    try:
        with os.scandir(cohorts) as files:
            return [file.name.removesuffix(_ENDING) for file in files if file.name.endswith(_ENDING) and file.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise OptbenchError(f"cannot read {str(cohorts)!r}: {error.strerror}") from None


def put_together(cohorts: Path, pairs: Sequence[tuple[Entry, str]], target: Path) -> None:
    """Write the tables of these files, which were checked before, into the folder ``target``.

    Raises OptbenchError for a file that is damaged, OSError where the disk refuses.
    """
    schemas = _schemas(cohorts, pairs)
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(_Writer(target / f"{name}.parquet", schema)) for name, schema in schemas.items()
        }
        runs: list[tuple[Entry, pa.Table]] = []
        for entry, cohort_id in pairs:
            tables = whole(cohorts, cohort_id)
            runs.append((entry, tables.pop("runs")))
            for name in tables.keys() & writers.keys():
                writers[name].add(tables[name])
            if len(runs) == _PLACED or len(runs[-1][1]) > _PLACED:
                writers["runs"].add(_placed(runs, schemas["runs"]))
                runs.clear()
        writers["runs"].add(_placed(runs, schemas["runs"]))
        for writer in writers.values():
            writer.finish()


def runs_of(cohorts: Path, pairs: Sequence[tuple[Entry, str]], wanted: Callable[[str], bool]) -> pd.DataFrame:
    """The runs of these files, which were checked before: the columns whose names are ``wanted``."""
    if not pairs:
        return pd.DataFrame(columns=list(columns.RUNS))
    parts = [(entry, runs_in(cohorts, cohort_id)) for entry, cohort_id in pairs]
    schema = _schema("runs", list(dict.fromkeys(part.schema for _, part in parts)))
    runs = _placed(parts, schema)
    return runs.select([name for name in runs.column_names if wanted(name)]).to_pandas()


def checked(path: Path, cohort_id: str) -> bytes:
    """The content of a cohort's file. Raises OSError or Damaged where it is not whole, or holds other tables."""
    content = read_bytes(path)
    places = cohort_files.check(content, cohort_id)
    for name in TABLES:
        if name not in places:
            raise Damaged(f"it has no table {name}")
        if wrong := _wrong_in(name, schema_in(content, places[name])):
            raise Damaged(f"its table {name} is none of a sweep: {wrong}")
    return content


@lru_cache(maxsize=1000)
def _wrong_in(name: str, schema: bytes) -> str:
    """What is wrong with the schema of that table; empty where nothing is."""
    try:
        schemas.check_cohort(name, pa.ipc.read_schema(pa.py_buffer(schema)))
    except (pa.ArrowException, OSError, ValueError) as error:
        return " ".join(str(error).split())
    return ""


def whole(cohorts: Path, cohort_id: str) -> dict[str, pa.Table]:
    """A cohort's tables. Raises OptbenchError where its file is damaged."""
    return _undamaged(lambda path: decode(read_bytes(path), cohort_id), cohorts, cohort_id)


def runs_in(cohorts: Path, cohort_id: str) -> pa.Table:
    """The runs of a cohort, whose file was checked before. Raises OptbenchError where it is damaged."""
    return _undamaged(lambda path: cohort_files.table(path, "runs"), cohorts, cohort_id)


def check_all(cohorts: Path, pairs: Iterable[tuple[Entry, str]]) -> None:
    """Raises OptbenchError where a file is damaged."""
    for _, cohort_id in pairs:
        _undamaged(partial(checked, cohort_id=cohort_id), cohorts, cohort_id)


def _undamaged(read: Callable[[Path], T], cohorts: Path, cohort_id: str) -> T:
    path = file_of(cohorts, cohort_id)
    try:
        return read(path)
    except (OSError, Damaged) as error:
        raise OptbenchError(f"{str(path)!r} is damaged ({error}): {AGAIN}") from None


def _placed(parts: Sequence[tuple[Entry, pa.Table]], schema: pa.Schema) -> pa.Table:
    """The runs of these entries, with the stage and block that they have in this sweep."""
    runs = pa.concat_tables([schema.empty_table(), *(part for _, part in parts)], promote_options="default")
    rows = pa.array(np.repeat(np.arange(len(parts)), [len(part) for _, part in parts]))
    places = {"stage": [entry.stage for entry, _ in parts], "block": [entry.block for entry, _ in parts]}
    for name, values in places.items():
        at = runs.column_names.index(name)
        runs = runs.set_column(at, runs.field(at), pa.array(values, runs.field(at).type).take(rows))
    return runs


def _schemas(cohorts: Path, pairs: Iterable[tuple[Entry, str]]) -> dict[str, pa.Schema]:
    """The schema of each table; a file is opened once."""
    known: dict[str, dict[bytes, None]] = {name: {} for name in TABLES}
    for _, cohort_id in pairs:
        for name, text in schemas_of(file_of(cohorts, cohort_id), TABLES).items():
            known[name][text] = None
    return {
        name: _schema(name, [pa.ipc.read_schema(pa.py_buffer(text)) for text in texts]) for name, texts in known.items()
    }


def _schema(name: str, schemas: Sequence[pa.Schema]) -> pa.Schema:
    """All columns that any part has: the fixed ones, with the hyperparameters behind the optimizer's name and the
    metrics at the end."""
    schema = pa.unify_schemas(schemas, promote_options="default") if schemas else pa.schema([])
    fixed = {"runs": columns.RUNS, "curves": columns.CURVES}.get(name, tuple(schema.names))
    rest = [column for column in schema.names if column not in fixed]
    metrics = [column for column in rest if columns.is_metric(column)]
    own = [column for column in rest if column not in metrics]
    cut = fixed.index("optimizer") + 1 if own else 0
    order = [column for column in (*fixed[:cut], *own, *fixed[cut:], *metrics) if column in schema.names]
    return pa.schema([schema.field(column) for column in order])


class _Writer:
    """A Parquet file that appears when it is finished."""

    def __init__(self, path: Path, schema: pa.Schema):
        self._path, self._scratch, self._empty = path, scratch_of(path), schema.empty_table()
        self._parts: list[pa.Table] = []
        self._rows = 0
        # Measured values hardly ever repeat: a dictionary of them takes longer than to write them, and more space.
        measured = {name for name in schema.names if columns.is_metric(name) or name in _PER_STEP}
        repeated = [name for name in schema.names if name not in measured]
        self._file = pq.ParquetWriter(self._scratch, schema, compression="zstd", use_dictionary=repeated)

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._scratch.exists():
            try:
                self._file.close()
            finally:
                self._scratch.unlink(missing_ok=True)

    def add(self, table: pa.Table) -> None:
        self._parts.append(table)
        self._rows += len(table)
        if self._rows >= ROWS:
            for group in self._groups():
                self._file.write_table(group, row_group_size=ROWS)

    def finish(self) -> None:
        """What is left, and the file in its place."""
        if self._rows:
            self._file.write_table(self._joined().combine_chunks(), row_group_size=ROWS)
        self._file.close()
        to_disk(self._scratch)
        self._scratch.replace(self._path)

    def _groups(self) -> Iterator[pa.Table]:
        table, at = self._joined(), 0
        for at in range(0, len(table) - ROWS + 1, ROWS):
            yield table.slice(at, ROWS).combine_chunks()
        rest = table.slice(at + ROWS)
        self._parts, self._rows = [rest], len(rest)

    def _joined(self) -> pa.Table:
        return pa.concat_tables([self._empty, *self._parts], promote_options="default")
