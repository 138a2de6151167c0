"""Kernels for the GPU in numba's simulator, against the CPU: rules, cohorts, steppers. test_cuda_card.py has a card."""

from dataclasses import replace

import numpy as np
import pytest
from gpu_cases import COHORTS, ONCE, ORDERS, PAIRED, RULES, Constant, collected, record_of
from simulated import results
from stepper_cases import LISTS, ROWS, step_rows

from optbench import PluginError
from optbench.engine.cpu.update import Update
from optbench.engine.run import run

pytestmark = pytest.mark.simulated
LOOSE = {"rmsprop_centered": 1e4, "adabelief": 1e2}
"""Rules that divide by the rounding of a difference, in which the CPU's own two dtypes differ, too."""
TOLERANCE = {"float32": 2e-3, "float64": 1e-9}
"""Of cohorts: a rate of 10 makes roundings grow on its way to divergence."""
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


def close(found, wanted, dtype, factor=1.0):
    """Equal to a few hundred roundings; NaN and inf in the same places."""
    tolerance = 300 * factor * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("case", PAIRED, ids=lambda case: f"{case.text}-{case.order}-{case.dtype}")
def test_a_rule_steps_as_on_the_cpu(case):
    found, wanted = results("updates")[str(PAIRED.index(case))], case.drive(Update)
    assert np.isfinite(wanted).all() and (wanted[1:] != wanted[:-1]).any()
    close(found, wanted, case.dtype, LOOSE.get(case.text, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_corrections_of_the_bias_keep_their_digits_in_float32(order):
    path = results("updates")[order]
    steps = np.arange(1, len(path) + 1)[:, None, None]
    np.testing.assert_allclose(path, np.broadcast_to(-steps * Constant.rate, path.shape), rtol=5e-6)


def test_a_rule_on_matrices_is_refused_in_words(catalogue):
    from optbench.compiler import cuda_updates
    from optbench.engine.cuda import stepper

    refused = [name for name, record in catalogue.optimizers.items() if cuda_updates.refusal_reason(record)]
    assert sorted([*refused, *RULES]) == sorted(catalogue.optimizers)
    assert "muon" in refused
    with pytest.raises(PluginError, match="muon cannot run on a GPU: its rule transforms whole matrices"):
        stepper.Update(record_of("muon"), "rows", ((2, 2),), "float64", [record_of("muon").with_values({})])


@pytest.mark.slow
@pytest.mark.parametrize("case", COHORTS, ids=lambda case: "-".join(map(str, vars(case).values())))
def test_a_cohort_has_the_results_of_the_cpu(case):
    """Start points, mini-batches, curves, divergence."""
    number, tolerance = COHORTS.index(case), TOLERANCE[case.dtype]
    for seed, cohort in enumerate(case.cohorts()):
        for name, wanted in collected(run(cohort)).items():
            found = results("cohorts")[f"{number} {seed} {name}"]
            if name not in ONCE:
                found = found[: len(wanted)]  # it ends when all lanes of a call have diverged: here of both seeds
            scale = np.nanmax(np.abs(wanted), initial=0.0, where=np.isfinite(wanted))
            np.testing.assert_allclose(found, wanted, tolerance, tolerance * scale, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("case", LISTS, ids=lambda case: f"{case.text}-{case.dtype}-{case.resumed}")
def test_a_stepper_of_a_list_steps_as_on_the_cpu(case):
    for name, wanted in case.drive().items():
        found = results("steppers")[f"{LISTS.index(case)} {name}"]
        close(found, wanted, case.dtype)
        if case.resumed:
            assert np.array_equal(found, results("steppers")[f"{LISTS.index(replace(case, resumed=False))} {name}"])


@pytest.mark.slow
def test_steppers_of_single_arrays_and_a_gradient_that_is_the_parameter():
    found = results("steppers")
    np.testing.assert_allclose(found["own"], 0.9, rtol=1e-6)
    np.testing.assert_allclose(found["foreign"], 0.9, rtol=1e-6)
    np.testing.assert_allclose(found["one"], np.zeros(3))
    np.testing.assert_allclose(found["rows"], np.zeros((2, 3)))
    # The iterates are 0.5 and 0: (0.5 * 0.5 * 0.5 + 0.5 * 0) / (1 - 0.25)
    np.testing.assert_allclose(found["averages"], [1 / 6, 1 / 6])


@pytest.mark.slow
def test_second_gradients_of_the_runs_of_an_array_and_of_tensors():
    for text, dtype in ROWS:
        close(results("steppers")[f"{text} of rows"], step_rows(text, dtype), dtype)
    for label, rest in (("named", [9]), ("alone", [])):
        found = [results("steppers")[f"{label} {name}"] for name in ("point", "w")]
        np.testing.assert_allclose(found[0], [3.6, 4.8, *rest], rtol=1e-6)
        np.testing.assert_allclose(found[1], [2.64, 3.52, *rest], rtol=1e-6)
    assert results("steppers")["alone w"].dtype == np.float32


@pytest.mark.slow
def test_arrays_of_another_kind_are_refused_in_words():
    for found, wanted in zip(results("steppers")["errors"], ERRORS, strict=True):
        assert wanted in found and "\n" not in found, (wanted, found)
