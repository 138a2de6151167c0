"""Where the recommended runs went on problems of two parameters, step by step: the table ``paths`` of a sweep.

A run keeps a few dozen of its points; a path drawn through those cuts corners. So each recommended setting runs once
more, on the first seed that reports on it, and every step is kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optbench.analysis import best_configurations, reported_runs
from optbench.analysis.columns import comparable
from optbench.contract.optimizers import Baseline
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.footsteps import footsteps
from optbench.engine.run import run
from optbench.sweeps.plan import Plan
from optbench.sweeps.planned import Cohorts, PlannedCohort, planned_cohort
from optbench.sweeps.stages import placed
from optbench.sweeps.tables import tables

MOST_STEPS = 20_000
"""Steps of the longest run that is made again: of a longer one a picture shows the points that it keeps."""
_EXAMPLES = 1 << 28
"""Examples that all points of a path may take, of a problem on data."""
_SAME = {"float64": 1e-9, "float32": 1e-4}
"""Relative difference between two losses of one run."""
_LIKE_ITS_COHORT = 16
"""Lanes beside which a run has the numbers that it has in its cohort: those of the widest vector."""
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("run_id", "problem", "optimizer")]
    + [("step", pa.int64())]
    + [(name, pa.float64()) for name in ("w_1", "w_2", "train_loss")]
)

Curves = Callable[[PlannedCohort], pa.Table | None]
"""What runs a cohort, and gives its rows of ``curves``; None where it could not."""


def walks(plan: Plan, runs: pd.DataFrame, curves: Curves) -> pa.Table:
    """The table ``paths``: of each problem with a landscape and each optimizer the first reported run.

    A run that a deadline stopped is not made again, and one whose numbers are not those in ``runs`` has no place here.
    """
    parts = [_walk(row, planned, curves) for row, planned in _recommended(plan, runs)]
    return pa.concat_tables([SCHEMA.empty_table(), *(part for part in parts if part is not None)])


def _recommended(plan: Plan, runs: pd.DataFrame) -> Iterator[tuple[dict[str, Any], PlannedCohort]]:
    """The runs, and each as a cohort of its own that is evaluated step by step."""
    series = [each for each in plan.series if each.cohort.problem.dim == 2 and each.cohort.problem.domain is not None]
    runs = comparable(runs[runs["problem"].isin({each.cohort.problem.name for each in series})])
    if plan.shard or runs.empty:
        return
    tuning_seeds = plan.spec.split_seeds()[0]
    best = best_configurations(runs, tuning_seeds, choose_by=plan.spec.choose_by)
    reported = reported_runs(runs, best, tuning_seeds)
    first = reported.sort_values("seed", kind="stable").drop_duplicates(["problem", "optimizer"])
    by_pair = {(run["problem"], run["optimizer"]): run for run in first.to_dict("records")}
    rows, places = placed(replace(plan, cohorts=Cohorts(series)), runs, best)
    pairs = zip(rows["problem"], rows["optimizer"], strict=True)
    for pair, (cohort, lane) in zip(pairs, places, strict=True):
        run = by_pair.get(pair)
        if run is not None and run["status"] in ("ok", "diverged") and _is_short(cohort):
            yield (
                {str(name): value for name, value in run.items()},
                planned_cohort(_step_by_step(cohort, lane, int(run["seed"]), len(cohort.lanes))),
            )


def _is_short(cohort: Cohort) -> bool:
    """Whether it takes about a second to make all its steps again, one by one."""
    examples = 0 if cohort.problem.data is None else cohort.problem.examples
    return cohort.steps <= MOST_STEPS and cohort.steps * examples <= _EXAMPLES


def _step_by_step(cohort: Cohort, lane: Lane, seed: int, beside: int) -> Cohort:
    """The cohort of one run, several times where vectors of lanes are what it ran in."""
    vector = cohort.problem.form == "lanes" and not isinstance(cohort.optimizer, Baseline)
    lanes = (lane,) * (min(beside, _LIKE_ITS_COHORT) if vector else 1)
    return replace(cohort, lanes=lanes, seed=seed, points="every", deadline=None, device="cpu")


def curves_of(planned: PlannedCohort) -> pa.Table:
    """Run a cohort here, and give what a path needs of its ``curves``: of an optimizer's the first lane's alone."""
    cohort = planned.cohort
    if isinstance(cohort.optimizer, Baseline):
        return tables(cohort, run(cohort), planned.place, planned.run_ids, 1)["curves"]
    step, w, loss = footsteps(cohort)
    return pa.table({"step": step, "w_1": w[:, 0].astype(float), "w_2": w[:, 1].astype(float), "train_loss": loss})


def _walk(row: dict[str, Any], planned: PlannedCohort, curves: Curves) -> pa.Table | None:
    table = curves(planned)
    if table is None or not len(table) or not {"w_1", "w_2"} <= set(table.column_names):
        return None
    step = table["step"].to_numpy()
    # The lanes stand one after the other, each from step 0 on.
    ends = np.flatnonzero(step[1:] <= step[:-1])
    count = int(ends[0]) + 1 if len(ends) else len(table)
    if row["status"] == "diverged":
        count = int(np.searchsorted(step[:count], row["steps"]))
    table = table.slice(0, count)
    if not _is_it(row, table["train_loss"].to_numpy()):
        return None
    columns = {name: pa.repeat(pa.scalar(row[name]), len(table)) for name in ("run_id", "problem", "optimizer")}
    columns |= {name: table[name] for name in ("step", "w_1", "w_2", "train_loss")}
    return pa.table(columns).cast(SCHEMA)


def _is_it(row: dict[str, Any], loss: np.ndarray) -> bool:
    """Whether these are the losses of the run: it began and ended at the same."""
    pairs = [(row["loss_initial"], loss[0])]
    if row["status"] == "ok":
        pairs.append((row["loss_final"], loss[-1]))
    return all(_alike(known, value, _SAME[row["dtype"]]) for known, value in pairs)


def _alike(known: float, value: float, same: float) -> bool:
    return isfinite(value) and abs(known - value) <= same * abs(known)
