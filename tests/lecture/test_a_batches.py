"""A1, A3 and A4: every verdict planted both ways; times to a target by hand; the full batch falls below 2/L alone."""

import math

import numpy as np
import pandas as pd
import pytest
from lecture_claims import CLAIMS, QUICK, check

from optbench.claims.claim import DEPENDS, FAILS, HOLDS, UNDECIDED, Budget
from optbench.lecture import a_batches
from optbench.lecture.runs import run_every_step

SEEDS = range(9)


def crossings(full, mini):
    """Targets reached by the full batch after `full` seconds, by mini-batches after mini[target]."""
    rows = [
        {"batch": batch, "seed": seed, "target": target, "seconds": (1 + 0.01 * seed) * cost, "passes": cost}
        for target in a_batches.TARGETS
        for seed in SEEDS
        for batch, cost in (("full", full), ("1000", mini.get(target, 1.0)))
    ]
    return {"targets": pd.DataFrame(rows), "curves": pd.DataFrame({"examples": [5_000_000]})}


@pytest.mark.parametrize(
    ("full", "mini", "expected"),
    [(50.0, {}, HOLDS), (0.5, {}, FAILS), (50.0, {0.001: math.inf}, DEPENDS), (50.0, {0.01: 99.0}, DEPENDS)],
)
def test_a1_flips(full, mini, expected):
    found = CLAIMS["A1"].judge(crossings(full, mini))
    assert found.verdict == expected
    assert found.effect == pytest.approx(full / mini.get(0.01, 1.0))


def test_a1_names_a_factor_of_zero_only_where_there_is_one():
    words = "A factor of 0"
    assert words not in CLAIMS["A1"].judge(crossings(50.0, {})).detail
    assert words in CLAIMS["A1"].judge(crossings(50.0, {0.001: math.inf})).detail


@pytest.mark.slow
def test_a1_takes_the_seconds_of_a_step_from_the_quickest_run(monkeypatch):
    """A machine that is slow in one seed's run changes no number: all seeds of a batch size have the same work."""
    real, calls = a_batches.run_sweep, []

    def slow_at_times(spec, **changes):
        results = real(spec, **changes)
        calls.append((spec["seeds"], spec["batch_sizes"]))
        results.timings["ns_per_run_step"] = 1000.0 if len(calls) % 3 else 50_000.0
        return results

    monkeypatch.setattr(a_batches, "run_sweep", slow_at_times)
    monkeypatch.setattr(a_batches, "find_best_rate", lambda *args, **keywords: 4.0)
    monkeypatch.setattr(a_batches, "QUICK", 4_000)
    monkeypatch.setattr(a_batches, "LARGE_REPORTING", [1, 2, 3, 4, 5])
    curves = a_batches.large_set_experiment.__wrapped__(QUICK)["curves"]
    np.testing.assert_allclose(curves["seconds"], 1e-6 * curves["step"])
    assert calls == [(seeds, [size]) for seeds in ([1, 2], [3, 4], [5]) for size in ("full", 1000)], "in turns"


def test_a1_costs_are_interpolated_and_a_miss_is_infinite():
    curve = pd.DataFrame(
        {"batch": "full", "seed": 0, "passes": [0, 1, 2], "seconds": [0, 10, 20], "left": [1.0, 0.1, 0.002]}
    )
    table = a_batches.times_to_targets(curve).set_index("target")
    assert table.loc[0.1, "seconds"] == 10 and table.loc[0.001, "seconds"] == math.inf
    assert table.loc[0.01, "passes"] == pytest.approx(1 + math.log(10) / math.log(50))


def planted(rising):
    """Return tables with 40 runs of each problem; rising: by problem, how many of them have a rise."""
    runs = [
        {"problem": name, "rate": 0.5, "seed": seed, "rises": 3 * (seed < rising.get(name, 0))}
        for name in a_batches.PROBLEMS
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


ALL = dict.fromkeys(a_batches.PROBLEMS, 20)


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
    table = a_batches._around_two_over_l(QUICK)["shares"]
    by_rate = table[table["problem"] == "quadratic"].groupby("rate")["share"]
    assert (by_rate.min()[[0.25, 0.5, 0.75, 0.95]] == 1).all()
    assert (by_rate.max()[[1.25, 1.5, 2.0]] < 1).all()


def test_a3_a_step_that_a_run_does_not_live_to_see_is_a_rise():
    cost = pd.Series([4.0, 2.0, 2.0, 3.0])
    assert a_batches._count_falling(cost) == 2
    assert a_batches._count_falling(cost.iloc[:2]) == 1


def test_a_run_can_be_seen_after_every_step_and_at_the_weights_before_it():
    table = run_every_step("quadratic(dim=3)", "gd", [0.1, 1e9], seeds=[0, 1], steps=30)
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


def prices(small, large):
    """Costs on all axes, the same on the seeds that choose: advised sizes against all others."""
    rows = []
    for name, ratio in (("small", small), ("large", large)):
        for batch in ("1", "64", "512", "2048", "full"):
            cost = ratio if batch in a_batches.ADVICE[name] else 1.0
            for seed in SEEDS:
                row = dict.fromkeys(a_batches.AXES, cost * (1 + 0.01 * seed))
                size = 4096 if batch == "full" else int(batch)
                rows.append({"set": name, "batch": batch, "batch_size": size, "seed": seed, **row})
    return {"costs": pd.DataFrame(rows), "trials": pd.DataFrame(rows)}


def test_a4_compares_the_sizes_that_other_seeds_have_chosen():
    """A size that is the best of its kind by luck on the reporting seeds is not taken for the best."""
    tables = prices(0.5, 0.5)
    lucky = (tables["costs"]["set"] == "large") & (tables["costs"]["batch"] == "64")
    tables["costs"].loc[lucky, list(a_batches.AXES)] /= 10
    assert CLAIMS["A4"].judge(tables).effect == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("small", "large", "expected"),
    [(0.5, 0.5, HOLDS), (2.0, 2.0, FAILS), (0.5, 2.0, DEPENDS), (2.0, 0.5, DEPENDS), (math.inf, 0.5, DEPENDS)],
)
def test_a4_flips(small, large, expected):
    found = CLAIMS["A4"].judge(prices(small, large))
    assert found.verdict == expected and found.effect == pytest.approx(large)


def test_a4_a_run_that_misses_the_target_costs_infinitely_much():
    found = a_batches.reach_target(500, [8, "full"], [1e-6, 0.25, 1e9], [0], Budget(workers=1))
    least = found.groupby("lr")["steps"].min()
    assert least[1e-6] == least[1e9] == math.inf and np.isfinite(least[0.25])
    assert (found["samples"] >= found["steps"]).all() and (found["seconds"] > 0).all()


def test_a4_tells_the_critical_batch_size():
    """Steps that are planted as 10 (1 + 50 / B) on the large set and as 500 / B on the small one."""
    tables = prices(0.5, 0.5)
    costs = tables["costs"]
    costs["steps"] = 10 * ((costs["set"] == "large") + 50 / costs["batch_size"])
    told = CLAIMS["A4"].measure(tables).detail
    assert "throughout, on 1,000 examples and 50 [50, 50] on 20,000 examples." in told
