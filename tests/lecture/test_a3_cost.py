"""A3: planted rises, falls and noise turn the verdicts; the full batch falls below 2/L and only there."""

import numpy as np
import pandas as pd
import pytest
from lecture_claims import CLAIMS, QUICK, check

from optbench.claims.record import DEPENDS, FAILS, HOLDS, UNDECIDED
from optbench.lecture import a3_cost
from optbench.lecture.runs import every_step


def planted(rising):
    """Return tables with 40 runs of each problem; rising: by problem, how many of them have a rise."""
    runs = [
        {"problem": name, "rate": 0.5, "seed": seed, "rises": 3 * (seed < rising.get(name, 0))}
        for name in a3_cost.PROBLEMS
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


ALL = dict.fromkeys(a3_cost.PROBLEMS, 20)


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


def test_a3_the_full_batch_falls_below_two_over_l_and_only_there():
    table = a3_cost._around_two_over_l(QUICK)["shares"]
    by_rate = table[table["problem"] == "quadratic"].groupby("rate")["share"]
    assert (by_rate.min()[[0.25, 0.5, 0.75, 0.95]] == 1).all()
    assert (by_rate.max()[[1.25, 1.5, 2.0]] < 1).all()


def test_a3_a_step_that_a_run_does_not_live_to_see_is_a_rise():
    cost = pd.Series([4.0, 2.0, 2.0, 3.0])
    assert a3_cost._falling(cost) == 2
    assert a3_cost._falling(cost.iloc[:2]) == 1


SEEDS = range(9)


def test_a_run_can_be_seen_after_every_step_and_at_the_weights_before_it():
    table = every_step("quadratic(dim=3)", "gd", [0.1, 1e9], seeds=[0, 1], steps=30)
    calm = table[table["lr0"] == 0.1]
    assert calm.groupby("seed")["step"].apply(list).tolist() == [list(range(31))] * 2
    assert set(calm["status"]) == {"ok"} and set(table.loc[table["lr0"] > 1, "status"]) == {"diverged"}
    one = calm[calm["seed"] == 1]
    np.testing.assert_allclose(one["batch_loss"].iloc[1:], one["train_loss"].iloc[:-1], rtol=1e-12)


def costs(slope=-0.5, noise=0.5, left=0.2, seeds=SEEDS):
    """Costs that fall to `left` over 100 steps, and deviate by noise * B^slope."""
    step, parts = np.arange(1, 101), []
    for size in (8, 64, 512):
        for seed in seeds:
            rng = np.random.default_rng([size, seed])
            full = left ** (step / 100)
            deviation = noise * (size**slope) * rng.choice([-1.0, 1.0], 100)
            parts.append(pd.DataFrame({"batch_size": str(size), "seed": seed, "step": step, "full_cost": full,
                                       "cost": full + deviation}))  # fmt: skip
    return {"cost": pd.concat(parts)}


@pytest.mark.parametrize(
    ("given", "expected"), [({}, HOLDS), ({"noise": 0.0}, FAILS), ({"left": 3.0}, FAILS), ({"left": 1.0}, UNDECIDED)]
)
def test_a3_noise_flips(given, expected):
    assert CLAIMS["A3.2"].judge(costs(**given)).verdict == expected


@pytest.mark.parametrize(("slope", "expected"), [(-0.5, HOLDS), (-0.3, FAILS), (-1.0, FAILS), (0.0, FAILS)])
def test_a3_law_flips(slope, expected):
    found = CLAIMS["A3.3"].judge(costs(slope))
    assert found.verdict == expected and found.effect == pytest.approx(slope)
