"""How the weights of a model predict, as plain data: what code in another library, and a saved model, are made of."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Row = tuple[int, int, int, str]
"""A layer: its kind, its inputs, its outputs, and its activation. Kinds: 0 dense, 1 dense without bias, 2 layer
normalization, 2 + k a residual connection, which adds the activations before the last k layers."""
Loss = Literal["cross_entropy", "log_loss", "squared_hinge", "mse", "half_mse", "huber", "poisson"]
BARE, NORM = 1, 2
EPSILON = 1e-5
"""What a normalization adds to the variance before its root: PyTorch's default."""
_ROWS = 256
"""Rows that are looked at together for units that fire: most do on the first ones."""


@dataclass(frozen=True)
class Architecture:
    """The layers of a model, its loss and penalty, and the law of its first weights.

    Example:
        >>> line = Architecture(((0, 2, 1, "linear"),), "mse")
        >>> line.dim, line.predict(np.array([1.0, 2.0, 0.5]), np.array([[1.0, 1.0]])).tolist()
        (3, [3.5])
    """

    layers: tuple[Row, ...]
    """From the first behind the input to the last. Their weights lie one behind the other, (in, out) and then the bias
    (out,), or the gains and the shifts of a normalization."""
    loss: Loss
    """"cross_entropy" of the softmax; "log_loss" of one score, of which the sigmoid is the probability of class 1;
    "squared_hinge"; "mse", the mean squared error, "half_mse", half of that; "huber"; or "poisson" of one score, whose
    exponential is the rate."""
    l2: float = 0.0
    """The penalty l2/2 |w|^2 on all weights, which is part of the loss."""
    delta: float = 0.0
    """The error at which "huber" turns linear."""
    initialization: str = "he"
    """The law of the first weights: normal, "he" (variance 2/in), "xavier" (2/(in + out)), "large" (1), "small" (0.01,
    of biases, too), or "zero". Biases and shifts start at 0 otherwise, gains at 1."""

    @property
    def dim(self) -> int:
        """The number of weights."""
        sizes = [inputs * outputs + outputs * (kind != BARE) if kind < NORM else 2 * outputs * (kind == NORM)
                 for kind, inputs, outputs, _ in self.layers]  # fmt: skip
        return sum(sizes)

    @property
    def is_dense(self) -> bool:
        """True if all layers are dense ones with a bias."""
        return all(kind == 0 for kind, *_ in self.layers)

    @property
    def classifies(self) -> bool:
        """True if it predicts classes."""
        return self.loss in ("cross_entropy", "log_loss", "squared_hinge")

    def predict(self, w: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return predictions for rows of prepared features.

        Args:
            w: (dim,) weights.
            x: (rows, features).

        Returns:
            Real numbers (rows,), or the probabilities of the classes (rows, classes).
        """
        scores = self._activations(w, np.asarray(x))[-1]
        if self.loss == "cross_entropy":
            return probabilities(scores)
        one = scores[:, 0]
        if self.loss == "log_loss":
            return probabilities(one)
        if self.loss == "squared_hinge":  # Zhang 2004, Ann. Stat. 32(1), sec. 3
            share = np.clip((1 + one) / 2, 0, 1)
            return np.column_stack([1 - share, share])
        return np.exp(one) if self.loss == "poisson" else one

    def share_dead(self, w: np.ndarray, x: np.ndarray) -> float:
        """Return the share of the hidden ReLU units that are 0 on every row; NaN without any.

        w, x: as for `predict`.
        """
        relu = [k for k, row in enumerate(self.layers[:-1], start=1) if row[3] == "relu"]
        if not relu:
            return np.nan
        fires = np.zeros(sum(self.layers[k - 1][2] for k in relu), bool)
        for first in range(0, len(x), _ROWS):
            made = self._activations(w, x[first : first + _ROWS])
            fires |= np.concatenate([(made[k] > 0).any(axis=0) for k in relu])
            if fires.all():
                break
        return 1 - float(fires.mean())

    def _activations(self, w: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
        """Return the rows and the outputs of all layers, (rows, units) each."""
        made, left = [x], w
        for kind, inputs, outputs, activation in self.layers:
            a = made[-1]
            if kind < NORM:
                weights, left = left[: inputs * outputs].reshape(inputs, outputs), left[inputs * outputs :]
                a = a @ weights
                if kind != BARE:
                    a, left = a + left[:outputs], left[outputs:]
            elif kind == NORM:
                a = (a - a.mean(axis=1, keepdims=True)) / np.sqrt(a.var(axis=1, keepdims=True) + EPSILON)
                a, left = a * left[:outputs] + left[outputs : 2 * outputs], left[2 * outputs :]
            else:
                a = a + made[-1 - (kind - NORM)]
            made.append(activated(a, activation))
        return made


def activated(a: np.ndarray, activation: str) -> np.ndarray:
    """Return an activation of an array, by its name."""
    if activation == "sigmoid":
        return 0.5 * np.tanh(a / 2) + 0.5
    return np.tanh(a) if activation == "tanh" else np.maximum(a, 0) if activation == "relu" else a


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Return the probabilities of classes, (rows, classes): the softmax of scores of that shape.

    Scores (rows,) are those of the second of two classes, as in logistic regression.
    """
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)
