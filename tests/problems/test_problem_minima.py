"""Values against independent formulas, and minima against scikit-learn and SciPy."""

import numpy as np
import pytest
from every_problem import EVERY_PROBLEM, seeded, somewhere, texts
from harness import PROBLEMS, evaluate, gradient, problem_of
from problem_cases import FORMULAS, NOT_ANALYTIC, SETTINGS
from quick import some_quick
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, Ridge

from optbench.engine.batches import start_point

FARTHEST = {"vae": 30.0}
"""Problems with exponentials of weights in their formula, and how far out that is still a number."""


@pytest.mark.parametrize("text", some_quick(FORMULAS))
def test_value_equals_its_formula_near_and_far(text):
    """Far out, where an unguarded exponential overflows, too."""
    problem, (formula, parameters) = problem_of(text), independent(text)
    scales = np.minimum([1.0, 30.0, 1000.0], FARTHEST.get(text.split("(")[0], np.inf))
    w = np.concatenate([scale * somewhere(problem, text, 4) for scale in scales])
    values, slopes = gradient(problem, w)
    np.testing.assert_allclose(values, [formula(each, **parameters) for each in w], rtol=1e-11)
    assert np.isfinite(slopes).all()
    if problem.evaluate is not None:
        np.testing.assert_allclose(evaluate(problem, w)[:, 0], values, rtol=1e-11)


def independent(text):
    """Return the formula of a text and its keywords."""
    formula, parameters = FORMULAS[text]
    problem = problem_of(text)
    return formula, parameters if problem.data is None else {**parameters, "x": problem.data[0], "y": problem.data[1]}


@pytest.mark.parametrize("text", some_quick(text for text in FORMULAS if text.split("(")[0] not in NOT_ANALYTIC))
def test_gradient_is_the_formulas_complex_step(text):
    """f(w + i h e) has the slope in its imaginary part, free of cancellation: all digits count."""
    problem, (formula, parameters) = problem_of(text), independent(text)
    w = somewhere(problem, text, 2)
    axes = range(problem.dim) if problem.dim <= 40 else seeded(text).permutation(problem.dim)[:20]
    for each, slope in zip(w, gradient(problem, w)[1], strict=True):
        steps = [each + 1e-30j * (np.arange(problem.dim) == i) for i in axes]
        slopes = [np.imag(formula(step, **parameters)) / 1e-30 for step in steps]
        np.testing.assert_allclose(slope[list(axes)], slopes, rtol=1e-10, atol=1e-12 * np.abs(slope).max())


@pytest.mark.parametrize(("dim", "condition"), [(20, 100.0), (100, 1e4), (1, 1.0)])
def test_quadratic_has_the_condition_it_says(dim, condition):
    problem = problem_of(f"quadratic(dim={dim}, condition={condition})")
    center = problem.minimizer
    values, hessian = gradient(problem, center + np.eye(dim))  # row i: H e_i
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)
    np.testing.assert_allclose(values, 0.5 * np.diag(hessian), rtol=1e-12)
    eigenvalues = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(np.diff(np.log(eigenvalues)), np.log(condition) / max(dim - 1, 1), rtol=1e-6)
    assert eigenvalues[-1] == pytest.approx(1.0, rel=1e-12)
    if dim > 1:
        assert eigenvalues[0] == pytest.approx(1 / condition, rel=1e-9)
        assert np.abs(hessian - np.diag(np.diag(hessian))).max() > 1e-3, "the axes are not rotated"


@texts(lambda problem: problem.minimizer is not None)
def test_the_minimizer_is_stationary_and_has_the_stated_minimum(text):
    """So are further minimizers, which pictures mark."""
    problem = problem_of(text)
    values, slope = gradient(problem, problem.list_minimizers())
    np.testing.assert_allclose(values, problem.minimum, rtol=1e-12, atol=1e-14)
    # A gradient of 1e-5 where the curvature is l2 = 0.001 or more leaves less than 1e-7 to gain.
    assert np.abs(slope).max() < 1e-5


@EVERY_PROBLEM
def test_nothing_lies_below_the_minimum(text):
    problem = problem_of(text)
    starts = np.array([start_point(problem, seed) for seed in range(20)])
    rng = np.random.default_rng(0)
    about = starts if problem.minimizer is None else problem.minimizer
    near = about + 0.01 * rng.standard_normal((20, problem.dim))
    values, _ = gradient(problem, np.concatenate([starts, near]))
    assert (values[20:] >= problem.minimum).all()
    assert (values[:20] > problem.minimum).all(), "a run would start at the minimum"


@pytest.mark.parametrize(
    ("text", "count"),
    [("saddle", 2), ("saddle(index=2)", 4), ("rotated_saddle(dim=2, index=1)", 2), ("hyperbolic", 2),
     ("monkey_saddle", 3), ("himmelblau", 4), ("six_hump_camel", 2), ("branin", 3), ("octopus(dim=2)", 4),
     ("phase_retrieval(dim=2)", 2), ("dixon_price(dim=2)", 2), ("matrix_factorization(size=2, rank=1)", 2),
     ("rescaled(saddle)", 2), ("rosenbrock", 1), ("quadratic(dim=2)", 1)],
)  # fmt: skip
def test_all_minima_of_a_plane_are_known(text, count):
    """A search from a grid over the picture finds these and no others."""
    problem = problem_of(text)
    far = 2 * np.abs(problem.list_minimizers()).max()
    (left, right), (bottom, top) = problem.domain or ((-far, far), (-far, far))  # pictures of rescaled ones have no box

    def value(w):
        losses, slopes = gradient(problem, np.asarray(w))
        return losses[0], slopes[0]

    ends = [
        minimize(value, (x, y), jac=True, method="BFGS", options={"gtol": 1e-9})
        for x in np.linspace(left, right, 7)[1:-1]
        for y in np.linspace(bottom, top, 7)[1:-1]
    ]
    found = [end.x for end in ends if end.fun < problem.minimum + 1e-9 * max(1, abs(problem.minimum))]
    inside = [w for w in found if left <= w[0] <= right and bottom <= w[1] <= top]
    distance = np.linalg.norm(np.array(inside)[:, None] - problem.list_minimizers(), axis=2)
    assert len(problem.list_minimizers()) == count
    assert (distance.min(axis=0) < 1e-3).all() and (distance.min(axis=1) < 1e-3).all()


@texts(lambda problem: problem.minimizer is not None and problem.dim <= 100)
def test_scipy_finds_no_lower_point(text):
    problem = problem_of(text)

    def both(w):
        value, slope = gradient(problem, w)
        return float(value[0]), slope[0]

    start = problem.minimizer + 0.1 * np.random.default_rng(1).standard_normal(problem.dim)
    found = minimize(both, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 0, "gtol": 1e-9})
    rounding = 1e-12 + 1e-10 * abs(problem.minimum)
    # Where the valley is flat, SciPy stops early; a convex function has no more than this left to gain there.
    left = np.abs(found.jac) @ np.abs(found.x - problem.minimizer)
    assert -rounding <= found.fun - problem.minimum <= rounding + left


def of(name):
    return [text for text in [*PROBLEMS, *SETTINGS] if text.split("(")[0] == name and "l2=0.0" not in text]


@pytest.mark.parametrize("text", some_quick(of("logistic") + of("softmax")))
def test_scikit_learn_finds_the_same_classifier(text):
    """Our penalty holds the intercept, too: it is the weight of a column of ones here, not scikit-learn's own."""
    problem = problem_of(text)
    (x, y), l2 = problem.data, problem.constants[0]
    assert (x[:, -1] == 1).all()
    model = LogisticRegression(
        C=1 / (l2 * len(x)), fit_intercept=False, tol=1e-12, max_iter=1000, solver="newton-cholesky"
    ).fit(x, y)
    weights = model.coef_.T if len(model.coef_) > 1 else model.coef_[0]
    value, _ = gradient(problem, weights.ravel())
    assert problem.minimum == pytest.approx(value[0], rel=1e-10)
    scale = np.abs(weights).max()
    np.testing.assert_allclose(problem.minimizer, weights.ravel(), atol=1e-4 * scale)
    right = np.mean(model.predict(problem.test[0]) == problem.test[1])
    assert evaluate(problem, weights.ravel(), problem.test)[0, 1] == pytest.approx(right, abs=1e-12)


@pytest.mark.parametrize("text", of("least_squares"))
def test_scikit_learn_finds_the_same_line(text):
    problem = problem_of(text)
    (x, y), l2 = problem.data, problem.constants[0]
    weights = Ridge(alpha=l2 * len(x), fit_intercept=False, solver="svd").fit(x, y).coef_
    assert problem.minimum == pytest.approx(gradient(problem, weights)[0][0], rel=1e-13)
    np.testing.assert_allclose(problem.minimizer, weights, rtol=1e-9, atol=1e-12)
