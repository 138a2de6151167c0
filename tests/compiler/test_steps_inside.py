"""What stands for g while a gradient makes the steps itself."""

import numba
import numpy as np
import pytest

import optbench
from optbench.compiler import steps_inside


def by_element(w, g, f):
    for i in range(w.shape[0]):
        for r in range(g.shape[1]):
            g[i, r] = 2.0 * w[i, r]


def by_row(w, g, f):
    for i in range(g.shape[0]):
        here, slope = w[i], g[i]
        for r in range(slope.shape[0]):
            slope[r] = 2.0 * here[r]


def reads(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = w[i, r]
            g[i, r] = 2.0 * g[i, r]


def adds(w, g, f):
    slope = g[0]
    for r in range(w.shape[1]):
        slope[r] = w[0, r]
        slope[r] += w[0, r]


def slices(w, g, f):
    g[:, 0] = 2.0 * w[:, 0]


def hands_on(w, g, f):
    by_element(w, g, f)


def names_it_anew(w, g, f):
    slope = g[0]
    slope = w[0]
    slope[0] = 1.0


def of_a_slice(w, g, f):
    slope = g[1:]
    slope[0, 0] = 1.0


@pytest.mark.parametrize("function", [by_element, by_row])
def test_gradients_that_only_set(function):
    assert steps_inside.only_sets(function)


@pytest.mark.parametrize("function", [reads, adds, slices, hands_on, names_it_anew, of_a_slice])
def test_gradients_that_do_more(function):
    assert not steps_inside.only_sets(function)


@pytest.mark.parametrize("name", ["rosenbrock", "styblinski_tang", "rastrigin", "dixon_price", "nesterov_worst"])
def test_problems_of_many_parameters_only_set(name):
    """Those that a helper hands g to take twice the time at 64 lanes."""
    assert steps_inside.only_sets(optbench.problems()[name].build({}).value_and_gradient)


def step(w, new, state, fresh, scalars, powers, t, i, r, slope):
    fresh[0, i, r] = state[0, i, r] + slope
    new[i, r] = w[i, r] - scalars[0, r] * slope * t


@pytest.mark.parametrize("function", [by_element, by_row])
def test_what_is_set_makes_the_step(function):
    begin, gradient = steps_inside.steps(numba.njit(step)), numba.njit(function)

    @numba.njit
    def kernel(w, new, state, fresh, scalars, f):
        gradient(w, begin(w, new, state, fresh, scalars, scalars, 3), f)

    w, state, scalars = np.arange(6.0).reshape(3, 2), np.ones((1, 3, 2)), np.array([[0.5, 0.25]])
    new, fresh, before = np.zeros((3, 2)), np.zeros((1, 3, 2)), w.copy()
    kernel(w, new, state, fresh, scalars, np.zeros(2))
    assert np.array_equal(new, before - scalars * 2 * before * 3) and np.array_equal(fresh[0], 1 + 2 * before)
    assert np.array_equal(w, before) and (state == 1).all()
