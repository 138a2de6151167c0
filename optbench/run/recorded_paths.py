"""The table ``paths``: every step of the recommended runs on problems of two parameters.

A run keeps a few dozen of its points, and a path drawn through those cuts corners. So each recommended setting of at
most MOST_STEPS steps runs once more, on the first seed of its final stage, and is evaluated after every step.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optbench.analysis.picture_limits import find_picture_limits
from optbench.catalogue import functions
from optbench.contract.problems import Problem
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.cohort_kernels import is_compiled
from optbench.engine.run_cohorts import run
from optbench.plan.planned_cohorts import PlannedCohort, has_user_code, plan_cohort
from optbench.run.chosen import Recommended
from optbench.store.rows import make_schema

# Steps of a path: 0.1 s of a shipped rule and problem at 5 us a step, measured; of a user's seconds
MOST_STEPS = 20_000
"""Steps of the longest run that is repeated; a figure shows a longer one by the points that it keeps."""
# Steps of all paths of a sweep: the file would be 100 MB beyond it; by reasoning
MOST_IN_ALL = 1_000_000
"""Steps of all paths of a sweep; the settings beyond them have none."""
_SECONDS = 10.0
"""Time limit of one path of a user's problem, or of another library's steps."""
_EXAMPLES = 1 << 28
"""Steps times examples of the longest run that is repeated, of a problem on data."""
_TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
"""Relative difference between two losses of the same run."""
_COHORT_COLUMNS = ["problem", "optimizer", "batch_size", "dtype", "seed", "stage", "block"]
"""Columns of ``runs`` whose values the runs of a cohort share."""
_VECTOR_LANES = 16
"""Lanes of the widest vector: with as many beside it, a run has the numbers that it has in its cohort."""
SCHEMA = make_schema("paths")


def make_paths_table(
    settings: Recommended,
    runs: pd.DataFrame,
    trajectory_of: Callable[[PlannedCohort], pa.Table | None],
    until: float | None = None,
) -> pa.Table:
    """Return the table ``paths``: of each problem with a landscape and each optimizer the first reported run.

    Left out are long runs, runs that a time limit stopped, and runs whose numbers are not those in ``runs``.

    Args:
        settings: the recommended settings.
        runs: the table of the sweep's runs.
        trajectory_of: runs a cohort as :func:`run_trajectory` does; None if that failed.
        until: the value of time.monotonic() after which no further run begins.
    """
    parts = [SCHEMA.empty_table()]
    for row, planned in _select_runs(settings, runs):
        if until is not None and time.monotonic() > until:
            break
        parts.append(_make_path(row, trajectory_of(planned)))
    return pa.concat_tables(parts)


def fit_domains(problems: Iterable[Problem], paths: pa.Table) -> list[Problem]:
    """Return problems, where functions of the user's that came without a domain have that of their paths.

    paths: the table.
    """
    found = []
    for problem in problems:
        if functions.has_found_domain(problem):
            table = paths.filter(pc.equal(paths["problem"], problem.name)).to_pandas()
            rows = table.groupby("run_id", sort=False)
            runs = [(part[["w_1", "w_2"]].to_numpy(), part["train_loss"].to_numpy()) for _, part in rows]
            problem = replace(problem, domain=find_picture_limits(runs) or problem.domain)
        found.append(problem)
    return found


def run_trajectory(planned: PlannedCohort) -> pa.Table:
    """Run a cohort in this process and return step, weights and training loss of its first lane, until it diverges."""
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


def _select_runs(settings: Recommended, runs: pd.DataFrame) -> Iterator[tuple[dict[str, Any], PlannedCohort]]:
    """Yield (row of ``runs``, cohort) for each run to repeat; the cohort is evaluated after every step."""
    first = settings.reported_runs.sort_values("seed", kind="stable").drop_duplicates(["problem", "optimizer"])
    by_pair = {(run["problem"], run["optimizer"]): run for run in first.to_dict("records")}
    sizes, steps_left = runs.value_counts(_COHORT_COLUMNS, dropna=False), MOST_IN_ALL
    pairs = zip(settings.rows["problem"], settings.rows["optimizer"], strict=True)
    for pair, (cohort, lane) in zip(pairs, settings.places, strict=True):
        row = by_pair.get(pair)
        if row is None or row["status"] not in ("ok", "diverged"):
            continue
        if not _is_short(cohort) or cohort.steps > steps_left:
            continue
        steps_left -= cohort.steps
        again = _repeat_cohort(cohort, lane, int(row["seed"]), int(sizes[tuple(row[name] for name in _COHORT_COLUMNS)]))
        yield {str(name): value for name, value in row.items()}, plan_cohort(again)


def _is_short(cohort: Cohort) -> bool:
    """Return True if the problem has a landscape, and its run few enough steps and examples to be repeated."""
    if cohort.problem.dim != 2 or cohort.problem.domain is None:
        return False
    examples = 0 if cohort.problem.data is None else cohort.problem.examples
    return cohort.steps <= MOST_STEPS and cohort.steps * examples <= _EXAMPLES


def _repeat_cohort(cohort: Cohort, lane: Lane, seed: int, size: int) -> Cohort:
    """Return the cohort of one run, evaluated at every step; seed, size: its seed and the lanes of its first cohort.

    It has several equal lanes if the run was made in vectors of lanes, which can round in another way.
    """
    compiled = is_compiled(cohort.problem, cohort.optimizer)
    lanes = (lane,) * (min(size, _VECTOR_LANES) if compiled and cohort.problem.form == "lanes" else 1)
    # Only a time limit asks for a call of the kernel at every step: 85 us a step in the place of 3.
    may_be_slow = not compiled or has_user_code(
        cohort.problem.origins + cohort.optimizer.origins + lane.schedule.origins
    )
    limit = _SECONDS if may_be_slow else None
    return replace(cohort, lanes=lanes, seed=seed, points="every", deadline=limit, device="cpu")


def _make_path(row: dict[str, Any], table: pa.Table | None) -> pa.Table:
    """Return the rows of ``paths`` of a run; none if the repeated run has other losses than the recorded one.

    row: of ``runs``; table: from `run_trajectory`, None if that failed.
    """
    if table is None or not len(table):
        return SCHEMA.empty_table()
    if row["status"] == "diverged":
        table = table.slice(0, int(np.searchsorted(table["step"].to_numpy(), row["steps"])))
    if not _is_same_run(row, table["train_loss"].to_numpy()):
        return SCHEMA.empty_table()
    columns = {name: pa.repeat(pa.scalar(row[name]), len(table)) for name in ("run_id", "problem", "optimizer")}
    columns |= {name: table[name] for name in ("step", "w_1", "w_2", "train_loss")}
    return pa.table(columns).cast(SCHEMA)


def _is_same_run(row: dict[str, Any], loss: np.ndarray) -> bool:
    """Return whether these losses begin and end as the run's do, or diverge after as many steps."""
    pairs = [(row["loss_initial"], loss[0])]
    if row["status"] == "ok":
        pairs.append((row["loss_final"], loss[-1]))
    elif len(loss) < row["steps"]:
        return False
    known, values = zip(*pairs, strict=True)
    return bool(np.allclose(values, known, rtol=_TOLERANCE[row["dtype"]], atol=0.0))
