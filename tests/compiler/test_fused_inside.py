"""What fused kernels take of numba's inside: arrays on the stack, parts left alone, vectors before unrolling."""

import re

import numba
import numpy as np
import pytest
from numba import float32, float64

from optbench.compiler import fused_inside, numba_inside
from optbench.compiler.translator import OPTIONS, STRICT, jit

_PART = OPTIONS | STRICT | {"forceinline": True, "pipeline_class": fused_inside.Part}
_room = fused_inside.on_stack(float64, (3, 2, 8))
_narrow = fused_inside.on_stack(float32, (5,))
_column = fused_inside.on_stack(float64, (4, 1))
_turned = fused_inside.turned


def fill(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = 10.0 * i + j


_fill = numba.njit(**_PART)(fill)


def shapes(out):
    room, narrow = _room(), _narrow()
    for i in range(3):
        for j in range(2):
            for k in range(8):
                room[i, j, k] = 100.0 * i + 10.0 * j + k
    for i in range(3):
        for j in range(2):
            for k in range(8):
                out[i, j, k] = room[i][j, k]
    return room.shape, narrow.shape, narrow.itemsize


def test_arrays_on_the_stack_hold_what_they_are_given():
    out = np.zeros((3, 2, 8))
    assert numba.njit(shapes)(out) == ((3, 2, 8), (5,), 4)
    assert np.array_equal(out, np.arange(3)[:, None, None] * 100 + np.arange(2)[:, None] * 10 + np.arange(8))


def turn(out):
    column = _column()
    _fill(column)
    row = _turned(column)
    for i in range(4):
        out[i] = row[0, i]
    return row.shape


def test_a_column_as_a_row_is_the_same_memory():
    out = np.zeros(4)
    assert numba.njit(turn)(out) == (1, 4) and out.tolist() == [0, 10, 20, 30]


def lanes(a, steps):
    w, g = _wide(), _wide()
    for i in range(2):
        for r in range(8):
            w[i, r] = a[i, r]
    for _ in range(steps):
        _slope(w, g)
        for i in range(2):
            for r in range(8):
                w[i, r] -= 0.25 * g[i, r]
    for i in range(2):
        for r in range(8):
            a[i, r] = w[i, r]


def slope(w, g):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = w[i, r] * w[i, r]


_wide = fused_inside.on_stack(float64, (2, 8))
_slope = numba.njit(**_PART)(slope)
_TABLE = numba.void(numba.types.Array(float64, 2, "C"), numba.int64)


def body(kernel) -> str:
    """LLVM's text of the kernel's own function."""
    text = kernel.inspect_llvm(_TABLE.args)
    return text[text.index("define") :].partition("\n}")[0]


@pytest.mark.parametrize("way", [fused_inside.Vectors, fused_inside.One])
def test_parts_are_compiled_into_one(way):
    kernel = numba.njit(_TABLE, pipeline_class=way, **OPTIONS | STRICT, **numba_inside.noalias())(lanes)
    w = np.linspace(0.0, 1.0, 16).reshape(2, 8)
    expected = w.copy()
    for _ in range(5):
        expected -= 0.25 * (expected * expected)
    kernel(w, 5)
    assert np.array_equal(w, expected)
    calls = [line for line in body(kernel).splitlines() if re.search(r"\bcall\b.*slope", line)]
    assert calls == [], "a part was not inlined"
    if way is fused_inside.Vectors:
        assert re.search(r"fmul <\d+ x double>", body(kernel)), "loops of eight were unrolled, not vectorized"


def test_a_kernel_on_disk_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    assert not numba_inside.is_kept(jit(fill), _TABLE)
    one = numba.void(numba.types.Array(float64, 2, "C"))
    jit(fill, one)
    assert numba_inside.is_kept(jit(fill), one) and not numba_inside.is_kept(jit(fill), _TABLE)
    assert not numba_inside.is_kept(fill, one)
