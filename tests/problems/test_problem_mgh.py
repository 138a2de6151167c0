"""Moré, Garbow and Hillstrom's functions, uncompiled: gradients by complex steps, SciPy at the published minima."""

import inspect

import numpy as np
import pytest
from every_problem import seeded
from harness import gradient, problem_of
from problem_cases.least_squares import RESIDUALS, value
from scipy.optimize import least_squares

# Where least squares end from the start, if not at 0, as the paper prints it: cut after six digits.
PUBLISHED = {
    "freudenstein_roth": 48.9842, "jennrich_sampson": 124.362, "bard": 8.21487e-3, "gaussian": 1.12793e-8,
    "meyer": 87.9458, "kowalik_osborne": 3.07505e-4, "brown_dennis": 85822.2, "osborne_1": 5.46489e-5,
    "osborne_2": 4.01377e-2, "watson": 2.28767e-3, "watson, size=9": 1.39976e-6, "watson, size=12": 4.72238e-10,
    "penalty_1": 7.08765e-5, "penalty_1, size=4": 2.24997e-5, "penalty_2": 2.93660e-4, "penalty_2, size=4": 9.37629e-6,
    "trigonometric": 2.79506e-5, "brown_almost_linear": 1.0, "linear_full_rank": 20 - 10,
    "linear_rank_1": 20 * 19 / (2 * 41), "linear_rank_1_zero": (400 + 60 - 6) / (2 * 37), "chebyquad": 3.51687e-3,
    "chebyquad, size=10": 6.50395e-3,
}  # fmt: skip
LOCAL = {"freudenstein_roth", "trigonometric", "brown_almost_linear"}
"""Functions whose published value from the start is a local minimum, above the least."""
TEXTS = [*RESIDUALS, *(text for text in PUBLISHED if "," in text), "chebyquad, size=7", "discrete_integral, size=1"]
EVERY = pytest.mark.parametrize("text", TEXTS)


def of(text):
    """Return the problem, and the name of its function."""
    return problem_of(f"mgh(function={text})"), text.split(",")[0]


class Middle:
    """A generator whose uniform numbers are the middles of their ranges."""

    def uniform(self, low, high, size):
        return np.full(size, (low + high) / 2)


def call(problem, w):
    """Return value and gradient by the kernel as plain Python."""
    kernel = problem.value_and_gradient
    given = {"w": w, "g": np.full(problem.dim, np.nan), "constants": problem.constants, "work": np.empty(problem.dim)}
    return kernel(**{key: given[key] for key in inspect.signature(kernel).parameters}), given["g"]


def points(problem, text):
    start = problem.start(Middle())
    return [start * (1 + spread) + spread for spread in (0, *0.1 * seeded(text).standard_normal((2, problem.dim)))]


@EVERY
def test_value_and_gradient_are_those_of_the_residuals(text):
    problem, name = of(text)
    for w in points(problem, text):
        f, slope = call(problem, w)
        assert f == pytest.approx(value(w, name), rel=1e-11)
        steps = [w + 1e-30j * (np.arange(problem.dim) == i) for i in range(problem.dim)]
        expected = [np.imag(value(step, name)) / 1e-30 for step in steps]
        np.testing.assert_allclose(slope, expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max())


@EVERY
def test_scipy_ends_at_the_published_minimum(text):
    problem, name = of(text)
    start = problem.start(Middle())
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "max_nfev": 20_000}
    found = 2 * least_squares(RESIDUALS[name], start, method="lm", **tight).cost
    if text in PUBLISHED:
        assert found == pytest.approx(PUBLISHED[text], rel=1e-5)
    if name in LOCAL:
        assert found > problem.minimum == 0
    elif text in PUBLISHED:  # to all digits that rounding leaves
        assert found == pytest.approx(problem.minimum, rel=1e-9)
    else:
        assert found < 1e-20 and problem.minimum == 0
    assert "bound" not in problem.minimum_source


@EVERY
def test_its_minimizer_is_one(text):
    problem, _ = of(text)
    if problem.minimizer is not None:
        assert call(problem, problem.minimizer)[0] == pytest.approx(problem.minimum, abs=1e-20)


def test_other_sizes_have_a_bound():
    assert problem_of("mgh(function=watson, size=10)").minimum_source == "a bound: a sum of squares"


@pytest.mark.slow  # each takes a second or two to compile
@pytest.mark.parametrize("text", TEXTS[::4])
def test_a_kernel_computes_what_python_does(text):
    problem, _ = of(text)
    w = np.array(points(problem, text))
    values, slopes = gradient(problem, w)
    for each, f, slope in zip(w, values, slopes, strict=True):
        expected, by_hand = call(problem, each)
        assert f == pytest.approx(expected, rel=1e-11)
        np.testing.assert_allclose(slope, by_hand, rtol=1e-9, atol=1e-11 * np.abs(by_hand).max())
