"""The tables of a sweep, and what was asked of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from optbench.analysis.measures import LOG_TAIL, LOSS, TIME
from optbench.contract import arguments
from optbench.contract.columns import TABLES
from optbench.contract.errors import OptbenchError, shown

CHOOSE_BY = (TIME, LOSS)
"""The measures that a sweep chooses by unless it is told otherwise."""
_DRAWN = ("run_id", "step", "epoch", "samples", "train_loss", "w_1", "w_2")  # what figures draw


class Tables:
    """A sweep's tables; `optbench.Results` says what they are, and loads them."""

    def __init__(
        self,
        runs: pd.DataFrame,
        curves: pd.DataFrame | None = None,
        timings: pd.DataFrame | None = None,
        problems: pd.DataFrame | None = None,
        landscapes: pd.DataFrame | None = None,
        provenance: Mapping[str, Any] | None = None,
        path: Path | None = None,
        source: Any = None,
        paths: pd.DataFrame | None = None,
        snippets: pd.DataFrame | None = None,
    ):
        """Keep the tables; source: what reads those that are not given, and says what is `missing`."""
        self.runs, self.path = runs, path
        given = {"timings": timings, "landscapes": landscapes, "paths": paths, "snippets": snippets}
        tables = {name: _make_empty(name) if table is None else table for name, table in given.items()}
        self.timings, self.landscapes, self.paths, self.snippets = tables.values()
        self.problems = pd.DataFrame(columns=["problem"]) if problems is None else problems
        self.provenance = dict(provenance or {})
        self.missing = source.missing if source else ""
        self._curves, self._source = curves, source
        self._asked: tuple[pd.DataFrame | None, dict[Any, Any]] = None, {}  # of `runs`, the answers by their question

    @property
    def curves(self) -> pd.DataFrame:
        """The table with a row for each evaluation of a run; read from the folder when it is first used."""
        if self._curves is None:
            self._curves = self._source.read("curves") if self._source else _make_empty("curves")
        return self._curves

    @property
    def points(self) -> Callable[[pd.Series], Iterable[Sequence[np.ndarray]]] | None:
        """The function that reads the points of runs from the folder, some runs at a time.

        Returns:
            A function of run ids; None if the curves are in memory.
        """
        return None if self._curves is not None or self._source is None else self._source.points

    def curves_of(self, run_ids: Iterable[str], more: Iterable[str] = ()) -> pd.DataFrame:
        """Return the rows of ``curves`` of these runs alone.

        Args:
            run_ids: those of the runs.
            more: columns, such as "test_loss", beside those that figures draw.

        Returns:
            The columns that figures draw, and ``more``, as far as there are such.
        """
        wanted, columns = _check_texts("run_ids", run_ids), [*dict.fromkeys([*_DRAWN, *_check_texts("more", more)])]
        if self._curves is not None or self._source is None or not wanted:  # pyarrow takes no empty list
            rows = self.curves[self.curves["run_id"].isin(wanted)]
            return rows[[name for name in columns if name in rows.columns]]
        return self._source.read("curves", columns, filters=[("run_id", "in", wanted)])

    def with_runs(self, runs: pd.DataFrame) -> Self:
        """Return these results with some of their runs alone.

        Args:
            runs: rows of ``runs``.

        Returns:
            The same tables, but for ``runs``.
        """
        same = copy.copy(self)
        same.runs, same._asked = runs, (None, {})
        return same

    def problem(self, name: str) -> dict[str, Any]:
        """Return the row of ``problems`` for one problem.

        Args:
            name: as it stands in the tables.

        Returns:
            The row as a dictionary; empty if there is none.
        """
        rows = self.problems[self.problems["problem"] == name]
        return rows.iloc[0].to_dict() if len(rows) else {}

    def _limits_of(self, optimizer: str) -> Mapping[str, str] | None:
        """Return the limits of an optimizer's hyperparameters by name; None where they are not known."""
        return None

    @property
    def labels(self) -> dict[str, str]:
        """The labels of problems and optimizers, by the names that they have in the folder."""
        return dict(self.provenance.get("labels") or {})

    def label_of(self, name: str) -> str:
        """Return what texts and figures call a problem or an optimizer.

        Args:
            name: the name in the tables.

        Returns:
            The label; the name itself where there is none.
        """
        return self.labels.get(name, name)

    @property
    def own(self) -> list[str]:
        """The optimizers that figures and tables show whatever their number: those of your files, or with a label."""
        named = {*(self.provenance.get("own") or ()), *self.labels}
        return [str(name) for name in self.runs["optimizer"].unique() if name in named]

    @property
    def incumbents(self) -> list[str]:
        """The optimizers that ran with one setting as they are, beside those that were tuned."""
        return [str(name) for name in self.provenance.get("incumbents") or ()]

    @property
    def colors(self) -> dict[str, str]:
        """The colors that optimizers were given, by their names."""
        return dict(self.provenance.get("colors") or {})

    @property
    def given(self) -> dict[str, str]:
        """The texts of optimizers that were given values of hyperparameters, by their names in tables."""
        return dict(self.provenance.get("given") or {})

    @property
    def command(self) -> str:
        """The command that made them, with what each extension added as a comment."""
        count = len(self.provenance.get("extended_by") or ())
        added = [each or "unknown" for each in self.provenance.get("added") or ["unknown"] * count]
        comment = f"  # extended by {'; then by '.join(added)}" if count else ""
        return f"{self.provenance.get('command', 'command not recorded')}{comment}"

    @property
    def foot(self) -> str:
        """The command and version that every figure carries."""
        return f"optbench {self.provenance.get('optbench', 'unknown version')}  ·  {self.command}"

    @property
    def tuning_seeds(self) -> list[int]:
        """The seeds on which settings are chosen; reported values come from the other seeds."""
        return [int(seed) for seed in self.provenance.get("tuning_seeds", [])]

    @property
    def choose_by(self) -> tuple[str, ...]:
        """The measures that settings were chosen by."""
        named = self.provenance.get("choose_by") or CHOOSE_BY
        texts = [named] if isinstance(named, str) else list(named)
        return tuple(LOSS if text == LOG_TAIL else str(text) for text in texts)  # the name of before 0.15

    @property
    def judge_by(self) -> str:
        """The measure of the verdicts: "time" (samples to a target), "loss" (at the end), or a metric on test data."""
        return str(self.provenance.get("judge_by") or self.choose_by[0])

    @property
    def look(self) -> int:
        """How often the sweep has been looked at: 1, and 1 more each time that ``--extend`` has finished."""
        return max(1, len(self.provenance.get("looks") or ()))

    @property
    def searched(self) -> dict[str, dict[str, str]]:
        """The search ranges by optimizer and parameter, from which a sweep with trials drew them; empty without."""
        return dict(self.provenance.get("searched") or {})


def _make_empty(table: str) -> pd.DataFrame:
    """Return a table such as "paths" with its columns and no rows."""
    return pd.DataFrame(columns=[column.name for column in TABLES[table]])


def _check_texts(key: str, given: Any) -> list[str]:
    """Return texts, such as the ids of runs, as a list. Raises OptbenchError, naming ``key``, for anything else."""
    found = arguments.list_items(key, given, 10**8)
    if strange := [name for name in found if not isinstance(name, str) or not name.isprintable()]:
        raise OptbenchError(f"{key}: {shown(strange[0])} must be a text")
    return found
