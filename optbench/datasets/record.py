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
    name: str = ""
    """As it is asked for: a name with the parameters that differ from their defaults, or the path of a file."""
    target: str = ""
    """In words, what the targets are, and how many classes or in which range."""
    warning: str = ""
    """What to look at in the user's file, where its target is likely to be another column than the one taken."""

    @property
    def text(self) -> str:
        """What is learned from: "digits: 1,437 training and 360 test rows, 64 features, target: the digit (...)"."""
        features = getattr(self.x, "features", self.x.shape[1])
        size = f"{len(self.x):,} training and {len(self.x_test):,} test rows"
        return ", ".join(filter(None, (f"{self.name}: {size}", f"{features:,} features", self.target)))


@dataclass(frozen=True)
class Raw:
    """Examples as they come: x (n, features) and y (n,), of which 20% become test examples unless ``test`` holds some.

    ``classes``: how many, y being 0, 1, ...; 0 for real targets; None where the values of y have yet to tell.
    ``scaled``: the features share one scale already (pixels), and stay as they are. ``target``: what y is, in words;
    ``suspicion``: what it looks like, where that is no target.
    """

    x: np.ndarray
    y: np.ndarray
    classes: int | None
    source: str
    test: tuple[np.ndarray, np.ndarray] | None = None
    scaled: bool = False
    name: str = ""
    """For messages, where something can be wrong with the examples."""
    target: str = "target"
    suspicion: str = ""


def prepare(raw: Raw, classes: bool | int | None = None) -> Dataset:
    """Encode, split and standardize. ``classes``: the kind of targets that is wanted, as for ``datasets.load``."""
    if len(raw.x) < FEWEST_EXAMPLES:
        raise OptbenchError(
            f"data set {raw.name}: {len(raw.x)} examples are too few; it takes at least {FEWEST_EXAMPLES}"
        )
    (x, y), (x_test, y_test) = ((raw.x, raw.y), raw.test) if raw.test is not None else _split(raw.x, raw.y)
    count = raw.classes
    every = np.concatenate([y, y_test])
    if count is None:
        try:
            every, count = encode(raw.name, every, classes)
        except OptbenchError as error:
            raise OptbenchError(f"{error}{f'; {raw.suspicion}' * bool(raw.suspicion)}") from None
        y, y_test = every[: len(y)], every[len(y) :]
    target, warning = _target_text(raw, every, count), raw.suspicion and f"data set {raw.name}: {raw.suspicion}"
    if not raw.scaled:
        mean, scale = x.mean(axis=0), x.std(axis=0)
        x, x_test = ((part - mean) / np.where(scale > 0, scale, 1.0) for part in (x, x_test))
    if not count:
        mean, scale = y.mean(), y.std()
        if not scale > 0:
            raise OptbenchError(f"data set {raw.name}: the target is constant")
        y, y_test = (y - mean) / scale, (y_test - mean) / scale
    arrays = (np.ascontiguousarray(part, dtype=float) for part in (x, y, x_test, y_test))
    return Dataset(*arrays, count, raw.source, target=target, warning=warning)


def _target_text(raw: Raw, y: np.ndarray, classes: int) -> str:
    """What y (n,) holds, numbers of classes or real targets as they come; of the user's own data how many of each."""
    if not classes:
        return f"{raw.target}, real, from {y.min():.4g} to {y.max():.4g}"
    if raw.classes is not None:
        return f"{raw.target} ({classes} classes)"
    sizes = np.bincount(y.astype(int), minlength=classes)
    each = ", ".join(f"{size:,}" for size in sizes) if classes <= 10 else f"{sizes.min():,} to {sizes.max():,}"
    return f"{raw.target}, {classes} classes: {each} rows{' each' * (classes > 10)}"


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
