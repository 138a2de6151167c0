"""Examples from files that hold arrays of numbers: .npz, and the text format of libsvm."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optbench.contract import resources
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.datasets.record import Raw, decoded, file_query
from optbench.datasets.tables import one_against_rest, unpacked_size

_NAMES = ("x", "y", "x_test", "y_test")


def npz(place: Path, given: Mapping[str, Any]) -> Raw:
    """Read a .npz file of arrays x (n, ...) and y (n,), and x_test and y_test if its test examples are fixed.

    given: the parameters of the set ``file``. Raises OptbenchError for other arrays.
    """
    path = given["path"]
    with np.load(place, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise OptbenchError(
                f"data set {path}: it holds one array: save x and y together, numpy.savez({path!r}, x=, y=)"
            )
        held = [name for name in _NAMES if name in file.files]
        _need_room(path, place, held)
        found = {name: file[name] for name in held}
        known = ", ".join(file.files) or "none"
    if "x" not in found or "y" not in found or ("x_test" in found) != ("y_test" in found):
        raise OptbenchError(f"data set {path}: it must hold x and y, perhaps x_test and y_test, not {known}")
    parts = [_pair(path, found, end) for end in ("", "_test") if f"x{end}" in found]
    if parts[0][0].shape[1] != parts[-1][0].shape[1]:
        raise OptbenchError(f"data set {path}: x and x_test differ in their number of features")
    if len(parts) > 1:
        _refuse_other_kinds(path, parts)
    return _raw(parts, given, "target array y")


def svm(place: Path, given: Mapping[str, Any]) -> Raw:
    """Read lines of a target and the features that are not 0, ``1 3:0.5 7:-2``, as dense arrays.

    given: the parameters of the set ``file``. Raises OptbenchError for another format, or too little memory.
    """
    path = given["path"]
    size = unpacked_size(path, place) if place.suffix.lower() == ".gz" else place.stat().st_size
    resources.need_memory(f"data set {path}: the file", size)
    if not size:
        raise OptbenchError(f"data set {path}: the file holds no examples")
    from sklearn.datasets import load_svmlight_file

    try:
        sparse, y = load_svmlight_file(str(place))
    except OverflowError:
        raise OptbenchError(f"data set {path}: a feature has a number too large to be one") from None
    except ValueError as error:
        reason = in_one_line(error).removeprefix("ValueError: ")
        raise OptbenchError(
            f"data set {path}: cannot be read as lines of 'target feature:value ...': {reason}"
        ) from None
    rows, features = sparse.shape
    resources.need_memory(
        f"data set {path}: {rows:,} rows of {features:,} features, which it keeps without their zeros; dense it",
        3 * resources.REAL * rows * features,
    )
    if not sparse.nnz:
        raise OptbenchError(f"data set {path}: the file holds no examples, or none with a feature")
    whole = bool(np.isfinite(y).all() and (y == np.floor(y)).all() and (np.abs(y) < 2**53).all())
    return _raw([(sparse.toarray(), y.astype(int) if whole else y)], given, "the first number of each line")


def _need_room(path, place, held):
    """Refuse arrays that do not fit into memory, by the shapes in the file: packed zeros take no space in it."""
    with zipfile.ZipFile(place) as packed:
        for name in held:
            with packed.open(f"{name}.npy") as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            size = math.prod(shape) * max(dtype.itemsize, 2 * resources.REAL * name.startswith("x"))
            resources.need_memory(f"data set {path}: array {name} {shape}", size)


def _pair(path, found, end):
    """Return x (n, features) and y (n,) of a file; end: "" or "_test"; raise OptbenchError for other arrays."""
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
    return x.reshape(len(x), -1).astype(float), decoded(f"data set {path}: y{end}", y.reshape(-1))


def _refuse_other_kinds(path, parts):
    """Raise OptbenchError if one of y and y_test is text and the other is not."""
    kinds = {"text" if y.dtype.kind == "U" else "numbers" for _, y in parts}
    if len(kinds) > 1:
        raise OptbenchError(f"data set {path}: one of y and y_test is text, the other holds numbers")


def _raw(parts, given, target) -> Raw:
    """Return the examples: gaps are left out or marked for filling, one class is named if the user asks for it."""
    path, notes = given["path"], []
    ends = ("", "_test")[: len(parts)]
    parts = [_without_gaps(x, y, end, given, notes) for (x, y), end in zip(parts, ends, strict=True)]
    fill = any(bool(np.isnan(x).any()) for x, _ in parts)
    if fill:
        notes.append("missing values filled in with the mean of the training rows")
    every, labels = one_against_rest(path, "y", np.concatenate([y for _, y in parts]), given["positive"])
    if labels:
        cut = len(parts[0][1])
        parts = [(x, part) for (x, _), part in zip(parts, (every[:cut], every[cut:]), strict=False)]
    return Raw(
        *parts[0], 2 if labels else None, path, test=parts[1] if len(parts) > 1 else None, name=path, target=target,
        labels=labels, fill=fill, notes=tuple(notes),
    )  # fmt: skip


def _without_gaps(x, y, end, given, notes):
    """Leave out the rows that cannot be learned from, and add their number to ``notes``."""
    path, missing = given["path"], given["missing"]
    for name, values in ((f"x{end}", x), (f"y{end}", y)):
        infinite = int(np.isinf(values).sum()) if values.dtype.kind == "f" else 0
        if infinite:
            raise OptbenchError(f"data set {path}: {name} has {infinite:,} values that are not finite")
    lost = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    gaps = np.isnan(x).any(axis=1)
    if not missing and (lost.any() or gaps.any()):
        name, count = (f"x{end}", np.isnan(x).sum()) if gaps.any() else (f"y{end}", lost.sum())
        raise OptbenchError(
            f"data set {path}: {name} has {int(count):,} missing values: {file_query(given)[:-1]}, missing=drop) "
            "leaves those rows out, missing=mean fills in the mean of the training rows"
        )
    lost |= gaps if missing == "drop" else False
    if lost.all():
        raise OptbenchError(f"data set {path}: every row of x{end} and y{end} misses a value")
    if lost.any():
        why = "values are missing" if missing == "drop" else "the target is missing"
        notes.append(f"{lost.sum():,} of {len(x):,} rows of x{end} left out, where {why}")
    return x[~lost], y[~lost]
