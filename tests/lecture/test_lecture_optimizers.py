"""Section C of the lecture: its identities exactly, and that every verdict turns when the tables say the opposite."""

import numpy as np
import pandas as pd
import pytest

import optbench
from optbench import lecture
from optbench.claims.record import Budget
from optbench.lecture import (
    c1_momentum,
    c1_start,
    c2_rmsprop,
    c3_adam_limits,
    c4_quiz,
    c5_adam,
    planes,
)

QUICK = Budget(quick=True, workers=1)
CLAIMS = {claim.id: claim for claim in lecture.select("C")}
SEEDS = 12


def noisy(value, seed=0):
    """(SEEDS,) numbers within a tenth of `value`."""
    return value * np.random.default_rng(seed).uniform(0.9, 1.1, SEEDS)


def verdict(name, **tables):
    return CLAIMS[name].judged(tables)


# C1: momentum


def momentum_table(column, ratios):
    """Walks whose number is `ratios` (beta -> ratio) times that of gradient descent, at both rates."""
    values = {c1_momentum.label(0.0): 1.0}
    for beta, ratio in ratios.items():
        values |= {c1_momentum.label(beta, kind): ratio for kind in (c1_momentum.OWN, c1_momentum.SAME)}
    rows = [
        {"label": label, "seed": seed, column: value * base}
        for label, value in values.items()
        for seed, base in enumerate(noisy(5.0))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)  # the order of rows must not matter


@pytest.mark.parametrize(("name", "column"), [("C1.1", "reversals"), ("C1.2", "way"), ("C1.3", "steps")])
def test_momentum_is_judged_by_its_ratio_to_gradient_descent(name, column):
    better, worse = dict.fromkeys(c1_momentum.BETAS[1:], 0.5), dict.fromkeys(c1_momentum.BETAS[1:], 2.0)
    good = verdict(name, measured=momentum_table(column, better))
    assert (good.verdict, good.effect, good.low, good.high) == ("holds", 0.5, 0.5, 0.5)
    assert verdict(name, measured=momentum_table(column, worse)).verdict == "does not hold"
    mixed = verdict(name, measured=momentum_table(column, better | {0.98: 2.0}))
    assert mixed.verdict == "depends" and "not at beta1 0.98" in mixed.on
    same = verdict(name, measured=momentum_table(column, dict.fromkeys(better, 1.0)))
    assert same.verdict == "depends" and same.on.startswith("undecided")


def test_walks_that_diverge_count_as_infinitely_bad():
    table = momentum_table("way", dict.fromkeys(c1_momentum.BETAS[1:], 0.5))
    table.loc[table["label"] != "GD", "way"] = np.inf
    assert verdict("C1.2", measured=table).verdict == "does not hold"


def test_the_first_steps_of_momentum_are_short_by_beta_to_the_t():
    table = c1_start.warm_up(QUICK)["steps"]
    np.testing.assert_allclose(table["measured"], table["exact"], rtol=0, atol=1e-4)
    assert table.query("beta1 == 0.9 and step == 10")["exact"].item() == pytest.approx(1 - 0.9**10, abs=1e-15)


def test_the_correction_makes_momentum_the_numerator_of_adam():
    """With eps far above any gradient, Adam's denominator is a constant, and its numerator is corrected."""
    huge, steps = 2.0**40, 20
    bowl, schedule = "quadratic(dim=3)", c1_start.correction(0.9, steps)
    adam = optbench.minimize(bowl, f"adam(eps={huge}, eps_root=0)", lr=0.5 * huge, steps=steps).w
    made = optbench.minimize(bowl, "momentum", lr=0.5, steps=steps, schedule=schedule).w
    np.testing.assert_allclose(made, adam, rtol=1e-9)


@pytest.mark.parametrize(("short", "expected"), [(0.01, "holds"), (0.5, "does not hold"), (None, "depends")])
def test_warm_up(short, expected):
    rows = [
        (beta, step, 1 - (short if short is not None else beta**step))
        for beta in c1_start.BETAS
        for step in (5, 10, 20)
    ]
    found = verdict("C1.4", steps=pd.DataFrame(rows, columns=["beta1", "step", "measured"]))
    assert found.verdict == expected
    assert found.effect == pytest.approx(0.9**10 if short is None else short)


@pytest.mark.parametrize(
    ("ratios", "expected"), [((1.0, 1.0), "holds"), ((2.0, 2.0), "does not hold"), ((2.0, 1.0), "depends")]
)
def test_cost_of_the_missing_correction(ratios, expected):
    rows = [
        {"beta1": beta, "seed": seed, "steps": steps, "average": average, "suboptimality": base * factor}
        for steps, ratio in zip(c1_start.HORIZONS, ratios, strict=True)
        for beta in (0.5, 0.9)
        for average, factor in (("plain", ratio), ("corrected", 1.0))
        for seed, base in enumerate(noisy(1e-3))
    ]
    found = verdict("C1.5", final=pd.DataFrame(rows))
    assert (found.verdict, found.effect) == (expected, ratios[0])


# C2: RMSProp


@pytest.mark.parametrize(("power", "expected"), [(-1.0, "holds"), (0.0, "does not hold"), (-0.8, "depends")])
def test_exponent_of_the_effective_rates(power, expected):
    rng = np.random.default_rng(0)
    rows = [
        (condition, seed, condition * luck, (condition * luck) ** power * rng.lognormal(0, 0.2))
        for condition in c2_rmsprop.CONDITIONS
        for seed, luck in enumerate(noisy(1.0))
    ]
    found = verdict("C2.1", ratios=pd.DataFrame(rows, columns=["condition", "seed", "gradient_ratio", "rate_ratio"]))
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
        for seed, base in enumerate(noisy(20.0))
    ]
    found = verdict(name, measured=pd.DataFrame(rows))
    assert (found.verdict, found.effect) == (expected, at_0)
    assert ("not at 45°" in found.on) == (expected == "depends")


@pytest.mark.parametrize("angle", c2_rmsprop.ANGLES)
def test_the_bowl_is_turned_as_its_name_says(angle):
    from optbench.catalogue import loader

    hessian, (flat, steep) = planes.curvature(loader.load().problem(c2_rmsprop.bowl(angle, 100.0)))
    np.testing.assert_allclose(hessian @ steep, steep, atol=1e-12)
    np.testing.assert_allclose(hessian @ flat, flat / 100, atol=1e-12)
    turned = np.degrees(np.arccos(np.abs(steep).max()))
    assert turned == pytest.approx(angle, abs=0.5)


# C3: Adam's limits


def test_adam_becomes_what_the_lecture_makes_it_of():
    table = c3_adam_limits.identities(QUICK)["differences"]
    assert table["limit"].nunique() == 6 and (table["difference"] <= c3_adam_limits.ROUNDING).all()
    exact = table[table["limit"].str.contains("inside and outside|first step")]
    assert len(exact) and (exact["difference"] <= 1e-12).all()


@pytest.mark.parametrize(
    ("differences", "expected"),
    [((0.0, 1e-14), "holds"), ((0.1, 0.2), "does not hold"), ((0.0, 0.1), "depends"), ((0.0, np.nan), "depends")],
)
def test_limits_are_judged_by_their_differences(differences, expected):
    table = pd.DataFrame({"limit": ["one", "two"], "seed": 0, "difference": differences})
    found = verdict("C3.1", differences=table)
    assert found.verdict == expected and ("two" in found.on) == (expected == "depends")


def test_the_first_step_is_as_eps_says():
    table = c3_adam_limits.inside(QUICK)["lengths"]
    np.testing.assert_allclose(table["length"], table["exact"], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("lost", "expected"), [(0.0, "holds"), (0.5, "does not hold"), (None, "depends")])
def test_place_of_eps_is_judged_by_what_it_shortens(lost, expected):
    gradients = 10.0 ** np.arange(0, -10, -1)
    rows = [
        (name, where, g, 1.0 - (where == "inside") * (float(g < 1e-3) if lost is None else lost))
        for name in ("adam", "rmsprop")
        for where in ("inside", "outside")
        for g in gradients
    ]
    found = verdict("C3.2", lengths=pd.DataFrame(rows, columns=["optimizer", "eps", "gradient", "length"]))
    assert found.verdict == expected


# C4: quiz 8


def test_features_of_simple_paths():
    t = np.arange(25.0)
    straight, zigzag = np.column_stack([t, 0 * t]), np.column_stack([0.0 * t, (-1.0) ** t])
    assert c4_quiz.features(straight) == (1.0, 0.0, 0.0)
    assert c4_quiz.features(zigzag) == (-1.0, 1.0, 0.0)
    faster = np.column_stack([t**2, 0 * t])
    assert c4_quiz.features(faster) == (1.0, 0.0, pytest.approx(np.log(47)))


@pytest.mark.parametrize("turn", [0.3, 2.0])
def test_features_know_neither_direction_nor_scale_nor_place(turn):
    w = np.random.default_rng(0).standard_normal((25, 2)).cumsum(axis=0)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    np.testing.assert_allclose(c4_quiz.features(3 * w @ rotation + 7), c4_quiz.features(w), rtol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "expected"), [((0.0, 0.0), "holds"), ((0.7, 0.7), "does not hold"), ((0.0, 0.5), "depends")]
)
def test_the_quiz_is_judged_by_unseen_paths(wrong, expected):
    rows = []
    for band, share in zip(c4_quiz.RATES, wrong, strict=True):
        for place in range(100):
            guess = "small beta" if place < 100 * share else "GD"
            rows.append({"use": "test", "band": band, "kind": "GD", "guess": guess})
        rows += [{"use": "train", "band": band, "kind": "GD", "guess": "large beta"}] * 50
    found = verdict("C4", paths=pd.DataFrame(rows))
    assert (found.verdict, found.effect) == (expected, pytest.approx(1 - np.mean(wrong)))


def test_the_classifier_learns_from_the_training_rows_alone():
    rng = np.random.default_rng(0)
    kinds = rng.choice(list(c4_quiz.KINDS), 200)
    place = np.array([list(c4_quiz.KINDS).index(kind) for kind in kinds], float)
    paths = pd.DataFrame({name: place + 0.1 * rng.standard_normal(200) for name in c4_quiz.FEATURES})
    paths = paths.assign(kind=kinds, use=["train", "test"] * 100)
    assert (c4_quiz.classified(paths).query("use == 'test'").eval("kind == guess")).mean() == 1.0
    shuffled = paths.assign(kind=np.where(paths["use"] == "train", rng.permutation(kinds), kinds))
    assert (c4_quiz.classified(shuffled).query("use == 'test'").eval("kind == guess")).mean() < 0.6


# C5: Adam's rates and batches


@pytest.mark.parametrize(
    ("shares", "expected"), [((0.1, 0.2), "holds"), ((1.0, 1.0), "does not hold"), ((0.1, 1.0), "depends")]
)
def test_rates_of_the_parameters_are_judged_by_their_spread(shares, expected):
    rows = [
        {"optimizer": name, "seed": seed, "step": step, "low": base * share, "middle": base, "high": base}
        for step, ratio in zip((1, 50), shares, strict=True)
        for name, share in (("gd", 1.0), ("adam(beta1=0)", ratio))
        for seed, base in enumerate(noisy(1.0))
    ]
    found = verdict("C5.1", spread=pd.DataFrame(rows))
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
    found = verdict("C5.2", reached=batch_table((mini, mini), full, reached))
    assert found.verdict == expected
    assert found.effect == (pytest.approx(mini / full, rel=0.2) if reached else np.inf)


def test_batches_may_depend_on_the_clock():
    found = verdict("C5.2", reached=batch_table((1.0, 20.0), 5.0, True))
    assert found.verdict == "depends" and "not at softmax, seconds" in found.on


def batch_table(mini, full, reached):
    rows = []
    for problem in c5_adam.TARGETS:
        for batch in map(str, c5_adam.BATCHES):
            samples, seconds = (full, full) if batch == "full" else mini
            for seed, base in enumerate(noisy(1.0)):
                there = reached or batch == "full"
                rows.append((problem, batch, seed, there, samples * base, seconds * base))
    return pd.DataFrame(rows, columns=["problem", "batch", "seed", "reached", "samples", "seconds"])


def test_gradients_are_those_of_finite_differences():
    from optbench.catalogue import loader

    problem = loader.load().problem("quadratic(dim=2, condition=30.0)")
    w, step = np.array([[0.3, -1.0], [2.0, 0.5]]), 1e-6

    def value(points):
        g, f = np.zeros(points.shape), np.zeros(points.shape[1])
        problem.value_and_gradient(points, g, f, np.asarray(problem.constants), np.zeros(points.size))
        return f

    shifts = [value(w + step * unit[:, None]) - value(w - step * unit[:, None]) for unit in np.eye(2)]
    found = planes.gradients(problem, w)
    np.testing.assert_allclose(found, np.array(shifts) / (2 * step), rtol=1e-6, atol=1e-8)


def test_a_walk_in_the_axes_of_the_bowl():
    """Gradient descent multiplies each offset by 1 - lr curvature at every step (exact, without noise)."""
    walker = [planes.Walker("gd", "gd", 1.4)]
    walk = planes.walks("quadratic(dim=2, condition=10.0, noise=0.0)", walker, [3], 8, 1024)
    assert walk["step"].tolist() == list(range(9))
    for name, curvature in (("steep", 1.0), ("flat", 0.1)):
        np.testing.assert_allclose(walk[name], walk[name].iloc[0] * (1 - 1.4 * curvature) ** np.arange(9), atol=1e-12)
    assert planes.reversals(walk) == 1.0 and planes.reversals(walk, "flat") == 0.0
    assert planes.travel(walk) == pytest.approx(1.4 * (1 - 0.4**8) / 0.6)
    assert planes.halving(walk, "steep") == 1 and planes.halving(walk, "flat") == 5


def test_a_walk_that_diverges_is_infinite():
    walker = [planes.Walker("gd", "gd", 1e4), planes.Walker("slow", "gd", 0.1)]
    walk = planes.walks("quadratic(dim=2, condition=10.0, noise=0.0)", walker, [0], 20, 1024)
    bad, good = (walk[walk["label"] == name] for name in ("gd", "slow"))
    assert planes.travel(bad) == np.inf and planes.reversals(bad) == 1.0
    assert np.isfinite(planes.travel(good)) and len(bad) == len(good) == 21


@pytest.mark.parametrize("name", ["C1.4", "C3.1", "C3.2"])
def test_figures_show_every_row(name):
    from optbench.report import style

    claim = CLAIMS[name]
    tables = claim.experiment(QUICK)
    with style.theme():
        figure = claim.figure(tables, claim.judged(tables))
        figure.draw_without_rendering()
    drawn = sum(np.isfinite(np.asarray(line.get_ydata(), float)).sum() for line in figure.axes[0].lines)
    assert drawn >= {"C1.4": 360, "C3.1": 6, "C3.2": 44}[name]


def test_the_quiz_is_played_on_bowls_that_the_classifier_has_not_seen():
    paths = c4_quiz.experiment(QUICK)["paths"]
    train, test = (set(paths.loc[paths["use"] == use, "bowl"]) for use in ("train", "test"))
    assert train and test and not train & test
    assert (paths.groupby(["bowl", "rate"])["kind"].nunique() == 3).all()
