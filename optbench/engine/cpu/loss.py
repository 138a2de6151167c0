"""Loss and metrics of many weights on a whole data set."""

import numpy as np

from optbench.contract.problems import Problem
from optbench.engine.arrays import aligned, arrays

_ROWS = 512  # examples taken at a time: their activations stay in the cache


class Loss:
    """A problem's fixed arrays, and ``mean`` over its examples."""

    def __init__(self, problem: Problem, code, dtype: str):
        self.problem, self.code, self.dtype = problem, code, dtype
        self.single = problem.form == "single"
        self.train, self.test = arrays(problem.data, dtype), arrays(problem.test, dtype)
        self.constants = np.require(problem.constants, dtype, ["C", "W"]).reshape(-1)
        self.layout = np.require(problem.layout, np.int64, ["C", "W"]).reshape(-1)
        self._work = {}

    def work(self, rows: int, runs: int) -> np.ndarray:
        """Scratch for a call on that many rows and runs."""
        size = self.problem.work(max(rows, 1), 1 if self.single else runs) if self.problem.work else 0
        return aligned(size, self.dtype)

    def mean(self, w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss and metrics on all examples, (1 + metrics, runs) float64; ``w`` in the problem's form."""
        runs, count = w.shape[0 if self.single else 1], max(len(x), 1)
        if runs not in self._work:
            self._work[runs] = self.work(min(_ROWS, max(len(self.train[0]), len(self.test[0]))), runs)
        total = np.zeros((1 + len(self.problem.metrics), runs))
        out = np.zeros(total.T.shape if self.single else total.shape, self.dtype)
        g, f = np.zeros_like(w), np.zeros(runs, self.dtype)
        for first in range(0, count, _ROWS):
            part, target = x[first : first + _ROWS], y[first : first + _ROWS]
            rest = (part, target, self.constants, self.layout, self._work[runs])
            if self.code.evaluate is not None:
                self.code.evaluate(w, out, *rest)
                values = out.T if self.single else out
            else:
                self.code.gradient(w, g, f, *rest, 0, runs)
                values = f[None]
            total += values * (max(len(part), 1) / count)
        return total
