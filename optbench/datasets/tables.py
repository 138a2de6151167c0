"""Tables with a target among their columns: read from .csv, .tsv and .parquet, and turned into examples.

Columns that tell nothing about other rows, or that cannot be read as numbers or levels, are left out with a reason.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optbench.contract import resources
from optbench.contract.arguments import one_of
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.datasets.array_store import ARRAYS
from optbench.datasets.preparation import (
    NO_TEXT,
    NUMBER_TYPES,
    parse_number,
    read_numbers,
    refuse_repeated,
    split_kinds,
    strip_texts,
)
from optbench.datasets.record import (
    ARRAY_TARGET,
    FILLS,
    Raw,
    file_query,
    is_stored,
    one_against_rest,
    split_columns,
    words_of,
)

MOST_LEVELS = 100
"""Levels of a text, each of which is a feature; beyond, texts are names or numbers of tickets. As many as classes."""
_FEW_LEVELS = 10
"""Different texts that are levels however few rows there are; different numbers among texts that can be levels."""
_SAMPLE = 100
"""Different texts of a column that are tried as dates."""
_DATE_TYPES = ("datetime", "datetime64", "date", "timedelta", "timedelta64", "time", "period", "interval")
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?|\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?"
)
_YEAR = re.compile(r"(?<!\d)(19|20)\d{2}(?!\d)|(19|20)\d{2}[01]\d[0-3]\dT")
_UNIT = r"(%|[$€£¥]|EUR|USD|GBP|CHF|JPY)"
_FORMATTED = re.compile(  # 1,234.50, 12 %, $5; 1.2.3, a version, is no number
    rf"\(?[-+−]?\s*{_UNIT}?\s*[-+−]?(\d{{1,3}}([.,'’ \u00a0\u202f]\d{{3}})+([.,]\d+)?|\d*[.,]?\d+|\d+[.,])"
    rf"\s*{_UNIT}?\)?",
    re.IGNORECASE,
)
_DATE_ADVICE = "turn them into numbers (a year, a month, days since the first) to learn from them"


def read_examples(place: Path, given: Mapping[str, Any]) -> Raw:
    """Return the examples of a file; given: the parameters of the set ``file``. Raises OptbenchError."""
    if place.suffix.lower() != ".parquet":
        return table_examples(read_csv(given["path"], place), given)
    from pyarrow.parquet import ParquetFile

    with ParquetFile(place) as file:
        rows, columns = file.metadata.num_rows, file.metadata.num_columns
        arrays = ARRAYS in (file.metadata.metadata or {})
    what = f"{words_of(given['path'])}: {rows:,} rows of {columns:,} columns"
    resources.need_memory(what, 3 * resources.REAL * rows * columns)
    table = pd.read_parquet(place)
    if arrays:
        return array_examples(table, given)
    return table_examples(table.set_axis([str(name).strip() for name in table.columns], axis=1), given)


def read_csv(path: str, place: Path) -> pd.DataFrame:
    """Return the table of a text file whose first line names the columns, with commas, or tabs in a .tsv, between them.

    path: for messages. Raises OptbenchError if the file has another format.
    """
    separator, way = "\t" if place.suffix.lower() == ".tsv" else ",", f"pandas.read_csv({path!r}, "
    parquet = f".to_parquet({str(Path(path).with_suffix('.parquet'))!r}) writes a file that is taken"
    how = {"sep": separator, "skipinitialspace": True, "encoding": "utf-8"}
    # Numbers take 8 bytes, and as many while they are read; in the file they mostly have four or more.
    resources.need_memory(f"data set {path}: its table", 4 * place.stat().st_size)
    try:
        with place.open(encoding="utf-8") as file:
            first = re.sub(r'"[^"]*"', "", file.readline())
        sign = max(";\t|", key=first.count)
        if first.count(sign) > first.count(separator):
            raise OptbenchError(
                f"data set {path}: the first line holds {shown(sign)} between names, not {shown(separator)}: "
                f"{way}sep={sign!r}){parquet}"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more fields than names
            line = pd.read_csv(place, header=None, nrows=1, dtype=str, keep_default_na=False, **how)
            names = [str(name).strip() for name in line.iloc[0]]
            table = pd.read_csv(
                place, header=0, names=range(len(names)), index_col=False, low_memory=False, na_values=NO_TEXT, **how
            )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except UnicodeError as error:
        raise OptbenchError(f"data set {path}: is not in UTF-8: {way}encoding='latin-1'){parquet}") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        text = in_one_line(error).removeprefix("ParserError: Error tokenizing data. C error: ").strip()
        if isinstance(error, Warning):
            text = f"rows have more fields than the first line has names ({shown(', '.join(names))})"
        raise OptbenchError(
            f"data set {path}: does not look like a table with {shown(separator)} between columns: {text}; texts that "
            "hold it need quotes"
        ) from error
    # A separator at the end of each line makes a column with neither name nor values.
    keep = [i for i, name in enumerate(names) if name or table[i].notna().any()]
    numbers = [i for i in keep if np.isfinite(np.nan if (value := parse_number(names[i])) is None else value)]
    # Years may be names, 0.2 may not; without a line of names the last field is often the class, in words.
    if len(numbers) == len(keep) or (len(numbers) == len(keep) - 1 > 0 and any("." in names[i] for i in numbers)):
        raise OptbenchError(f"data set {path}: the first line must name the columns; it holds numbers")
    return table[keep].set_axis([names[i] or f"Unnamed: {i}" for i in keep], axis=1)


class Unusable(Exception):
    """Raised for a column that is neither numbers nor levels: what it holds in words, and what to do."""

    def __init__(self, holds: str, advice: str = ""):
        """Keep the words; advice: "" where leaving the column out is what is wanted."""
        self.holds, self.advice = holds, advice


def read_column(values: pd.Series) -> tuple[pd.Series, str]:
    """Return (column, remark): floats or texts, NaN where a value is missing.

    The remark, if any, tells of words among numbers, which count as missing. Raises Unusable for dates, lists and the
    like, and numbers that are not plainly written.
    """
    held = pd.api.types.infer_dtype(values, skipna=True)
    if held in _DATE_TYPES:
        raise Unusable(f"dates or times, such as {shown(str(values.dropna().iloc[0]))}", _DATE_ADVICE)
    if isinstance(values.dtype, pd.CategoricalDtype):
        return strip_texts(values), ""
    if held not in NUMBER_TYPES and not all(isinstance(each, str | int | float) for each in values.dropna()):
        kind = type(values.dropna().iloc[0]).__name__
        raise Unusable(f"values of the kind {kind}, neither numbers nor texts")
    try:
        numbers, others = read_numbers(values)
    except OverflowError:  # integers of Python
        raise Unusable("whole numbers beyond 1e308", "write them in another unit, or as their logarithms") from None
    if not others:
        return numbers, ""
    texts = strip_texts(values)
    if not (words := _find_words(sorted(texts.dropna().unique()), others)):
        return texts, ""
    return numbers, f"{shown(words[0])}{f' and {len(words) - 1:,} more texts' * (len(words) > 1)}"


def _find_words(levels: list[str], others: list[str]) -> list[str]:
    """Return the words among a column's numbers, which stand for a missing value; none if its texts are levels.

    levels: all different texts; others: those that are no number. Raises Unusable for dates, and numbers that are not
    plainly written.
    """
    first = levels[:_SAMPLE]
    dates = [each for each in first if parse_number(each) is None and _is_date_or_time(each)]
    if 10 * len(dates) >= 9 * len(first):
        raise Unusable(f"dates or times, such as {shown(dates[0])}", _DATE_ADVICE)
    formatted = [each for each in others if _FORMATTED.fullmatch(each)]
    words = sorted({*others} - {*formatted})
    numbers = len(levels) - len(words)
    if numbers <= max(_FEW_LEVELS, len(levels) // 2) and (not formatted or any(map(str.isalnum, "".join(words)))):
        return []  # levels, some of which look like numbers: 1, 2, 3+
    if formatted:
        raise Unusable(f"numbers written as {shown(formatted[0])}", "write plain numbers, such as 1234.5")
    return words


def _is_date_or_time(text: str) -> bool:
    """Return True for a text that looks like a date or a time of day, such as 2024-03-01 or 12:30."""
    if _DATE.fullmatch(text):
        return True
    return bool(_YEAR.search(text)) and not pd.isna(pd.to_datetime(text, errors="coerce", utc=True))


def array_examples(table: pd.DataFrame, given: Mapping[str, Any]) -> Raw:
    """Return the examples of arrays that are kept as a table; given: the parameters of the set ``file``."""
    path = given["path"]
    y, test = table.pop("y"), table.pop("test") if "test" in table else pd.Series(False, index=table.index)
    columns = table.astype(float)
    for name, values in (("x", columns), ("y", y.to_frame())):
        if count := int(np.isinf(values.select_dtypes(float)).to_numpy().sum()):
            raise OptbenchError(f"{words_of(path)}: {name} has {count:,} values that are not finite")
    rows, notes = _rows_to_learn(given, columns, "y", y)
    x, fixed = columns.iloc[rows], test.to_numpy()[rows]
    aim, labels = one_against_rest(path, "y", y.to_numpy()[rows], given["positive"])
    if fixed.all():
        raise OptbenchError(f"{words_of(path)}: every row that is not for testing misses a value")
    return Raw(
        x[~fixed], aim[~fixed], 2 if labels else None, path, test=(x[fixed], aim[fixed]) if fixed.any() else None,
        own=True, name=path, target=ARRAY_TARGET, labels=labels, fill=FILLS[given["missing"]], constants=True,
        notes=notes,
    )  # fmt: skip


def table_examples(table: pd.DataFrame, given: Mapping[str, Any]) -> Raw:
    """Return the examples of a table, one column of which is the target.

    ``given``: the parameters of the set ``file``. Raises OptbenchError for columns that cannot be learned from.
    """
    path, names = given["path"], list(table.columns)
    if not len(table):
        raise OptbenchError(f"{words_of(path)}: the file holds no examples")
    refuse_repeated(names, f"{words_of(path)}: ")
    target, dropped = _target_and_dropped(names, given)
    if not set(names) - {target, *dropped}:
        words = ": it does not look like a table" * (len(names) == 1)
        raise OptbenchError(f"{words_of(path)}: there is no column but the target {target!r}{words}")
    columns, left_out, warned = read_features(given, table.drop(columns=[target, *dropped]))
    aim, remark = _read_target(given, target, table[target])
    rows, notes = _rows_to_learn(given, columns, target, aim)
    numbers, texts = split_kinds(columns)
    width = len(numbers) + sum(columns[name].nunique(dropna=False) for name in texts)
    size = 3 * resources.REAL * len(rows) * width
    resources.need_memory(f"{words_of(path)}: {len(rows):,} rows of {width:,} features", size)
    y, labels = one_against_rest(path, target, _target_values(aim.to_numpy()[rows], table[target]), given["positive"])
    named, ask = bool(given["target"]), f"{file_query(given, target='NAME')}, or --target NAME"
    likely = "" if named else suspect_target(table, target)
    taken = f"the last column, {target!r}, was taken as the target"
    return Raw(
        columns.iloc[rows], y, 2 if labels else None,
        f"{path}, target {target}", name=path, labels=labels,
        target=f"target column {target!r}{' (the last one)' * (not named)}",
        suspicion=f"{taken} and looks like {likely}; name another: {ask}" if likely else "",
        hint="" if named else f"{taken}; name another: {ask}",
        own=True, fill=FILLS[given["missing"]], notes=notes, left_out=dict.fromkeys(dropped, "as asked") | left_out,
        warnings=(*warned, *([remark] if remark else [])), target_name=target,
    )  # fmt: skip


def read_features(given: Mapping[str, Any], table: pd.DataFrame) -> tuple[pd.DataFrame, dict, list[str]]:
    """Return (columns, reasons, warnings): what `read_column` returns, and by name why the others are left out.

    given: the parameters of the set ``file``. Raises OptbenchError for infinite numbers.
    """
    columns, left_out, warned = {}, {}, []
    for name in table.columns:
        try:
            column, remark = read_column(table[name])
        except Unusable as error:
            left_out[name] = error.holds
            if error.advice not in ("", _DATE_ADVICE):
                warned.append(f"{name!r} holds {error.holds}, and is left out: {error.advice}")
            continue
        if remark:
            warned.append(f"{name!r} holds numbers, and {remark}: no number counts as missing")
        there = column.dropna()
        if column.dtype.kind == "f":
            if count := int(np.isinf(column).sum()):
                frame = f"DataFrame.drop(columns=[{name!r}])"
                without = frame if is_stored(given["path"]) else file_query(given, drop=[name])
                raise OptbenchError(
                    f"{words_of(given['path'])}: feature {name!r} has {count:,} values that are not finite: mend them, "
                    f"or leave it out: {without}"
                )
            if is_row_number(column.to_numpy(), name):
                left_out[name] = "numbers the rows"
        elif (count := there.nunique()) > min(MOST_LEVELS, max(_FEW_LEVELS, len(there) // 2)):
            left_out[name] = f"{count:,} different texts"
        if name not in left_out:
            columns[name] = column
    for name in [name for name, each in columns.items() if each.dtype.kind == "f" and each.isna().all()]:
        left_out[name] = "no values"
        del columns[name]
    return pd.DataFrame(columns, index=table.index), left_out, warned


def _read_target(given: Mapping[str, Any], target: str, values: pd.Series) -> tuple[pd.Series, str]:
    """Return the target's column and a warning, if any; raise OptbenchError if it is neither numbers nor classes.

    given: the parameters of the set ``file``.
    """
    who = f"{words_of(given['path'])}: the target {target!r}"
    try:
        column, remark = read_column(values)
    except Unusable as error:
        advice = f"{error.advice}, or " if error.advice else ""
        raise OptbenchError(f"{who} holds {error.holds}: {advice}name another target") from None
    if column.dtype.kind == "f" and (count := int(np.isinf(column).sum())):
        raise OptbenchError(f"{who} has {count:,} values that are not finite: mend them, or name another target")
    return column, f"the target {target!r} holds numbers, and {remark}: no number counts as missing" * bool(remark)


def _target_and_dropped(names: Any, given: Any) -> tuple[str, list[str]]:
    """Return (target, columns that are left out), by name; the target is by default the last column.

    names: of all columns; given: the parameters of the set ``file``. Raises OptbenchError for one that is not there.
    """
    path, left_out = given["path"], split_columns(given["drop"], names)
    target = given["target"] or next((name for name in reversed(names) if name not in left_out), "")
    for name in (*left_out, target):
        one_of(f"column of {words_of(path)}", name, names)
    if target in left_out:
        raise OptbenchError(f"{words_of(path)}: drop= leaves out {target!r}, which is the target")
    return target, left_out


def _rows_to_learn(
    given: Mapping[str, Any], columns: pd.DataFrame, target: str, aim: pd.Series
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return (rows, notes): indices of the rows to learn from, and a text about the others if there are any.

    given: the parameters of the set ``file``; columns, aim: the features and the target. Raises OptbenchError if no row
    is left.
    """
    path, lost, why = given["path"], aim.isna(), "the target is missing"
    if lost.all():
        raise OptbenchError(f"{words_of(path)}: the target {target!r} has no value in any row")
    if given["missing"] == "drop":
        why, lost = "values are missing", lost | columns.isna().any(axis=1)
    if lost.all():
        raise OptbenchError(f"{words_of(path)}: every row misses a value: leave missing=drop out, or columns: drop=")
    note = f"{lost.sum():,} of {len(lost):,} rows left out, where {why}"
    return np.flatnonzero(~lost), (note,) if lost.any() else ()


def _target_values(y: np.ndarray, table_column: pd.Series) -> np.ndarray:
    """Return a converted target as the table has it: texts, truth values, whole numbers or reals, (rows,).

    y: the column's values; table_column: the column of the table.
    """
    if y.dtype.kind == "O":
        return y
    held = pd.api.types.infer_dtype(table_column, skipna=True)
    if held == "boolean":
        return y.astype(bool)
    # Whole numbers of a column with gaps were read as reals.
    whole = held not in ("floating", "mixed-integer-float", "decimal") or table_column.hasnans
    return y.astype(int) if whole and bool((y == np.floor(y)).all() and (np.abs(y) < 2**53).all()) else y


def suspect_target(table: pd.DataFrame, name: str) -> str:
    """Return words for a last column that is hardly a target: a dummy variable, or the row's number; "" for others."""
    for prefix in re.finditer(r"[ _.:=-]", name):
        alike = [other for other in table.columns if other.startswith(name[: prefix.end()])]
        group = [other for other in alike if table[other].dtype.kind in "biuf" and table[other].isin([0, 1]).all()]
        if name in group and len(group) > 1 and (table[group].astype(float).sum(axis=1) <= 1).all():
            return f"one of the dummies {', '.join(group[:3])}{', ...' if len(group) > 3 else ''}"
    return "the number of the row" if is_row_number(table[name].to_numpy(), name) else ""


def is_row_number(values: np.ndarray, name: str) -> bool:
    """Return True for whole numbers that all differ, and count from 0 or 1 or have a name such as ``id``."""
    if values.dtype.kind not in "iuf" or not (values == np.floor(values)).all() or len(np.unique(values)) < len(values):
        return False
    counts = values.max() - values.min() == len(values) - 1 and values.min() in (0, 1)
    return bool(counts) or re.fullmatch(r"(?i:unnamed: \d+|index|(.*[ _.-])?id)|.*[a-z]I[Dd]", name) is not None
