"""Every update rule's kernels for the GPU, in numba's simulator, against the CPU's; CI does it, as it takes long."""

import numpy as np
import pytest
from gpu_cases import ORDERS, PAIRED, RULES, Constant, record_of
from simulated import results

from optbench import PluginError
from optbench.engine.cpu.update import Update

pytestmark = pytest.mark.simulated
# Where a rule divides by what rounding left of a difference, as the CPU's own two dtypes differ, too.
LOOSE = {"rmsprop_centered": 1e4, "adabelief": 1e2}


def close(found, wanted, dtype, factor=1.0):
    """Equal to a few hundred roundings; NaN and inf in the same places."""
    rounding = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found, wanted, rtol=300 * factor * rounding, atol=300 * factor * rounding)


@pytest.mark.slow
@pytest.mark.parametrize("case", PAIRED, ids=lambda case: f"{case.text}-{case.order}-{case.dtype}")
def test_grid_kernels_do_what_the_cpu_does(case):
    found = results("updates")[str(PAIRED.index(case))]
    wanted = case.drive(Update)
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
    from optbench.engine.cuda import update

    refused = [name for name, record in catalogue.optimizers.items() if cuda_updates.refuses(record)]
    assert sorted([*refused, *RULES]) == sorted(catalogue.optimizers)
    assert "muon" in refused
    with pytest.raises(PluginError, match="muon cannot run on a GPU: its rule transforms whole matrices"):
        update.Update(record_of("muon"), "rows", ((2, 2),), "float64", [record_of("muon").with_values({})])
