"""E1 to E3: planted tables flip each verdict; critical points whose kinds are known in closed form."""

import numpy as np
import pandas as pd
import pytest
from harness import problem_of

from optbench.claims.record import DEPENDS, FAILS, HOLDS
from optbench.lecture import e1_saddles as critical
from optbench.lecture import e2_plateaus, e3_width
from optbench.report import style


def check(claim, tables, verdict):
    found = claim.judged(tables)
    assert found.verdict == verdict
    with style.theme():
        assert claim.figure(tables, found).axes
    return found


def points(**minima):
    """Critical points of landscapes, 100 a dimension; minima: name -> {dimension: share of minima}."""
    rows = [
        (name.replace("_", " "), dim, True, 0 if k < 100 * share else dim, 0.1 if k < 100 * share else 1.0, False)
        for name, shares in minima.items() for dim, share in shares.items() for k in range(100)
    ]  # fmt: skip
    return {"points": pd.DataFrame(rows, columns=["landscape", "dim", "found", "negative", "value", "plateau"])}


@pytest.mark.parametrize("claim", critical.CLAIMS, ids=lambda claim: claim.id)
@pytest.mark.parametrize(
    ("minima", "verdict"),
    [
        ({"field_alone": {1: 0.5, 8: 0.0}, "network": {1: 0.6, 9: 0.02}}, HOLDS),
        ({"field_alone": {1: 0.0, 8: 0.0}}, HOLDS),
        ({"field_alone": {1: 0.5, 8: 0.9}, "network": {1: 0.2, 8: 0.8}}, FAILS),
        ({"field_alone": {1: 0.5, 8: 0.0}, "network": {1: 0.5, 8: 0.4}}, DEPENDS),
        ({"field_alone": {1: 0.5, 8: 0.5}}, DEPENDS),
        ({"field_alone": {1: 0.0, 8: 0.02}}, DEPENDS),  # rare, but the dimension is not why
    ],
)
def test_saddles_against_minima(claim, minima, verdict):
    check(claim, points(**minima), verdict)


def test_plateaus_are_no_minima():
    tables = points(network={1: 0.5, 8: 0.8})
    flat = (tables["points"]["dim"] == 8) & (tables["points"]["negative"] == 0)
    tables["points"]["plateau"] = flat
    found = critical.judge_network(tables)
    assert found.verdict == HOLDS and "80 plateaus" in found.detail


def test_the_detail_tells_whether_minima_lie_lower():
    found = critical.judge(points(network={1: 0.5, 8: 0.05}))
    assert "at minima 0.100, at saddles 1.000 (dimension 8)" in found.detail


@pytest.mark.parametrize("text", ["saddle(dim=3, index=3)", "rotated_saddle(dim=3, index=3, seed=4)"])
def test_every_critical_point_of_a_known_polynomial(text):
    """sum w_i^4/4 - w_i^2/2 has 27 in three dimensions, every w_i in -1, 0, 1; downhill where it is 0."""
    rng = np.random.default_rng(0)
    found = critical.critical_points(problem_of(text), rng.uniform(-2.0, 2.0, (500, 3)))
    found = found[found["found"]]
    assert found["negative"].value_counts().sort_index().tolist() == [8, 12, 6, 1]
    np.testing.assert_allclose(found["value"], -0.25 * (3 - found["negative"]), atol=1e-12)
    assert not found["plateau"].any()


def test_a_saturated_function_is_a_plateau():
    """Far from its target a tanh unit's curvature is negative, and its slope not zero: only the minimum is found."""
    found = critical.critical_points(problem_of("plateau"), np.full((1, 2), 1.3))
    assert found["found"].all() and (found["negative"] == 0).all() and not found["plateau"].any()
    flat = critical.critical_points(problem_of("plateau"), np.full((1, 2), 401.0))  # exp(-800) is 0
    assert flat["found"].all() and flat["plateau"].all()


def test_minima_of_a_gaussian_field_are_as_rare_as_theory_says():
    """One dimension: as many minima as maxima. Two: a quarter."""
    family = critical.optbench.problems()["random_field"]
    for dim, exact in ((1, 1 / 2), (2, 1 / 4)):
        fields = [family.build({"dim": dim, "confinement": 0.0, "seed": seed}) for seed in range(15)]
        table = pd.concat([critical._search(field, 10, seed) for seed, field in enumerate(fields)])
        table = critical.shares(table.assign(landscape="field"))
        assert critical.EXACT[dim] == exact
        assert table["found"].item() > 50 and abs(table["minima"].item() - exact) < 0.12


def escapes(steps):
    """steps: (problem, optimizer) -> expected steps; inf: no run arrives. Others take 100."""
    parts, seeds = [], np.arange(8)
    for problem, kind, depth, label, _, _ in e2_plateaus.SITUATIONS:
        for optimizer in e2_plateaus.OPTIMIZERS:
            count = steps.get((problem, optimizer), 100.0)
            made = pd.DataFrame({"seed": seeds, "reached": np.isfinite(count), "steps": min(count, 5000.0) + seeds})
            parts.append(made.assign(problem=problem, kind=kind, depth=depth, label=label, optimizer=optimizer))
    return {"escapes": pd.concat(parts, ignore_index=True)}


SLOW, HELP = e2_plateaus.CLAIMS
NEAR, FAR = (f"plateau(distance={distance})" for distance in (min(e2_plateaus.DISTANCES), max(e2_plateaus.DISTANCES)))


@pytest.mark.parametrize(
    ("far", "verdict"), [(4000.0, HOLDS), (np.inf, HOLDS), (500.0, DEPENDS), (110.0, FAILS), (20.0, FAILS)]
)
def test_a_plateau_slows(far, verdict):
    check(SLOW, escapes({(FAR, "gd"): far}), verdict)


def test_the_growth_per_unit_is_fitted():
    gd = {(f"plateau(distance={d})", "gd"): 1e3 * np.exp(1.5 * d) for d in e2_plateaus.DISTANCES}
    parts = {d: escapes(gd)["escapes"].query("problem == @name and optimizer == 'gd'")
             for d, name in zip(e2_plateaus.DISTANCES, (key[0] for key in gd), strict=True)}  # fmt: skip
    parts = {d: part.assign(steps=1e3 * np.exp(1.5 * d)) for d, part in parts.items()}
    assert "a factor of 4.5 [4.5, 4.5]" in e2_plateaus._growth(parts, list(parts))


@pytest.mark.parametrize(
    ("gd", "verdict"),
    [
        (dict.fromkeys(e2_plateaus.COMPARED, 1000.0), HOLDS),
        (dict.fromkeys(e2_plateaus.COMPARED, np.inf), HOLDS),
        (dict.fromkeys(e2_plateaus.COMPARED, 100.0), FAILS),
        (dict.fromkeys(e2_plateaus.COMPARED, 10.0), FAILS),
        ({e2_plateaus.COMPARED[0]: 1000.0, e2_plateaus.COMPARED[1]: 10.0}, DEPENDS),
    ],
)
def test_momentum_and_adaptive_methods_help(gd, verdict):
    check(HELP, escapes({(problem, "gd"): steps for problem, steps in gd.items()}), verdict)


def test_one_method_that_does_not_help_makes_it_depend():
    gd = {(problem, "gd"): 1000.0 for problem in e2_plateaus.COMPARED}
    found = check(HELP, escapes(gd | {(e2_plateaus.COMPARED[0], "momentum"): np.inf}), DEPENDS)
    assert found.effect == 0 and "momentum 0 [0, 0]" in found.on and "momentum 8 of" in found.detail


@pytest.mark.parametrize("row", e2_plateaus.SITUATIONS, ids=lambda row: row[0])
def test_the_targets_lie_between_level_and_minimum(row):
    """The level is the loss of the plateau or the saddle itself, the minimum the problem's."""
    problem, kind, _, _, level, minimum = row
    record = problem_of(problem)
    assert record.minimum == pytest.approx(minimum, rel=1e-12)
    where = np.full(record.dim, 30.0 if kind == "plateau" else 0.0)
    assert critical.Guarded(record, "float64", 1).value_and_gradient(where)[0][0] == pytest.approx(level, abs=1e-12)


def finals(stuck):
    """stuck: width -> how many of 44 seeds end half a nat above the others, or diverge where it is None."""
    parts = []
    for k, hits in stuck.items():
        loss = np.where(np.arange(44) < (hits or 0), 0.5, 1e-4 * (1 + np.arange(44)))
        parts.append(pd.DataFrame({"seed": range(44), "loss_final": loss, "width": k}))
    return {"finals": pd.concat(parts, ignore_index=True)}


@pytest.mark.parametrize(
    ("stuck", "verdict"),
    [({2: 30, 16: 0}, HOLDS), ({2: 30, 16: 20}, FAILS), ({2: 0, 16: 40}, FAILS), ({2: 30, 16: 4}, DEPENDS)],
)
def test_large_networks_hardly_get_stuck(stuck, verdict):
    check(e3_width.CLAIMS[0], finals(stuck), verdict)


def test_diverged_runs_are_stuck():
    tables = finals({2: 30, 16: 0})
    wide = tables["finals"]["width"] == 16
    tables["finals"].loc[wide & (tables["finals"]["seed"] < 20), "loss_final"] = np.inf
    found = check(e3_width.CLAIMS[0], tables, FAILS)
    assert found.effect == pytest.approx(20 / 44)


def test_from_which_width_on_it_is_rare():
    assert "From width 8 on" in e3_width.judge(finals({1: 0, 2: 30, 8: 0, 16: 0})).detail
    assert "At no width tried" in e3_width.judge(finals({1: 0, 2: 30})).detail
