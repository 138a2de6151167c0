"""Every optimizer's update, one step, in both loop orders.

The floor of a large update is memory traffic: each state slot, the gradient and the weights are read, slots and
weights written. ``track_bandwidth`` gives the share of what a copy reaches.
"""

import time

import numpy as np

from optbench import plugins
from optbench.engine import kernels

RULES = sorted(plugins.load().optimizers)


class _Update:
    def setup(self, name, dtype, *shape):
        runs, dim = self.size(*shape)
        record = plugins.load().optimizers[name]
        self.kernel = kernels.update_kernel(record, self.order, dtype)
        arrays = (runs, dim) if self.order == "rows" else (dim, runs)
        self.w, self.g = np.ones(arrays, dtype), np.full(arrays, 0.1, dtype)
        self.state = np.zeros((len(record.slots), *arrays), dtype)
        self.scalars = np.zeros((len(kernels.scalar_rows(record)), runs), dtype)
        self.scalars[0] = 1e-3
        for row, value in enumerate(record.hyperparameters.values(), start=1):
            self.scalars[row] = value
        self.powers = np.ones((len(record.powers), runs))
        self.runs = runs
        self.step()

    def step(self):
        self.kernel(self.w, self.g, self.state, self.scalars, self.powers, 1, 0, self.runs)


class OneRun(_Update):
    """(runs, dim): one run of many parameters."""

    order = "rows"
    params = (RULES, ["float64", "float32"], [10_000, 1_000_000])
    param_names = ["optimizer", "dtype", "parameters"]

    def size(self, parameters):
        return 1, parameters

    def time_update(self, *params):
        self.step()

    def peakmem_update(self, *params):
        self.step()


class ManyLanes(_Update):
    """(dim, runs): many runs of a few parameters."""

    order = "lanes"
    params = (RULES, ["float64", "float32"], [16, 64])
    param_names = ["optimizer", "dtype", "lanes"]

    def size(self, lanes):
        return lanes, 100

    def time_update(self, *params):
        self.step()


class Bandwidth(_Update):
    """Share of a copy's bandwidth at 20 million parameters."""

    order = "rows"
    params = (RULES, ["float32"])
    param_names = ["optimizer", "dtype"]
    timeout = 300

    def size(self):
        return 1, 20_000_000

    def track_bandwidth(self, *params):
        moved = 2 * self.w.nbytes + self.g.nbytes + 2 * self.state.nbytes
        copy, step = [], []
        for _ in range(5):
            begin = time.perf_counter()
            np.copyto(self.g, self.w)
            middle = time.perf_counter()
            self.step()
            copy.append((middle - begin) / (2 * self.w.nbytes))
            step.append((time.perf_counter() - middle) / moved)
        return min(copy) / min(step)

    track_bandwidth.unit = "of a copy"
