"""A second gradient of the same mini-batch, in every loop over steps: where it is taken, and what it costs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from eager_problems import TARGET, X, learned
from harness import CATALOGUE, Lane, run_cohort
from noise_twin import noise
from quick import slow
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess
from toy_problems import bowl

import optbench
from optbench import SecondGradient, wrapper
from optbench.analysis.measures import tail_values
from optbench.contract.composition import wrap
from optbench.contract.errors import OptbenchError
from optbench.engine.batches import affordable_steps, count_samples, path_of
from optbench.kit.random import key_of, rademacher
from optbench.wording.caveats import describe_gradients

STEPS, SIZES, RHO = 30, [300, 300, 300, 124], 0.02


def train(problem, text, rates, size=300, dtype="float64"):
    """Return the weights (runs, dim) of a cohort."""
    record, values = CATALOGUE.optimizer(text)
    lanes = [Lane(rate, CATALOGUE.schedule("constant"), record.with_values(values)) for rate in rates]
    found = run_cohort(
        problem, record, lanes, seed=2, batch_size=size, steps=STEPS, dtype=dtype, points=np.array([0, STEPS])
    )
    return np.concatenate([part.w for part in found.parts])


def climbed(w, gradient, rate):
    g = gradient(w)
    return w - rate * gradient(w + RHO * g / np.linalg.norm(g))


@pytest.mark.parametrize(("dtype", "relative"), [("float64", 1e-11), slow("float32", 1e-4)])
@pytest.mark.parametrize("runs", [slow(1), slow(3), 20])
def test_without_data_both_are_of_one_draw_of_the_finite_sum(runs, dtype, relative):
    """In both forms, in vectors of lanes and one by one; the problem in plain Python, too."""
    cases = [(each, lambda w: w, np.geomspace(1e-3, 1e-1, runs), 0.3) for each in (
        bowl(noise=0.3), replace(bowl(noise=0.3), eager=True))]  # fmt: skip
    rosenbrock = CATALOGUE.problem("rosenbrock")
    cases.append((rosenbrock, rosen_der, np.geomspace(1e-5, 1e-4, runs), rosenbrock.noise))
    for problem, slope, rates, spread in cases:
        expected = np.tile(optbench.objective(problem).start(2), (runs, 1))
        for pull, weight in zip(*noise(2, STEPS, SIZES, np.full(expected.shape[1], spread)), strict=True):
            for r, rate in enumerate(rates):
                expected[r] = climbed(expected[r], lambda w, a=weight, b=pull, s=slope: a * s(w) + b, rate)
        found = train(problem, f"sam(gd, rho={RHO})", rates, dtype=dtype)
        np.testing.assert_allclose(found, expected, rtol=relative, atol=relative)


@pytest.mark.parametrize("form", ["compiled", "plain Python"])
def test_noise_stress_and_motion_are_the_same_at_both(form):
    text = "sparse(noisy(moving(rosenbrock, period=7), scale=0.1), share=0.7)"
    problem, rates = CATALOGUE.problem(text), [1e-4, 2e-5, 1e-4]
    if form == "plain Python":

        def value_and_gradient(w, g):
            g[:] = rosen_der(w)
            return rosen(w)

        problem = replace(problem, eager=True, form="single", value_and_gradient=value_and_gradient, evaluate=None)
    first, second = (np.random.default_rng(np.random.SeedSequence((2, 3, place))) for place in (0, 1))
    terms, factors = first.standard_normal((STEPS, 2)), second.random((STEPS, 2)) < 0.7
    offsets = path_of(problem, 2, "float64")(np.arange(STEPS + 1))
    weights = list(zip(*noise(2, STEPS, SIZES, np.full(2, problem.noise)), strict=True))
    expected = np.tile(optbench.objective("rosenbrock").start(2), (3, 1))
    for r, rate in enumerate(rates):
        unit = 0.0
        for t, (pull, weight) in enumerate(weights):

            def slope(w, t=t, a=weight, b=pull):
                return a * rosen_der(w - offsets[t]) + b

            unit = np.sqrt(np.mean(slope(expected[r]) ** 2)) if t == 0 else unit
            changed = lambda w, t=t, u=unit, s=slope: factors[t] * (s(w) + 0.1 * u * terms[t])  # noqa: E731
            expected[r] = climbed(expected[r], changed, rate) if factors[t].any() else expected[r]
    found = train(problem, f"sam(gd, rho={RHO})", rates)
    np.testing.assert_allclose(found, expected - offsets[STEPS], rtol=1e-10)


@pytest.mark.parametrize("kind", ["eager", "logistic", "mlp(data=gaussian(examples=60, features=5), hidden=(3,))"])
def test_with_data_both_are_of_one_mini_batch(kind):
    problem = learned() if kind == "eager" else CATALOGUE.problem(kind)
    start, rates = optbench.objective(problem).start(2), [0.1, 0.5, 0.5]
    expected = np.tile(start, (3, 1))
    for rows in optbench.mini_batches(problem, batch_size=16, steps=STEPS, seed=2):
        if kind == "eager":

            def slope(w, rows=rows):
                g = np.zeros(8)
                problem.value_and_gradient(w, g, X[rows], TARGET[rows])
                return g
        else:
            part = optbench.objective(replace(problem, data=(problem.data[0][rows], problem.data[1][rows])))

            def slope(w, part=part):
                return part(w)[1][0]

        for r, rate in enumerate(rates):
            expected[r] = climbed(expected[r], slope, rate)
    np.testing.assert_allclose(train(problem, f"sam(gd, rho={RHO})", rates, size=16), expected, rtol=1e-9)


def test_a_step_costs_the_samples_of_two():
    tables = [optbench.cohort("logistic", text, [{"lr": 0.1}], steps=20, batch_size=16) for text in ("gd", "sam(gd)")]
    once, twice = (table.curves for table in tables)
    np.testing.assert_array_equal(once["step"], twice["step"])
    for column in ("samples", "epoch"):
        np.testing.assert_array_equal(2 * once[column], twice[column])
    assert CATALOGUE.optimizer("cautious(sam(gd))")[0].gradients == 2 and CATALOGUE.optimizer("adam")[0].gradients == 1


def test_a_second_gradient_now_and_then_costs_no_more_than_it_takes():
    given = {"steps": 40, "batch_size": 42}
    sizes = [len(rows) for rows in optbench.mini_batches("logistic", **given)]
    curves = optbench.cohort("logistic", "sophia_h", [{"lr": 0.01}], **given, points="every").curves
    twice = np.arange(40) % 10 == 0
    assert sizes[10] == 35, "the last of a pass over the data takes one, too"
    np.testing.assert_array_equal(curves["samples"], np.append(0, np.cumsum(sizes * (1 + twice))))
    np.testing.assert_allclose(curves["epoch"], np.append(0, np.cumsum(1 + twice)) / 11, rtol=1e-15)
    assert optbench.minimize("rosenbrock", "sophia_h", lr=1e-3, steps=21).nfev == 24
    assert CATALOGUE.optimizer("cautious(sophia_h)")[0].gradients == 1.1


@pytest.mark.parametrize("every", [0, 1, 3, 10])
@pytest.mark.parametrize(("examples", "size"), [(100, 10), (100, 30), (7, 7), (10, 9), (50, 5)])
def test_a_budget_pays_the_samples_of_both_gradients(examples, size, every):
    sizes = np.array([min(size, examples - k % -(-examples // size) * size) for k in range(60)])
    twice = np.arange(60) % every == 0 if every else np.zeros(60, bool)
    taken = np.append(0, np.cumsum(sizes * (1 + twice)))
    np.testing.assert_array_equal(count_samples(np.arange(61), every, examples, size), taken)
    for steps in range(1, 60):
        made = affordable_steps(steps, every, examples, size)
        assert (taken[made] <= sizes[:steps].sum() or made == 1) and sizes[:steps].sum() < taken[made + 1]


@pytest.mark.slow
def test_it_changes_no_number_of_the_others():
    """Not even what a run counts that misses its target: twice the samples that it was given."""
    spec = {"problems": ["logistic"], "lr": [1e-3, 0.3], "batch_sizes": [300], "schedules": ["exponential(base=0.5)"],
            "epochs": 6, "seeds": 2}  # fmt: skip
    alone = optbench.sweep(optimizers=["gd", "adam"], **spec).runs
    both = optbench.sweep(optimizers=["gd", "adam", "sam(gd)"], **spec)
    others = (both.runs["optimizer"] != "sam(gd)").to_numpy()
    pd.testing.assert_frame_equal(both.runs[others].reset_index(drop=True)[alone.columns], alone)
    targets = np.full(len(both.runs), 1e-3)
    costs = [tail_values(both.runs, "time", targets)[others], tail_values(alone, "time", targets[others])]
    np.testing.assert_array_equal(*costs)
    once, twice = (both.runs[both.runs["optimizer"] == name].reset_index(drop=True) for name in ("gd", "sam(gd)"))
    assert (2 * twice["steps"] == once["steps"]).all() and (twice["epochs"] == 6).all()
    assert (twice["samples"] == once["samples"]).all()
    last = both.curves.groupby("run_id")["lr"].last()
    np.testing.assert_array_equal(*(last[runs["run_id"]].to_numpy() for runs in (once, twice)))
    (text,) = describe_gradients(both.runs)
    assert text.startswith("More than one gradient a step: sam(gd) (2); ") and not list(describe_gradients(alone))
    tenth = both.runs.assign(optimizer=both.runs["optimizer"].replace("sam(gd)", "sophia_h"))
    tenth.loc[tenth["optimizer"] == "sophia_h", "epochs"] *= 0.55
    (text,) = describe_gradients(tenth)
    assert text.startswith("More than one gradient a step: sophia_h (1.1); ")


def test_a_stepper_says_where_and_is_given_it():
    shapes, rng = ((2, 2), (3,), ()), np.random.default_rng(0)
    w = [rng.standard_normal(shape) for shape in shapes]
    rule, flat = optbench.stepper(f"sam(adam, rho={RHO})", w, lr=0.1), np.concatenate([x.ravel() for x in w])
    other = optbench.stepper("adam", flat, lr=0.1)
    for _ in range(3):
        before = [x.copy() for x in w]
        point = rule.second_point([x**3 for x in w])
        for x, was in zip(w, before, strict=True):
            np.testing.assert_array_equal(x, was)
        g = flat**3
        place = flat + RHO * g / np.linalg.norm(g)
        np.testing.assert_allclose(np.concatenate([x.ravel() for x in point]), place, rtol=1e-12)
        rule.step([x**3 for x in w], ahead=[x**3 for x in point])
        other.step(place**3)
        np.testing.assert_allclose(np.concatenate([x.ravel() for x in w]), flat, rtol=1e-12)


@pytest.mark.slow
def test_both_gradients_see_the_same_random_signs_in_lists_arrays_and_runs():
    """Of a Hessian that is not diagonal, so that a rule with other signs takes other steps."""
    flat, settings = optbench.objective("rosenbrock").start(2), {"lr": 1e-3, "difference": 0.1}
    parts = [flat[:1].copy(), flat[1:].copy()]
    rules = [optbench.stepper("adahessian", w, seed=2, **settings) for w in (flat, parts)]
    for _ in range(20):
        points = [
            rule.second_point(g) for rule, g in zip(rules, (rosen_der(flat), np.split(rosen_der(flat), 2)), strict=True)
        ]
        np.testing.assert_array_equal(points[0], np.concatenate(points[1]))
        np.testing.assert_allclose(np.abs(points[0] - flat), 0.1 * max(1, np.sqrt(np.mean(flat**2))), rtol=1e-12)
        g, ahead = rosen_der(flat), rosen_der(points[0])
        rules[0].step(g, ahead=ahead)
        rules[1].step(np.split(g, 2), ahead=np.split(ahead, 2))
        np.testing.assert_array_equal(flat, np.concatenate(parts))
    found = optbench.minimize("rosenbrock", "adahessian", batch_size="full", steps=20, seed=2, **settings)
    np.testing.assert_allclose(found.w, flat, rtol=1e-9)


@pytest.mark.slow
def test_sophia_is_that_of_its_paper_with_the_hessian_itself():
    """Against Algorithm 3 in NumPy, of Rosenbrock's Hessian: differences along 1e-6 z lose half of the digits."""
    w = optbench.objective("rosenbrock").start(2)
    given = {"rho": 2.0, "beta1": 0.8, "beta2": 0.9, "weight_decay": 0.5}
    stepper = optbench.stepper("sophia_h", w.copy(), lr=0.01, seed=2, difference=1e-6, **given)
    m, h, scaled = np.zeros(2), np.zeros(2), 0
    for t in range(1, 42):
        g = rosen_der(w)
        m = 0.8 * m + 0.2 * g
        assert stepper.needs_second == (t % 10 == 1)
        if t % 10 == 1:
            z = np.array([rademacher(key_of(2, t, 0), i) for i in range(2)])
            h = 0.9 * h + 0.1 * z * (rosen_hess(w) @ z)
        step = np.clip(m / np.maximum(2 * h, 1e-15), -1, 1)
        scaled += (abs(step) < 1).any()
        w = (1 - 0.01 * 0.5) * w - 0.01 * step
        g = rosen_der(stepper.w)
        ahead = {"ahead": rosen_der(stepper.second_point(g))} if stepper.needs_second else {}
        stepper.step(g, **ahead)
    assert scaled > 10
    np.testing.assert_allclose(stepper.w, w, rtol=1e-6)
    with pytest.raises(OptbenchError, match="second gradient every 10 steps, and none at this one: no ahead"):
        stepper.step(g, ahead=g)
    settings = [{"lr": rate, "difference": 1e-6, **given} for rate in (0.01, 0.003, 0.02)]
    for lanes in (settings[:1], settings):
        found = optbench.cohort("rosenbrock", "sophia_h", lanes, batch_size="full", steps=41, seed=2)
        np.testing.assert_allclose(found.w[0], stepper.w, rtol=1e-9)


@pytest.mark.parametrize(("name", "slot", "of_slot"), [("adahessian", "v", np.sqrt), ("sophia_h", "h", np.asarray)])
def test_curvatures_are_measured_at_large_weights_in_float32_too(name, slot, of_slot):
    """Of w^2/2, whose curvature is 1: without a scale, 3000 + 1e-4 is 3000, and the curvature 0."""
    for size in (0.5, 3e3, 1e12):
        w = np.array([size, -size, size / 2], np.float32)
        rule = optbench.stepper(name, w, lr=1e-3, beta2=0.0)
        rule.step(w.copy(), ahead=rule.second_point(w.copy()))
        np.testing.assert_allclose(of_slot(rule.state_dict()[f"slot.{slot}.0"]), 1, rtol=2e-3)


def test_arrays_without_a_gradient_ask_for_no_second_one():
    """A frozen one takes no part; one that begins late steps by signs until all take their second gradient."""
    w = [np.array([0.5, -1.0]), np.array([0.9]), np.array([0.5, 0.7])]
    alone, late, frozen = (x.copy() for x in w)
    one, rule = (optbench.stepper("sophia_h", x, lr=0.01, seed=2) for x in ([alone], w))
    curvature = 0.0
    for t in range(1, 23):
        assert one.needs_second == rule.needs_second == (t % 10 == 1)
        g = [w[0] ** 3, w[1] ** 3 if t > 3 else None, None]
        ahead = [point**3 for point in rule.second_point(g)] if rule.needs_second else None
        if t in (11, 21):
            curvature = 0.99 * curvature + 0.01 * 3 * w[1] ** 2
        one.step([g[0]], ahead=ahead and ahead[:1])
        rule.step(g, ahead=ahead)
        np.testing.assert_array_equal(w[0], alone)
        np.testing.assert_array_equal(w[2], frozen)
        if 3 < t < 11:
            late -= 0.01 * (1 + 0.1 * late)
        if t < 11:
            np.testing.assert_allclose(w[1], late, rtol=1e-12)
    np.testing.assert_allclose(rule.state_dict()["slot.h.1"], curvature, rtol=1e-3)
    assert (rule.state_dict()["slot.h.2"] == 0).all()


@pytest.mark.slow
def test_an_array_that_begins_late_has_begun_with_the_others():
    """lookahead's slow weights are w at the first step; later they would be 0, and pull w there."""
    w = [np.ones(2), np.full(2, 9.0)]
    rule = optbench.stepper("lookahead(sophia_h)", w, lr=0.01, weight_decay=0.0)
    for t in range(1, 11):
        g = [w[0], w[1] if t > 3 else None]
        rule.step(g, ahead=rule.second_point(g) if rule.needs_second else None)
    assert (w[1] < 9).all() and (w[1] >= 9 - 0.01 * 7 - 1e-12).all()


def test_a_second_gradient_is_missing_where_the_first_is_there():
    rule = optbench.stepper("sam(gd)", [np.ones(2), np.ones(1)], lr=0.1)
    g = [np.ones(2), None]
    with pytest.raises(OptbenchError, match="g has a gradient of array 0, and ahead none: give both"):
        rule.step(g, ahead=[None, None])
    rule.step(g, ahead=rule.second_point(g))
    assert rule.w[1] == 1 and (rule.w[0] < 1).all()


def test_scipys_minimize_gives_it_and_counts_both():
    method = optbench.scipy_method(f"sam(gd, rho={RHO})", lr=1e-4)
    found = minimize(rosen, [-1.2, 1.0], jac=rosen_der, method=method, options={"maxiter": 9})
    w = np.array([-1.2, 1.0])
    for _ in range(9):
        w = climbed(w, rosen_der, 1e-4)
    np.testing.assert_allclose(found.x, w, rtol=1e-12)
    assert found.njev == 19


def test_wrappers_inside_see_the_second_gradient():
    x = np.array([3.0, 4.0])
    w = x.copy()
    rule = optbench.stepper("sam(clip(gd, norm=1), rho=5)", w, lr=0.1)
    rule.step(w.copy(), ahead=rule.second_point(w.copy()))
    np.testing.assert_allclose(w, x - 0.1 * x / 5, rtol=1e-12)


def beside(w, g, far):
    return w + far * g


@wrapper(source="a test", second_gradient=SecondGradient(beside), far=0.5)
def extragradient(step, w, g, ahead, lr, t):
    new = step(w, ahead if t > 1 else g)
    return new, ahead


def test_a_wrapper_may_use_both():
    w = np.ones(2)
    rule = optbench.stepper(wrap(extragradient, CATALOGUE.optimizers["gd"]), w, lr=0.1)
    for expected in (0.9, 0.9 - 0.1 * 1.35):
        rule.step(w.copy(), ahead=rule.second_point(w.copy()))
        np.testing.assert_allclose(w, expected)
