"""Value and gradient of every problem on a mini-batch of 64, and the driver around them."""

from optbench.catalogue import loader
from optbench.checks.guarded_arrays import Guarded
from optbench.engine.cohort import run_cohort
from optbench.engine.lanes import Lane
from optbench.sweeps.executor import one_blas_thread

PROBLEMS = sorted(loader.load().problems)


class ValueAndGradient:
    params = (PROBLEMS, ["float64", "float32"], [1, 64])
    param_names = ["problem", "dtype", "lanes"]

    def setup(self, name, dtype, lanes):
        self.limits = one_blas_thread()
        self.arrays = Guarded(loader.load().problem(name), dtype, lanes, rows=64)
        self.time_call()

    def teardown(self, *params):
        self.limits.restore_original_limits()

    def time_call(self, *params):
        self.arrays.value_and_gradient()

    def peakmem_call(self, *params):
        self.arrays.value_and_gradient()


class Driver:
    """1,000 steps of a cohort at batch size 64, random numbers, mini-batches and evaluations included."""

    params = (["rosenbrock", "logistic", "mlp"], ["gd", "adam"], [1, 64])
    param_names = ["problem", "optimizer", "lanes"]
    timeout = 300

    def setup(self, name, optimizer, lanes):
        catalogue = loader.load()
        self.limits = one_blas_thread()
        self.problem = catalogue.problem(name)
        self.optimizer, values = catalogue.optimizer(optimizer)
        self.lanes = [Lane(1e-3, catalogue.schedule("constant"), values)] * lanes
        self.run(2)

    def teardown(self, *params):
        self.limits.restore_original_limits()

    def run(self, steps):
        run_cohort(self.problem, self.optimizer, self.lanes, seed=0, batch_size=64, steps=steps)

    def time_1000_steps(self, *params):
        self.run(1000)

    def peakmem_1000_steps(self, *params):
        self.run(1000)
