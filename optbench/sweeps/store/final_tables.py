"""The tables of a whole sweep, written from its cohort files one by one, in the order of the plan.

No more than a row group is in memory. Groups are cut by rows, so that the bytes of a table depend on its rows alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from optbench.contract import columns
from optbench.sweeps.store.cohort_files import TABLES, CohortFiles
from optbench.sweeps.store.files import appearing
from optbench.sweeps.store.manifest import Entry

# Rows of a row group: what is in memory while tables are written. Measured on a million runs with 7 million points, at
# 2^18, 2^19, 2^20: peak of the whole sweep 1.04, 1.18, 1.44 GiB; curves 433, 400, 384 MB
ROWS = 1 << 19
"""Rows of a row group."""
_MEASURED = {*columns.PER_STEP} - {"lr"}

Pairs = Sequence[tuple[Entry, str]]
"""Cohorts of the plan, each with the id of a file that holds runs of it."""


def write_tables(files: CohortFiles, pairs: Pairs, target: Path) -> None:
    """Write ``runs``, ``curves`` and ``timings`` of these cohorts, whose files were verified, into a folder.

    Raises OptbenchError for a file that is damaged, OSError if writing fails.
    """
    schemas = [files.schemas(cohort_id) for _, cohort_id in pairs]
    unions = {name: _union(name, [each[name] for each in schemas]) for name in TABLES}
    with ExitStack() as stack:
        paths = {name: target / f"{name}.parquet" for name in TABLES}
        add = {name: stack.enter_context(parquet_writer(path, unions[name])) for name, path in paths.items()}
        for entry, cohort_id in pairs:
            tables = files.tables(cohort_id)
            for name in TABLES:
                add[name](_placed(entry, tables[name]) if name == "runs" else tables[name])


def read_runs(files: CohortFiles, pairs: Pairs) -> pd.DataFrame:
    """Return the runs of these cohorts, whose files were verified, without their cohorts' ids and last weights."""
    parts = [_placed(entry, files.table(cohort_id, "runs")) for entry, cohort_id in pairs]
    if not parts:
        return pd.DataFrame(columns=list(columns.RUNS))
    runs = pa.concat_tables(parts, promote_options="default")
    names = [name for name in _union("runs", [runs.schema]).names if name != "cohort_id" and not name.startswith("w_")]
    return runs.select(names).to_pandas()


def _placed(entry: Entry, runs: pa.Table) -> pa.Table:
    """Return the runs with the stage and block that they have in this sweep."""
    for name, value in (("stage", entry.stage), ("block", entry.block)):
        at = runs.schema.get_field_index(name)
        field = runs.field(at)
        runs = runs.set_column(at, field, pa.repeat(pa.scalar(value, field.type), len(runs)))
    return runs


def _union(name: str, schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return all columns that a part has: the fixed ones, hyperparameters behind the optimizer, metrics at the end."""
    distinct = {each.serialize().to_pybytes(): each for each in {id(each): each for each in schemas}.values()}
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
        file.write_table(table.combine_chunks(), row_group_size=ROWS)

    def add(part: pa.Table) -> None:
        nonlocal waiting, rows
        waiting.append(part)
        rows += len(part)
        if rows >= ROWS:
            table = pa.concat_tables(waiting, promote_options="default")
            for at in range(0, rows - ROWS + 1, ROWS):
                write(table.slice(at, ROWS))
            waiting, rows = [table.slice(rows - rows % ROWS)], rows % ROWS

    with appearing(path) as scratch:
        with pq.ParquetWriter(scratch, schema, compression="zstd", use_dictionary=repeated) as file:
            yield add
            if rows:
                write(pa.concat_tables(waiting, promote_options="default"))
