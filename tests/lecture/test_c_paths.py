"""C1 and C2: verdicts that turn with their tables, the warm-up exactly, and bowls turned as their names say."""

import numpy as np
import pandas as pd
import pytest
from harness import problem_of
from lecture_claims import CLAIMS, QUICK, judged, spread

import optbench
from optbench.lecture import c_paths, planes


def momentum_table(column, ratios):
    """Return measured paths whose number is `ratios` (by beta) times that of gradient descent, at both rates."""
    values = {c_paths.path_label(0.0): 1.0}
    for beta, ratio in ratios.items():
        values |= {c_paths.path_label(beta, kind): ratio for kind in (c_paths.OWN, c_paths.SAME)}
    rows = [
        {"label": label, "block": seed // 2, "seed": seed, column: value * base}
        for label, value in values.items()
        for seed, base in enumerate(spread(5.0))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)  # the order of rows must not matter


@pytest.mark.parametrize(("name", "column"), [("C1.1", "reversals"), ("C1.2", "way"), ("C1.3", "steps")])
def test_momentum_is_judged_by_its_ratio_to_gradient_descent(name, column):
    better, worse = dict.fromkeys(c_paths.BETAS[1:], 0.5), dict.fromkeys(c_paths.BETAS[1:], 2.0)
    good = judged(name, measured=momentum_table(column, better))
    assert (good.verdict, good.effect, good.low, good.high) == ("holds", 0.5, 0.5, 0.5)
    assert judged(name, measured=momentum_table(column, worse)).verdict == "does not hold"
    mixed = judged(name, measured=momentum_table(column, better | {0.98: 2.0}))
    assert mixed.verdict == "depends" and "not at beta1 0.98" in mixed.on
    same = judged(name, measured=momentum_table(column, dict.fromkeys(better, 1.0)))
    assert same.verdict == "undecided" and "undecided at beta1" in same.on


@pytest.mark.parametrize(("name", "column"), [("C1.2", "way"), ("C1.3", "steps")])
def test_the_figure_shows_the_ratios_that_are_judged(name, column):
    ratios = {0.5: 0.5, 0.8: 0.8, 0.9: 1.5, 0.98: 2.0}
    tables = {"measured": momentum_table(column, ratios)}
    (ax,) = CLAIMS[name].figure(tables, CLAIMS[name].judge(tables)).axes
    drawn = {}
    for line in ax.lines:
        if line.get_marker() in ("o", "s"):
            drawn.setdefault(line.get_marker(), []).append(line.get_ydata()[0])
    assert drawn == {mark: list(ratios.values()) for mark in ("o", "s")}
    assert any(set(line.get_ydata()) == {1.0} for line in ax.lines), "the line that separates better from worse"


def test_paths_that_diverge_count_as_infinitely_bad():
    table = momentum_table("way", dict.fromkeys(c_paths.BETAS[1:], 0.5))
    table.loc[table["label"] != "GD", "way"] = np.inf
    assert judged("C1.2", measured=table).verdict == "does not hold"


def test_the_first_steps_of_momentum_are_short_by_beta_to_the_t():
    table = c_paths.warm_up_experiment(QUICK)["steps"]
    np.testing.assert_allclose(table["measured"], table["exact"], rtol=0, atol=1e-4)
    assert table.query("beta1 == 0.9 and step == 10")["exact"].item() == pytest.approx(1 - 0.9**10, abs=1e-15)


def test_the_correction_makes_momentum_the_numerator_of_adam():
    """With eps far above any gradient, Adam's denominator is a constant, and its numerator is corrected."""
    huge, steps = 2.0**40, 20
    bowl, schedule = "quadratic(dim=3)", c_paths.correction_schedule(0.9, steps)
    adam = optbench.minimize(bowl, f"adam(eps={huge}, eps_root=0)", lr=0.5 * huge, steps=steps).w
    made = optbench.minimize(bowl, "momentum", lr=0.5, steps=steps, schedule=schedule).w
    np.testing.assert_allclose(made, adam, rtol=1e-9)


@pytest.mark.parametrize(("short", "expected"), [(0.01, "holds"), (0.5, "does not hold"), (None, "depends")])
def test_warm_up(short, expected):
    rows = [
        (beta, step, 1 - (short if short is not None else beta**step))
        for beta in c_paths.START_BETAS
        for step in (5, 10, 20)
    ]
    found = judged("C1.4", steps=pd.DataFrame(rows, columns=["beta1", "step", "measured"]))
    assert found.verdict == expected
    assert found.effect == pytest.approx(0.9**10 if short is None else short)


@pytest.mark.parametrize(
    ("ratios", "expected"), [((1.0, 1.0), "holds"), ((2.0, 2.0), "does not hold"), ((2.0, 1.0), "depends")]
)
def test_cost_of_the_missing_correction(ratios, expected):
    rows = [
        {
            "beta1": beta,
            "block": seed // 2,
            "seed": seed,
            "steps": steps,
            "label": average,
            "suboptimality": base * factor,
        }
        for steps, ratio in zip(c_paths.HORIZONS, ratios, strict=True)
        for beta in (0.5, 0.9)
        for average, factor in ((c_paths.PLAIN, ratio), (c_paths.CORRECTED, 1.0))
        for seed, base in enumerate(spread(1e-3))
    ]
    found = judged("C1.5", final=pd.DataFrame(rows))
    assert (found.verdict, found.effect) == (expected, ratios[0])


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
        {"label": label, "block": seed // 2, "seed": seed, "angle": angle, "condition": 100.0, column: base * factor}
        for angle, ratio in ((0, at_0), (45, at_45))
        for label, factor in (("gd", 1.0), ("rmsprop", ratio))
        for seed, base in enumerate(spread(20.0))
    ]
    found = judged(name, measured=pd.DataFrame(rows))
    assert (found.verdict, found.effect) == (expected, at_0)
    assert ("not at 45°" in found.on) == (expected == "depends")


@pytest.mark.parametrize("angle", c_paths.ANGLES)
def test_the_bowl_is_turned_as_its_name_says(angle):
    hessian, (flat, steep) = planes.find_curvature(problem_of(c_paths.find_rotated_bowl(angle, 100.0)))
    np.testing.assert_allclose(hessian @ steep, steep, atol=1e-12)
    np.testing.assert_allclose(hessian @ flat, flat / 100, atol=1e-12)
    turned = np.degrees(np.arccos(np.abs(steep).max()))
    assert turned == pytest.approx(angle, abs=0.5)
