"""The columns that cohorts have in common which differ in their seed alone: made once, and kept for the next of them.

To make them takes as long as a small cohort's steps.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from optbench.engine.cohort import Cohort
from optbench.engine.outcome import Outcome

_KEPT = 64
"""So many parts of cohorts have theirs kept."""
# Rows of a curve: 256 lanes, the most of a call, of 64 points; all that are kept then take 35 MB at most. To make
# them takes 0.25 of 0.55 ms that the tables of 100 runs take (measured)
_MOST = 1 << 14
"""Rows of ``curves``: beyond, the columns are not kept."""


@dataclass(frozen=True, eq=False)
class Alike:
    """Columns of some lanes of a cohort, whatever its seed."""

    of: tuple[object, ...]
    """What they were made from: as long as it is held, nothing else has its identity."""
    settings: dict[str, pa.Array]
    """Of ``runs``: what was asked for, but for the hyperparameters."""
    hyperparameters: dict[str, pa.Array]
    ended: dict[str, pa.Array]
    """How far the runs came, where all of them came to the end."""
    places: dict[str, pa.Array]
    """Of ``curves``, run by run, where all of them came to the end: the number of the run, step, epoch and samples."""


_kept: OrderedDict[tuple, Alike] = OrderedDict()
_lock = threading.Lock()


def alike(cohort: Cohort, part: Outcome, first: int) -> Alike:
    """Those of the lanes of a part, which are the cohort's from the place ``first`` on."""
    of, count = (cohort.problem, cohort.optimizer, cohort.lanes), len(part.diverged_at)
    of_cohort = cohort.batch_size, cohort.dtype, cohort.steps
    key = (*map(id, of), *of_cohort, first, count, part.steps, part.points.tobytes())
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _made(cohort, part, first, of)
    if count * len(part.points) <= _MOST:
        with _lock:
            _kept[key] = made
            if len(_kept) > _KEPT:
                _kept.popitem(last=False)
    return made


def _made(cohort: Cohort, part: Outcome, first: int, of: tuple[object, ...]) -> Alike:
    count, points = len(part.diverged_at), part.points
    lanes = cohort.lanes[first : first + count]
    texts = {id(schedule): schedule.text for schedule in {id(lane.schedule): lane.schedule for lane in lanes}.values()}
    settings = {
        "problem": same(cohort.problem.name, count),
        "optimizer": same(cohort.optimizer.name, count),
        "schedule": [texts[id(lane.schedule)] for lane in lanes],
        "lr": np.array([lane.lr for lane in lanes]),
        "batch_size": np.full(count, cohort.batch_size),
        "dtype": same(cohort.dtype, count),
    }
    hyperparameters = {
        name: np.array([lane.hyperparameters[name] for lane in lanes]) for name in cohort.optimizer.hyperparameters
    }
    steps, step = np.full(count, part.steps), np.tile(points, count)
    ended = {
        "steps": steps,
        "epochs": steps / cohort.per_epoch,
        "samples": samples(cohort, steps),
        "status": same("deadline" if part.steps < cohort.steps else "ok", count),
        "failure": same("", count),
        "diverged_at": pa.array(part.diverged_at, mask=np.ones(count, bool)),
    }
    places = {
        "run": np.repeat(np.arange(count), len(points)),
        "step": step,
        "epoch": step / cohort.per_epoch,
        "samples": samples(cohort, step),
    }
    return Alike(
        of=of, settings=_arrays(settings), hyperparameters=_arrays(hyperparameters), ended=_arrays(ended),
        places=_arrays(places),
    )  # fmt: skip


def samples(cohort: Cohort, steps: np.ndarray) -> np.ndarray:
    """Examples seen after so many steps; the last mini-batch of an epoch may be smaller."""
    per_epoch = cohort.per_epoch
    return steps // per_epoch * cohort.problem.examples + steps % per_epoch * cohort.batch_size


def same(text: str, count: int) -> pa.Array:
    """A column of one text."""
    return pa.repeat(pa.scalar(text), count)


def table_of(columns: Mapping[str, Any]) -> pa.Table:
    """Of Arrow's arrays, numpy's, and lists of texts."""
    arrays = _arrays(columns)
    return pa.Table.from_arrays(list(arrays.values()), list(arrays))


def _arrays(columns: Mapping[str, Any]) -> dict[str, pa.Array]:
    return {name: _array(column) for name, column in columns.items()}


_NUMBERS = {"d": pa.float64(), "l": pa.int64()}
"""By numpy's letter: Arrow takes these as they lie in memory."""


def _array(column: Any) -> pa.Array:
    """In half the time that pyarrow takes where it has to find out what it is given."""
    if type(column) is np.ndarray:
        kind = _NUMBERS.get(column.dtype.char)
        if kind is None:
            return pa.array(column)
        return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(np.ascontiguousarray(column))])
    return pa.array(column, pa.string()) if type(column) is list else column
