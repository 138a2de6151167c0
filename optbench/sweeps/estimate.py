"""How long the cohorts of a plan will take."""

from collections.abc import Sequence
from dataclasses import replace

from optbench.engine.run import one_blas_thread, run
from optbench.sweeps.planned import PlannedCohort

_PROBE_SECONDS = 0.02
"""How long a probe of the estimate steps at least: a hundred times what a clock's resolution asks for."""


def estimate(planned: Sequence[PlannedCohort], workers: int) -> float:
    """Seconds that the cohorts will take, from a short probe of each problem x batch size x dtype.

    Cohorts of one stage have about as many runs; those of another stage may have many or few, and are probed besides.
    """
    groups: dict[tuple, list[PlannedCohort]] = {}
    for each in planned:
        cohort = each.cohort
        groups.setdefault((cohort.problem.name, cohort.batch_size, cohort.dtype, each.place.stage), []).append(each)
    total = 0.0
    with one_blas_thread():
        for group in groups.values():
            cohort, steps, spent = max((each.cohort for each in group), key=_slots), 1, 0.0
            while spent < _PROBE_SECONDS and steps < cohort.steps:
                steps = min(4 * steps, cohort.steps)
                probe = replace(cohort, steps=steps, points=None, deadline=None, device="cpu")
                outcome = run(probe)
                spent = outcome.seconds
            stepping = outcome.seconds - outcome.evaluation_seconds
            total += stepping / steps * sum(each.cohort.steps for each in group)
            total += outcome.evaluation_seconds * len(group)
    return total / workers


def _slots(cohort) -> int:
    return len(cohort.optimizer.slots)
