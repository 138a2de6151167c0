"""C3 and C5: the limits exactly, the first step by its formula, and verdicts that turn with their tables."""

import numpy as np
import pandas as pd
import pytest
from lecture_claims import QUICK, judged, spread

import optbench
from optbench.lecture import c_adam


def test_adam_becomes_what_the_lecture_makes_it_of():
    table = c_adam.limits_experiment(QUICK)["differences"]
    assert table["limit"].nunique() == 6 and (table["difference"] <= c_adam.TOLERANCE).all()


@pytest.mark.parametrize(
    ("differences", "expected"),
    [((0.0, 1e-14), "holds"), ((0.1, 0.2), "does not hold"), ((0.0, 0.1), "depends"), ((0.0, np.nan), "depends")],
)
def test_limits_are_judged_by_their_differences(differences, expected):
    table = pd.DataFrame({"limit": ["one", "two"], "seed": 0, "difference": differences})
    found = judged("C3.1", differences=table)
    assert found.verdict == expected and ("two" in found.on) == (expected == "depends")


def test_the_first_step_is_as_eps_says():
    table = c_adam.eps_experiment(QUICK)["lengths"]
    np.testing.assert_allclose(table["length"], table["exact"], rtol=1e-12)


def test_the_gradients_of_eps_are_as_large_as_they_are_called():
    """The first step is lr |g| / sqrt(s + eps), or lr |g| / (sqrt(s) + eps); s is g^2, for RMSProp a tenth of it."""
    shares = c_adam.shrunk_shares(c_adam.eps_experiment(QUICK))
    assert list(shares) == [f"{name}, gradient {g}" for g in ("1", "0.01", "0.0001", "1e-06", "1e-08")
                            for name in ("adam", "rmsprop")]  # fmt: skip
    for name, (lost, _, _) in shares.items():
        g = float(name.split()[-1]) * (np.sqrt(0.1) if name.startswith("rmsprop") else 1)
        assert lost == pytest.approx(1 - (g + 1e-8) / np.sqrt(g * g + 1e-8), rel=1e-6, abs=1e-12)


def test_the_share_for_rmsprop_is_that_of_the_rule_as_it_ships():
    found = {eps: optbench.minimize(lambda w: (w**2).sum() / 2, [1e-4], "rmsprop", lr=1.0, steps=1, **eps_at(eps)).x[0]
             for eps in ("eps", "eps_root")}  # fmt: skip
    lost = 1 - (1e-4 - found["eps_root"]) / (1e-4 - found["eps"])
    shares = c_adam.shrunk_shares(c_adam.eps_experiment(QUICK))
    assert lost == pytest.approx(shares["rmsprop, gradient 0.0001"][0], rel=1e-4)


def eps_at(place):
    return {"eps": 0.0, "eps_root": 0.0} | {place: 1e-8}


@pytest.mark.parametrize(("lost", "expected"), [(0.0, "holds"), (0.5, "does not hold"), (None, "depends")])
def test_place_of_eps_is_judged_by_what_it_shortens(lost, expected):
    gradients = 10.0 ** np.arange(0, -10, -1)
    rows = [
        (name, where, g, 1.0 - (where == "inside") * (float(g < 1e-3) if lost is None else lost))
        for name in ("adam", "rmsprop")
        for where in ("inside", "outside")
        for g in gradients
    ]
    found = judged("C3.2", lengths=pd.DataFrame(rows, columns=["optimizer", "eps", "gradient", "length"]))
    assert found.verdict == expected


@pytest.mark.parametrize(
    ("shares", "expected"), [((0.1, 0.2), "holds"), ((1.0, 1.0), "does not hold"), ((0.1, 1.0), "depends")]
)
def test_rates_of_the_parameters_are_judged_by_their_spread(shares, expected):
    rows = [
        {"optimizer": name, "seed": seed, "step": step, "low": base * share, "middle": base, "high": base}
        for step, ratio in zip((1, 50), shares, strict=True)
        for name, share in (("gd", 1.0), ("adam(beta1=0)", ratio))
        for seed, base in enumerate(spread(1.0))
    ]
    found = judged("C5.1", spread=pd.DataFrame(rows))
    assert (found.verdict, found.effect) == (expected, pytest.approx(shares[1]))


@pytest.mark.parametrize(
    ("mini", "full", "reached", "expected"),
    [
        (1.0, 5.0, True, "holds"),
        (5.0, 1.0, True, "does not hold"),
        (1.0, 5.0, False, "does not hold"),  # quick to end, but never there
    ],
)
def test_batches_are_judged_by_their_expected_running_time(mini, full, reached, expected):
    found = judged("C5.2", reached=batch_table((mini, mini), full, reached))
    assert found.verdict == expected
    assert found.effect == (pytest.approx(mini / full, rel=0.2) if reached else np.inf)


def test_batches_may_depend_on_the_clock():
    found = judged("C5.2", reached=batch_table((1.0, 20.0), 5.0, True))
    assert found.verdict == "depends" and "not at softmax, seconds" in found.on


def batch_table(mini, full, reached):
    rows = []
    for problem in c_adam.TARGETS:
        for batch in map(str, c_adam.BATCHES):
            samples, seconds = (full, full) if batch == "full" else mini
            for seed, base in enumerate(spread(1.0)):
                there = reached or batch == "full"
                rows.append((problem, batch, seed, there, samples * base, seconds * base))
    return pd.DataFrame(rows, columns=["problem", "batch", "seed", "reached", "samples", "seconds"])
