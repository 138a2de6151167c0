"""Checks of a folder's tables: nothing reads one before its columns are there and hold what they must."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pyarrow as pa
from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, ValidationError

from optbench.contract.arguments import refusal
from optbench.contract.columns import TABLES, column_of, is_metric, metric_kind
from optbench.contract.errors import OptbenchError, shown
from optbench.plan.spec import MOST_COMMON
from optbench.store.rows import ARROW_TYPES

_STATUS = ("ok", "diverged", "deadline", "failed")


class _Provenance(BaseModel):
    """The values in provenance.json that are more than shown; all others may be anything."""

    model_config = ConfigDict(extra="allow", strict=True)

    command: str = ""
    optbench: str = ""
    choose_by: list[str] | str = ""
    judge_by: str = ""
    extended_by: list[str] = []
    added: list[str] = []
    looks: list[int] = []
    targets: dict[str, float | None] = {}
    reports: dict[str, dict[str, dict[str, Annotated[int, Ge(1), Le(1000)]]]] = {}
    report_seeds: dict[str, Annotated[int, Ge(1), Le(MOST_COMMON)]] = {}
    tuning_seeds: list[int] = []
    plugin_files: list[str] = []
    data_files: dict[str, str] = {}
    plugins: dict[str, str] | None = None
    searched: dict[str, dict[str, str]] | None = None
    labels: dict[str, str] = {}
    given: dict[str, str] = {}
    own: list[str] = []
    ranges: dict[str, str] | str = ""


def check_schema(table: str, schema: pa.Schema, exact: bool = False) -> None:
    """Raise OptbenchError if a schema lacks a column of a table, has one twice, or has one of a wrong type.

    table: its name, such as "runs". exact: that of a cohort, which is joined with others: no column may be missing,
    and none have another type than that of its kind.
    """
    needed = [column.name for column in TABLES[table] if exact or not column.optional]
    if missing := [name for name in needed if name not in schema.names]:
        raise OptbenchError(f"the column {missing[0]!r} is missing")
    for name, kind in zip(schema.names, schema.types, strict=True):
        if schema.names.count(name) > 1:
            raise OptbenchError(f"the column {name!r} stands there twice")
        column = column_of(table, name)
        if exact and kind != ARROW_TYPES[column.kind if column else metric_kind(name)]:
            raise OptbenchError(f"the column {name!r} is of the type {kind}")
        if exact or pa.types.is_null(kind):  # of a table without rows, too
            continue
        text = pa.types.is_string(kind.value_type if pa.types.is_dictionary(kind) else kind)
        text = text or pa.types.is_large_string(kind)
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if metric_kind(name) == "bytes":
            right, what = pa.types.is_binary(kind) or pa.types.is_large_binary(kind), "bytes"
        elif column is not None and column.kind == "text":
            right, what = text, "texts"
        elif column is not None or table in ("runs", "curves") or is_metric(name):
            right, what = number, "numbers"
        else:
            right, what = text or number, "numbers or texts"
        if not right:
            raise OptbenchError(f"the column {name!r} must hold {what}")


def to_frame(table: str, rows: pa.Table) -> pd.DataFrame:
    """Return rows whose schema was checked as a pandas table. Raise OptbenchError for a value that is impossible.

    table: its name, such as "runs". What pandas may have left beside the schema is ignored: it can name columns that
    are not there.
    """
    frame = rows.to_pandas(ignore_metadata=True)
    for name in rows.column_names:
        column = column_of(table, name)
        if (
            pa.types.is_null(rows[name].type)
            and metric_kind(name) != "bytes"
            and (column is None or column.kind != "text")
        ):
            frame[name] = frame[name].astype(float)
        if column is None or column.optional or column.kind == "number":
            continue
        empty = rows[name].null_count > 0
        if column.kind == "text" and empty:
            raise OptbenchError(f"the column {name!r} has empty rows")
        if column.kind == "integer":
            values = frame[name]
            if empty or not ((values >= column.least) & (values % 1 == 0) & (values < 2**63)).all():
                raise OptbenchError(f"the column {name!r} must hold whole numbers from {column.least}")
            frame[name] = values.astype("int64")
    if table == "runs":
        _check_runs(frame)
    if table == "landscapes" and frame.duplicated(["problem", "w_1", "w_2"]).any():
        raise OptbenchError("a grid point stands there twice")
    return frame


def _check_runs(runs: pd.DataFrame) -> None:
    """Raise OptbenchError if the table `runs` has a repeated id, or an impossible value."""
    if runs["run_id"].duplicated().any():
        raise OptbenchError("the column 'run_id' has an id twice")
    if not ((runs["lr"] > 0) & (runs["lr"] < float("inf"))).all():
        raise OptbenchError("the column 'lr' must hold positive finite numbers")
    if strange := set(runs["status"].unique()) - set(_STATUS):
        raise OptbenchError(f"the column 'status' has {shown(min(strange))}, which is none of {', '.join(_STATUS)}")


def check_provenance(path: Path, content: Any) -> dict[str, Any]:
    """Return the content of provenance.json. Raise OptbenchError that names the key if a value is of a wrong type."""
    try:
        _Provenance.model_validate(content)
    except ValidationError as error:
        raise OptbenchError(f"{str(path)!r}: {refusal(error, '')}: run the sweep again") from None
    return content
