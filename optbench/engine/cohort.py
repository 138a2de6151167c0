"""One cohort: its lanes, in as many calls as the cache asks for, and what they saw."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from optbench.compiler import problem_kernels
from optbench.compiler.driver import address, driver
from optbench.compiler.update_kernels import update_kernel, update_signature
from optbench.contract.errors import OptbenchError, PluginError
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Problem
from optbench.engine import batches
from optbench.engine.cpu.lanes import CpuLanes
from optbench.engine.lanes import Clock, Lane, Outcome, Rates, Runner
from optbench.engine.scipy_baselines import BaselineRun

_BYTES = 1 << 20  # what the lanes of one call may fill: half of a core's L2 cache, the batch needs the rest
_SCRATCH = 1 << 30  # what the scratch of one call may take: it grows with lanes times examples
_MAX_LANES = 256
_MIN_LANES = 16  # fewer do not vectorize in lanes form: one by one is quicker


@dataclass
class Cohort:
    """The outcomes of a cohort's calls, which together hold its lanes in order, and where the time went."""

    parts: list[Outcome]
    seconds: float
    evaluation_seconds: float
    compile_seconds: float
    device: str = "cpu"
    device_note: str = ""
    """The GPU's name; or why the CPU had to do what a GPU was asked for."""


def evaluation_points(problem: Problem, steps: int, batch_size: int) -> np.ndarray:
    """Steps to evaluate at: the start, the end, log-spaced ones between, and each epoch if they are few enough.

    At most 24 log-spaced ones; on data, as many as cost about 15% of the run's own work, but at least 6 (an
    evaluation is a forward pass over all examples, a third of what a training pass costs). What it did cost is in
    the table ``timings``.
    """
    count, per_epoch = 24, batches.steps_per_epoch(problem.examples, batch_size)
    if problem.data is not None:
        examples = len(problem.data[0]) + (len(problem.test[0]) if problem.test is not None else 0)
        count = int(np.clip(0.15 * 3 * steps * min(batch_size, problem.examples) / examples, 6, count))
    points = {0, steps, *np.geomspace(1, max(steps, 1), count).astype(int).tolist()}
    if steps // per_epoch <= count:
        points.update(range(per_epoch, steps, per_epoch))
    return np.array(sorted(point for point in points if point <= steps))


class Kernels:
    """A problem's compiled functions. Raises PluginError where they do not compile."""

    def __init__(self, problem: Problem, dtype: str):
        if dtype not in ("float32", "float64"):
            raise OptbenchError(f"unknown dtype {dtype!r}: valid names: float32, float64")
        owner = f"problem {problem.name or '(unnamed)'}"
        if problem.metrics and problem.evaluate is None:
            raise PluginError(f"{owner}: metrics {problem.metrics} need an evaluate function")
        self.gradient = problem_kernels.gradient_kernel(problem.value_and_gradient, problem.form, dtype, owner)
        self.evaluate = None
        if problem.evaluate is not None:
            self.evaluate = problem_kernels.evaluate_kernel(problem.evaluate, problem.form, dtype, owner)


class Compiled(Kernels):
    """The compiled functions of a pair of problem and optimizer, and how many lanes go into one call.

    ``order`` is how ``update`` runs: "rows" for (runs, dim), "lanes" for (dim, runs).
    """

    def __init__(self, problem: Problem, optimizer: Optimizer, runs: int, dtype: str):
        super().__init__(problem, dtype)
        size = np.dtype(dtype).itemsize
        lanes = int(np.clip(_BYTES // (problem.dim * (2 + len(optimizer.slots)) * size), 1, _MAX_LANES))
        if problem.form == "lanes":
            rows = len(problem.data[0]) if problem.data else 1
            room = _SCRATCH // max(problem.work(rows, 1) * size, 1) if problem.work else _MAX_LANES
            lanes = min(max(_MIN_LANES, lanes), room) if min(runs, room) >= _MIN_LANES else 1
        if optimizer.matrix:
            lanes = 1
        self.order = "lanes" if problem.form == "lanes" and lanes > 1 else "rows"
        self.lanes_per_call = lanes
        self.update = update_kernel(optimizer, self.order, dtype)
        self.drive = partial(
            driver(dtype),
            address(self.gradient, problem_kernels.gradient_signature(dtype)),
            address(self.update, update_signature(dtype)),
        )


def compiled(problem: Problem, optimizer: Optimizer | Baseline, runs: int, dtype: str) -> Kernels:
    """The kernels that a cohort needs. Raises PluginError where they do not compile."""
    return Kernels(problem, dtype) if isinstance(optimizer, Baseline) else Compiled(problem, optimizer, runs, dtype)


def run_cohort(
    problem: Problem,
    optimizer: Optimizer | Baseline,
    lanes: Sequence[Lane],
    *,
    seed: int,
    batch_size: int,
    steps: int,
    dtype: str = "float64",
    points: np.ndarray | None = None,
    deadline: float | None = None,
    progress: Callable[[int], None] = lambda run_steps: None,
    stop: Callable[[], bool] = lambda: False,
) -> Cohort:
    """Run all ``lanes`` from the same start point on the same mini-batches.

    ``points``: steps to evaluate at, from 0 to ``steps``. ``deadline``: seconds after which the cohort ends where it
    is. ``progress`` hears of run-steps done; ``stop`` is asked about ten times a second. Raises lanes.Cancelled when
    it says yes, OptbenchError on input that cannot run.
    """
    if points is None:
        points = evaluation_points(problem, steps, batch_size)
    begin = time.perf_counter()
    code = compiled(problem, optimizer, len(lanes), dtype)
    ready = time.perf_counter()
    clock = Clock(None if deadline is None else ready + deadline, progress, stop)
    if isinstance(optimizer, Baseline):
        parts = [
            BaselineRun(problem, optimizer, code, seed, dtype).run(points, clock, lane.hyperparameters)
            for lane in lanes
        ]
    else:
        width, per_epoch = code.lanes_per_call, batches.steps_per_epoch(problem.examples, batch_size)
        calls = [lanes[first : first + width] for first in range(0, len(lanes), width)]
        engines = (CpuLanes(problem, optimizer, call, code, seed, batch_size, dtype) for call in calls)
        parts = [
            Runner(engine, Rates(call, per_epoch, steps), dtype).run(points, clock)
            for engine, call in zip(engines, calls, strict=True)
        ]
    seconds = time.perf_counter() - ready
    return Cohort(parts, seconds, sum(part.evaluation_seconds for part in parts), ready - begin)
