"""Tables with a target among their columns: read from .csv, .tsv and .parquet, and turned into examples.

Texts become columns of 0 and 1. Dates, and numbers that pandas reads as texts, are refused by name.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optbench.contract import resources
from optbench.contract.errors import OptbenchError, in_one_line, shown, unknown
from optbench.datasets.record import Raw, file_query, one_against_rest, parse_number, split_columns, unpacked_size

MOST_LEVELS = 100
"""Levels of a text, each of which is a feature; beyond, texts are names or numbers of tickets. As many as classes."""
_FEW_LEVELS = 10
"""Different texts that are levels however few rows there are; different numbers among texts that can be levels."""
_MOST_NAMES = 6
"""Columns that a message names before it counts the others."""
_SAMPLE = 100
"""Different texts of a column that are tried as dates."""
_SEPARATORS = {"tab": "\t", "space": r"\s+", "comma": ",", "semicolon": ";"}
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "cp1250", "cp1251", "gbk", "shift_jis", "big5")
_NO_VALUE = ["?", "."]
"""Missing values besides those that pandas knows: of the UCI archive, and of SAS."""
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
_DATE_ADVICE = "turn it into numbers (a year, a month, days since the first)"


def read_csv(place: Path, ending: str, given: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table of a text file whose first line names the columns.

    ``place``: the file; ``ending``: that of its name, which names the format; ``given``: the parameters of the set
    ``file``. Raises OptbenchError if the file has another format.
    """
    path, decimal = given["path"], given["decimal"]
    if decimal not in ("", ".", ","):
        raise OptbenchError(f"data set {path}: decimal={shown(decimal)} must be '.', or ','")
    separator, encoding = _parse_separator(path, given["sep"], ending), _check_encoding(path, given["encoding"])
    packed = place.name.lower().endswith(".gz")
    how = {
        "sep": separator, "encoding": encoding, "compression": "gzip" if packed else None, "skipinitialspace": True,
    }  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more fields than names
            first = pd.read_csv(place, header=None, nrows=1, dtype=str, keep_default_na=False, **how)
            names = [str(name).strip() for name in first.iloc[0]]
            _refuse_other_separator(given, names)
            # Numbers take 8 bytes, and as many while they are read; in the file they mostly have four or more.
            resources.need_memory(f"data set {path}: its table", 4 * unpacked_size(path, place))
            table = pd.read_csv(
                place, header=0, names=range(len(names)), index_col=False, low_memory=False, na_values=_NO_VALUE,
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
            f"data set {path}: cannot be read with sep={separator!r}: {text}; texts that hold it need quotes"
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
    found = _SEPARATORS.get(text, "\t" if text == r"\t" else text)
    if found in _SEPARATORS.values():
        return found
    if len(found) != 1 or not found.isascii() or found.isalnum() or not found.isprintable() or found in "\"'.-+_":
        words = ", ".join(_SEPARATORS)
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


def _refuse_other_separator(given, names) -> None:
    """Raise OptbenchError if the user named no separator, and the first line contains another one.

    given: the parameters of the set ``file``; names: of the columns, as read.
    """
    sign = next((sign for sign in ";\t|" if any(sign in name for name in names)), None)
    if sign and not given["sep"]:
        word = "tab" if sign == "\t" else sign
        ask, same = file_query(given, sep=word), file_query(given, sep="comma")
        raise OptbenchError(
            f"data set {given['path']}: the first line holds {shown(word)}: say {ask} if that separates columns, or "
            f"{same} if it is part of a name"
        )


def convert_column(given: Mapping[str, Any], name: str, values: pd.Series, target: bool = False) -> pd.Series:
    """Return a column as float numbers, or as a categorical column if it holds texts; missing values are NaN.

    ``given``: the parameters of the set ``file``. Raises OptbenchError, with the column's name and what to do, for
    dates, lists and the like, infinite numbers, numbers that were read as texts, and a feature with too many texts.
    """
    who = f"data set {given['path']}: {'the target' if target else 'feature'} {name!r}"
    way = "name another target" if target else f"leave it out: {file_query(given, drop=[name])}"
    values = values.reset_index(drop=True)
    held = pd.api.types.infer_dtype(values, skipna=True)
    category = isinstance(values.dtype, pd.CategoricalDtype)
    if held in _DATE_TYPES:
        first = shown(str(values.dropna().iloc[0]))
        raise OptbenchError(f"{who} holds dates or times, such as {first}: {_DATE_ADVICE}, or {way}")
    if held in _NUMBER_TYPES and not category:
        return _finite_column(who, way, values.to_numpy(float, na_value=np.nan))
    if not category and not all(isinstance(each, str | int | float) for each in values.dropna()):
        kind = type(values.dropna().iloc[0]).__name__
        raise OptbenchError(f"{who} holds values of the kind {kind}, neither numbers nor texts: {way}")
    texts = values.astype(object).map(lambda each: str(each).strip(), na_action="ignore")
    texts = texts.where(~texts.isin(["", "?"]))
    levels = sorted(set(texts.dropna()))
    numbers = {each: parse_number(each, given.get("decimal", "")) for each in levels}
    if None not in numbers.values() and not (category and levels):
        return _finite_column(who, way, texts.map(numbers).to_numpy(float, na_value=np.nan))
    if not category:
        _refuse_dates_and_numbers(given, who, way, numbers)
    if len(levels) > min(MOST_LEVELS, max(_FEW_LEVELS, texts.count() // 2)) and not target:
        raise OptbenchError(
            f"{who} has {len(levels):,} different texts in {len(texts):,} rows, such as {shown(levels[0])}: too many "
            f"for a weight each; group them, or {way}"
        )
    return texts.astype(pd.CategoricalDtype(levels))


def _finite_column(who: str, way: str, numbers: np.ndarray) -> pd.Series:
    """Return numbers as a column; raise OptbenchError if some are infinite.

    who: begins the message; way: its end, how to leave the column out.
    """
    if count := int(np.isinf(numbers).sum()):
        raise OptbenchError(f"{who} has {count:,} values that are not finite: mend them, or {way}")
    return pd.Series(numbers)


def _text_levels(column: pd.Series) -> list[str]:
    """Return the different texts of a converted column; none for numbers."""
    return list(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else []


def _feature_count(column: pd.Series) -> int:
    """Return the number of features that a converted column becomes."""
    return max(1, len(_text_levels(column)) - (len(_text_levels(column)) == 2))


def _to_features(column: pd.Series) -> np.ndarray:
    """Return a converted column as features (rows, width): numbers, or 0 and 1 for texts; NaN where missing.

    Two levels become one feature, 1 for the second level; more become one feature for each level.
    """
    if not _text_levels(column):
        return column.to_numpy()[:, None]
    coded = pd.get_dummies(column, dtype=float, drop_first=len(_text_levels(column)) == 2).to_numpy(copy=True)
    coded[column.isna()] = np.nan
    return coded


def _refuse_dates_and_numbers(given, who, way, levels: Mapping[str, float | None]) -> None:
    """Raise OptbenchError if a column's texts are dates, or numbers that pandas did not read as such.

    given: the parameters of the set ``file``; who, way: as of `_finite_column`; levels: each text, and the number that
    it is or None.
    """
    first = list(levels)[:_SAMPLE]
    dates = [each for each in first if levels[each] is None and _is_date_or_time(each)]
    if 10 * len(dates) >= 9 * len(first) > 0:
        raise OptbenchError(f"{who} holds dates or times, such as {shown(dates[0])}: {_DATE_ADVICE}, or {way}")
    others = [each for each, number in levels.items() if number is None]
    formatted = [each for each in others if _FORMATTED.fullmatch(each)]
    words = [each for each in others if each not in formatted]
    numbers = len(levels) - len(words)
    if numbers <= max(_FEW_LEVELS, len(levels) // 2) and (not formatted or any(map(str.isalnum, "".join(words)))):
        return  # levels, some of which look like numbers: 1, 2, 3+
    decimal = given.get("decimal", "")
    written = f" written as {shown(formatted[0])}" if formatted else ""
    besides = f", and {shown(words[0])}{f' and {len(words) - 1:,} more texts' * (len(words) > 1)}" if words else ""
    advice = [f"write plain numbers, such as {'1234,5' if decimal == ',' else '1234.5'}"]
    if decimal != "," and any(map(_DECIMAL_COMMA.fullmatch, formatted)) and _is_text_file(given["path"]):
        advice.append(f"say {file_query(given, decimal=',')} if the comma is the decimal point")
    if words:
        advice.append("leave the fields empty where a value is missing")
    raise OptbenchError(f"{who} holds numbers{written}{besides}: {', '.join([*advice, f'or {way}'])}")


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
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise OptbenchError(f"data set {path}: the name {shown(twice)} stands over several columns; rename them")
    target, left_out = _target_and_dropped(names, given)
    features = [name for name in names if name not in {target, *left_out}]
    if not features:
        raise OptbenchError(f"data set {path}: there is no column but the target {target!r}")
    columns = _feature_columns(given, table, features)
    columns[target] = convert_column(given, target, table[target], target=True)
    rows, gaps = _rows_to_learn(given, columns, target)
    aim = _target_values(columns.pop(target)[rows], table[target])
    width = sum(map(_feature_count, columns.values()))
    size = 3 * resources.REAL * len(rows) * width
    resources.need_memory(f"data set {path}: {len(rows):,} rows of {width:,} features", size)
    y, labels = one_against_rest(path, target, aim, given["positive"])
    named, ask = bool(given["target"]), file_query(given, target="NAME")
    likely = "" if named else suspect_target(table, target)
    taken = f"the last column, {target!r}, was taken as the target"
    return Raw(
        np.concatenate([_to_features(each[rows]) for each in columns.values()], axis=1), y, 2 if labels else None,
        f"{path}, target {target}", name=path, labels=labels,
        target=f"target column {target!r}{' (the last one)' * (not named)}",
        suspicion=f"{taken} and looks like {likely}; name another: {ask}" if likely else "",
        hint="" if named else f"{taken}; name another: {ask}",
        own=True, columns=tuple(name for name, each in columns.items() for _ in range(_feature_count(each))),
        fill=bool(gaps), notes=_change_notes(given["missing"], len(table), columns, left_out, len(rows), gaps),
        warnings=_row_number_warning(given, columns),
    )  # fmt: skip


def _feature_columns(given: Mapping[str, Any], table: pd.DataFrame, features: list[str]) -> dict[str, pd.Series]:
    """Return feature -> its converted column: see `convert_column`.

    given: the parameters of the set ``file``. Raises the OptbenchError of the first that cannot be a feature, with the
    names of all such.
    """
    columns, refused = {}, {}
    for name in features:
        try:
            columns[name] = convert_column(given, name, table[name])
        except OptbenchError as error:
            refused[name] = error
    if not refused:
        return columns
    first, *others = refused
    text = str(refused[first]).replace(file_query(given, drop=[first]), file_query(given, drop=refused))
    raise OptbenchError(f"{text}; so with {list_some(map(repr, others))}" if others else text)


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


def _rows_to_learn(given: Mapping[str, Any], columns: Mapping[str, pd.Series], target: str) -> tuple[np.ndarray, dict]:
    """Return (rows, counts): indices of the rows to learn from, and by feature the missing values to be filled in.

    given: the parameters of the set ``file``; columns: converted, by name. Raises OptbenchError for missing values
    unless ``missing`` says what to do.
    """
    path, missing = given["path"], given["missing"]
    gaps = pd.DataFrame({name: each.isna() for name, each in columns.items()})
    counts = {name: int(count) for name, count in gaps.sum().items() if count}
    rows, lost = np.arange(len(gaps)), gaps.any(axis=1).to_numpy()
    if not counts:
        return rows, {}
    if not missing:
        name, several = next(iter(counts)), len(counts) > 1
        every = f" ({len(counts):,} columns have some, in {lost.sum():,} of {len(rows):,} rows)" * several
        raise OptbenchError(
            f"data set {path}: column {name!r} has {counts[name]:,} missing values{every}: {file_query(given)[:-1]}, "
            "missing=drop) leaves those rows out, missing=mean fills in the mean of the training rows"
            + " and leaves out those without a target"
            * (target in counts)
        )
    if missing == "drop":
        empty = next((name for name, count in counts.items() if count == len(rows)), None)
        if empty:
            ask = file_query(given, drop=[empty])
            raise OptbenchError(f"data set {path}: column {empty!r} has no value in any row: {ask} leaves it out")
        if lost.all():
            raise OptbenchError(
                f"data set {path}: every row misses a value: say missing=mean, or leave columns out: drop="
            )
        return rows[~lost], {}
    if counts.get(target) == len(rows):
        raise OptbenchError(f"data set {path}: the target {target!r} has no value in any row")
    rows = rows[~gaps[target].to_numpy()]
    return rows, {name: int(count) for name, count in gaps.loc[rows].sum().items() if count}


def _target_values(aim: pd.Series, table_column: pd.Series) -> np.ndarray:
    """Return a converted target as the table has it: texts, truth values, whole numbers or reals, (rows,).

    aim: the converted column; table_column: the column of the table.
    """
    if _text_levels(aim):
        return aim.to_numpy(object)
    y, held = aim.to_numpy(), pd.api.types.infer_dtype(table_column, skipna=True)
    if held == "boolean":
        return y.astype(bool)
    # Whole numbers of a column with gaps were read as reals.
    whole = held not in ("floating", "mixed-integer-float", "decimal") or table_column.hasnans
    return y.astype(int) if whole and bool((y == np.floor(y)).all() and (np.abs(y) < 2**53).all()) else y


def _change_notes(
    missing: str, total: int, columns: Mapping[str, pd.Series], left_out: list[str], kept: int, gaps: Mapping[str, int]
) -> tuple[str, ...]:
    """Return a text for each change to a table; total, kept: rows before and after, gaps: values filled in by name."""
    notes = []
    if kept < total:
        why = "values are missing" if missing == "drop" else "the target is missing"
        notes.append(f"{total - kept:,} of {total:,} rows left out, where {why}")
    if gaps:
        filled = list_some(f"{name} ({number:,})" for name, number in gaps.items())
        notes.append(f"missing values filled in with the mean of the training rows: {filled}")
    if texts := [f"{name} ({len(_text_levels(each))})" for name, each in columns.items() if _text_levels(each)]:
        notes.append(f"texts as columns of 0 and 1, with the levels of all rows: {list_some(texts)}")
    if left_out:
        notes.append(f"columns left out: {list_some(left_out)}")
    return tuple(notes)


def list_some(parts: Iterable[str]) -> str:
    """Return the first few parts with commas between them, and the number of the others."""
    parts = list(parts)
    more = f" and {len(parts) - _MOST_NAMES:,} more" if len(parts) > _MOST_NAMES else ""
    return ", ".join(parts[:_MOST_NAMES]) + more


def _row_number_warning(given: Mapping[str, Any], columns: Mapping[str, pd.Series]) -> tuple[str, ...]:
    """Return a warning, if any, about features that only number the rows."""
    found = [name for name, each in columns.items() if not _text_levels(each) and is_row_number(each.to_numpy(), name)]
    if not found:
        return ()
    many = len(found) > 1
    words = f"feature{'s' * many} {list_some(map(repr, found))} look{'s' * (not many)} like the number of the row"
    leave = f"{file_query(given, drop=found)} leaves {'them' if many else 'it'} out"
    return (f"{words}, which tells nothing about new rows: {leave}",)


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
    return bool(counts) or re.fullmatch(r"unnamed: \d+|index|(.*[ _.-])?id", name.lower()) is not None
