"""The compiled functions of a cohort, and the number of its lanes in one call."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from optbench.compiler import finite_sums, problem_kernels
from optbench.compiler.contracts import EvaluateArguments, GradientArguments
from optbench.compiler.driver import compile_driver, evaluations
from optbench.compiler.gradient_stages import arguments_of, divide_stages, stage_function, stages_of
from optbench.compiler.kernels import Kernel
from optbench.compiler.numba_compat import is_plain
from optbench.compiler.update_kernels import update_kernel
from optbench.contract.eager import AnyOptimizer, Eager
from optbench.contract.errors import PluginError, in_one_line
from optbench.contract.optimizers import Optimizer, arguments
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName, Order
from optbench.engine import settings
from optbench.engine.arrays import owner_of, scratch_size

# Bytes of w, g and state in one call: half of a core's L2 cache. Measured, Adam, at 1/8, 1/2, 1, 2, 8 MiB:
# quadratic(dim=100) 256 lanes 1.06, 1.10, 1.00, 0.99, 1.00; rosenbrock(dim=100) 1.15, 1.05, 1.00, 0.99, 0.99; MLP 64
# lanes 1.78, 1.09, 1.00, 0.98, 0.97
_BYTES = 1 << 20
_SCRATCH = 1 << 30
"""Bytes of scratch of one call: it grows with lanes times examples; an estimate."""
# Lanes: measured, Adam, 1024 lanes, at 32, 64, 128, 256, 512, 1024: Rosenbrock 1.52, 1.22, 1.07, 1.00, 1.13, 1.14;
# logistic 1.46, 1.22, 1.09, 1.00, 1.04, 1.00
_MAX_LANES = 256
# Lanes: one alone runs as a row. Measured, Adam, all lanes in one call over one by one, at 2, 4, 8, 15 lanes:
# Rosenbrock 0.63, 0.35, 0.20, 0.19; quadratic 0.64, 0.33, 0.19, 0.19; logistic 0.61, 0.31, 0.19, 0.19
_MIN_LANES = 2
_VECTOR = 64
"""Bytes of the widest vectors, and of a cache line."""
_SHARING = 4
"""Lanes of a wide network that share a mini-batch, though they do not fit into the cache; an estimate."""


class ProblemCode:
    """A problem's compiled functions. Raises PluginError if they do not compile.

    Attributes:
        gradient, evaluate: the kernels; of an eager problem plain Python functions of the same arguments.
    """

    called_from_python = True
    """True if Python calls the gradient: its entry is then compiled now, and not while a run is timed."""

    def __init__(self, problem: Problem, dtype: DtypeName, one_lane: bool = False):
        """Compile the kernels of a problem.

        one_lane: True if a problem in lanes form gets one lane in each call of ``gradient``.
        """
        settings.checked("dtype", dtype)
        owner = owner_of(problem)
        self.gradient: Callable
        self.evaluate: Callable | None = None
        if problem.eager:
            self.gradient = _make_python_kernel(
                "value_and_gradient", problem.value_and_gradient, GradientArguments, owner
            )
            if problem.evaluate is not None:
                self.evaluate = _make_python_kernel("evaluate", problem.evaluate, EvaluateArguments, owner)
            return
        # Extending a sweep changes the number of lanes, and must not change the runs: one kernel, in one order.
        strict = problem.form == "lanes" and problem.data is None
        self.gradient = problem_kernels.gradient_kernel(
            problem.value_and_gradient, problem.form, dtype, owner, one_lane and not strict, strict
        )
        if problem.evaluate is not None:
            self.evaluate = problem_kernels.evaluate_kernel(problem.evaluate, problem.form, dtype, owner)
        if self.called_from_python:
            self.gradient.prepare()
        if not is_plain():
            evaluations(dtype)


class CohortCode(ProblemCode):
    """The compiled functions of a problem and an optimizer.

    Attributes:
        order: of the arrays of ``update``: "rows" for (runs, dim), "lanes" for (dim, runs).
        drive: the compiled loop over steps.
        stages: what happens between problem and optimizer; arguments: what the loop takes for that, of StageArguments.
    """

    called_from_python = False  # the loop calls the gradient by its address

    def __init__(self, problem: Problem, optimizer: Optimizer, runs: int, dtype: DtypeName, noisy: bool):
        """Compile the kernels of both, of which neither may be plain Python or eager.

        runs: the lanes of the cohort, divided into calls of ``lanes_per_call``; noisy: whether steps draw noise.
        """
        self.lanes_per_call = lanes_per_call(problem, optimizer, runs, settings.checked("dtype", dtype))
        one_lane = problem.form == "lanes" and self.lanes_per_call == 1
        super().__init__(problem, dtype, one_lane)
        self.order: Order = "lanes" if problem.form == "lanes" and not one_lane else "rows"
        self.update = update_kernel(optimizer, self.order, dtype)
        _compile_draws(problem, dtype)
        assert isinstance(self.gradient, Kernel) and isinstance(self.update, Kernel)
        called = [self.gradient, self.update]
        if optimizer.point_rule is not None:
            called.append(update_kernel(optimizer.point_rule, self.order, dtype))
        self.stages = stages_of(problem, optimizer, noisy)
        self.arguments = tuple(arguments_of(self.stages))
        loop = compile_driver(dtype, self.stages, problem.form if self.stages else "lanes")
        self.drive = partial(loop, *(kernel.callee for kernel in called))


class EagerCode(ProblemCode):
    """The functions of a problem and an optimizer of which at least one is eager.

    Attributes:
        stages, arguments: as of CohortCode.
    """

    def __init__(self, problem: Problem, optimizer: Optimizer | Eager, runs: int, dtype: DtypeName, noisy: bool):
        """Compile the kernels of the problem, unless it is eager itself.

        runs: the lanes of the cohort, from which ``lanes_per_call`` follows; noisy: as of CohortCode.
        """
        super().__init__(problem, dtype)
        self.stages = stages_of(problem, optimizer, noisy)
        before, behind, _, _ = divide_stages(self.stages)
        for stage in (*before, *behind):
            stage_function(stage, dtype)
        self.arguments = tuple(arguments_of(self.stages))
        self.lanes_per_call = lanes_per_call(problem, optimizer, runs, dtype)
        self.order: Order = "rows" if problem.form == "single" else "lanes"
        _compile_draws(problem, dtype)


def _compile_draws(problem: Problem, dtype: DtypeName) -> None:
    """Compile the kernel that draws the gradient noise of a problem without data; do nothing if it has no noise."""
    if problem.noise:
        finite_sums.means(dtype)


def _make_python_kernel(key: str, function: Callable, contract: Any, owner: str) -> Callable[..., None]:
    """Return a function of an eager problem as a kernel in single form; it raises PluginError.

    key: the field of the problem that holds the function.
    contract: the arguments of the kernel, GradientArguments or EvaluateArguments.
    """
    names = [name for name in arguments(function) if name in contract._fields]

    def kernel(*given: Any) -> None:
        """Call the function for each lane, and keep the value that ``value_and_gradient`` returns."""
        values = dict(zip(contract._fields, given, strict=True))
        for r in range(values.get("first", 0), values.get("last", len(values["w"]))):
            own = {name: values[name][r] for name in ("w", "g", "out") if name in values}
            try:
                value = function(**{name: values[name] for name in names} | own)
                if "f" in values:
                    values["f"][r] = value
            except (Exception, SystemExit) as error:  # a plug-in may raise anything
                raise PluginError(f"{owner}: {key} fails: {in_one_line(error)}") from error

    return kernel


def is_compiled(problem: Problem, optimizer: AnyOptimizer) -> bool:
    """Return True if the compiled loop takes the steps of the pair."""
    return isinstance(optimizer, Optimizer) and not problem.eager


def lanes_per_call(problem: Problem, optimizer: AnyOptimizer, runs: int, dtype: DtypeName) -> int:
    """Return how many of ``runs`` lanes one call takes: as many as a core's cache holds.

    It is one where too few for SIMD would be left, and for rules on matrices. In lanes form they fill whole vectors: of
    50 lanes the last two would run one by one, and 14 after them.
    """
    if isinstance(optimizer, Optimizer) and optimizer.matrix:
        return 1
    size = np.dtype(dtype).itemsize
    lanes = min(max(_BYTES // (problem.dim * (2 + len(optimizer.slots)) * size), 1), _MAX_LANES)
    if problem.form == "single" and problem.data is not None:
        lanes = max(lanes, _SHARING)
    if problem.form == "lanes":
        rows = len(problem.data[0]) if problem.data else 1
        most = _SCRATCH // max(scratch_size(problem, rows, 1) * size, 1) if problem.work else _MAX_LANES
        lanes = min(max(_MIN_LANES, lanes), most) if min(runs, most) >= _MIN_LANES else 1
        vector = _VECTOR // size
        lanes -= lanes % vector if lanes > vector else 0
    return lanes
