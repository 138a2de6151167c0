"""One column of a CSV file as a series of numbers, with its dates where the file has any."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from optbench.contract.errors import OptbenchError, in_one_line, unknown

_DELIMITERS = ",;\t|"
_DATES = [csv.ISO8601, "%Y/%m/%d"]


@dataclass(frozen=True)
class Series:
    """The numbers of a column, in the order of the file.

    values: (n,) float64, all finite. rows: (n,) int, where they stand in the file, counted from 1 behind the header.
    dates: (n,) datetime64 of the file's first column of dates, or None. missing: how many rows were left out.
    """

    name: str
    values: np.ndarray
    rows: np.ndarray
    dates: np.ndarray | None
    missing: int


def read_series(file: str | Path, column: str | None = None, skip_missing: bool = False) -> Series:
    """Read ``column`` of a CSV file, or its only numeric column; nothing else of the file is kept.

    Commas, semicolons (also with decimal commas), tabs and bars separate; .gz and .bz2 are read as they are. A value
    that is empty, NA, NaN or infinite is missing. Raises OptbenchError for a file or a column that is not there or is
    not numeric, for missing values unless ``skip_missing``, and for a column without values.
    """
    place = Path(file).expanduser()
    if not place.is_file():
        raise OptbenchError(f"no file {str(file)!r}")
    try:
        parse = csv.ParseOptions(delimiter=_delimiter(place), newlines_in_values=False)
        convert, schema = _understand(place, parse, column)
        schema.names  # noqa: B018 - those of a file in another encoding cannot be read, which is told here only
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise OptbenchError(f"cannot read {str(file)!r}: {in_one_line(error)}") from None
    column = _chosen(schema, column, file)
    dates = next((each.name for each in schema if _is_date(each) and each.name != column), None)
    table = _read(place, parse, convert, column, dates, file)
    values = table[column].to_numpy().astype(np.float64, copy=False)
    there = np.isfinite(values)
    missing = int(len(values) - there.sum())
    if missing and not skip_missing:
        raise OptbenchError(
            f"column {column!r} of {str(file)!r} has {missing:,} missing value{'s' * (missing > 1)}, the first in row "
            f"{int(np.argmin(there)) + 1:,}: --skip-missing leaves such rows out"
        )
    if missing == len(values):
        raise OptbenchError(f"column {column!r} of {str(file)!r} holds no values")
    # What began as dates may have turned into texts further down.
    found = table[dates].to_numpy() if dates and _is_date(table.schema.field(dates)) else None
    rows = np.flatnonzero(there)
    if missing:
        values, found = values[rows], None if found is None else found[rows]
    if found is not None and np.isnat(found).any():
        found = None
    return Series(column, values, rows + 1, found, missing)


def _delimiter(place: Path) -> str:
    with pa.input_stream(str(place)) as stream:
        head = stream.read(1 << 16).decode(errors="replace")
    first = next((line for line in head.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _understand(place, parse, column):
    """How to convert the file's texts, and the types of its columns, by its first block."""
    for point in ".," if parse.delimiter == ";" else ".":
        convert = csv.ConvertOptions(timestamp_parsers=_DATES, decimal_point=point)
        with csv.open_csv(place, parse_options=parse, convert_options=convert) as reader:
            schema = reader.schema
        if any(_is_number(each) and column in (None, each.name) for each in schema):
            break
    return convert, schema


def _is_number(field) -> bool:
    return pa.types.is_integer(field.type) or pa.types.is_floating(field.type)


def _is_date(field) -> bool:
    return pa.types.is_date(field.type) or pa.types.is_timestamp(field.type)


def _chosen(schema, column, file) -> str:
    if column is not None:
        if column not in schema.names:
            raise unknown(f"column of {str(file)!r}:", column, schema.names)
        if schema.names.count(column) > 1:
            raise OptbenchError(f"{str(file)!r} has {schema.names.count(column)} columns {column!r}")
        return column
    numeric = [each.name for each in schema if _is_number(each)]
    if len(numeric) != 1:
        names = ", ".join(numeric) or "none"
        raise OptbenchError(f"name a column of {str(file)!r} with --column; the numeric ones are: {names}")
    return numeric[0]


def _read(place, parse, convert, column, dates, file):
    convert.column_types, convert.include_columns = {column: pa.float64()}, [column, dates] if dates else [column]
    options = {"parse_options": parse, "convert_options": convert}
    try:
        return csv.read_csv(place, **options)
    except (pa.ArrowException, OSError):
        pass
    try:  # one thread, which can tell the row
        return csv.read_csv(place, **options, read_options=csv.ReadOptions(use_threads=False))
    except (pa.ArrowException, OSError) as error:
        found = re.search(r"Row #(\d+): CSV conversion error.*invalid value '(.*)'", str(error), re.DOTALL)
        if found:
            text = f"row {int(found[1]) - 1:,} of column {column!r} of {str(file)!r} is {found[2][:40]!r}: not a number"
            raise OptbenchError(text) from None
        raise OptbenchError(f"cannot read {str(file)!r}: {in_one_line(error)}") from None
