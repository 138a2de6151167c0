"""Cohorts that are not compiled: arrays and evaluations of the CPU, and steps that Python takes one by one."""

import math
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from optbench.compiler.gradient_stages import Stage, divide_stages, stage_function
from optbench.contract.eager import LIBRARIES, RANDOM_NUMBERS, Eager
from optbench.contract.errors import OptbenchError, PluginError
from optbench.contract.optimizers import arguments
from optbench.contract.process_state import restored_libraries
from optbench.engine.arrays import StepInputs
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu import cpu_cohorts as cpu
from optbench.engine.cpu.cohort_kernels import EagerCode
from optbench.engine.cpu.evaluation import Evaluator
from optbench.engine.cpu.lanes import CpuLanes
from optbench.engine.cpu.update import Update
from optbench.engine.eager.eager_update import EagerUpdate
from optbench.engine.outcome import CohortOutcome
from optbench.engine.rates import Rates


def is_eager(cohort: Cohort) -> bool:
    """Return True if another library takes the cohort's steps, or plain Python computes its gradients."""
    return isinstance(cohort.optimizer, Eager) or cohort.problem.eager


def run_cohort(cohort: Cohort, progress: Callable[[int], None], stop: Callable[[], bool]) -> CohortOutcome:
    """Run all lanes; arguments and errors as in engine/run_cohorts.py."""
    calls: list[EagerLanes] = []

    def new_lanes(*arguments: Any) -> EagerLanes:
        """Return the lanes of a call, and keep them."""
        calls.append(EagerLanes(*arguments))
        return calls[-1]

    with isolated_libraries(cohort.seed):
        (outcome,) = cpu.run_cohorts([cohort], progress, stop, new_lanes)
    preparing = sum(lanes.preparation_seconds for lanes in calls)
    outcome.seconds, outcome.compile_seconds = outcome.seconds - preparing, outcome.compile_seconds + preparing
    optimizer = cohort.optimizer
    outcome.eager = LIBRARIES[optimizer.library] if isinstance(optimizer, Eager) else "Python"
    outcome.state_bytes = calls[0].state_bytes if calls else math.nan  # SciPy's methods have no lanes
    return outcome


@contextmanager
def isolated_libraries(seed: int = 0) -> Iterator[None]:
    """Set the global random generators to the seed, and the libraries to one thread: runs go in parallel.

    These settings are the whole process's, so one cohort at a time has them; they are restored at the end. A
    transformation of optax draws from the key that it is given, the same for every seed.
    """
    with RANDOM_NUMBERS, restored_libraries():
        states = random.getstate(), np.random.get_state()
        torch: Any = sys.modules.get("torch")
        threads = torch.get_num_threads() if torch else 1
        torch_state = torch.get_rng_state() if torch else None
        random.seed(seed)
        np.random.seed(seed % 2**32)
        if torch:
            torch.set_num_threads(1)
            torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            if torch:
                torch.set_num_threads(threads)
                torch.set_rng_state(torch_state)


def import_library(cohort: Cohort) -> None:
    """Import the modules that the library loads at its first step, which takes seconds, before runs are timed."""
    if not isinstance(cohort.optimizer, Eager):
        return
    with RANDOM_NUMBERS, restored_libraries():
        if cohort.optimizer.library == "torch":
            import torch

            torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.0)
        else:
            import optbench.engine.eager.optax_update  # noqa: F401


def eager_update(
    record: Eager,
    blocks: Sequence[tuple[int, ...]],
    hyperparameters: Sequence[Mapping[str, float]],
    w: np.ndarray,
    rows: bool,
    rates: np.ndarray | None = None,
    seed: int = 0,
    roles: Sequence[str] = (),
) -> EagerUpdate:
    """Return the optimizers of some lanes; imports the library.

    Args:
        record: the optimizer.
        blocks: shapes of the parameter blocks.
        hyperparameters: those of each lane.
        w: (runs, dim): the weights.
        rows: True if w is the engine's own memory, and contiguous.
        rates: (runs,), before any schedule; by default those of the first step.
        seed: of the random numbers that an optimizer draws.
        roles: of the blocks, for PyTorch's; by default those of their places.
    """
    if record.library == "optax":
        from optbench.engine.eager.optax_update import OptaxUpdate

        return OptaxUpdate(record, blocks, hyperparameters, w, rows)
    from optbench.engine.eager.torch_update import TorchUpdate

    return TorchUpdate(record, blocks, hyperparameters, w, rows, rates, seed, roles)


class EagerLanes(CpuLanes):
    """Lanes whose optimizer or problem is not compiled. A step is that of the compiled loop, in the same order."""

    def __init__(self, cohort: Cohort, lanes: Sequence[Lane], code: EagerCode, evaluator: Evaluator):
        """Make the lanes; each call of ``advance`` makes at most one point of evaluation."""
        self._bases = np.array([lane.lr for lane in lanes])
        self._eager: EagerUpdate | None = None
        self._errors = [""] * len(lanes)  # raised by the problem
        super().__init__(cohort, lanes, code, evaluator)
        self.max_snapshots = 1
        self._before, self._behind, _, self._again = divide_stages(code.stages)
        self._count, self._loss = self.f.copy(), self.f.copy() if self.batches.noisy else self.f

    def _new_update(self, cohort: Cohort, hyperparameters: Sequence[Mapping[str, float]]) -> Update | EagerUpdate:
        """Return the rule's kernel for calls from Python, or another library's optimizers."""
        if not isinstance(cohort.optimizer, Eager):
            update = super()._new_update(cohort, hyperparameters)
            for each in (update, update.point_update) if update.point_update else (update,):
                each.kernel.prepare()
            return update
        problem, w = cohort.problem, self.by_run(self.w)
        lanes = problem.blocks, hyperparameters, w, self.single, self._bases, cohort.seed, problem.roles
        self._eager = eager_update(cohort.optimizer, *lanes)
        return self._eager

    @property
    def failures(self) -> tuple[str, ...]:
        """The error of the problem or the optimizer for each lane; "" for none, or if the lane had diverged before."""
        of_step = super().failures if self._eager is None else self._eager.failures
        lanes = zip(self._errors, of_step, self.diverged_at, strict=True)
        return tuple("" if diverged else error or failure for error, failure, diverged in lanes)

    @property
    def preparation_seconds(self) -> float:
        """The seconds that the library took to prepare its steps."""
        return 0.0 if self._eager is None else self._eager.preparation_seconds

    @property
    def state_bytes(self) -> float:
        """The bytes that the library keeps for a parameter; NaN where that is not known."""
        return math.nan if self._eager is None else self._eager.count_state() / self.problem.dim

    @np.errstate(all="ignore")  # a run that explodes overflows on its way
    def advance(self, rates: Rates, done: int, size: int, inner: Sequence[int] = ()) -> None:
        """Make steps, as in runner.Lanes, one by one."""
        order, sizes, rows = self.batches.draw_steps(size)
        for s in range(size):
            t, chosen = done + s + 1, order[s, : sizes[s]] if len(order) else None
            values = self._stage_arguments(t, int(sizes[s]), {name: each[s] for name, each in rows.items()})
            self._apply(self._before, values)
            self._compute_gradients(chosen, self.stages.get("at", self.w), self.g, self.f)
            fresh = self.alive & ~(self.f <= self.limit)  # NaN is over the limit, too
            self.alive[fresh], self.diverged_at[fresh] = False, t
            self._apply(self._behind, values)
            if fresh.any():
                self.freeze()
            lr = rates.base * rates.factors[rates.schedule_of, s]
            self._step(StepInputs(t, lr, self._loss, self._count), chosen, values)
            self.done = t
            if not self.alive.any():
                break

    def _stage_arguments(self, t: int, rows: int, drawn: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return what stages take at step t of so many rows, by the names of their arguments; drawn: for this step."""
        kept = self.stages
        arrays = {"w": self.w, "at": kept.get("at", self.w), "g": self.g}
        values = {**kept, **drawn, "t": t, "rows": rows, "f": self.f, "loss": self._loss, "count": self._count}
        if "late" in kept:
            values["lag"] = lag = len(kept["late"])
            arrays |= {"past": kept["late"][(t - 1) % lag], "oldest": kept["late"][0]}
        return values | {name: self.by_run(array).T for name, array in arrays.items()}

    def _apply(self, stages: Sequence[Stage], values: Mapping[str, Any]) -> None:
        """Call the functions of some stages."""
        for stage in stages:
            stage_function(stage, self.dtype)(*(values[name] for name in arguments(stage.apply)))

    def _take_second(self, point: np.ndarray, chosen: np.ndarray | None, values: dict[str, Any]) -> np.ndarray:
        """Return the gradients at a point, which is changed, with the numbers drawn for the first, and fill f_ahead.

        chosen: as for `_compute_gradients`; values: as of `_stage_arguments`.
        """
        ahead = np.zeros_like(self.w)
        f, at, g = values["f_ahead"], self.by_run(point).T, self.by_run(ahead).T
        there = {**values, "w": at, "at": at, "g": g, "f": f, "loss": f}
        self._apply(self._before, there)
        labels = values["labels"][: values["rows"]] if "labels" in values else None
        self._compute_gradients(chosen, point, ahead, f, labels)
        self._apply(self._again, there)
        return ahead

    def _compute_gradients(self, chosen: np.ndarray | None, w: np.ndarray, g: np.ndarray, f: np.ndarray,
                           labels: np.ndarray | None = None) -> None:  # fmt: skip
        """Fill f and g on the examples of these numbers, None: all.

        labels: those of these examples, in their order, to take in place of the data's. Where lanes run one at a time,
        dead ones are left out, and one whose problem raises an error keeps that and is dead from then on.
        """
        x, y = self.arrays.train
        if chosen is not None:
            rows = len(chosen)
            x, y = np.take(x, chosen, 0, self.batch[0][:rows]), np.take(y, chosen, 0, self.batch[1][:rows])
        rest = x, y if labels is None else labels, self.arrays.constants, self.arrays.layout, self.work
        if not self.single:
            self.code.gradient(w, g, f, *rest, 0, self.runs)
            return
        for r in np.flatnonzero(self.alive).tolist():
            try:
                self.code.gradient(w, g, f, *rest, r, r + 1)
            except PluginError as error:  # of a problem in plain Python: only this lane fails
                self._errors[r], self.alive[r] = str(error), False

    def _step(self, inputs: StepInputs, chosen: np.ndarray | None, values: dict[str, Any]) -> None:
        """Make a step of the lanes that are alive; the rest as for `_take_second`."""

        def second(r: int, point: np.ndarray) -> tuple[np.ndarray, float]:
            """Return gradient and loss of lane r at a point, with the numbers drawn for the first gradient."""
            points = self.w.copy()
            self.by_run(points)[r] = point
            ahead = self._take_second(points, chosen, values)
            if self._errors[r]:
                raise OptbenchError(self._errors[r])
            return self.by_run(ahead)[r], float(values["f_ahead"][r])

        if self._eager is not None:
            takes_second = self._eager.record.gradients > 1
            self._eager.step(
                self.by_run(self.w), self.by_run(self.g), inputs, self.alive, second if takes_second else None
            )
            return
        self.update.find_ahead(self.w, self.g, inputs, lambda point: self._take_second(point, chosen, values))
        for r in np.flatnonzero(self.alive).tolist():
            self.update.step(self.w, self.g, inputs, r, r + 1)

    def _reported(self) -> np.ndarray:
        """Return the weights to evaluate; lanes whose optimizer raises an error here fail."""
        out = super()._reported()
        self.alive &= np.array([not reason for reason in self.failures])  # an optimizer may fail here
        return out

    def _means(self, means: Callable, steps: Sequence[int], shown: np.ndarray) -> np.ndarray:
        """Return what CpuLanes does, lane by lane for a problem in plain Python; NaN for a lane whose problem fails."""
        if not (self.problem.eager and self.done):  # an error at the common start point concerns all lanes
            return super()._means(means, steps, shown)
        values = np.full((1, 1 + len(self.problem.metrics), self.runs), np.nan)
        for r in range(self.runs):
            if not self._errors[r]:
                try:
                    values[:, :, r] = means(shown[:, r : r + 1])[:, :, 0]
                except PluginError as error:
                    self._errors[r], self.alive[r] = str(error), False
        return values
