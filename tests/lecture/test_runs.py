"""Rates are tuned on seeds that do not report."""

from optbench.claims.record import FIRST_SEED, Budget
from optbench.lecture.runs import tuned_costs


def test_tuned_costs_tunes_and_reports_on_different_seeds():
    """The best rate of gradient descent on a quadratic of one coordinate and curvature 1 is 1: there in one step."""
    spec = {"problems": ["quadratic(dim=1, condition=1.0)"], "optimizers": ["gd"], "steps": 16}
    table = tuned_costs(spec, 1e-6, [0.1, 1.0, 3.0], 2, 3, Budget(workers=1))
    assert table["seed"].tolist() == [FIRST_SEED + k for k in (2, 3, 4)] and (table["lr"] == 1.0).all()
    assert table["reached"].all() and (table["steps"] == 1).all()
