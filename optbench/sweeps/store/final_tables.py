"""The tables of a whole sweep, written from its cohort files one by one, in the order of the plan.

No more than a row group is in memory. Groups are cut by rows, so that the bytes of a table depend on its rows alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from optbench.contract import columns
from optbench.sweeps.store.cohort_files import TABLES, CohortFiles
from optbench.sweeps.store.files import put
from optbench.sweeps.store.manifest import Entry

# Rows of a row group: what is in memory while tables are written. Measured on a million runs with 7 million points, at
# 2^18, 2^19, 2^20: peak of the whole sweep 1.04, 1.18, 1.44 GiB; curves 433, 400, 384 MB
ROWS = 1 << 19
"""Rows of a row group."""
_PER_STEP = {column.name for column in columns.TABLES["curves"] if column.per_step} - {"lr"}

Pairs = Sequence[tuple[Entry, str]]
"""Cohorts of the plan, each with the id of a file that holds runs of it."""


def write_tables(files: CohortFiles, pairs: Pairs, target: Path) -> None:
    """Write ``runs``, ``curves`` and ``timings`` of these cohorts, whose files were verified, into a folder.

    Raises OptbenchError for a file that is damaged, OSError where the disk refuses.
    """
    schemas = [files.schemas(cohort_id) for _, cohort_id in pairs]
    for name in TABLES:
        schema = _union(name, dict.fromkeys(each[name] for each in schemas))
        write_parquet(target / f"{name}.parquet", schema, _parts(files, pairs, name))


def read_runs(files: CohortFiles, pairs: Pairs, wanted: Callable[[str], bool]) -> pd.DataFrame:
    """Return the runs of these cohorts, whose files were verified: the columns whose names are ``wanted``."""
    parts = list(_parts(files, pairs, "runs"))
    if not parts:
        return pd.DataFrame(columns=list(columns.RUNS))
    schema = _union("runs", dict.fromkeys(part.schema for part in parts))
    runs = pa.concat_tables([schema.empty_table(), *parts], promote_options="default")
    return runs.select([name for name in runs.column_names if wanted(name)]).to_pandas()


def _parts(files: CohortFiles, pairs: Pairs, name: str) -> Iterator[pa.Table]:
    """Yield that table of each cohort; its runs with the stage and block that they have in this sweep."""
    for entry, cohort_id in pairs:
        if name == "curves":  # the largest: here the whole file is checked once more
            yield files.tables(cohort_id)[name]
            continue
        table = files.table(cohort_id, name)
        for column, value in (("stage", entry.stage), ("block", entry.block)) if name == "runs" else ():
            at = table.column_names.index(column)
            table = table.set_column(at, table.field(at), pa.repeat(pa.scalar(value, table.field(at).type), len(table)))
        yield table


def _union(name: str, schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return all columns that a part has: the fixed ones, hyperparameters behind the optimizer, metrics at the end."""
    schema = pa.unify_schemas(list(schemas), promote_options="default")
    fixed = [column.name for column in columns.TABLES[name]]
    rest = [column for column in schema.names if column not in fixed]
    metrics = [column for column in rest if columns.is_metric(column)]
    own = [column for column in rest if column not in metrics]
    cut = fixed.index("optimizer") + 1 if own else 0
    order = [column for column in (*fixed[:cut], *own, *fixed[cut:], *metrics) if column in schema.names]
    return pa.schema([schema.field(column) for column in order])


def write_parquet(path: Path, schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
    """Write tables as one Parquet file, which appears when it is whole. Raises OSError where the disk refuses."""
    # Measured values hardly ever repeat: a dictionary of them takes longer than to write them, and more space.
    repeated = [name for name in schema.names if not columns.is_metric(name) and name not in _PER_STEP]

    def write(scratch: Path) -> None:
        with pq.ParquetWriter(scratch, schema, compression="zstd", use_dictionary=repeated) as file:
            for group in _row_groups(schema, parts):
                file.write_table(group, row_group_size=ROWS)

    put(path, write)


def _row_groups(schema: pa.Schema, parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting, rows = [schema.empty_table()], 0
    for part in parts:
        waiting.append(part)
        rows += len(part)
        if rows >= ROWS:
            table = pa.concat_tables(waiting, promote_options="default")
            for at in range(0, rows - ROWS + 1, ROWS):
                yield table.slice(at, ROWS).combine_chunks()
            waiting, rows = [table.slice(rows - rows % ROWS)], rows % ROWS
    if rows:
        yield pa.concat_tables(waiting, promote_options="default").combine_chunks()
