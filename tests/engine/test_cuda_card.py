"""On a real card, what the simulator and the compiler cannot tell: every kernel, at sizes that fill it."""

from functools import cache

import numpy as np
import pytest
from gpu_cases import CATALOGUE, COHORTS, DTYPES, ONCE, collected, record_of
from harness import lane

from optbench import ewa
from optbench.engine.cohort import Cohort
from optbench.engine.run_cohorts import run, run_together

ROUNDINGS = 1e4  # a card takes other roots and exponentials, and adds in another order


@cache
def missing():
    from optbench.compiler import cuda

    return "numba's simulator" if cuda.SIMULATED else cuda.find_parts().missing


@pytest.fixture(autouse=True)
def card():
    if missing():
        pytest.skip(missing())


pytestmark = [pytest.mark.gpu, pytest.mark.xdist_group("card")]


def close(found, wanted, dtype, label=""):
    tolerance = ROUNDINGS * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found, wanted, tolerance, tolerance * np.nanmax(np.abs(wanted)), err_msg=label)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_problem_and_rule_in_cohorts(dtype):
    tolerance = 1e-2 if dtype == "float32" else 1e-6
    for case in (case for case in COHORTS if case.dtype == dtype):
        for outcome, cohort in zip(run_together(case.cohorts("cuda")), case.cohorts(), strict=True):
            wanted = collected(run(cohort))
            for name, array in collected(outcome).items():
                array = array if name in ONCE else array[: len(wanted[name])]
                np.testing.assert_allclose(array, wanted[name], tolerance, err_msg=f"{name} of {case}")


@pytest.mark.parametrize(("text", "batch_size"), [("rosenbrock", 32), ("logistic", 64), ("softmax", 64), ("mlp", 64)])
def test_a_hundred_thousand_lanes(text, batch_size):
    """Against the CPU's for a few of them."""
    problem, optimizer = CATALOGUE.problem(text), record_of("adam")
    count = 100_000 if problem.form == "lanes" and problem.dim < 100 else 2_000
    lanes = [lane("adam", rate) for rate in np.geomspace(1e-4, 1e-2, count // 10)]
    rest = {"batch_size": batch_size, "steps": 20, "points": np.array([0, 20])}
    cohorts = [Cohort(problem, optimizer, lanes, seed=seed, device="cuda", **rest) for seed in range(10)]
    found = run_together(cohorts)
    assert sum(len(part.w) for outcome in found for part in outcome.parts) == count
    few = slice(0, len(lanes), max(1, len(lanes) // 7))
    for seed in (0, 9):
        wanted = run(Cohort(problem, optimizer, lanes[few], seed=seed, **rest))
        close(collected(found[seed])["w"][few], collected(wanted)["w"], "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(20_000_000,), (20_000, 1_000), (3, 5_000_001)])
def test_averages(shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for correct in (False, True):
        close(ewa(x, 0.999, correct, device="cuda"), ewa(x, 0.999, correct), dtype)
