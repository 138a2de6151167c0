"""Where a run goes, step by step: its weights after each step, and all their losses in a few calls at the end.

A run that is evaluated at every step takes more than twice as long.
"""

import math
import time

import numpy as np

from optbench.engine.cohort import Cohort
from optbench.engine.cpu.code import CohortCode
from optbench.engine.cpu.cohort import compiled
from optbench.engine.cpu.evaluation import Evaluation
from optbench.engine.cpu.lanes import CpuLanes
from optbench.engine.rates import Rates
from optbench.engine.runner import divergence_limit

# Steps: whose rates are drawn ahead, about as quickly as those of one; estimate
_CHUNK = 512
# Weights evaluated in a call: of two parameters, with their scratch, they stay in the cache; estimate
_AT_ONCE = 2048


def footsteps(cohort: Cohort) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the first lane of an optimizer's cohort, on the CPU, every step until it diverges, or until its deadline.

    Returns the steps, the weights (steps, dim) and the training losses; the numbers are those of a run.
    """
    code = compiled(cohort.problem, cohort.optimizer, len(cohort.lanes), cohort.dtype)
    assert isinstance(code, CohortCode)
    evaluation = Evaluation(cohort.problem, code, cohort.dtype)
    together = cohort.lanes[: code.lanes_per_call]
    lanes, rates = CpuLanes(cohort, together, code, evaluation), Rates(together, cohort.per_epoch, cohort.steps)
    lanes.limit[:] = divergence_limit(cohort.problem, lanes.look(False).train[0, 0])
    done, w = 0, [lanes.weights()[0]]
    end = time.monotonic() + (cohort.deadline or math.inf)
    while done < cohort.steps and lanes.alive[0] and time.monotonic() <= end:
        size = min(_CHUNK, cohort.steps - done)
        if rates.draw(done, size):
            break
        factors = rates.factors
        for place in range(size):
            rates.factors = factors[:, place : place + 1]
            lanes.advance(rates, done, 1)
            done += 1
            if not lanes.alive[0]:
                break
            w.append(lanes.weights()[0])
    places = np.array(w)
    return np.arange(len(places)), places, _losses(evaluation, places)


@np.errstate(all="ignore")
def _losses(evaluation: Evaluation, w: np.ndarray) -> np.ndarray:
    parts = []
    size = 1 if evaluation.code.alone else _AT_ONCE
    for first in range(0, len(w), size):
        part = np.ascontiguousarray(w[first : first + size] if evaluation.single else w[first : first + size].T)
        parts.append(evaluation.train(part)[0])
    return np.concatenate(parts)
