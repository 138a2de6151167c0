"""The value by which runs are compared: the mean log suboptimality over the last fifth of a run."""

import numpy as np

from optbench.contract.problems import FLOOR
from optbench.engine.cohort import Cohort
from optbench.engine.outcome import Outcome
from optbench.engine.points import first_of_tail


def log_tail(cohort: Cohort, part: Outcome) -> np.ndarray:
    """Return the mean of ln max(f - f*, floor) over the evaluations in the last fifth of the steps, lower is better.

    f is the loss on all training data of the iterate that is reported, which some rules do not step (``average``,
    ``lookahead``). inf for a run that diverged, NaN for one that a deadline cut.

    Returns:
        (runs,) float64
    """
    minimum = cohort.problem.minimum
    if part.steps < cohort.steps and (part.diverged_at == 0).any():
        value = np.full(len(part.diverged_at), np.nan)
    else:
        late = part.points >= min(first_of_tail(cohort.steps), part.points[-1])
        value = np.log(np.fmax(part.train[late, 0] - minimum, FLOOR * max(1.0, abs(minimum)))).mean(axis=0)
    return np.where(part.diverged_at > 0, np.inf, value)
