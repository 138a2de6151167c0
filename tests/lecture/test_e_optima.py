"""E: planted tables turn the verdicts; minima are as rare as theory says; targets lie where they should."""

import numpy as np
import pandas as pd
import pytest
from harness import problem_of
from lecture_claims import CLAIMS, check
from quick import slow

import optbench
from optbench.analysis.statistics import share_interval
from optbench.claims.claim import DEPENDS, FAILS, HOLDS, UNDECIDED
from optbench.lecture import e_optima


def points(**minima):
    """Return critical points of landscapes, 100 a dimension; minima: {dimension: share of minima} by name."""
    rows = [
        (name.replace("_", " "), dim, True, 0 if k < 100 * share else dim, 0.1 if k < 100 * share else 1.0, False)
        for name, shares in minima.items() for dim, share in shares.items() for k in range(100)
    ]  # fmt: skip
    return {"points": pd.DataFrame(rows, columns=["landscape", "dim", "found", "negative", "value", "plateau"])}


@pytest.mark.parametrize("claim", [CLAIMS["E1.1"], CLAIMS["E1.2"]], ids=lambda claim: claim.id)
@pytest.mark.parametrize(
    ("minima", "verdict"),
    [
        ({"field_alone": {1: 0.5, 8: 0.0}, "network": {1: 0.6, 9: 0.02}}, HOLDS),
        ({"field_alone": {1: 0.0, 8: 0.0}}, UNDECIDED),  # rare, but not known to be so for the dimension
        ({"field_alone": {1: 0.5, 8: 0.9}, "network": {1: 0.2, 8: 0.8}}, FAILS),
        ({"field_alone": {1: 0.5, 8: 0.0}, "network": {1: 0.5, 8: 0.4}}, UNDECIDED),
        ({"field_alone": {1: 0.5, 8: 0.5}}, UNDECIDED),
        ({"field_alone": {1: 0.5, 8: 0.0}, "network": {1: 0.5, 8: 0.9}}, DEPENDS),
        ({"field_alone": {1: 0.0, 8: 0.02}}, UNDECIDED),
    ],
)
def test_saddles_against_minima(claim, minima, verdict):
    check(claim, points(**minima), verdict)


def test_the_interval_of_a_difference_of_shares_is_newcombes():
    """His table II: 56/70 - 48/80 has [0.0524, 0.3339], 0/10 - 0/20 has [-0.1611, 0.2775]."""
    for (a, m), (b, n), ends in (((56, 70), (48, 80), (0.0524, 0.3339)), ((0, 10), (0, 20), (-0.1611, 0.2775))):
        both = [dict(zip(("minima", "low", "high"), share_interval(*each), strict=True)) for each in ((a, m), (b, n))]
        assert e_optima.share_difference(*both)[1:] == pytest.approx(ends, abs=5e-5)


def test_plateaus_are_no_minima():
    tables = points(network={1: 0.5, 8: 0.8})
    flat = (tables["points"]["dim"] == 8) & (tables["points"]["negative"] == 0)
    tables["points"]["plateau"] = flat
    found = CLAIMS["E1.2"].judge(tables)
    assert found.verdict == HOLDS and "80 plateaus" in found.detail


def test_the_detail_tells_whether_minima_lie_lower():
    found = CLAIMS["E1.1"].judge(points(network={1: 0.5, 8: 0.05}))
    assert "at minima 0.100, at saddles 1.000 (dimension 8)" in found.detail


@pytest.mark.slow
def test_minima_of_a_gaussian_field_are_as_rare_as_theory_says():
    """In two dimensions a quarter: as many minima as maxima, and as many saddles as both."""
    family = optbench.problems()["random_field"]
    fields = [family.build({"dim": 2, "confinement": 0.0, "seed": seed}) for seed in range(15)]
    table = pd.concat([e_optima.find_points(field, 10, seed) for seed, field in enumerate(fields)])
    table = e_optima.minima_shares(table.assign(landscape="field"))
    assert e_optima.EXACT[2] == 1 / 4
    assert table["found"].item() > 50 and abs(table["minima"].item() - 1 / 4) < 0.12


@pytest.mark.parametrize("text", ["saddle(dim=3, index=3)", slow("rotated_saddle(dim=3, index=3, seed=4)")])
def test_every_critical_point_of_a_known_polynomial(text):
    """sum w_i^4/4 - w_i^2/2 has 27 in three dimensions, every w_i in -1, 0, 1; downhill where it is 0."""
    rng = np.random.default_rng(0)
    found = e_optima.critical_points(problem_of(text), rng.uniform(-2.0, 2.0, (500, 3)))
    found = found[found["found"]]
    assert found["negative"].value_counts().sort_index().tolist() == [8, 12, 6, 1]
    np.testing.assert_allclose(found["value"], -0.25 * (3 - found["negative"]), atol=1e-12)
    assert not found["plateau"].any()


def test_a_saturated_function_is_a_plateau():
    """Far from its target a tanh unit's curvature is negative, and its slope not zero: only the minimum is found."""
    found = e_optima.critical_points(problem_of("plateau"), np.full((1, 2), 1.3))
    assert found["found"].all() and (found["negative"] == 0).all() and not found["plateau"].any()
    flat = e_optima.critical_points(problem_of("plateau"), np.full((1, 2), 401.0))  # exp(-800) is 0
    assert flat["found"].all() and flat["plateau"].all()


def escapes(steps):
    """Return a table of escapes; steps: expected steps by (problem, optimizer), inf for none; others take 100."""
    parts, seeds = [], np.arange(8)
    for problem, kind, depth, label, _, _, _ in e_optima.SITUATIONS:
        for optimizer in e_optima.OPTIMIZERS:
            count = steps.get((problem, optimizer), 100.0)
            made = pd.DataFrame({"seed": seeds, "reached": np.isfinite(count), "steps": min(count, 5000.0) + seeds})
            parts.append(made.assign(problem=problem, kind=kind, depth=depth, label=label, optimizer=optimizer,
                                     at_limit=optimizer == "adam"))  # fmt: skip
    return {"escapes": pd.concat(parts, ignore_index=True)}


SLOW, HELP = CLAIMS["E2.1"], CLAIMS["E2.2"]
NEAR, FAR = (f"plateau(distance={distance})" for distance in (min(e_optima.DISTANCES), max(e_optima.DISTANCES)))


@pytest.mark.parametrize(
    ("far", "verdict"), [slow(4000.0, HOLDS), slow(np.inf, HOLDS), (500.0, UNDECIDED), (110.0, FAILS), (20.0, FAILS)]
)
def test_a_plateau_slows(far, verdict):
    check(SLOW, escapes({(FAR, "gd"): far}), verdict)


@pytest.mark.parametrize(
    ("gd", "verdict"),
    [
        (dict.fromkeys(e_optima.COMPARED, 1000.0), HOLDS),
        (dict.fromkeys(e_optima.COMPARED, np.inf), HOLDS),
        (dict.fromkeys(e_optima.COMPARED, 100.0), UNDECIDED),
        (dict.fromkeys(e_optima.COMPARED, 10.0), FAILS),
        ({e_optima.COMPARED[0]: 1000.0, e_optima.COMPARED[1]: 10.0}, DEPENDS),
    ],
)
def test_momentum_and_adaptive_methods_help(gd, verdict):
    check(HELP, escapes({(problem, "gd"): steps for problem, steps in gd.items()}), verdict)


def test_one_method_that_does_not_help_makes_it_depend():
    gd = {(problem, "gd"): 1000.0 for problem in e_optima.COMPARED}
    found = check(HELP, escapes(gd | {(e_optima.COMPARED[0], "momentum"): np.inf}), DEPENDS)
    assert found.effect == 0 and "momentum (0)" in found.on and "momentum 8 of" in found.detail


@pytest.mark.parametrize("row", e_optima.SITUATIONS, ids=lambda row: row[0])
def test_the_targets_lie_between_level_and_minimum(row):
    """The level is the loss of the plateau or the saddle itself, the minimum the problem's."""
    problem, kind, _, _, level, minimum, _ = row
    record = problem_of(problem)
    assert record.minimum == pytest.approx(minimum, rel=1e-12)
    where = np.full(record.dim, 30.0 if kind == "plateau" else 0.0)
    assert optbench.objective(record)(where)[0][0] == pytest.approx(level, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(e_optima.FIRST_STEPS))
@pytest.mark.parametrize("problem", e_optima.COMPARED)
def test_no_method_jumps_over_a_saddle_in_its_first_step(name, problem):
    """At the largest rate that is allowed no coordinate moves by more than half of the width, whatever the gradient."""
    width = next(row[-1] for row in e_optima.SITUATIONS if row[0] == problem)
    rate = e_optima.STRIDE * width / e_optima.FIRST_STEPS[name]
    start = optbench.minimize(problem, name, lr=1e-300, steps=1, seed=3).w
    moved = np.abs(optbench.minimize(problem, name, lr=rate, steps=1, seed=3).w - start)
    assert moved.max() == pytest.approx(e_optima.STRIDE * width, rel=0.05)


def test_the_largest_allowed_rates_are_told():
    assert (
        "The largest rate that was allowed is the best one for plateau, 4 away: adam;" in HELP.judge(escapes({})).detail
    )


def finals(stuck):
    """Return final losses; stuck: by width, how many of 44 seeds end half a nat above the others; None: diverged."""
    parts = []
    for k, hits in stuck.items():
        loss = np.where(np.arange(44) < (hits or 0), 0.5, 1e-4 * (1 + np.arange(44)))
        parts.append(pd.DataFrame({"seed": range(44), "loss_final": loss, "width": k}))
    return {"finals": pd.concat(parts, ignore_index=True)}


@pytest.mark.parametrize(
    ("stuck", "verdict"),
    [({2: 30, 16: 0}, HOLDS), ({2: 30, 16: 20}, FAILS), ({2: 0, 16: 40}, FAILS), ({2: 30, 16: 4}, UNDECIDED)],
)
def test_large_networks_hardly_get_stuck(stuck, verdict):
    check(CLAIMS["E3"], finals(stuck), verdict)


def test_diverged_runs_are_stuck():
    tables = finals({2: 30, 16: 0})
    wide = tables["finals"]["width"] == 16
    tables["finals"].loc[wide & (tables["finals"]["seed"] < 20), "loss_final"] = np.inf
    found = check(CLAIMS["E3"], tables, FAILS)
    assert found.effect == pytest.approx(20 / 44)


@pytest.mark.slow
def test_from_which_width_on_it_is_rare():
    assert "From width 8 on" in CLAIMS["E3"].judge(finals({1: 0, 2: 30, 8: 0, 16: 0})).detail
    assert "At no width tried" in CLAIMS["E3"].judge(finals({1: 0, 2: 30})).detail
