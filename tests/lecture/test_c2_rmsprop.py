"""C2: verdicts that turn with their tables, and bowls turned as their names say."""

import numpy as np
import pandas as pd
import pytest
from harness import problem_of
from lecture_claims import judged, spread

from optbench.lecture import c_paths, planes


@pytest.mark.parametrize(("power", "expected"), [(-1.0, "holds"), (0.0, "does not hold"), (-0.8, "undecided")])
def test_exponent_of_the_effective_rates(power, expected):
    rng = np.random.default_rng(0)
    rows = [
        (condition, seed, condition * luck, (condition * luck) ** power * rng.lognormal(0, 0.2))
        for condition in c_paths.CONDITIONS
        for seed, luck in enumerate(spread(1.0))
    ]
    found = judged("C2.1", ratios=pd.DataFrame(rows, columns=["condition", "seed", "gradient_ratio", "rate_ratio"]))
    assert found.verdict == expected and found.effect == pytest.approx(power, abs=0.05)


@pytest.mark.parametrize(("name", "column"), [("C2.2", "way"), ("C2.3", "steps")])
@pytest.mark.parametrize(
    ("at_0", "at_45", "expected"),
    [(0.5, 0.6, "holds"), (2.0, 3.0, "does not hold"), (0.5, 2.0, "depends"), (0.5, np.inf, "depends")],
)
def test_rmsprop_is_judged_angle_by_angle(name, column, at_0, at_45, expected):
    rows = [
        {"label": label, "seed": seed, "angle": angle, "condition": 100.0, column: base * factor}
        for angle, ratio in ((0, at_0), (45, at_45))
        for label, factor in (("gd", 1.0), ("rmsprop", ratio))
        for seed, base in enumerate(spread(20.0))
    ]
    found = judged(name, measured=pd.DataFrame(rows))
    assert (found.verdict, found.effect) == (expected, at_0)
    assert ("not at 45°" in found.on) == (expected == "depends")


@pytest.mark.parametrize("angle", c_paths.ANGLES)
def test_the_bowl_is_turned_as_its_name_says(angle):
    hessian, (flat, steep) = planes.curvature(problem_of(c_paths.bowl(angle, 100.0)))
    np.testing.assert_allclose(hessian @ steep, steep, atol=1e-12)
    np.testing.assert_allclose(hessian @ flat, flat / 100, atol=1e-12)
    turned = np.degrees(np.arccos(np.abs(steep).max()))
    assert turned == pytest.approx(angle, abs=0.5)
