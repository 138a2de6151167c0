"""The compiled functions that a cohort needs, and how many of its lanes go into one call."""

from collections.abc import Callable
from functools import partial

import numpy as np

from optbench.compiler import finite_sums, problem_kernels
from optbench.compiler.driver import driver
from optbench.compiler.evaluations import evaluations
from optbench.compiler.kernels import Kernel
from optbench.compiler.update_kernels import update_kernel
from optbench.contract.eager import AnyOptimizer
from optbench.contract.optimizers import Optimizer
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName, Order
from optbench.engine import settings
from optbench.engine.arrays import scratch_size
from optbench.engine.cpu import interpreted

# Bytes of w, g and state in one call: half of a core's L2 cache. Measured, Adam, at 1/8, 1/2, 1, 2, 8 MiB:
# quadratic(dim=100) 256 lanes 1.06, 1.10, 1.00, 0.99, 1.00; rosenbrock(dim=100) 1.15, 1.05, 1.00, 0.99, 0.99; MLP 64
# lanes 1.78, 1.09, 1.00, 0.98, 0.97
_BYTES = 1 << 20
_SCRATCH = 1 << 30  # what the scratch of one call may take: it grows with lanes times examples
# Lanes: measured, Adam, 1024 lanes, at 32, 64, 128, 256, 512, 1024: Rosenbrock 1.52, 1.22, 1.07, 1.00, 1.13, 1.14;
# logistic 1.46, 1.22, 1.09, 1.00, 1.04, 1.00
_MAX_LANES = 256
# Lanes: one alone runs as a row. Measured, Adam, all lanes in one call over one by one, at 2, 4, 8, 15 lanes:
# Rosenbrock 0.63, 0.35, 0.20, 0.19; quadratic 0.64, 0.33, 0.19, 0.19; logistic 0.61, 0.31, 0.19, 0.19
_MIN_LANES = 2
_VECTOR = 64  # bytes of the widest vectors there are, and of a cache line
# Lanes: those of a wide network that take a mini-batch together, though they do not fit into the cache.
_SHARING = 4


class ProblemCode:
    """A problem's compiled functions. Raises PluginError where they do not compile.

    ``alone``: of a problem in lanes form, whose gradient is then that of one lane a call.
    """

    from_python = True
    """Whether Python calls the gradient: the way in is compiled now, not while a run is timed."""

    def __init__(self, problem: Problem, dtype: DtypeName, alone: bool = False):
        settings.dtype(dtype)
        self.alone = alone
        owner = f"problem {problem.name or '(unnamed)'}"
        self.gradient: Callable
        self.evaluate: Callable | None = None
        if problem.eager:
            self.gradient = interpreted.gradient(problem, owner)
            self.evaluate = interpreted.evaluate(problem, owner) if problem.evaluate is not None else None
            return
        self.gradient = problem_kernels.gradient_kernel(problem.value_and_gradient, problem.form, dtype, owner, alone)
        if problem.evaluate is not None:
            self.evaluate = problem_kernels.evaluate_kernel(problem.evaluate, problem.form, dtype, owner)
        if self.from_python:
            self.gradient.prepared()
        evaluations(dtype)


class CohortCode(ProblemCode):
    """The compiled functions of a pair of problem and optimizer.

    ``order`` is how ``update`` runs: "rows" for (runs, dim), "lanes" for (dim, runs).
    """

    from_python = False  # the driver has its address

    def __init__(self, problem: Problem, optimizer: Optimizer, runs: int, dtype: DtypeName):
        self.lanes_per_call = lanes_per_call(problem, optimizer, runs, settings.dtype(dtype))
        alone = problem.form == "lanes" and self.lanes_per_call == 1
        super().__init__(problem, dtype, alone)
        self.order: Order = "lanes" if problem.form == "lanes" and not alone else "rows"
        self.update = update_kernel(optimizer, self.order, dtype)
        _compile_draws(problem, dtype)
        assert isinstance(self.gradient, Kernel) and isinstance(self.update, Kernel)
        self.drive = partial(driver(dtype), self.gradient.address, self.update.address)


class EagerCode(ProblemCode):
    """The functions of a pair of which one part is not compiled."""

    def __init__(self, problem: Problem, optimizer: AnyOptimizer, runs: int, dtype: DtypeName):
        super().__init__(problem, dtype)
        self.lanes_per_call = lanes_per_call(problem, optimizer, runs, dtype)
        self.order: Order = "rows" if problem.form == "single" else "lanes"
        _compile_draws(problem, dtype)


def _compile_draws(problem: Problem, dtype: DtypeName) -> None:
    """Let what batches takes be compiled by now."""
    if problem.noise:
        finite_sums.means(dtype)


def is_compiled(problem: Problem, optimizer: AnyOptimizer) -> bool:
    """Whether a compiled driver takes the steps of the pair."""
    return isinstance(optimizer, Optimizer) and not problem.eager


def lanes_per_call(problem: Problem, optimizer: AnyOptimizer, runs: int, dtype: DtypeName) -> int:
    """As many lanes as a core's cache holds; one where too few for SIMD are left, and for rules on matrices.

    In lanes form they fill whole vectors: of 50 the last two would run one by one, and 14 after them.
    """
    if isinstance(optimizer, Optimizer) and optimizer.matrix:
        return 1
    size = np.dtype(dtype).itemsize
    lanes = min(max(_BYTES // (problem.dim * (2 + len(optimizer.slots)) * size), 1), _MAX_LANES)
    if problem.form == "single" and problem.data is not None:
        lanes = max(lanes, _SHARING)
    if problem.form == "lanes":
        rows = len(problem.data[0]) if problem.data else 1
        room = _SCRATCH // max(scratch_size(problem, rows, 1) * size, 1) if problem.work else _MAX_LANES
        lanes = min(max(_MIN_LANES, lanes), room) if min(runs, room) >= _MIN_LANES else 1
        vector = _VECTOR // size
        lanes -= lanes % vector if lanes > vector else 0
    return lanes
