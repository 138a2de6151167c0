"""Arrays that the compiler sees through, and parts that are compiled as one with their kernel."""

import itertools
import re

import numba
import numpy as np
import pytest
from numba import float64

from optbench.compiler import numba_inside
from optbench.compiler.translator import OPTIONS, STRICT

_PART = OPTIONS | STRICT | {"forceinline": True, "pipeline_class": numba_inside.Part}


def slope(w, g):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = w[i, r] * w[i, r]


_slope = numba.njit(**_PART)(slope)
_TABLE = numba.void(numba.types.Array(float64, 2, "C"), numba.types.Array(float64, 2, "C"))


def lanes(w, g):
    _slope(w, g)


def body(kernel) -> str:
    """LLVM's text of the kernel's own function."""
    text = kernel.inspect_llvm(_TABLE.args)
    return text[text.index("define") :].partition("\n}")[0]


def test_parts_are_compiled_into_one():
    kernel = numba.njit(_TABLE, pipeline_class=numba_inside.Vectors, **OPTIONS | STRICT, **numba_inside.noalias())(
        lanes
    )
    w, g = np.linspace(0.0, 1.0, 16).reshape(2, 8), np.zeros((2, 8))
    kernel(w, g)
    assert np.array_equal(g, w * w)
    calls = [line for line in body(kernel).splitlines() if re.search(r"\bcall\b.*slope", line)]
    assert calls == [], "a part was not inlined"
    assert re.search(r"fmul <\d+ x double>", body(kernel)), "lanes are no vectors"


def squares(w, out):
    part, room = w[1:], out[1:]
    for i in range(part.shape[0]):
        row, slope = part[i], room[i]
        for r in range(row.shape[0]):
            slope[r] = row[r] * row[r]


_squares = numba.njit(**_PART)(squares)
_alone = numba_inside.alone


def squares_of_one(w, out):
    _squares(_alone(w), _alone(out))


def squares_of_all(w, out):
    _squares(w, out)


@pytest.mark.parametrize("kernel, runs", [(squares_of_one, 1), (squares_of_all, 3)])
def test_nobody_counts_views_of_a_kernels_arguments(kernel, runs):
    kind = numba.types.Array(float64, 2, "C")
    options = OPTIONS | STRICT | numba_inside.noalias()
    compiled = numba.njit(numba.void(kind, kind), pipeline_class=numba_inside.Vectors, **options)(kernel)
    w, out = np.arange(12.0 * runs).reshape(12, runs), np.zeros((12, runs))
    compiled(w, out)
    assert np.array_equal(out[1:], w[1:] ** 2) and not out[0].any()
    text = compiled.inspect_llvm((kind, kind))
    text = text[text.index("define") :].partition("\n}")[0]
    assert "NRT_incref" not in text
    assert re.search(r"fmul <\d+ x double>", text), "no vectors, of lanes or of one lane's parameters"


def reshapes(a, rows):
    b = numba_inside.reshaped(a, rows, 3)
    b[0, 1] = 7.0
    own = numba_inside.reshaped(np.zeros(6) + 1.0, 2, 3)  # nobody else holds that memory
    return b, numba_inside.reshaped(b, (3, rows)), numba_inside.reshaped(b, -1), own


def test_reshaped_is_a_reshape_without_a_call():
    a = np.arange(6.0)
    b, turned, flat, own = numba.njit(reshapes)(a, 2)
    assert a[1] == 7.0 and np.shares_memory(a, flat)
    for array, shape in ((b, (2, 3)), (turned, (3, 2)), (flat, (6,))):
        np.testing.assert_array_equal(array, a.reshape(shape))
    np.testing.assert_array_equal(own, np.ones((2, 3)))
    with pytest.raises(ValueError, match="total size"):
        numba.njit(reshapes)(a, 4)
    for array in reshapes(a, 2):
        assert array.size == 6


@pytest.mark.parametrize("size", [0, 6])
def test_an_open_size_is_what_numba_makes_of_it(size):
    kernel = numba.njit(lambda a, n, m: numba_inside.reshaped(a, n, m))
    own = numba.njit(lambda a, n, m: a.reshape(n, m))
    a, fitting = np.arange(float(size)), 0
    for shape in itertools.product([-1, 0, 1, 2, 3, 4, 6], repeat=2):
        try:
            expected = own(a, *shape)
        except ValueError:
            with pytest.raises(ValueError, match="total size"):
                kernel(a, *shape)
        else:
            np.testing.assert_array_equal(kernel(a, *shape), expected, str(shape))
            fitting += 1
    assert fitting == {0: 23, 6: 12}[size]


def test_reshaped_leaves_other_arrays_to_numba():
    kernel = numba.njit(lambda a: numba_inside.reshaped(a, 4))
    with pytest.raises(numba.TypingError, match="contiguous"):
        kernel(np.ones((4, 2))[:, :1])


@numba.njit
def multiplied(a, b, out, first, last):
    numba_inside.multiply(a, b[:, first:last], out[:, first:last])


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("turned", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("shape", [(5, 7, 9), (1, 7, 9), (5, 1, 9), (5, 7, 1), (1, 1, 1)])
def test_blas_multiplies_pieces_of_matrices_however_they_lie(shape, turned, kind):
    rows, inner, columns = shape
    a, b = (np.arange(1.0, 1.0 + n * m).reshape(n, m).astype(kind) for n, m in ((rows, inner), (inner, columns)))
    sides = (np.ascontiguousarray(side.T).T if turn else side for side, turn in zip((a, b), turned, strict=True))
    out = np.full((rows, columns), np.nan, kind)
    last = max(columns - 2, 1)
    multiplied(*sides, out, columns // 3, last)
    expected = out.copy()
    expected[:, columns // 3 : last] = (a @ b)[:, columns // 3 : last]
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    assert np.isnan(out).sum() == rows * (columns - last + columns // 3)
