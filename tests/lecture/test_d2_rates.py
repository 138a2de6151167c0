"""D2: the rates of a run exactly."""

import pytest
from lecture_claims import CLAIMS

from optbench.claims.record import FAILS, HOLDS, Budget
from optbench.lecture import d2_rates


@pytest.fixture(scope="module")
def rates():
    return d2_rates.experiment(Budget())


def test_d2_the_rates_of_a_run_are_the_lecture_s(rates):
    assert CLAIMS["D2"].judge(rates).verdict == HOLDS
    table = rates["rates"].set_index(["schedule", "step"])["rate"]
    # By hand: 10 steps make an epoch, so step 1 has epoch 0, steps 11 to 20 have epoch 1, step 91 has epoch 9.
    assert table["inverse(decay_rate=1.0)"][[1, 10, 11, 91]].tolist() == pytest.approx([0.2, 0.2, 0.1, 0.02])
    assert table["exponential(base=0.95)"][[1, 11, 21]].tolist() == pytest.approx([0.2, 0.19, 0.1805])
    assert table["sqrt_epoch(k=1.0)"][[1, 11, 41, 91]].tolist() == pytest.approx([0.2, 0.2, 0.1, 0.2 / 3])
    assert table["sqrt_step(k=1.0)"][[1, 4, 9, 100]].tolist() == pytest.approx([0.2, 0.1, 0.2 / 3, 0.02])


def test_d2_flips_on_a_rate_that_is_off(rates):
    table = rates["rates"].copy()
    table.loc[137, "rate"] *= 1 + 1e-12
    assert CLAIMS["D2"].judge({"rates": table}).verdict == FAILS
