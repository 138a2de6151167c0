"""Keep arrays and tables in files named by their content, which a spec, a worker and a resume can read.

Equal values give the same name, and the file is written once: below ``OPTBENCH_DATA``, or else ``XDG_CACHE_HOME`` or
``~/.cache``, if the user names no folder.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from optbench.contract import arguments, resources
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.contract.paths import is_file, path_of
from optbench.datasets.cache import cache_folder, write_atomically
from optbench.datasets.preparation import column_names, text_of
from optbench.datasets.record import decode_texts, split_columns

_LETTERS = 16
"""Length of a file's name: hexadecimal digits of a hash."""
ARRAYS = b"optbench-arrays"
"""The key of a file's metadata that says that it holds arrays: x0, x1, ..., y, and test, True for test rows."""


@dataclass(frozen=True)
class Stored:
    """The path of a file as a spec has it, and the target column, "" for arrays."""

    path: str
    target: str


def store_data(owner: str, x: Any, y: Any, test: Any = None, drop: Sequence[str] = (), folder: Any = None) -> Stored:
    """Write examples to a file named by their content, if it is not there, and return its `Stored`.

    ``owner``: begins the messages of errors. ``x``: an array (n, ...), or a table: a DataFrame, or what turns itself
    into one (``to_pandas``). ``y``: (n,), or the name of a column. ``test``: a pair of arrays, if the test examples are
    fixed. ``drop``: columns to leave out. ``folder``: where the file is kept, None: in the cache. Raises OptbenchError
    for anything else, and if no file can be written.
    """
    place = cache_folder() / "arrays" if folder is None else path_of(f"{owner}: folder", folder)
    table, drop = _as_table(owner, x), [each.strip() for each in drop]
    if table is None:
        if isinstance(y, str):
            raise OptbenchError(f"{owner}: y={shown(y)} names a column, and X is no table: a DataFrame has names")
        x = _check_features(owner, "X", x)
        if x.dtype.kind in "biuf":
            if drop:
                raise OptbenchError(f"{owner}: drop= is for tables, whose columns have names; here X is an array")
            return _store_arrays(owner, x, y, test, place)
        import pandas as pd

        table = pd.DataFrame(x.reshape(len(x), -1)).infer_objects()
        table = table.set_axis([f"x{i}" for i in range(table.shape[1])], axis=1)
    if test is not None:
        raise OptbenchError(f"{owner}: test= is for arrays of numbers; of a table, a fifth of the rows is for testing")
    return _store_table(owner, *_add_target(owner, table, y, drop), place)


def _as_table(owner: str, x: Any) -> Any:
    """Return X as a DataFrame with stripped column names; None if it is an array. owner: begins error messages."""
    x = x.to_pandas() if hasattr(x, "to_pandas") else x
    if not hasattr(x, "iloc"):
        return None
    x = x if hasattr(x, "columns") else x.to_frame()
    if not x.size:
        raise OptbenchError(f"{owner}: the table is empty, {len(x):,} rows of {len(x.columns):,} columns")
    table = x.set_axis(column_names(x), axis=1)
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise OptbenchError(f"{owner}: the name {twice!r} stands over several columns of X")
    return table


def _to_array(owner: str, name: str, values: Any) -> np.ndarray:
    """Return values as a plain array in memory: no mask, no sparse storage, bytes decoded to text.

    owner, name: begin the message of the OptbenchError for what is no array.
    """
    if isinstance(values, range) and len(values) > arguments.MOST_ITEMS:  # NumPy would write it out first
        raise OptbenchError(f"{owner}: {name}={shown(values)} must be an array")
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        size = f"{owner}: {name} of {values.shape[0]:,} x {values.shape[1]:,} without its zeros; dense it"
        resources.need_memory(size, resources.REAL * values.shape[0] * values.shape[1])
        values = values.toarray()
    try:
        values = np.ma.filled(values.astype(float), np.nan) if isinstance(values, np.ma.MaskedArray) else values
        return decode_texts(f"{owner}: {name}", np.asarray(values))
    except OptbenchError:
        raise
    except Exception as error:  # a tensor that has a gradient, or is on a GPU; rows of several lengths
        raise OptbenchError(f"{owner}: {name} is no array: {in_one_line(error)}") from error


def _check_features(owner: str, name: str, values: Any) -> np.ndarray:
    """Return values as an array (rows, features, ...); raise OptbenchError unless it holds numbers or texts."""
    found = _to_array(owner, name, values)
    if found.ndim < 2 or not found.size:
        hint = f"; one feature is {name}.reshape(-1, 1)" if found.ndim == 1 else ""
        raise OptbenchError(f"{owner}: {name} must be (rows, features), not {found.shape}{hint}")
    if found.dtype.kind not in "biufOU":
        raise OptbenchError(f"{owner}: {name} must hold numbers or texts, not {found.dtype}")
    return found


def _check_targets(owner: str, name: str, values: Any, rows: int) -> np.ndarray:
    """Return values as an array (rows,) of numbers or texts; raise OptbenchError for others."""
    found = _to_array(owner, name, values)
    if found.ndim == 2 and found.shape[1] > 1:
        raise OptbenchError(
            f"{owner}: {name} must be (rows,), not {found.shape}; of one column a class, {name}.argmax(axis=1)"
        )
    if found.shape not in ((rows,), (rows, 1)):
        raise OptbenchError(f"{owner}: X has {rows:,} rows, and {name} is {found.shape}")
    found = found.reshape(-1)
    if found.dtype.kind == "O" and all(isinstance(each, str) for each in found):
        return found.astype(str)
    if found.dtype.kind == "O":
        try:
            numbers = [np.nan if each is None else each for each in found.tolist()]
            return np.array(numbers).astype(float, casting="safe")
        except (TypeError, ValueError, OverflowError):
            raise OptbenchError(f"{owner}: {name} holds values of several kinds: give texts, or numbers") from None
    if found.dtype.kind not in "biufU":
        raise OptbenchError(f"{owner}: {name} must hold numbers or texts, not {found.dtype}")
    return found


def _store_arrays(owner: str, x: Any, y: Any, test: Any, place: Path) -> Stored:
    """Write arrays as a table, unless one with this content is there, and return its `Stored`.

    x, y, test: as of `store_data`. The columns are x0, x1, ..., y and, if test rows are given, test.
    """
    import pandas as pd

    y = _check_targets(owner, "y", y, len(x))
    x, fixed = x.reshape(len(x), -1), None
    if test is not None:
        pair = arguments.list_items(f"{owner}: test", test)
        if len(pair) != 2:
            raise OptbenchError(f"{owner}: test must be a pair, X and y of the test examples")
        x_test = _check_features(owner, "X of test", pair[0])
        x_test, y_test = x_test.reshape(len(x_test), -1), _check_targets(owner, "y of test", pair[1], len(x_test))
        if x_test.shape[1] != x.shape[1]:
            raise OptbenchError(f"{owner}: X and X of test differ in their number of features")
        if x_test.dtype.kind not in "biuf" or (y_test.dtype.kind == "U") != (y.dtype.kind == "U"):
            raise OptbenchError(f"{owner}: of X and y and those of test, one is text, the other holds numbers")
        fixed = np.arange(len(x) + len(x_test)) >= len(x)
        x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    table = pd.DataFrame(x).add_prefix("x").assign(y=y, **({} if fixed is None else {"test": fixed}))
    return _store_table(owner, table, "", place, {ARRAYS: b""})


def _array_bytes(array: np.ndarray) -> bytes:
    """Return the bytes of an array's values in the order of its axes."""
    return np.ascontiguousarray(array).tobytes()


def _add_target(owner: str, table: Any, y: Any, drop: Any) -> tuple[Any, str]:
    """Return (table, name): without the columns in ``drop`` and with y as a column, and the name of that column.

    y: a column's name, or the values; ``owner`` begins error messages. Raises OptbenchError for columns that are not
    there, and for a y whose rows are labeled otherwise.
    """
    drop = split_columns(drop, table.columns)
    y = str(y) if isinstance(y, int | float | date | np.generic) else _only_column(owner, y)
    for name in (*drop, *([y.strip()] if isinstance(y, str) else [])):
        arguments.one_of(f"column in {owner}", name, table.columns)
    if isinstance(y, str):
        if y.strip() in drop:
            raise OptbenchError(f"{owner}: drop= leaves out {y.strip()!r}, which is y")
        return table.drop(columns=drop), y.strip()
    table = table.drop(columns=drop)
    labeled = hasattr(y, "iloc")
    if labeled and hasattr(y, "index") and not y.index.equals(table.index):
        raise OptbenchError(
            f"{owner}: the rows of X and y have different labels: bring both in one order, reset_index(drop=True)"
        )
    name = getattr(y, "name", None)
    name = "" if name is None else str(name).strip()
    if name and name in table.columns:
        raise OptbenchError(f"{owner}: y is called {name!r}, and so is a column of X, which has y: drop={name!r}")
    free = itertools.chain(["target"], (f"target_{i}" for i in itertools.count()))
    name = name or next(each for each in free if each not in table.columns)
    return table.assign(**{name: y.array if labeled else _check_targets(owner, "y", y, len(table))}), name


def _only_column(owner: str, y: Any) -> Any:
    """Return the column of a table with one, anything else unchanged; raise OptbenchError for several columns."""
    y = y.to_pandas() if hasattr(y, "columns") and hasattr(y, "to_pandas") else y
    if not (hasattr(y, "columns") and hasattr(y, "iloc")):
        return y
    if y.shape[1] != 1:
        names = ", ".join(map(str, y.columns[:3])) + ", ..." * (y.shape[1] > 3)
        raise OptbenchError(f"{owner}: y is a table of {y.shape[1]:,} columns ({names}): give one of them")
    return y.iloc[:, 0]


def _store_table(owner: str, table: Any, target: str, place: Path, metadata: Any = None) -> Stored:
    """Write a DataFrame as a Parquet file in `place`, named by its content, and return its `Stored`."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    parts = list(metadata or ())
    for name in table.columns:
        values = table[name]
        if isinstance(values.dtype, pd.SparseDtype):
            table = table.assign(**{name: values.sparse.to_dense()})
        elif isinstance(values.dtype, pd.CategoricalDtype):  # a file has no categories but of texts
            table = table.assign(**{name: values.map(text_of, na_action="ignore")})
        elif pd.api.types.infer_dtype(values, skipna=True) == "mixed-integer":  # numbers and texts
            table = table.assign(**{name: [None if pd.isna(each) else text_of(each) for each in values]})
        values = table[name]
        plain = values.dtype.kind in "biufM" and isinstance(values.dtype, np.dtype)
        content = (
            _array_bytes(values.to_numpy())
            if plain
            else repr([None if each is pd.NA else each for each in values.tolist()])
        )
        parts += [name, str(values.dtype), content]
    path = place / f"{_hash_parts(parts)}.parquet"
    if not is_file(path):
        columns = {name: _to_arrow(owner, name, table[name]) for name in table.columns}
        arrow = pa.table(columns).replace_schema_metadata(metadata)
        resources.need_disk(f"{owner}: the file of X and y", place, arrow.nbytes)
        write_atomically(path, lambda new: parquet.write_table(arrow, new), f"{owner}: folder")
    return Stored(_home_relative(path), target)


def _to_arrow(owner: str, name: str, values: Any) -> Any:
    """Return a column as an array of Arrow; raise OptbenchError, which names it, for values that no file keeps."""
    import pandas as pd
    import pyarrow as pa

    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        why = in_one_line(error) if values.dtype == object else str(values.dtype)
        if pd.api.types.infer_dtype(values, skipna=True) == "integer":
            why = "whole numbers beyond 64 bits"
        raise OptbenchError(
            f"{owner}: column {name!r} cannot be kept in a file ({why}): make it floats or texts, or leave it out"
        ) from error


def _hash_parts(parts: Iterable) -> str:
    """Return the hash of a file's values, as hexadecimal digits; parts: bytes, or objects with a text.

    The bytes of the file itself differ from one version of a library to the next.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:_LETTERS]


def _home_relative(path: Path) -> str:
    """Return the path with ~ for the home folder, so that the name is the same for every user."""
    path = path.absolute()
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)
