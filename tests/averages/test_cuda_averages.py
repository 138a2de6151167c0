"""Averages by the kernels for a GPU, against the recurrence, pandas and the CPU."""

import numpy as np
import pandas as pd
import pytest
from simulated import results
from simulated.ewa import CASES, PUBLIC, series, spoiled

from optbench import ewa

pytestmark = [pytest.mark.simulated, pytest.mark.slow]
TOLERANCE = {"float32": 6.1e-8, "float64": 1e-13}
"""float32 is rounded once from float64, corrected or not: by at most 2^-24, which is 5.97e-8."""


def recurrence(x, beta) -> np.ndarray:
    """v_t = beta v_{t-1} + (1 - beta) x_t in float64, plainly."""
    v, made = np.zeros(len(x)), []
    for values in x.T.astype(float):
        v = beta * v + (1 - beta) * values
        made.append(v)
    return np.stack(made, axis=1)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels_follow_the_formula_and_the_cpu(case):
    shape, _, dtype, beta, correct = case
    x, made = series(shape, dtype), results("ewa")[str(case)]
    assert made.shape == shape and made.dtype == dtype
    if correct:
        expected = pd.DataFrame(x.T.astype(float)).ewm(alpha=1 - beta, adjust=True).mean().to_numpy().T
    else:
        expected = recurrence(x, beta)
    np.testing.assert_allclose(made, expected, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(made, ewa(x.astype(float), beta, correct), rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("chunk", [1100, 350])
def test_what_is_not_finite_propagates_as_on_the_cpu(chunk):
    """Also over distances at which the power of beta has long underflowed: 0 times inf would be NaN."""
    x, made = spoiled(), results("ewa")[f"chunk {chunk}"]
    assert np.isposinf(made[1, -1]) and np.isneginf(made[2, -1]) and np.isnan(made[[0, 3], -1]).all()
    np.testing.assert_allclose(made, ewa(x, 0.1, True), rtol=1e-13)


@pytest.mark.parametrize("shape", PUBLIC, ids=str)
def test_averages_take_any_shape(shape):
    made = results("ewa")[str(shape)]
    assert made.shape == shape and made.dtype == np.float64
    np.testing.assert_allclose(made, ewa(series(shape), 0.9, True), rtol=1e-13)


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr("optbench.averages.array.devices.choose", lambda device: ("cpu", "no GPU"))
    np.testing.assert_array_equal(ewa(series((2, 50)), 0.9, device="auto"), ewa(series((2, 50)), 0.9))


def test_cuda_takes_the_kernels_and_leaves_an_array_of_the_card_there(monkeypatch):
    class OnCard:
        __cuda_array_interface__, shape = {}, (2, 3)

    taken, x = [], OnCard()
    monkeypatch.setattr("optbench.averages.array.devices.choose", lambda device: ("cuda", "a card"))
    monkeypatch.setattr("optbench.averages.cuda_averages.averages", lambda *given: taken.append(given) or given[0])
    assert ewa(x, 0.9, device="cuda") is x and taken.pop() == (x, 0.9, False)
    ewa([[1, 2]], 0.9, True, device="cuda")
    ((x, *rest),) = taken
    assert x.tolist() == [[1.0, 2.0]] and x.dtype == np.float64 and rest == [0.9, True]
