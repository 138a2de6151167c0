"""Data in memory as a problem by name: what the Python functions and a sweep's spec take alike."""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

from optbench import datasets
from optbench.catalogue import loader
from optbench.contract import arguments, names
from optbench.contract.errors import OptbenchError, shown
from optbench.datasets import files
from optbench.datasets.array_store import store_data

_OWNER = "with_data"
_LONGEST = 1000
"""The most characters of the name of a class."""


def with_data(  # noqa: PLR0913  keywords of a public function
    problem: str,
    X: Any,
    y: Any,
    *,
    test: Any = None,
    drop: str | int | Iterable[Hashable] = (),
    missing: str = "",
    positive: Any = "",
    folder: str | Path | None = None,
    plugin: str | Path | Iterable[str | Path] = (),
    **parameters: Any,
) -> str:
    """Return the name of a problem that learns from data in memory, for any function or spec.

    The data are kept in a file named by its content: equal data have the same name, and a sweep can be resumed,
    isolated and sent to workers. They are treated like those of a file: columns that tell nothing about other rows are
    left out of a table, texts become columns of 0 and 1, a fifth of the rows is for validation and a fifth for testing,
    numbers and real targets are standardized by the training rows. ``optbench show`` with the name prints these facts.

    Args:
        problem: that learns from data, with parameters if need be: ``"logistic"``, ``"mlp(hidden=(8,))"``.
        X: (rows, features), an array, a DataFrame, or what NumPy or ``to_pandas`` make one of those of; a sparse one
            becomes dense.
        y: (rows,), numbers or texts; or the name of a column of X.
        test: X and y of the test rows, where they are fixed; for arrays of numbers. A fifth of the others is for
            validation.
        drop: columns of X to leave out.
        missing: missing numbers become the "median" of the training rows, or their "mean", and a missing text is a
            level of its own; "drop" leaves out rows with missing values. By default "median".
        positive: the class that is 1, all others being 0.
        folder: where the file is kept; by default ``arrays`` below OPTBENCH_DATA, or in a folder of the user's cache.
        plugin: a file, or several, with problems of your own.
        **parameters: the problem's, by name.

    Returns:
        The name, in which ``data`` is the file: ``"logistic(data=\"file(path='~/.cache/optbench/arrays/...')\")"``.

    Raises:
        OptbenchError: the problem learns from no data, the data do not fit it, or the file cannot be written.

    Example:
        >>> X = np.arange(20.0).reshape(10, 2)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     name = with_data("least_squares", X, X @ [1.0, -2.0], folder=folder)
        ...     minimize(name, "gd", lr=0.1, steps=500).status
        'ok'
    """
    catalogue = loader.load_all(plugin)
    try:
        *around, (name, given) = names.split_levels(problem)
    except OptbenchError as error:
        raise OptbenchError(f"{_OWNER}: problem: {error}") from None
    learners = [key for key, family in catalogue.problems.items() if "data" in family.parameters]
    if name in catalogue.problems and name not in learners:
        raise OptbenchError(f"{_OWNER}: {name} learns from no data; these do: {', '.join(learners)}")
    if "data" in given or "data" in parameters:
        raise OptbenchError(f"{_OWNER}: {shown(problem)} names its data; here X and y are the data")
    if name not in catalogue.problems:
        catalogue.problem(name)  # which says what is near
    family = catalogue.problems[name]
    several = [drop] if isinstance(drop, str | int) else arguments.list_items(f"{_OWNER}: drop", drop)
    dropped = files.as_texts({"drop": several})["drop"]
    if not isinstance(missing, str) or missing:
        arguments.one_of(f"{_OWNER}: missing", missing, files.MISSING_WORDS)
    class_text = files.as_texts({"positive": positive})["positive"]
    if len(class_text) > _LONGEST:
        raise OptbenchError(f"{_OWNER}: positive={shown(class_text)} is too long for a class")
    stored = store_data(_OWNER, X, y, test, dropped, folder)
    asked = files.as_texts({"path": stored.path, "target": stored.target, "missing": missing, "positive": class_text})
    data = names.canonical("file", {key: value for key, value in asked.items() if value})
    filled = names.fill_defaults("problem", name, {**given, **parameters, "data": data}, family.parameters)
    if kind := datasets.wanted_targets(family.factory, filled):
        datasets.load_for(name, data, *kind)
    chosen = {key: value for key, value in filled.items() if value != family.parameters[key]}
    return names.join_levels([*around, (name, chosen)])
