"""The tables of a whole sweep, put together from its cohorts' files, one by one, in the order of the plan.

No more than a row group is in memory. Groups are cut by rows, so that a table's bytes depend on its rows alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from optbench.contract import columns
from optbench.contract.errors import OptbenchError
from optbench.sweeps.cohort_file import Damaged, check, decode, schemas_of, stream
from optbench.sweeps.files import scratch_of, to_disk
from optbench.sweeps.manifest import AGAIN, Entry

TABLES = ("runs", "curves", "timings")
T = TypeVar("T")
ROWS = 1 << 19
"""Of a row group."""
_MEASURED = ("batch_loss", "train_loss", "test_loss", "gradient_norm")
"""Columns whose values hardly ever repeat: a dictionary of them, beside the metrics', takes longer than to write them,
and room besides."""


def file_of(cohorts: Path, cohort_id: str) -> Path:
    """Where a cohort is kept."""
    return cohorts / f"{cohort_id}.cohort"


def held(cohorts: Path, entries: Iterable[Entry]) -> list[tuple[Entry, str]]:
    """The files that hold the runs of the entries, in order: each entry's own, or else those of its parts."""
    pairs = []
    for entry in entries:
        names = [entry.cohort_id] if file_of(cohorts, entry.cohort_id).is_file() else entry.parts
        pairs += [(entry, name) for name in names if file_of(cohorts, name).is_file()]
    return pairs


def put_together(cohorts: Path, pairs: Sequence[tuple[Entry, str]], target: Path) -> None:
    """Write the tables of these files, which were checked before, into the folder ``target``.

    Raises OptbenchError for a file that is damaged, OSError where the disk refuses.
    """
    schemas = _schemas(cohorts, pairs)
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(_Writer(target / f"{name}.parquet", schema)) for name, schema in schemas.items()
        }
        for entry, cohort_id in pairs:
            tables = whole(cohorts, cohort_id)
            tables["runs"] = _placed(tables["runs"], entry)
            for name, writer in writers.items():
                writer.add(tables[name])
        for writer in writers.values():
            writer.finish()


def runs_of(cohorts: Path, pairs: Sequence[tuple[Entry, str]], wanted: Callable[[str], bool]) -> pd.DataFrame:
    """The runs of these files, which were checked before: the columns whose names are ``wanted``."""
    if not pairs:
        return pd.DataFrame(columns=list(columns.RUNS))
    parts = []
    for entry, cohort_id in pairs:
        table = _placed(stream(file_of(cohorts, cohort_id), "runs").read_all(), entry)
        parts.append(table.select([name for name in table.column_names if wanted(name)]))
    schema = _schema("runs", list(dict.fromkeys(part.schema for part in parts)))
    return pa.concat_tables([schema.empty_table(), *parts], promote_options="default").to_pandas()


def whole(cohorts: Path, cohort_id: str) -> dict[str, pa.Table]:
    """A cohort's tables. Raises OptbenchError where its file is damaged."""
    return _undamaged(decode, cohorts, cohort_id)


def check_all(cohorts: Path, pairs: Iterable[tuple[Entry, str]]) -> None:
    """Raises OptbenchError where a file is damaged."""
    for _, cohort_id in pairs:
        _undamaged(check, cohorts, cohort_id)


def _undamaged(read: Callable[[bytes, str], T], cohorts: Path, cohort_id: str) -> T:
    path = file_of(cohorts, cohort_id)
    try:
        return read(path.read_bytes(), cohort_id)
    except (OSError, Damaged) as error:
        raise OptbenchError(f"{str(path)!r} is damaged ({error}): {AGAIN}") from None


def _placed(runs: pa.Table, entry: Entry) -> pa.Table:
    """The runs, with the stage and block that they have in this sweep."""
    for name, value in (("stage", entry.stage), ("block", entry.block)):
        at = runs.column_names.index(name)
        runs = runs.set_column(at, runs.field(at), pa.repeat(pa.scalar(value, runs.field(at).type), len(runs)))
    return runs


def _schemas(cohorts: Path, pairs: Iterable[tuple[Entry, str]]) -> dict[str, pa.Schema]:
    """The schema of each table; a file is opened once."""
    known: dict[str, dict[pa.Schema, None]] = {name: {} for name in TABLES}
    for _, cohort_id in pairs:
        for name, schema in schemas_of(file_of(cohorts, cohort_id), TABLES).items():
            known[name][schema] = None
    return {name: _schema(name, list(schemas)) for name, schemas in known.items()}


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
        repeated = [name for name in schema.names if name not in _MEASURED and not columns.is_metric(name)]
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
