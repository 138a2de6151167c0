"""The evaluated points of many runs as arrays, in the order of runs and steps: all at once, or some runs at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from optbench.contract.errors import OptbenchError


class Tables(Protocol):
    """The tables of a sweep."""

    @property
    def runs(self) -> pd.DataFrame:
        """One row for each run."""

    @property
    def curves(self) -> pd.DataFrame:
        """One row for each evaluation of a run."""

    @property
    def timings(self) -> pd.DataFrame:
        """One row for each cohort."""

    @property
    def problems(self) -> pd.DataFrame:
        """One row for each problem, with its minimum."""


@dataclass(frozen=True)
class Part:
    """Some of a sweep's runs, with all its other tables."""

    runs: pd.DataFrame
    whole: Tables

    @property
    def curves(self) -> pd.DataFrame:
        return self.whole.curves

    @property
    def timings(self) -> pd.DataFrame:
        return self.whole.timings

    @property
    def problems(self) -> pd.DataFrame:
        return self.whole.problems

    @property
    def points(self) -> Callable[[pd.Series], Iterable[Sequence[np.ndarray]]] | None:
        return getattr(self.whole, "points", None)


@dataclass(frozen=True)
class Trajectories:
    """The evaluated points of all runs, one run after the other, each in the order of its steps."""

    run: np.ndarray
    """(points,) int: the run's row."""
    start: np.ndarray
    """(runs,) int: where the points of each begin; they end at `end`, which is `start` for a run without any."""
    end: np.ndarray
    step: np.ndarray
    """(points,) float, like samples and loss."""
    samples: np.ndarray
    loss: np.ndarray


def trajectories(runs: pd.DataFrame, curves: pd.DataFrame) -> Trajectories:
    """Return the rows of `curves` that belong to `runs`; the order of rows in either table does not matter."""
    run = _rows(_ids(runs), curves["run_id"])
    step = curves["step"].to_numpy(dtype=np.float64)
    samples, loss = (curves[name].to_numpy(dtype=np.float64) for name in ("samples", "train_loss"))
    if (run < 0).any():
        kept = run >= 0
        run, step, samples, loss = run[kept], step[kept], samples[kept], loss[kept]
    return _arranged(len(runs), run, step, samples, loss)


def pieces(results: Tables) -> Iterator[tuple[np.ndarray, Trajectories]]:
    """Yield the points of all runs in portions: places in `results.runs`, and the points of the runs in these.

    A run without points may be left out; of a run that comes twice, the last portion counts. Results with a method
    `points` (run ids -> portions of places and arrays) are read run by run, others as a whole.
    """
    runs, read = results.runs, getattr(results, "points", None)
    if read is None:
        yield np.arange(len(runs)), trajectories(runs, results.curves)
        return
    _ids(runs)
    for places, *points in read(runs["run_id"]):
        yield places, _arranged(len(places), *points)


def _ids(runs: pd.DataFrame) -> pd.Index:
    ids = pd.Index(runs["run_id"])
    if not ids.is_unique:
        raise OptbenchError("a run stands twice in the table of runs")
    return ids


def _arranged(count: int, run: np.ndarray, step: np.ndarray, samples: np.ndarray, loss: np.ndarray) -> Trajectories:
    """Return the points sorted by run and step."""
    ahead = (np.diff(run) > 0) | ((np.diff(run) == 0) & (np.diff(step) > 0))
    if not ahead.all():
        order = np.lexsort((step, run))
        run, step, samples, loss = run[order], step[order], samples[order], loss[order]
    end = np.cumsum(np.bincount(run, minlength=count))
    start = np.concatenate([[0], end[:-1]]).astype(np.intp)
    return Trajectories(run, start, end, step, samples, loss)


def _rows(ids: pd.Index, names: pd.Series) -> np.ndarray:
    """Return the place of each name in `ids`, -1 for unknown ones. Equal names in a row take one look-up."""
    if not len(names):
        return np.empty(0, dtype=np.intp)
    new = np.concatenate([[True], (names.iloc[1:].array != names.iloc[:-1].array)]).astype(bool)
    rows = ids.get_indexer(pd.Index(names[new]))
    return rows[np.cumsum(new) - 1]
