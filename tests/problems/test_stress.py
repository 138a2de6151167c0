"""Stress wrappers: what they make of the start, the variables, and the gradient that a rule sees."""

import numpy as np
import pytest
from harness import CATALOGUE, gradient, problem_of
from problem_cases.stress import matrix
from quick import slow
from scipy import stats

import optbench
from optbench.engine.batches import Batches, path_of, start_point


def test_a_perturbed_start_lies_on_a_sphere_about_the_start():
    inner, wrapped = problem_of("rosenbrock(dim=3)"), problem_of("perturbed_start(rosenbrock(dim=3), scale=0.5)")
    for seed in range(5):
        v, w = start_point(inner, seed), start_point(wrapped, seed)
        assert np.linalg.norm(w - v) == pytest.approx(0.5 * max(1, np.linalg.norm(v)), rel=1e-12)
    assert len({tuple(start_point(wrapped, seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize(("dim", "rotate"), [slow(6, 64), slow(7, 3), (5, 1), (1, 64)])
def test_rescaling_has_the_condition_it_says_and_keeps_start_and_minimum(dim, rotate):
    inner = problem_of(f"nqm(dim={dim})")
    wrapped = problem_of(f"rescaled(nqm(dim={dim}), span=50.0, rotate={rotate})")
    a = matrix(dim, 50.0, rotate, 0) if dim > 1 else np.ones((1, 1))
    values = np.linalg.svd(a, compute_uv=False)
    assert values[0] / values[-1] == pytest.approx(50.0 if dim > 1 else 1.0, rel=1e-9)
    np.testing.assert_allclose(a @ start_point(wrapped, 3), start_point(inner, 3), rtol=1e-11)
    w = np.random.default_rng(0).standard_normal((4, dim))
    (f, slope), (there, slope_there) = gradient(wrapped, w), gradient(inner, w @ a.T)
    np.testing.assert_allclose(f, there, rtol=1e-11)
    np.testing.assert_allclose(slope, slope_there @ a, rtol=1e-9, atol=1e-12)
    # Each coordinate's noise has the variance that independent noise in the inner variables would have.
    variance = wrapped.noise**2 * wrapped.curvature / np.mean(wrapped.curvature)
    inside = inner.noise**2 * inner.curvature / np.mean(inner.curvature)
    np.testing.assert_allclose(variance, inside @ a**2, rtol=1e-9)


def test_a_rate_for_each_coordinate_undoes_scales_and_no_rotation():
    """RMSProp without eps takes the same path where only D is in the way."""
    given = {"lr": 0.01, "epochs": 1, "batch_size": "full", "seed": 1}
    ends = {
        text: optbench.minimize(text, "rprop", **given).suboptimality
        for text in ("rosenbrock", "rescaled(rosenbrock, rotate=1, span=1)", "rescaled(rosenbrock, span=1)")
    }
    plain, scaled, turned = ends.values()
    assert scaled == pytest.approx(plain, rel=1e-12) and turned != pytest.approx(plain, rel=1e-3)


def test_predictions_of_changed_variables_are_those_of_the_inner_problem():
    inner, wrapped = problem_of("mlp(hidden=(4,))"), problem_of("rescaled(mlp(hidden=(4,)), rotate=16)")
    np.testing.assert_allclose(
        wrapped.predict(start_point(wrapped, 2), wrapped.test[0]), inner.predict(start_point(inner, 2), inner.test[0]),
        rtol=1e-9,
    )  # fmt: skip


def test_a_wrapped_problem_has_the_names_and_files_of_both():
    made = CATALOGUE.problem("rescaled(permuted(rosenbrock(dim=3)), span=100)")
    assert made.name == "rescaled(permuted(rosenbrock(dim=3)))" and made.minimum == 0
    assert [origin.key for origin in made.origins] == [
        "problem_wrapper rescaled", "problem_wrapper permuted", "problem rosenbrock",
    ]  # fmt: skip
    assert "OptiProfiler" in made.source and "Rosenbrock" in made.source


def test_wrapped_problems_have_their_folds():
    parts = [CATALOGUE.problem("permuted(logistic)", fold, 3) for fold in range(3)]
    plain = [CATALOGUE.problem("logistic", fold, 3) for fold in range(3)]
    assert [each.minimum for each in parts] == [each.minimum for each in plain]


def slopes(w):
    """The gradient of Rosenbrock's function in two dimensions."""
    x, y = w
    return np.array([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)])


def drawn(place=0, seed=5):
    """The generator of the change of that place in a run."""
    return np.random.default_rng(np.random.SeedSequence((seed, 3, place)))


def moved(start, scale, period, seed=5):
    """Where the objective is after t steps, as a function of t."""
    u = np.random.default_rng(np.random.SeedSequence((seed, 4))).uniform(0, 2 * np.pi, len(start))
    size = scale * max(1, np.linalg.norm(start)) * np.sqrt(2 / len(start))
    return lambda t: size * (np.sin(2 * np.pi * t / period + u) - np.sin(u))


def rounded(g, bits):
    levels, peak = 2 ** (bits - 1) - 1, np.abs(g).max()
    return np.sign(g) * np.floor(np.abs(g) / peak * levels + 0.5) / levels * peak


def twin(text, steps, rate):
    """Plain gradient descent on the changed gradients of a text, from its words."""
    w, size, seen = start_point(problem_of("rosenbrock"), 5), None, []
    first, second, error = drawn(), drawn(1), None
    offset = moved(w, 0.3 if "moving" in text else 0, 30)
    for t in range(steps):
        g = slopes(w - offset(t))
        size = np.sqrt(np.mean(g**2)) if size is None else size
        if "student" in text:
            g = g + 0.1 * size * first.standard_t(1.5, 2)
        if "cauchy" in text:
            g = g + 0.1 * size * first.standard_cauchy(2)
        if "correlated" in text:
            error = first.standard_normal(2) if error is None else error
            error = 0.9 * error + np.sqrt(1 - 0.81) * first.standard_normal(2)
            g = g + 0.1 * size * error
        if "sparse" in text:
            g = g * ((second if "student" in text else first).random(2) < 0.3)
        if "quantized" in text:
            g = rounded(g, 4) if g.any() else g
        seen.append(g)
        w = w - rate * (seen[max(0, len(seen) - 4)] if "delayed" in text else g)
    return w - offset(steps)


@pytest.mark.parametrize("text", [
    "noisy(rosenbrock, law=student, tail=1.5, scale=0.1)", "noisy(rosenbrock, law=cauchy, scale=0.1)",
    "correlated(rosenbrock, scale=0.1)", "sparse(rosenbrock, share=0.3)", "quantized(rosenbrock)",
    "delayed(rosenbrock, steps=3)",
    "moving(rosenbrock, scale=0.3, period=30)",
    "delayed(quantized(sparse(noisy(rosenbrock, law=student, scale=0.1), share=0.3)), steps=3)",
])  # fmt: skip
def test_changed_gradients_are_those_of_plain_numpy(text):
    given = {"steps": 40, "batch_size": "full", "seed": 5}
    made = optbench.minimize(text, "gd", lr=1e-4, **given)
    np.testing.assert_allclose(made.w, twin(text, 40, 1e-4), rtol=1e-9)
    many = optbench.cohort(text, "gd", [{"lr": lr} for lr in (2e-5, 1e-4, 5e-5)], **given)
    np.testing.assert_array_equal(many.w[1], made.w)  # the same numbers, whatever the lanes


def test_a_nan_gradient_ends_a_rule_that_takes_it():
    made = optbench.minimize("nan(rosenbrock, share=0.1)", "gd", lr=1e-4, steps=100, batch_size="full", seed=5)
    first = 1 + int(np.argmax(drawn().random((100, 1)) < 0.1))
    assert made.status == "diverged" and made.nit == first


def test_a_problem_in_plain_python_meets_the_same_changes():
    def value_and_gradient(w, g):
        g[:] = slopes(w)
        return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2

    record = optbench.Problem(
        form="single", dim=2, start=problem_of("rosenbrock").start, value_and_gradient=value_and_gradient, eager=True
    )
    text = "sparse student quantized delayed moving"
    for name, given in (
        ("noisy", {"law": "student", "scale": 0.1}), ("sparse", {"share": 0.3}), ("quantized", {}),
        ("delayed", {"steps": 3}), ("moving", {"scale": 0.3, "period": 30}),
    ):  # fmt: skip
        record = CATALOGUE.problem_wrappers[name].wrap(record, given)
    made = optbench.minimize(record, "gd", lr=1e-4, steps=40, batch_size="full", seed=5)
    np.testing.assert_allclose(made.w, twin(text, 40, 1e-4), rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "law"),
    [("noisy(nqm)", stats.norm), ("noisy(nqm, law=student, tail=2.5)", stats.t(2.5)),
     ("noisy(nqm, law=cauchy, scale=2)", stats.cauchy(scale=2)), ("correlated(nqm)", stats.norm)],
)  # fmt: skip
def test_noise_has_the_quantiles_of_its_law(text, law):
    (change,) = problem_of(text).stress
    draw = change(np.random.default_rng(1), 20_000)
    terms = draw(2)[1]
    shares = np.linspace(0.02, 0.98, 25)
    assert np.abs(law.cdf(np.quantile(terms[1], shares)) - shares).max() < 5 * 0.5 / np.sqrt(20_000)
    together = np.corrcoef(terms)[0, 1] if "cauchy" not in text else 0
    assert together == pytest.approx(0.9 if "correlated" in text else 0, abs=0.05)


@pytest.mark.parametrize("text", ["noisy(nqm(dim=3), law=student)", "correlated(nqm(dim=3))", "sparse(nqm(dim=3))"])
def test_numbers_do_not_depend_on_how_the_steps_are_cut(text):
    batches = [Batches(problem_of(text), 64, 7, "float64") for _ in range(2)]
    whole = batches[0].draw_stress(12)
    np.testing.assert_array_equal(whole, np.concatenate([batches[1].draw_stress(n) for n in (1, 7, 4)]))


def test_losses_and_minima_stay_the_inner_problems():
    inner, wrapped = problem_of("nqm(dim=3)"), problem_of("delayed(quantized(noisy(nqm(dim=3))))")
    w = np.ones((1, 3))
    for made, expected in zip(gradient(wrapped, w), gradient(inner, w), strict=True):
        np.testing.assert_array_equal(made, expected)
    assert wrapped.minimum == inner.minimum and wrapped.name == "delayed(quantized(noisy(nqm(dim=3))))"


def test_a_moving_network_is_judged_where_it_is():
    """Losses at every step, and the weights, are those relative to the moved network; its function is the witness."""
    plain = "mlp(data=gaussian(examples=60, features=5, classes=3), hidden=(3,))"
    inner, given = problem_of(plain), {"steps": 12, "batch_size": "full", "seed": 3, "points": "every"}
    start = start_point(inner, 3)
    offset, w, losses = moved(start, 0.1, 8, seed=3), start, []
    for t in range(13):
        f, g = gradient(inner, (w - offset(t))[None])
        losses.append(f[0])
        w = w - 0.2 * g[0] if t < 12 else w - offset(t)
    made = optbench.cohort(f"moving({plain}, period=8)", "gd", [{"lr": lr} for lr in (0.01, 0.2, 0.2)], **given)
    np.testing.assert_allclose(made.w[1:], [w, w], rtol=1e-9)
    rows = made.curves[made.curves["run_id"] == "1"]
    np.testing.assert_allclose(rows["train_loss"], losses, rtol=1e-9)


def test_a_moving_objective_goes_around_at_the_distance_it_says():
    problem = problem_of("moving(rosenbrock(dim=5), scale=0.5, period=40)")
    path = path_of(problem, 2, "float64")(np.arange(41))
    assert not path[[0, 40]].any()
    around = path[:40] - path[:40].mean(axis=0)
    length = np.linalg.norm(start_point(problem, 2))
    assert np.sqrt((around**2).sum(axis=1).mean()) == pytest.approx(0.5 * max(1, length), rel=1e-12)
