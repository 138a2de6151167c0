"""The region of the plane that a picture of paths shows: where the runs went that did not leave."""

from collections.abc import Sequence

import numpy as np

Limits = tuple[tuple[float, float], tuple[float, float]]
"""((left, right), (bottom, top))."""
# By eye. A run that went farther than so many times the best one has left
_FAR = 3.0
# The best one itself has left if it went farther than so many times the usual run: there may be no minimum
_FARTHEST = 20.0
# Room around the paths, and the least ratio of the sides
_ROOM, _FLATTEST = 0.15, 0.25


def find_picture_limits(paths: Sequence[tuple[np.ndarray, np.ndarray]]) -> Limits | None:
    """Return the limits of a picture of paths; None where there is none, or no run has moved.

    A run counts as far as it stayed near the start, compared with the run of the lowest loss; one that ends above its
    first loss does not count beside others.

    Args:
        paths: of each run its points, (n, 2), and their losses, (n,).
    """
    whole = [(w[ok], loss[ok]) for w, loss in paths if (ok := np.isfinite(w).all(axis=1) & np.isfinite(loss)).any()]
    fallen = [(w, loss) for w, loss in whole if loss[-1] <= loss[0]] or whole
    if not fallen:
        return None
    reaches = [float(np.abs(w - w[0]).max()) for w, _ in fallen]
    best = reaches[int(np.argmin([loss[-1] for _, loss in fallen]))]
    reach = _FAR * min(best or max(reaches), _FARTHEST * (float(np.median(reaches)) or best))
    near = np.concatenate([w[np.abs(w - w[0]).max(axis=1) <= reach] for w, _ in fallen])
    low, high = near.min(axis=0), near.max(axis=0)
    half = np.maximum(high - low, _FLATTEST * (high - low).max()) * (0.5 + _ROOM)
    middle = (low + high) / 2
    if not (half > 0).all() or not np.isfinite([middle - half, middle + half]).all():
        return None
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return (left, right), (bottom, top)
