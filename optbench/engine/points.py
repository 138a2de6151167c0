"""The steps at which a run is evaluated, and those of its tail, the last fifth, by which runs are compared."""

import numpy as np

from optbench.contract.bounds import is_bound
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
"""Evaluations in the tail whose mean stands for it; with fewer, the mini-batches' losses may."""
EXACT = 5
"""Points in the tail, whatever they cost, where the mini-batches' losses may not."""


def evaluation_points(problem: Problem, steps: int, batch_size: int) -> np.ndarray:
    """Steps to evaluate at: start, end, log-spaced ones between, twelve in the last fifth, and each epoch if few.

    At most 24 log-spaced ones. On data all of them may cost about 15% of the run's own work (an evaluation is a forward
    pass over all examples, a third of what a training pass costs). Where that is too little six stay, and the last
    fifth gets five or, if mini-batches may stand in, none of its own: a third of the time of short runs of networks,
    half of those of linear models. What it did cost is in the table ``timings``. Returns (p,) int, in order.
    """
    count, tail, epochs = _MOST, _TAIL, True
    per_epoch = steps_per_epoch(problem.examples, batch_size)
    if problem.data is not None:
        examples = len(problem.data[0]) + (len(problem.test[0]) if problem.test is not None else 0)
        payable = _SHARE * _PASS * steps * min(batch_size, problem.examples) / examples
        fewer = 0 if _batches_may_stand_in(problem) else EXACT
        tail = _TAIL if payable >= _LEAST + ENOUGH else fewer
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


def tail_is_evaluated(problem: Problem, points: np.ndarray, steps: int) -> bool:
    """Whether a run that is evaluated at ``points`` is compared by those in its tail.

    It is where there are ten of them, or all that there could be, or where nothing else may serve.
    """
    first = first_of_tail(steps)
    return not _batches_may_stand_in(problem) or int((points >= first).sum()) >= min(ENOUGH, steps - first + 1)


def _batches_may_stand_in(problem: Problem) -> bool:
    """Whether the mean loss of mini-batches may stand for that of all examples.

    Not where runs come near a minimum above the bound of all losses: batches then lie as often below it as above, by
    more than a good run differs from it. Of gd's runs of five epochs on logistic a quarter seemed to have reached it.
    """
    return problem.data is None or is_bound(problem.minimum_source)
