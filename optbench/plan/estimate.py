"""Estimate the duration of a sweep by the size of its work: within a factor of ten, and without running anything."""

from collections.abc import Iterable
from dataclasses import replace

from optbench.contract.optimizers import Baseline
from optbench.engine.cohort import Cohort
from optbench.plan.planned_cohorts import COHORT_COST, SeedSeries, step_cost

_STEP = 2.0
"""Duration of a run-step, as a multiple of the plan's weight for it."""
_STEP_SECONDS = 1.5e-7
"""Duration of a step of any number of lanes, besides; one of SciPy's takes a thousand times as long."""
_EVALUATION_SECONDS = 1e-4
"""Duration of an evaluation of any number of lanes, besides that of its examples."""
_EXAMPLE_SECONDS = 1.2e-10
"""Duration of an evaluation for each parameter and example."""
_ROW_SECONDS = 1e-6
"""Duration of collecting and writing a row of the curves; a row of the runs takes ten times as long."""


def estimate_duration(series: Iterable[SeedSeries], workers: int) -> float:
    """Return the seconds that the cohorts take from begin to end, with all workers."""
    return sum(map(_estimate_series, _join_blocks(series))) / workers


def _join_blocks(series: Iterable[SeedSeries]) -> list[SeedSeries]:
    """Return the series with one in the place of those that differ only in seeds and in what their settings are."""
    joined: dict[tuple, list[SeedSeries]] = {}
    for each in series:
        cohort = each.cohort
        records = id(cohort.problem), id(cohort.optimizer)
        key = (*records, cohort.batch_size, cohort.dtype, cohort.steps, len(cohort.lanes), each.stage)
        joined.setdefault(key, []).append(each)
    return [replace(same[0], seeds=[seed for each in same for seed in each.seeds]) for same in joined.values()]


def _estimate_series(series: SeedSeries) -> float:
    """Return the seconds that the cohorts of a series take with one worker."""
    seconds, rows = _estimate_cohort(series.cohort), len(series.cohort.lanes) * (10 + len(series.cohort.evaluated))
    limited = min(seconds, series.cohort.deadline or seconds)
    return len(series.seeds) * (limited + rows * _ROW_SECONDS + COHORT_COST * 1e-9)


def _estimate_cohort(cohort: Cohort) -> float:
    """Return the seconds of a cohort's steps and evaluations."""
    problem, lanes = cohort.problem, len(cohort.lanes)
    parts = [part for part in (problem.data, problem.validation, problem.test) if part is not None]
    examples = sum(len(part[0]) for part in parts) or 1
    calls = 1000 * lanes if isinstance(cohort.optimizer, Baseline) else 1
    step = calls * _STEP_SECONDS + lanes * _STEP * 1e-9 * step_cost(cohort)
    evaluation = _EVALUATION_SECONDS + lanes * _EXAMPLE_SECONDS * examples * problem.dim
    return cohort.steps * step + len(cohort.evaluated) * evaluation
