"""Stress wrappers: what they make of the start, the variables, and the gradient that a rule sees."""

import numpy as np
import pytest
from harness import CATALOGUE, gradient, problem_of
from problem_cases.stress import matrix

import optbench
from optbench.engine.batches import start_point


def test_a_perturbed_start_lies_on_a_sphere_about_the_start():
    inner, wrapped = problem_of("rosenbrock(dim=3)"), problem_of("perturbed_start(rosenbrock(dim=3), scale=0.5)")
    for seed in range(5):
        v, w = start_point(inner, seed), start_point(wrapped, seed)
        assert np.linalg.norm(w - v) == pytest.approx(0.5 * max(1, np.linalg.norm(v)), rel=1e-12)
    assert len({tuple(start_point(wrapped, seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize(("dim", "rotate"), [(6, 64), (7, 3), (5, 1), (1, 64)])
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
