"""Data sets by name, as arrays with a fixed split: bundled, generated, from extras, and files of the user's.

Knows nothing of problems that learn from them; imports the contract only.
"""

import dataclasses
import hashlib
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from optbench.contract import names
from optbench.contract.arguments import one_of
from optbench.contract.errors import OptbenchError
from optbench.contract.limits import enforce
from optbench.datasets import bundled, copies, files, generated
from optbench.datasets.record import LIMITS, Dataset, Entry, Raw, Rows, is_stored, prepare_data_set, redraw_labels

__all__ = [
    "ENTRIES", "NAMES", "Dataset", "Entry", "Rows", "in_fold", "kind_fits", "load", "load_for",
    "wanted_targets",
]  # fmt: skip

_LABEL_NOISE = {"label_noise": 0.0}
ENTRIES: Mapping[str, Entry] = {
    name: entry if entry.target == "real" else entry._replace(parameters={**entry.parameters, **_LABEL_NOISE})
    for name, entry in (bundled.SETS | generated.SETS | files.SETS).items()
}
"""The sets by name; those of classes have ``label_noise``, the share of training labels that are redrawn."""
NAMES = tuple(ENTRIES)
_ASKED_ONLY: ContextVar[bool] = ContextVar("asked_only", default=False)
_FOLD: ContextVar[tuple[int, int]] = ContextVar("fold", default=(0, 1))


@contextmanager
def in_fold(fold: int, folds: int) -> Iterator[None]:
    """Load data sets with the test rows of a fold, from 0, of so many; with folds=1 they are split as always."""
    token = _FOLD.set((fold, folds))
    try:
        yield
    finally:
        _FOLD.reset(token)


def load(text: str, classes: bool | int | None = None) -> Dataset:
    """Load the data set that ``text`` names.

    ``classes``: the targets of a user's file are classes (True, or how many), real numbers (False), or what
    they look like (None). Raises OptbenchError for a name, parameter or file that does not exist or cannot be used.
    """
    try:
        name, given = ("file", {"path": text}) if files.is_path(text) else names.parse(text)
    except OptbenchError as error:
        raise OptbenchError(f"data set: {error}") from None
    one_of("data set", name, ENTRIES)
    given = names.fill_defaults(
        "data set", name, files.as_texts(given) if name == "file" else given, ENTRIES[name].parameters
    )
    enforce(f"data set {name}", given, LIMITS)
    used = _source_files(name, given)
    digest = _files_digest(used)
    if used:
        copies.record_files(digest, given["path"], used)
    return _load_cached(name, tuple(given.items()), classes, digest, _FOLD.get())


def load_for(problem: str, text: str, classes: bool | int | None) -> Dataset:
    """Return the data set that ``text`` names, for a problem.

    ``problem``: its name in messages; ``classes``: the targets that it needs: real (False), classes (True), so many
    classes, or any (None). Raises OptbenchError for targets of another kind, and as ``load`` does.
    """
    if _ASKED_ONLY.get():
        raise _Asked(classes)
    data = load(text, classes)
    if not kind_fits(classes, data.classes):
        wanted = "real targets" if classes is False else "classes" if classes is True else f"{classes} classes"
        has = f"{data.classes} classes" if data.classes else "real targets"
        hint = f"; {data.hint}" * bool(data.hint)
        named = "data" if is_stored(data.name) else f"data {text!r}"
        raise OptbenchError(f"problem {problem}: {named} has {has}, not {wanted}{hint}")
    return data


def kind_fits(wanted: bool | int | None, classes: int) -> bool:
    """Return True if targets are of the wanted kind.

    ``wanted``: as ``classes`` of ``load_for``; ``classes``: the number that there are, 0 for real targets.
    """
    if wanted is None or not wanted or not classes:
        return wanted is None or bool(wanted) == bool(classes)
    return wanted is True or wanted == classes


def wanted_targets(factory: Callable, parameters: Mapping[str, Any]) -> tuple[bool | int | None] | None:
    """Return the kind of targets that a problem's factory needs, as ``(classes,)`` of ``load_for``; None without data.

    ``parameters``: those to call the factory with. No data are loaded.
    """
    token = _ASKED_ONLY.set(True)
    try:
        factory(**parameters)
    except _Asked as asked:
        return (asked.classes,)
    except Exception:  # of a plug-in; reported where it is used
        return None
    finally:
        _ASKED_ONLY.reset(token)
    return None


class _Asked(BaseException):
    """Raised by ``load_for`` with the kind of targets that a factory wants; none takes it for an error of its data."""

    def __init__(self, classes: bool | int | None):
        """Keep the kind of targets that is wanted."""
        self.classes = classes


@lru_cache(maxsize=16)
def _load_cached(name: str, given: Any, classes: Any, digest: str, fold: Any) -> Dataset:
    """Return the data set of that name, cached.

    ``given``: its parameters, as hashable (key, value) pairs; ``classes``: the wanted kind of targets; ``digest``: of
    its files; ``fold``: as of `in_fold`.
    """
    own = tuple((key, value) for key, value in given if key not in _LABEL_NOISE)
    made = (_make_cached if name == "file" else _make_cached.__wrapped__)(name, own, digest)
    label = _data_set_name(name, dict(given))
    if fold[1] > 1 and getattr(made, "test", made) is not None:  # a Dataset, or Raw with test rows
        raise OptbenchError(f"folds: the test rows of {label} are fixed")
    data = prepare_data_set(made, classes, fold) if isinstance(made, Raw) else made
    data = redraw_labels(data, label, dict(given).get("label_noise", 0.0))
    return dataclasses.replace(data, digest=digest, name=label, kind=name, parameters=dict(given))


@lru_cache(maxsize=2)  # a file is read once for all problems, whatever targets they want
def _make_cached(name: str, given: Any, digest: str) -> Raw | Dataset:
    """Return the examples of the data set of that name, cached; see `_load_cached`."""
    with _restored_environment():
        return ENTRIES[name].make(**dict(given))


@contextmanager
def _restored_environment() -> Iterator[None]:
    """Undo what the first import of scikit-learn changes: it draws from ``random``, and sets KMP_*."""
    state, before = random.getstate(), set(os.environ)
    try:
        yield
    finally:
        random.setstate(state)
        for key in set(os.environ) - before:
            if key.startswith("KMP_"):
                del os.environ[key]


def _source_files(name: str, given: dict) -> list[Path]:
    """Return the files that a set is read from, none for others; raise OptbenchError if one is missing."""
    if name == "file":
        return [files.find_file(given["path"])]
    return bundled.find_fashion_files(given["path"]) if name == "fashion_mnist" else []


def _data_set_name(name: str, given: dict) -> str:
    """Return the path of a user's file; for other sets the name with parameters that differ from their defaults."""
    other = {key: value for key, value in given.items() if value != ENTRIES[name].parameters[key]}
    return given["path"] if name == "file" else names.canonical(name, other)


def _files_digest(paths: list[Path]) -> str:
    """Return the sha256 of the files' contents; "" without files."""
    if not paths:
        return ""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
