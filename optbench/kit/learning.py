"""The fields of a Problem that follow from its data set."""

from typing import Any

import numpy as np

from optbench import datasets


def data_fields(data: datasets.Dataset, intercept: bool = False) -> dict[str, Any]:
    """Return, by name, the fields of a Problem that follow from its data set: itself, examples, digest and words.

    intercept: True adds a last column of ones to the features.
    """
    x, x_validation, x_test = parts = data.x, data.x_validation, data.x_test
    if intercept:
        x, x_validation, x_test = (
            None if part is None else np.column_stack([part, np.ones(len(part))]) for part in parts
        )
    return {
        "data": (x, data.y),
        "validation": None if x_validation is None else (x_validation, data.y_validation),
        "test": (x_test, data.y_test),
        "data_set": data,
        "digest": data.digest,
        "data_text": data.text,
        "data_warning": data.warning,
    }
