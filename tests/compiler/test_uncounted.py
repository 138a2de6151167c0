"""Kernels that only borrow arrays do not count who holds them; those that make arrays give them back."""

import sys

import numba
import numpy as np
import pytest
from numba import float64, types, void
from numba.core.runtime import _nrt_python, rtsys

from optbench.compiler import numba_inside

TABLE = types.Array(float64, 2, "C")
KIND = void(TABLE, TABLE)


def products(a, b):
    for first in range(0, a.shape[0], 2):  # views, as networks have them
        np.dot(a[first : first + 2], a[:2].T, b[first : first + 2])


def products_of_a_copy(a, b):
    made = a.copy()
    np.dot(made, made[:2].T, b)


def compiled(function):
    return numba.njit(KIND, pipeline_class=numba_inside.OwnCode)(function)


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
    compiled(function)(a, b)
    assert (b == a @ a[:2].T).all()


def test_only_what_makes_no_arrays_does_not_count():
    assert counts(numba.njit(KIND)(products)), "numba counts no views by itself any more: take the removal away"
    assert not counts(compiled(products))
    assert counts(compiled(products_of_a_copy))


def test_what_is_given_is_still_held_by_who_gave_it_and_by_nobody_else():
    kernel, a, b = compiled(products), np.ones((40, 3)), np.zeros((40, 2))
    before = sys.getrefcount(a), sys.getrefcount(b)
    for _ in range(100):
        kernel(a, b)
    assert (sys.getrefcount(a), sys.getrefcount(b)) == before
    assert (b == 3).all()


def test_what_is_made_is_given_back():
    kernel, a = compiled(products_of_a_copy), np.ones((40, 3))
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        kernel(a, np.zeros((40, 2)))
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert after.alloc > before.alloc
    assert after.alloc - before.alloc == after.free - before.free
