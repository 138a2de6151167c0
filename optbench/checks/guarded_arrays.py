"""Run a problem's kernel on arrays with guard values around each, to find wrong writes."""

from functools import cached_property

import numpy as np

from optbench.contract.optimizers import arguments
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine import batches
from optbench.engine.arrays import arrays_of, scratch_size
from optbench.engine.cpu.cohort_kernels import ProblemCode

_GUARD = 64  # numbers before and behind each array
# Mark: exact in float32 and float64, and no result of a small problem
_MARK = 1.25e7


class Guarded:
    """A problem's arrays between guards: ``runs`` copies of a start point, and rows of data (count, slice, all)."""

    def __init__(self, problem: Problem, dtype: DtypeName, runs: int, rows: int | slice | None = None):
        """Allocate the arrays, with guards on both sides, at the start point of seed 0."""
        self.problem, self.dtype, self.runs = problem, dtype, runs
        self.single = problem.form == "single"
        self.start = batches.start_point(problem, 0)
        arrays = arrays_of(problem, dtype)
        rows = slice(rows) if not isinstance(rows, slice) else rows
        x, y = arrays.train
        self.inputs = {
            "w": np.zeros((runs, problem.dim) if self.single else (problem.dim, runs), dtype),
            "x": x[rows],
            "y": y[rows],
            "constants": arrays.constants,
            "layout": arrays.layout,
        }
        shape = (1 + len(problem.metrics), runs)
        scratch = scratch_size(problem, len(self.inputs["x"]), runs)
        self.outputs = {
            "g": np.zeros_like(self.inputs["w"]),
            "f": np.zeros(runs, dtype),
            "work": np.zeros(scratch, dtype),
            "out": np.zeros(shape[::-1] if self.single else shape, dtype),
        }
        self.guarded, self.view = {}, {}
        for name, array in (self.inputs | self.outputs).items():
            self.guarded[name] = np.full(array.size + 2 * _GUARD, _MARK).astype(array.dtype)
            self.view[name] = self.guarded[name][_GUARD : _GUARD + array.size].reshape(array.shape)
            self.view[name][...] = array
        self._set_weights(self.start)

    @cached_property
    def code(self) -> ProblemCode:
        """The compiled functions of the problem."""
        return ProblemCode(self.problem, self.dtype)

    def _set_weights(self, w: np.ndarray) -> None:
        """Set the weights of all runs, and note them as the input that must not change; w: (dim,) or (runs, dim)."""
        self.view["w"][...] = w if self.single else np.broadcast_to(w, (self.runs, self.problem.dim)).T
        self.inputs["w"] = self.view["w"].copy()

    def _common_arguments(self) -> list[np.ndarray]:
        """Return the arguments that `value_and_gradient` and `evaluate` have in common, behind their outputs."""
        return [self.view[name] for name in ("x", "y", "constants", "layout", "work")]

    def value_and_gradient(self, w: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return values (runs,) and gradients (runs, dim) at ``w``, (dim,) or (runs, dim); by default at the start."""
        if w is not None:
            self._set_weights(w)
        self.code.gradient(self.view["w"], self.view["g"], self.view["f"], *self._common_arguments(), 0, self.runs)
        g = self.view["g"] if self.single else self.view["g"].T
        return self.view["f"].copy(), g.copy()

    def evaluate(self) -> np.ndarray:
        """Return loss and metrics at the current weights, (1 + metrics, runs)."""
        assert self.code.evaluate is not None
        self.code.evaluate(self.view["w"], self.view["out"], *self._common_arguments())
        return (self.view["out"].T if self.single else self.view["out"]).copy()

    def run_in_python(self) -> None:
        """Run ``value_and_gradient`` as plain Python, where an index beyond an array is an error."""
        named = {**self.view}
        if self.single:
            named |= {"w": self.view["w"][0], "g": self.view["g"][0]}
        wanted = arguments(self.problem.value_and_gradient)
        with np.errstate(all="ignore"):
            value = self.problem.value_and_gradient(**{name: named[name] for name in wanted})
        if self.single and (np.ndim(value) != 0 or value is None):
            raise TypeError(f"value_and_gradient must return the value, a number, not {type(value).__name__}")
        if not self.single and value is not None:
            raise TypeError("value_and_gradient must write the values to f and return nothing")

    def out_of_bounds_writes(self) -> list[str]:
        """Return the names of inputs that were written to, and "the ends of w" for an array written beyond its ends."""
        wrong = []
        for name, guarded in self.guarded.items():
            mark = np.asarray(_MARK).astype(guarded.dtype)
            if (guarded[:_GUARD] != mark).any() or (guarded[len(guarded) - _GUARD :] != mark).any():
                wrong.append(f"the ends of {name}")
            elif name in self.inputs and not np.array_equal(self.view[name], self.inputs[name], equal_nan=True):
                wrong.append(name)
        return wrong
