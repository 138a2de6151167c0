"""scikit-learn estimators: a linear model or a network, trained by an optimizer of the catalogue."""

import re
import warnings
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from optbench.catalogue import loader
from optbench.contract.arguments import is_real, is_whole
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.names import canonical, parse
from optbench.contract.optimizers import Baseline
from optbench.datasets import Dataset, tables
from optbench.datasets.preparation import Preparation, class_name, column_names
from optbench.datasets.record import Raw, prepare_features
from optbench.kit.networks import HIDDEN, check_choice, dense, network
from optbench.sweeps.best import Best
from optbench.sweeps.models import Model
from optbench.sweeps.single import CohortResult, run_single
from optbench.sweeps.tuned_rate import lowest, try_rates

_GRID = np.geomspace(1e-4, 1, 9)
"""The rates that are tried where none is given: two a decade over the range of Adam's search space."""
_SHARE = 0.2
"""The share of the rows on which a rate is chosen."""
_TOLD: set[str] = set()
"""Warnings that were given, without their numbers: cross-validation fits on many parts of a table."""
_FEWEST = 10
"""The rows below which it is chosen on the training rows, as a fifth of them would tell nothing."""


class _Estimator(BaseEstimator):
    """What both estimators have in common."""

    def __init__(
        self,
        hidden: int | tuple[int, ...] = (),
        *,
        activation: str = "relu",
        optimizer: str = "adam_torch",
        lr: float | None = None,
        batch_size: int | str = 32,
        epochs: int = 50,
        schedule: str = "constant",
        l2: float = 0.0,
        seed: int = 0,
    ):
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.schedule = schedule
        self.l2 = l2
        self.seed = seed

    @classmethod
    def from_best(cls, best: Best, seed: int = 0) -> Self:
        """Return an estimator with the network, the optimizer and the setting of ``results.best()``, to be fitted.

        Two classes have two outputs here, whose rates are those of logistic regression with one.

        Args:
            best: a recommended setting, of a linear model or a network of dense layers.
            seed: as for the estimator.

        Returns:
            The estimator.

        Raises:
            OptbenchError: the problem is no such model, or its target of the other kind.

        Example:
            >>> setting = {"problems": ["logistic"], "optimizers": ["momentum"], "learning_rates": [0.1], "epochs": 5}
            >>> mine = OptbenchClassifier.from_best(sweep(setting, seeds=3).best())
            >>> mine.lr, mine.optimizer
            (0.1, 'momentum(beta1=0.9)')
        """
        if not isinstance(best, Best):
            raise OptbenchError(f"{cls.__name__}.from_best: {shown(best)} is not what results.best() returns")
        made = loader.load().problem(best.problem).architecture
        hidden = made.layers[:-1] if made is not None and made.is_dense else ()
        activations = {each[3] for each in hidden}
        head = f"{cls.__name__}.from_best: {best.problem}"
        if made is None or not made.is_dense or len(activations) > 1:
            raise OptbenchError(f"{head} is no linear model and no network of dense layers with one activation")
        if made.classifies != issubclass(cls, ClassifierMixin):
            other = OptbenchClassifier if made.classifies else OptbenchRegressor
            raise OptbenchError(f"{head} is for {other.__name__}.from_best")
        if "epochs" not in best.budget:
            raise OptbenchError(f"{head} ran {best.budget['steps']:,} steps, which are no whole epochs")
        name, inner = parse(best.params["optimizer"])
        return cls(
            tuple(each[2] for each in hidden), activation=next(iter(activations), "relu"),
            optimizer=canonical(name, {**inner, **best.hyperparameters}), lr=best.lr, batch_size=best.batch_size,
            epochs=best.budget["epochs"], schedule=best.schedule, l2=made.l2, seed=seed,
        )  # fmt: skip

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks for: texts and missing values are fine."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _fit(self, X: Any, checked: np.ndarray, y: np.ndarray, target: str, classes: tuple[str, ...] = ()) -> None:
        """Tune the rate if none is given, train, and keep the model; a warning tells of columns that are left out.

        X: as given; checked: the same as validated; y: classes 0, 1, ..., or real values; target: its name.
        """
        raw = _read(self._table(X, checked), plain=not hasattr(X, "columns") and checked.dtype.kind in "biuf")
        baseline = isinstance(loader.load().optimizer(self.optimizer)[0], Baseline)
        self.lr_ = 1.0 if baseline else self._tune(raw, y, classes) if self.lr is None else self.lr
        rows = np.arange(len(y))
        data, prepared, notes = _prepare(raw, y, classes, rows, rows, target)
        for text in (*raw.warnings, *(each for each in notes if each.startswith("columns left out"))):
            if (words := f"{type(self).__name__}: {re.sub(r'[0-9]+', '', text)}") not in _TOLD:
                _TOLD.add(words)
                warnings.warn(f"{type(self).__name__}: {text}", stacklevel=3)  # where fit is called
        problem, result = self._train(data, [self.lr_], baseline)
        if result.runs["status"].iloc[0] != "ok":
            raise OptbenchError(f"{type(self).__name__}: training diverged at lr={self.lr_!r}: try a smaller one")
        setting = {key: value for key, value in self.get_params().items() if not isinstance(value, tuple | list)}
        setting |= {"lr": self.lr_}
        self.model_ = Model(type(self).__name__, problem.architecture, prepared, result.w[0], setting)

    def _tune(self, raw: Raw, y: np.ndarray, classes: tuple[str, ...]) -> float:
        """Return the rate of _GRID with the least loss at the end on a fifth of the rows, drawn with the seed.

        These rows teach nothing before: not the preparation either.
        """
        order = np.random.default_rng(self.seed).permutation(len(y))
        cut = round(len(y) * (1 - _SHARE)) if len(y) >= _FEWEST else len(y)
        train, rest = order[:cut], order[cut:] if cut < len(y) else order
        # Without names, for columns that are constant in these rows stay.
        data, *_ = _prepare(replace(raw, columns=()), y, classes, train, rest)

        def last_losses(rates: list[float]) -> list[float]:
            """Return the test loss of each rate; inf of a run that diverged."""
            runs = self._train(data, rates)[1].runs
            return runs["test_loss_final"].where(runs["status"] == "ok", np.inf).tolist()

        return lowest(type(self).__name__, try_rates(last_losses, _GRID, digits=2))

    def _train(self, data: Dataset, rates: Any, baseline: bool = False) -> tuple[Any, CohortResult]:
        """Return the problem of a data set, and a run for each rate."""
        name = type(self).__name__
        widths = self.hidden if isinstance(self.hidden, tuple | list) else (self.hidden,)
        if not all(is_whole(width) and width > 0 for width in widths):
            wanted = "a positive width, or a tuple of some, such as (32,)"
            raise OptbenchError(f"{name}: hidden={shown(self.hidden)} must be {wanted}")
        check_choice(name, "activation", self.activation, HIDDEN)
        if not (is_real(self.l2) and self.l2 >= 0):
            raise OptbenchError(f"{name}: l2={shown(self.l2)} must be a number of at least 0")
        layers = [layer for width in widths for layer in (dense(width), self.activation)]
        loss = "cross_entropy" if data.classes else "mse"
        problem = network(name, [*layers, dense(data.classes or 1)], data, loss=loss)
        optimizer = f"coupled_decay({self.optimizer}, decay={self.l2!r})" if self.l2 else self.optimizer
        single = run_single(
            name, problem, optimizer, [{"lr": rate, "schedule": self.schedule} for rate in rates], steps=None,
            epochs=self.epochs, batch_size="full" if baseline else self.batch_size, seed=self.seed, dtype="float64",
            points=[0], start=None, run_timeout=None, device="cpu", catalogue=loader.load(),
        )  # fmt: skip
        return problem, single.cohort_result()

    def _to_rows(self, X: Any) -> pd.DataFrame:
        """Return rows as the table that the model prepares."""
        check_is_fitted(self)
        return self._table(X, validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=False))

    def _table(self, X: Any, checked: np.ndarray) -> pd.DataFrame:
        """Return rows as a table: X itself if it is one, else its columns x0, x1, ...; checked: X as validated."""
        table = X.to_pandas() if hasattr(X, "to_pandas") else X
        if hasattr(table, "columns"):
            return table.set_axis(column_names(table), axis=1)
        return pd.DataFrame({f"x{i}": pd.Series(column).infer_objects() for i, column in enumerate(checked.T)})


def _read(table: pd.DataFrame, plain: bool) -> Raw:
    """Return a table as examples without a target, without the columns that nothing can be learned from.

    plain: it is an array of numbers, all of which are learned from.
    """
    if plain:
        return Raw(table.to_numpy(float), np.empty(0), None, "arrays", fill="median")
    given = dict.fromkeys(("path", "decimal"), "")
    columns, left_out, warned = tables.read_features(given, table, list(table.columns))
    x, texts, features = tables.stack_features(columns, np.arange(len(table)))
    return Raw(
        x, np.empty(0), None, "arrays", name="X", fill="median", columns=features, texts=texts, left_out=left_out,
        warnings=tuple(warned),
    )  # fmt: skip


def _prepare(
    raw: Raw, y: np.ndarray, classes: tuple[str, ...], train: np.ndarray, rest: np.ndarray, target: str = ""
) -> tuple[Dataset, Preparation, tuple[str, ...]]:
    """Return (data, preparation, notes) of the rows to train on and those to test on, prepared by what the first teach.

    classes: their names; () for a real target, which is standardized.
    """
    texts = raw.texts if raw.texts is not None else np.empty((len(raw.x), 0), object)
    features, (x, x_rest), notes = prepare_features(raw, [raw.x[train], raw.x[rest]], [texts[train], texts[rest]])
    mean, scale = (0.0, 1.0) if classes else (float(y[train].mean()), float(y[train].std()) or 1.0)
    prepared = Preparation(features, target, classes, mean, scale)
    aim, aim_rest = ((y[part] - mean) / scale for part in (train, rest))
    return Dataset(x, aim, x_rest, aim_rest, len(classes), "arrays"), prepared, notes


class OptbenchClassifier(ClassifierMixin, _Estimator):
    """Logistic regression or a network of dense layers, as a scikit-learn classifier.

    Rows are prepared as those of ``optbench sweep --data``: gaps are filled with the median, numbers standardized,
    texts become columns of 0 and 1; of a DataFrame, ids, dates and constants are left out with a warning. The loss is
    the softmax cross-entropy.

    Args:
        hidden: the widths of the hidden layers, or that of one; () is multinomial logistic regression.
        activation: "relu", "tanh" or "sigmoid".
        optimizer: a name of the catalogue, with hyperparameters if need be.
        lr: the learning rate; None: the best of nine from 1e-4 to 1 on a fifth of the rows, ``lr_``.
        batch_size: examples of a step, or "full".
        epochs: passes over the data.
        schedule: a name of the catalogue.
        l2: the strength of the penalty l2/2 |w|^2 on all weights.
        seed: of the first weights, the mini-batches, and the rows on which a rate is chosen.

    Raises:
        OptbenchError: in ``fit``, where a parameter makes no sense or training diverges.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> bool(OptbenchClassifier(epochs=10).fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.9)
        True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train.

        Args:
            X: (rows, features), an array or a DataFrame; texts and missing values are fine.
            y: (rows,), classes.

        Returns:
            The estimator itself, with ``classes_``, ``lr_`` and ``model_``, which has ``save``.

        Raises:
            OptbenchError: y has one class, a parameter makes no sense, or training diverges.
        """
        name = getattr(y, "name", None)
        checked, y = validate_data(self, X, y, dtype=None, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise OptbenchError(
                f"{type(self).__name__}: y has one class, {shown(self.classes_[:1].tolist()[0])}: give at least two"
            )
        names = tuple(class_name(each) for each in self.classes_.tolist())
        self._fit(X, checked, codes.astype(float), str(name or "y"), names)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of rows.

        Args:
            X: (rows, features), as for ``fit``.

        Returns:
            (rows,): of ``classes_``.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Args:
            X: (rows, features), as for ``fit``.

        Returns:
            (rows, classes), in the order of ``classes_``.
        """
        rows = self._to_rows(X)
        return self.model_.predict_proba(rows)


class OptbenchRegressor(RegressorMixin, _Estimator):
    """Linear regression or a network of dense layers, as a scikit-learn regressor.

    Rows are prepared as for ``OptbenchClassifier``, the target is standardized while it trains. The loss is the mean
    squared error.

    Args:
        hidden: the widths of the hidden layers, or that of one; () is linear regression.
        activation: as for ``OptbenchClassifier``, like all that follow.
        optimizer: a name of the catalogue, with hyperparameters if need be.
        lr: the learning rate; None: the best of nine from 1e-4 to 1 on a fifth of the rows, ``lr_``.
        batch_size: examples of a step, or "full".
        epochs: passes over the data.
        schedule: a name of the catalogue.
        l2: the strength of the penalty l2/2 |w|^2 on all weights.
        seed: of the first weights, the mini-batches, and the rows on which a rate is chosen.

    Raises:
        OptbenchError: in ``fit``, where a parameter makes no sense or training diverges.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> bool(OptbenchRegressor().fit(X, X @ [1.0, -2.0, 0.5] + 7).score(X, X @ [1.0, -2.0, 0.5] + 7) > 0.99)
        True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train.

        Args:
            X: (rows, features), an array or a DataFrame; texts and missing values are fine.
            y: (rows,), real numbers.

        Returns:
            The estimator itself, with ``lr_`` and ``model_``, which has ``save``.

        Raises:
            OptbenchError: a parameter makes no sense, or training diverges.
        """
        name = getattr(y, "name", None)
        checked, y = validate_data(self, X, y, dtype=None, ensure_all_finite="allow-nan", y_numeric=True)
        y = column_or_1d(y, warn=True).astype(float)
        self._fit(X, checked, y, str(name or "y"))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of rows.

        Args:
            X: (rows, features), as for ``fit``.

        Returns:
            (rows,): in the unit of the target.
        """
        rows = self._to_rows(X)
        return self.model_.predict(rows)
