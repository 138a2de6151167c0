"""A trained model: it predicts for new rows of the user's table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optbench.contract.architecture import Architecture
from optbench.contract.errors import OptbenchError
from optbench.contract.names import without_path, written
from optbench.datasets.preparation import Preparation
from optbench.datasets.record import class_values


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model: weights, what they mean, and the preparation of rows as the training rows were prepared.

    It is plain data, which pickle or joblib keep in a file.

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

    def __repr__(self) -> str:
        """Return the problem, and what trained it, in a line."""
        return written(self, without_path(self.problem), self.setting)

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
        made = self.architecture.predict(self.w, self.preparation.apply(X))
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
