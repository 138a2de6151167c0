"""Loss and metrics of many weights on a whole data set."""

import numpy as np

from optbench.compiler.evaluations import evaluations
from optbench.compiler.kernels import Kernel
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.cpu.code import ProblemCode

# Examples in one pass of an evaluation: their activations stay in the cache. Measured, evaluating at every step, gd,
# 64 lanes, at 64, 128, 256, 512, 1024, 2048: MLP 0.97, 0.92, 0.92, 1.00, 0.98, 1.01; softmax 1.07, 1.01, 1.00, 1.00,
# 1.02, 1.03. Flat
_ROWS = 512


class Evaluation:
    """Means over the examples of a problem, with the scratch that they take. One thread at a time may use it."""

    def __init__(self, problem: Problem, code: ProblemCode, dtype: DtypeName):
        self.problem, self.code, self.dtype = problem, code, dtype
        self.arrays = arrays_of(problem, dtype)
        self.single = problem.form == "single"
        self._runs, self._points = 0, (0, 0)

    def train(self, w: np.ndarray) -> np.ndarray:
        """Loss and metrics on the training data, (1 + metrics, runs) float64; ``w`` in the problem's form."""
        return self._shared(w, *self.arrays.train)

    def test(self, w: np.ndarray) -> np.ndarray:
        """The same on the test data; NaN where there are none."""
        if self.problem.test is None:
            return np.full((1 + len(self.problem.metrics), w.shape[0 if self.single else 1]), np.nan)
        return self._shared(w, *self.arrays.test)

    def train_at(self, points: np.ndarray) -> np.ndarray:
        """The same of many points, (p, 1 + metrics, runs); ``points``: one behind the other, in the problem's form."""
        return self._means(points, *self.arrays.train)

    def test_at(self, points: np.ndarray) -> np.ndarray:
        """That of the test data, which are there."""
        return self._means(points, *self.arrays.test)

    def _shared(self, w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The means; in single form, where each is computed by itself and the same bytes come from the same, of those
        that are at one point once."""
        if self.single and len(w) > 1:
            places, place_of = _distinct(w)
            if len(places) < len(w):
                return self._means(w[None, places], x, y)[0][:, place_of]
        return self._means(w[None], x, y)[0]

    def _means(self, points: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(p, 1 + metrics, runs): of each point, a piece of the examples after the other."""
        count, runs = max(len(x), 1), points.shape[1 if self.single else 2]
        (g, work), (f, out) = self._scratch(runs), self._results(len(points), runs)
        points, total = np.ascontiguousarray(points), np.zeros((len(points), 1 + len(self.problem.metrics), runs))
        for first in range(0, count, _ROWS):
            part, target = x[first : first + _ROWS], y[first : first + _ROWS]
            self._evaluate(points, g, f, out, part, target, self.arrays.constants, self.arrays.layout, work)
            means = f[:, None] if self.code.evaluate is None else out.swapaxes(1, 2) if self.single else out
            total += means * (max(len(part), 1) / count)
        return total

    def _evaluate(self, points: np.ndarray, g: np.ndarray, f: np.ndarray, out: np.ndarray, *rest: np.ndarray) -> None:
        """Fill f or out, as compiler/evaluations.py says, which needs compiled functions."""
        gradient, evaluate = self.code.gradient, self.code.evaluate
        if isinstance(gradient, Kernel) and gradient.is_compiled and isinstance(evaluate, Kernel | None):
            at = gradient.address, evaluate.address if evaluate is not None else 0
            evaluations(self.dtype)(*at, points, g, f, out, *rest)
            return
        for w, loss, values in zip(points, f, out, strict=True):
            if evaluate is not None:
                evaluate(w, values, *rest)
            else:
                gradient(w, g, loss, *rest, 0, len(loss))

    def _results(self, points: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
        """f and out of a call for so many points and runs, zeros: they serve until others are asked for, too."""
        if (points, runs) != self._points:
            values = 1 + len(self.problem.metrics)
            f = aligned((points, runs), self.dtype)
            out = aligned((points, *((runs, values) if self.single else (values, runs))), self.dtype)
            self._points, self._found = (points, runs), (f, out)
        for array in self._found:
            array.fill(0)
        return self._found

    def _scratch(self, runs: int) -> tuple[np.ndarray, np.ndarray]:
        """g and work of the calls for so many runs: they serve until others are asked for."""
        if runs != self._runs:
            rows = min(_ROWS, max(len(self.arrays.train[0]), len(self.arrays.test[0])))
            work = aligned(scratch_size(self.problem, rows, runs), self.dtype)  # in single form the runs share it
            dim = self.problem.dim if self.code.evaluate is None else 0
            g = aligned((runs, dim) if self.single else (dim, runs), self.dtype)
            self._runs, self._rooms = runs, (g, work)
        return self._rooms


def _distinct(w: np.ndarray) -> tuple[list[int], list[int]]:
    """Where each of the distinct rows stands first, and for each row which of these it is.

    Runs of one start have many in common: those of one rate until their schedules differ, as in a whole first epoch.
    """
    bits = w.view(f"u{w.itemsize}")
    first: dict[int, int] = {}  # by the sum of its bits; a row that only has the sum of another stands for itself
    places: list[int] = []
    place_of: list[int] = []
    for row, total in enumerate(np.add.reduce(bits, axis=1, dtype=np.uint64).tolist()):
        place = first.setdefault(total, len(places))
        if place == len(places) or not (bits[row] == bits[places[place]]).all():
            place = len(places)
            places.append(row)
        place_of.append(place)
    return places, place_of
