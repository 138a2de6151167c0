"""Tables with a target among their columns: read from .csv, .tsv and .parquet, and turned into examples.

Texts become columns of 0 and 1. Dates, and numbers that pandas reads as texts, are refused by name.
"""

import gzip
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optbench.contract import resources
from optbench.contract.errors import OptbenchError, in_one_line, shown, unknown
from optbench.datasets.record import Raw, file_query, label, split_columns

MOST_LEVELS = 100
"""Levels of a text, each of which is a feature; beyond, texts are names or numbers of tickets. As many as classes."""
_FEW_LEVELS = 10
"""Different texts that are levels however few rows there are; different numbers among texts that can be levels."""
_MOST_NAMES = 6
"""Columns that a message names before it counts the others."""
_SAMPLE = 100
"""Different texts of a column that are tried as dates."""
_HEAD = 1 << 16
"""Bytes from which the size of a text file in memory is estimated."""
_SEPARATORS = {"tab": "\t", "space": r"\s+", "comma": ",", "semicolon": ";"}
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "cp1250", "cp1251", "gbk", "shift_jis", "big5")
_NO_VALUE = ["?", "."]
"""Missing values besides those that pandas knows: of the UCI archive, and of SAS."""
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
    """Read a text file whose first line names the columns.

    ``given``: the parameters of the set ``file``. Raises OptbenchError if the file has another format.
    """
    path, decimal = given["path"], given["decimal"]
    if decimal not in ("", ".", ","):
        raise OptbenchError(f"data set {path}: decimal={shown(decimal)} must be '.', or ','")
    separator, encoding = _separator(path, given["sep"], ending), _encoding(path, given["encoding"])
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
            _need_memory(path, place, packed, len(names))
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
    """Read a .parquet file. Raises OptbenchError if it does not fit into memory."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(place) as file:
        rows, columns = file.metadata.num_rows, file.metadata.num_columns
    resources.need_memory(f"data set {path}: {rows:,} rows of {columns:,} columns", resources.REAL * rows * columns)
    table = pd.read_parquet(place)
    return table.set_axis([str(name).strip() for name in table.columns], axis=1)


def unpacked_size(path: str, place: Path) -> int:
    """Return the size of a .gz file's content in bytes. Raises OptbenchError if it does not fit into memory."""
    size = 0
    with gzip.open(place, "rb") as file:
        while piece := file.read(1 << 20):
            size += len(piece)
            resources.need_memory(f"data set {path}: what it unpacks to", size)
    return size


def _separator(path: str, text: str, ending: str) -> str:
    """Return the separator for pandas, one character or a pattern; text: as the user gave it, "" for the default."""
    if not text:
        return "\t" if ending == ".tsv" else ","
    found = _SEPARATORS.get(text, "\t" if text == r"\t" else text)
    if found in _SEPARATORS.values():
        return found
    if len(found) != 1 or not found.isascii() or found.isalnum() or not found.isprintable() or found in "\"'.-+_":
        words = ", ".join(_SEPARATORS)
        raise OptbenchError(f"data set {path}: sep={shown(text)} must be one sign, such as ';' or '|', or of {words}")
    return found


def _encoding(path: str, text: str) -> str:
    """Return the encoding, by default UTF-8. Raises OptbenchError for an unknown one."""
    try:
        b"a".decode(text or "utf-8")  # also refuses codecs that do not give a text
    except UnicodeError:  # one with more bytes a letter
        pass
    except (LookupError, ValueError):
        raise unknown(f"encoding of data set {path}", text, _ENCODINGS) from None
    return text or "utf-8"


def _refuse_other_separator(given, names):
    """Raise OptbenchError if the user named no separator, and the first line contains another one."""
    sign = next((sign for sign in ";\t|" if any(sign in name for name in names)), None)
    if sign and not given["sep"]:
        word = "tab" if sign == "\t" else sign
        ask, same = file_query(given, sep=word), file_query(given, sep="comma")
        raise OptbenchError(
            f"data set {given['path']}: the first line holds {shown(word)}: say {ask} if that separates columns, or "
            f"{same} if it is part of a name"
        )


def _need_memory(path, place, packed, columns):
    """Raise OptbenchError for a text file whose numbers will not fit into memory, estimated from its first lines."""
    size = unpacked_size(path, place) if packed else place.stat().st_size
    with gzip.open(place, "rb") if packed else place.open("rb") as file:
        head = file.read(_HEAD)
    cells = size * max(head.count(b"\n"), 1) * columns / max(len(head), 1)
    resources.need_memory(f"data set {path}: about {cells:,.0f} numbers", 2 * resources.REAL * cells)


@dataclass(frozen=True)
class Column:
    """A column of a table as numbers, or as levels of a text."""

    name: str
    numbers: np.ndarray | None = None
    """NaN where a value is missing; None for texts."""
    whole: bool = False
    """True where the numbers are stored as whole ones, or would be without gaps."""
    truth: bool = False
    """True for a column of True and False."""
    codes: np.ndarray | None = None
    """The index of each row's text among the levels, -1 where it is missing."""
    levels: tuple[str, ...] = ()

    @property
    def missing(self) -> np.ndarray:
        """True in the rows whose value is missing."""
        return np.isnan(self.numbers) if self.codes is None else self.codes < 0

    @property
    def width(self) -> int:
        """The number of features that the column becomes."""
        return 1 if self.codes is None or len(self.levels) == 2 else len(self.levels)

    def features(self, rows: np.ndarray) -> np.ndarray:
        """Return these rows as features (rows, width): the numbers, or 0 and 1 for levels; NaN where missing.

        Two levels become one feature, 1 for the second level; more become one feature for each level.
        """
        if self.codes is None:
            return self.numbers[rows][:, None]
        codes = self.codes[rows]
        made = (codes[:, None] == np.arange(len(self.levels))).astype(float)[:, -self.width :]
        made[codes < 0] = np.nan
        return made


def column(given: Mapping[str, Any], name: str, values: pd.Series, target: bool = False) -> Column:
    """Return a column as numbers or levels, by the values that it holds.

    ``given``: the parameters of the set ``file``. Raises OptbenchError, with the column's name and what to do, for
    dates, lists and the like, infinite numbers, numbers that were read as texts, and a feature with too many texts.
    """
    who = f"data set {given['path']}: {'the target' if target else 'feature'} {name!r}"
    way = "name another target" if target else f"leave it out: {file_query(given, drop=[name])}"
    held = pd.api.types.infer_dtype(values, skipna=True)
    if held in _DATE_TYPES:
        first = shown(str(values.dropna().iloc[0]))
        raise OptbenchError(f"{who} holds dates or times, such as {first}: {_DATE_ADVICE}, or {way}")
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _text_column(given, who, way, name, values, target)
    if held in ("integer", "floating", "mixed-integer-float", "decimal", "empty", "boolean"):
        gaps = values.isna().to_numpy()
        numbers = (
            np.array([np.nan if gap else float(each) for each, gap in zip(values, gaps, strict=True)], float)
            if values.dtype == object
            else values.to_numpy(float, na_value=np.nan)
        )
        _refuse_infinite(who, way, numbers)
        return Column(name, numbers, bool(gaps.any()) or held == "integer", held == "boolean")
    if not all(isinstance(each, str | int | float) for each in values.dropna()):
        kind = type(values.dropna().iloc[0]).__name__
        raise OptbenchError(f"{who} holds values of the kind {kind}, neither numbers nor texts: {way}")
    return _text_column(given, who, way, name, values, target)


def _refuse_infinite(who, way, numbers):
    """Raise OptbenchError for infinite numbers; who: begins the message, way: how to leave the column out."""
    if count := int(np.isinf(numbers).sum()):
        raise OptbenchError(f"{who} has {count:,} values that are not finite: mend them, or {way}")


def _text_column(given, who, way, name, values, target) -> Column:
    """Return a column of texts as numbers if all are numbers, else as levels; raise OptbenchError for too many."""
    category = isinstance(values.dtype, pd.CategoricalDtype)
    texts = np.array([str(each).strip() for each in values], object)
    texts[values.isna() | np.isin(texts, ["", "?"])] = None
    there = ~pd.isna(texts)
    levels = sorted(set(texts[there]))
    numbers = {each: _number(each, given.get("decimal", "")) for each in levels}
    if None not in numbers.values() and not (category and levels):
        found = np.array([np.nan if each is None else numbers[each] for each in texts], float)
        _refuse_infinite(who, way, found)
        return Column(name, found, whole=True)
    if not category:
        _refuse_dates_and_numbers(given, who, way, numbers)
    if len(levels) > min(MOST_LEVELS, max(_FEW_LEVELS, there.sum() // 2)) and not target:
        raise OptbenchError(
            f"{who} has {len(levels):,} different texts in {len(texts):,} rows, such as {shown(levels[0])}: too many "
            f"for a weight each; group them, or {way}"
        )
    return Column(name, codes=np.asarray(pd.Categorical(texts, categories=levels).codes), levels=tuple(levels))


def _number(text: str, decimal: str) -> float | None:
    """Return the number that a text is, if it is a plain one; with decimal="," a point is no part of it."""
    if decimal == ",":
        text = "" if "." in text else text.replace(",", ".")
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _refuse_dates_and_numbers(given, who, way, levels: Mapping[str, float | None]) -> None:
    """Refuse texts that are dates, or numbers that pandas did not read as such."""
    first = list(levels)[:_SAMPLE]
    dates = [each for each in first if levels[each] is None and _is_date(each)]
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


def _is_date(text: str) -> bool:
    """Return True for a text that looks like a date, such as 2024-03-01."""
    if _DATE.fullmatch(text):
        return True
    return bool(_YEAR.search(text)) and not pd.isna(pd.to_datetime(text, errors="coerce", utc=True))


def _is_text_file(path: str) -> bool:
    return re.search(r"[.][ct]sv([.]gz)?$", path.lower()) is not None


def examples(table: pd.DataFrame, given: Mapping[str, Any]) -> Raw:
    """Return the examples of a table. ``given``: the parameters of the set ``file``. Raises OptbenchError."""
    path, names = given["path"], list(table.columns)
    if not len(table):
        raise OptbenchError(f"data set {path}: the file holds no examples")
    numbers = [name for name in names if np.isfinite(np.nan if (value := _number(name, "")) is None else value)]
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
    kept = _feature_columns(given, table, features)
    aim = column(given, target, table[target], target=True)
    rows, gaps = _rows(given, [*kept, aim])
    width = sum(each.width for each in kept)
    size = 3 * resources.REAL * len(rows) * width
    resources.need_memory(f"data set {path}: {len(rows):,} rows of {width:,} features", size)
    y, labels = _targets(path, aim, given["positive"], rows)
    named, ask = bool(given["target"]), file_query(given, target="NAME")
    likely = "" if named else suspicion(table, target)
    taken = f"the last column, {target!r}, was taken as the target"
    return Raw(
        np.concatenate([each.features(rows) for each in kept], axis=1), y, 2 if labels else None,
        f"{path}, target {target}", name=path, labels=labels,
        target=f"target column {target!r}{' (the last one)' * (not named)}",
        suspicion=f"{taken} and looks like {likely}; name another: {ask}" if likely else "",
        hint="" if named else f"{taken}; name another: {ask}",
        columns=tuple(name for each in kept for name in [each.name] * each.width),
        fill=bool(gaps), notes=_notes(given["missing"], table, kept, left_out, rows, gaps),
        warnings=_row_number_warning(given, kept),
    )  # fmt: skip


def _feature_columns(given, table, features) -> list[Column]:
    """Return the features. Raises OptbenchError for the first that cannot be one, with the names of all such."""
    kept, refused = [], {}
    for name in features:
        try:
            kept.append(column(given, name, table[name]))
        except OptbenchError as error:
            refused[name] = error
    if not refused:
        return kept
    first, *others = refused
    text = str(refused[first]).replace(file_query(given, drop=[first]), file_query(given, drop=refused))
    raise OptbenchError(f"{text}; so with {listed(map(repr, others))}" if others else text)


def _target_and_dropped(names, given):
    """Return the target, by default the last column, and the columns that are left out."""
    path, left_out = given["path"], split_columns(given["drop"], names)
    target = given["target"] or next((name for name in reversed(names) if name not in left_out), "")
    for name in (*left_out, target):
        if name not in names:
            raise unknown(f"column of data set {path}", name, names)
    if target in left_out:
        raise OptbenchError(f"data set {path}: drop= leaves out {target!r}, which is the target")
    return target, left_out


def _rows(given, columns: Sequence[Column]):
    """Return the rows that are learned from, and the number of missing values to fill in, by column."""
    path, missing, target = given["path"], given["missing"], columns[-1]
    gaps = np.array([each.missing for each in columns])
    counts = {each.name: int(count) for each, count in zip(columns, gaps.sum(axis=1), strict=True) if count}
    rows, lost = np.arange(gaps.shape[1]), gaps.any(axis=0)
    if not counts:
        return rows, {}
    if not missing:
        name, several = next(iter(counts)), len(counts) > 1
        every = f" ({len(counts):,} columns have some, in {lost.sum():,} of {len(rows):,} rows)" * several
        raise OptbenchError(
            f"data set {path}: column {name!r} has {counts[name]:,} missing values{every}: {file_query(given)[:-1]}, "
            "missing=drop) leaves those rows out, missing=mean fills in the mean of the training rows"
            + " and leaves out those without a target"
            * (target.name in counts)
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
    if counts.get(target.name) == len(rows):
        raise OptbenchError(f"data set {path}: the target {target.name!r} has no value in any row")
    rows = rows[~gaps[-1]]
    held = {each.name: int(each.missing[rows].sum()) for each in columns[:-1]}
    return rows, {name: count for name, count in held.items() if count}


def _targets(path, aim: Column, positive: str, rows):
    """Return the targets of these rows, and the names of the two classes if ``positive`` names one."""
    if aim.codes is not None:
        y = np.array(aim.levels, object)[aim.codes[rows]]
    else:
        y = aim.numbers[rows]
        whole = aim.whole and bool((y == np.floor(y)).all() and (np.abs(y) < 2**53).all())
        y = y.astype(bool) if aim.truth else y.astype(int) if whole else y
    return one_against_rest(path, aim.name, y, positive)


def one_against_rest(path: str, name: str, y: np.ndarray, positive: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return 1 for the class ``positive`` and 0 for all others, with the names of both; ``y`` itself if it is ""."""
    if not positive:
        return y, ()
    values, place = np.unique(y, return_inverse=True)
    classes = [label(value) for value in values.tolist()]
    number = _number(positive, "")
    wanted = positive if positive in classes or number is None else label(number)
    if wanted not in classes:
        raise unknown(f"value of the target {name!r} in data set {path}: positive", positive, classes)
    if len(classes) < 2:
        raise OptbenchError(f"data set {path}: all examples are of one class, {wanted!r}")
    rest = classes[classes.index(wanted) - 1] if len(classes) == 2 else f"not {wanted}"
    return (place.reshape(-1) == classes.index(wanted)).astype(int), (rest, wanted)


def _notes(missing, table, kept, left_out, rows, gaps) -> tuple[str, ...]:
    """Return a text for each change that was made to the rows and columns of a table."""
    notes = []
    why = "values are missing" if missing == "drop" else "the target is missing"
    if len(rows) < len(table):
        notes.append(f"{len(table) - len(rows):,} of {len(table):,} rows left out, where {why}")
    if gaps:
        columns = listed(f"{name} ({number:,})" for name, number in gaps.items())
        notes.append(f"missing values filled in with the mean of the training rows: {columns}")
    texts = [each for each in kept if each.codes is not None]
    if texts:
        columns = listed(f"{each.name} ({len(each.levels)})" for each in texts)
        notes.append(f"texts as columns of 0 and 1, with the levels of all rows: {columns}")
    if left_out:
        notes.append(f"columns left out: {listed(left_out)}")
    return tuple(notes)


def listed(parts: Iterable[str]) -> str:
    """Return the first few parts with commas between them, and the number of the others."""
    parts = list(parts)
    more = f" and {len(parts) - _MOST_NAMES:,} more" if len(parts) > _MOST_NAMES else ""
    return ", ".join(parts[:_MOST_NAMES]) + more


def _row_number_warning(given, kept) -> tuple[str, ...]:
    """Return a warning, if any, about features that only number the rows."""
    found = [each.name for each in kept if each.numbers is not None and is_row_number(each.numbers, each.name)]
    if not found:
        return ()
    many = len(found) > 1
    words = f"feature{'s' * many} {listed(map(repr, found))} look{'s' * (not many)} like the number of the row"
    leave = f"{file_query(given, drop=found)} leaves {'them' if many else 'it'} out"
    return (f"{words}, which tells nothing about new rows: {leave}",)


def suspicion(table: pd.DataFrame, name: str) -> str:
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
