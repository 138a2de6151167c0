"""The EWA of a series."""

import numpy as np

import optbench

from .prepared import Prepared


class Ewa(Prepared):
    params = (["float64"], [True], [(1, 1_000_000)])
    param_names = ["dtype", "bias_correction", "shape"]

    def prepare(self, dtype, correct, shape):
        self.x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        self.time_ewa(dtype, correct, shape)

    def time_ewa(self, dtype, correct, shape):
        optbench.ewa(self.x, 0.9, correct)
