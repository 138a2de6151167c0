"""Loss and metrics of many weights on a whole data set."""

from collections.abc import Sequence

import numpy as np

from optbench.compiler.driver import evaluations
from optbench.compiler.kernels import Kernel
from optbench.compiler.numba_compat import is_plain
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.cpu.cohort_kernels import ProblemCode

# Examples in one pass of an evaluation: their activations stay in the cache. Measured, evaluating at every step, gd,
# 64 lanes, at 64, 128, 256, 512, 1024, 2048: MLP 0.97, 0.92, 0.92, 1.00, 0.98, 1.01; softmax 1.07, 1.01, 1.00, 1.00,
# 1.02, 1.03. Flat
_ROWS = 512


class Evaluator:
    """Means over the examples of a problem, with the scratch that they take. One thread at a time may use it.

    ``train``, ``validation`` and ``test`` take weights of p points, (p, runs, dim) in single form, (p, dim, runs) in
    lanes form.
    """

    def __init__(self, problem: Problem, code: ProblemCode, dtype: DtypeName):
        """Take the problem's arrays in a dtype; the scratch is allocated at the first evaluation."""
        self.problem, self.code, self.dtype = problem, code, dtype
        self.arrays = arrays_of(problem, dtype)
        self.single = problem.form == "single"
        self._scratch_runs, self._results_shape = 0, (0, 0)

    def train(self, points: np.ndarray) -> np.ndarray:
        """Return loss and metrics on the training data, (p, 1 + metrics, runs) float64."""
        return self._means(points, *self.arrays.train)

    def validation(self, points: np.ndarray) -> np.ndarray:
        """Return the same on the validation data; NaN if there are none."""
        return self._held_out(points, self.problem.validation, self.arrays.validation)

    def test(self, points: np.ndarray) -> np.ndarray:
        """Return the same on the test data; NaN if there are none."""
        return self._held_out(points, self.problem.test, self.arrays.test)

    def _held_out(self, points: np.ndarray, given: tuple | None, arrays: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return `_means` on these arrays of the problem's examples ``given``; NaN if there are none."""
        if given is None:
            runs = points.shape[1 if self.single else 2]
            return np.full((len(points), 1 + len(self.problem.metrics), runs), np.nan)
        return self._means(points, *arrays)

    def groups(self, w: np.ndarray, groups: Sequence[slice]) -> np.ndarray:
        """Return the same on groups of consecutive test examples, (groups, 1 + metrics, runs), of a single point."""
        (x, y), ends = self.arrays.test, np.array([groups[0].start, *(each.stop for each in groups)])
        if np.diff(ends).max() > _ROWS:
            return np.array([self._means(w[None], x[rows], y[rows])[0] for rows in groups])
        return self._evaluate(w[None], x, y, ends).astype(float)

    def _means(self, points: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return loss and metrics, (p, 1 + metrics, runs), as means over the examples x, y, _ROWS of them at a time."""
        count, total = max(len(x), 1), np.zeros(())
        for first in range(0, count, _ROWS):
            part, target = x[first : first + _ROWS], y[first : first + _ROWS]
            share = max(len(part), 1) / count
            total = total + self._evaluate(points, part, target, np.array([0, len(part)])) * share
        return total

    def _evaluate(self, points: np.ndarray, x: np.ndarray, y: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return loss and metrics on each group of the examples x, y, (groups * p, 1 + metrics, runs).

        ends: (groups + 1,): where the groups begin and end.
        """
        gradient, evaluate = self.code.gradient, self.code.evaluate
        count, runs = len(points), points.shape[1 if self.single else 2]
        (g, work), (f, out) = self._scratch(runs), self._results((len(ends) - 1) * count, runs)
        points, rest = np.ascontiguousarray(points), (self.arrays.constants, self.arrays.layout, work)
        if isinstance(gradient, Kernel) and not is_plain() and isinstance(evaluate, Kernel | None):
            callees = gradient.callee, evaluate.callee if evaluate is not None else 0
            evaluations(self.dtype)(*callees, points, g, f, out, x, y, *rest, ends)
        else:
            for place, (loss, values) in enumerate(zip(f, out, strict=True)):
                rows, w = slice(*ends[place // count : place // count + 2]), points[place % count]
                if evaluate is not None:
                    evaluate(w, values, x[rows], y[rows], *rest)
                else:
                    gradient(w, g, loss, x[rows], y[rows], *rest, 0, runs)
        return f[:, None] if evaluate is None else out.swapaxes(1, 2) if self.single else out

    def _results(self, points: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
        """Return f and out, zeros, for so many points and runs; the arrays are reused by the next call of that size."""
        if (points, runs) != self._results_shape:
            values = 1 + len(self.problem.metrics)
            f = aligned((points, runs), self.dtype)
            out = aligned((points, *((runs, values) if self.single else (values, runs))), self.dtype)
            self._results_shape, self._result_arrays = (points, runs), (f, out)
        for array in self._result_arrays:
            array.fill(0)
        return self._result_arrays

    def _scratch(self, runs: int) -> tuple[np.ndarray, np.ndarray]:
        """Return g and work for so many runs; the arrays are reused by the next call of as many."""
        if runs != self._scratch_runs:
            rows = min(
                _ROWS, max(len(part[0]) for part in (self.arrays.train, self.arrays.validation, self.arrays.test))
            )
            work = aligned(scratch_size(self.problem, rows, runs), self.dtype)  # in single form the runs share it
            dim = self.problem.dim if self.code.evaluate is None else 0
            g = aligned((runs, dim) if self.single else (dim, runs), self.dtype)
            self._scratch_runs, self._scratch_arrays = runs, (g, work)
        return self._scratch_arrays
