"""Cohorts on the GPU, in numba's simulator, against the CPU engine: start points, mini-batches, curves, divergence."""

import numpy as np
import pytest
from gpu_cases import COHORTS, ONCE, SEEN, collected
from simulated import results

from optbench.engine.run import run

pytestmark = pytest.mark.simulated
# A rate of 10 makes roundings grow on its way to divergence.
TOLERANCE = {"float32": 2e-3, "float64": 1e-9}


@pytest.mark.slow
@pytest.mark.parametrize("case", COHORTS, ids=lambda case: "-".join(map(str, vars(case).values())))
def test_cohorts_see_what_they_see_on_the_cpu(case):
    number = COHORTS.index(case)
    tolerance = TOLERANCE[case.dtype]
    for seed, cohort in enumerate(case.cohorts()):
        wanted = collected(run(cohort))
        for name in SEEN:
            found = results("cohorts")[f"{number} {seed} {name}"]
            if name not in ONCE:
                found = found[: len(wanted[name])]  # it ends when all lanes of a call have diverged: here of both seeds
            scale = np.nanmax(np.abs(wanted[name]), initial=0.0, where=np.isfinite(wanted[name]))
            np.testing.assert_allclose(found, wanted[name], tolerance, tolerance * scale, err_msg=name)
