"""Loops in whole vectors and parts of them: of any number of rows and columns, with nothing written beside them."""

import numba
import numpy as np
import pytest

from optbench.compiler import vectors_inside
from optbench.compiler.pipelines_inside import ENTRANCE
from optbench.compiler.translator import Translator, translator
from optbench.kit import lane_products

BESIDE = 7.5  # what stands around an array, and stays


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


def surrounded(rows, columns, dtype):
    """An array (rows, columns) with 32 numbers in front and behind, and all of those."""
    whole = np.full(64 + rows * columns, BESIDE, dtype)
    return whole[32 : 32 + rows * columns].reshape(rows, columns), whole


def untouched(whole, size):
    return (whole[:32] == BESIDE).all() and (whole[32 + size :] == BESIDE).all()


def compiled(way):
    return numba.njit(lambda x, y, numbers, examples, targets: way(x, y, numbers, examples, targets))


GATHERING = [compiled(numba.njit(vectors_inside.gather_one_by_one))]
"""As a machine without such vectors has it, and as one with them, where this is one."""
if vectors_inside.vector_bytes():
    GATHERING.append(compiled(vectors_inside.gather_vectors))


@pytest.mark.parametrize("gathered", GATHERING)
@pytest.mark.parametrize("columns", [0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 100])
def test_examples_are_gathered(columns, gathered, dtype):
    x, y = np.arange(20.0 * columns).reshape(20, columns).astype(dtype), np.arange(20.0).astype(dtype)
    numbers = np.array([3, 19, 0, 3, 7, 5, 5], np.int32)
    (out, whole), (targets, around) = surrounded(7, columns, dtype), surrounded(1, 7, dtype)
    gathered(x, y, numbers, out, targets[0])
    np.testing.assert_array_equal(out, x[numbers])
    np.testing.assert_array_equal(targets[0], y[numbers])
    assert untouched(whole, out.size) and untouched(around, 7)


@pytest.mark.parametrize("gathered", GATHERING)
def test_a_smaller_batch_gathers_fewer_rows(gathered):
    x, y, out, targets = np.arange(30.0).reshape(10, 3), np.arange(10.0), np.full((4, 3), BESIDE), np.full(4, BESIDE)
    gathered(x, y, np.array([9, 2, 0, 0], np.int32), out[:2], targets[:2])
    assert out[:2].tolist() == [[27, 28, 29], [6, 7, 8]] and (out[2:] == BESIDE).all()
    assert targets.tolist() == [9, 2, BESIDE, BESIDE]


@pytest.mark.parametrize("rows", [0, 1, 3, 8, 17, 64])
@pytest.mark.parametrize("columns", [1, 5, 8, 11, 16, 17, 31, 33, 64, 100])
def test_products_with_a_column(rows, columns, dtype):
    """As whole numbers have them, which both precisions add up without rounding."""
    rng = np.random.default_rng(rows + columns)
    a, along, down = (rng.integers(-9, 9, shape).astype(dtype) for shape in ((rows, columns), columns, rows))
    for product, column, expected in (("rows_times", along, a @ along), ("columns_times", down, a.T @ down)):
        for made in kernels(product, dtype):
            out, whole = surrounded(len(expected), 1, dtype)
            made(a, column, out.reshape(-1))
            np.testing.assert_array_equal(out[:, 0], expected)
            assert untouched(whole, out.size)


_MADE = {}


def kernels(name, dtype):
    """The kit's loops, as a machine without such vectors has them; and what stands in for them, where this one has."""
    key = name, dtype
    if key not in _MADE:
        loops = Translator(dtype, replaced={}).translate(getattr(lane_products, name), "a test")[0]
        ways = [loops, getattr(vectors_inside, name)] if vectors_inside.vector_bytes() else [loops]
        _MADE[key] = [numba.njit(**ENTRANCE)(called(function)) for function in ways]
    return _MADE[key]


def called(function):
    return lambda a, column, out: function(a, column, out)


def test_no_number_stays_none_and_infinity_does_not_spread(dtype):
    a = np.ones((5, 19), dtype)
    a[3, 4], a[2, 18] = np.nan, np.inf
    for made in kernels("columns_times", dtype):
        out = np.zeros(19, dtype)
        made(a, np.ones(5, dtype), out)
        assert np.isnan(out[4]) and out[18] == np.inf and (np.delete(out, [4, 18]) == 5).all()


def test_kernels_have_them_in_place_of_the_loops(dtype):
    made = translator(dtype)
    if vectors_inside.vector_bytes():
        assert made.replaced[lane_products.columns_times] is vectors_inside.columns_times
        assert made.replaced[lane_products.rows_times] is vectors_inside.rows_times


@numba.njit
def alone(runs):
    return vectors_inside.is_single(runs)


def test_one_run_is_a_single_one():
    assert alone(1) and not alone(2) and not lane_products.is_single(1), "the kit's own is for threads"
