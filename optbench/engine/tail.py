"""The value by which runs are compared: the mean log suboptimality over the last fifth of a run."""

import numpy as np

from optbench.contract.bounds import FLOOR
from optbench.engine.cohort import Cohort
from optbench.engine.outcome import Outcome
from optbench.engine.points import first_of_tail, tail_is_evaluated


def tail_source(cohort: Cohort) -> str:
    """What the tail's value comes from: "evaluations" of the full loss, or "batches": the losses of its steps."""
    evaluated = tail_is_evaluated(cohort.problem, cohort.evaluated, cohort.steps)
    return "evaluations" if evaluated else "batches"


def log_tail(cohort: Cohort, part: Outcome) -> np.ndarray:
    """Mean over the last fifth of the steps of ln max(f - f*, floor), lower is better.

    From evaluations it is the mean of the logarithms; from mini-batches the logarithm of their mean loss, as a single
    batch may lie below the minimum of all. inf for a run that diverged, NaN for one that a deadline cut.

    Returns:
        (runs,) float64
    """
    minimum = cohort.problem.minimum
    floor = FLOOR * max(1.0, abs(minimum))
    if part.steps < cohort.steps and (part.diverged_at == 0).any():
        value = np.full(len(part.diverged_at), np.nan)
    elif part.tail_loss is not None:
        value = np.log(np.fmax(part.tail_loss - minimum, floor))
    else:
        rows = part.train[part.points >= min(first_of_tail(cohort.steps), part.points[-1]), 0]
        value = np.log(np.fmax(rows - minimum, floor)).mean(axis=0)
    return np.where(part.diverged_at > 0, np.inf, value)
