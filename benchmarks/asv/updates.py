"""Every optimizer's update: one run of many parameters, and many runs of a few.

The floor of a large update is memory traffic: each state slot, the gradient and the weights are read, slots and
weights written. ``track_bandwidth`` gives the share of what a copy with as many arrays reaches.
"""

import time

import numpy as np

import optbench

from .versions import Prepared, known, list_stepper, names, since, stepper

RULES = names("optimizers")
OF_EACH_KIND = ["gd", "momentum", "adagrad", "rmsprop", "adam", "lion", "adan", "muon", "lamb", "schedule_free_adamw"]


class OneRun(Prepared):
    """Steps on an array of parameters."""

    params = (RULES, ["float64"], [10_000])
    param_names = ["optimizer", "dtype", "parameters"]

    def prepare(self, name, dtype, parameters):
        known("optimizers", name)
        record = optbench.optimizers()[name]
        if len(getattr(record, "inputs", "1")) > 1 or getattr(record, "sizes", ()) or getattr(record, "look", None):
            raise NotImplementedError(f"{name} sees more of a step than a gradient")
        self.g = np.full(parameters, 0.1, dtype)
        self.stepper = stepper(name, np.ones(parameters, dtype), lr=1e-3)
        self.stepper.step(self.g)  # some rules do something else at the first step

    def time_10_updates(self, *params):
        for _ in range(10):
            self.stepper.step(self.g)

    def peakmem_update(self, *params):
        self.stepper.step(self.g)

    peakmem_update.params = (["adam", "adan"], ["float64"], [1_000_000])


class Lists(Prepared):
    """20 million parameters in a list of arrays, each a parameter block."""

    parameters = 20_000_000
    params = (["adam", "clip(adam)", "lamb"], ["float32"], [1, 100])
    param_names = ["optimizer", "dtype", "arrays"]
    timeout = 300

    def prepare(self, name, dtype, arrays):
        size = self.parameters // arrays
        w, self.g = [np.ones(size, dtype) for _ in range(arrays)], [np.full(size, 0.1, dtype) for _ in range(arrays)]
        self.stepper = list_stepper(name, w, lr=1e-3)
        self.stepper.step(self.g)

    def time_update(self, *params):
        self.stepper.step(self.g)


def slope(w, g, f):
    """The plane f = 0.1 * (w_1 + w_2 + ...) without its value: beside the update, a step is one store a parameter."""
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = 0.1
    for r in range(w.shape[1]):
        f[r] = 0.0


def evaluate(w, out):
    """The value that `slope` gives, for nothing."""
    out[:] = 0.0


class ManyLanes(Prepared):
    """1,000 steps of a cohort on a problem of 100 parameters whose gradient costs next to nothing."""

    params = (OF_EACH_KIND, ["float32"], [64])
    param_names = ["optimizer", "dtype", "lanes"]
    problem = optbench.Problem(
        form="lanes",
        dim=100,
        start=lambda rng: np.ones(100),
        value_and_gradient=slope,
        evaluate=evaluate,
        minimum=-1.0,
        minimum_source="a bound that no run comes near",
        name="slope",
    )

    def prepare(self, name, dtype, lanes):
        since("0.2.0")  # which has optbench.cohort
        known("optimizers", name)
        self.cohort(name, dtype, lanes, 2)

    def cohort(self, name, dtype, lanes, steps):
        settings = [{"lr": 1e-3}] * lanes
        return optbench.cohort(self.problem, name, settings, steps=steps, dtype=dtype, points=[steps])

    def time_1000_updates(self, *params):
        self.cohort(*params, 1000)


def copy_0(w, g, lr):
    return w + g


def copy_1(w, g, a, lr):
    return w + g, a + g


def copy_2(w, g, a, b, lr):
    return w + g, a + g, b + g


def copy_3(w, g, a, b, c, lr):
    return w + g, a + g, b + g, c + g


def copy_4(w, g, a, b, c, d, lr):
    return w + g, a + g, b + g, c + g, d + g


COPIES = [optbench.optimizer(source="a benchmark")(rule) for rule in (copy_0, copy_1, copy_2, copy_3, copy_4)]
"""Rules that read and write as many arrays as one with so many slots, and add once for each."""


class Bandwidth(Prepared):
    """Share, at 20 million parameters, of the bandwidth of a copy with as many streams."""

    parameters = 20_000_000
    params = (["gd", "momentum", "adam", "lion", "adan"], ["float32"])
    param_names = ["optimizer", "dtype"]
    timeout = 300

    def prepare(self, name, dtype):
        known("optimizers", name)
        w, self.g = np.ones(self.parameters, dtype), np.full(self.parameters, 0.1, dtype)
        record = optbench.optimizers()[name]
        slots = len(getattr(record, "own", record.slots))
        self.steppers = [stepper(rule, w, lr=1e-3) for rule in (COPIES[slots], name)]
        for side in self.steppers:
            side.step(self.g)

    def track_bandwidth(self, *params):
        times = [], []
        for _ in range(5):
            for side, spent in zip(self.steppers, times, strict=True):
                begin = time.perf_counter()
                side.step(self.g)
                spent.append(time.perf_counter() - begin)
        copy, step = map(min, times)
        return copy / step

    track_bandwidth.unit = "of a copy"
    track_bandwidth.more_is_better = True
