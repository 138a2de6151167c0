"""SciPy's line-search methods as full-batch baselines: a step is one evaluation of value and gradient."""

import time
from collections.abc import Mapping

import numpy as np

from optbench.engine.arrays import aligned, scratch_size
from optbench.engine.cohort import Cohort
from optbench.engine.cpu.code import ProblemCode
from optbench.engine.cpu.evaluation import Evaluation
from optbench.engine.outcome import Outcome
from optbench.engine.runner import Clock


class _Spent(Exception):
    """The budget of evaluations, or the clock, has run out."""


class BaselineRun:
    """One run. After ``k`` evaluations it stands at the best point of those, the start being the first one."""

    def __init__(self, cohort: Cohort, code: ProblemCode, evaluation: Evaluation):
        problem, dtype = cohort.problem, cohort.dtype
        self.cohort, self.problem, self.code, self.evaluation, self.dtype = cohort, problem, code, evaluation, dtype
        self.start = cohort.start_point()
        self.single = problem.form == "single"
        shape = (1, problem.dim) if self.single else (problem.dim, 1)
        self.w, self.g, self.f = aligned(shape, dtype), aligned(shape, dtype), aligned(1, dtype)
        self.arrays = evaluation.arrays
        self.work = aligned(scratch_size(problem, len(self.arrays.x), 1), dtype)
        self.count, self.best, self.best_w = 0, np.inf, self.start

    def run(self, hyperparameters: Mapping[str, float], clock: Clock) -> Outcome:
        """Run to the last step, or to the clock's end; one that has converged stays where it is."""
        from scipy.optimize import minimize

        points = self.cohort.evaluated

        kept = [(0, self.start.copy(), np.nan, np.nan)]  # step, w, value, norm of the gradient

        def value_and_gradient(w):
            if self.count >= points[-1] or clock.late():
                raise _Spent
            value, g = self.evaluate(w)
            clock.progress(1)
            if self.count in wanted:
                kept.append((self.count, self.best_w.copy(), value, float(np.linalg.norm(g))))
            return value, g

        wanted = set(points.tolist())
        finished = True
        try:
            minimize(
                value_and_gradient, self.start, jac=True, method=self.cohort.baseline.method,
                options=self.cohort.baseline.options(hyperparameters, int(points[-1])),
            )  # fmt: skip
        except _Spent:
            finished = self.count >= points[-1]
        if finished:  # converged, or its line search found nothing lower
            clock.progress(int(points[-1]) - self.count)
            kept += [(int(step), self.best_w, *kept[-1][2:]) for step in points if step > kept[-1][0]]
        elif kept[-1][0] < self.count:
            kept.append((self.count, self.best_w, *kept[-1][2:]))
        return self._outcome(kept)

    @np.errstate(all="ignore")  # a line search may look far out
    def evaluate(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient on all data, in float64 for SciPy."""
        self.w.reshape(-1)[:] = w
        self.code.gradient(
            self.w, self.g, self.f, *self.arrays.train, self.arrays.constants, self.arrays.layout, self.work, 0, 1
        )
        self.count += 1
        value = float(self.f[0])
        if value < self.best:
            self.best, self.best_w = value, np.array(w)
        return value, self.g.reshape(-1).astype(float)

    def _outcome(self, kept) -> Outcome:
        steps = np.array([step for step, *_ in kept])
        begin, train, test = time.perf_counter(), [], []
        for _, w, _, _ in kept:
            at = w.astype(self.dtype).reshape(self.w.shape)
            train.append(self.evaluation.train(at))
            test.append(self.evaluation.test(at))
        evaluating = time.perf_counter() - begin
        positions = np.array([w for _, w, _, _ in kept])[:, :, None]
        return Outcome(
            steps=int(steps[-1]),
            points=steps,
            lr=np.where(steps > 0, 1.0, np.nan)[:, None],
            batch_loss=np.array([[value] for _, _, value, _ in kept]),
            gradient_norm=np.array([[norm] for *_, norm in kept]),
            train=np.array(train),
            test=np.array(test),
            positions=positions if self.problem.dim == 2 else positions[:, :0],
            w=kept[-1][1][None],
            diverged_at=np.zeros(1, np.int64),
            evaluation_seconds=evaluating,
        )
