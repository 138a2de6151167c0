"""What lanes had at points of evaluation between the steps of one call, and behind the last of them."""

from collections.abc import Sequence

import numpy as np


class Seen:
    """Arrays with a row for each of the ``inner`` points between the steps, and for the last; none for the last alone.

    Args:
        inner: after which steps.
        w: as the lanes have it, like the loss f.
        f: (runs,)
        state: the rule's, (slots, ...).
        slot: which of these is evaluated; -1: none, but w.
    """

    def __init__(self, inner: Sequence[int], w: np.ndarray, f: np.ndarray, state: np.ndarray, slot: int):
        points = len(inner) + 1 if inner else 0
        self.inner, self.slot = np.array(inner, np.int64), slot
        self.w, self.g = (np.empty((points, *w.shape), w.dtype) for _ in range(2))
        self.f = np.empty((points, len(f)), w.dtype)
        kept = (points, *state.shape[1:]) if slot >= 0 else (0, 0, 0)
        self.kept = np.empty(kept, w.dtype)
        """What the rule reports, in its own order."""

    @property
    def reported(self) -> np.ndarray:
        """What is evaluated, in the problem's form."""
        return self.w if self.slot < 0 else self.kept.reshape(self.w.shape)

    def keep(self, place: int, w: np.ndarray, g: np.ndarray, f: np.ndarray, state: np.ndarray) -> None:
        """Write the row of a point that the lanes have come to."""
        self.w[place], self.g[place], self.f[place] = w, g, f
        if self.slot >= 0:
            self.kept[place] = state[self.slot]
