"""What a data set is, and how examples as they come are split, encoded and scaled."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError

TEST_SHARE = 0.2
MOST_CLASSES = 100
FEWEST_EXAMPLES = 5


@dataclass(frozen=True)
class Dataset:
    """x (n, features), y (n,): real targets, or classes 0, 1, ... as floats; and the same for the test examples."""

    x: Any
    y: np.ndarray
    x_test: Any
    y_test: np.ndarray
    classes: int
    """0 where the targets are real numbers."""
    source: str
    digest: str = ""
    """sha256 of the user's file; "" for a set that its name and parameters say all about."""


@dataclass(frozen=True)
class Raw:
    """Examples as they come: x (n, features) and y (n,), of which 20% become test examples unless ``test`` holds some.

    ``classes``: how many, y being 0, 1, ...; 0 for real targets; None where the values of y have yet to tell.
    ``scaled``: the features share one scale already (pixels), and stay as they are.
    """

    x: np.ndarray
    y: np.ndarray
    classes: int | None
    source: str
    test: tuple[np.ndarray, np.ndarray] | None = None
    scaled: bool = False
    name: str = ""
    """For messages, where something can be wrong with the examples."""


def prepare(raw: Raw, classes: bool | int | None = None) -> Dataset:
    """Encode, split and standardize. ``classes``: the kind of targets that is wanted, as for ``datasets.load``."""
    if len(raw.x) < FEWEST_EXAMPLES:
        raise OptbenchError(
            f"data set {raw.name}: {len(raw.x)} examples are too few; it takes at least {FEWEST_EXAMPLES}"
        )
    (x, y), (x_test, y_test) = ((raw.x, raw.y), raw.test) if raw.test is not None else _split(raw.x, raw.y)
    count = raw.classes
    if count is None:
        codes, count = encode(raw.name, np.concatenate([y, y_test]), classes)
        y, y_test = codes[: len(y)], codes[len(y) :]
    if not raw.scaled:
        mean, scale = x.mean(axis=0), x.std(axis=0)
        x, x_test = ((part - mean) / np.where(scale > 0, scale, 1.0) for part in (x, x_test))
    if not count:
        mean, scale = y.mean(), y.std()
        if not scale > 0:
            raise OptbenchError(f"data set {raw.name}: the target is constant")
        y, y_test = (y - mean) / scale, (y_test - mean) / scale
    arrays = (np.ascontiguousarray(part, dtype=float) for part in (x, y, x_test, y_test))
    return Dataset(*arrays, count, raw.source)


def _split(x, y):
    order = np.random.default_rng(0).permutation(len(x))
    cut = round(len(x) * (1 - TEST_SHARE))
    return [(x[part], y[part]) for part in (order[:cut], order[cut:])]


def encode(name: str, y: np.ndarray, classes: bool | int | None) -> tuple[np.ndarray, int]:
    """The targets as numbers and how many classes they are: their sorted values become 0, 1, ...; 0 for real ones.

    Texts and truth values are classes, and whole numbers can be. Raises OptbenchError where they are not as wanted.
    """
    text = y.dtype.kind not in "biuf"
    if classes is False and text:
        raise OptbenchError(f"data set {name}: the target is text, not real numbers")
    whole = text or bool((y == np.floor(y)).all())
    values, place = np.unique(y, return_inverse=True) if classes is not False and whole else (y, y)
    if classes is None:
        classes = text or (y.dtype.kind in "biu" and len(values) <= MOST_CLASSES)
    if not classes:
        return y.astype(float), 0
    if not whole:
        raise OptbenchError(f"data set {name}: the target has real values, not classes")
    if len(values) < 2:
        raise OptbenchError(f"data set {name}: all examples are of one class, {values.tolist()[0]!r}")
    if len(values) > MOST_CLASSES:
        raise OptbenchError(f"data set {name}: the target has {len(values)} values; at most {MOST_CLASSES} are classes")
    return place.reshape(-1).astype(float), len(values)
