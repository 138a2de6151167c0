"""Some lanes whose steps are taken one by one in Python, with the arrays of those that the compiled driver takes."""

from collections.abc import Mapping, Sequence

import numpy as np

from optbench.contract.eager import Eager
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.code import EagerCode
from optbench.engine.cpu.evaluation import Evaluation
from optbench.engine.cpu.lanes import CpuLanes
from optbench.engine.cpu.update import Update
from optbench.engine.eager.update import EagerUpdate
from optbench.engine.runner import Rates


class EagerLanes(CpuLanes):
    """Lanes of a cohort whose optimizer or problem is not compiled; a step is the driver's, in the same order."""

    def __init__(self, cohort: Cohort, lanes: Sequence[Lane], code: EagerCode, evaluation: Evaluation):
        self._bases = np.array([lane.lr for lane in lanes])
        self._eager: EagerUpdate | None = None
        super().__init__(cohort, lanes, code, evaluation)

    def _update_of(self, cohort: Cohort, hyperparameters: Sequence[Mapping[str, float]]) -> Update | EagerUpdate:
        if not isinstance(cohort.optimizer, Eager):
            return super()._update_of(cohort, hyperparameters)
        place = (cohort.problem.blocks, hyperparameters, self.by_run(self.w), self.single, self._bases, cohort.seed)
        self._eager = EagerUpdate(cohort.optimizer, *place)
        return self._eager

    @property
    def failures(self) -> tuple[str, ...]:
        return super().failures if self._eager is None else self._eager.failures

    @property
    def making(self) -> float:
        """Seconds that the library took to prepare its steps."""
        return 0.0 if self._eager is None else self._eager.making

    @np.errstate(all="ignore")  # a run that explodes overflows on its way
    def advance(self, rates: Rates, done: int, size: int, heard: bool) -> None:
        order, sizes, noise = self.batches.draw(size)
        for s in range(size):
            self._gradients(order[s, : sizes[s]] if len(order) else None)
            fresh = self.alive & ~(self.f <= self.limit)  # NaN fails, too
            self.alive[fresh], self.diverged_at[fresh] = False, done + s + 1
            if heard:
                self.tail[self.alive] += self.f[self.alive]
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
            self.code.gradient(self.w, self.g, self.f, *rest, r, r + 1)

    def _step(self, rates: np.ndarray, t: int) -> None:
        if self._eager is not None:
            self._eager(self.by_run(self.w), self.by_run(self.g), self.f, rates, self.alive)
            return
        self.update.scalars[0] = rates
        for r in np.flatnonzero(self.alive).tolist():
            self.update(self.w, self.g, t, r, r + 1)
