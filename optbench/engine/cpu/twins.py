"""Lanes that are one run for a while: of one rate and the same hyperparameters, until their schedules differ.

Schedules by the epoch are the same in the first one, which is a sixth of a run of six epochs. Of such lanes, where a
kernel takes them one by one, the first makes the steps and the others are given what it has: the same bits.
"""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from optbench.engine.cohort import Lane


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
            last = steps
            for pair in set(
                zip(schedule_of[followers].tolist(), schedule_of[self.of[followers]].tolist(), strict=True)
            ):
                mine, other = factors[pair, first:last]
                apart = mine != other
                last = first + int(apart.argmax()) if apart.any() else last
            yield first, last, followers
            first = last


def side_by_side(lanes: Sequence[Lane]) -> np.ndarray:
    """(lanes,): an order in which those that may be twins stand together, so that one call has them."""
    return np.argsort(_first(_settings(lanes)), kind="stable")


def _settings(lanes: Sequence[Lane]) -> list[Hashable]:
    """All that tells lanes apart but their schedules."""
    return [(lane.lr, *sorted(lane.hyperparameters.items())) for lane in lanes]


def _first(keys: Sequence[Hashable]) -> np.ndarray:
    """(keys,): the place of the first one that is the same."""
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(key, place) for place, key in enumerate(keys)])
