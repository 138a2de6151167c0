"""How long a sweep will take, told before it begins."""

import pytest
from harness import plan_of

from optbench.sweeps import estimate
from optbench.sweeps.spec_files import merge

SMALL = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3], "batch_sizes": [100],
         "seeds": 2, "tuning_seeds": 1, "steps": 5}  # fmt: skip


def test_an_estimate_grows_with_the_work_and_shrinks_with_the_workers(catalogue, monkeypatch):
    """From a probe that costs a microsecond a run-step, evaluations included."""

    class Cohort:
        seconds, evaluation_seconds = 0.03, 0.01

    monkeypatch.setattr(estimate, "run", lambda cohort: Cohort)
    plans = plan_of(merge(SMALL, {"seeds": 2, "steps": 1000})).cohorts
    one = estimate.estimate(plans, 1)
    # The probe of 4 steps takes 0.02 s besides its evaluation: 5 s a cohort, and each is evaluated once.
    assert one == pytest.approx(2 * (0.02 / 4 * 1000 + 0.01))
    assert estimate.estimate(plans, 2) == pytest.approx(one / 2)
    assert estimate.estimate([*plans, *plans], 1) == pytest.approx(2 * one)
