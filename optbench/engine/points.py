"""The steps at which a run is evaluated."""

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
"""A training pass over an example costs about as much as this many forward passes."""


def evaluation_points(problem: Problem, steps: int, batch_size: int) -> np.ndarray:
    """Steps to evaluate at: the start, the end, log-spaced ones between, and each epoch if they are few enough.

    At most 24 log-spaced ones; on data, as many as cost about 15% of the run's own work, but at least 6 (an
    evaluation is a forward pass over all examples, a third of what a training pass costs). What it did cost is in
    the table ``timings``. Returns (p,) int, in order.
    """
    count, per_epoch = _MOST, steps_per_epoch(problem.examples, batch_size)
    if problem.data is not None:
        examples = len(problem.data[0]) + (len(problem.test[0]) if problem.test is not None else 0)
        count = int(np.clip(_SHARE * _PASS * steps * min(batch_size, problem.examples) / examples, _LEAST, count))
    points = {0, steps, *np.geomspace(1, max(steps, 1), count).astype(int).tolist()}
    if steps // per_epoch <= count:
        points.update(range(per_epoch, steps, per_epoch))
    return np.array(sorted(point for point in points if point <= steps))
