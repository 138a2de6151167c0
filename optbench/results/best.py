"""The recommended setting of a problem: as values, as code of another library, and as a model that it trains."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis import hyperparameter_columns
from optbench.analysis.run_columns import count_folds
from optbench.catalogue import loader
from optbench.catalogue.library_optimizers import find_unasked
from optbench.contract.arguments import one_of
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.names import number_text, parse, split_levels, without_path
from optbench.contract.paths import is_file, path_of
from optbench.datasets.copies import use_copies
from optbench.datasets.files import is_path
from optbench.results.models import Model
from optbench.single.one_cohort import run_single
from optbench.translation.libraries import TITLES
from optbench.wording.wider_search import describe_limits

LIBRARIES = {"pytorch": "PyTorch", **TITLES}
"""What the libraries are called in a call, and in a table of code."""


@dataclass(frozen=True, eq=False)
class Best:
    """The recommended setting of a problem, and what can be done with it.

    Example:
        >>> setting = {"problems": ["logistic"], "optimizers": ["adam_torch"], "learning_rates": [0.01], "epochs": 5}
        >>> best = sweep(setting, seeds=3).best()
        >>> best.lr, minimize(best.problem, **best.params).status
        (0.01, 'ok')
    """

    problem: str
    """The problem's name."""
    optimizer: str
    """The optimizer's."""
    lr: float | None
    """The learning rate; None of SciPy's baselines, which have none."""
    batch_size: int | str
    """Examples in a batch, or "full"."""
    schedule: str
    """The schedule's name, with its parameters."""
    hyperparameters: Mapping[str, float]
    """The optimizer's, by name."""
    budget: Mapping[str, int]
    """The runs' length: epochs, or steps where they are no whole number."""
    dtype: str = "float64"
    """The precision."""
    folds: int = 0
    """How often the sweep repeated the split of the data; ``fit`` and ``code`` use one split. 0 without folds."""
    digest: str = field(default="", repr=False)
    """sha256 of the user's file, if the problem learns from one."""
    snippets: pd.DataFrame | None = field(default=None, repr=False)
    """Rows of the table ``snippets`` for this setting."""
    limits: str = field(default="", repr=False)
    """Which of its values lie at an end of the search, and what to try beyond, in words; "" where none does."""
    places: Mapping[str, Path] = field(default_factory=dict, repr=False)
    """Where the user's file lies, by its path in the problem's name; nothing where that path leads to it."""

    def __repr__(self) -> str:
        """Return problem, optimizer and all values in a line; below it what lies at an end of the search."""
        rest = ((key, value) for key, value in self._setting.items() if key != "optimizer")
        values = [f"{key}={each if isinstance(each, str) else number_text(each)}" for key, each in rest]
        line = f"Best({', '.join([without_path(self.problem), self.optimizer, *values])})"
        return f"{line}\n  {self.limits}" if self.limits else line

    def __getattr__(self, name: str) -> Any:
        """Raise AttributeError, which names the way for those who look for it as in other libraries."""
        way = ": best.params is the setting" * name.startswith("best")
        if name in ("model", "predict", "predict_proba", "save", "score"):  # until 0.19 it had them
            way = ": best.fit() returns a model, which predicts; pickle keeps it in a file"
        raise AttributeError(f"Best has no {name!r}{way}")

    @property
    def params(self) -> dict[str, Any]:
        """The setting as keywords, the optimizer among them: ``minimize(best.problem, **best.params)`` runs it.

        Raises:
            OptbenchError: the optimizer's name runs a file or imports a module, and came with a folder of results.
        """
        self._refuse_unasked("params")
        return self._setting

    @property
    def _setting(self) -> dict[str, Any]:
        """The setting as keywords."""
        rate = {} if self.lr is None else {"lr": self.lr, "batch_size": self.batch_size, "schedule": self.schedule}
        return {"optimizer": self.optimizer, **rate, **self.budget, **self.hyperparameters}

    def code(self, library: str = "pytorch") -> str:
        """Return the setting as code of another library, as on the page.

        Args:
            library: "pytorch", "optax" or "keras".

        Returns:
            For PyTorch a script that trains; for the others the lines that make the optimizer with its schedule.

        Raises:
            OptbenchError: the library is unknown, or the sweep has no code for it.
        """
        word = library.lower() if isinstance(library, str) else library
        title = LIBRARIES[one_of("library", word, LIBRARIES)]
        held = pd.DataFrame() if self.snippets is None else self.snippets
        found = held.loc[held["library"] == title, "code"] if len(held) else held
        if not len(found):
            raise OptbenchError(f"code: the sweep has none of {self.optimizer} for {title}")
        text, name, known = str(found.iloc[0]), parse(self.optimizer)[0], loader.load()
        shipped = name in {**known.optimizers, **known.wrappers, **known.baselines} or ":" in name
        own = f"# {name} is a rule of your own, which must come along: define it here, and give it to optbench.stepper"
        return text if shipped else f"{own}\n# in place of its name, or name its file, plugin=.\n{text}"

    def fit(self, seed: int = 0, plugin: str | Path | Iterable[str | Path] = ()) -> Model:
        """Train on the problem's training rows with this setting: the same numbers every time.

        These are the training rows of one split, also where the sweep repeated the split in folds.

        Args:
            seed: of the first weights and the mini-batches; with a seed of the sweep it is that run again.
            plugin: a file, or several, with records of your own that the setting names.

        Returns:
            The model.

        Raises:
            OptbenchError: the problem learns from no data or is no network, a file has changed, or the run diverges.
        """
        files = [plugin] if isinstance(plugin, str | Path) else list(plugin)
        self._refuse_unasked("fit", files)
        catalogue = loader.load_all(files)
        try:
            with use_copies(self.places):
                problem = catalogue.problem(self.problem)
        except OptbenchError as error:
            run = "optbench.minimize(PROBLEM, **best.params) runs it"
            raise OptbenchError(f"fit: {error}; of one that was given as an object no code is kept: {run}") from None
        prepared = getattr(problem.data_set, "preparation", None)
        if problem.architecture is None or prepared is None:
            run = "optbench.minimize(best.problem, **best.params) runs it"
            raise OptbenchError(f"fit: {self.problem} has no predictions to make of rows of a table; {run}")
        if self.digest and problem.digest != self.digest:
            raise OptbenchError(f"fit: the data of {self.problem} have changed since the sweep: run it again")
        result = run_single(
            "fit", problem, self.optimizer, [{"lr": self.lr or 1.0, "schedule": self.schedule, **self.hyperparameters}],
            steps=self.budget.get("steps"), epochs=self.budget.get("epochs"),
            batch_size="full" if self.lr is None else self.batch_size, seed=seed, dtype=self.dtype, points=None,
            start=None, run_timeout=None, device="cpu", catalogue=catalogue,
        ).result()  # fmt: skip
        if result.status != "ok":
            raise OptbenchError(f"fit: the run with seed {shown(seed)} ended as {result.status!r}; try another seed")
        given = {**self._setting, "seed": seed}
        return Model(problem.name, problem.architecture, prepared, result.w.astype(float), given)

    def _refuse_unasked(self, owner: str, plugins: Iterable[str | Path] = ()) -> None:
        """Raise OptbenchError where the name of the optimizer, which a folder may have brought, runs other code.

        owner: begins the message; plugins: the files that the caller names.
        """
        files, modules = find_unasked(self.optimizer)
        named = [loader.plugin_path(file) for file in plugins]
        if strange := [file for file in files if not (named and loader.plugin_path(file) in named)]:
            raise OptbenchError(f"{owner}: {self.optimizer} runs that file: say so, fit(plugin={strange[0]!r})")
        if modules:
            raise OptbenchError(f"{owner}: {self.optimizer} imports {modules[0]}: say so, import {modules[0]} before")


def choose_problem(given: str | None, names: Mapping[str, str]) -> str:
    """Return the problem that a user means: its name, or that of its kind if there is one of it; None: the only one.

    names: those of the sweep's problems, each with its label. Raises OptbenchError if there is none, or
    several.
    """
    found = list(names)
    if given is not None:
        found = [name for name in names if given == names[name]] or [name for name in names if given == name]
        found = found or [name for name in names if name.startswith(f"{given}(")]
    if len(found) == 1:
        return found[0]
    if not found:
        raise unknown("problem", str(given), _shorten(names).values())
    raise OptbenchError(f"best: name one of the problems: {', '.join(map(shown, _shorten(names).values()))}")


def _shorten(names: Mapping[str, str]) -> dict[str, str]:
    """Return by name what a user types for a problem: its label, or its kind if there is one of it."""
    kinds = [name.partition("(")[0] for name in names]
    short = {name: kind if kinds.count(kind) == 1 else name for name, kind in zip(names, kinds, strict=True)}
    return {name: label if label != name else short[name] for name, label in names.items()}


def find_data(problem: str, recorded: Mapping[str, str], folder: str | Path | None) -> dict[str, Path]:
    """Return where the file that a problem learns from lies if its path is relative, by that path.

    It is where the sweep found it, or below the working directory, or, if both have moved, below a folder above the
    results.

    problem: its name; recorded: where the files of the sweep were, by their path; folder: of the results, if any.
    """
    data = split_levels(problem)[-1][1].get("data")
    if not isinstance(data, str):
        return {}
    path = data if is_path(data) else str(parse(data)[1].get("path", ""))
    if not path or path_of("data", path).is_absolute():
        return {}
    above = [] if folder is None else Path(folder).resolve().parents
    places = [*([Path(recorded[path])] if path in recorded else []), *(each / path for each in (Path(), *above))]
    found = next(filter(is_file, places), None)
    return {} if found is None else {path: found}


def make_best(
    row: Mapping[str, Any],
    runs: pd.DataFrame,
    digest: str,
    snippets: pd.DataFrame,
    edges: pd.DataFrame,
    places: Mapping[str, Path],
) -> Best:
    """Return a recommended setting.

    row: of `best_configurations`; runs, snippets: the tables of the sweep; digest: of the problem's file, or "";
    edges: of the search, at which settings lie; places: as of `find_data`.
    """
    same = (runs["problem"] == row["problem"]) & (runs["optimizer"] == row["optimizer"])
    same &= runs["batch_size"] == row["batch_size"]
    epochs, steps = float(runs.loc[same, "epochs"].max()), int(runs.loc[same, "steps"].max())
    is_step = bool(row["full_batch"]) and int(row["batch_size"]) == 1  # of a function an epoch is a step
    budget = {"epochs": int(epochs)} if epochs.is_integer() and epochs >= 1 and not is_step else {"steps": steps}
    values = {name: float(row[name]) for name in hyperparameter_columns(runs) if pd.notna(row.get(name))}
    problem, optimizer = str(row["problem"]), str(row["optimizer"])
    is_baseline = optimizer.partition("(")[0] in loader.load().baselines
    rate = None if is_baseline else float(row["lr"])
    keys = ["problem", "optimizer", "schedule", "batch_size"]
    codes = snippets[(snippets[keys] == [row[key] for key in keys]).all(axis=1)] if len(snippets) else snippets
    size: int | str = "full" if row["full_batch"] else int(row["batch_size"])
    schedule, dtype = str(row["schedule"]), str(row["dtype"])
    folds = count_folds(runs)
    pairs = zip(edges["parameter"], edges["value"], strict=True)
    its_own = np.array([row.get(name) == value for name, value in pairs], bool)
    limits = describe_limits(edges[its_own], problem, optimizer)
    return Best(
        problem, loader.base_name(optimizer), rate, size, schedule, values, budget, dtype, folds, digest, codes, limits,
        places,
    )  # fmt: skip
