"""Steppers of lists on a card, in numba's simulator, against this machine's cores; not yet run on a card."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import results
from stepper_cases import LISTS

pytestmark = [pytest.mark.simulated, pytest.mark.slow]
ERRORS = (
    "lies in the CPU's memory",
    "must lie on the card",
    "share memory",
    "all must be of one dtype",
    "is int64",
    "must be C-contiguous",
    "must be C-contiguous",
    "(dim,) or (runs, dim)",
    "w is empty",
    "must lie on the card",
    "of the shape (2,)",
    "is one FakeCUDAArray",
    "holds 2",
    "transforms whole matrices",
    "is read-only",
)


@pytest.mark.parametrize("case", LISTS, ids=lambda case: f"{case.text}-{case.dtype}-{case.resumed}")
def test_a_list_on_a_card_steps_as_on_the_cpu(case):
    rounding = 300 * np.finfo(case.dtype).eps
    for name, wanted in case.drive().items():
        found = results("steppers")[f"{LISTS.index(case)} {name}"]
        np.testing.assert_allclose(found, wanted, rtol=rounding, atol=rounding)
        if case.resumed:
            assert np.array_equal(found, results("steppers")[f"{LISTS.index(replace(case, resumed=False))} {name}"])


def test_single_arrays_and_a_gradient_that_is_the_parameter():
    found = results("steppers")
    np.testing.assert_allclose(found["own"], 0.9, rtol=1e-6)
    np.testing.assert_allclose(found["foreign"], 0.9, rtol=1e-6)
    np.testing.assert_allclose(found["one"], np.zeros(3))
    np.testing.assert_allclose(found["rows"], np.zeros((2, 3)))
    # The iterates are 0.5 and 0: (0.5 * 0.5 * 0.5 + 0.5 * 0) / (1 - 0.25)
    np.testing.assert_allclose(found["averages"], [1 / 6, 1 / 6])


def test_what_does_not_serve_is_refused_in_words():
    for found, wanted in zip(results("steppers")["errors"], ERRORS, strict=True):
        assert wanted in found and "\n" not in found, (wanted, found)
