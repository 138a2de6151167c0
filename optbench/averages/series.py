"""Read one column of a CSV file as numbers, with the file's dates if it has any."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from optbench.contract.arguments import one_of
from optbench.contract.errors import OptbenchError, in_one_line

_DELIMITERS = ",;\t|"
_DATE_FORMATS = ("ISO8601", "%Y/%m/%d")
_UNREADABLE = (
    pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, UnicodeDecodeError, EOFError, OSError
)  # fmt: skip
# Rows: enough to tell numbers from texts and dates
_FIRST_ROWS = 1000


@dataclass(frozen=True)
class Series:
    """The numbers of a column, in the order of the file.

    values: (n,) float64, all finite. rows: (n,) int, their rows in the file, counted from 1 after the header.
    dates: (n,) datetime64 of the file's first column of dates, or None. missing: the number of rows left out.
    """

    name: str
    values: np.ndarray
    rows: np.ndarray
    dates: np.ndarray | None
    missing: int
    note: str = ""
    """Which column was chosen, where another one is numeric as well; or that a name looks like a value."""


def read_series(file: str | Path, column: str | None = None, skip_missing: bool = False) -> Series:
    """Read ``column`` of a CSV file, or its only numeric one that counts no rows; nothing else of the file is kept.

    Commas, semicolons (also with decimal commas), tabs and bars separate; compressed files are read as they are. A
    value that is empty, NA, NaN or infinite is missing. Raises OptbenchError for a file or a column that is not there
    or is not numeric, for missing values unless ``skip_missing``, and for a column without values.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise OptbenchError(f"no file {str(file)!r}")
    try:
        options = _dialect(path)
        first = _read(path, column, nrows=_FIRST_ROWS, **options)
        numeric = [str(name) for name in first if name != column and _is_number(first[name])]
        asked, column = column, _choose(path, file, first, column, options)
        dates = next((name for name in first if name != column and _as_dates(first[name]) is not None), None)
        frame = _read(path, column, usecols=[column, *([dates] if dates else [])], **options)
    except _UNREADABLE as error:
        raise OptbenchError(f"cannot read {str(file)!r}: {in_one_line(error)}") from None
    values = _as_numbers(frame[column], file, numeric)
    found = _as_dates(frame[dates]) if dates else None
    present = np.isfinite(values)
    missing = int(len(values) - present.sum())
    if missing and not skip_missing:
        raise OptbenchError(
            f"column {column!r} of {str(file)!r} has {missing:,} missing value{'s' * (missing > 1)}, the first in row "
            f"{int(np.argmin(present)) + 1:,}: --skip-missing leaves such rows out"
        )
    if missing == len(values):
        raise OptbenchError(f"column {column!r} of {str(file)!r} holds no values")
    rows = np.flatnonzero(present)
    dates_kept = None if found is None or np.isnat(found[rows]).any() else found[rows]
    counters, note = [repr(name) for name in numeric if name != column], ""
    if counters and not asked:
        verb = "counts" if len(counters) == 1 else "count"
        note = f"averaging {column!r}, for {' and '.join(counters)} {verb} rows; --column names another"
    if not np.isnan(pd.to_numeric(column.replace(",", "."), errors="coerce")):
        note = f"the first line names the columns, so {column!r} is not averaged: put a line of names above it"
    return Series(column, values[rows], rows + 1, dates_kept, missing, note)


def _dialect(path: Path) -> dict[str, Any]:
    """Return the options of `pandas.read_csv`: encoding, and the separator most frequent in the first line."""
    first = pd.read_csv(path, sep="\0", header=None, nrows=1, dtype=str, encoding="utf-8-sig", engine="c").iloc[0, 0]
    separator = max(_DELIMITERS, key=first.count)
    return {"sep": separator, "encoding": "utf-8-sig", "low_memory": False}


def _read(path: Path, column: str | None, **options: Any) -> pd.DataFrame:
    """Return a text file as a table; decimal commas are tried if no column, or not ``column``, is numeric without.

    options: of `pandas.read_csv`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows with more fields than the header
        frame = pd.read_csv(path, index_col=False, **options)
    if options["sep"] == ";" and not any(_is_number(frame[name]) for name in frame if column in (None, name)):
        frame = pd.read_csv(path, index_col=False, decimal=",", **options)
    return frame


def _is_number(values: pd.Series) -> bool:
    """Return True for a column of numbers, no truth values."""
    return is_numeric_dtype(values) and not is_bool_dtype(values) and bool(values.notna().any())


def _is_counter(values: pd.Series) -> bool:
    """Return True for whole numbers in equal steps, such as an index or years: they say which row it is."""
    steps = values.diff().dropna().unique()
    return len(values) > 2 and values.dtype.kind in "iu" and len(steps) == 1 and steps[0] != 0


def _choose(path: Path, file: str | Path, first: pd.DataFrame, column: str | None, options: dict[str, Any]) -> str:
    """Return the column to read: ``column``, or the only numeric one that counts no rows. Raises OptbenchError.

    path: the file, to be read whole; file: its name in messages; first: its first rows; options: as of `_read`.
    """
    if column is not None:
        names = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **options).iloc[0].tolist()
        one_of(f"column of {str(file)!r}:", column, names)
        if names.count(column) > 1:
            raise OptbenchError(f"{str(file)!r} has {names.count(column)} columns {column!r}")
        return column
    numeric = [name for name in first if _is_number(first[name])]
    measured = [name for name in numeric if not _is_counter(first[name])]
    if len(numeric) > 1 and len(measured) == 1:
        return measured[0]
    if len(numeric) != 1:
        names = ", ".join(numeric) or "none"
        raise OptbenchError(f"name a column of {str(file)!r} with --column; the numeric ones are: {names}")
    return numeric[0]


def _as_numbers(values: pd.Series, file: str | Path, numeric: Sequence[str]) -> np.ndarray:
    """Return a column as float64, NaN for missing values; raise OptbenchError, with row and file, for a text.

    numeric: the columns of the file that are numeric, for the message.
    """
    if is_numeric_dtype(values) and not is_bool_dtype(values):
        return values.to_numpy(np.float64)
    numbers = pd.to_numeric(values.astype(object).astype(str), errors="coerce")
    wrong = np.flatnonzero(numbers.isna() & values.notna())
    if len(wrong):
        row, text = int(wrong[0]) + 1, str(values.iloc[wrong[0]])
        told = f"row {row:,} of column {values.name!r} of {str(file)!r} is {text[:40]!r}: not a number"
        raise OptbenchError(f"{told}; numeric columns: {', '.join(numeric)}" if numeric else told)
    return numbers.to_numpy(np.float64)


def _as_dates(values: pd.Series) -> np.ndarray | None:
    """Return a column as datetime64; None if it is no column of dates."""
    if is_numeric_dtype(values) or not values.notna().any():
        return None
    for form in _DATE_FORMATS:
        try:
            return pd.to_datetime(values, format=form, utc=True).dt.tz_localize(None).to_numpy()
        except (ValueError, OverflowError):
            continue
    return None
