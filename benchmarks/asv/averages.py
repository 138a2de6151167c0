"""EWA; its floor is a copy of the series."""

import numpy as np

import optbench

from .versions import Prepared


class Ewa(Prepared):
    params = (["float64", "float32"], [False, True], [(1, 1_000_000), (1000, 1000)])
    param_names = ["dtype", "bias_correction", "shape"]

    def prepare(self, dtype, correct, shape):
        self.x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        self.time_ewa(dtype, correct, shape)

    def time_ewa(self, dtype, correct, shape):
        optbench.ewa(self.x, 0.9, correct)

    def peakmem_ewa(self, dtype, correct, shape):
        optbench.ewa(self.x, 0.9, correct)

    def time_copy(self, dtype, correct, shape):
        self.x.copy()

    time_copy.params = (params[0], [False], params[2])
    peakmem_ewa.params = (["float64"], [False, True], [(1, 1_000_000)])
