"""Small networks: their steps and their evaluations, as shares of the speed at which BLAS multiplies large matrices.

The floor is the time that the matrix products alone take at that speed, which is measured in turns with the rest.
"""

import numpy as np
import scipy.linalg.blas

import optbench

from .objectives import _OneThread
from .versions import cpu_seconds, since

_SIDE, _SECONDS, _REPEATS = 1000, 0.01, 9


def products(layers, rows, backward):
    """Multiplications and additions of a pass: each layer's product, that of its slopes, and the error's way back."""
    forward = [2 * rows * inputs * outputs for inputs, outputs in zip(layers[:-1], layers[1:], strict=True)]
    return sum(forward) + backward * (2 * sum(forward) - forward[0])


def quickest(calls):
    """Seconds of each call, the best of several in turns."""
    spent = [[] for _ in calls]
    for _ in range(_REPEATS):
        for call, times in zip(calls, spent, strict=True):
            count, began = 0, cpu_seconds()
            while count == 0 or cpu_seconds() - began < _SECONDS:
                call()
                count += 1
            times.append((cpu_seconds() - began) / count)
    return [min(times) for times in spent]


class _Share(_OneThread):
    timeout = 300

    def share(self, dtype, operations, *calls):
        """Of the floor of so many operations, in the time of the first call less that of the second."""
        a, b, c = (np.ones((_SIDE, _SIDE), dtype, order="F") for _ in range(3))
        gemm = scipy.linalg.blas.dgemm if dtype == "float64" else scipy.linalg.blas.sgemm
        large, whole, *less = quickest([lambda: gemm(1.0, a, b, c=c, overwrite_c=True), *calls])
        return operations * large / (2 * _SIDE**3) / (whole - sum(less))


class SmallNetworks(_Share):
    """Steps of gradient descent at batch size 64; what a call costs however few steps it makes is taken off."""

    params = ([(64, 32, 10), (784, 64, 10)], ["float64", "float32"], [1, 64])
    param_names = ["layers", "dtype", "lanes"]
    examples = 2_560
    """Of which a fifth is for tests: the others are whole mini-batches."""

    def prepare(self, layers, dtype, lanes):
        since("0.3.0")  # whose cohorts take points
        features, *hidden, classes = layers
        data = f"gaussian(examples={self.examples}, features={features}, classes={classes})"
        self.problem = f"mlp(data={data}, hidden={tuple(hidden)})"
        self.settings = [{"lr": rate} for rate in np.geomspace(0.02, 0.1, lanes)]
        self.steps = max(32, 500_000 // (features * lanes))
        self.run(dtype, 1)

    def run(self, dtype, steps):
        optbench.cohort(
            self.problem, "gd", self.settings, steps=steps, batch_size=64, seed=0, dtype=dtype, points=[steps]
        )

    def track_share(self, layers, dtype, lanes):
        operations = products(layers, 64, True) * lanes * (self.steps - 1)
        return self.share(dtype, operations, lambda: self.run(dtype, self.steps), lambda: self.run(dtype, 1))

    track_share.unit = "of the floor"
    track_share.more_is_better = True


class Evaluations(_Share):
    """Loss and accuracy of 12 networks on all training examples of digits."""

    params = ([(64, 32, 10)], ["float64", "float32"])
    param_names = ["layers", "dtype"]
    runs = 12

    def prepare(self, layers, dtype):
        since("0.3.0")  # whose objectives evaluate
        self.objective = optbench.objective(f"mlp(hidden={tuple(layers[1:-1])})", dtype=dtype, runs=self.runs)
        self.w = np.stack([self.objective.start(seed=seed) for seed in range(self.runs)])
        self.objective.evaluate(self.w)

    def track_share(self, layers, dtype):
        operations = products(layers, self.objective.problem.examples, False) * self.runs
        return self.share(dtype, operations, lambda: self.objective.evaluate(self.w))

    track_share.unit = "of the floor"
    track_share.more_is_better = True
