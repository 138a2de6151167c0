"""Many cohorts of a sweep in one launch: the GPU's counterpart of engine/cohort.py."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import numpy as np

from optbench.compiler import cuda, cuda_updates, finite_sums
from optbench.compiler import cuda_steps as kernels
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import PluginError, in_one_line
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine import batches
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cuda import lanes as gpu
from optbench.engine.outcome import CohortOutcome, Outcome
from optbench.engine.rates import Rates
from optbench.engine.runner import Clock, Runner

_SHARE = 0.4  # of the card's free memory that lanes may fill: a sweep has two calls under way
_MAX_LANES = 1 << 20  # several times what fills a large card (270,000 threads at once), and bounds the host's arrays
# The simulator launches one kernel at a time.
_ALONE = threading.Lock() if cuda.SIMULATED else nullcontext()


def refuses(problem: Problem, optimizer: AnyOptimizer) -> str | None:
    """Why the pair cannot run on a GPU, as far as that is known without compiling."""
    if isinstance(optimizer, Baseline):
        return "SciPy's methods run on the CPU"
    if problem.eager or not isinstance(optimizer, Optimizer):
        return "what is not compiled runs on the CPU"
    return cuda_updates.refuses(optimizer)


class Kernels:
    """The kernels of a problem and a rule at one batch size. Raises PluginError for a pair that cannot run there."""

    def __init__(self, problem: Problem, optimizer: Optimizer, dtype: DtypeName, batch_size: int):
        why = refuses(problem, optimizer)
        if why:
            raise PluginError(f"{problem.name} with {optimizer.name} cannot run on a GPU: {why}")
        mini, noisy = batches.drawn(problem, batch_size)
        if noisy:
            finite_sums.means(dtype)
        work, self.scratch = gpu.scratch(problem, batch_size if mini else 0)
        self.shape = kernels.shape_of(problem, optimizer, dtype, mini, noisy, work)
        self.owner, evaluate = f"problem {problem.name or '(unnamed)'}", problem.evaluate or problem.value_and_gradient
        self.gather = kernels.gather
        self.steps = kernels.step_kernel(
            problem.value_and_gradient, problem.form, optimizer, dtype, self.shape, self.owner
        )
        self.evaluate = kernels.evaluate_kernel(
            evaluate, problem.form, problem.evaluate is not None, len(problem.metrics), dtype, self.owner
        )


def compiled(problem: Problem, optimizer: Optimizer, dtype: DtypeName, batch_size: int) -> Kernels:
    """The kernels of a pair, compiled for the card, if they are not yet. Raises PluginError where they cannot be."""
    code = Kernels(problem, optimizer, dtype, batch_size)
    for name, signature in () if cuda.SIMULATED else kernels.signatures(dtype).items():
        try:
            getattr(code, name).compile(signature)
        except Exception as error:  # numba raises many kinds
            raise PluginError(f"{code.owner} does not compile for the GPU: {in_one_line(error)}") from error
    return code


def run_cohorts(
    cohorts: Sequence[Cohort], progress: Callable[[int], None], stop: Callable[[], bool]
) -> list[CohortOutcome]:
    """Run cohorts that differ by seed, start and lanes together; an outcome for each.

    Each sees its own start point and mini-batches, which are those of the CPU. Times are shared out by lanes. Raises
    PluginError for a pair that cannot run on a GPU, runner.Cancelled when ``stop`` says yes.
    """
    first = cohorts[0]
    problem, optimizer, dtype = first.problem, first.rule, first.dtype
    begin = time.perf_counter()
    with _ALONE:
        code = compiled(problem, optimizer, dtype, first.batch_size)
        ready = time.perf_counter()
        clock = Clock(first.deadline, progress, stop)
        parts: list[list[Outcome]] = [[] for _ in cohorts]
        size = first.batch_size if code.shape.batches else 0
        room = cuda.free_bytes() * _SHARE / gpu.bytes_per_lane(problem, optimizer, size, dtype)
        calls = _calls(cohorts, room)
        for call in calls:
            engine = gpu.GpuLanes([(cohorts[m], lanes) for m, lanes in call], code)
            rates = Rates([lane for _, lanes in call for lane in lanes], first.per_epoch, first.steps)
            outcome = Runner(engine, rates, dtype).run(first.evaluated, clock.of_call(len(rates.base)))
            at = 0
            for m, lanes in call:
                parts[m].append(outcome.of_lanes(at, at + len(lanes)))
                at += len(lanes)
    seconds, compiling = time.perf_counter() - ready, ready - begin
    total = sum(len(cohort.lanes) for cohort in cohorts)
    card = cuda.card_name()
    return [
        CohortOutcome(
            parts=outcomes,
            seconds=seconds * len(cohort.lanes) / total,
            evaluation_seconds=sum(outcome.evaluation_seconds for outcome in outcomes),
            compile_seconds=compiling * len(cohort.lanes) / total,
            device="cuda",
            device_note=card,
        )
        for outcomes, cohort in zip(parts, cohorts, strict=True)
    ]


def _calls(cohorts: Sequence[Cohort], most: float) -> list[list[tuple[int, Sequence[Lane]]]]:
    """Cohorts' lanes in portions that the card's memory holds: lists of (number of the cohort, some of its lanes)."""
    size, room = int(np.clip(most, 1, _MAX_LANES)), 0
    calls: list[list[tuple[int, Sequence[Lane]]]] = []
    for m, cohort in enumerate(cohorts):
        lanes = cohort.lanes
        while lanes:
            if room == 0:
                calls.append([])
                room = size
            part, lanes = lanes[:room], lanes[room:]
            calls[-1].append((m, part))
            room -= len(part)
    return calls
