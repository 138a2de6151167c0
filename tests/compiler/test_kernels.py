"""Kernels and the entrance that those of a signature share."""

import numpy as np
import pytest
from numba import float64, int64, types, void

from optbench.compiler import kernels

ROWS = types.Array(float64, 2, "C")
KIND = void(ROWS, float64, int64)


def add(a, x, row):
    a[row] += x


def multiply(a, x, row):
    a[row] *= x


def refuse(a, x, row):
    if x < 0:
        raise ValueError("below nothing")


@pytest.fixture(scope="module")
def made():
    return {f.__name__: kernels.compile_kernel(f, KIND, "a test", f.__name__) for f in (add, multiply, refuse)}


def test_kernels_of_one_signature_share_an_entrance(made):
    a = np.arange(6.0).reshape(2, 3)
    made["add"](a, 2.0, 1)
    made["multiply"](a, 3.0, 1)
    assert a.tolist() == [[0, 1, 2], [15, 18, 21]]
    assert made["add"].repeat.func is made["multiply"].repeat.func
    assert len({kernel.callee for kernel in made.values()}) == 3


def test_an_error_comes_through(made):
    made["refuse"](np.zeros((1, 1)), 1.0, 0)
    with pytest.raises(ValueError, match="below nothing"):
        made["refuse"](np.zeros((1, 1)), -1.0, 0)


@pytest.mark.parametrize("array", [np.zeros((2, 2), np.float32), np.zeros(2), np.zeros((2, 2)).T, [[1.0]]])
def test_what_the_signature_does_not_say_is_refused(made, array):
    with pytest.raises(TypeError):
        made["add"](array, 1.0, 0)
