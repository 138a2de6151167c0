"""The points of many runs read from a table of curves some at a time, so that any number fits."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ArrowException

from optbench.contract.errors import OptbenchError
from optbench.sweeps.store import schemas
from optbench.sweeps.store.manifest import AGAIN

_COLUMNS = ("step", "samples", "train_loss")
_ROWS = 1 << 19
"""Rows that are read at a time."""


def reason(error: Exception) -> str:
    """What an error says first."""
    return (str(error).splitlines() or ["unknown"])[0]


def unreadable(path: Path, error: Exception) -> OptbenchError:
    """The error for a table that cannot be read."""
    return OptbenchError(f"cannot read the table {str(path)!r} ({reason(error)}): {AGAIN}")


class Points(NamedTuple):
    """What some runs saw: the places of the runs among those that were asked for, and their points."""

    places: np.ndarray
    """(runs,) int"""
    run: np.ndarray
    """(points,) int: the place in `places`."""
    step: np.ndarray
    """(points,) float64, like samples and loss."""
    samples: np.ndarray
    loss: np.ndarray


def points_of(path: Path, run_ids: pd.Series) -> Iterator[Points]:
    """All points of these runs, each run whole; one without any does not come. Raises OptbenchError."""
    ids = pd.Index(run_ids)
    told, scattered = np.zeros(len(ids), dtype=bool), np.zeros(len(ids), dtype=bool)
    for place, values in _runs(_batches(path, ids)):
        # The rows of a run stand together in all that optbench writes; what others have sorted is read again.
        scattered[place[told[place]]] = True
        told[place] = True
        yield _numbered(place, values)
    if scattered.any():
        parts = [(place[scattered[place]], values[:, scattered[place]]) for place, values in _batches(path, ids)]
        yield _numbered(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))


def _numbered(place: np.ndarray, values: np.ndarray) -> Points:
    places, run = np.unique(place, return_inverse=True)
    return Points(places, run, *values)


def _runs(batches: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The batches, cut where a run ends."""
    rest = np.empty(0, dtype=np.intp), np.empty((len(_COLUMNS), 0))
    for batch in batches:
        place, values = (np.concatenate(pair, axis=-1) for pair in zip(rest, batch, strict=True))
        if not len(place):
            continue
        cut = len(place) - int(np.argmax(place[::-1] != place[-1])) if (place != place[-1]).any() else 0
        rest = place[cut:], values[:, cut:]
        if cut:
            yield place[:cut], values[:, :cut]
    if len(rest[0]):
        yield rest


def _batches(path: Path, ids: pd.Index) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(points,) the place of each point's run in `ids`, and (3, points) step, samples and loss; others are left out."""
    try:
        file = pq.ParquetFile(path, read_dictionary=["run_id"])
        _check(path, file.schema_arrow)
        held: list[pa.RecordBatch] = []
        for batch in file.iter_batches(_ROWS, columns=["run_id", *_COLUMNS]):
            held.append(batch)
            if sum(part.num_rows for part in held) >= _ROWS:  # a batch ends with its row group, which may be small
                yield _placed(pa.Table.from_batches(held), ids)
                held = []
        if held:
            yield _placed(pa.Table.from_batches(held), ids)
    except OptbenchError:
        raise
    except (ArrowException, OSError, ValueError, KeyError) as error:
        raise unreadable(path, error) from None


def _check(path: Path, schema: pa.Schema) -> None:
    try:
        schemas.check_schema("curves", schema)
    except OptbenchError as error:
        raise schemas.no_table(path, error) from None
    if not pa.types.is_dictionary(schema.field("run_id").type):  # it is null in all rows
        raise schemas.no_table(path, "the column 'run_id' has empty rows")


def _placed(table: pa.Table, ids: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    names = table.column("run_id").unify_dictionaries().combine_chunks()
    code = names.indices.to_numpy()
    new = np.flatnonzero(np.concatenate([[True], code[1:] != code[:-1]]))
    # The rows of a run mostly stand together: one look-up for each.
    found = ids.get_indexer(names.dictionary.take(names.indices.take(new)).to_pandas())
    place = np.repeat(found, np.diff(np.append(new, len(code))))
    kept = place >= 0
    columns = [table.column(name).to_numpy()[kept] for name in _COLUMNS]
    return place[kept], np.array(columns, dtype=np.float64)
