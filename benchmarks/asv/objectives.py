"""Value and gradient of every problem on a mini-batch of 64, and a cohort's whole way around them."""

import numpy as np
import scipy.linalg.blas  # noqa: F401  its matrix products are the kernels': it must be loaded to be limited
from threadpoolctl import threadpool_limits

import optbench

PROBLEMS = sorted(optbench.problems())


class _OneThread:
    """BLAS on one thread, as in the engine's workers."""

    def limit(self):
        self.limits = threadpool_limits(1, user_api="blas")

    def teardown(self, *params):
        self.limits.restore_original_limits()


class ValueAndGradient(_OneThread):
    """One call at the start point, with what a call from Python costs."""

    params = (PROBLEMS, ["float64", "float32"], [1, 64])
    param_names = ["problem", "dtype", "lanes"]

    def setup(self, name, dtype, lanes):
        self.limit()
        self.objective = optbench.objective(name, dtype=dtype, rows=64, runs=lanes)
        self.w = np.tile(self.objective.start(seed=0).astype(dtype), (lanes, 1))
        self.time_call()

    def time_call(self, *params):
        self.objective(self.w)

    def peakmem_call(self, *params):
        self.objective(self.w)


class Driver(_OneThread):
    """1,000 steps of a cohort at batch size 64, random numbers, mini-batches and evaluations included."""

    params = (["rosenbrock", "logistic", "mlp"], ["gd", "adam"], [1, 64])
    param_names = ["problem", "optimizer", "lanes"]
    timeout = 300

    def setup(self, name, optimizer, lanes):
        self.limit()
        self.problem, self.optimizer, self.settings = name, optimizer, [{"lr": 1e-3}] * lanes
        self.run(2)

    def run(self, steps):
        optbench.cohort(self.problem, self.optimizer, self.settings, steps=steps, batch_size=64, seed=0)

    def time_1000_steps(self, *params):
        self.run(1000)

    def peakmem_1000_steps(self, *params):
        self.run(1000)
