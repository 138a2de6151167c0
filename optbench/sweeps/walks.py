"""Where the recommended runs went on problems of two parameters, step by step: the table ``paths`` of a sweep.

A run keeps a few dozen of its points; a path drawn through those cuts corners. So each recommended setting of no more
than MOST_STEPS steps runs once more, on the first seed that reports on it, and every step is kept.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optbench.analysis import reported_runs
from optbench.analysis.columns import comparable
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.code import is_compiled
from optbench.engine.run import run
from optbench.sweeps.chosen import Recommended
from optbench.sweeps.planned import PlannedCohort, planned_cohort

# Steps of a path: most of a second to run them one by one: 32 us each, measured; a longer run would keep a sweep
# waiting
MOST_STEPS = 20_000
"""Steps of the longest run that is made again: of a longer one a picture shows the points that it keeps."""
# Steps of all paths of a sweep: half a minute at 32 us a step, measured; the file would be 100 MB beyond it; by
# reasoning
MOST_IN_ALL = 1_000_000
"""Steps of all paths of a sweep; settings beyond them have none."""
_SECONDS = 10.0
"""The longest that a path takes, of a user's problem."""
_EXAMPLES = 1 << 28
"""Examples that all points of a path may take, of a problem on data."""
_SAME = {"float64": 1e-9, "float32": 1e-4}
"""Relative difference between two losses of one run."""
_TOGETHER = ["problem", "optimizer", "batch_size", "dtype", "seed", "stage", "block"]
"""What the runs of a cohort share, as the table of runs has it."""
_LIKE_ITS_COHORT = 16
"""Lanes beside which a run has the numbers that it has in its cohort: those of the widest vector."""
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("run_id", "problem", "optimizer")]
    + [("step", pa.int64())]
    + [(name, pa.float64()) for name in ("w_1", "w_2", "train_loss")]
)

Curves = Callable[[PlannedCohort], pa.Table | None]
"""What runs a cohort, and gives its rows of ``curves``; None where it could not."""


def walks(
    settings: Recommended, runs: pd.DataFrame, tuning_seeds: list[int], curves: Curves, until: float | None = None
) -> pa.Table:
    """The table ``paths``: of each problem with a landscape and each optimizer the first reported run.

    A long run is not made again, nor one that a deadline stopped; one whose numbers are not those in ``runs`` has no
    place here. until: on time.monotonic, when no further one is begun.
    """
    parts = [SCHEMA.empty_table()]
    for row, planned in _recommended(settings, runs, tuning_seeds):
        if until is not None and time.monotonic() > until:
            break
        parts.append(_walk(row, planned, curves))
    return pa.concat_tables(parts)


def _recommended(
    settings: Recommended, runs: pd.DataFrame, tuning_seeds: list[int]
) -> Iterator[tuple[dict[str, Any], PlannedCohort]]:
    """The runs, and each as a cohort of its own that is evaluated step by step; in all at most MOST_IN_ALL steps."""
    reported = reported_runs(comparable(runs), settings.best, tuning_seeds)
    first = reported.sort_values("seed", kind="stable").drop_duplicates(["problem", "optimizer"])
    by_pair = {(run["problem"], run["optimizer"]): run for run in first.to_dict("records")}
    beside, rest = runs.value_counts(_TOGETHER, dropna=False), MOST_IN_ALL
    pairs = zip(settings.rows["problem"], settings.rows["optimizer"], strict=True)
    for pair, (cohort, lane) in zip(pairs, settings.places, strict=True):
        run = by_pair.get(pair)
        if run is None or run["status"] not in ("ok", "diverged") or not _is_walked(cohort) or cohort.steps > rest:
            continue
        rest -= cohort.steps
        again = _step_by_step(cohort, lane, int(run["seed"]), int(beside[tuple(run[name] for name in _TOGETHER)]))
        yield {str(name): value for name, value in run.items()}, planned_cohort(again)


def _is_walked(cohort: Cohort) -> bool:
    """Whether its problem has a landscape, and the rules and problems of the catalogue make it in about a second."""
    if cohort.problem.dim != 2 or cohort.problem.domain is None:
        return False
    examples = 0 if cohort.problem.data is None else cohort.problem.examples
    return cohort.steps <= MOST_STEPS and cohort.steps * examples <= _EXAMPLES


def _step_by_step(cohort: Cohort, lane: Lane, seed: int, beside: int) -> Cohort:
    """The cohort of one run, several times where vectors of lanes are what it ran in."""
    vector = cohort.problem.form == "lanes" and is_compiled(cohort.problem, cohort.optimizer)
    lanes = (lane,) * (min(beside, _LIKE_ITS_COHORT) if vector else 1)
    return replace(cohort, lanes=lanes, seed=seed, points="every", deadline=_SECONDS, device="cpu")


def curves_of(planned: PlannedCohort) -> pa.Table:
    """Run a cohort here, and return the path of its first lane up to where that diverged."""
    part = run(planned.cohort).parts[0].of_lanes(0, 1)
    count = len(part.points)
    if part.diverged_at[0]:
        count = int(np.searchsorted(part.points, part.diverged_at[0]))
    if any(part.failures):
        count = 0
    w = part.positions[:count, :, 0]
    return pa.table(
        {"step": part.points[:count], "w_1": w[:, 0], "w_2": w[:, 1], "train_loss": part.train[:count, 0, 0]}
    )


def _walk(row: dict[str, Any], planned: PlannedCohort, curves: Curves) -> pa.Table:
    table = curves(planned)
    if table is None or not len(table) or not {"w_1", "w_2"} <= set(table.column_names):
        return SCHEMA.empty_table()
    if row["status"] == "diverged":
        table = table.slice(0, int(np.searchsorted(table["step"].to_numpy(), row["steps"])))
    if not _is_it(row, table["train_loss"].to_numpy()):
        return SCHEMA.empty_table()
    columns = {name: pa.repeat(pa.scalar(row[name]), len(table)) for name in ("run_id", "problem", "optimizer")}
    columns |= {name: table[name] for name in ("step", "w_1", "w_2", "train_loss")}
    return pa.table(columns).cast(SCHEMA)


def _is_it(row: dict[str, Any], loss: np.ndarray) -> bool:
    """Whether these are the losses of the run: it began and ended at the same, or diverged after as many steps."""
    pairs = [(row["loss_initial"], loss[0])]
    if row["status"] == "ok":
        pairs.append((row["loss_final"], loss[-1]))
    elif len(loss) < row["steps"]:
        return False
    return all(_alike(known, value, _SAME[row["dtype"]]) for known, value in pairs)


def _alike(known: float, value: float, same: float) -> bool:
    return isfinite(value) and abs(known - value) <= same * abs(known)
