"""Many cohorts of a sweep in one launch: the GPU's counterpart of engine/cohort.py."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import numpy as np

from optbench.compiler import cuda, cuda_updates
from optbench.compiler import cuda_steps as kernels
from optbench.contract.errors import PluginError, in_one_line
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName
from optbench.engine import batches
from optbench.engine.cohort import Cohort, evaluation_points
from optbench.engine.cuda import lanes as gpu
from optbench.engine.lanes import Clock, Lane, Rates, Runner

_SHARE = 0.4  # of the card's free memory that lanes may fill: a sweep has two calls under way
_MAX_LANES = 1 << 20  # several times what fills a large card (270,000 threads at once), and bounds the host's arrays
# The simulator launches one kernel at a time.
_ALONE = threading.Lock() if cuda.SIMULATED else nullcontext()

Member = tuple[int, Sequence[Lane]]
"""A cohort: its seed and its lanes."""


def refuses(problem: Problem, optimizer: Optimizer | Baseline) -> str | None:
    """Why the pair cannot run on a GPU, as far as that is known without compiling."""
    if isinstance(optimizer, Baseline):
        return "SciPy's methods run on the CPU"
    return cuda_updates.refuses(optimizer)


class Kernels:
    """The kernels of a problem and a rule at one batch size. Raises PluginError for a pair that cannot run there."""

    def __init__(self, problem: Problem, optimizer: Optimizer, dtype: DtypeName, batch_size: int):
        why = refuses(problem, optimizer)
        if why:
            raise PluginError(f"{problem.name} with {optimizer.name} cannot run on a GPU: {why}")
        mini, noisy = batches.drawn(problem, batch_size)
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
    made = Kernels(problem, optimizer, dtype, batch_size)
    for name, signature in () if cuda.SIMULATED else kernels.signatures(dtype).items():
        try:
            getattr(made, name).compile(signature)
        except Exception as error:  # numba raises many kinds
            raise PluginError(f"{made.owner} does not compile for the GPU: {in_one_line(error)}") from error
    return made


def run_cohorts(
    problem: Problem,
    optimizer: Optimizer,
    members: Sequence[Member],
    *,
    batch_size: int,
    steps: int,
    dtype: DtypeName = "float64",
    points: np.ndarray | None = None,
    deadline: float | None = None,
    progress: Callable[[int], None] = lambda run_steps: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Cohort]:
    """Run cohorts that differ by seed and lanes together; arguments as in cohort.run_cohort, one Cohort a member.

    Each sees its own start point and mini-batches, which are those of the CPU. Times are shared out by lanes. Raises
    PluginError for a pair that cannot run on a GPU, lanes.Cancelled when ``stop`` says yes.
    """
    if points is None:
        points = evaluation_points(problem, steps, batch_size)
    begin = time.perf_counter()
    with _ALONE:
        code = compiled(problem, optimizer, dtype, batch_size)
        ready = time.perf_counter()
        clock = Clock(None if deadline is None else ready + deadline, progress, stop)
        per_epoch = batches.steps_per_epoch(problem.examples, batch_size)
        parts: list[list] = [[] for _ in members]
        size = batch_size if code.shape.batches else 0
        for call in _calls(members, cuda.free_bytes() * _SHARE / gpu.bytes_per_lane(problem, optimizer, size, dtype)):
            here = [(members[m][0], lanes) for m, lanes in call]
            engine = gpu.GpuLanes(problem, optimizer, here, code, batch_size, dtype)
            rates = Rates([lane for _, lanes in here for lane in lanes], per_epoch, steps)
            outcome, first = Runner(engine, rates, dtype).run(points, clock), 0
            for m, lanes in call:
                parts[m].append(outcome.of_lanes(first, first + len(lanes)))
                first += len(lanes)
    seconds, compiling = time.perf_counter() - ready, ready - begin
    total = sum(len(lanes) for _, lanes in members)
    card = cuda.card_name()
    return [
        Cohort(
            own,
            seconds * len(lanes) / total,
            sum(part.evaluation_seconds for part in own),
            compiling * len(lanes) / total,
            "cuda",
            card,
        )
        for own, (_, lanes) in zip(parts, members, strict=True)
    ]


def _calls(members: Sequence[Member], most: float) -> list[list[tuple[int, Sequence[Lane]]]]:
    """Members' lanes in portions that the card's memory holds: lists of (member, some of its lanes)."""
    size, room = int(np.clip(most, 1, _MAX_LANES)), 0
    calls: list[list[tuple[int, Sequence[Lane]]]] = []
    for m, (_, lanes) in enumerate(members):
        while lanes:
            if room == 0:
                calls.append([])
                room = size
            part, lanes = lanes[:room], lanes[room:]
            calls[-1].append((m, part))
            room -= len(part)
    return calls
