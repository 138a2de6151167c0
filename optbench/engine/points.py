"""The steps at which a run is evaluated, and those of its tail, the last fifth, by which runs are compared."""

import numpy as np

from optbench.contract.problems import Problem
from optbench.engine.batches import steps_per_epoch

_MOST = 24
"""Points between start and tail: eight a decade over three decades of steps draw a smooth curve on a log axis."""
_SHARE = 0.15
"""What evaluations on data may cost, as a share of the run's own work."""
_LEAST = 6
"""Points that a run on data gets whatever they cost."""
_PASS = 3
"""A training pass over an example costs about as much as this many forward passes; with one hidden layer two."""
_TAIL = 12
"""Points in the tail, where that share allows them."""
ENOUGH = 10
"""Evaluations in the tail whose mean stands for it; with fewer, the mini-batches' losses do."""


def evaluation_points(problem: Problem, steps: int, batch_size: int) -> np.ndarray:
    """Steps to evaluate at: start, end, log-spaced ones between, twelve in the last fifth, and each epoch if few.

    At most 24 log-spaced ones. On data all of them may cost about 15% of the run's own work (an evaluation is a forward
    pass over all examples, a third of what a training pass costs); where that is too little, the last fifth gets none
    of its own, and six stay, which cost short runs of networks a third of their time. What it did cost is in the table
    ``timings``. Returns (p,) int, in order.
    """
    count, tail, epochs = _MOST, _TAIL, True
    per_epoch = steps_per_epoch(problem.examples, batch_size)
    if problem.data is not None:
        examples = len(problem.data[0]) + (len(problem.test[0]) if problem.test is not None else 0)
        payable = _SHARE * _PASS * steps * min(batch_size, problem.examples) / examples
        tail = _TAIL if payable >= _LEAST + ENOUGH else 0
        count, epochs = int(np.clip(payable - tail, _LEAST, _MOST)), payable >= _LEAST
    points = {0, steps, *np.geomspace(1, max(steps, 1), count).astype(int).tolist()}
    if tail:
        points.update(np.linspace(first_of_tail(steps), steps, tail).astype(int).tolist())
    if epochs and steps // per_epoch <= count:
        points.update(range(per_epoch, steps, per_epoch))
    return np.array(sorted(point for point in points if point <= steps))


def first_of_tail(steps: int) -> int:
    """The first step of the last fifth of a run of so many steps."""
    return max(1, steps - max(1, steps // 5) + 1)


def tail_is_evaluated(points: np.ndarray, steps: int) -> bool:
    """Whether a run that is evaluated at ``points`` has ten of them in its tail, or all that there are."""
    first = first_of_tail(steps)
    return int((points >= first).sum()) >= min(ENOUGH, steps - first + 1)
