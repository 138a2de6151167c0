"""From what was measured of a side to how its step is made: momentum, corrections, look-ahead, scale."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from optbench.checks.against.probes import STEPS, Probe

# Relative difference: between the rounding of a measured number and another formula
_CLOSE = 1e-6
"""How near a measured number must be to a formula."""


@dataclass
class Shape:
    """How a step is made, as far as it is of the usual kind."""

    beta1: float
    """The factor by which an earlier gradient counts less with each step; 0 without momentum."""
    first: float
    """How much more the first gradient counts than that rule says."""
    ahead: np.ndarray
    """How much more the last gradient counts than that rule says, at each step: 1 without a look-ahead."""
    corrected: bool | None
    """Whether the average of gradients is bias-corrected; None without momentum."""
    corrected_squares: bool | None
    """The same of the squares; None where there are none, or no average of them."""
    offset: int
    """How far the step that the corrections count is from the step's number."""
    scale: float
    """What a gradient counts in the step that it belongs to, over the rate, without look-ahead and corrections."""
    gain: float
    """How long a step becomes on equal gradients, over the rate, in the long run."""


def shape_of(probe: Probe) -> Shape | None:
    """The shape; None where the step is made in another way."""
    h = probe.weights
    last, largest = h[-1], float(np.abs(h).max())
    if not probe.linear or not largest or not np.isfinite(h).all():
        return None
    diagonal = np.diag(h)
    if np.abs(h - np.diag(diagonal)).max() < 1e-9 * largest:
        beta1, ahead, first, rows = 0.0, np.ones(STEPS - 2), 1.0, diagonal[2:]
    else:
        if np.any(last == 0):
            return None
        ratios = last[1:-2] / last[2:-1]
        beta1 = float(np.median(ratios))
        if not 0 < beta1 < 1 or np.abs(ratios / beta1 - 1).max() > _CLOSE:
            return None
        rows = np.array([h[t, t - 1] for t in range(2, STEPS)])
        ahead = diagonal[2:] * beta1 / rows
        first = float(last[0] / (beta1 * last[1]))
    found = _corrections(rows, beta1, probe.beta2)
    if found is None:
        return None
    corrected, squares, offset, level = found
    looks = bool(np.abs(ahead - 1).max() > _CLOSE)
    scale = level if not beta1 else level / beta1 ** (2 if looks else 1)
    gain = level if not beta1 else level * float(ahead[-1]) / beta1 + level / (1 - beta1)
    return Shape(beta1, first, ahead, corrected, squares, offset, scale, gain)


def correction(beta: float, t: np.ndarray) -> np.ndarray:
    """1 - beta^t, and t for a sum."""
    return t.astype(float) if beta > 1 - 1e-9 else 1 - beta**t


def _corrections(rows: np.ndarray, beta1: float, beta2: float | None):
    """Which corrections leave the same number at every step (steps 3 to the last): the simplest ones that do."""
    t = np.arange(3, STEPS + 1)
    squares = beta2 is not None and 0 < beta2 < 1 + 1e-9
    for offset, mean, mean2 in product((0, 1, -1), (False, True), (True, False)):
        if (mean and not beta1) or (not mean2 and not squares) or (offset and not (mean or (mean2 and squares))):
            continue
        factor = np.ones(len(t))
        if mean:
            factor = factor / correction(beta1, t + offset)
        if squares and mean2:
            factor = factor * np.sqrt(correction(beta2, t + offset) / correction(beta2, t))
        elif squares:
            factor = factor / np.sqrt(correction(beta2, t))
        level = rows / factor
        if np.abs(level / level[-1] - 1).max() < _CLOSE:
            return mean if beta1 else None, mean2 if squares else None, offset, float(level[-1])
    return None
