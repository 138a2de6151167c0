"""Real sets that scikit-learn bundles, read from its files: to import it takes twenty times as long.

Where the files do not lie as these functions know them, its own functions are asked, which give the same numbers.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from optbench.datasets.record import Entry, Raw


def _diabetes():
    """Patients: ten measurements, and the progression of diabetes a year later."""
    x, y = _table("diabetes_data_raw.csv.gz"), _table("diabetes_target.csv.gz")
    if x is None or y is None:
        x, y = _loaded("diabetes")
    else:
        x = (x - x.mean(axis=0)) / x.std(axis=0) / len(x) ** 0.5
    source = "Efron et al. 2004: 442 patients, 10 features, progression after a year (scikit-learn)"
    return Raw(x, y, 0, source, target="target: progression after a year")


def _breast_cancer():
    """Tumours: thirty measurements of cell nuclei, and malignant (0) or benign (1)."""
    x, y = _classes("breast_cancer", "breast_cancer.csv", skiprows=1)
    source = "Wolberg et al. 1995: 569 tumours, 30 features, malignant or benign (scikit-learn)"
    return Raw(x, y, 2, source, target="target: malignant or benign")


def _digits():
    """Images of handwritten digits, 8 x 8 pixels between 0 and 1."""
    x, y = _classes("digits", "digits.csv.gz")
    source = "Alpaydin & Kaynak 1998: 1,797 images of 8 x 8, digits 0 to 9 (scikit-learn)"
    return Raw(x / 16.0, y, 10, source, scaled=True, target="target: the digit")


def _classes(name: str, file: str, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes of a set whose file has these as its last column."""
    table = _table(file, delimiter=",", **options)
    return _loaded(name) if table is None else (table[:, :-1], table[:, -1].astype(int))


def _table(file: str, **options: Any) -> np.ndarray | None:
    """The numbers of one of scikit-learn's files; None where it is not there, or something else is."""
    try:
        spec = find_spec("sklearn")
        if spec is None or spec.origin is None:
            return None
        return np.loadtxt(Path(spec.origin).parent / "datasets" / "data" / file, **options)
    except (OSError, ValueError):
        return None


def _loaded(name: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(return_X_y=True)


SETS = {
    "diabetes": Entry(_diabetes, {}, 442, 10, "real", "Efron et al. 2004: progression after a year"),
    "breast_cancer": Entry(_breast_cancer, {}, 569, 30, "2 classes", "Wolberg et al. 1995: malignant or benign"),
    "digits": Entry(_digits, {}, 1797, 64, "10 classes", "Alpaydin & Kaynak 1998: 8 x 8 images of digits"),
}
