"""What a cohort saw -> its rows of the tidy tables, as Arrow tables."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from optbench.contract.types import Stage
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.outcome import CohortOutcome, Outcome
from optbench.engine.tail import log_tail, tail_source


@dataclass(frozen=True)
class Place:
    """Where in a sweep a cohort stands: its id, and the stage and block of the protocol that it belongs to."""

    cohort_id: str
    stage: Stage = "grid"
    block: int = -1


def tables(
    cohort: Cohort, outcome: CohortOutcome, place: Place, run_ids: Sequence[str], threads: int
) -> dict[str, pa.Table]:
    """The cohort's rows of ``runs``, ``curves`` and ``timings``, under the ids that are given."""
    cohort_id = place.cohort_id
    runs, curves, at = [], [], 0
    for part in outcome.parts:
        ids = run_ids[at : at + len(part.diverged_at)]
        runs.append(_runs(cohort, part, place, ids, cohort.lanes[at : at + len(ids)]))
        curves.append(_curves(cohort, part, ids))
        at += len(ids)
    steps = sum(part.steps * len(part.diverged_at) - part.given for part in outcome.parts)
    stepping = outcome.seconds - outcome.evaluation_seconds
    numbers = {
        "lanes": len(cohort.lanes),
        "steps": cohort.steps,
        "seconds": outcome.seconds,
        "evaluation_seconds": outcome.evaluation_seconds,
        "ns_per_run_step": 1e9 * stepping / max(steps, 1),
        "compile_seconds": outcome.compile_seconds,
    }
    timings = {
        "cohort_id": [cohort_id],
        **{name: np.array([number]) for name, number in numbers.items()},
        "host": [platform.node()],
        "threads": np.array([threads]),
        "device": [outcome.device],
        "device_note": [outcome.device_note],
        "eager": [outcome.eager],
    }
    return {"runs": _joined(runs), "curves": _joined(curves), "timings": _table(timings)}


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts)


def _table(columns: Mapping[str, Any]) -> pa.Table:
    """Of arrays and lists of texts, in half the time that pyarrow takes where it has to find out what it is given."""
    arrays = [pa.array(each, pa.string() if isinstance(each, list) else None) for each in columns.values()]
    return pa.Table.from_arrays(arrays, list(columns))


def empty_outcome(cohort: Cohort, reason: str) -> CohortOutcome:
    """What a cohort saw none of whose lanes could run."""
    count, nothing = len(cohort.lanes), np.full((1, len(cohort.lanes)), np.nan)
    values = np.full((1, 1 + len(cohort.problem.metrics), count), np.nan)
    part = Outcome(
        steps=0, points=np.array([0]), lr=nothing, batch_loss=nothing, gradient_norm=nothing, train=values, test=values,
        positions=np.full((1, 2 if cohort.problem.dim == 2 else 0, count), np.nan),
        w=np.full((count, cohort.problem.dim), np.nan), diverged_at=np.zeros(count, np.int64), evaluation_seconds=0.0,
        failures=(reason,) * count,
    )  # fmt: skip
    return CohortOutcome([part], 0.0, 0.0, 0.0)


def _failed(part: Outcome) -> np.ndarray:
    """(runs,) bool: the lane could not be run, and what is there of it is nothing to show."""
    if not any(part.failures):
        return np.zeros(len(part.diverged_at), bool)
    return np.array([bool(reason) for reason in part.failures])


def _samples(cohort: Cohort, steps) -> np.ndarray:
    """Examples seen after so many steps; the last mini-batch of an epoch may be smaller."""
    per_epoch = cohort.per_epoch
    return steps // per_epoch * cohort.problem.examples + steps % per_epoch * cohort.batch_size


def _metrics(cohort: Cohort, part: Outcome) -> dict[str, np.ndarray]:
    """Metrics and coordinates at every point, by column name, each (p, runs)."""
    columns = {}
    for k, name in enumerate(cohort.problem.metrics, start=1):
        columns[f"train_{name}"] = part.train[:, k]
        if cohort.problem.test is not None:
            columns[f"test_{name}"] = part.test[:, k]
    for i in range(part.positions.shape[1]):
        columns[f"w_{i + 1}"] = part.positions[:, i]
    return columns


def _runs(cohort: Cohort, part: Outcome, place: Place, ids: Sequence[str], lanes: Sequence[Lane]) -> pa.Table:
    count, schedules = len(ids), {id(lane.schedule): lane.schedule for lane in lanes}
    texts = {key: schedule.text for key, schedule in schedules.items()}
    failed, reasons = _failed(part), part.failures or [""] * count
    diverged = (part.diverged_at > 0) & ~failed
    steps = np.where(failed, 0, np.where(diverged, part.diverged_at, part.steps))
    loss = np.where(failed, np.nan, part.train[:, 0])
    # A diverged run is a failure, whatever it last had.
    final, test = np.where(diverged, np.inf, loss[-1]), part.test[-1, 0]
    columns = {
        "run_id": list(ids),
        "cohort_id": _same(place.cohort_id, count),
        "problem": _same(cohort.problem.name, count),
        "optimizer": _same(cohort.optimizer.name, count),
        "schedule": [texts[id(lane.schedule)] for lane in lanes],
        "lr": np.array([lane.lr for lane in lanes]),
        "batch_size": np.full(count, cohort.batch_size),
        "seed": np.full(count, cohort.seed),
        "dtype": _same(cohort.dtype, count),
        "stage": _same(place.stage, count),
        "block": np.full(count, place.block),
        "steps": steps,
        "epochs": steps / cohort.per_epoch,
        "samples": _samples(cohort, steps),
        "status": _status(failed, diverged, part.steps < cohort.steps),
        "failure": list(reasons) if failed.any() else _same("", count),
        "diverged_at": pa.array(part.diverged_at, mask=~diverged),
        "loss_initial": loss[0],
        "loss_final": final,
        "loss_best": np.fmin.reduce(loss, axis=0),
        "suboptimality_final": final - cohort.problem.minimum,
        "test_loss_final": _but(failed, np.where(diverged, np.inf, test) if cohort.problem.test else test),
    }
    columns |= {"log_tail": _but(failed, log_tail(cohort, part)), "tail_source": _same(tail_source(cohort), count)}
    columns |= {
        name: np.array([lane.hyperparameters[name] for lane in lanes]) for name in cohort.optimizer.hyperparameters
    }
    columns |= {name: _but(failed, values[-1]) for name, values in _metrics(cohort, part).items()}
    return _table(columns)


def _status(failed: np.ndarray, diverged: np.ndarray, late: bool) -> pa.Array | list[str]:
    ended = "deadline" if late else "ok"
    if not (failed | diverged).any():
        return _same(ended, len(failed))
    return np.select([failed, diverged], ["failed", "diverged"], ended).tolist()


def _same(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), count)


def _but(failed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values, NaN for lanes that failed."""
    return np.where(failed, np.nan, values) if failed.any() else values


def _curves(cohort: Cohort, part: Outcome, ids: Sequence[str]) -> pa.Table:
    # Run by run, each up to its last point before it diverged.
    points, count = part.points, len(ids)
    whole = (part.diverged_at == 0) | (points[:, None] < part.diverged_at)
    kept = (whole & ~_failed(part)).T
    rows = slice(None) if kept.all() else np.flatnonzero(kept)
    per_epoch = cohort.per_epoch

    def column(values: np.ndarray) -> np.ndarray:
        return values.T.ravel()[rows]

    step = np.tile(points, count)[rows]
    columns = {
        "run_id": pa.array(ids, pa.string()).take(pa.array(np.repeat(np.arange(count), len(points))[rows])),
        "step": step,
        "epoch": step / per_epoch,
        "samples": _samples(cohort, step),
        "lr": column(part.lr),
        "batch_loss": column(part.batch_loss),
        "train_loss": column(part.train[:, 0]),
        "test_loss": column(part.test[:, 0]),
        "gradient_norm": column(part.gradient_norm),
    }
    columns |= {name: column(values) for name, values in _metrics(cohort, part).items()}
    return _table(columns)
