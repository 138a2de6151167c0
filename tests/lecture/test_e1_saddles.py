"""E1: planted minima turn the verdict; their share in random fields is that of theory."""

import numpy as np
import pandas as pd
import pytest
from harness import problem_of
from lecture_claims import CLAIMS, check

import optbench
from optbench.claims.record import DEPENDS, FAILS, HOLDS, UNDECIDED
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
        ({"field_alone": {1: 0.0, 8: 0.0}}, HOLDS),
        ({"field_alone": {1: 0.5, 8: 0.9}, "network": {1: 0.2, 8: 0.8}}, FAILS),
        ({"field_alone": {1: 0.5, 8: 0.0}, "network": {1: 0.5, 8: 0.4}}, UNDECIDED),
        ({"field_alone": {1: 0.5, 8: 0.5}}, UNDECIDED),
        ({"field_alone": {1: 0.5, 8: 0.0}, "network": {1: 0.5, 8: 0.9}}, DEPENDS),
        ({"field_alone": {1: 0.0, 8: 0.02}}, DEPENDS),  # rare, but the dimension is not why
    ],
)
def test_saddles_against_minima(claim, minima, verdict):
    check(claim, points(**minima), verdict)


def test_plateaus_are_no_minima():
    tables = points(network={1: 0.5, 8: 0.8})
    flat = (tables["points"]["dim"] == 8) & (tables["points"]["negative"] == 0)
    tables["points"]["plateau"] = flat
    found = CLAIMS["E1.2"].judge(tables)
    assert found.verdict == HOLDS and "80 plateaus" in found.detail


def test_the_detail_tells_whether_minima_lie_lower():
    found = CLAIMS["E1.1"].judge(points(network={1: 0.5, 8: 0.05}))
    assert "at minima 0.100, at saddles 1.000 (dimension 8)" in found.detail


def test_minima_of_a_gaussian_field_are_as_rare_as_theory_says():
    """One dimension: as many minima as maxima. Two: a quarter."""
    family = optbench.problems()["random_field"]
    for dim, exact in ((1, 1 / 2), (2, 1 / 4)):
        fields = [family.build({"dim": dim, "confinement": 0.0, "seed": seed}) for seed in range(15)]
        table = pd.concat([e_optima.find_points(field, 10, seed) for seed, field in enumerate(fields)])
        table = e_optima.shares(table.assign(landscape="field"))
        assert e_optima.EXACT[dim] == exact
        assert table["found"].item() > 50 and abs(table["minima"].item() - exact) < 0.12


@pytest.mark.parametrize("text", ["saddle(dim=3, index=3)", "rotated_saddle(dim=3, index=3, seed=4)"])
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
