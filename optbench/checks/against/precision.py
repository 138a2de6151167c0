"""Whether a side keeps numbers in less than float64, as its answer to a very small change of a gradient shows."""

from dataclasses import replace

import numpy as np

from optbench.checks.against.probes import MATRIX, steps
from optbench.checks.against.sides import Side
from optbench.contract.errors import OptbenchError

_SECOND = (0.6, 1.1, 1.7, 2.3, 3.1)
"""Gradients that are changed a little, after one of 1."""
_LITTLE = 1e-9
"""By what part: float32 knows of 6e-8."""
_MORE = 1e-3
"""By what part they are changed for the slope that is expected."""
_SEEN = 1e-12
"""What the expected change must exceed, as a part of the step, to be more than rounding in float64."""
# Of a change: 100 times what rounding does at `_SEEN`; none of 41 rules in float64 is taken for float32 (measured)
_OFF = 0.01
"""How far from the expected change another one is, as a part of it."""


def is_coarse(side: Side) -> bool:
    """Whether the step hardly ever goes along with a gradient that changes by less than float32 can tell."""
    for shapes in (side.asked_on, MATRIX):
        try:
            return _is_coarse(replace(side, asked_on=shapes))
        except OptbenchError:
            continue
    return False


def _is_coarse(side: Side) -> bool:
    votes = []
    for second in _SECOND:
        there, near, low, high = (
            float(steps(side, np.array([1.0, second * (1 + part), 1.0]))[-1]) for part in (0.0, _LITTLE, -_MORE, _MORE)
        )
        expected = (high - low) / (2 * _MORE) * _LITTLE
        if abs(expected) > _SEEN * abs(there) and np.isfinite(near - there):
            votes.append(abs(near - there - expected) > _OFF * abs(expected))
    return sum(votes) > len(votes) / 2
