"""The results of a sweep, and the one loader of a results folder."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from optbench.contract import arguments
from optbench.contract.columns import TABLES
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.paths import path_of
from optbench.sweeps.store.final_tables import FinalTables, Points
from optbench.sweeps.verdicts import Verdicts

if TYPE_CHECKING:
    from optbench.figures import Plot

_DRAWN = ("run_id", "step", "epoch", "samples", "train_loss", "w_1", "w_2")  # what figures draw


class Results(Verdicts):
    """A sweep's tables; a column that a run has no use for is NaN there.

    Args:
        runs: a row a run: its configuration, how it ended, first, best and final loss.
        curves: a row an evaluation of a run; None: read from ``directory`` when it is first asked for.
        timings: a row a cohort: seconds, nanoseconds a run-step, time in evaluations, the device.
        problems: a row a problem, with its minimum.
        landscapes: a row a grid point of a two-parameter problem; no rows if there is none.
        provenance: the command, the versions and the machine that made them.
        directory: the folder; None for tables that are in memory only.
        source: what reads its tables; ``missing`` says what an unfinished sweep lacks, and is "" of a finished one.
        paths: a row a step of the recommended runs of up to 20,000 steps on problems of two parameters; no rows
            if there are none.
        snippets: a row a recommended setting and library: the setting as code of it; no rows if there are none.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 10}
        >>> sweep(small, seeds=3)
        Results(3 runs, directory=None)
    """

    def __init__(
        self,
        runs: pd.DataFrame,
        curves: pd.DataFrame | None,
        timings: pd.DataFrame,
        problems: pd.DataFrame | None = None,
        landscapes: pd.DataFrame | None = None,
        provenance: Mapping[str, Any] | None = None,
        directory: Path | None = None,
        source: FinalTables | None = None,
        paths: pd.DataFrame | None = None,
        snippets: pd.DataFrame | None = None,
    ):
        self.runs, self.timings, self.directory = runs, timings, directory
        self.problems = _empty("problems") if problems is None else problems
        self.landscapes = _empty("landscapes") if landscapes is None else landscapes
        self.paths = _empty("paths") if paths is None else paths
        self.snippets = _empty("snippets") if snippets is None else snippets
        self.provenance = dict(provenance or {})
        self.missing = source.missing if source else ""
        self._curves, self._source = curves, source

    def __repr__(self) -> str:
        return f"Results({len(self.runs):,} runs, directory={str(self.directory) if self.directory else None!r})"

    @property
    def curves(self) -> pd.DataFrame:
        """The table with a row for each evaluation of a run; read from the folder when it is first used."""
        if self._curves is None:
            assert self._source is not None
            self._curves = self._source.read("curves")
        return self._curves

    @property
    def points(self) -> Callable[[pd.Series], Iterable[Points]] | None:
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
        wanted, columns = _texts("run_ids", run_ids), [*_DRAWN, *_texts("more", more)]
        if self._curves is not None or self._source is None or not wanted:  # pyarrow takes no empty list
            rows = self.curves[self.curves["run_id"].isin(wanted)]
            return rows[[name for name in columns if name in rows.columns]]
        return self._source.read("curves", columns, filters=[("run_id", "in", wanted)])

    @property
    def plot(self) -> "Plot":
        """The figures of these results, which ``dir(results.plot)`` lists.

        ``results.plot.curves(problem="mlp")`` is ``optbench.figures.curves(results, problem="mlp")``.

        Returns:
            An object with a method a figure, which returns the axes that it drew on.
        """
        from optbench.figures import Plot

        return Plot(self)

    @property
    def foot(self) -> str:
        """The command and version that every figure carries."""
        version = self.provenance.get("optbench", "unknown version")
        return f"optbench {version}  ·  {self.provenance.get('command', 'command not recorded')}"

    def problem(self, name: str) -> dict[str, Any]:
        """Return the row of ``problems`` for one problem.

        Args:
            name: as it stands in the tables.

        Returns:
            The row as a dictionary; empty if there is none.
        """
        rows = self.problems[self.problems["problem"] == name]
        return rows.iloc[0].to_dict() if len(rows) else {}

    def in_memory(self) -> "Results":
        """Return these results with all tables in memory, so that the folder may be deleted.

        Returns:
            The same results without a folder.
        """
        tables = (self.runs, self.curves, self.timings, self.problems, self.landscapes)
        held = Results(*tables, self.provenance, paths=self.paths, snippets=self.snippets)
        held.missing = self.missing
        return held


def load(path: str | Path) -> Results:
    """Load the results of a sweep, or of as much of it as is finished: ``missing`` then says what is not.

    Args:
        path: the folder that ``sweep --out`` wrote.

    Returns:
        The tables; ``curves``, the large one, is read when it is first asked for.

    Raises:
        OptbenchError: there is no such folder, nothing in it is finished, or a file of it is damaged.

    Example:
        >>> import tempfile
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 10}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     results = sweep(small, seeds=3, out=folder)
        ...     load(folder).runs["optimizer"].tolist()
        ['gd', 'gd', 'gd']
    """
    folder = FinalTables(path_of("path", path))
    provenance, runs, timings = folder.provenance(), folder.read("runs"), folder.read("timings")
    if runs.empty:
        raise OptbenchError(f"{str(folder.path / 'runs.parquet')!r} holds no runs: run the sweep again")
    if "diverged_at" in runs:
        runs["diverged_at"] = runs["diverged_at"].astype("Int64")
    names = ("problems", "landscapes", "paths", "snippets")
    problems, landscapes, paths, snippets = (folder.read_optional(name) for name in names)
    return Results(runs, None, timings, problems, landscapes, provenance, folder.path, folder, paths, snippets)


def _empty(table: str) -> pd.DataFrame:
    """Return that table without rows, as a folder that lacks it has it."""
    names = ["problem"] if table == "problems" else [column.name for column in TABLES[table]]
    return pd.DataFrame(columns=names)


def _texts(key: str, given: Any) -> list[str]:
    """Return texts, such as the ids of runs, as a list. Raises OptbenchError, naming ``key``, for anything else."""
    found = arguments.items(key, given, 10**8)
    if strange := [name for name in found if not isinstance(name, str) or not name.isprintable()]:
        raise OptbenchError(f"{key}: {shown(strange[0])} must be a text")
    return found
