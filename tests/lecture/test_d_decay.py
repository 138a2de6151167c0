"""D: every verdict planted both ways, the experiment in small, and the rates of a run exactly."""

import math

import numpy as np
import pandas as pd
import pytest
from lecture_claims import CLAIMS

from optbench.claims.claim import DEPENDS, FAILS, HOLDS, UNDECIDED, Budget
from optbench.lecture import d_decay


def finals(ratios=(), exponent=-1.0):
    """Final suboptimalities: the constant rate's is `ratios` times that of each decay; at one rate it is B^exponent."""
    rows, sizes = [], (1, 16, 256, 2000)
    ratios = ratios or (3.0,) * len(d_decay.DECAYS)
    for size in sizes:
        for seed in range(9):
            spread = 1 + 0.01 * seed
            row = {"batch_size": size, "seed": seed, "status": "ok", "lr": 0.1}
            rows.append(row | {"schedule": "constant", "suboptimality_final": 1e-4 * spread})
            for name, ratio in zip(d_decay.DECAYS, ratios, strict=True):
                rows.append(row | {"schedule": name, "suboptimality_final": 1e-4 * spread / ratio})
    fixed = [
        {"batch_size": b, "schedule": "constant", "seed": s, "suboptimality_final": (1 + s) * b**exponent}
        for b in sizes
        for s in range(9)
    ]
    return {"tuned": pd.DataFrame(rows), "fixed": pd.DataFrame(fixed)}


@pytest.mark.parametrize(
    ("exponent", "expected"), [(-1.0, HOLDS), (-0.1, HOLDS), (0.0, UNDECIDED), (0.1, FAILS), (0.5, FAILS)]
)
def test_d1_floor_flips(exponent, expected):
    found = CLAIMS["D1.1"].judge(finals(exponent=exponent))
    assert found.verdict == expected and found.effect == pytest.approx(exponent, abs=1e-12)


def test_d1_runs_that_diverge_at_the_smallest_batch_make_the_exponent_infinite():
    tables = finals()
    fixed = tables["fixed"]
    fixed.loc[fixed["batch_size"] == 1, "suboptimality_final"] = math.inf
    found = CLAIMS["D1.1"].judge(tables)
    assert found.verdict == HOLDS and found.effect == found.low == found.high == -math.inf
    fixed["suboptimality_final"] = 1.0
    fixed.loc[fixed["batch_size"] == 16, "suboptimality_final"] = math.inf
    assert CLAIMS["D1.1"].judge(tables).verdict == FAILS


def test_d1_batches_that_have_not_come_down_are_no_part_of_the_fit():
    tables = finals(exponent=-1.0)
    tables["fixed"].loc[tables["fixed"]["batch_size"] == 256, "suboptimality_final"] = 1.0
    assert CLAIMS["D1.1"].judge(tables).effect == pytest.approx(-1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ((3, 3, 3, 3), HOLDS),
        ((3, 0.5, 3, 3), DEPENDS),
        ((0.5, 0.5, 0.9, 0.95), FAILS),
        ((0.5, 0.5, 0.9, 1.0), UNDECIDED),
    ],
)
def test_d1_decay_flips(ratios, expected):
    found = CLAIMS["D1.2"].judge(finals(ratios))
    assert found.verdict == expected and found.effect == pytest.approx(min(ratios))


def test_d1_a_failed_constant_rate_loses_and_a_failed_decay_wins_nothing():
    tables = finals()
    tuned = tables["tuned"]
    tuned.loc[tuned["schedule"] == "sqrt_step(k=1.0)", "suboptimality_final"] = math.inf
    assert CLAIMS["D1.2"].judge(tables).verdict == DEPENDS
    tuned.loc[tuned["schedule"] == "constant", "suboptimality_final"] = math.inf
    assert d_decay.decay_gains(tuned, 1)["inverse(decay_rate=1.0)"] == (math.inf,) * 3
    assert d_decay.decay_gains(tuned, 1)["sqrt_step(k=1.0)"] == (1, 1, 1)


def test_d1_runs_in_small(monkeypatch):
    monkeypatch.setattr(d_decay, "DATA", "logistic(data=gaussian(examples=125))")
    monkeypatch.setattr(d_decay, "SIZES", (1, 16, "full"))
    tables = d_decay.noise_experiment.__wrapped__(Budget(quick=True, workers=1))
    assert not tables["tuned"]["seed"].isin(list(d_decay.TUNING)).any()
    assert tables["tuned"].groupby(["batch_size", "schedule"])["lr"].nunique().eq(1).all()
    assert np.isfinite(CLAIMS["D1.1"].judge(tables).effect)


@pytest.fixture(scope="module")
def rates():
    return d_decay.rates_experiment(Budget())


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
