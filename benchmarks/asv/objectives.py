"""Value and gradient on a mini-batch of 64, and a cohort's whole way around them."""

import numpy as np
import scipy.linalg.blas  # noqa: F401  its matrix products are the kernels': it must be loaded to be limited
from threadpoolctl import threadpool_limits

import optbench

from .prepared import Prepared


class _OneThread(Prepared):
    """BLAS on one thread, as in the engine's workers."""

    def setup(self, *params):
        super().setup(*params)
        self.limits = threadpool_limits(1, user_api="blas")

    def teardown(self, *params):
        if hasattr(self, "limits"):
            self.limits.restore_original_limits()


class ValueAndGradient(_OneThread):
    """Twenty calls at the start point, with what a call from Python costs."""

    params = (["rosenbrock", "logistic", "mlp"], ["float64"], [64])
    param_names = ["problem", "dtype", "lanes"]

    def prepare(self, name, dtype, lanes):
        self.objective = optbench.objective(name, dtype=dtype, rows=64, runs=lanes)
        self.w = np.tile(self.objective.start(seed=0).astype(dtype), (lanes, 1))
        self.objective(self.w)

    def time_20_calls(self, *params):
        for _ in range(20):
            self.objective(self.w)


class Driver(_OneThread):
    """1,000 steps of a cohort at batch size 64, random numbers, mini-batches and evaluations included."""

    params = (["rosenbrock", "logistic", "mlp"], ["adam"], [1, 64])
    param_names = ["problem", "optimizer", "lanes"]

    def prepare(self, name, optimizer, lanes):
        self.problem, self.optimizer = name, optimizer
        self.settings = [{"lr": rate} for rate in np.geomspace(1e-3, 5e-4, lanes)]
        self.run(2)

    def run(self, steps):
        optbench.cohort(self.problem, self.optimizer, self.settings, steps=steps, batch_size=64, seed=0)

    def time_1000_steps(self, *params):
        self.run(1000)
