"""Loss and metrics of many weights on a whole data set."""

import numpy as np

from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.cpu.code import ProblemCode

_ROWS = 512  # examples taken at a time: their activations stay in the cache


class Evaluation:
    """Means over the examples of a problem, with the scratch that they take. One thread at a time may use it."""

    def __init__(self, problem: Problem, code: ProblemCode, dtype: DtypeName):
        self.problem, self.code, self.dtype = problem, code, dtype
        self.arrays = arrays_of(problem, dtype)
        self.single = problem.form == "single"
        self._work: dict[int, np.ndarray] = {}

    def train(self, w: np.ndarray) -> np.ndarray:
        """Loss and metrics on the training data, (1 + metrics, runs) float64; ``w`` in the problem's form."""
        return self._mean(w, *self.arrays.train)

    def test(self, w: np.ndarray) -> np.ndarray:
        """The same on the test data; NaN where there are none."""
        if self.problem.test is None:
            return np.full((1 + len(self.problem.metrics), w.shape[0 if self.single else 1]), np.nan)
        return self._mean(w, *self.arrays.test)

    def _mean(self, w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.single and len(w) > 1 and (w[-1] == w[0]).all() and (w == w[0]).all():
            # The start of all runs of a cohort, of which each is computed by itself: the same bytes.
            return np.repeat(self._mean(w[:1], x, y), len(w), axis=1)
        runs, count = w.shape[0 if self.single else 1], max(len(x), 1)
        total = np.zeros((1 + len(self.problem.metrics), runs))
        out = np.zeros(total.T.shape if self.single else total.shape, self.dtype)
        work = self._scratch(1 if self.single else runs)
        if self.code.evaluate is None:
            g, f = np.zeros_like(w), np.zeros(runs, self.dtype)
        for first in range(0, count, _ROWS):
            part, target = x[first : first + _ROWS], y[first : first + _ROWS]
            rest = part, target, self.arrays.constants, self.arrays.layout, work
            if self.code.evaluate is not None:
                self.code.evaluate(w, out, *rest)
                values = out.T if self.single else out
            else:
                self.code.gradient(w, g, f, *rest, 0, runs)
                values = f[None]
            total += values * (max(len(part), 1) / count)
        return total

    def _scratch(self, runs: int) -> np.ndarray:
        if runs not in self._work:
            rows = min(_ROWS, max(len(self.arrays.x), len(self.arrays.x_test)))
            self._work[runs] = aligned(scratch_size(self.problem, rows, runs), self.dtype)
        return self._work[runs]
