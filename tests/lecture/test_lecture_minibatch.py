"""Section A: the experiments in small, and every verdict planted both ways."""

import math

import numpy as np
import pandas as pd
import pytest

from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget
from optbench.lecture import a1_large_set, a2_notation, a3_cost, a4_batch_size
from optbench.lecture.every_step import every_step

SEEDS = range(9)


def test_a_run_can_be_seen_after_every_step_and_at_the_weights_before_it():
    table = every_step("quadratic(dim=3)", "gd", [0.1, 1e9], seeds=[0, 1], steps=30)
    calm = table[table["lr0"] == 0.1]
    assert calm.groupby("seed")["step"].apply(list).tolist() == [list(range(31))] * 2
    assert set(calm["status"]) == {"ok"} and set(table.loc[table["lr0"] > 1, "status"]) == {"diverged"}
    one = calm[calm["seed"] == 1]
    np.testing.assert_allclose(one["batch_loss"].iloc[1:], one["train_loss"].iloc[:-1], rtol=1e-12)


def test_a_run_of_hundreds_of_points_ends():
    assert len(every_step("quadratic(dim=2)", "gd", [0.1], seeds=[0], steps=400)) == 401


# A1


def crossings(full, mini):
    """Targets reached by the full batch after `full` seconds, by mini-batches after mini[target]."""
    rows = [
        {"batch": batch, "seed": seed, "target": target, "seconds": (1 + 0.01 * seed) * cost, "passes": cost}
        for target in a1_large_set.TARGETS
        for seed in SEEDS
        for batch, cost in (("full", full), ("1000", mini.get(target, 1.0)))
    ]
    return {"targets": pd.DataFrame(rows), "curves": pd.DataFrame({"examples": [5_000_000]})}


@pytest.mark.parametrize(
    ("full", "mini", "expected"),
    [(50.0, {}, HOLDS), (0.5, {}, FAILS), (50.0, {0.001: math.inf}, DEPENDS), (50.0, {0.01: 99.0}, DEPENDS)],
)
def test_a1_flips(full, mini, expected):
    found = a1_large_set.judge(crossings(full, mini))
    assert found.verdict == expected
    assert found.effect == pytest.approx(full / mini.get(0.01, 1.0))


def test_a1_costs_are_interpolated_and_a_miss_is_infinite():
    curve = pd.DataFrame(
        {"batch": "full", "seed": 0, "passes": [0, 1, 2], "seconds": [0, 10, 20], "left": [1.0, 0.1, 0.002]}
    )
    table = a1_large_set.targets(curve).set_index("target")
    assert table.loc[0.1, "seconds"] == 10 and table.loc[0.001, "seconds"] == math.inf
    assert table.loc[0.01, "passes"] == pytest.approx(1 + math.log(10) / math.log(50))


# A2


def test_a2_holds_on_a_run_and_flips_on_another_mini_batch():
    tables = a2_notation.experiment(Budget(quick=True))
    assert a2_notation.judge(tables).verdict == HOLDS
    units = tables["activations"].groupby("layer").size().tolist()
    assert units == [64, 16, 12, 8, 10]
    wrong = tables["losses"].assign(traced=tables["losses"]["traced"].to_numpy()[::-1])
    assert a2_notation.judge(tables | {"losses": wrong}).verdict == FAILS


# A3


def shares(below, above):
    rows = [
        {"problem": problem, "rate": rate, "seed": seed, "share": below if rate < 1 else above}
        for problem in ("quadratic", "logistic")
        for rate in (0.5, 0.95, 1.05, 2.0)
        for seed in SEEDS
    ]
    return {"shares": pd.DataFrame(rows)}


@pytest.mark.parametrize(("below", "above", "expected"), [(1.0, 1.0, HOLDS), (1.0, 0.3, DEPENDS), (0.9, 0.3, FAILS)])
def test_a3_monotone_flips(below, above, expected):
    found = a3_cost.judge_monotone(shares(below, above))
    assert found.verdict == expected and found.effect == pytest.approx(above)


def test_a3_the_full_batch_falls_below_two_over_l_and_only_there(monkeypatch):
    monkeypatch.setattr(a3_cost, "STEPS", 20)
    table = a3_cost.monotone.__wrapped__(Budget(quick=True))["shares"]
    by_rate = table[table["problem"] == "quadratic"].groupby("rate")["share"]
    assert (by_rate.min()[[0.25, 0.5, 0.75, 0.95]] == 1).all()
    assert (by_rate.max()[[1.25, 1.5, 2.0]] < 1).all()


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
    ("given", "expected"), [({}, HOLDS), ({"noise": 0.0}, FAILS), ({"left": 3.0}, FAILS), ({"left": 1.0}, FAILS)]
)
def test_a3_noise_flips(given, expected):
    assert a3_cost.judge_noisy(costs(**given)).verdict == expected


@pytest.mark.parametrize(("slope", "expected"), [(-0.5, HOLDS), (-0.3, FAILS), (-1.0, FAILS), (0.0, FAILS)])
def test_a3_law_flips(slope, expected):
    found = a3_cost.judge_law(costs(slope))
    assert found.verdict == expected and found.effect == pytest.approx(slope)


# A4


def prices(small, large):
    """Costs on all axes: advised sizes against all others."""
    rows = []
    for name, ratio in (("small", small), ("large", large)):
        for batch in ("1", "64", "512", "2048", "full"):
            cost = ratio if batch in a4_batch_size.ADVICE[name] else 1.0
            for seed in SEEDS:
                row = dict.fromkeys(a4_batch_size.AXES, cost * (1 + 0.01 * seed))
                rows.append({"set": name, "batch": batch, "seed": seed, **row})
    return {"costs": pd.DataFrame(rows)}


@pytest.mark.parametrize(
    ("small", "large", "expected"),
    [(0.5, 0.5, HOLDS), (2.0, 2.0, FAILS), (0.5, 2.0, DEPENDS), (2.0, 0.5, DEPENDS), (math.inf, 0.5, DEPENDS)],
)
def test_a4_flips(small, large, expected):
    found = a4_batch_size.judge(prices(small, large))
    assert found.verdict == expected and found.effect == pytest.approx(large)


def test_a4_a_run_that_misses_the_target_costs_infinitely_much():
    found = a4_batch_size._sweep(500, [8, "full"], [1e-6, 0.25, 1e9], [0], Budget(workers=1))
    least = found.groupby("lr")["steps"].min()
    assert least[1e-6] == least[1e9] == math.inf and np.isfinite(least[0.25])
    assert (found["samples"] >= found["steps"]).all() and (found["seconds"] > 0).all()
