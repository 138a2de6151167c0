"""Loops are as wide as the machine's vectors, where those cost no clock."""

import numba
import numpy as np
import pytest
from numba import float64, types, void

from optbench.compiler import numba_inside

LINE = types.Array(float64, 1, "C")
KIND = void(LINE, LINE)
WIDE = ' "prefer-vector-width"="512"'


@numba.njit(pipeline_class=numba_inside.Helper)
def halved(x):
    return 0.5 * x


def halves(a, b):
    for i in range(a.shape[0]):
        b[i] = halved(a[i])


@pytest.mark.parametrize("features, width", [({"avx512f": True, "avx512vbmi2": True}, WIDE), ({"avx512f": True}, "")])
def test_only_later_machines_take_all_of_512_bits(monkeypatch, features, width):
    monkeypatch.setattr(numba_inside, "host_features", lambda: features)
    assert numba_inside._width.__wrapped__() == width


@pytest.mark.parametrize("width", [WIDE, ""])
def test_kernels_and_what_they_call_have_the_width(monkeypatch, width):
    monkeypatch.setattr(numba_inside, "_width", lambda: width)
    kernel = numba.njit(KIND, pipeline_class=numba_inside.OwnCode)(halves)
    text = kernel.inspect_llvm(kernel.signatures[0])
    assert ('"prefer-vector-width"="512"' in text) == bool(width)
    a, b = np.arange(100.0), np.zeros(100)
    kernel(a, b)
    assert (b == a / 2).all()
