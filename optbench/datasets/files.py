"""The user's own files as a data set: their kinds and parameters."""

import contextlib
import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.contract.paths import is_file, is_folder, path_of
from optbench.datasets.copies import copy_of
from optbench.datasets.record import Entry, Raw

ENDINGS = (".csv", ".tsv", ".parquet", ".npz", ".svm", ".libsvm")
"""Endings of data files; text files may be packed, .csv.gz."""
PARAMETERS: Mapping[str, Any] = {
    "path": "", "target": "", "drop": (), "missing": "", "sep": "", "encoding": "", "decimal": "", "positive": "",
}  # fmt: skip
_TEXTS, _TABLES = (".csv", ".tsv"), (".csv", ".tsv", ".parquet")
_OTHERS = {
    ".xls": "save the sheet as .csv", ".xlsx": "save the sheet as .csv", ".ods": "save the sheet as .csv",
    ".npy": "save x and y together with numpy.savez", ".pkl": "DataFrame.to_parquet writes one that is taken",
    ".feather": "DataFrame.to_parquet writes one that is taken", ".zip": "unpack it, or pack it as .csv.gz",
    ".gz": "name it by what is in it, such as .csv.gz",
}  # fmt: skip


def is_path(text: str) -> bool:
    """Return True for a path, False for a name with parameters."""
    known = (*ENDINGS, ".gz", *_OTHERS)
    return "(" not in text and ("/" in text or "\\" in text or text.lower().endswith(known))


def as_texts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of ``file`` as texts, also typed as positive=1, target=2024 or drop='id,name'."""
    texts = {}
    for key, value in given.items():
        if key == "drop":
            several = value if isinstance(value, list | tuple) else (value,)
            value = tuple(_text(key, each) for each in several)
            value = () if value == ("",) else value
        elif key in PARAMETERS:
            value = _text(key, value)
        texts[key] = value
    return texts


def _text(key, value):
    """Return a parameter of the set ``file`` as text; raise OptbenchError for a value that is none."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, np.generic):  # a class as an array gives it
        value = value.item()
    if isinstance(value, str | bool | int | float):
        with contextlib.suppress(ValueError):  # Python writes no number of more than 4,300 digits
            return str(value)
    raise OptbenchError(f"data set file: {key}={shown(value)} must be a text")


def ending_of(place: Path) -> str:
    """Return the ending that names the format, in lower case and without .gz."""
    name = place.name.lower()
    text = name.removesuffix(".gz")
    ending = Path(text).suffix
    packed = ending in (*_TEXTS, ".svm", ".libsvm")
    return ending if packed or text == name else ".gz"


def file_of(path: str) -> Path:
    """Return the file to read for a path. Raises OptbenchError if there is none, or none of a kind that is known."""
    place = copy_of(path) or path_of("data set", path)
    if is_folder(place):
        raise OptbenchError(f"data set {path}: this is a folder; name a file in it")
    ending = ending_of(place)
    if ending not in ENDINGS:
        hint = f"; {_OTHERS[ending]}" if ending in _OTHERS else ""
        kinds = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise OptbenchError(f"data set {path}: the path must end in {kinds}{hint}")
    if not is_file(place):
        where = "" if place.is_absolute() else f" in {Path.cwd()}"
        raise OptbenchError(f"data set {path}: no such file{where}{_nearest(place)}")
    return place


def _nearest(place: Path) -> str:
    """Return the end of a message that suggests a file with a similar name in the same folder; "" if there is none."""
    try:
        beside = [each.name for each in place.parent.iterdir() if ending_of(each) in ENDINGS]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(place.name, beside, n=1)
    return f": did you mean {str(place.with_name(near[0]))!r}?" if near else ""


def _file(**given: Any) -> Raw:
    """A file of yours: a row an example, one column the target, all others features.

    ``path``: ``.csv``, ``.tsv`` (also packed, ``.csv.gz``) and ``.parquet`` hold a table whose first line names
    the columns; ``.npz`` arrays x (n, ...) and y (n,), and x_test and y_test where the test rows are fixed; ``.svm``
    and ``.libsvm`` lines of a target and the features that are not 0. ``target``: the column to be predicted, by
    default the last. ``drop``: columns to leave out, ``(id, name)``. ``missing``: ``drop`` leaves out rows with missing
    values, ``mean`` fills in the mean of the training rows; by default they are an error. ``sep``, ``encoding``,
    ``decimal``: what stands between fields, how letters are stored, the decimal point; of text files. ``positive``: the
    class that is 1, all others being 0.

    Texts become columns of 0 and 1: one for two levels, else one for each level; the levels are those of all rows.
    Classes are numbered in the order of their names. A fifth of the rows, drawn with seed 0, are for testing; features
    and real targets are standardized by the training rows.
    """
    path = given["path"]
    place = file_of(path)
    ending = ending_of(place)
    _refuse_parameters(path, ending, given)
    try:
        if ending in _TABLES:
            from optbench.datasets import tables  # pandas, which only tables need

            parquet = ending == ".parquet"
            table = tables.read_parquet(path, place) if parquet else tables.read_csv(place, ending, given)
            return tables.examples(table, given)
        from optbench.datasets import arrays

        return (arrays.npz if ending == ".npz" else arrays.svm)(place, given)
    except OptbenchError:
        raise
    except MemoryError as error:
        raise OptbenchError(f"data set {path}: needs more memory than there is") from error
    except Exception as error:  # every reader has its own kinds
        raise OptbenchError(f"data set {path}: cannot be read: {in_one_line(error)}") from error


def _refuse_parameters(path, ending, given):
    """Raise OptbenchError for a parameter that a file with this ending does not have."""
    if given["missing"]:
        arguments.word(f"data set {path}: missing", given["missing"], ("drop", "mean"))
    for key in ("sep", "encoding", "decimal"):
        if given[key] and ending not in _TEXTS:
            raise OptbenchError(f"data set {path}: {key} is for .csv and .tsv")
    for key in ("target", "drop"):
        if given[key] and ending not in _TABLES:
            where = "the array y holds the targets" if ending == ".npz" else "each line begins with the target"
            raise OptbenchError(f"data set {path}: {key} is for .csv, .tsv and .parquet; here {where}")


SETS = {
    "file": Entry(_file, PARAMETERS, None, None, "classes or real", f"a file of yours: {', '.join(ENDINGS)}"),
}
