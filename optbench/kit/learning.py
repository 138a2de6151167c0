"""What problems that learn from a data set have in common: fields of the record, and predictions from scores."""

from typing import Any

import numpy as np

from optbench import datasets


def data_fields(data: datasets.Dataset, intercept: bool = False) -> dict[str, Any]:
    """Return, by name, the fields of a Problem that follow from its data set: examples, digest and words.

    intercept: True adds a last column of ones to the features.
    """
    x, x_validation, x_test = datasets.with_intercept(data) if intercept else (data.x, data.x_validation, data.x_test)
    return {
        "data": (x, data.y),
        "validation": None if x_validation is None else (x_validation, data.y_validation),
        "test": (x_test, data.y_test),
        "digest": data.digest,
        "data_text": data.text,
        "data_warning": data.warning,
    }


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Return the probabilities of classes, (rows, classes): the softmax of scores of that shape.

    Scores (rows,) are those of the second of two classes, as in logistic regression.
    """
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)
