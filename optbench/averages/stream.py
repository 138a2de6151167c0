"""Exponentially weighted averages (lecture B) of values that come one by one."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from optbench.averages.array import FADED, Beta
from optbench.contract.arguments import checked, real_array
from optbench.contract.errors import OptbenchError


class EWA:
    """Exponentially weighted averages of values that come one by one.

    v_t = beta v_{t-1} + (1 - beta) theta_t with v_0 = 0 (lecture B1), in memory that does not grow with t: two float64
    numbers an element, whatever beta is. The values are bit for bit those of :func:`optbench.ewa` along the last axis
    of ``np.stack(thetas, axis=-1)``; NaN and inf propagate as there. It can be pickled.

    Args:
        beta: in [0, 1); the lecture's usual one is 0.9 (B2).
        bias_correction: divide v_t by 1 - beta^t (lecture B5).

    Raises:
        OptbenchError: another beta.

    Example:
        >>> average = EWA(beta=0.9)
        >>> [round(float(average.update(theta)), 2) for theta in (40.0, 49.0, 45.0)]
        [4.0, 8.5, 12.15]

    Source:
        Lecture B1 and B5.
    """

    @checked
    def __init__(self, beta: Beta = 0.9, bias_correction: bool = False):
        """Raise OptbenchError for a beta outside [0, 1)."""
        self.beta, self.bias_correction = beta, bias_correction
        self.steps = 0
        self.dtype: np.dtype = np.dtype(np.float64)
        self.shape: tuple[int, ...] | None = None
        # v_t = power * start + block: the average at the last multiple of four, and what came since (see array._scan).
        self._start: Any = 0.0
        self._block: Any = 0.0
        self._power = 1.0
        self._fading, self._rest = 1.0, 0.0  # beta^t and 1 - beta^t

    def __repr__(self) -> str:
        return f"EWA(beta={self.beta!r}, bias_correction={self.bias_correction}), steps={self.steps}"

    def update(self, theta: ArrayLike) -> np.ndarray | np.floating:
        """Take theta_t and return the new average.

        Args:
            theta: a number or an array of any shape, averaged element by element; float32 stays float32, and is
                averaged in float64; anything else becomes float64.

        Returns:
            v_t, of theta's shape and precision.

        Raises:
            OptbenchError: theta is no real number, or of another shape or precision than the first.
        """
        theta = real_array("EWA: theta", theta)
        if self.steps == 0:
            self.dtype, self.shape = theta.dtype, theta.shape
        elif (theta.dtype, theta.shape) != (self.dtype, self.shape):
            first, now = (f"{dtype} of shape {shape}" for dtype, shape in
                          ((self.dtype, self.shape), (theta.dtype, theta.shape)))  # fmt: skip
            raise OptbenchError(f"EWA: theta is {now}, but the first was {first}")
        gain = 1.0 - self.beta
        with np.errstate(all="ignore"):
            part = gain * (theta.astype(np.float64) if theta.ndim else float(theta))  # floats are quicker than arrays
            if self.steps % 4 == 0:
                self._start, self._block, self._power = self._average(), part, 1.0
            else:
                self._block *= self.beta
                self._block += part
        self._power *= self.beta
        self.steps += 1
        if self._fading > FADED:
            self._fading *= self.beta
            self._rest = self.beta * self._rest + gain
        else:
            self._rest = 1.0
        return self.value

    def _average(self):
        """Return v_t in float64, without bias correction."""
        return self._power * self._start + self._block

    @property
    def value(self) -> Any:
        """The average v_t, a number or an array like theta; before the first theta 0, or NaN with bias correction."""
        if self.steps == 0:
            return math.nan if self.bias_correction else 0.0
        with np.errstate(all="ignore"):
            average = self._average()
            if self.bias_correction:  # before v_t is rounded
                average = average / self._rest
        average = np.asarray(average).astype(self.dtype, copy=False)
        return average[()]
