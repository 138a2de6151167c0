"""Sums of rows: to rounding what they are, with the same bits for one run as for several."""

import math

import numba
import numpy as np
import pytest

from optbench.kit.sums import add_up

ADD_UP = numba.njit(add_up)


@pytest.mark.parametrize("runs", [1, 2, 7])
@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 20, 39, 40, 100])
def test_rows_are_added_to_what_is_there(rows, runs):
    terms = np.random.default_rng(rows).standard_normal((rows, runs))
    f = np.ones(runs)
    ADD_UP(terms.copy(), f)
    np.testing.assert_allclose(f, [1 + math.fsum(terms[:, r]) for r in range(runs)], rtol=0, atol=1e-13)


def test_a_run_has_the_same_bits_among_others():
    terms = np.random.default_rng(1).standard_normal((61, 5))
    together, alone = np.zeros(5), np.zeros((5, 1))
    ADD_UP(terms.copy(), together)
    for r in range(5):
        ADD_UP(np.ascontiguousarray(terms[:, r : r + 1]), alone[r])
    assert np.array_equal(together, alone[:, 0])


@pytest.mark.parametrize("place", [0, 8, 10])
def test_what_is_no_number_is_none_in_the_sum(place):
    terms, f = np.ones((11, 2)), np.zeros(2)
    terms[place, 1] = np.nan
    ADD_UP(terms, f)
    assert f[0] == 11 and np.isnan(f[1])
