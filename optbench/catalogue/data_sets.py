"""The data sets, as plain data for ``list`` and ``show``: what there is, and what is learned from one of them."""

import inspect
import math
import sys
from typing import Any

from optbench import datasets
from optbench.catalogue.loader import Catalogue
from optbench.contract import names
from optbench.contract.errors import OptbenchError
from optbench.datasets import files

WORD = "datasets"
"""The kind in listings."""
_IMAGES = ("convolution",)
"""Problems that learn from square images only, which they say when they have the data."""
_WORDS = {"missing": list(files.MISSING_WORDS)}
"""Values of parameters that are one of a few words."""


def list_data_sets() -> list[dict]:
    """Return one row for each: kind, name, formula (its size and source), defaults, source, family and file as for all
    names; rows and features (None for a file), target, and extra, True where it needs the extra ``datasets``.
    """
    return [_make_row(name, entry) for name, entry in datasets.ENTRIES.items()]


def _make_row(name: str, entry: Any) -> dict:
    """Return the row of one data set in `list_data_sets`; entry: its `Entry`."""
    module = sys.modules[entry.make.__module__]
    size = f"{entry.rows:,} rows, {entry.features:,} features, " if entry.rows else ""
    family = " ".join((module.__doc__ or "").split("\n\n")[0].split()).removesuffix(".").replace("``", "`")
    return {
        "kind": "data_set", "name": name, "formula": f"{size}{entry.target}; {entry.about}",
        "defaults": dict(entry.parameters), "search": {}, "source": entry.about, "family": family,
        "file": str(module.__file__), "rows": entry.rows, "features": entry.features, "target": entry.target,
        "extra": entry.extra,
    }  # fmt: skip


def is_data_set(text: str) -> bool:
    """Return True for the name of a data set, with parameters or without, and for the path of a data file."""
    if files.is_path(text):
        return True
    try:
        return names.parse(text)[0] in datasets.NAMES
    except OptbenchError:
        return False


def find_facts(catalogue: Catalogue, text: str) -> dict:
    """Describe a data set: a record with kind, name, formula, description, parameters, source and files as
    of all names; and rows, validation_rows, test_rows, features, classes (0: real), target, split, scaling, notes,
    sha256 (of the user's file), data_text, data_warning, problems (that take it), and missing: why it cannot be loaded
    here.

    What is not at hand, or is a file that is not named, has None for its numbers. Raises OptbenchError for parameters
    that do not fit and for a file that cannot be used.
    """
    name, given = ("file", {"path": text}) if files.is_path(text) else names.parse(text)
    entry = datasets.ENTRIES[name]
    given = files.as_texts(given) if name == "file" else given
    values = names.fill_defaults("data set", name, given, entry.parameters)
    doc = inspect.cleandoc(entry.make.__doc__ or entry.about).replace("``", "`")
    data, missing = None, ""
    if given or entry.rows:
        try:
            data = datasets.load(text)
        except OptbenchError as error:
            if given:
                raise
            missing = str(error)
    places = [str(files.find_file(values["path"]))] if name == "file" and data else [_make_row(name, entry)["file"]]
    record = {
        "kind": "data_set", "name": text if files.is_path(text) or name == "file" else names.canonical(name, given),
        "formula": doc.split("\n\n")[0], "description": doc,
        "parameters": {
            key: {"value": _as_list(value), "default": _as_list(entry.parameters[key]), "limit": _WORDS.get(key)}
            for key, value in values.items()
        },
        "source": data.source if data else entry.about, "files": places, "missing": missing,
    }  # fmt: skip
    facts: dict[str, Any] = {
        "rows": None, "validation_rows": None, "test_rows": None, "features": None, "classes": None,
        "target": entry.target, "split": "", "scaling": "", "notes": [], "sha256": "",
        "data_text": "", "data_warning": "", "problems": [],
    }  # fmt: skip
    if data:
        facts = {
            "rows": len(data.x), "validation_rows": 0 if data.y_validation is None else len(data.y_validation),
            "test_rows": len(data.x_test), "features": data.x.shape[1], "classes": data.classes,
            "target": data.target, "split": data.split, "scaling": data.scaling, "notes": list(data.notes),
            "sha256": data.digest, "data_text": data.text, "data_warning": data.warning,
            "problems": _find_learners(catalogue, text, data),
        }  # fmt: skip
    return record | facts


def _as_list(value):
    """Return a tuple as a list, and any other value as it is."""
    return list(value) if isinstance(value, tuple) else value


def _find_learners(catalogue: Catalogue, text: str, data: datasets.Dataset) -> list[str]:
    """Return the names of the problems that can learn from a data set.

    text: its name, for the problems' parameter ``data``; data: the loaded set.
    """
    fitting = []
    for name, family in catalogue.problems.items():
        if "data" not in family.parameters:
            continue
        kind = datasets.wanted_targets(family.factory, {**family.parameters, "data": text})
        square = math.isqrt(data.x.shape[1]) ** 2 == data.x.shape[1]
        if kind and datasets.kind_fits(*kind, data.classes) and (square or name not in _IMAGES):
            fitting.append(name)
    return fitting
