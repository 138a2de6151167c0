"""Exponentially weighted averages against the naive recurrence and against pandas."""

import numpy as np
import pandas as pd
import pytest
from twins import ewa as twin

from optbench import ewa

BETAS = [0.0, 0.1, 0.5, 0.9, 0.999, 1 - 1e-6]
CORRECTED = pytest.mark.parametrize("corrected", [False, True])


def series(*shape, dtype="float64"):
    """Values about 3, so that no average comes near 0."""
    return (3 + np.random.default_rng(0).standard_normal(shape)).astype(dtype)


@CORRECTED
@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 7, 8, 1001])
def test_the_average_follows_the_recurrence(beta, length, corrected):
    x = series(length)
    made = ewa(x, beta, bias_correction=corrected)
    assert made.shape == (length,) and made.dtype == np.float64
    if corrected and beta == BETAS[-1]:
        return  # the naive 1 - beta^t loses digits there; the plain mean is the reference below
    np.testing.assert_allclose(made, twin(x, beta, corrected), rtol=1e-12 if corrected else 1e-13)


@pytest.mark.parametrize("beta", [*BETAS[:-1], 0.99999])
def test_pandas_agrees(beta):
    """v_0 = 0 is a first value of 0 for pandas' recursive form; the corrected form is pandas' adjusted one."""
    x = series(5000)
    recursive = pd.Series(np.concatenate([[0.0], x])).ewm(alpha=1 - beta, adjust=False).mean().to_numpy()[1:]
    adjusted = pd.Series(x).ewm(alpha=1 - beta, adjust=True).mean().to_numpy()
    np.testing.assert_allclose(ewa(x, beta), recursive, rtol=1e-11)
    np.testing.assert_allclose(ewa(x, beta, bias_correction=True), adjusted, rtol=1e-11)


@CORRECTED
@pytest.mark.parametrize("beta", [*BETAS[:-1], 1 - 1e-6])
@pytest.mark.parametrize("length", [7, 4000])
def test_float32_is_rounded_once(length, beta, corrected):
    """From the recurrence in float64, by half a unit of the last place: neither the sum nor v_t is rounded before."""
    x = series(length, dtype="float32")
    made, exact = ewa(x, beta, corrected), twin(x.astype(float), beta, corrected)
    assert made.dtype == np.float32
    assert (np.abs(made - exact) <= (0.5 + 1e-5) * np.spacing(np.abs(made))).all()


@pytest.mark.parametrize("gap", [1e-6, 1e-9, 1e-12])
def test_corrected_average_stays_exact_as_beta_nears_1(gap):
    """There it is the plain mean of the values so far, to first order in the gap."""
    x = series(1000)
    count = np.arange(1, 1001)
    made = ewa(x, 1 - gap, bias_correction=True)
    np.testing.assert_allclose(made, np.cumsum(x) / count, rtol=1e-11 + 300 * gap)
    np.testing.assert_allclose(ewa(np.ones(1000), 1 - gap, bias_correction=True), 1.0, rtol=1e-11)


def test_the_lectures_temperatures():
    """B2 and B5: 40, 49 and 45 degrees at beta = 0.9, the plain average and the corrected one, by hand."""
    days = [40.0, 49.0, 45.0]
    np.testing.assert_allclose(ewa(days, 0.9), [4.0, 8.5, 12.15], rtol=1e-14)
    np.testing.assert_allclose(ewa(days, 0.9, bias_correction=True), [40.0, 8.5 / 0.19, 12.15 / 0.271], rtol=1e-12)


@CORRECTED
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4), (2, 3, 5), (1, 1, 1, 9), (2, 0, 3)])
def test_the_last_axis_of_any_shape(shape, corrected):
    x = series(*shape)
    made = ewa(x, 0.7, corrected)
    assert made.shape == shape
    np.testing.assert_allclose(made, twin(x, 0.7, corrected), rtol=1e-13)


@pytest.mark.parametrize("view", [lambda x: x.T, lambda x: x[::2, 1::3], lambda x: x[:, ::-1]])
def test_views_are_averaged_as_they_look_and_left_alone(view):
    x = series(6, 9)
    before = x.copy()
    np.testing.assert_allclose(ewa(view(x), 0.8), twin(view(x).copy(), 0.8), rtol=1e-13)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "bool", "float16", ">f8"])
def test_other_real_numbers_become_float64(dtype):
    x = np.array([1, 0, 1, 1, 0, 1]).astype(dtype)
    made = ewa(x, 0.5)
    assert made.dtype == np.float64
    np.testing.assert_allclose(made, twin(x.astype(float), 0.5), rtol=1e-14)


@CORRECTED
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 9])
def test_what_is_not_finite_propagates_along_its_own_row(bad, at, corrected):
    x = series(3, 10)
    x[1, at] = bad
    made = ewa(x, 0.9, corrected)
    np.testing.assert_allclose(made, twin(x, 0.9, corrected), rtol=1e-12)
    assert not np.isfinite(made[1, at:]).any()
    assert np.isfinite(made[1, :at]).all() and np.isfinite(made[[0, 2]]).all()


def test_long_series_after_the_correction_has_faded():
    """beta^t falls below every float; the two forms must meet and stay finite."""
    x = series(30_000)
    plain, corrected = ewa(x, 0.9), ewa(x, 0.9, bias_correction=True)
    np.testing.assert_array_equal(plain[1000:], corrected[1000:])
    np.testing.assert_allclose(corrected[-1], twin(x[-1000:], 0.9)[-1], rtol=1e-12)


@CORRECTED
def test_several_betas_make_an_array_of_averages_for_each(corrected):
    x = series(3, 10)
    made = ewa(x, betas=[0.5, 0.9], bias_correction=corrected)
    np.testing.assert_array_equal(made, np.stack([ewa(x, beta, corrected) for beta in (0.5, 0.9)]))
    for same in (ewa(x, [0.5, 0.9], corrected), ewa(x, np.array([0.5, 0.9]), corrected)):
        np.testing.assert_array_equal(made, same)
    np.testing.assert_array_equal(ewa(x, betas=0.5), ewa(x, 0.5))


def test_tables_of_pandas_are_averaged_down_their_rows():
    table = pd.DataFrame({"a": [40.0, 49.0, 45.0], "b": [1.0, 2.0, 3.0]}, index=pd.date_range("2026-01-01", periods=3))
    found = ewa(table, 0.9, bias_correction=True)
    pd.testing.assert_frame_equal(found, table.ewm(alpha=0.1, adjust=True).mean())
    pd.testing.assert_series_equal(ewa(table["a"], 0.9, True), table["a"].ewm(alpha=0.1, adjust=True).mean())
