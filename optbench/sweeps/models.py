"""A trained model: it predicts for new rows of the user's table, and is kept in a file of plain data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from optbench.contract import resources
from optbench.contract.architecture import Architecture
from optbench.contract.arguments import refusal
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.contract.names import join_names
from optbench.contract.paths import is_file, path_of
from optbench.datasets import files
from optbench.datasets.preparation import Preparation, text_of
from optbench.datasets.record import class_values

if TYPE_CHECKING:
    import pandas as pd

ENDING = ".json"


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model: weights, what they mean, and the preparation of rows as the training rows were prepared.

    Example:
        >>> setting = {"problems": ["logistic"], "optimizers": ["adam_torch"], "learning_rates": [0.01], "epochs": 5}
        >>> model = sweep(setting, seeds=3).best().fit()
        >>> model.classes, model.predict(np.zeros((2, 30))).tolist()
        ((0, 1), [1, 1])
    """

    problem: str
    """The name of the problem that it learned."""
    architecture: Architecture = field(repr=False)
    """The layers and the loss."""
    preparation: Preparation = field(repr=False)
    """What turns raw rows into features, and predictions into values of the target."""
    w: np.ndarray = field(repr=False)
    """(dim,): the weights."""
    setting: Mapping[str, Any] = field(default_factory=dict)
    """What trained it: optimizer, lr, batch_size, schedule and so on."""
    reads: Mapping[str, str] = field(default_factory=dict, repr=False)
    """How the file of its training rows is read: sep, encoding and decimal."""

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes in the order of ``predict_proba``: numbers, truth values or texts; () for a real target."""
        return class_values(self.preparation.classes)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of rows.

        Args:
            X: raw rows, a DataFrame with the columns of the training table, in any order and among others, or an array
                (rows, features).

        Returns:
            (rows,): the most probable class, or the value in the target's unit.

        Raises:
            OptbenchError: a column is missing, or holds what it did not hold in training.
        """
        return self._decide(self.architecture.predict(self.w, self.preparation.apply(X)))

    def _decide(self, made: np.ndarray) -> np.ndarray:
        """Return the target of what the network makes of rows: standardized values, or probabilities of classes."""
        if self.architecture.classifies:
            return np.array(self.classes)[made.argmax(axis=1)]
        return made * self.preparation.target_scale + self.preparation.target_mean

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Args:
            X: as for ``predict``.

        Returns:
            (rows, classes), in the order of ``classes``.

        Raises:
            OptbenchError: the target is a real number, or as for ``predict``.
        """
        if not self.architecture.classifies:
            raise OptbenchError(
                f"predict_proba: {self.problem} predicts real numbers, not classes: predict(X) has them"
            )
        return self.architecture.predict(self.w, self.preparation.apply(X))

    def score(self, X: Any, y: Any) -> float:
        """Compare predictions with the true target.

        Args:
            X: as for ``predict``.
            y: (rows,): the target's values, as they stand in the table.

        Returns:
            The share of right classes, or R^2 of real numbers.

        Raises:
            OptbenchError: X and y differ in length, y has none of the classes, or as for ``predict``.
        """
        made, values = self.predict(X), np.asarray(y).reshape(-1)
        if len(values) != len(made):
            raise OptbenchError(f"score: X has {len(made):,} rows, and y {len(values):,}")
        if self.architecture.classifies:
            labels = [*map(text_of, values.tolist())]
            if labels and {*map(text_of, self.classes)}.isdisjoint(labels):
                found, wanted = (join_names(map(shown, each), 6) for each in (dict.fromkeys(labels), self.classes))
                raise OptbenchError(f"score: y holds {found}, none of the classes {wanted}")
            return float(np.mean([text_of(each) == label for each, label in zip(made.tolist(), labels, strict=True)]))
        error, spread = ((values - made) ** 2).sum(), ((values - values.mean()) ** 2).sum()
        return float(1 - error / spread)

    def save(self, path: str | Path) -> None:
        """Write the model to a file of JSON: texts and numbers, which ``optbench.load_model`` reads.

        Args:
            path: ends in .json.

        Raises:
            OptbenchError: the path has another ending, or cannot be written.
        """
        place = path_of("path", path)
        if place.suffix.lower() != ENDING:
            raise OptbenchError(f"save: {str(path)!r} must end in {ENDING}")
        held = asdict(_File(
            "optbench model", 1, self.problem, dict(self.setting), self.architecture, self.preparation,
            dict(self.reads), tuple(self.w.tolist()),
        ))  # fmt: skip
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in held.items())
        try:
            place.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        except OSError as error:
            raise OptbenchError(f"save: cannot write {str(path)!r}: {error.strerror or error}") from error


@dataclass(frozen=True)
class _File:
    """What a file holds, in order."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: Literal["optbench model"]
    version: Literal[1]
    problem: str
    setting: dict[str, str | int | float | None]
    architecture: Architecture
    preparation: Preparation
    reads: dict[str, str]
    weights: tuple[float, ...]


def load_model(path: str | Path) -> Model:
    """Load a model that ``save`` wrote. A file is data: nothing in it is executed.

    Args:
        path: of the file.

    Returns:
        The model, which predicts as it did.

    Raises:
        OptbenchError: there is no such file, or it holds no whole model.

    Example:
        >>> import tempfile
        >>> setting = {"problems": ["logistic"], "optimizers": ["adam_torch"], "learning_rates": [0.01], "epochs": 5}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sweep(setting, seeds=3).best().save(f"{folder}/model.json")
        ...     load_model(f"{folder}/model.json").problem
        'logistic'
    """
    place = path_of("model", path)
    if not is_file(place):
        raise OptbenchError(f"model {str(path)!r}: no such file; results.best().save(PATH) writes one")
    head = f"model {str(path)!r}: "
    try:
        resources.need_memory(f"{head}its text", 4 * place.stat().st_size)
        found = TypeAdapter(_File).validate_json(place.read_bytes())
        _check(found)
    except ValidationError as error:
        why = "it is not JSON" if error.errors()[0]["type"] == "json_invalid" else refusal(error, "")
        raise OptbenchError(f"{head}no model that optbench saved: {why}") from None
    except OptbenchError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise OptbenchError(f"{head}no model that optbench saved: {in_one_line(error)}") from error
    w = np.array(found.weights)
    return Model(found.problem, found.architecture, found.preparation, w, found.setting, found.reads)


def predict_file(model: Model, path: str | Path) -> "pd.DataFrame":
    """Return a table with a model's predictions for the rows of a file, .csv, .tsv or .parquet.

    Columns: what tells the rows apart, which is the first column of the file that the model does not use and whose
    values all differ, such as an id, or else the number of the row, from 1; prediction; and of classes the probability
    of each. Raises OptbenchError for a file that is no such table.
    """
    import pandas as pd

    place = files.find_file(str(path))
    if files.format_ending(place) not in files.TABLES:
        raise OptbenchError(f"data set {path}: predictions are for the rows of .csv, .tsv and .parquet")
    table, _ = files.read_table(place, {**dict.fromkeys(files.READING, ""), **model.reads, "path": str(path)})
    try:
        shares = model.architecture.predict(model.w, model.preparation.apply(table))
    except OptbenchError as error:
        raise OptbenchError(f"data set {path}: {error}") from None
    made = pd.DataFrame({"prediction": model._decide(shares)})
    if model.architecture.classifies:
        for name, column in zip(model.classes, shares.T, strict=True):
            made[f"probability_{name}"] = column
    used = {model.preparation.target, *(each.name for each in model.preparation.features), *made}
    own = (name for name in table if name not in used and table[name].notna().all() and table[name].is_unique)
    name = next(own, None)
    made.insert(0, "row" if name is None else name, range(1, len(made) + 1) if name is None else table[name].array)
    return made


def _check(found: _File) -> None:
    """Raise ValueError for parts of a file that do not fit each other."""
    layers, prepared = found.architecture.layers, found.preparation
    units = [sum(each.width for each in prepared.features)]
    for place, (kind, inputs, outputs, activation) in enumerate(layers):
        if kind < 0 or inputs != units[-1] or outputs < 1 or activation not in ("linear", "relu", "tanh", "sigmoid"):
            raise ValueError(f"layer {place + 1}, {shown((kind, inputs, outputs, activation))}, does not fit")
        if kind >= 2 and (outputs != inputs or kind > 2 + place or outputs != units[place - (kind - 2)]):
            raise ValueError(f"layer {place + 1} does not fit the layers before it")
        units.append(outputs)
    classes = len(prepared.classes)
    wanted = classes if found.architecture.loss == "cross_entropy" else 1
    if not layers or units[-1] != wanted or found.architecture.dim != len(found.weights):
        raise ValueError("layers, classes and weights do not fit each other")
    if bool(classes) != found.architecture.classifies or (wanted == 1 and classes not in (0, 2)):
        raise ValueError(f"{classes} classes do not fit the loss {found.architecture.loss}")
    if not set(found.reads) <= set(files.READING):
        raise ValueError("it says more of the file than sep, encoding and decimal")
    if not all(each.scale > 0 for each in prepared.features) or not prepared.target_scale > 0:
        raise ValueError("scales must be above 0")
