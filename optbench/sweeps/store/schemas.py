"""What the tables of a result folder, and lists of its rows, must look like before anything reads them."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pandas.api import types

from optbench.contract import arguments
from optbench.contract.columns import RUNS, is_metric
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.values import is_number

_STATUS = ("ok", "diverged", "deadline", "failed")
_TEXTS = {
    "run_id", "cohort_id", "problem", "optimizer", "schedule", "dtype", "status", "hyperparameters", "library", "code",
}  # fmt: skip
"""Columns that hold a text in every row."""
_SOME_TEXTS = {
    "stage", "tail_source", "failure", "host", "device", "device_note", "eager", "data", "minimum_source", "source",
    "digest",
}  # fmt: skip
"""Columns that may hold a text, and may be missing in older folders."""
_WHOLE = {"batch_size": 1, "seed": 0, "steps": 0, "samples": 0, "step": 0, "lanes": 1}
"""Columns of whole numbers, with the least."""
_NUMBERS = {
    "lr",
    "epochs",
    "loss_initial",
    "loss_final",
    "loss_best",
    "suboptimality_final",
    "test_loss_final",
    "epoch",
    "train_loss",
    "test_loss",
    "batch_loss",
    "gradient_norm",
    "diverged_at",
    "block",
    "log_tail",
    "seconds",
    "evaluation_seconds",
    "ns_per_run_step",
    "compile_seconds",
    "threads",
    "minimum",
    "dim",
    "examples",
    "value",
    "w_1",
    "w_2",
}
_INTEGERS = {*_WHOLE, "diverged_at", "block", "threads"}
_NEEDED = {
    "runs": {*RUNS} - {"stage", "block", "log_tail", "failure", "diverged_at"},
    "curves": {"run_id", "step", "epoch", "samples", "train_loss"},
    "timings": {"cohort_id", "lanes", "steps", "seconds", "evaluation_seconds", "ns_per_run_step", "compile_seconds"},
    "problems": {"problem"},
    "landscapes": {"problem", "w_1", "w_2", "value"},
    "paths": {"run_id", "problem", "optimizer", "step", "w_1", "w_2"},
    "snippets": {"problem", "optimizer", "schedule", "hyperparameters", "batch_size", "lr", "library", "equal", "code"},
}
_PROVENANCE: dict[str, Callable[[Any], bool]] = {
    "command": lambda value: isinstance(value, str),
    "optbench": lambda value: isinstance(value, str),
    "choose_by": lambda value: isinstance(value, str),
    "tuning_seeds": lambda value: isinstance(value, list) and all(type(seed) is int for seed in value),
    "plugin_files": lambda value: isinstance(value, list) and all(isinstance(file, str) for file in value),
    "plugins": lambda value: value is None or _texts_by_name(value),
    "searched": lambda value: value is None or (isinstance(value, dict) and all(map(_texts_by_name, value.values()))),
}
"""What is read of provenance.json beside showing it."""


def check_schema(kind: str, schema: pa.Schema) -> None:
    """Raise OptbenchError where a column of that table is missing, stands twice, or holds what it cannot hold."""
    if missing := sorted(_NEEDED[kind] - set(schema.names)):
        raise OptbenchError(f"the column {missing[0]!r} is missing")
    for name, column in zip(schema.names, schema.types, strict=True):
        if schema.names.count(name) > 1:
            raise OptbenchError(f"the column {name!r} stands there twice")
        if pa.types.is_null(column):  # of a table without rows, too
            continue
        words = pa.types.is_dictionary(column) and pa.types.is_string(column.value_type)
        text = words or pa.types.is_string(column) or pa.types.is_large_string(column)
        number = pa.types.is_integer(column) or pa.types.is_floating(column)
        if name in _TEXTS | _SOME_TEXTS:
            right, what = text, "texts"
        elif _is_number(kind, name):
            right, what = number, "numbers"
        else:
            right, what = text or number, "numbers or texts"
        if not right:
            raise OptbenchError(f"the column {name!r} must hold {what}")


def check_cohort(kind: str, schema: pa.Schema) -> None:
    """Raise OptbenchError where a cohort's table is not as every version writes it: others cannot be joined with it."""
    check_schema(kind, schema)
    for name, column in zip(schema.names, schema.types, strict=True):
        right = pa.string() if name in _TEXTS | _SOME_TEXTS else pa.int64() if name in _INTEGERS else pa.float64()
        if column != right:
            raise OptbenchError(f"the column {name!r} is of the type {column}")


def _is_number(kind: str, name: str) -> bool:
    """Whether a column that holds no text must hold numbers: beside the fixed ones, hyperparameters and metrics."""
    return name in _WHOLE or name in _NUMBERS or kind in ("runs", "curves") or is_metric(name)


def checked(kind: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table of a schema that was checked before, as its readers expect it.

    Raises OptbenchError that names the column where it holds something else.
    """
    table = table.assign(**{name: _column(kind, name, table[name]) for name in table.columns})
    if kind == "runs":
        _check_runs(table)
    if kind == "landscapes" and table.duplicated(["problem", "w_1", "w_2"]).any():
        raise OptbenchError("a grid point stands there twice")
    return table


def _column(kind: str, name: str, values: pd.Series) -> pd.Series:
    """The column, checked; one of None or of Python's own numbers as an array of numbers."""
    if name in _TEXTS | _SOME_TEXTS:
        empty = values.isna()
        texts = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values[~empty]
        if len(texts) and types.infer_dtype(texts, skipna=False) != "string":  # a call for each would take its time
            raise OptbenchError(f"the column {name!r} must hold texts")
        if name in _TEXTS and empty.any():
            raise OptbenchError(f"the column {name!r} has empty rows")
        return values
    if not _is_number(kind, name):
        if not all(isinstance(value, str) or is_number(value) for value in values.unique()):
            raise OptbenchError(f"the column {name!r} must hold numbers or texts")
        return values
    if values.isna().all():
        values = values.astype(float)
    if not types.is_numeric_dtype(values) or types.is_bool_dtype(values) or types.is_complex_dtype(values):
        raise OptbenchError(f"the column {name!r} must hold numbers")
    if name in _WHOLE:
        least = _WHOLE[name]
        if values.isna().any() or not ((values >= least) & (values % 1 == 0) & (values < 2**63)).all():
            raise OptbenchError(f"the column {name!r} must hold whole numbers from {least}")
        return values.astype("int64")
    return values


def _check_runs(runs: pd.DataFrame) -> None:
    if runs["run_id"].duplicated().any():
        raise OptbenchError("the column 'run_id' has an id twice")
    if not ((runs["lr"] > 0) & (runs["lr"] < float("inf"))).all():
        raise OptbenchError("the column 'lr' must hold positive finite numbers")
    if strange := set(runs["status"].unique()) - set(_STATUS):
        raise OptbenchError(f"the column 'status' has {shown(min(strange))}, which is none of {', '.join(_STATUS)}")


def check_points(path: Path, schema: pa.Schema, numbers: Iterable[str]) -> None:
    """Raise OptbenchError where a table that is read some rows at a time lacks run_id or one of the numbers."""
    for name in ("run_id", *numbers):
        if schema.get_field_index(name) < 0:
            raise no_table(path, f"the column {name!r} is missing, or stands there twice")
        kind = schema.field(name).type
        text = pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type)
        if not text if name == "run_id" else not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise no_table(path, f"the column {name!r} must hold {'texts' if name == 'run_id' else 'numbers'}")


def no_table(path: Path, reason: object) -> OptbenchError:
    return OptbenchError(f"{str(path)!r} is no table of a sweep: {reason}; run the sweep again")


def provenance(path: Path, content: Any) -> dict[str, Any]:
    """What provenance.json holds. Raises OptbenchError that names the key where it is something else."""
    if not isinstance(content, dict):
        raise OptbenchError(f"{str(path)!r} is not a JSON object: run the sweep again")
    for key, holds in _PROVENANCE.items():
        if key in content and not holds(content[key]):
            raise OptbenchError(f"{str(path)!r}: {key} is {shown(content[key])}: run the sweep again")
    return content


def _texts_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def settings(defaults: Any) -> pd.DataFrame:
    """A row a setting, of a table or of mappings. Raises OptbenchError for anything else."""
    if isinstance(defaults, pd.DataFrame):
        return defaults
    rows = arguments.items("defaults", defaults)
    if strange := [row for row in rows if not isinstance(row, Mapping)]:
        example = {"optimizer": "gd", "lr": 0.1}
        raise OptbenchError(f"defaults: {shown(strange[0])} must be a mapping, such as {example}")
    return pd.DataFrame(rows)


def names(key: str, given: Any) -> list[str]:
    """Texts, such as the ids of runs. Raises OptbenchError for anything else."""
    found = arguments.items(key, given, 10**8)
    if strange := [name for name in found if not isinstance(name, str) or not name.isprintable()]:
        raise OptbenchError(f"{key}: {shown(strange[0])} must be a text")
    return found
