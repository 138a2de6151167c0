"""What a cohort saw -> its rows of the tidy tables, as Arrow tables."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass

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
    steps = sum(part.steps * len(part.diverged_at) for part in outcome.parts)
    stepping = outcome.seconds - outcome.evaluation_seconds
    timings = {
        "cohort_id": [cohort_id],
        "lanes": [len(cohort.lanes)],
        "steps": [cohort.steps],
        "seconds": [outcome.seconds],
        "evaluation_seconds": [outcome.evaluation_seconds],
        "ns_per_run_step": [1e9 * stepping / max(steps, 1)],
        "compile_seconds": [outcome.compile_seconds],
        "host": [platform.node()],
        "threads": [threads],
        "device": [outcome.device],
        "device_note": [outcome.device_note],
    }
    return {"runs": pa.concat_tables(runs), "curves": pa.concat_tables(curves), "timings": pa.table(timings)}


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
    count = len(ids)
    diverged = part.diverged_at > 0
    steps = np.where(diverged, part.diverged_at, part.steps)
    late = part.steps < cohort.steps
    status = np.where(diverged, "diverged", "deadline" if late else "ok")
    loss = part.train[:, 0]
    # A diverged run is a failure, whatever it last had.
    final = np.where(diverged, np.inf, loss[-1])
    columns = {
        "run_id": list(ids),
        "cohort_id": [place.cohort_id] * count,
        "problem": [cohort.problem.name] * count,
        "optimizer": [cohort.optimizer.name] * count,
        "schedule": [lane.schedule.text for lane in lanes],
        "lr": [lane.lr for lane in lanes],
        "batch_size": np.full(count, cohort.batch_size),
        "seed": np.full(count, cohort.seed),
        "dtype": [cohort.dtype] * count,
        "stage": [place.stage] * count,
        "block": np.full(count, place.block),
        "steps": steps,
        "epochs": steps / cohort.per_epoch,
        "samples": _samples(cohort, steps),
        "status": pa.array(status.tolist()),
        "failure": [""] * count,
        "diverged_at": pa.array(part.diverged_at, mask=~diverged),
        "loss_initial": loss[0],
        "loss_final": final,
        "loss_best": np.fmin.reduce(loss, axis=0),
        "suboptimality_final": final - cohort.problem.minimum,
        "test_loss_final": np.where(diverged, np.inf, part.test[-1, 0]) if cohort.problem.test else part.test[-1, 0],
    }
    columns |= {"log_tail": log_tail(cohort, part), "tail_source": [tail_source(cohort)] * count}
    columns |= {name: [lane.hyperparameters[name] for lane in lanes] for name in cohort.optimizer.hyperparameters}
    columns |= {name: values[-1] for name, values in _metrics(cohort, part).items()}
    return pa.table(columns)


def _curves(cohort: Cohort, part: Outcome, ids: Sequence[str]) -> pa.Table:
    # Run by run, each up to its last point before it diverged.
    points, count = part.points, len(ids)
    kept = ((part.diverged_at == 0) | (points[:, None] < part.diverged_at)).T.ravel()
    per_epoch = cohort.per_epoch

    def column(values):
        return values.T.ravel()[kept]

    step = np.tile(points, count)[kept]
    columns = {
        "run_id": pa.array(np.repeat(ids, len(points))[kept]),
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
    return pa.table(columns)
