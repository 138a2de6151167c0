"""scikit-learn estimators: a linear model or a network, trained by an optimizer of the catalogue."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from optbench.catalogue import loader
from optbench.contract.arguments import is_real, is_whole
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.optimizers import Baseline
from optbench.datasets import Dataset
from optbench.datasets.preparation import Preparation, learn, to_numbers, to_texts, transform
from optbench.datasets.record import class_name, parse_number
from optbench.kit.networks import HIDDEN, check_choice, dense, network
from optbench.sweeps.models import Model
from optbench.sweeps.single import CohortResult, run_single

RATES = tuple(float(f"{rate:.2g}") for rate in np.geomspace(1e-4, 1, 9))
"""The rates that are tried where none is given: two a decade over the range of Adam's search space."""
_SHARE = 0.2
"""The share of the rows on which a rate is chosen."""
_FEWEST = 10
"""The rows below which it is chosen on the training rows, as a fifth of them would tell nothing."""


class _Estimator(BaseEstimator):
    """What both estimators have in common."""

    def __init__(
        self,
        hidden: tuple[int, ...] = (),
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

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks for: texts and missing values are fine."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _fit(self, X: np.ndarray, y: np.ndarray, prepared: Preparation) -> None:
        """Tune the rate if none is given, train, and keep the model.

        X: (rows, features) as validated; y: classes 0, 1, ..., or standardized values; prepared: without features.
        """
        labels = getattr(self, "feature_names_in_", [f"x{i}" for i in range(X.shape[1])])
        table = {str(label): pd.Series(X[:, i]).infer_objects() for i, label in enumerate(labels)}
        numbers = {name: to_numbers(name, column) for name, column in table.items() if _is_numeric(column)}
        texts = {name: to_texts(column) for name, column in table.items() if name not in numbers}
        parts = [np.array(list(each.values()), kind).reshape(len(each), len(X)).T
                 for each, kind in ((numbers, float), (texts, object))]  # fmt: skip
        features = learn([*numbers, *texts], parts[0], parts[1])
        x = transform(features, parts[0], parts[1])
        baseline = isinstance(loader.load().optimizer(self.optimizer)[0], Baseline)
        self.lr_ = 1.0 if baseline else self._tune(x, y, len(prepared.classes)) if self.lr is None else self.lr
        everything = Dataset(x, y, x, y, len(prepared.classes), "arrays")
        problem, result = self._train(everything, [self.lr_], baseline)
        if result.runs["status"].iloc[0] != "ok":
            raise OptbenchError(f"{type(self).__name__}: training diverged at lr={self.lr_!r}: try a smaller one")
        held = Preparation(features, prepared.target, prepared.classes, prepared.target_mean, prepared.target_scale)
        setting = {key: value for key, value in self.get_params().items() if not isinstance(value, tuple | list)}
        self.model_ = Model(type(self).__name__, problem.architecture, held, result.w[0], setting | {"lr": self.lr_})

    def _tune(self, x: np.ndarray, y: np.ndarray, classes: int) -> float:
        """Return the rate of RATES with the least loss at the end on a fifth of the rows, drawn with the seed."""
        order = np.random.default_rng(self.seed).permutation(len(x))
        cut = round(len(x) * (1 - _SHARE)) if len(x) >= _FEWEST else len(x)
        train, rest = order[:cut], order[cut:] if cut < len(x) else order
        runs = self._train(Dataset(x[train], y[train], x[rest], y[rest], classes, "arrays"), RATES)[1].runs
        loss = runs["test_loss_final"].where(runs["status"] == "ok", np.inf).fillna(np.inf)
        return RATES[int(loss.to_numpy().argmin())]

    def _train(self, data: Dataset, rates: Any, baseline: bool = False) -> tuple[Any, CohortResult]:
        """Return the problem of a data set, and a run for each rate."""
        name = type(self).__name__
        widths = self.hidden if isinstance(self.hidden, tuple | list) else (0,)
        if not all(is_whole(width) and width > 0 for width in widths):
            wanted = "a tuple of positive widths, such as (32,)"
            raise OptbenchError(f"{name}: hidden={shown(self.hidden)} must be {wanted}")
        check_choice(name, "activation", self.activation, HIDDEN)
        if not (is_real(self.l2) and self.l2 >= 0):
            raise OptbenchError(f"{name}: l2={shown(self.l2)} must be a number of at least 0")
        layers = [layer for width in self.hidden for layer in (dense(width), self.activation)]
        loss = "cross_entropy" if data.classes else "mse"
        problem = network(name, [*layers, dense(data.classes or 1)], data, loss=loss)
        optimizer = f"coupled_decay({self.optimizer}, decay={self.l2!r})" if self.l2 else self.optimizer
        single = run_single(
            name, problem, optimizer, [{"lr": rate, "schedule": self.schedule} for rate in rates], steps=None,
            epochs=self.epochs, batch_size="full" if baseline else self.batch_size, seed=self.seed, dtype="float64",
            points=[0], start=None, run_timeout=None, device="cpu", catalogue=loader.load(),
        )  # fmt: skip
        return problem, single.cohort_result()

    def _raw(self, X: Any) -> pd.DataFrame:
        """Return rows as the table that the model prepares."""
        check_is_fitted(self)
        checked = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=False)
        labels = getattr(self, "feature_names_in_", [f"x{i}" for i in range(checked.shape[1])])
        return pd.DataFrame({str(label): pd.Series(checked[:, i]).infer_objects() for i, label in enumerate(labels)})


class OptbenchClassifier(ClassifierMixin, _Estimator):
    """Logistic regression or a network of dense layers, as a scikit-learn classifier.

    Rows are prepared as those of ``optbench sweep --data``: gaps are filled with the median, numbers standardized,
    texts become columns of 0 and 1. The loss is the softmax cross-entropy.

    Args:
        hidden: the widths of the hidden layers; () is multinomial logistic regression.
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
        X, y = validate_data(self, X, y, dtype=None, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise OptbenchError(f"{type(self).__name__}: y has one class, {shown(self.classes_[0])}: give at least two")
        names = tuple(class_name(each) for each in self.classes_.tolist())
        self._fit(X, codes.astype(float), Preparation((), str(name or "y"), names))
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
        rows = self._raw(X)
        return self.model_.predict_proba(rows)


class OptbenchRegressor(RegressorMixin, _Estimator):
    """Linear regression or a network of dense layers, as a scikit-learn regressor.

    Rows are prepared as for ``OptbenchClassifier``, the target is standardized while it trains. The loss is the mean
    squared error.

    Args:
        hidden: the widths of the hidden layers; () is linear regression.
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
        X, y = validate_data(self, X, y, dtype=None, ensure_all_finite="allow-nan", y_numeric=True)
        y = column_or_1d(y, warn=True).astype(float)
        mean, scale = float(y.mean()), float(y.std()) or 1.0
        self._fit(X, (y - mean) / scale, Preparation((), str(name or "y"), (), mean, scale))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of rows.

        Args:
            X: (rows, features), as for ``fit``.

        Returns:
            (rows,): in the unit of the target.
        """
        rows = self._raw(X)
        return self.model_.predict(rows)


def _is_numeric(column: pd.Series) -> bool:
    """Return True for a column of numbers or truth values, also where they are written as texts."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    return all(isinstance(each, str) and parse_number(each) is not None for each in column.dropna())
