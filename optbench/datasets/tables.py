"""Tables with a target among their columns: read from .csv, .tsv and .parquet, and turned into examples.

Columns that tell nothing about other rows, or that cannot be read as numbers or levels, are left out with a reason.
"""

import re
import warnings
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optbench.contract import resources
from optbench.contract.errors import OptbenchError, in_one_line, shown, unknown
from optbench.datasets.preparation import (
    MISSING,
    NO_TEXT,
    THOUSANDS,
    has_thousands,
    name_some,
    parse_number,
    read_number,
    refuse_repeated,
    strip_texts,
)
from optbench.datasets.record import (
    FILLS,
    Raw,
    file_query,
    one_against_rest,
    open_file,
    split_columns,
    unpacked_size,
)

MOST_LEVELS = 100
"""Levels of a text, each of which is a feature; beyond, texts are names or numbers of tickets. As many as classes."""
_FEW_LEVELS = 10
"""Different texts that are levels however few rows there are; different numbers among texts that can be levels."""
_PEEK = 1 << 16
"""Bytes of a text file by which its separator is guessed."""
_SAMPLE = 100
"""Different texts of a column that are tried as dates."""
SEPARATORS = {"tab": "\t", "space": r"\s+", "comma": ",", "semicolon": ";"}
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "cp1250", "cp1251", "gbk", "shift_jis", "big5")
_NUMBER_TYPES = ("integer", "floating", "mixed-integer-float", "decimal", "empty", "boolean")
_DATE_TYPES = ("datetime", "datetime64", "date", "timedelta", "timedelta64", "time", "period", "interval")
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?|\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?"
)
_YEAR = re.compile(r"(?<!\d)(19|20)\d{2}(?!\d)|(19|20)\d{2}[01]\d[0-3]\dT")
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")
_UNIT = r"(%|[$€£¥]|EUR|USD|GBP|CHF|JPY)"
_FORMATTED = re.compile(  # 1,234.50, 12 %, $5; 1.2.3, a version, is no number
    rf"\(?[-+−]?\s*{_UNIT}?\s*[-+−]?(\d{{1,3}}([.,'’ \u00a0\u202f]\d{{3}})+([.,]\d+)?|\d*[.,]?\d+|\d+[.,])"
    rf"\s*{_UNIT}?\)?",
    re.IGNORECASE,
)
_DATE_ADVICE = "turn them into numbers (a year, a month, days since the first) to learn from them"


def read_csv(place: Path, ending: str, given: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table of a text file whose first line names the columns.

    ``place``: the file; ``ending``: that of its name, which names the format; ``given``: the parameters of the set
    ``file``, as of `guess_format`. Raises OptbenchError if the file has another format.
    """
    path, decimal = given["path"], given["decimal"]
    if decimal not in ("", ".", ","):
        raise OptbenchError(f"data set {path}: decimal={shown(decimal)} must be '.', or ','")
    separator, encoding = _parse_separator(path, given["sep"], ending), _check_encoding(path, given["encoding"])
    packing = {".gz": "gzip", ".bz2": "bz2"}.get(place.suffix.lower())
    how = {"sep": separator, "encoding": encoding, "compression": packing, "skipinitialspace": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more fields than names
            first = pd.read_csv(place, header=None, nrows=1, dtype=str, keep_default_na=False, **how)
            names = [str(name).strip() for name in first.iloc[0]]
            # Numbers take 8 bytes, and as many while they are read; in the file they mostly have four or more.
            resources.need_memory(f"data set {path}: its table", 4 * unpacked_size(path, place))
            table = pd.read_csv(
                place, header=0, names=range(len(names)), index_col=False, low_memory=False, na_values=NO_TEXT,
                decimal=decimal or ".", **how,
            )  # fmt: skip
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except UnicodeError as error:
        query = file_query(given, encoding="latin-1")
        raise OptbenchError(
            f"data set {path}: cannot be read as {encoding}: name its encoding, {query} (or cp1252, utf-16)"
        ) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        text = in_one_line(error).removeprefix("ParserError: Error tokenizing data. C error: ").strip()
        if isinstance(error, Warning):
            text = f"rows have more fields than the first line has names ({shown(', '.join(names))})"
        raise OptbenchError(
            f"data set {path}: does not look like a table with sep={separator!r}: {text}; "
            "texts that hold it need quotes"
        ) from error
    # A separator at the end of each line makes a column with neither name nor values.
    keep = [i for i, name in enumerate(names) if name or table[i].notna().any()]
    return table[keep].set_axis([names[i] or f"Unnamed: {i}" for i in keep], axis=1)


def read_parquet(path: str, place: Path) -> pd.DataFrame:
    """Return the table of a .parquet file; path: for messages. Raises OptbenchError if it does not fit into memory."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(place) as file:
        rows, columns = file.metadata.num_rows, file.metadata.num_columns
    resources.need_memory(f"data set {path}: {rows:,} rows of {columns:,} columns", resources.REAL * rows * columns)
    table = pd.read_parquet(place)
    return table.set_axis([str(name).strip() for name in table.columns], axis=1)


def _parse_separator(path: str, text: str, ending: str) -> str:
    """Return the separator for pandas, one character or a pattern. Raises OptbenchError for another text.

    text: what the user gave, a sign or a word such as ``tab``; "" for the default, a tab if `ending` is ``.tsv``, else
    a comma. path: for messages.
    """
    if not text:
        return "\t" if ending == ".tsv" else ","
    found = SEPARATORS.get(text, "\t" if text == r"\t" else text)
    if found in SEPARATORS.values():
        return found
    if len(found) != 1 or not found.isascii() or found.isalnum() or not found.isprintable() or found in "\"'.-+_":
        words = ", ".join(SEPARATORS)
        raise OptbenchError(f"data set {path}: sep={shown(text)} must be one sign, such as ';' or '|', or of {words}")
    return found


def _check_encoding(path: str, text: str) -> str:
    """Return the encoding, by default UTF-8. Raises OptbenchError for an unknown one."""
    try:
        b"a".decode(text or "utf-8")  # also refuses codecs that do not give a text
    except UnicodeError:  # one with more bytes a letter
        pass
    except (LookupError, ValueError):
        raise unknown(f"encoding of data set {path}", text, _ENCODINGS) from None
    return text or "utf-8"


def guess_format(place: Path, ending: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of the set ``file`` with the separator, and the decimal comma, that a text file shows.

    ``ending``: that of its name, which names the format. The separator is a comma unless the first line has none, and
    another sign. Raises OptbenchError if it has both.
    """
    if given["sep"] or ending == ".tsv":
        return given
    try:
        with open_file(place) as file:
            text = file.read(_PEEK).decode(_check_encoding(given["path"], given["encoding"]), "ignore")
    except (OSError, EOFError, zlib.error):
        return given  # refused when it is read
    first, _, rest = text.partition("\n")
    sign = next((sign for sign in ";\t|" if sign in re.sub(r'"[^"]*"', "", first)), "")
    word = "tab" if sign == "\t" else sign
    if sign and "," in first:
        ask, same = file_query(given, sep=word), file_query(given, sep="comma")
        raise OptbenchError(
            f"data set {given['path']}: the first line holds {shown(word)}: say {ask} if that separates columns, or "
            f"{same} if it is part of a name"
        )
    if not sign:
        return given
    fields = re.split(rf"[{sign}\n]", rest)
    commas, points = (
        sum(re.fullmatch(rf'"?-?\d+[{point}]\d+"?', each) is not None for each in fields) for point in ",."
    )
    return {**given, "sep": word, "decimal": given["decimal"] or ("," if commas > 9 * points else "")}


class Unusable(Exception):
    """Raised for a column that is neither numbers nor levels: what it holds in words, and what to do."""

    def __init__(self, holds: str, advice: str = ""):
        """Keep the words; advice: "" where leaving the column out is what is wanted."""
        self.holds, self.advice = holds, advice


def read_column(given: Mapping[str, Any], values: pd.Series) -> tuple[np.ndarray, str]:
    """Return (column, remark): float64, NaN where a value is missing, or texts, None there.

    ``given``: the parameters of the set ``file``. The remark, if any, tells of words among numbers, which count as
    missing. Raises Unusable for dates, lists and the like, and numbers that are not plainly written.
    """
    values = values.reset_index(drop=True)
    held = pd.api.types.infer_dtype(values, skipna=True)
    category = isinstance(values.dtype, pd.CategoricalDtype)
    if held in _DATE_TYPES:
        raise Unusable(f"dates or times, such as {shown(str(values.dropna().iloc[0]))}", _DATE_ADVICE)
    if held in _NUMBER_TYPES and not category:
        return values.to_numpy(float, na_value=np.nan), ""
    if not category and not all(isinstance(each, str | int | float) for each in values.dropna()):
        kind = type(values.dropna().iloc[0]).__name__
        raise Unusable(f"values of the kind {kind}, neither numbers nor texts")
    texts = strip_texts(values)
    levels = sorted(set(texts.dropna()))
    numbers = {each: read_number(each, given.get("decimal", "")) for each in levels}
    words_alone = levels and (category or {*levels} <= {"True", "False"})
    if None not in numbers.values() and not words_alone:
        return texts.map(numbers).to_numpy(float, na_value=np.nan), ""
    if not category and (words := _find_words(given, numbers)):
        remark = f"{shown(words[0])}{f' and {len(words) - 1:,} more texts' * (len(words) > 1)}"
        return texts.map(numbers).to_numpy(float, na_value=np.nan), remark
    return np.where(texts.isna(), None, texts.to_numpy(object)), ""


def _find_words(given: Mapping[str, Any], levels: Mapping[str, float | None]) -> list[str]:
    """Return the words among a column's numbers, which stand for a missing value; none if its texts are levels.

    given: the parameters of the set ``file``; levels: each text, and the number that it is or None. Raises Unusable for
    dates, and numbers that are not plainly written.
    """
    first = list(levels)[:_SAMPLE]
    dates = [each for each in first if levels[each] is None and _is_date_or_time(each)]
    if 10 * len(dates) >= 9 * len(first) > 0:
        raise Unusable(f"dates or times, such as {shown(dates[0])}", _DATE_ADVICE)
    others = [each for each, number in levels.items() if number is None]
    formatted = [each for each in others if _FORMATTED.fullmatch(each)]
    words = [each for each in others if each not in formatted] if formatted else others
    numbers = len(levels) - len(words)
    if numbers <= max(_FEW_LEVELS, len(levels) // 2) and (not formatted or any(map(str.isalnum, "".join(words)))):
        return []  # levels, some of which look like numbers: 1, 2, 3+
    if not formatted:
        return words
    decimal = given.get("decimal", "")
    advice = [f"write plain numbers, such as {'1234,5' if decimal == ',' else '1234.5'}"]
    if decimal != "," and any(map(_DECIMAL_COMMA.fullmatch, formatted)) and _is_text_file(given["path"]):
        advice.append(f"say {file_query(given, decimal=',')} if the comma is the decimal point")
    raise Unusable(f"numbers written as {shown(formatted[0])}", ", or ".join(advice))


def _is_date_or_time(text: str) -> bool:
    """Return True for a text that looks like a date or a time of day, such as 2024-03-01 or 12:30."""
    if _DATE.fullmatch(text):
        return True
    return bool(_YEAR.search(text)) and not pd.isna(pd.to_datetime(text, errors="coerce", utc=True))


def _is_text_file(path: str) -> bool:
    """Return True for the path of a .csv or .tsv file, packed or not."""
    return re.search(r"[.][ct]sv([.]gz)?$", path.lower()) is not None


def table_examples(table: pd.DataFrame, given: Mapping[str, Any]) -> Raw:
    """Return the examples of a table, one column of which is the target.

    ``given``: the parameters of the set ``file``. Raises OptbenchError for columns that cannot be learned from.
    """
    path, names = given["path"], list(table.columns)
    if not len(table):
        raise OptbenchError(f"data set {path}: the file holds no examples")
    numbers = [name for name in names if np.isfinite(np.nan if (value := parse_number(name)) is None else value)]
    # Years may be names, 0.2 may not; without a line of names the last field is often the class, in words.
    if len(numbers) == len(names) or (len(numbers) == len(names) - 1 > 0 and any("." in name for name in numbers)):
        raise OptbenchError(f"data set {path}: the first line must name the columns; it holds numbers")
    refuse_repeated(names, f"data set {path}: ")
    target, dropped = _target_and_dropped(names, given)
    if not set(names) - {target, *dropped}:
        words = ": it does not look like a table" * (len(names) == 1)
        raise OptbenchError(f"data set {path}: there is no column but the target {target!r}{words}")
    columns, left_out, warned = read_features(given, table, [name for name in names if name not in {target, *dropped}])
    aim, remark = _read_target(given, target, table[target])
    rows, notes = _rows_to_learn(given, columns, target, aim)
    read = {**columns, target: aim}
    if written := [name for name in read if read[name].dtype.kind == "f" and _has_thousands(given, table[name])]:
        notes += (f"{THOUSANDS}: {name_some(written)}",)
    width = sum(1 if each.dtype.kind == "f" else len(set(each)) for each in columns.values())
    size = 3 * resources.REAL * len(rows) * width
    resources.need_memory(f"data set {path}: {len(rows):,} rows of {width:,} features", size)
    x, texts, features = stack_features(columns, rows)
    y, labels = one_against_rest(path, target, _target_values(aim[rows], table[target]), given["positive"])
    named, ask = bool(given["target"]), f"{file_query(given, target='NAME')}, or --target NAME"
    likely = "" if named else suspect_target(table, target)
    taken = f"the last column, {target!r}, was taken as the target"
    return Raw(
        x, y, 2 if labels else None,
        f"{path}, target {target}", name=path, labels=labels,
        target=f"target column {target!r}{' (the last one)' * (not named)}",
        suspicion=f"{taken} and looks like {likely}; name another: {ask}" if likely else "",
        hint="" if named else f"{taken}; name another: {ask}",
        own=True, columns=features, texts=texts,
        fill=FILLS[given["missing"]], notes=notes, left_out=dict.fromkeys(dropped, "as asked") | left_out,
        warnings=(*warned, *([remark] if remark else [])), target_name=target, decimal=given["decimal"],
    )  # fmt: skip


def _has_thousands(given: Mapping[str, Any], values: pd.Series) -> bool:
    """Return True for a column of numbers some of which have commas between their thousands."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return False
    return any(has_thousands(each, given.get("decimal", "")) for each in strip_texts(values).dropna())


def stack_features(columns: Mapping[str, np.ndarray], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Return (numbers, texts, names): the features of each kind as an array, and the names of both in that order.

    columns: by name, as of `read_features`; rows: the indices of those to take.
    """
    numbers = {name: each for name, each in columns.items() if each.dtype.kind == "f"}
    texts = {name: each for name, each in columns.items() if name not in numbers}
    return (
        _side_by_side(numbers.values(), rows), _side_by_side(texts.values(), rows, object), (*numbers, *texts),
    )  # fmt: skip


def _side_by_side(columns: Iterable[np.ndarray], rows: np.ndarray, dtype: type = float) -> np.ndarray:
    """Return columns as an array (rows, columns) of the dtype; rows: the indices of those to take."""
    found = [each[rows] for each in columns]
    array = np.empty((len(rows), len(found)), dtype)
    for place, each in enumerate(found):
        array[:, place] = each
    return array


def read_features(given: Mapping[str, Any], table: pd.DataFrame, features: list[str]) -> tuple[dict, dict, list[str]]:
    """Return (columns, reasons, warnings): by name what `read_column` returns, and why the others are left out.

    given: the parameters of the set ``file``, path "" for a table in memory. Missing texts are MISSING. Raises
    OptbenchError for infinite numbers.
    """
    columns, left_out, warned = {}, {}, []
    for name in features:
        try:
            column, remark = read_column(given, table[name])
        except Unusable as error:
            left_out[name] = error.holds
            if error.advice not in ("", _DATE_ADVICE):
                warned.append(f"{name!r} holds {error.holds}, and is left out: {error.advice}")
            continue
        if remark:
            warned.append(f"{name!r} holds numbers, and {remark}: no number counts as missing")
        if column.dtype.kind == "f":
            if count := int(np.isinf(column).sum()):
                head = f"data set {given['path']}: " * bool(given["path"])
                advice = f", or leave it out: {file_query(given, drop=[name])}" * bool(given["path"])
                raise OptbenchError(
                    f"{head}feature {name!r} has {count:,} values that are not finite: mend them{advice}"
                )
            if is_row_number(column, name):
                left_out[name] = "numbers the rows"
            else:
                columns[name] = column
            continue
        there = [each for each in column if each is not None]
        count = len(set(there))
        if count > min(MOST_LEVELS, max(_FEW_LEVELS, len(there) // 2)):
            left_out[name] = f"{count:,} different texts"
        else:
            columns[name] = np.array([MISSING if each is None else each for each in column], object)
    for name in [name for name, each in columns.items() if each.dtype.kind == "f" and np.isnan(each).all()]:
        left_out[name] = "no values"
        del columns[name]
    return columns, left_out, warned


def _read_target(given: Mapping[str, Any], target: str, values: pd.Series) -> tuple[np.ndarray, str]:
    """Return the target's column and a warning, if any; raise OptbenchError if it is neither numbers nor classes.

    given: the parameters of the set ``file``.
    """
    who = f"data set {given['path']}: the target {target!r}"
    try:
        column, remark = read_column(given, values)
    except Unusable as error:
        advice = f"{error.advice}, or " if error.advice else ""
        raise OptbenchError(f"{who} holds {error.holds}: {advice}name another target") from None
    if column.dtype.kind == "f" and (count := int(np.isinf(column).sum())):
        raise OptbenchError(f"{who} has {count:,} values that are not finite: mend them, or name another target")
    return column, f"the target {target!r} holds numbers, and {remark}: no number counts as missing" * bool(remark)


def _target_and_dropped(names, given) -> tuple[str, list[str]]:
    """Return (target, columns that are left out), by name; the target is by default the last column.

    names: of all columns; given: the parameters of the set ``file``. Raises OptbenchError for one that is not there.
    """
    path, left_out = given["path"], split_columns(given["drop"], names)
    target = given["target"] or next((name for name in reversed(names) if name not in left_out), "")
    for name in (*left_out, target):
        if name not in names:
            raise unknown(f"column of data set {path}", name, names)
    if target in left_out:
        raise OptbenchError(f"data set {path}: drop= leaves out {target!r}, which is the target")
    return target, left_out


def _rows_to_learn(
    given: Mapping[str, Any], columns: Mapping[str, np.ndarray], target: str, aim: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return (rows, notes): indices of the rows to learn from, and a text about the others if there are any.

    given: the parameters of the set ``file``; columns, aim: the features by name and the target. Raises OptbenchError
    if no row is left.
    """
    path = given["path"]
    lost = pd.isna(aim)
    if lost.all():
        raise OptbenchError(f"data set {path}: the target {target!r} has no value in any row")
    why = "the target is missing"
    if given["missing"] == "drop":
        why = "values are missing"
        for column in columns.values():
            lost = lost | (np.isnan(column) if column.dtype.kind == "f" else column == MISSING)
    if lost.all():
        raise OptbenchError(f"data set {path}: every row misses a value: leave missing=drop out, or columns: drop=")
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
