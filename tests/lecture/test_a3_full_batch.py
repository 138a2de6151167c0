"""A3.1: every verdict planted both ways; the full batch falls below 2/L and only there; the trials suffice."""

import pandas as pd
import pytest
from lecture_claims import CLAIMS, QUICK, check

from optbench.analysis.statistics import share_interval
from optbench.claims.record import DEPENDS, FAILS, HOLDS, UNDECIDED
from optbench.lecture import a3_full_batch


def planted(rising):
    """Runs of which so many (problem -> of 40) have a rise."""
    runs = [
        {"problem": name, "rate": 0.5, "seed": seed, "rises": 3 * (seed < rising.get(name, 0))}
        for name in a3_full_batch.PROBLEMS
        for seed in range(40)
    ]
    shares = [
        {"problem": problem, "rate": rate, "seed": seed, "share": 1.0 if rate < 1 else 0.3}
        for problem in ("quadratic", "logistic")
        for rate in (0.5, 0.95, 1.05, 2.0)
        for seed in range(9)
    ]
    cost = [{"problem": "quadratic", "rate": rate, "seed": 0, "step": step, "train_loss": 0.5**step}
            for rate in (0.25, 0.95, 1.05, 1.25) for step in range(3)]  # fmt: skip
    return {"runs": pd.DataFrame(runs), "shares": pd.DataFrame(shares), "cost": pd.DataFrame(cost)}


ALL = dict.fromkeys(a3_full_batch.PROBLEMS, 20)


@pytest.mark.parametrize(
    ("rising", "expected"),
    [
        ({}, HOLDS),
        (ALL, FAILS),
        ({"network": 20}, DEPENDS),
        ({"network": 3}, UNDECIDED),
        (ALL | {"softmax": 3}, UNDECIDED),
    ],
)
def test_a3_monotone_flips(rising, expected):
    outcome = check(CLAIMS["A3.1"], planted(rising), expected)
    assert outcome.effect == pytest.approx(rising.get("network", 0) / 40)


@pytest.mark.parametrize("runs", [a3_full_batch.RUNS, a3_full_batch.QUICK_RUNS])
def test_a3_as_many_runs_as_it_takes_to_hold(runs):
    assert share_interval(0, runs)[2] < a3_full_batch.RARE < share_interval(runs, runs)[1]


def test_a3_the_full_batch_falls_below_two_over_l_and_only_there():
    table = a3_full_batch._around_two_over_l(QUICK)["shares"]
    by_rate = table[table["problem"] == "quadratic"].groupby("rate")["share"]
    assert (by_rate.min()[[0.25, 0.5, 0.75, 0.95]] == 1).all()
    assert (by_rate.max()[[1.25, 1.5, 2.0]] < 1).all()


def test_a3_a_step_that_a_run_does_not_live_to_see_is_a_rise():
    cost = pd.Series([4.0, 2.0, 2.0, 3.0])
    assert a3_full_batch._falling(cost) == 2
    assert a3_full_batch._falling(cost.iloc[:2]) == 1
