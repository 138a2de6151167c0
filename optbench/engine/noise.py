"""The gradient noise of problems without data.

A problem without data is a finite sum of nominal examples f_i(w) = weight_i f(w) + b_i'w, whose weights have the mean 1
and whose b_i the mean 0, both normal. Their means over each mini-batch are drawn, the weight behind the b_i; an epoch's
come from new examples, and the mean over it is f.
"""

import numpy as np

from optbench.compiler import finite_sums
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine.kept_draws import Drawn

# Standard deviation of an example's weight: measured on data, as the examples' gradients along the mean one, over its
# square: 0.25 to 1.7 at the start and after 10 and 100 steps of gd on softmax, logistic and mlp.
WEIGHTS = 0.5
"""Standard deviation of the weights of examples in a problem without data, whose mean is 1."""
# Normal numbers drawn at a time: 32 KiB. Measured, Rosenbrock gd 50 lanes, ns a step: 187, and 196 where a whole
# chunk of steps is drawn at once
_AT_ONCE = 1 << 12
"""Normal numbers drawn at a time: they stay in the L1 cache."""


class _Source:
    """Draws the noise of one step after the other."""

    def __init__(self, spread: np.ndarray, examples: int, size: int, key: tuple[int, ...], dtype: DtypeName):
        numbers = len(spread)
        self.done, self.row, self.ahead = 0, (numbers, dtype), 0
        self._dtype, self._examples, self._size = dtype, examples, size
        self._random = np.random.default_rng(np.random.SeedSequence(key))
        self._left, self._spread = np.zeros(numbers), spread
        self._normal = np.empty((max(1, _AT_ONCE // numbers), numbers))
        self._centre = np.zeros(numbers)
        self._centre[-1] = 1.0

    def draw(self, out: np.ndarray) -> None:
        """Write the noise of the next ``len(out)`` steps, (steps, dim + 1)."""
        per_epoch, means = -(-self._examples // self._size), finite_sums.means(self._dtype)
        for at in range(0, len(out), len(self._normal)):
            part, done = out[at : at + len(self._normal)], self.done
            self.done += len(part)
            lasts = self.done // per_epoch - done // per_epoch
            z = self._random.standard_normal(out=self._normal[: len(part) - lasts])
            means(z, self._centre, self._spread, self._left, self._examples, self._size, done, part)


def noise(problem: Problem, size: int, key: tuple[int, ...], dtype: DtypeName) -> Drawn:
    """That of a run whose mini-batches have ``size`` examples. ``key``: of its random numbers."""
    spread = _spread(problem)
    name = ("noise", spread.tobytes(), problem.examples, size, key, dtype)
    return Drawn(name, lambda: _Source(spread, problem.examples, size, key, dtype))


def _spread(problem: Problem) -> np.ndarray:
    """Standard deviation of what one example adds to the gradient, (dim,), and of its weight behind that."""
    curvature = np.ones(problem.dim) if problem.curvature is None else np.asarray(problem.curvature, float)
    return np.append(problem.noise * np.sqrt(curvature / curvature.mean()), WEIGHTS)
