"""The user's own files as a data set: their kinds and parameters, and examples from arrays (.npz, .svm)."""

import contextlib
import io
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optbench.contract import arguments, resources
from optbench.contract.errors import OptbenchError, in_one_line, near, shown
from optbench.contract.paths import is_file, is_folder, path_of
from optbench.datasets.copies import find_copy
from optbench.datasets.record import (
    FILLS,
    PACKINGS,
    Entry,
    Raw,
    decode_texts,
    one_against_rest,
    open_file,
    unpacked_size,
)

if TYPE_CHECKING:
    import pandas as pd

SVM = (".svm", ".libsvm")
"""Endings of files of LIBSVM's format."""
ENDINGS = (".csv", ".tsv", ".parquet", ".npz", *SVM)
"""Endings of data files; text files may be packed, .csv.gz."""
PARAMETERS: Mapping[str, Any] = {
    "path": "", "target": "", "drop": (), "missing": "", "sep": "", "encoding": "", "decimal": "", "positive": "",
}  # fmt: skip
READING = ("sep", "encoding", "decimal")
"""The parameters that say how a text file is read."""
MISSING_WORDS = tuple(word for word in FILLS if word)
"""The values of the parameter ``missing``."""
_ARRAYS = ("x", "y", "x_test", "y_test")
"""The arrays that a .npz file may hold."""
_TEXTS = (".csv", ".tsv")
TABLES = (*_TEXTS, ".parquet")
"""Endings of files that hold a table."""
_OTHERS = {
    ".xls": "save the sheet as .csv", ".xlsx": "save the sheet as .csv", ".ods": "save the sheet as .csv",
    ".npy": "save x and y together with numpy.savez", ".pkl": "DataFrame.to_parquet writes one that is taken",
    ".feather": "DataFrame.to_parquet writes one that is taken", ".zip": "unpack it, or pack it as .csv.gz",
    ".json": "pandas.read_json(...).to_parquet(...) writes one that is taken",
    ".txt": "if it holds a table, name it .csv or .tsv", ".gz": "name it by what is in it, such as .csv.gz",
    ".bz2": "name it by what is in it, such as .libsvm.bz2", ".t": "if it is of LIBSVM's format, add .libsvm",
}  # fmt: skip


def is_path(text: str) -> bool:
    """Return True for a path, False for a name with parameters."""
    known = (*ENDINGS, *PACKINGS, *_OTHERS)
    return "(" not in text and ("/" in text or "\\" in text or text.lower().endswith(known))


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


def _parameter_text(key, value) -> str:
    """Return a parameter of the set ``file`` as text; raise OptbenchError for a value that is none."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, np.generic):  # a class as an array gives it
        value = value.item()
    if isinstance(value, str | bool | int | float):
        with contextlib.suppress(ValueError):  # Python writes no number of more than 4,300 digits
            return str(value)
    raise OptbenchError(f"data set file: {key}={shown(value)} must be a text")


def format_ending(place: Path) -> str:
    """Return the ending that names the format, in lower case; of a packed text file the one before .gz or .bz2."""
    last, inner = place.suffix.lower(), Path(place.stem).suffix.lower()
    return inner if last in PACKINGS and inner in (*_TEXTS, *SVM) else last


def find_file(path: str) -> Path:
    """Return the file to read for a path. Raises OptbenchError if there is none, or none of a kind that is known."""
    place = find_copy(path) or path_of("data set", path)
    if is_folder(place):
        raise OptbenchError(f"data set {path}: this is a folder; name a file in it")
    ending = format_ending(place)
    if ending not in ENDINGS:
        hint = f"; {_OTHERS[ending or '.t']}" if ending in (*_OTHERS, "") else ""
        kinds = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise OptbenchError(f"data set {path}: the path must end in {kinds}{hint}")
    if not is_file(place):
        where = "" if place.is_absolute() else f" in {Path.cwd()}"
        raise OptbenchError(f"data set {path}: no such file{where}{_nearest_hint(place)}")
    return place


def _nearest_hint(place: Path) -> str:
    """Return the end of a message that suggests a file with a similar name in the same folder; "" if there is none."""
    try:
        return near(place.name, [each.name for each in place.parent.iterdir() if format_ending(each) in ENDINGS])
    except (OSError, ValueError):
        return ""


def _file(**given: Any) -> Raw:
    """A file of yours: a row an example, one column the target, all others features.

    ``path``: ``.csv``, ``.tsv`` (also packed, ``.csv.gz``) and ``.parquet`` hold a table whose first line names the
    columns; ``.npz`` arrays x (n, ...) and y (n,), and x_test and y_test where the test rows are fixed; ``.libsvm`` and
    ``.svm`` (also packed, ``.libsvm.bz2``) lines of a target and the features that are not 0. ``target``: the column to
    be predicted, by default the last. ``drop``: columns to leave out, ``(id, name)``. ``missing``: missing numbers
    become the ``median`` of the training rows, or their ``mean``; ``drop`` leaves out rows with missing values.
    ``sep``, ``encoding``, ``decimal``: what stands between fields, by default what the first line shows, how letters
    are stored, the decimal point; of text files. ``positive``: the class that is 1, all others being 0.

    Texts become columns of 0 and 1: one for two levels, else one for each level; a missing text is a level of its own.
    Left out are rows without a target, and the columns of a table that tell nothing about other rows: numbers of rows,
    texts that mostly differ, dates, and constants. Classes are numbered in the order of their names. Of the rows, drawn
    with seed 0, a fifth are for validation and a fifth for testing; levels, medians and scales are those of the
    training rows, the other three fifths, by which numbers and real targets are standardized.
    """
    path = given["path"]
    place = find_file(path)
    ending = format_ending(place)
    _refuse_parameters(path, ending, given)
    with _errors_of_readers(path):
        if ending not in TABLES:
            return (read_npz if ending == ".npz" else read_svm)(place, given)
        from optbench.datasets import tables  # pandas, which only tables need

        return tables.table_examples(*read_table(place, given))


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


def read_table(place: Path, given: Mapping[str, Any]) -> tuple["pd.DataFrame", Mapping[str, Any]]:
    """Return (table, given): the table of a file, and the parameters with what a text file shows of its format.

    given: the parameters of the set ``file``, at least ``path`` and those of READING. Raises OptbenchError for a file
    that cannot be read.
    """
    from optbench.datasets import tables  # pandas, which only tables need

    ending = format_ending(place)
    with _errors_of_readers(given["path"]):
        if ending == ".parquet":
            return tables.read_parquet(given["path"], place), given
        given = tables.guess_format(place, ending, given)
        return tables.read_csv(place, ending, given), given


def _refuse_parameters(path, ending, given) -> None:
    """Raise OptbenchError if a parameter is given that a file of this kind does not have.

    path: for messages; ending: of the file's name; given: the parameters of the set ``file``.
    """
    if given["missing"]:
        arguments.one_of(f"data set {path}: missing", given["missing"], MISSING_WORDS)
    for key in READING:
        if given[key] and ending not in _TEXTS:
            raise OptbenchError(f"data set {path}: {key} is for .csv and .tsv")
    for key in ("target", "drop"):
        if given[key] and ending not in TABLES:
            where = "the array y holds the targets" if ending == ".npz" else "each line begins with the target"
            raise OptbenchError(f"data set {path}: {key} is for .csv, .tsv and .parquet; here {where}")


def read_npz(place: Path, given: Mapping[str, Any]) -> Raw:
    """Return the examples of a .npz file: x (n, ...), y (n,), and x_test, y_test if the test examples are fixed.

    given: the parameters of the set ``file``. Raises OptbenchError for other arrays.
    """
    path = given["path"]
    with np.load(place, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise OptbenchError(
                f"data set {path}: it holds one array: save x and y together, numpy.savez({path!r}, x=, y=)"
            )
        held = [name for name in _ARRAYS if name in file.files]
        _check_memory(path, place, held)
        found = {name: file[name] for name in held}
        known = ", ".join(file.files) or "none"
    if "x" not in found or "y" not in found or ("x_test" in found) != ("y_test" in found):
        raise OptbenchError(f"data set {path}: it must hold x and y, perhaps x_test and y_test, not {known}")
    parts = [_check_pair(path, found, end) for end in ("", "_test") if f"x{end}" in found]
    if parts[0][0].shape[1] != parts[-1][0].shape[1]:
        raise OptbenchError(f"data set {path}: x and x_test differ in their number of features")
    if len({"text" if y.dtype.kind == "U" else "numbers" for _, y in parts}) > 1:
        raise OptbenchError(f"data set {path}: one of y and y_test is text, the other holds numbers")
    return _raw_examples(parts, given, "target array y")


def read_svm(place: Path, given: Mapping[str, Any]) -> Raw:
    """Return the examples of lines of a target and the features that are not 0, ``1 3:0.5 7:-2``, as dense arrays.

    given: the parameters of the set ``file``. Raises OptbenchError for another format, or too little memory.
    """
    path = given["path"]
    if not unpacked_size(path, place):
        raise OptbenchError(f"data set {path}: the file holds no examples")
    from sklearn.datasets import load_svmlight_file

    try:
        with open_file(place) as file:
            sparse, y = load_svmlight_file(file)
    except (ValueError, OverflowError):
        number, line = _find_bad_line(place, load_svmlight_file)
        raise OptbenchError(
            f"data set {path}: line {number} is not 'target feature:value ...' with ascending features: {shown(line)}"
        ) from None
    rows, features = sparse.shape
    resources.need_memory(
        f"data set {path}: {rows:,} rows of {features:,} features, which it keeps without their zeros; dense it",
        3 * resources.REAL * rows * features,
    )
    if not sparse.nnz:
        raise OptbenchError(f"data set {path}: the file holds no examples, or none with a feature")
    whole = bool(np.isfinite(y).all() and (y == np.floor(y)).all() and (np.abs(y) < 2**53).all())
    return _raw_examples([(sparse.toarray(), y.astype(int) if whole else y)], given, "the first number of each line")


def _find_bad_line(place, load) -> tuple[int, str]:
    """Return the number, from 1, and the text of the first line that ``load`` refuses, by halving the file."""
    with open_file(place) as file:
        lines = file.readlines()
    first, last = 0, len(lines)
    while last - first > 1:
        middle = (first + last) // 2
        try:
            load(io.BytesIO(b"".join(lines[first:middle])))
            first = middle
        except (ValueError, OverflowError):
            last = middle
    return last, lines[first].decode(errors="replace").strip()


def _check_memory(path, place, held) -> None:
    """Raise OptbenchError if the arrays of a .npz file do not fit into memory, by the shapes that it states.

    path: for messages; place: the file; held: the names of the arrays to read. Packed zeros take no space in a file.
    """
    with zipfile.ZipFile(place) as packed:
        for name in held:
            with packed.open(f"{name}.npy") as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            size = math.prod(shape) * max(dtype.itemsize, 2 * resources.REAL * name.startswith("x"))
            resources.need_memory(f"data set {path}: array {name} {shape}", size)


def _check_pair(path, found, end) -> tuple[np.ndarray, np.ndarray]:
    """Return x (n, features) and y (n,) of a file; raise OptbenchError for other arrays.

    path: for messages; found: its arrays by name; end: "" for x and y, "_test" for x_test and y_test.
    """
    x, y = found[f"x{end}"], found[f"y{end}"]
    if (
        x.dtype.kind not in "biuf"
        or x.ndim < 2
        or y.dtype.kind not in "biufUS"
        or y.shape not in ((len(x),), (len(x), 1))
    ):
        shapes = f"{x.dtype} {x.shape} and {y.dtype} {y.shape}"
        raise OptbenchError(f"data set {path}: x{end} and y{end} must be numbers (n, features) and (n,), not {shapes}")
    if not x.size:
        raise OptbenchError(f"data set {path}: x{end} holds no examples")
    return x.reshape(len(x), -1).astype(float), decode_texts(f"data set {path}: y{end}", y.reshape(-1))


def _raw_examples(parts, given, target) -> Raw:
    """Return examples without the rows that are left out; one class is named if the user asks for it.

    parts: (x, y) of the file, and maybe (x, y) for testing; given: the parameters of the set ``file``; target: its
    description.
    """
    path, notes = given["path"], []
    ends = ("", "_test")[: len(parts)]
    parts = [_drop_gaps(x, y, end, given, notes) for (x, y), end in zip(parts, ends, strict=True)]
    every, labels = one_against_rest(path, "y", np.concatenate([y for _, y in parts]), given["positive"])
    if labels:
        cut = len(parts[0][1])
        parts = [(x, part) for (x, _), part in zip(parts, (every[:cut], every[cut:]), strict=False)]
    return Raw(
        *parts[0], 2 if labels else None, path, test=parts[1] if len(parts) > 1 else None, own=True, name=path,
        target=target, labels=labels, fill=FILLS[given["missing"]], notes=tuple(notes),
    )  # fmt: skip


def _drop_gaps(x, y, end, given, notes) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y without the rows that cannot be learned from, and append a text with their number to ``notes``.

    end: as of `_check_pair`; given: the parameters of the set ``file``. Raises OptbenchError for infinite values, and
    if no row is left.
    """
    path, missing = given["path"], given["missing"]
    for name, values in ((f"x{end}", x), (f"y{end}", y)):
        infinite = int(np.isinf(values).sum()) if values.dtype.kind == "f" else 0
        if infinite:
            raise OptbenchError(f"data set {path}: {name} has {infinite:,} values that are not finite")
    lost = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    gaps = np.isnan(x).any(axis=1)
    lost |= gaps if missing == "drop" else False
    if lost.all():
        raise OptbenchError(f"data set {path}: every row of x{end} and y{end} misses a value")
    if lost.any():
        why = "values are missing" if missing == "drop" else "the target is missing"
        notes.append(f"{lost.sum():,} of {len(x):,} rows of x{end} left out, where {why}")
    return x[~lost], y[~lost]


SETS = {"file": Entry(_file, PARAMETERS, None, None, "classes or real", f"a file of yours: {', '.join(ENDINGS)}")}
