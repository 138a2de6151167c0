"""What lanes had at points of evaluation between the steps of one call, and behind the last of them."""

from collections.abc import Sequence

import numpy as np


class Seen:
    """A row for each of the ``inner`` points between the steps, and for the last; none for the last alone.

    Args:
        inner: after which steps.
        w: as the lanes have it, like all here in the problem's form.
        reported: what is evaluated; w itself where the rule reports nothing else.
        runs: how many lanes there are.
    """

    def __init__(self, inner: Sequence[int], w: np.ndarray, reported: np.ndarray, runs: int):
        points = len(inner) + 1 if inner else 0
        self.inner = np.array(inner, np.int64)
        self.all = np.empty((points, 2 if reported is w else 3, *w.shape), w.dtype)
        """Of each point w, what is reported if that is something else, and g."""
        self.f = np.empty((points, runs), w.dtype)
        self.w, self.reported, self.g = self.all[:, 0], self.all[:, -2], self.all[:, -1]

    def keep(self, place: int, w: np.ndarray, reported: np.ndarray, g: np.ndarray, f: np.ndarray) -> None:
        """Write the row of a point that the lanes have come to."""
        self.w[place], self.reported[place], self.g[place], self.f[place] = w, reported, g, f
