"""Every optimizer's update, one step, in both loop orders.

The floor of a large update is memory traffic: each state slot, the gradient and the weights are read, slots and
weights written. ``track_bandwidth`` gives the share of what a copy with as many arrays reaches.
"""

import ast
import time

import numpy as np

from optbench import optimizer
from optbench.catalogue import loader
from optbench.contract.syntax import function_of
from optbench.engine.cpu.update import Update

RULES = sorted(loader.load().optimizers)
ELEMENTWISE = [name for name in RULES if loader.load().optimizers[name].elementwise]


class _Update:
    def setup(self, name, dtype, *shape):
        runs, dim = self.size(*shape)
        record = loader.load().optimizers[name]
        arrays = (runs, dim) if self.order == "rows" else (dim, runs)
        self.w, self.g = np.ones(arrays, dtype), np.full(arrays, 0.1, dtype)
        self.update = Update(record, self.order, ((dim,),), dtype, [record.hyperparameters] * runs)
        self.update.scalars[0] = 1e-3
        self.t = 0
        self.step()

    def step(self):
        self.t += 1  # some rules do something else at the first step
        self.update(self.w, self.g, self.t)


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
    """Share, at 20 million parameters, of the bandwidth of a copy with as many streams."""

    order = "rows"
    params = (ELEMENTWISE, ["float32"])
    param_names = ["optimizer", "dtype"]
    timeout = 300

    def size(self):
        return 1, 20_000_000

    def setup(self, name, dtype):
        super().setup(name, dtype)
        record = loader.load().optimizers[name]
        self.copy = Update(copy_rule(len(record.own)), "rows", (self.w.shape[1:],), dtype, [{}])

    def track_bandwidth(self, *params):
        copy, step = [], []
        for _ in range(5):
            begin = time.perf_counter()
            self.copy(self.w, self.g, self.t)
            middle = time.perf_counter()
            self.step()
            copy.append(middle - begin)
            step.append(time.perf_counter() - middle)
        return min(copy) / min(step)

    track_bandwidth.unit = "of a copy"


def copy_rule(slots):
    """A rule that reads and writes as many arrays as one with so many slots, and adds once for each."""
    arrays = ["w", *(f"s{k}" for k in range(slots))]
    sums = ", ".join(f"{array} + g" for array in arrays)
    text = f"def copy({', '.join(['w', 'g', *arrays[1:], 'lr'])}):\n    return {sums}\n"
    return optimizer(source="a benchmark")(function_of(ast.parse(text).body[0], copy_rule, {}))
