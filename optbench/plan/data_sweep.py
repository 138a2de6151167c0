"""The sweep of a data set: its problems, optimizers, batch sizes and length follow from the target and the size.

A spec's keys ``data`` and ``target`` stand for these; all other keys go on top of them.
"""

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optbench import datasets
from optbench.catalogue import loader
from optbench.contract import names
from optbench.contract.errors import OptbenchError
from optbench.contract.paths import is_file, is_folder, path_of
from optbench.contract.problems import Family
from optbench.datasets import files
from optbench.datasets.array_store import store_data
from optbench.datasets.preparation import Preparation
from optbench.plan.display_names import LONGEST

OPTIMIZERS = ("gd", "momentum", "nesterov", "rmsprop_torch", "adam_torch", "adamw")
"""The optimizers of the sweep: rules that PyTorch has, or their variant that it has."""
_WORDS = {
    "least_squares": "least squares (half the mean squared error)", "logistic": "logistic regression",
    "softmax": "softmax regression", "mlp": "an MLP",
}  # fmt: skip
"""Problems in sentences."""
# Epochs, times rows, columns and classes: two cores take about a minute and a half for all runs
_WORK = 1.5e6
_MOST_EPOCHS = 60
_FEW_ROWS = 2000
_MOST_ROWS = 0.9
"""The share of one class from which accuracy says little."""


def design_sweep(
    data: Any, target: Any, given: Mapping[str, Any], folder: Path, model: Path | None = None
) -> dict[str, Any]:
    """Return the keys of the sweep of a data set, for the keys that are given to go on top of.

    data: a file, the name of a data set, a DataFrame, or (X, y); target: a column's name, None for the last one; given:
    the other keys, of which problems that name no data get these; folder: what the path of a file is relative to;
    model: a file of networks, which are the problems where none are given. Raises OptbenchError for data that cannot be
    used, and for a file without networks.
    """
    text = _name_data(data, target, folder)
    loaded = datasets.load(text)
    rows, columns = loaded.x.shape
    sizes: tuple[int, ...] = (16, 64) if rows < _FEW_ROWS else (32, 256)
    catalogue = loader.load_all([model] if model else [])
    chosen = _find_networks(catalogue, model) if model else _choose_problems(loaded.classes)
    problems, short = _add_data(given.get("problems", chosen), text, catalogue.problems)
    classes = _have_classes(problems, loaded.classes, catalogue.problems)
    of_numbers = "test_loss" if model or "problems" in given else "r2"  # which not all problems have
    design = {
        "problems": problems,
        "labels": short,
        "optimizers": list(OPTIMIZERS),
        "batch_sizes": [size for size in sizes if size < rows] or "full",
        "schedules": ["constant", "cosine"],
        "learning_rates": "1e-3:1:4",
        "choose_by": ["test_accuracy" if classes else of_numbers, "time"],
        "blocks": 8,
        "holdout": 1 if given.get("folds") in (None, 1) else 4,  # folds are judged by what their blocks report
        "widen": 2,
        "finalists": 3,
        "epochs": _choose_epochs(rows, columns, loaded.classes),
    }
    if given.get("trials") is not None:
        del design["learning_rates"]  # each optimizer has its own
    return design


def _choose_epochs(rows: int, columns: int, classes: int) -> float:
    """Return the length of a run, so that a whole sweep takes a minute or two: of a large table less than an epoch."""
    epochs = min(_MOST_EPOCHS, _WORK / (rows * (columns + 10) * (1 + classes / 20)))
    return round(epochs) if epochs >= 1 else float(f"{epochs:.2g}")


def _name_data(data: Any, target: Any, folder: Path) -> str:
    """Return the name of the data set that is meant; see `design_sweep`."""
    if target is not None:
        if not isinstance(target, Hashable):
            raise OptbenchError("target must be the name of a column of data; other values are given as data=(X, y)")
        target = files.as_texts({"target": target})["target"]
    if isinstance(data, str | Path):
        text = str(data)
        known = re.fullmatch(r"\w+(\(.*\))?", text) is not None and not is_file(path_of("data", folder / text))
        if not known or is_folder(folder / text):
            given = {"path": str(folder / path_of("data", text))}
        else:
            name, given = names.parse(text)
            if name != "file":
                if target:
                    raise OptbenchError(f"target: {name} has no columns to choose from: leave it out")
                return text
    else:
        table, y = data if isinstance(data, tuple) and len(data) == 2 else (data, target)
        if y is None and hasattr(table, "columns"):
            y = str(next(reversed(list(table.columns)), ""))
        if y is None or (isinstance(data, tuple) and target is not None):
            raise OptbenchError("data must be a file, a DataFrame with target=, or (X, y)")
        stored = store_data("data", table, y)
        given, target = {"path": stored.path}, stored.target
    if target:
        given["target"] = target
    elif files.is_path(given["path"]) and len(given) == 1:
        return given["path"]
    return names.canonical("file", given)


def _choose_problems(classes: int) -> list[str]:
    """Return the problems for targets of so many classes, 0 for real ones."""
    linear = {0: "least_squares", 2: "logistic"}.get(classes, "softmax")
    return [linear, "mlp"]


def _find_networks(catalogue: loader.Catalogue, model: Path) -> list[str]:
    """Return the names of a file's problems that learn from data. Raises OptbenchError if it has none."""
    path = model.resolve()
    own = [each for each in catalogue.problems.values() if catalogue.files[f"problem {each.name}"] == path]
    if not (found := [each.name for each in own if "data" in each.parameters]):
        raise OptbenchError(
            f"model: {model.name} has no network: a class of torch.nn.Module, or a function that makes one, whose "
            "arguments are inputs and outputs (the numbers of features and classes), or have defaults"
        )
    return found


def _have_classes(problems: Any, classes: int, families: Mapping[str, Family]) -> bool:
    """Return True if a problem takes the targets for classes; classes: their number by the looks of the data."""
    for each in problems if isinstance(problems, list) else ():
        name, given = names.split_levels(each["name"] if isinstance(each, Mapping) else each)[-1]
        wanted = name in families and datasets.wanted_targets(
            families[name].factory, {**families[name].parameters, **given}
        )
        if wanted and (classes if wanted[0] is None else wanted[0]):
            return True
    return False


def _add_data(problems: Any, text: str, families: Mapping[str, Family]) -> tuple[Any, dict[str, str]]:
    """Return (problems with the data set in each, labels: what each was before).

    problems: as of a spec: a text with commas, or a list of names and of tables with a name. Raises OptbenchError for
    one that learns from no data.
    """
    if not isinstance(problems, str | list | tuple):
        return problems, {}  # refused where problems are read
    added: list[Any] = []
    labels: dict[str, str] = {}
    for each in names.split_list(problems) if isinstance(problems, str) else problems:
        entry = each if isinstance(each, Mapping) else {"name": each}
        if not isinstance(entry.get("name"), str):
            return problems, {}  # refused where problems are read
        *around, (name, given) = names.split_levels(entry["name"])
        if name in families and "data" not in families[name].parameters:
            learners = [key for key, family in families.items() if "data" in family.parameters]
            raise OptbenchError(f"problems: {name} learns from no data; with data= these do: {', '.join(learners)}")
        named = names.join_levels([*around, (name, {"data": text, **given})])
        added.append({**entry, "name": named} if isinstance(each, Mapping) else named)
        if len(entry["name"]) <= LONGEST:
            labels[named] = entry["name"]
    return added, labels


def describe_sweep(spec: Any) -> list[str]:
    """Return what a user needs to know of the data of their own that a sweep learns from, a line each.

    spec: the `Spec`. Rows, features, target, changes, split; then the kind of problem, and the length of the runs.
    """
    learners: dict[str, list[str]] = {}
    for entry in spec.problems:
        levels = names.split_levels(entry.name)
        if isinstance(text := levels[-1][1].get("data"), str):
            plain = names.join_levels((name, {}) for name, _ in levels)
            learners.setdefault(text, []).append(_WORDS.get(plain, plain))
    lines = []
    for text, problems in learners.items():
        data = datasets.load(text)
        if data.digest and data.preparation:
            lines += [*data.lines, _describe_kind(data.preparation, data.classes, problems, spec)]
            usual = np.bincount(data.y.astype(int)).max() / len(data.y) if data.classes else 0.0
            if usual >= _MOST_ROWS and spec.judge_by == "test_accuracy":
                measures = "balanced_accuracy, f1 or auc" if data.classes == 2 else "balanced_accuracy or f1"
                lines.append(f"one class has {usual:.0%} of the rows: --judge-by {measures} tells more than accuracy")
    return lines


def _describe_kind(learned: Preparation, classes: int, problems: list[str], spec: Any) -> str:
    """Return the sentence on the kind of problem and the length of the runs; problems: in words."""
    kind = f"has {classes} classes" if classes else "is a number"
    length = f"{spec.steps:,} steps" if spec.epochs is None else f"{spec.epochs:g} epoch{'s' * (spec.epochs != 1)}"
    named = " and ".join(problems) + " (the mean squared error)" * (not classes and problems[-1] == _WORDS["mlp"])
    text = f"{learned.target} {kind}: {named}, {length} each, judged by {spec.judge_by}"
    if classes > 2 and all(each.lstrip("-").isdigit() for each in learned.classes):
        text += "; if it is a number: --problems 'least_squares, mlp(loss=mse)'"
    if spec.epochs is not None and spec.epochs < 1:
        text += "; a large table: --time-limit 10m ends with what is complete by then"
    return text
