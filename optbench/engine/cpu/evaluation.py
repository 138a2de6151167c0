"""Loss and metrics of many weights on a whole data set."""

import numpy as np

from optbench.compiler.kernels import Kernel
from optbench.compiler.means import means
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
        self._runs = 0

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
        if not self.single or len(w) == 1:
            return self._means(w[None], x, y)[0]
        places, place_of = _distinct(w)
        if len(places) == len(w):
            return self._means(w[None], x, y)[0]
        return self._means(w[None, places], x, y)[0][:, place_of]

    def _means(self, points: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        runs, arrays, code = points.shape[1 if self.single else 2], self.arrays, self.code
        total = np.zeros((len(points), 1 + len(self.problem.metrics), runs))
        g, f, out, share, work = self._scratch(runs)
        data = x, y, arrays.constants, arrays.layout, work
        if isinstance(code.gradient, Kernel) and isinstance(code.evaluate, Kernel | None):
            at = code.gradient.address, code.evaluate.address if code.evaluate is not None else 0
            points = np.ascontiguousarray(points)
            means(self.dtype)(*at, points, total, g, f, out, share, *data, _ROWS, self.single)
            return total
        for w, values in zip(points, total, strict=True):
            self._add_mean(values, w, *data)
        return total

    def _add_mean(self, total: np.ndarray, w: np.ndarray, x: np.ndarray, y: np.ndarray, *rest: np.ndarray) -> None:
        """Add the means of a point by functions in Python, to which what is compiled cannot go."""
        runs, count = total.shape[1], max(len(x), 1)
        g, f, out, *_ = self._scratch(runs)
        for first in range(0, count, _ROWS):
            part, target = x[first : first + _ROWS], y[first : first + _ROWS]
            if self.code.evaluate is not None:
                self.code.evaluate(w, out, part, target, *rest)
                values = out.T if self.single else out
            else:
                self.code.gradient(w, g, f, part, target, *rest, 0, runs)
                values = f[None]
            total += values * (max(len(part), 1) / count)

    def _scratch(self, runs: int) -> tuple[np.ndarray, ...]:
        """What the calls for so many runs write to, as in compiler/means.py: it serves until it is asked for others."""
        if runs != self._runs:
            rows = min(_ROWS, max(len(self.arrays.x), len(self.arrays.x_test)))
            work = aligned(scratch_size(self.problem, rows, runs), self.dtype)  # in single form the runs share it
            dim, values = self.problem.dim if self.code.evaluate is None else 0, 1 + len(self.problem.metrics)
            shapes = ((runs, dim), (runs, values)) if self.single else ((dim, runs), (values, runs))
            g, out = (np.zeros(shape, self.dtype) for shape in shapes)
            self._runs, self._rooms = runs, (g, np.zeros(runs, self.dtype), out, np.zeros(1, self.dtype), work)
        self._rooms[2].fill(0.0)
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
