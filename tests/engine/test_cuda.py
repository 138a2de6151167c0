"""Kernels for the GPU in numba's simulator, against the CPU. test_cuda_card.py has a card."""

import numpy as np
import pytest
from gpu_cases import COHORTS, ONCE, RULES, collected, record_of
from simulated import results

from optbench.engine.run_cohorts import run

pytestmark = pytest.mark.simulated
TOLERANCE = {"float32": 2e-3, "float64": 1e-9}
"""Of cohorts: a rate of 10 makes roundings grow on its way to divergence."""


def test_a_rule_on_matrices_is_refused_in_words(catalogue):
    from optbench.engine.cuda.cohorts import refusal_reason

    problem = catalogue.problem("rosenbrock")
    refused = [name for name, record in catalogue.optimizers.items() if refusal_reason(problem, record)]
    assert sorted([*refused, *RULES]) == sorted(catalogue.optimizers)
    assert refusal_reason(problem, record_of("muon")) == "its rule transforms whole matrices"


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
