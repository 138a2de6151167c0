"""The user's own data, .npz, .csv or .parquet, and the files of Fashion-MNIST."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from optbench.contract import names, room
from optbench.contract.errors import OptbenchError, in_one_line, unknown
from optbench.contract.paths import is_file, path_of
from optbench.datasets.copies import copy_of
from optbench.datasets.record import Raw

_ENDINGS = (".csv", ".npz", ".parquet")
_SYSTEM = "/usr/share/datasets/fashion-mnist"  # where Debian's package dataset-fashion-mnist puts them
_IDX = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def is_path(text: str) -> bool:
    """Whether a text is a path, not a name with parameters."""
    return "(" not in text and ("/" in text or "\\" in text or text.endswith(_ENDINGS))


def used(name: str, path: str = "", **other) -> list[Path]:
    """The files that a set of this name and these parameters is read from; OptbenchError where one is missing."""
    if name == "file":
        place = copy_of(path) or path_of("data set", path)
        if place.suffix not in _ENDINGS:
            raise OptbenchError(f"data set {path}: the path must end in {', '.join(_ENDINGS[:2])} or {_ENDINGS[2]}")
        if not is_file(place):
            raise OptbenchError(f"data set {path}: no such file")
        return [place]
    return _fashion_files(path) if name == "fashion_mnist" else []


def _file(path, target):
    """Examples of a file.

    ``.csv`` and ``.parquet``: a row an example, the column ``target`` (by default the last) the target, all others
    features. ``.npz``: arrays x (n, ...) and y (n,), and x_test and y_test where the test examples are fixed.
    """
    place = copy_of(path) or path_of("data set", path)
    room.need_memory(f"data set {path}: the file", place.stat().st_size)
    try:
        if place.suffix == ".npz":
            return _arrays(path, place, target)
        return _columns(path, _read(place), target)
    except OptbenchError:
        raise
    except Exception as error:  # every reader has its own kinds
        raise OptbenchError(f"data set {path}: cannot be read: {in_one_line(error)}") from error


def _read(place):
    import pandas as pd

    try:
        return pd.read_csv(place) if place.suffix == ".csv" else pd.read_parquet(place)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def _columns(path, table, target):
    if not len(table):
        raise OptbenchError(f"data set {path}: the file holds no examples")
    columns = [str(name) for name in table.columns]
    table = table.set_axis(columns, axis=1)
    if all(_is_number(name) for name in columns):
        raise OptbenchError(f"data set {path}: the first line must name the columns; it holds numbers")
    named, target = bool(target), target or columns[-1]
    if target not in columns:
        raise unknown(f"column of data set {path}", target, columns)
    features = [name for name in columns if name != target]
    if not features:
        raise OptbenchError(f"data set {path}: there is no column but the target {target!r}")
    for name in features:
        if table[name].dtype.kind not in "biuf":
            raise OptbenchError(f"data set {path}: feature {name!r} is not numeric; encode it or leave it out")
    for name in columns:
        _all_there(path, f"column {name!r}", table[name])
    values = table[target]
    y = values.to_numpy() if values.dtype.kind in "biuf" else values.to_numpy(str)
    return Raw(
        table[features].to_numpy(float), np.asarray(y), None, f"{path}, target {target}", name=path,
        target=f"target column {target!r}{' (the last one)' * (not named)}",
        suspicion="" if named else _suspicion(path, table, target),
    )  # fmt: skip


def _suspicion(path, table, target):
    from optbench.datasets.suspects import suspicion  # pandas, which only tables need

    likely = suspicion(table, target)
    other = names.canonical("file", {"path": path, "target": "NAME"})
    told = f"the last column, {target!r}, was taken as the target and looks like {likely}; name another: {other}"
    return told * bool(likely)


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _all_there(path, what, values):
    import pandas as pd

    wrong = int(np.count_nonzero(np.isin(values, [np.inf, -np.inf]) if values.dtype.kind == "f" else 0))
    wrong += int(np.count_nonzero(pd.isna(values)))
    if wrong:
        raise OptbenchError(f"data set {path}: {what} has {wrong:,} values that are missing or not finite")


def _arrays(path, place, target):
    if target:
        raise OptbenchError(f"data set {path}: target is for .csv and .parquet; here the array y holds the targets")
    with np.load(place, allow_pickle=False) as file:
        found = {name: file[name] for name in ("x", "y", "x_test", "y_test") if name in file.files}
        known = ", ".join(file.files) or "none"
    if "x" not in found or "y" not in found or ("x_test" in found) != ("y_test" in found):
        raise OptbenchError(f"data set {path}: it must hold x and y, perhaps x_test and y_test, not {known}")
    parts = [_pair(path, found, end) for end in ("", "_test") if f"x{end}" in found]
    if parts[0][0].shape[1] != parts[-1][0].shape[1]:
        raise OptbenchError(f"data set {path}: x and x_test differ in their number of features")
    return Raw(*parts[0], None, path, test=parts[1] if len(parts) > 1 else None, name=path, target="target array y")


def _pair(path, found, end):
    x, y = found[f"x{end}"], found[f"y{end}"]
    if x.dtype.kind not in "biuf" or x.ndim < 2 or y.shape not in ((len(x),), (len(x), 1)):
        shapes = f"{x.dtype} {x.shape} and {y.dtype} {y.shape}"
        raise OptbenchError(f"data set {path}: x{end} and y{end} must be numbers (n, features) and (n,), not {shapes}")
    if not x.size:
        raise OptbenchError(f"data set {path}: x{end} holds no examples")
    x, y = x.reshape(len(x), -1).astype(float), y.reshape(-1)
    _all_there(path, f"x{end}", x)
    _all_there(path, f"y{end}", y)
    return x, y


def _fashion_files(path):
    folders = [path] if path else [os.environ.get("OPTBENCH_DATA", ""), _SYSTEM]
    for folder in filter(None, (copy_of(path), *(Path(each).expanduser() for each in folders if each))):
        found = [next(filter(Path.is_file, (folder / name, folder / f"{name}.gz")), None) for name in _IDX]
        if all(found):
            return found
    raise OptbenchError(
        f"data set fashion_mnist: no files {_IDX[0]} (or .gz) and so on in {' or '.join(filter(None, folders))}; "
        "say where: fashion_mnist(path=FOLDER)"
    )


def _fashion_mnist(path):
    """60,000 training and 10,000 test images of clothes, in the four idx files of a folder: ``path``, or that of the
    environment variable OPTBENCH_DATA, or the one of Debian's package dataset-fashion-mnist.
    """
    x, y, x_test, y_test = (_idx(file) for file in _fashion_files(path))
    if y.shape != x.shape[:1] or y_test.shape != x_test.shape[:1] or x.shape[1:] != x_test.shape[1:]:
        raise OptbenchError("data set fashion_mnist: the numbers of images and labels differ")
    if max(y.max(initial=0), y_test.max(initial=0)) > 9:
        raise OptbenchError("data set fashion_mnist: there are labels above 9")
    pairs = [(images.reshape(len(images), -1) / 255.0, labels) for images, labels in ((x, y), (x_test, y_test))]
    source = "Xiao, Rasul & Vollgraf 2017: 60,000 training and 10,000 test images of 28 x 28, 10 kinds of clothes"
    return Raw(*pairs[0], 10, source, test=pairs[1], scaled=True, target="target: the kind of clothes")


def _idx(place):
    """An array in the idx format of MNIST: 0, 0, the type (8: bytes), the number of axes, their lengths, the data."""
    try:
        with (gzip.open if place.suffix == ".gz" else open)(place, "rb") as file:
            zero, kind, axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            data = np.frombuffer(file.read(), np.uint8)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise OptbenchError(f"data set fashion_mnist: {place} cannot be read: {in_one_line(error)}") from error
    if zero or kind != 8 or data.size != math.prod(shape):
        raise OptbenchError(f"data set fashion_mnist: {place} is not a whole idx file of bytes")
    return data.reshape(shape)


SETS = {"file": (_file, {"path": "", "target": ""}), "fashion_mnist": (_fashion_mnist, {"path": ""})}
