"""The outcome of a cohort as rows of the tidy tables, in Arrow."""

import platform
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from optbench.contract.columns import CURVES, RUNS
from optbench.contract.types import Stage
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.outcome import CohortOutcome, Outcome, log_tail

# Settings of cohorts whose seeds run one after the other; to make their columns takes as long as a small cohort's steps
_CACHED = 64
"""Parts of cohorts whose shared columns are cached."""
# Rows of a curve: 256 lanes, the most of a call, of 64 points; all cached columns then take 35 MB at most. To make
# them takes 0.25 of 0.55 ms that the tables of 100 runs take (measured)
_MOST_CACHED = 1 << 14
"""Rows of ``curves`` beyond which shared columns are not cached."""


@dataclass(frozen=True)
class CohortKey:
    """The place of a cohort in a sweep: its id, and its stage and block of the protocol."""

    cohort_id: str
    stage: Stage = "grid"
    block: int = -1


@dataclass(frozen=True, eq=False)
class _Shared:
    """Columns of some lanes of a cohort that are the same in cohorts with other seeds."""

    settings: dict[str, pa.Array]
    """Columns of ``runs``: the setting, without its hyperparameters."""
    hyperparameters: dict[str, pa.Array]
    ended: dict[str, pa.Array]
    """Columns of ``runs`` that say how the runs ended, if none failed or diverged."""
    points: dict[str, pa.Array]
    """Columns of ``curves`` if no run failed or diverged: the index of the run, step, epoch and samples."""


def tables(
    cohort: Cohort, outcome: CohortOutcome, key: CohortKey, run_ids: Sequence[str], threads: int
) -> dict[str, pa.Table]:
    """Return the cohort's rows of ``runs``, ``curves`` and ``timings``.

    run_ids: an id for each lane; threads: the number of threads that ``timings`` states.
    """
    runs, curves, at = [], [], 0
    for part in outcome.parts:
        ids = run_ids[at : at + len(part.diverged_at)]
        shared = _shared_columns(cohort, part, at)
        runs.append(_runs(cohort, part, key, ids, shared))
        curves.append(_curves(cohort, part, ids, shared))
        at += len(ids)
    steps = sum(part.steps * len(part.diverged_at) - part.reused_steps for part in outcome.parts)
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
        "cohort_id": [key.cohort_id],
        **{name: np.array([number]) for name, number in numbers.items()},
        "host": [platform.node()],
        "threads": np.array([threads]),
        "device": [outcome.device],
        "device_note": [outcome.device_note],
        "eager": [outcome.eager],
    }
    return {"runs": pa.concat_tables(runs), "curves": pa.concat_tables(curves), "timings": pa.table(timings)}


def failed_tables(cohort: Cohort, key: CohortKey, run_ids: Sequence[str], reason: str) -> dict[str, pa.Table]:
    """Return the tables of a cohort that could not run: a failed row a run, no curves, no timings.

    Failed runs are results like all others: they are kept, count as failures, and run again only if that is asked.
    """
    made = tables(cohort, _empty_outcome(cohort, reason), key, run_ids, 1)
    return {**made, "timings": made["timings"].slice(0, 0)}


def _empty_outcome(cohort: Cohort, reason: str) -> CohortOutcome:
    """Return the outcome of a cohort that could not run: NaN at step 0, and the reason as each lane's failure."""
    count = len(cohort.lanes)
    values = np.full((1, 1 + len(cohort.problem.metrics), count), np.nan)
    part = Outcome(
        steps=0, points=np.array([0]), measures={}, train=values, test=values,
        positions=np.full((1, 2 if cohort.problem.dim == 2 else 0, count), np.nan),
        w=np.full((count, cohort.problem.dim), np.nan), diverged_at=np.zeros(count, np.int64), evaluation_seconds=0.0,
        failures=(reason,) * count,
    )  # fmt: skip
    return CohortOutcome([part], 0.0, 0.0, 0.0)


def _failed(part: Outcome) -> np.ndarray:
    """Return (runs,) bool: True for lanes that could not run, and have no values."""
    if not any(part.failures):
        return np.zeros(len(part.diverged_at), bool)
    return np.array([bool(reason) for reason in part.failures])


def _metrics(cohort: Cohort, part: Outcome) -> dict[str, np.ndarray]:
    """Return metrics and coordinates at every point, by column name, each (p, runs)."""
    columns = {}
    for k, name in enumerate(cohort.problem.metrics, start=1):
        columns[f"train_{name}"] = part.train[:, k]
        if cohort.problem.test is not None:
            columns[f"test_{name}"] = part.test[:, k]
    for i in range(part.positions.shape[1]):
        columns[f"w_{i + 1}"] = part.positions[:, i]
    return columns


def _runs(cohort: Cohort, part: Outcome, key: CohortKey, ids: Sequence[str], shared: _Shared) -> pa.Table:
    """Return the table `runs` of a part, a row for each run."""
    count, failed = len(ids), _failed(part)
    diverged = (part.diverged_at > 0) & ~failed
    loss = part.train[:, 0]
    final, test = loss[-1], part.test[-1, 0]
    if failed.any() or diverged.any():  # a diverged run is a failure, whatever it last had
        loss = np.where(failed, np.nan, loss)
        final = np.where(diverged, np.inf, loss[-1])
        test = _without(failed, np.where(diverged, np.inf, test) if cohort.problem.test else test)
        ended = _ended(cohort, part, failed, diverged)
    else:
        ended = shared.ended
    columns = {
        "run_id": list(ids),
        "cohort_id": _repeated(key.cohort_id, count),
        **shared.settings,
        "seed": np.full(count, cohort.seed),
        "stage": _repeated(key.stage, count),
        "block": np.full(count, key.block),
        **ended,
        "loss_initial": loss[0],
        "loss_final": final,
        "loss_best": np.fmin.reduce(loss, axis=0),
        "suboptimality_final": final - cohort.problem.minimum,
        "test_loss_final": test,
        "log_tail": _without(failed, log_tail(cohort, part)),
    }
    columns = {name: columns[name] for name in RUNS} | shared.hyperparameters
    columns |= {name: _without(failed, values[-1]) for name, values in _metrics(cohort, part).items()}
    return pa.table(columns)


def _ended(cohort: Cohort, part: Outcome, failed: np.ndarray, diverged: np.ndarray) -> dict[str, pa.Array]:
    """Return the columns that say how runs ended: steps, epochs, samples, status, failure and diverged_at."""
    steps = np.where(failed, 0, np.where(diverged, part.diverged_at, part.steps))
    late = "deadline" if part.steps < cohort.steps else "ok"
    return {
        **{name: pa.array(column) for name, column in _progress(cohort, steps).items()},
        "status": pa.array(np.select([failed, diverged], ["failed", "diverged"], late).tolist()),
        "failure": pa.array(list(part.failures)) if failed.any() else _repeated("", len(steps)),
        "diverged_at": pa.array(part.diverged_at, mask=~diverged),
    }


def _without(failed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the values, NaN for lanes that failed."""
    return np.where(failed, np.nan, values) if failed.any() else values


def _curves(cohort: Cohort, part: Outcome, ids: Sequence[str], shared: _Shared) -> pa.Table:
    """Return the table `curves` of a part: the points run by run, without those from a divergence on."""
    points = dict(shared.points)
    rows: Any = slice(None)
    if part.diverged_at.any() or any(part.failures):
        whole = (part.diverged_at == 0) | (part.points[:, None] < part.diverged_at)
        rows = np.flatnonzero((whole & ~_failed(part)).T)
        points = {name: column.take(pa.array(rows)) for name, column in points.items()}

    def column(values: np.ndarray) -> np.ndarray:
        return values.T.ravel()[rows]

    measured = {"train_loss": part.train[:, 0], "test_loss": part.test[:, 0]}
    measured |= part.measures
    run_id = pa.array(ids, pa.string()).take(points.pop("run"))
    fixed = {"run_id": run_id, **points}
    fixed |= {name: column(values) for name, values in measured.items()}
    metrics = {name: column(values) for name, values in _metrics(cohort, part).items()}
    return pa.table({name: fixed[name] for name in CURVES} | metrics)


_cached: OrderedDict[tuple, tuple[tuple, _Shared]] = OrderedDict()
"""By identities; the objects are kept beside the columns, so that nothing else takes an identity."""
_lock = threading.Lock()


def _shared_columns(cohort: Cohort, part: Outcome, first: int) -> _Shared:
    """Return the columns that cohorts with other seeds share, cached; first: the number of the part's first lane."""
    objects, count = (cohort.problem, cohort.optimizer, cohort.lanes), len(part.diverged_at)
    size = cohort.batch_size, cohort.dtype, cohort.steps, first, count, part.steps, part.points.tobytes()
    key = (*map(id, objects), *size)
    with _lock:
        if key in _cached:
            return _cached[key][1]
    made = _make_shared(cohort, part, cohort.lanes[first : first + count])
    if count * len(part.points) <= _MOST_CACHED:
        with _lock:
            _cached[key] = objects, made
            if len(_cached) > _CACHED:
                _cached.popitem(last=False)
    return made


def _make_shared(cohort: Cohort, part: Outcome, lanes: Sequence[Lane]) -> _Shared:
    """Build the columns of `_shared_columns` for these lanes."""
    count, points = len(lanes), part.points
    settings = {
        "problem": _repeated(cohort.problem.name, count),
        "optimizer": _repeated(cohort.optimizer.name, count),
        "schedule": pa.array([lane.schedule.text for lane in lanes]),
        "lr": pa.array([lane.lr for lane in lanes], pa.float64()),
        "batch_size": pa.array(np.full(count, cohort.batch_size)),
        "dtype": _repeated(cohort.dtype, count),
    }
    hyperparameters = {
        name: pa.array(np.array([lane.hyperparameters[name] for lane in lanes]))
        for name in cohort.optimizer.hyperparameters
    }
    ran = np.zeros(count, dtype=bool)
    step = np.tile(points, count)
    places = {"run": np.repeat(np.arange(count), len(points)), **_progress(cohort, step, "step", "epoch")}
    arrays = {name: pa.array(column) for name, column in places.items()}
    return _Shared(settings, hyperparameters, _ended(cohort, part, ran, ran), arrays)


def _progress(cohort: Cohort, steps: np.ndarray, step: str = "steps", epoch: str = "epochs") -> dict[str, np.ndarray]:
    """Return columns of step numbers, with the epochs and examples until then; an epoch's last batch may be smaller."""
    per_epoch = cohort.per_epoch
    samples = steps // per_epoch * cohort.problem.examples + steps % per_epoch * cohort.batch_size
    return {step: steps, epoch: steps / per_epoch, "samples": samples}


def _repeated(text: str, count: int) -> pa.Array:
    """Return a column with the same text in ``count`` rows."""
    return pa.repeat(pa.scalar(text), count)
