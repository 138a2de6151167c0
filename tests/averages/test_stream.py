"""The streaming average: the array function's bits, in a state that does not grow."""

import pickle

import numpy as np
import pytest

from optbench import EWA, OptbenchError, ewa

BETAS = [0.0, 0.1, 0.5, 0.9, 0.98, 0.999, 1 - 1e-9]
CORRECTED = pytest.mark.parametrize("corrected", [False, True])


def series(*shape, dtype="float64"):
    return (3 + np.random.default_rng(0).standard_normal(shape)).astype(dtype)


def streamed(x, beta, corrected):
    """Return the values of a stream that is fed x along its last axis."""
    average = EWA(beta, corrected)
    return np.stack([average.update(theta) for theta in np.moveaxis(x, -1, 0)], axis=-1)


def assert_same_bits(made, expected, case=""):
    """Check that bits are equal: the sign of a zero counts, that of a NaN does not."""
    assert made.dtype == expected.dtype and made.shape == expected.shape, case
    np.testing.assert_array_equal(np.isnan(made), np.isnan(expected), case)
    number = ~np.isnan(expected)
    assert made[number].tobytes() == expected[number].tobytes(), case


@CORRECTED
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("beta", BETAS)
def test_bit_for_bit_the_array_functions_values(beta, dtype, corrected):
    for length in (*range(1, 18), 500):
        x = series(length, dtype=dtype)
        assert_same_bits(streamed(x, beta, corrected), ewa(x, beta, corrected), f"length {length}")


@CORRECTED
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -5e-324, -0.0])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.98])
def test_what_is_not_finite_or_too_large_goes_the_same_way(beta, bad, corrected):
    for at in range(6):
        x = series(11)
        x[at : at + 3] = bad
        assert_same_bits(streamed(x, beta, corrected), ewa(x, beta, corrected), f"from place {at}")
    x[:] = bad
    assert_same_bits(streamed(x, beta, corrected), ewa(x, beta, corrected))


@pytest.mark.parametrize("theta", [1, 1.0, np.float32(1), np.float64(1), np.ones(3, "float32"), np.ones((2, 2), int)])
def test_values_have_thetas_shape_and_a_real_dtype(theta):
    average = EWA(0.5, bias_correction=True)
    made = average.update(theta)
    assert made.shape == np.shape(theta)
    assert made.dtype == (np.float32 if np.asarray(theta).dtype == np.float32 else np.float64)
    np.testing.assert_array_equal(made, 1.0)
    np.testing.assert_array_equal(average.value, made)
    assert average.steps == 1


def test_before_the_first_value():
    assert EWA(0.9).value == 0.0 and EWA(0.9).steps == 0
    assert np.isnan(EWA(0.9, bias_correction=True).value)


def test_the_callers_arrays_are_left_alone_and_its_own_are_its_own():
    average, theta = EWA(0.9), np.ones(3)
    for _ in range(9):
        made = average.update(theta)
        np.testing.assert_array_equal(theta, 1.0)
        expected = made.copy()
        made[:], average.value[:], theta[:] = 7.0, 7.0, 7.0
        np.testing.assert_array_equal(average.value, expected)
        theta = np.ones(3)


def test_the_state_is_two_numbers_an_element_at_any_time():
    for beta in (0.5, 0.9999):
        average = EWA(beta)
        for _ in range(3000):
            average.update(np.full(1000, 2.0))
            assert len(pickle.dumps(average)) < 2 * 8 * 1000 + 500


@CORRECTED
def test_a_saved_average_goes_on_where_it_was(corrected):
    x = series(3, 21)
    for length in (0, 1, 6, 8):
        average = EWA(0.9, corrected)
        for theta in x.T[:length]:
            average.update(theta)
        average = pickle.loads(pickle.dumps(average))
        made = [average.update(theta) for theta in x.T[length:]]
        assert_same_bits(np.stack(made, axis=-1), ewa(x, 0.9, corrected)[:, length:])


@pytest.mark.parametrize("beta", [1.0, -0.1, float("nan"), "0.9", None])
def test_other_betas_are_refused(beta):
    with pytest.raises(OptbenchError, match=r"beta=.* must be a number in \[0, 1\)"):
        EWA(beta)


@pytest.mark.parametrize("theta", ["a", 1j, None, ["a", "b"]])
def test_what_is_no_real_number_is_refused_and_changes_nothing(theta):
    average = EWA(0.9)
    with pytest.raises(OptbenchError, match="EWA: theta must hold real numbers, not"):
        average.update(theta)
    assert average.steps == 0


@pytest.mark.parametrize("theta", [np.ones(2), 1.0, np.ones(3, "float32")])
def test_another_shape_or_dtype_is_refused_and_changes_nothing(theta):
    average = EWA(0.9)
    average.update(np.ones(3))
    before = average.value
    with pytest.raises(OptbenchError, match=r"EWA: theta is .*, but the first was float64 of shape \(3,\)"):
        average.update(theta)
    np.testing.assert_array_equal(average.value, before)
    assert average.steps == 1
