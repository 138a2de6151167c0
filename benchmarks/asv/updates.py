"""The update of optimizers of each kind: one run of many parameters, and many runs of a few."""

import numpy as np

import optbench

from .prepared import Prepared


class OneRun(Prepared):
    """Steps on an array of parameters."""

    params = (["gd", "adam", "muon"], ["float64"], [10_000])
    param_names = ["optimizer", "dtype", "parameters"]

    def prepare(self, name, dtype, parameters):
        self.g = np.full(parameters, 0.1, dtype)
        self.stepper = optbench.stepper(name, np.ones(parameters, dtype), lr=1e-3)
        self.stepper.step(self.g)  # some rules do something else at the first step

    def time_10_updates(self, *params):
        for _ in range(10):
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

    params = (["gd", "adam", "lamb"], ["float32"], [64])
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
        self.cohort(name, dtype, lanes, 2)

    def cohort(self, name, dtype, lanes, steps):
        settings = [{"lr": 1e-3}] * lanes
        return optbench.cohort(self.problem, name, settings, steps=steps, dtype=dtype, points=[steps])

    def time_1000_updates(self, *params):
        self.cohort(*params, 1000)
