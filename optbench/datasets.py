"""Data for problems: real sets that scikit-learn bundles, and generated ones of any size; no download.

A name may carry parameters: ``gaussian(examples=10000, features=100)``. Features are standardized (digits: scaled to
[0, 1]); the split into training and test examples is fixed.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from optbench import names
from optbench.errors import OptbenchError, unknown

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Dataset:
    """x (n, features), y (n,): real targets, or classes 0, 1, ... as floats; and the same for the test examples."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int
    """0 where the targets are real numbers."""
    source: str


@cache
def load(text: str) -> Dataset:
    """The data set that ``text`` names. Raises OptbenchError for a name or parameter that does not exist."""
    name, given = names.parse(text)
    if name not in _SETS:
        raise unknown("data set", name, _SETS)
    function, defaults = _SETS[name]
    x, y, classes, source = function(**names.fill("data set", name, given, defaults))
    order = np.random.default_rng(0).permutation(len(x))
    cut = round(len(x) * (1 - TEST_SHARE))
    train, test = order[:cut], order[cut:]
    if name != "digits":
        mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
        x = (x - mean) / np.where(scale > 0, scale, 1.0)
    if not classes:
        y = (y - y[train].mean()) / y[train].std()
    arrays = (np.ascontiguousarray(part, dtype=float) for part in (x[train], y[train], x[test], y[test]))
    return Dataset(*arrays, classes, source)


def load_for(problem: str, text: str, classes: bool | int) -> Dataset:
    """``load``, with the right kind of targets: no classes (False), classes (True), or exactly that many."""
    data = load(text)
    if bool(classes) != bool(data.classes) or (classes is not True and classes and classes != data.classes):
        wanted = {False: "real targets", True: "classes"}.get(classes, f"{classes} classes")
        has = f"{data.classes} classes" if data.classes else "real targets"
        raise OptbenchError(f"problem {problem}: data {text!r} has {has}, not {wanted}")
    return data


def _diabetes():
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return x, y, 0, "Efron et al. 2004: 442 patients, 10 features, progression after a year (scikit-learn)"


def _breast_cancer():
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return x, y, 2, "Wolberg et al. 1995: 569 tumours, 30 features, malignant or benign (scikit-learn)"


def _digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x / 16.0, y, 10, "Alpaydin & Kaynak 1998: 1,797 images of 8 x 8, digits 0 to 9 (scikit-learn)"


def _gaussian(examples, features, classes, seed):
    if min(examples, features) < 1 or classes < 0 or classes == 1:
        raise OptbenchError("data set gaussian: examples and features must be positive, classes 0 or at least 2")
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((examples, features))
    scores = x @ rng.standard_normal((features, max(classes, 1))) / np.sqrt(features)
    scores += 0.5 * rng.standard_normal(scores.shape)
    y = scores.argmax(axis=1) if classes else scores[:, 0]
    return x, y, classes, f"generated: {examples} normal examples, linear teacher with noise"


_SETS = {
    "diabetes": (_diabetes, {}),
    "breast_cancer": (_breast_cancer, {}),
    "digits": (_digits, {}),
    "gaussian": (_gaussian, {"examples": 1000, "features": 20, "classes": 2, "seed": 0}),
}
