"""The outcome of a cohort, and what is known of its problem, as rows of the tidy tables in Arrow; failures as text."""

import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from optbench.contract.columns import (
    CONSTANT,
    CURVES,
    DEAD_UNITS,
    JACKKNIFE,
    PER_STEP,
    RUNS,
    SCORES,
    TABLES,
    TARGETS,
    target_column,
)
from optbench.contract.optimizers import Optimizer
from optbench.contract.problems import Problem
from optbench.engine.arrays import make_block_table
from optbench.engine.batches import count_gradients, count_samples
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.objective import Objective
from optbench.engine.outcome import CohortOutcome, Outcome, log_tail, merge_outcomes, samples_to_targets
from optbench.engine.scores import find_dead_units, score_constant, score_runs
from optbench.wording.failed_runs import summarize_reasons

_FOLDS_BOUND = " (a lower bound: the least of the folds)"
GRID = 121
"""Points along each axis of a landscape."""
_SECONDS = 10.0
"""The longest that a landscape of a user's function may take, estimated."""
_LONGEST = 300
"""Characters of a reason in the tables."""
ARROW_TYPES = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "bytes": pa.binary()}
"""The types in Arrow of the kinds of columns."""


def make_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of the fixed columns of a table such as "runs", without metrics and hyperparameters."""
    return pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in TABLES[table]])


class Finished(NamedTuple):
    """A cohort that has run, its id, and that of each lane's run."""

    cohort: Cohort
    outcome: CohortOutcome
    cohort_id: str
    run_ids: Sequence[str]


class _Run(NamedTuple):
    """A run of a cohort that has finished, and the ids of both."""

    lane: Lane
    seed: int
    run_id: str
    cohort_id: str


def make_tables(finished: Sequence[Finished], threads: int) -> dict[str, pa.Table]:
    """Return the rows of ``runs``, ``curves`` and ``timings`` of cohorts that differ in seed and lanes only.

    The stage is "grid" and the block -1, for runs do not depend on them: the final tables have those of the sweep.
    threads: the number of threads that ``timings`` states.
    """
    cohort = finished[0].cohort
    rows = [
        _Run(lane, each.cohort.seed, run_id, each.cohort_id)
        for each in finished for lane, run_id in zip(each.cohort.lanes, each.run_ids, strict=True)
    ]  # fmt: skip
    parts = [part for each in finished for part in each.outcome.parts]
    runs, curves, at = [], [], 0
    # A deadline ends calls at different steps
    for calls in [parts] if cohort.deadline is None else [[part] for part in parts]:
        part = merge_outcomes(calls)
        here = rows[at : at + len(part.diverged_at)]
        runs.append(_make_runs(cohort, part, calls, here))
        curves.append(_make_curves(cohort, part, [each.run_id for each in here]))
        at += len(here)
    return {
        "runs": pa.concat_tables(runs),
        "curves": pa.concat_tables(curves),
        "timings": pa.Table.from_pylist([_make_timing(each, threads) for each in finished], make_schema("timings")),
    }


def _make_timing(finished: Finished, threads: int) -> dict[str, Any]:
    """Return the row of ``timings`` of a cohort."""
    cohort, outcome = finished.cohort, finished.outcome
    steps = sum(part.steps * len(part.diverged_at) for part in outcome.parts)
    return {
        "cohort_id": finished.cohort_id,
        "lanes": len(cohort.lanes),
        "steps": cohort.steps,
        "seconds": float(outcome.seconds),
        "evaluation_seconds": float(outcome.evaluation_seconds),
        "ns_per_run_step": 1e9 * (outcome.seconds - outcome.evaluation_seconds) / max(steps, 1),
        "compile_seconds": float(outcome.compile_seconds),
        "host": platform.node(),
        "threads": threads,
        "device": outcome.device,
        "device_note": outcome.device_note,
        "eager": outcome.eager,
        "state_bytes": _count_state(cohort, outcome.state_bytes),
    }


def _count_state(cohort: Cohort, other: float) -> float:
    """Return the bytes that a rule keeps for a parameter from step to step: its slots, and what matrices need.

    A slot of one number for a block or a run counts for nothing. other: what an optimizer that is no rule keeps.
    """
    rule, itemsize = cohort.optimizer, np.dtype(cohort.dtype).itemsize
    if not isinstance(rule, Optimizer):
        return other
    _, dim, memory = make_block_table(rule, cohort.problem.blocks, cohort.lanes[0].hyperparameters)
    return itemsize * (len(rule.own) + memory / dim)


def make_failed_tables(cohort: Cohort, cohort_id: str, run_ids: Sequence[str], reason: str) -> dict[str, pa.Table]:
    """Return runs, curves and timings of a cohort that could not run: a failed row a run, the others empty.

    run_ids: an id for each lane; reason: that of the failure. Failed runs are results like all others: they are kept,
    count as failures, and run again only if that is asked.
    """
    count = len(cohort.lanes)
    values = np.full((1, 1 + len(cohort.problem.metrics), count), np.nan)
    part = Outcome(
        steps=0, points=np.array([0]), measures=dict.fromkeys(PER_STEP, values[:, 0]),
        train=values, validation=values, test=values,
        positions=np.full((1, 2 if cohort.problem.dim == 2 else 0, count), np.nan),
        w=np.full((count, cohort.problem.dim), np.nan), diverged_at=np.zeros(count, np.int64), evaluation_seconds=0.0,
        failures=(reason,) * count,
    )  # fmt: skip
    made = make_tables([Finished(cohort, CohortOutcome([part], 0.0, 0.0, 0.0), cohort_id, run_ids)], 1)
    return {**made, "timings": made["timings"].slice(0, 0)}


def _make_runs(cohort: Cohort, part: Outcome, calls: Sequence[Outcome], rows: Sequence[_Run]) -> pa.Table:
    """Return the rows of ``runs`` of these runs.

    cohort: theirs, but for seed and lanes. part: their outcome, of these calls. What a call ends with, and the last
    bits of a mean over its points, depend on its own lanes alone.
    """
    lanes = [each.lane for each in rows]
    failed = _find_failed(part)
    diverged = (part.diverged_at > 0) & ~failed
    steps = np.where(failed, 0, np.where(diverged, part.diverged_at, part.steps))
    loss = np.where(failed, np.nan, part.train[:, 0])
    final = np.where(diverged, np.inf, loss[-1])  # a diverged run is a failure
    held_out = {
        f"{name}_loss_final": np.where(
            failed, np.nan, np.where(diverged & bool(getattr(cohort.problem, name)), np.inf, values[-1, 0])
        )
        for name, values in (("validation", part.validation), ("test", part.test))
    }
    texts = {id(lane.schedule): lane.schedule.text for lane in lanes}
    samples = _count_samples(cohort, part.points)["samples"]
    times = np.where(failed, np.nan, samples_to_targets(cohort, part, samples))
    fold, folds = cohort.problem.fold
    late = "deadline" if part.steps < cohort.steps else "ok"
    shared = {
        "stage": "grid", "block": -1, "problem": cohort.problem.name, "fold": fold + 1 if folds > 1 else 0,
        "optimizer": cohort.optimizer.name, "batch_size": cohort.batch_size, "dtype": cohort.dtype,
    }  # fmt: skip
    columns = {
        **{name: pa.repeat(pa.scalar(value), len(lanes)) for name, value in shared.items()},
        "run_id": [each.run_id for each in rows],
        "cohort_id": [each.cohort_id for each in rows],
        "seed": [each.seed for each in rows],
        "schedule": [texts[id(lane.schedule)] for lane in lanes],
        "lr": np.array([lane.lr for lane in lanes], dtype=np.float64),
        **_count_samples(cohort, steps),
        "status": np.select([failed, diverged], ["failed", "diverged"], late).tolist(),
        "failure": list(part.failures) if failed.any() else pa.repeat(pa.scalar(""), len(lanes)),
        "diverged_at": pa.array(part.diverged_at, mask=~diverged),
        "loss_initial": loss[0],
        "loss_final": final,
        "loss_best": np.fmin.reduce(loss, axis=0),
        "suboptimality_final": final - cohort.problem.minimum,
        **held_out,
        "log_tail": np.where(failed, np.nan, np.concatenate([log_tail(cohort, call) for call in calls])),
        "target": np.full(len(lanes), cohort.problem.target),
        **{target_column(share): values for share, values in zip(TARGETS, times, strict=True)},
    }
    columns = {name: columns[name] for name in RUNS}
    for name in cohort.optimizer.hyperparameters:
        columns[name] = np.array([lane.hyperparameters[name] for lane in lanes])
    ends = [{name: values[-1] for name, values in _name_metrics(cohort, call).items()} for call in calls]
    for name in ends[0]:
        columns[name] = np.where(failed, np.nan, np.concatenate([each[name] for each in ends]))
    scores, without = score_runs(cohort.problem, cohort.scores, part.w, cohort.reports)
    if cohort.reports and (dead := find_dead_units(cohort.problem, part.w)) is not None:
        scores[DEAD_UNITS] = dead
    for name, values in scores.items():
        columns[name] = np.where(failed | diverged, np.nan, values)
    without = {f"{JACKKNIFE}{name}": values.astype(np.float32) for name, values in without.items()}
    for name, values in (_name_jackknife(cohort, part) | without).items():
        whole = ~(failed | diverged) & np.isfinite(values).all(axis=0)
        columns[name] = pa.array(
            [each.tobytes() if ok else None for each, ok in zip(values.T, whole, strict=True)], pa.binary()
        )
    return pa.table(columns)


def _name_jackknife(cohort: Cohort, part: Outcome) -> dict[str, np.ndarray]:
    """Return, by column name, loss and metrics at the end without a group of test examples each, (groups, runs)."""
    if part.jackknife is None or not cohort.reports:  # a GPU computes it for all cohorts of a call
        return {}
    names = ("loss_final", *cohort.problem.metrics)
    return {
        f"{JACKKNIFE}test_{name}": np.ascontiguousarray(part.jackknife[:, k]).astype(np.float32)
        for k, name in enumerate(names)
    }


def _make_curves(cohort: Cohort, part: Outcome, run_ids: Sequence[str]) -> pa.Table:
    """Return the rows of ``curves`` of a part, run by run, without those from a divergence on."""
    count, points = len(run_ids), part.points
    rows: Any = slice(None)
    if part.diverged_at.any() or any(part.failures):
        whole = (part.diverged_at == 0) | (points[:, None] < part.diverged_at)
        rows = np.flatnonzero((whole & ~_find_failed(part)).T)
    run, step = np.repeat(np.arange(count), len(points))[rows], np.tile(points, count)[rows]
    losses = {"train_loss": part.train, "validation_loss": part.validation, "test_loss": part.test}
    measured = {**{name: values[:, 0] for name, values in losses.items()}, **part.measures}
    fixed = {
        "run_id": pa.array(run_ids, pa.string()).take(pa.array(run)),
        **_count_samples(cohort, step, "step", "epoch"),
        **{name: values.T.ravel()[rows] for name, values in measured.items()},
    }
    metrics = {name: values.T.ravel()[rows] for name, values in _name_metrics(cohort, part).items()}
    return pa.table({name: fixed[name] for name in CURVES} | metrics)


def _find_failed(part: Outcome) -> np.ndarray:
    """Return (runs,) bool: True for lanes that could not run, and have no values."""
    if not any(part.failures):
        return np.zeros(len(part.diverged_at), bool)
    return np.array([bool(reason) for reason in part.failures])


def _name_metrics(cohort: Cohort, part: Outcome) -> dict[str, np.ndarray]:
    """Return {column name: (p, runs) values} of the metrics and coordinates at every point."""
    columns = {}
    for k, name in enumerate(cohort.problem.metrics, start=1):
        columns[f"train_{name}"] = part.train[:, k]
        if cohort.problem.validation is not None:
            columns[f"validation_{name}"] = part.validation[:, k]
        if cohort.problem.test is not None:
            columns[f"test_{name}"] = part.test[:, k]
    for i in range(part.positions.shape[1]):
        columns[f"w_{i + 1}"] = part.positions[:, i]
    return columns


def _count_samples(
    cohort: Cohort, steps: np.ndarray, step: str = "steps", epoch: str = "epochs"
) -> dict[str, np.ndarray]:
    """Return three columns by name: step numbers, and the epochs and samples until then.

    An epoch's last batch may be smaller. Each gradient of a step takes the samples of its mini-batch. step, epoch: the
    names of the first two columns.
    """
    second_every = cohort.optimizer.second_every
    samples = count_samples(steps, second_every, cohort.problem.examples, cohort.batch_size)
    return {step: steps, epoch: count_gradients(steps, second_every) / cohort.per_epoch, "samples": samples}


def make_problem_tables(
    problems: Iterable[Problem], landscapes: Mapping[str, pa.Table | None] | None = None
) -> dict[str, pa.Table]:
    """Return the tables ``problems`` and ``landscapes``, a row or a grid for each name.

    landscapes: by name those that another process has made; None if it could not.
    """
    made = landscapes or {}
    problems = list({problem.name: problem for problem in problems}.values())
    minima = [{float(each.minimum) for each in (p, *p.other_folds)} for p in problems]
    minimizers = [p.list_minimizers().ravel() if p.dim == 2 else np.empty(0) for p in problems]
    most = max([2, *map(len, minimizers)])
    table = {
        "problem": [p.name for p in problems],
        "minimum": [min(each) for each in minima],
        "minimum_source": [
            p.minimum_source + _FOLDS_BOUND * (len(each) > 1) for p, each in zip(problems, minima, strict=True)
        ],
        "dim": [p.dim for p in problems],
        "examples": [p.examples for p in problems],
        "data": [p.data_text for p in problems],
        "source": [p.source for p in problems],
        "digest": [p.digest for p in problems],
        # w_1 and w_2 of a minimizer of the plane; w_3 and w_4 of another one, and so on
        **{f"w_{i + 1}": [float(each[i]) if i < len(each) else np.nan for each in minimizers] for i in range(most)},
    }
    constants = [score_constant(problem) for problem in problems]
    table[f"{CONSTANT}answer"] = [answer for answer, _ in constants]
    for name in ("loss", *SCORES):
        table[f"{CONSTANT}{name}"] = [float(values.get(name, np.nan)) for _, values in constants]
    flat = [problem for problem in problems if problem.dim == 2 and problem.domain is not None]
    grids = [made[problem.name] if problem.name in made else _try_landscape(problem) for problem in flat]
    empty = make_schema("landscapes").empty_table()
    return {"problems": pa.table(table), "landscapes": pa.concat_tables([empty, *filter(None, grids)])}


def make_landscape(problem: Problem) -> pa.Table:
    """Return the values of a problem of two parameters on a grid over its domain."""
    assert problem.domain is not None
    (left, right), (bottom, top) = problem.domain
    w_1, w_2 = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
    w = np.stack([w_1.ravel(), w_2.ravel()], axis=1)
    value = Objective(problem, runs=len(w)).evaluate(w)[0]
    return pa.table({"problem": [problem.name] * len(value), "w_1": w[:, 0], "w_2": w[:, 1], "value": value})


def _try_landscape(problem: Problem) -> pa.Table | None:
    """Return the landscape of a problem; None of a user's function that fails somewhere, or takes long."""
    if not any(origin.in_memory for origin in problem.origins):
        return make_landscape(problem)
    one, start = Objective(problem, runs=1), np.array([problem.start(np.random.default_rng(0))])
    try:
        one.evaluate(start)  # compiles
        begin = time.monotonic()
        one.evaluate(start)
        return make_landscape(problem) if (time.monotonic() - begin) * GRID**2 < _SECONDS else None
    except Exception:  # the runs are there; only a figure is missing
        return None


def shorten_reason(reason: str) -> str:
    """Return the reason of a failure as one line that a table and a terminal hold."""
    line = " ".join(reason.split()) or "it gave no reason"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def describe_failures(runs: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, str]:
    """Return by "problem with optimizer" why runs failed: the first reason, and their number if not all did.

    labels: those of optimizers, by name.
    """
    texts: dict[str, str] = {}
    if not (runs["status"] == "failed").any():
        return texts
    for (problem, optimizer), part in runs.groupby(["problem", "optimizer"], sort=False):
        lost = part[part["status"] == "failed"]
        if len(lost):
            count = "" if len(lost) == len(part) else f"{len(lost):,} of {len(part):,} runs failed: "
            texts[f"{problem} with {labels.get(optimizer, optimizer)}"] = count + summarize_reasons(lost)
    return texts


def join_failures(texts: Mapping[str, str]) -> str:
    """Return failures in one line: a reason that several share stands once."""
    pairs: dict[str, list[str]] = {}
    for pair, reason in texts.items():
        pairs.setdefault(reason, []).append(pair)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in pairs.items())
