"""The user's own files as a data set: their kinds and parameters."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, in_one_line, near, shown
from optbench.contract.paths import is_file, is_folder, path_of
from optbench.datasets.copies import find_copy
from optbench.datasets.record import FILLS, Entry, Raw

ENDINGS = (".csv", ".tsv", ".parquet")
"""Endings of data files."""
PARAMETERS: Mapping[str, Any] = {"path": "", "target": "", "drop": (), "missing": "", "positive": ""}
MISSING_WORDS = tuple(word for word in FILLS if word)
"""The values of the parameter ``missing``."""
_SHEET = "save the sheet as .csv"
_PARQUET = "pandas reads it, and DataFrame.to_parquet writes a file that is taken"
_ARRAYS = "optbench.with_data(PROBLEM, x, y) takes arrays"
_LIBSVM = f"sklearn.datasets.load_svmlight_file reads it, and {_ARRAYS}"
_OTHERS = {
    ".xls": _SHEET, ".xlsx": _SHEET, ".ods": _SHEET, ".npy": _ARRAYS, ".npz": _ARRAYS, ".pkl": _PARQUET,
    ".feather": _PARQUET, ".json": _PARQUET, ".zip": "unpack it", ".gz": "unpack it", ".bz2": "unpack it",
    ".txt": "if it holds a table, name it .csv or .tsv", ".svm": _LIBSVM, ".libsvm": _LIBSVM, ".t": _LIBSVM,
}  # fmt: skip


def is_path(text: str) -> bool:
    """Return True for a path, False for a name with parameters."""
    return "(" not in text and ("/" in text or "\\" in text or text.lower().endswith((*ENDINGS, *_OTHERS)))


def as_texts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of ``file`` by name as texts; typed may be positive=1, target=2024 or drop='id,name'."""
    texts = {}
    for key, value in given.items():
        if key == "drop":
            several = value if isinstance(value, list | tuple) else (value,)
            value = tuple(_parameter_text(key, each) for each in several)
            value = () if value == ("",) else value
        elif key in PARAMETERS:
            value = _parameter_text(key, value)
        texts[key] = value
    return texts


def _parameter_text(key: str, value: Any) -> str:
    """Return a parameter of the set ``file`` as text; raise OptbenchError for a value that is none.

    A DataFrame may call its columns by numbers, dates or tuples.
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, np.generic):  # a class as an array gives it
        value = value.item()
    if isinstance(value, str | bool | int | float | date | tuple):
        with contextlib.suppress(ValueError):  # Python writes no number of more than 4,300 digits
            return str(value)
    raise OptbenchError(f"data set file: {key}={shown(value)} must be a text")


def find_file(path: str) -> Path:
    """Return the file to read for a path. Raises OptbenchError if there is none, or none of a kind that is known."""
    place = find_copy(path) or path_of("data set", path)
    if is_folder(place):
        raise OptbenchError(f"data set {path}: this is a folder; name a file in it")
    ending = place.suffix.lower()
    if ending not in ENDINGS:
        hint = f"; {_OTHERS[ending]}" if ending in _OTHERS else ""
        raise OptbenchError(f"data set {path}: the path must end in .csv, .tsv or .parquet{hint}")
    if not is_file(place):
        where = "" if place.is_absolute() else f" in {Path.cwd()}"
        raise OptbenchError(f"data set {path}: no such file{where}{_nearest_hint(place)}")
    return place


def _nearest_hint(place: Path) -> str:
    """Return the end of a message that suggests a file with a similar name in the same folder; "" if there is none."""
    try:
        return near(place.name, [each.name for each in place.parent.iterdir() if each.suffix.lower() in ENDINGS])
    except (OSError, ValueError):
        return ""


def _file(**given: Any) -> Raw:
    """A file of yours: a row an example, one column the target, all others features.

    ``path``: a ``.csv``, ``.tsv`` or ``.parquet`` file; a text is in UTF-8, and its first line names the columns.
    ``target``: the column to be predicted, by default the last. ``drop``: columns to leave out, ``(id, name)``.
    ``missing``: missing numbers become the ``median`` of the training rows, or their ``mean``; ``drop`` leaves out rows
    with missing values. ``positive``: the class that is 1, all others being 0.

    Texts become columns of 0 and 1: one for two levels, else one for each level; a missing text is a level of its own.
    Left out are rows without a target, and the columns of a table that tell nothing about other rows: numbers of rows,
    texts that mostly differ, dates, and constants. Classes are numbered in the order of their names. Of the rows, drawn
    with seed 0, a fifth are for validation and a fifth for testing; levels, medians and scales are those of the
    training rows, the other three fifths, by which numbers and real targets are standardized: scikit-learn's
    SimpleImputer, OneHotEncoder and StandardScaler learn them.
    """
    path = given["path"]
    place = find_file(path)
    if given["missing"]:
        arguments.one_of(f"data set {path}: missing", given["missing"], MISSING_WORDS)
    with _errors_of_readers(path):
        from optbench.datasets import tables  # pandas, which only tables need

        return tables.read_examples(place, given)


@contextlib.contextmanager
def _errors_of_readers(path: str) -> Iterator[None]:
    """Raise OptbenchError, which names the file, in place of what its reader raises."""
    try:
        yield
    except OptbenchError:
        raise
    except MemoryError as error:
        raise OptbenchError(f"data set {path}: needs more memory than there is") from error
    except Exception as error:  # every reader has its own kinds
        raise OptbenchError(f"data set {path}: cannot be read: {in_one_line(error)}") from error


SETS = {"file": Entry(_file, PARAMETERS, None, None, "classes or real", f"a file of yours: {', '.join(ENDINGS)}")}
