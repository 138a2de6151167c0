"""The machine code of kernels: parts in one, views that nobody counts, and vectors as wide as the machine's."""

import itertools
import re
import sys

import numba
import numpy as np
import pytest
from numba import float64, types, void
from numba.core.runtime import _nrt_python, rtsys

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


ROWS = types.Array(float64, 2, "C")
BORROWS = void(ROWS, ROWS)


def products(a, b):
    for first in range(0, a.shape[0], 2):  # views, as networks have them
        np.dot(a[first : first + 2], a[:2].T, b[first : first + 2])


def products_of_a_copy(a, b):
    made = a.copy()
    np.dot(made, made[:2].T, b)


def own_code(function):
    return numba.njit(BORROWS, pipeline_class=numba_inside.OwnCode)(function)


def counts(kernel) -> int:
    """Operations on counts but for those of what is called from Python, and numba's own two functions for them."""
    text = kernel.inspect_llvm(kernel.signatures[0])
    found = 0
    for part in text.split("\ndefine ")[1:]:
        head = part.partition("\n")[0]
        if "@_ZN7cpython" not in head and "@NRT_" not in head:
            found += part.count("@NRT_incref(") + part.count("@NRT_decref(")
    return found


@pytest.mark.parametrize("function", [products, products_of_a_copy])
def test_numbers_are_those_of_numpy(function):
    a, b = np.arange(12.0).reshape(4, 3), np.ones((4, 2))
    own_code(function)(a, b)
    assert (b == a @ a[:2].T).all()


def test_only_what_makes_no_arrays_does_not_count():
    assert counts(numba.njit(BORROWS)(products)), "numba counts no views by itself any more: take the removal away"
    assert not counts(own_code(products))
    assert counts(own_code(products_of_a_copy))


def test_what_is_given_is_still_held_by_who_gave_it_and_by_nobody_else():
    kernel, a, b = own_code(products), np.ones((40, 3)), np.zeros((40, 2))
    before = sys.getrefcount(a), sys.getrefcount(b)
    for _ in range(100):
        kernel(a, b)
    assert (sys.getrefcount(a), sys.getrefcount(b)) == before
    assert (b == 3).all()


def test_what_is_made_is_given_back():
    kernel, a = own_code(products_of_a_copy), np.ones((40, 3))
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        kernel(a, np.zeros((40, 2)))
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert after.alloc > before.alloc
    assert after.alloc - before.alloc == after.free - before.free


LINE = types.Array(float64, 1, "C")
LINES = void(LINE, LINE)
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
    kernel = numba.njit(LINES, pipeline_class=numba_inside.OwnCode)(halves)
    text = kernel.inspect_llvm(kernel.signatures[0])
    assert ('"prefer-vector-width"="512"' in text) == bool(width)
    a, b = np.arange(100.0), np.zeros(100)
    kernel(a, b)
    assert (b == a / 2).all()
