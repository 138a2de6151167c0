"""Kernels of problems: that of a single lane computes what that of many does."""

from itertools import cycle

import numpy as np
import pytest
from harness import batch, gradient, problem_of

pytestmark = pytest.mark.slow

# Every structure, and every dtype: with data and without, in one loop and in more.
NAMES = ["rosenbrock(dim=13)", "phase_retrieval", "styblinski_tang(dim=9)", "logistic", "softmax", "quadratic"]
CASES = list(zip(NAMES, cycle(["float64", "float32"])))


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_a_single_lane_has_what_it_has_among_others(name, dtype):
    problem = problem_of(name)
    rng = np.random.default_rng(4)
    w = np.array([problem.start(rng) for _ in range(3)])
    rows = None if problem.data is None else rng.permutation(len(problem.data[0]))[:63]
    xy = batch(problem, rows, dtype)
    together = gradient(problem, w, xy, dtype)
    for run in range(3):
        value, slope = gradient(problem, w[run], xy, dtype, one=True)
        tolerance = {"float64": 1e-12, "float32": 1e-4}[dtype]
        np.testing.assert_allclose(value[0], together[0][run], rtol=tolerance)
        scale = np.abs(together[1][run]).max()
        np.testing.assert_allclose(slope[0], together[1][run], rtol=0, atol=tolerance * scale)
