"""What a cohort saw -> its rows of the tidy tables, as Arrow tables."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from optbench.contract.columns import RUNS
from optbench.contract.types import Stage
from optbench.engine.cohort import Cohort
from optbench.engine.outcome import CohortOutcome, Outcome
from optbench.engine.tail import log_tail
from optbench.sweeps.alike import Alike, alike, same, samples, table_of


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
        shared = alike(cohort, part, at)
        runs.append(_runs(cohort, part, place, ids, shared))
        curves.append(_curves(cohort, part, ids, shared))
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
    return {"runs": _joined(runs), "curves": _joined(curves), "timings": table_of(timings)}


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts)


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


def _runs(cohort: Cohort, part: Outcome, place: Place, ids: Sequence[str], alike: Alike) -> pa.Table:
    count, failed = len(ids), _failed(part)
    diverged = (part.diverged_at > 0) & ~failed
    loss = part.train[:, 0]
    final, test = loss[-1], part.test[-1, 0]
    if failed.any() or diverged.any():  # a diverged run is a failure, whatever it last had
        loss = np.where(failed, np.nan, loss)
        final = np.where(diverged, np.inf, loss[-1])
        test = _but(failed, np.where(diverged, np.inf, test) if cohort.problem.test else test)
        ended = _ended(cohort, part, failed, diverged)
    else:
        ended = alike.ended
    columns = {
        "run_id": list(ids),
        "cohort_id": same(place.cohort_id, count),
        **alike.settings,
        "seed": np.full(count, cohort.seed),
        "stage": same(place.stage, count),
        "block": np.full(count, place.block),
        **ended,
        "loss_initial": loss[0],
        "loss_final": final,
        "loss_best": np.fmin.reduce(loss, axis=0),
        "suboptimality_final": final - cohort.problem.minimum,
        "test_loss_final": test,
        "log_tail": _but(failed, log_tail(cohort, part)),
    }
    columns = {name: columns[name] for name in RUNS} | alike.hyperparameters
    columns |= {name: _but(failed, values[-1]) for name, values in _metrics(cohort, part).items()}
    return table_of(columns)


def _ended(cohort: Cohort, part: Outcome, failed: np.ndarray, diverged: np.ndarray) -> dict[str, Any]:
    """How far the runs came, where not all of them came to the end."""
    steps = np.where(failed, 0, np.where(diverged, part.diverged_at, part.steps))
    late = "deadline" if part.steps < cohort.steps else "ok"
    return {
        "steps": steps,
        "epochs": steps / cohort.per_epoch,
        "samples": samples(cohort, steps),
        "status": np.select([failed, diverged], ["failed", "diverged"], late).tolist(),
        "failure": list(part.failures) if failed.any() else same("", len(steps)),
        "diverged_at": pa.array(part.diverged_at, mask=~diverged),
    }


def _but(failed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values, NaN for lanes that failed."""
    return np.where(failed, np.nan, values) if failed.any() else values


def _curves(cohort: Cohort, part: Outcome, ids: Sequence[str], alike: Alike) -> pa.Table:
    # Run by run, each up to its last point before it diverged.
    places = alike.places
    rows: Any = slice(None)
    if part.diverged_at.any() or any(part.failures):
        whole = (part.diverged_at == 0) | (part.points[:, None] < part.diverged_at)
        rows = np.flatnonzero((whole & ~_failed(part)).T)
        places = {name: column.take(pa.array(rows)) for name, column in places.items()}

    def column(values: np.ndarray) -> np.ndarray:
        return values.T.ravel()[rows]

    columns = {
        "run_id": pa.array(ids, pa.string()).take(places["run"]),
        "step": places["step"],
        "epoch": places["epoch"],
        "samples": places["samples"],
        "lr": column(part.lr),
        "batch_loss": column(part.batch_loss),
        "train_loss": column(part.train[:, 0]),
        "test_loss": column(part.test[:, 0]),
        "gradient_norm": column(part.gradient_norm),
    }
    columns |= {name: column(values) for name, values in _metrics(cohort, part).items()}
    return table_of(columns)
