"""A table from a file, .csv or .parquet, in words that say how to ask for it where it does not come out whole."""

import gzip
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optbench.contract import resources
from optbench.contract.errors import OptbenchError, in_one_line, shown, unknown
from optbench.datasets.asking import asked_for

_SEPARATORS = {"tab": "\t", "space": r"\s+", "comma": ",", "semicolon": ";"}
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "cp1250", "cp1251", "gbk", "shift_jis", "big5")
_NO_VALUE = ["?", "."]
"""Besides what pandas takes for a missing value: those of the UCI archive, and of SAS."""
_SIGNS = (";", "\t", "|", ",")
_LINES = 50
"""From which another separator is told."""
_HEAD = 1 << 16
"""Bytes from which a file's kind, its separator and its size in memory are told."""


def separator(path: str, text: str, ending: str) -> str:
    """What stands between two fields, for pandas: one sign, or a word for one. Raises OptbenchError."""
    if not text:
        return "\t" if ending == ".tsv" else ","
    found = _SEPARATORS.get(text, "\t" if text == r"\t" else text)
    if found in _SEPARATORS.values():
        return found
    if len(found) != 1 or not found.isascii() or found.isalnum() or not found.isprintable() or found in "\"'.-+_":
        words = ", ".join(_SEPARATORS)
        raise OptbenchError(f"data set {path}: sep={shown(text)} must be one sign, such as ';' or '|', or of {words}")
    return found


def encoding_of(path: str, text: str) -> str:
    """The encoding that a text names. Raises OptbenchError for what is none."""
    try:
        b"a".decode(text or "utf-8")  # which also refuses those that do not give a text
    except UnicodeError:  # it is one, in which a letter has more bytes
        return text
    except (LookupError, ValueError):
        raise unknown(f"encoding of data set {path}", text, _ENCODINGS) from None
    return text or "utf-8"


def csv(place: Path, ending: str, given: Mapping[str, Any]) -> Any:
    """The table of a text file whose first line names the columns. given: the parameters of ``file``.

    Raises OptbenchError where it is no such file, or is cut in the wrong places.
    """
    import pandas as pd

    path, decimal = given["path"], given["decimal"]
    between, encoding = separator(path, given["sep"], ending), encoding_of(path, given["encoding"])
    if decimal not in ("", ".", ","):
        raise OptbenchError(f"data set {path}: decimal={shown(decimal)} must be '.', or ','")
    packed = place.name.lower().endswith(".gz")
    head = _head(place, packed)
    if not head.strip():
        return pd.DataFrame()
    _refuse_other_kinds(given, head, encoding)
    how = {
        "sep": between, "encoding": encoding, "compression": "gzip" if packed else None, "skipinitialspace": True,
    }  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # which tells of fields that are left out
            first = pd.read_csv(place, header=None, nrows=1, dtype=str, keep_default_na=False, **how)
            names = [str(name).strip() for name in first.iloc[0]]
            _look_at_names(given, names, between)
            _refuse_another_separator(given, names, between, head.decode(encoding, errors="replace"))
            _need_room(path, place, packed, head, len(names))
            table = pd.read_csv(
                place, header=0, names=range(len(names)), index_col=False, low_memory=False, na_values=_NO_VALUE,
                decimal=decimal or ".", **how,
            )  # fmt: skip
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except UnicodeError as error:
        raise _other_encoding(given, head, encoding) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        told = "rows have more fields than the first line has names" if isinstance(error, Warning) else ""
        told += f" ({shown(', '.join(names))}: delete it if it is no line of names)" if told else ""
        told = told or in_one_line(error).removeprefix("ParserError: Error tokenizing data. C error: ").strip()
        raise OptbenchError(
            f"data set {path}: cannot be read with sep={between!r}: {told}; texts that hold it need quotes"
        ) from error
    return _without_empty_ends(table.set_axis(names, axis=1))


def parquet(path: str, place: Path) -> Any:
    """The table of a .parquet file. Raises OptbenchError where it does not fit into memory."""
    import pandas as pd
    from pyarrow.parquet import ParquetFile

    with ParquetFile(place) as file:
        rows, columns = file.metadata.num_rows, file.metadata.num_columns
    resources.need_memory(f"data set {path}: {rows:,} rows of {columns:,} columns", resources.REAL * rows * columns)
    table = pd.read_parquet(place)
    return table.set_axis([str(name).strip() for name in table.columns], axis=1)


def unpacked_size(path: str, place: Path) -> int:
    """The bytes in a .gz file. Raises OptbenchError where they do not fit into memory, before they are kept."""
    size = 0
    with gzip.open(place, "rb") as file:
        while piece := file.read(1 << 20):
            size += len(piece)
            resources.need_memory(f"data set {path}: what it unpacks to", size)
    return size


def _head(place, packed):
    with gzip.open(place, "rb") if packed else place.open("rb") as file:
        return file.read(_HEAD)


def _refuse_other_kinds(given, head, encoding):
    path = given["path"]
    if head.startswith(b"PK\x03\x04"):
        raise OptbenchError(f"data set {path}: this is an archive or a workbook, no text: save the sheet as .csv")
    if head.startswith(b"\x1f\x8b"):
        raise OptbenchError(f"data set {path}: this is packed by gzip: give it a name that ends in .csv.gz")
    if head.startswith(b"PAR1"):
        raise OptbenchError(f"data set {path}: this is a parquet file: give it a name that ends in .parquet")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") and "16" not in encoding and "32" not in encoding:
        raise OptbenchError(f"data set {path}: cannot be read as {encoding}: say {asked_for(given, encoding='utf-16')}")
    if b"\0" in head and not any(size in encoding for size in ("16", "32")):
        raise OptbenchError(f"data set {path}: cannot be read: it holds bytes of 0, which no text does")


def _look_at_names(given, names, between):
    """Refuse a first line that shows another separator, or a name that stands twice."""
    path = given["path"]
    if len(names) == 1:
        counts = {sign: names[0].count(sign) for sign in _SIGNS}
        sign = max(counts, key=lambda each: counts[each])
        if counts[sign]:
            said, word = _spoken(sign)
            raise OptbenchError(
                f"data set {path}: the first line has {word} between its names, not {between!r}: "
                f"say {asked_for(given, sep=said)}"
            )
    twice = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if twice:
        more = f", and so do {len(twice) - 1:,} more" if len(twice) > 1 else ""
        raise OptbenchError(
            f"data set {path}: the name {shown(twice[0])} stands over several columns{more}; rename them"
        )


def _refuse_another_separator(given, names, between, head):
    """Refuse a first line with names that hold a sign as often as each line below, where nobody said which separates:
    ``price, net;y`` above ``3,5;1``.
    """
    lines = [line for line in head.splitlines()[: _LINES + 1] if line.strip()]
    lines = lines[:-1] if len(lines) > 2 else lines  # the last may be cut
    for sign in _SIGNS[:3]:
        inside = sum(name.count(sign) for name in names)
        if inside and not given["sep"] and len(lines) > 1 and {line.count(sign) for line in lines} == {inside}:
            (said, word), same = _spoken(sign), asked_for(given, sep=_spoken(between)[0])
            raise OptbenchError(
                f"data set {given['path']}: each line has {word} as often as the first, {shown(lines[0])}: "
                f"say {asked_for(given, sep=said)}, or {same} if it is part of names and texts"
            )


def _spoken(sign):
    """A separator as it is asked for, and as a message writes it."""
    return ("tab", "tab") if sign == "\t" else (sign, repr(sign))


def _need_room(path, place, packed, head, columns):
    """Refuse a text whose numbers do not fit into memory; how many there are is told from its first lines."""
    size = unpacked_size(path, place) if packed else place.stat().st_size
    fields = max(head.count(b"\n"), 1) * columns
    cells = size * fields / max(len(head), 1)
    resources.need_memory(f"data set {path}: about {cells:,.0f} numbers", 2 * resources.REAL * cells)


def _other_encoding(given, head, encoding):
    path = given["path"]
    head = head.rpartition(b"\n")[0] or head  # a letter may be cut in two at its end
    for other in ("utf-8", "cp1252"):
        if other != encoding:
            try:
                head.decode(other)
            except UnicodeError:
                continue
            # What comes after the first bytes may be none all the same; latin-1 takes every byte.
            return OptbenchError(
                f"data set {path}: cannot be read as {encoding}: say {asked_for(given, encoding=other)}, or latin-1"
            )
    return OptbenchError(f"data set {path}: cannot be read as {encoding}: say {asked_for(given, encoding='latin-1')}")


def _without_empty_ends(table):
    """Without columns that have neither a name nor a value, which a separator at the end of each line makes."""
    keep = [bool(name) or bool(table.iloc[:, i].notna().any()) for i, name in enumerate(table.columns)]
    table = table.loc[:, keep]
    return table.set_axis([name or f"Unnamed: {i}" for i, name in enumerate(table.columns)], axis=1)
