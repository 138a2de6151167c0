"""Some lanes whose steps are taken one by one in Python, with the arrays of those that the compiled driver takes."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from optbench.contract.eager import Eager
from optbench.contract.errors import PluginError
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.code import EagerCode
from optbench.engine.cpu.evaluation import Evaluation
from optbench.engine.cpu.lanes import CpuLanes
from optbench.engine.cpu.update import Update
from optbench.engine.eager.update import EagerUpdate
from optbench.engine.rates import Rates


class EagerLanes(CpuLanes):
    """Lanes of a cohort whose optimizer or problem is not compiled; a step is the driver's, in the same order."""

    def __init__(self, cohort: Cohort, lanes: Sequence[Lane], code: EagerCode, evaluation: Evaluation):
        self._bases = np.array([lane.lr for lane in lanes])
        self._eager: EagerUpdate | None = None
        self._raised = [""] * len(lanes)
        super().__init__(cohort, lanes, code, evaluation)
        self.ahead = 1

    def _update_of(self, cohort: Cohort, hyperparameters: Sequence[Mapping[str, float]]) -> Update | EagerUpdate:
        if not isinstance(cohort.optimizer, Eager):
            update = super()._update_of(cohort, hyperparameters)
            update.kernel.prepared()
            return update
        place = (cohort.problem.blocks, hyperparameters, self.by_run(self.w), self.single, self._bases, cohort.seed)
        self._eager = EagerUpdate(cohort.optimizer, *place)
        return self._eager

    @property
    def failures(self) -> tuple[str, ...]:
        """Of the problem or of the optimizer; a lane that had diverged before has ended already."""
        of_step = super().failures if self._eager is None else self._eager.failures
        pairs = zip(self._raised, of_step, self.diverged_at, strict=True)
        return tuple("" if diverged else mine or other for mine, other, diverged in pairs)

    @property
    def making(self) -> float:
        """Seconds that the library took to prepare its steps."""
        return 0.0 if self._eager is None else self._eager.making

    @np.errstate(all="ignore")  # a run that explodes overflows on its way
    def advance(self, rates: Rates, done: int, size: int, inner: Sequence[int] = ()) -> None:
        order, sizes, noise = self.batches.draw(size)
        for s in range(size):
            self._gradients(order[s, : sizes[s]] if len(order) else None)
            fresh = self.alive & ~(self.f <= self.limit)  # NaN fails, too
            self.alive[fresh], self.diverged_at[fresh] = False, done + s + 1
            if len(noise):
                self.g *= noise[s, -1]
                self.by_run(self.g)[:] += noise[s, :-1]
            if fresh.any():
                self.park()
            self._step(rates.base * rates.factors[rates.schedule_of, s], done + s + 1)
            self.done = done + s + 1
            if not self.alive.any():
                break

    def _gradients(self, chosen: np.ndarray | None) -> None:
        x, y = self.arrays.train
        if chosen is not None:
            rows = len(chosen)
            x, y = np.take(x, chosen, 0, self.batch[0][:rows]), np.take(y, chosen, 0, self.batch[1][:rows])
        rest = x, y, self.arrays.constants, self.arrays.layout, self.work
        if not self.single:
            self.code.gradient(self.w, self.g, self.f, *rest, 0, self.runs)
            return
        for r in np.flatnonzero(self.alive).tolist():
            try:
                self.code.gradient(self.w, self.g, self.f, *rest, r, r + 1)
            except PluginError as error:  # a problem in plain Python; what it cannot compute is this lane's matter
                self._raised[r], self.alive[r] = str(error), False

    def _reported(self) -> np.ndarray:
        out = super()._reported()
        self.alive &= np.array([not reason for reason in self.failures])  # it may fail when it is looked at
        return out

    def _assessed(self, mean: Callable[[np.ndarray], np.ndarray], step: int, reported: np.ndarray) -> np.ndarray:
        if not (self.problem.eager and self.done):  # where all begin, what is raised is everybody's
            return super()._assessed(mean, step, reported)
        return np.concatenate([self._of_lane(mean, reported, r) for r in range(self.runs)], axis=1)

    def _of_lane(self, mean: Callable[[np.ndarray], np.ndarray], w: np.ndarray, r: int) -> np.ndarray:
        if not self._raised[r]:
            try:
                return mean(w[r : r + 1])
            except PluginError as error:
                self._raised[r], self.alive[r] = str(error), False
        return np.full((1 + len(self.problem.metrics), 1), np.nan)

    def _step(self, rates: np.ndarray, t: int) -> None:
        if self._eager is not None:
            self._eager(self.by_run(self.w), self.by_run(self.g), self.f, rates, self.alive)
            return
        self.update.scalars[0] = rates
        for r in np.flatnonzero(self.alive).tolist():
            self.update(self.w, self.g, t, r, r + 1)
