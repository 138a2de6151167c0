"""The functions of a number that kernels use in place of the library's."""

import math

import numba
import numpy as np
import pytest
from quick import slow

from optbench.compiler.fastmath import FASTMATH, REPLACED

# The largest and smallest arguments whose result is a normal number; nearer than 1 to them, 0 and inf are allowed, too.
LIMITS = {"float64": (-708.396, 709.782), "float32": (-87.336, 88.722)}


def on_arrays(function, dtype):
    """Return the function on arrays of that dtype, compiled."""
    compiled = REPLACED[dtype][function]
    assert compiled is REPLACED[dtype][getattr(np, function.__name__)]

    @numba.njit
    def apply(x):
        out = np.empty_like(x)
        for i in range(x.shape[0]):
            out[i] = compiled(x[i])
        return out

    return apply


def exact(x):
    """Return math.exp of each, in float64; inf beyond it."""
    return np.array([math.inf if each > 709.78 else math.exp(each) for each in np.asarray(x, dtype=float)])


def ulps(made, expected, dtype):
    """Return the distance in units of the last place of the rounded exact result."""
    unit = np.spacing(expected.astype(dtype)).astype(float)
    return np.abs(made.astype(float) - expected) / unit


@pytest.mark.parametrize("dtype", ["float64", slow("float32")])
def test_limits_of_the_exponential_are_clean(dtype):
    """From right to 0 or inf, with nothing wrong between."""
    function, dtype = on_arrays(math.exp, dtype), np.dtype(dtype)
    low, high = LIMITS[dtype.name]
    below = np.linspace(low - 3, low + 1, 4001).astype(dtype)
    made, expected = function(below), exact(below)
    assert ((made == 0) | (ulps(made, expected, dtype) <= 2)).all()
    assert (made[below < low - 0.01] == 0).all() and (made[below > low + 0.5] > 0).all()
    above = np.linspace(high - 1, high + 3, 4001).astype(dtype)
    made, expected = function(above), exact(above)
    finite = np.isfinite(made)
    assert (ulps(made[finite], expected[finite], dtype) <= 2).all() and (made[~finite] == np.inf).all()
    assert (above[finite] < high + 0.01).all() and finite[above < high - 0.8].all()
    for part in (below, above):
        made = function(part)
        assert (made[1:] >= made[:-1]).all(), "it falls somewhere"


HALVES = (np.arange(-120, 120) + 0.5) * math.log(2)
"""Where the nearest multiple of ln 2 changes."""
POINTS = np.random.default_rng(1)
ARGUMENTS = {
    math.exp: [POINTS.uniform(-80, 80, 20_000), POINTS.standard_normal(20_000), HALVES, np.nextafter(HALVES, 9e9)],
    math.sin: [POINTS.uniform(-size, size, 20_000) for size in (1.0, 30.0, 1e6)],
    math.cos: [POINTS.uniform(-size, size, 20_000) for size in (1.0, 30.0, 1e6)],
    math.expm1: [POINTS.uniform(-80, 80, 20_000), POINTS.standard_normal(20_000)],
    math.tanh: [POINTS.uniform(-30, 30, 20_000), POINTS.standard_normal(20_000)],
}
SMALL = [np.geomspace(1e-30, 1, 500), -np.geomspace(1e-30, 1, 500), np.arange(-40, 40) * math.pi / 2]
EDGES = {
    math.exp: {0.0: 1.0, math.inf: math.inf, -math.inf: 0.0, 1e6: math.inf, -1e6: 0.0},
    math.sin: {0.0: 0.0, math.inf: math.nan, -math.inf: math.nan, 2.0**50: math.nan},
    math.cos: {0.0: 1.0, math.inf: math.nan, -math.inf: math.nan, -(2.0**50): math.nan},
    math.expm1: {0.0: 0.0, math.inf: math.inf, -math.inf: -1.0, -1e6: -1.0, 1e6: math.inf},
    math.tanh: {0.0: 0.0, math.inf: 1.0, -math.inf: -1.0, 1e6: 1.0, -1e6: -1.0},
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda function: function.__name__)
def test_functions_within_three_units_in_the_last_place(function, dtype):
    """Beside the C library's, whose own error is below one; neighbors of multiples of pi/2 are among the arguments."""
    apply = on_arrays(function, dtype)
    x = np.concatenate([*ARGUMENTS[function], *SMALL]).astype(dtype)
    made = apply(x)
    assert made.dtype == np.dtype(dtype)
    most = 2.0 if function is math.exp else 3.0
    assert ulps(made, np.array([function(float(each)) for each in x]), np.dtype(dtype)).max() <= most
    edges = EDGES[function] | {math.nan: math.nan}
    np.testing.assert_array_equal(apply(np.array(list(edges), dtype)), list(edges.values()))


def test_no_liberty_hides_what_is_not_finite():
    """A run that diverges is found by its NaN and inf."""
    assert not FASTMATH & {"nnan", "ninf", "fast"}
