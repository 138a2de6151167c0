"""Lanes that are one run for a while: of one rate and the same hyperparameters, until their schedules differ.

Schedules by the epoch are the same in the first one, which is a sixth of a run of six epochs. Of such lanes, where a
kernel takes them one by one, the first makes the steps and the others are given what it has: the same bits.
"""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.code import is_compiled
from optbench.engine.rates import Rates

_ASKED = 1 << 12  # steps whose rates tell which lanes stay together behind them, too


class Twins:
    """Which lanes still are one run.

    of: (lanes,) for each the first lane that has been the same so far; often itself.
    """

    def __init__(self, lanes: Sequence[Lane]):
        self.of = _first(_settings(lanes))

    def pieces(
        self, factors: np.ndarray, schedule_of: np.ndarray, alive: np.ndarray
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Cut steps where lanes part: of each piece the first step, that behind the last, and the lanes that follow.

        Args:
            factors: (schedules, steps): what rates are multiplied with.
            schedule_of: (lanes,): which row of it.
            alive: (lanes,) bool, looked at before each piece.
        """
        first, steps = 0, factors.shape[1]
        while first < steps:
            now = factors[schedule_of, first].tolist()
            self.of = _first(list(zip(self.of.tolist(), now, alive.tolist(), strict=True)))
            followers = np.flatnonzero(self.of != np.arange(len(self.of)))
            last, leaders = steps, self.of[followers]
            for pair in set(zip(schedule_of[followers].tolist(), schedule_of[leaders].tolist(), strict=True)):
                mine, other = factors[pair, first:last]
                apart = mine != other
                last = first + int(apart.argmax()) if apart.any() else last
            yield first, last, followers
            first = last


def made(cohort: Cohort) -> tuple[float, float]:
    """Which share of its run-steps, and of its evaluations, a cohort makes; the rest is given to lanes by others."""
    if cohort.problem.form != "single" or not is_compiled(cohort.problem, cohort.optimizer):
        return 1.0, 1.0
    lanes, asked = len(cohort.lanes), min(cohort.steps, _ASKED)
    rates, twins = Rates(cohort.lanes, cohort.per_epoch, cohort.steps), Twins(cohort.lanes)
    rates.draw(0, asked)
    steps, looks, points = 0, 1, cohort.evaluated
    for first, last, followers in twins.pieces(rates.factors, rates.schedule_of, np.ones(lanes, bool)):
        last = cohort.steps if last == asked else last
        steps += (last - first) * (lanes - len(followers))
        looks += int(np.diff(np.searchsorted(points, (first, last), "right"))[0]) * (lanes - len(followers))
    return steps / (cohort.steps * lanes), looks / (len(points) * lanes)


def grouped(lanes: Sequence[Lane]) -> np.ndarray:
    """(lanes,): an order in which those that may be twins stand together, so that one call has them."""
    return np.argsort(_first(_settings(lanes)), kind="stable")


def _settings(lanes: Sequence[Lane]) -> list[Hashable]:
    """All that tells lanes apart but their schedules."""
    return [(lane.lr, *sorted(lane.hyperparameters.items())) for lane in lanes]


def _first(keys: Sequence[Hashable]) -> np.ndarray:
    """(keys,): the place of the first one that is the same."""
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(key, place) for place, key in enumerate(keys)])
