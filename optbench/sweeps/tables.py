"""What a cohort saw -> its rows of the tidy tables, as Arrow tables."""

import platform

import numpy as np
import pyarrow as pa

from optbench.engine.cohort import Cohort
from optbench.engine.lanes import Outcome
from optbench.sweeps.plan import CohortPlan


def tables(plan: CohortPlan, cohort: Cohort, threads: int) -> dict[str, pa.Table]:
    """The cohort's rows of ``runs``, ``curves`` and ``timings``."""
    runs, curves, at = [], [], 0
    for part in cohort.parts:
        ids = plan.run_ids[at : at + len(part.diverged_at)]
        runs.append(_runs(plan, part, ids, at))
        curves.append(_curves(plan, part, ids))
        at += len(ids)
    steps = sum(part.steps * len(part.diverged_at) for part in cohort.parts)
    stepping = cohort.seconds - cohort.evaluation_seconds
    timings = {
        "cohort_id": [plan.cohort_id],
        "lanes": [len(plan.lanes)],
        "steps": [plan.steps],
        "seconds": [cohort.seconds],
        "evaluation_seconds": [cohort.evaluation_seconds],
        "ns_per_run_step": [1e9 * stepping / max(steps, 1)],
        "compile_seconds": [cohort.compile_seconds],
        "host": [platform.node()],
        "threads": [threads],
        "device": [cohort.device],
        "device_note": [cohort.device_note],
    }
    return {"runs": pa.concat_tables(runs), "curves": pa.concat_tables(curves), "timings": pa.table(timings)}


def _samples(plan, steps) -> np.ndarray:
    """Examples seen after so many steps; the last mini-batch of an epoch may be smaller."""
    per_epoch = -(-plan.problem.examples // plan.batch_size)
    return steps // per_epoch * plan.problem.examples + steps % per_epoch * plan.batch_size


def _metrics(plan, part: Outcome) -> dict[str, np.ndarray]:
    """Metrics and coordinates at every point, by column name, each (p, runs)."""
    columns = {}
    for k, name in enumerate(plan.problem.metrics, start=1):
        columns[f"train_{name}"] = part.train[:, k]
        if plan.problem.test is not None:
            columns[f"test_{name}"] = part.test[:, k]
    for i in range(part.positions.shape[1]):
        columns[f"w_{i + 1}"] = part.positions[:, i]
    return columns


def _runs(plan, part: Outcome, ids, first) -> pa.Table:
    count, lanes = len(ids), plan.lanes[first : first + len(ids)]
    diverged = part.diverged_at > 0
    made = np.where(diverged, part.diverged_at, part.steps)
    late = part.steps < plan.steps
    status = np.where(diverged, "diverged", "deadline" if late else "ok")
    loss = part.train[:, 0]
    # A diverged run is a failure, whatever it last had.
    final = np.where(diverged, np.inf, loss[-1])
    columns = {
        "run_id": list(ids),
        "cohort_id": [plan.cohort_id] * count,
        "problem": [plan.problem.name] * count,
        "optimizer": [plan.optimizer.name] * count,
        "schedule": [lane.schedule.text for lane in lanes],
        "lr": [lane.lr for lane in lanes],
        "batch_size": np.full(count, plan.batch_size),
        "seed": np.full(count, plan.seed),
        "dtype": [plan.dtype] * count,
        "steps": made,
        "epochs": made / -(-plan.problem.examples // plan.batch_size),
        "samples": _samples(plan, made),
        "status": pa.array(status.tolist()),
        "diverged_at": pa.array(part.diverged_at, mask=~diverged),
        "loss_initial": loss[0],
        "loss_final": final,
        "loss_best": np.fmin.reduce(loss, axis=0),
        "suboptimality_final": final - plan.problem.minimum,
        "test_loss_final": np.where(diverged, np.inf, part.test[-1, 0]) if plan.problem.test else part.test[-1, 0],
    }
    columns |= {name: [lane.hyperparameters[name] for lane in lanes] for name in plan.optimizer.hyperparameters}
    columns |= {name: values[-1] for name, values in _metrics(plan, part).items()}
    return pa.table(columns)


def _curves(plan, part: Outcome, ids) -> pa.Table:
    # Run by run, each up to its last point before it diverged.
    points, count = part.points, len(ids)
    kept = ((part.diverged_at == 0) | (points[:, None] < part.diverged_at)).T.ravel()
    per_epoch = -(-plan.problem.examples // plan.batch_size)

    def column(values):
        return values.T.ravel()[kept]

    step = np.tile(points, count)[kept]
    columns = {
        "run_id": pa.array(np.repeat(ids, len(points))[kept]),
        "step": step,
        "epoch": step / per_epoch,
        "samples": _samples(plan, step),
        "lr": column(part.lr),
        "batch_loss": column(part.batch_loss),
        "train_loss": column(part.train[:, 0]),
        "test_loss": column(part.test[:, 0]),
        "gradient_norm": column(part.gradient_norm),
    }
    columns |= {name: column(values) for name, values in _metrics(plan, part).items()}
    return pa.table(columns)
