"""The steps at which a run is evaluated, those of its last fifth among them, by which runs are compared."""

import numpy as np

from optbench.contract.problems import Problem
from optbench.engine.batches import steps_per_epoch

_MOST = 24
"""Points between start and end: eight a decade over three decades of steps draw a smooth curve on a log axis."""
_SHARE = 0.15
"""What evaluations on data may cost, as a share of the run's own work."""
_LEAST = 6
"""Points that a run on data gets whatever they cost."""
_PASS = 3
"""A training pass over an example costs about as much as this many forward passes; with one hidden layer two."""
_TAIL = 12
"""Points in the last fifth, where that share allows them."""
_LEAST_TAIL = 5
"""Points in the last fifth, whatever they cost."""


def evaluation_points(problem: Problem, steps: int, batch_size: int) -> np.ndarray:
    """Return the steps to evaluate at: start, end, log-spaced ones, some in the last fifth, and each epoch if few.

    A run's score is the mean over the last fifth (engine/tail.py). How many points lie there depends on problem, steps
    and batch size alone: never on the optimizer, so that all optimizers of a problem are scored in the same way.

    At most 24 points are log-spaced and twelve lie in the last fifth. On data all of them may cost about 15% of the
    run's own work (an evaluation is a forward pass over all examples, a third of what a training pass costs). Where
    that is too little six and five stay, which takes 30 to 50% of the time of short runs. The table ``timings`` has
    what they did cost. Returns (p,) int, in order.
    """
    count, tail, epochs = _MOST, _TAIL, True
    per_epoch = steps_per_epoch(problem.examples, batch_size)
    if problem.data is not None:
        examples = len(problem.data[0]) + (len(problem.test[0]) if problem.test is not None else 0)
        payable = _SHARE * _PASS * steps * min(batch_size, problem.examples) / examples
        tail = _TAIL if payable >= _LEAST + _TAIL else _LEAST_TAIL
        count, epochs = int(np.clip(payable - tail, _LEAST, _MOST)), payable >= _LEAST
    points = {0, steps, *np.geomspace(1, max(steps, 1), count).astype(int).tolist()}
    points.update(np.linspace(first_of_tail(steps), steps, tail).astype(int).tolist())
    if epochs and steps // per_epoch <= count:
        points.update(range(per_epoch, steps, per_epoch))
    return np.array(sorted(point for point in points if point <= steps))


def first_of_tail(steps: int) -> int:
    """Return the first step of the last fifth of a run of so many steps."""
    return max(1, steps - max(1, steps // 5) + 1)
