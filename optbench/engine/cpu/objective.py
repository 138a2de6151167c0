"""A problem's compiled functions as a function of the weights, for your own code."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from optbench.catalogue import loader
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.problems import Family, Problem
from optbench.contract.types import DtypeName
from optbench.engine import batches, settings
from optbench.engine.arrays import aligned, arrays_of, scratch_size
from optbench.engine.cpu.cohort_kernels import ProblemCode
from optbench.engine.cpu.evaluation import Evaluator

MOST_RUNS = 1_000_000
"""Points of one call."""

_FLAT = 1e-5
"""Largest component of the gradient, relative to the loss or 1, at which a run has converged: SciPy's default."""


class Objective:
    """Values and gradients of a problem at any weights, by the kernels that a run uses.

    Args:
        problem: the record.
        dtype: "float64" or "float32": of weights, values and gradients.
        rows: the examples that count: the first so many, a slice, or None for all of them. Without data it is None.
        runs: at how many points one call evaluates.

    Raises:
        OptbenchError: another dtype, rows that are not there, or a problem that does not compile.

    Example:
        >>> bowl = objective("quadratic(dim=2, condition=1)", runs=2)
        >>> bowl([[3.0, 4.0], [0.0, 0.0]])[0].shape
        (2,)
    """

    def __init__(self, problem: Problem, dtype: DtypeName = "float64", rows: int | slice | None = None, runs: int = 1):
        """Check the arguments, choose the examples, and allocate the arrays of a call."""
        if not isinstance(problem, Problem):
            raise OptbenchError(f"objective: problem={shown(problem)} must be a record; optbench.objective takes names")
        dtype = settings.checked("objective: dtype", dtype)
        runs = arguments.whole_number("objective: runs", runs, 1, MOST_RUNS)
        if not isinstance(rows, slice | None):
            arguments.whole_number("objective: rows", rows, 1)
        self.problem, self.dtype, self.runs = problem, dtype, runs
        self.code = ProblemCode(problem, dtype)
        self._arrays = arrays_of(problem, dtype)
        chosen = rows if isinstance(rows, slice) else slice(rows)
        try:
            self._x, self._y = (np.ascontiguousarray(part[chosen]) for part in self._arrays.train)
        except (TypeError, ValueError, IndexError):
            raise OptbenchError(
                f"objective: rows={shown(rows)} must be how many, or a slice of whole numbers"
            ) from None
        if problem.data is not None and not len(self._x):
            raise OptbenchError(f"objective: rows={shown(rows)} leaves none of the {problem.examples} examples")
        shape = (runs, problem.dim) if problem.form == "single" else (problem.dim, runs)
        self._w, self._g, self._f = aligned(shape, dtype), aligned(shape, dtype), aligned(runs, dtype)
        self._evaluator = Evaluator(problem, self.code, dtype)

    @cached_property
    def _work(self) -> np.ndarray:
        return aligned(scratch_size(self.problem, len(self._x), self.runs), self.dtype)

    def start(self, seed: int = 0) -> np.ndarray:
        """Return the problem's start point of a seed.

        Args:
            seed: a whole number from 0.

        Returns:
            (dim,) float64
        """
        return batches.start_point(self.problem, settings.checked("objective: seed", seed))

    def __call__(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values and gradients.

        Args:
            w: (runs, dim), or (dim,) for all runs.

        Returns:
            Values (runs,) and gradients (runs, dim).
        """
        self._set_weights(w)
        self.code.gradient(
            self._w, self._g, self._f, self._x, self._y, self._arrays.constants, self._arrays.layout, self._work,
            0, self.runs,
        )  # fmt: skip
        return self._f.copy(), self._by_run(self._g).copy()

    def evaluate(self, w: np.ndarray) -> np.ndarray:
        """Return loss and metrics on all training data.

        Args:
            w: (runs, dim), or (dim,) for all runs.

        Returns:
            (1 + metrics, runs) float64
        """
        self._set_weights(w)
        return self._evaluator.train(self._w[None])[0]

    def _by_run(self, array: np.ndarray) -> np.ndarray:
        """Return the (runs, dim) view of an array of either form."""
        return array if self.problem.form == "single" else array.T

    def _set_weights(self, w: np.ndarray) -> None:
        """Copy weights (runs, dim) or (dim,) into the kernel's array. Raises OptbenchError for another shape."""
        try:
            self._by_run(self._w)[:] = w
        except (TypeError, ValueError, OverflowError):
            wanted = f"({self.problem.dim},) or ({self.runs}, {self.problem.dim})"
            got = f"the shape {w.shape}" if isinstance(w, np.ndarray) else shown(w)
            raise OptbenchError(f"objective: w must be numbers of the shape {wanted}, got {got}") from None


def find_slope(objective: Objective, w: np.ndarray) -> tuple[float, bool]:
    """Return the largest component of the gradient at w, (dim,), and whether a minimization has converged there."""
    with np.errstate(all="ignore"):
        values, gradients = objective(w)
    slope = float(np.abs(gradients).max())
    return slope, slope <= _FLAT * max(1.0, abs(float(values[0])))  # NaN is not


def objective(
    problem: str | Problem | Family,
    *,
    dtype: DtypeName = "float64",
    rows: int | slice | None = None,
    runs: int = 1,
    plugin: str | Path | Iterable[str | Path] = (),
) -> Objective:
    """Return a problem's compiled value and gradient, for your own code.

    Args:
        problem: a name, with parameters if need be, or a record.
        dtype: "float64" or "float32".
        rows: the examples that count: the first so many, a slice, or None for all.
        runs: at how many points one call evaluates.
        plugin: a file, or several, with records of your own.

    Returns:
        A function of weights (dim,) or (runs, dim) that gives values (runs,) and gradients (runs, dim); its
        ``evaluate`` gives loss and metrics on all training data, and ``start(seed)`` the start point.

    Raises:
        OptbenchError: the problem does not exist or compile, or a value makes no sense.

    Example:
        >>> values, gradients = objective("quadratic(dim=2, condition=1)")([3.0, 4.0])
        >>> gradients.shape
        (1, 2)
    """
    return Objective(loader.load_all(plugin).problem(problem), dtype, rows, runs)
