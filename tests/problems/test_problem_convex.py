"""Convex and ill-conditioned problems against scikit-learn, spectra, and what their papers prove of them."""

import itertools

import numpy as np
import pytest
from every_problem import seeded, somewhere
from harness import CATALOGUE, gradient, problem_of
from sklearn.linear_model import HuberRegressor, PoissonRegressor
from sklearn.svm import LinearSVC

from optbench.engine.batches import start_point


def poisson(w, x, y, l2):
    """Half the mean deviance of counts y at the rates exp(x w), McCullagh & Nelder's table 2.1, and a penalty."""
    ratio = np.where(y > 0, y, 1)
    return np.mean(y * (np.log(ratio) - x @ w) - (y - np.exp(x @ w))) + 0.5 * l2 * w @ w


def deep_linear(w, sizes, target):
    product, at = np.eye(sizes[0]), 0
    for wide, tall in itertools.pairwise(sizes):
        product, at = w[at : at + wide * tall].reshape(tall, wide) @ product, at + wide * tall
    return ((product - target) ** 2).sum() / 2


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 10.0])
@pytest.mark.parametrize(
    ("text", "formula"),
    [("poisson", poisson), ("poisson(examples=150, features=4, l2=0.1, seed=3)", poisson)]
    + [(f"deep_linear{more}", deep_linear) for more in ("", "(size=4, hidden=())", "(size=4, hidden=(6, 3, 5))")],
)
def test_value_and_gradient_equal_the_formula(text, formula, scale):
    problem = problem_of(text)
    if formula is poisson:
        parameters = {"x": problem.data[0], "y": problem.data[1], "l2": problem.constants[0]}
    else:
        sizes = problem.layout
        parameters = {"sizes": sizes, "target": np.reshape(problem.constants, (sizes[-1], sizes[0]))}
    w = scale * somewhere(problem, text, 3)
    values, slopes = gradient(problem, w)
    np.testing.assert_allclose(values, [formula(each, **parameters) for each in w], rtol=1e-11)
    axes = seeded(text).permutation(problem.dim)[:20]
    for each, slope in zip(w, slopes, strict=True):
        steps = [each + 1e-30j * (np.arange(problem.dim) == i) for i in axes]
        expected = [np.imag(formula(step, **parameters)) / 1e-30 for step in steps]
        np.testing.assert_allclose(slope[axes], expected, rtol=1e-10, atol=1e-12 * np.abs(slope).max())


def assert_same_fit(problem, weights, relative):
    """Check that another solver reaches the stated minimum, with the same weights to its accuracy."""
    value, _ = gradient(problem, weights)
    assert problem.minimum == pytest.approx(value[0], rel=relative)
    np.testing.assert_allclose(problem.minimizer, weights, atol=1e-4 * np.abs(weights).max())


@pytest.mark.slow
@pytest.mark.parametrize("text", ["poisson", "poisson(l2=0.5, seed=1)"])
def test_scikit_learn_finds_the_same_rates(text):
    problem = problem_of(text)
    l2 = problem.constants[0]
    model = PoissonRegressor(alpha=l2, fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=100)
    assert_same_fit(problem, model.fit(*problem.data).coef_, 1e-12)


@pytest.mark.parametrize("text", ["squared_hinge", "squared_hinge(data=gaussian(examples=150, features=4), l2=0.5)"])
def test_scikit_learn_finds_the_same_margin(text):
    problem = problem_of(text)
    (x, y), l2 = problem.data, problem.constants[0]
    model = LinearSVC(C=1 / (l2 * len(x)), fit_intercept=False, dual=False, tol=1e-12, max_iter=10_000)
    assert_same_fit(problem, model.fit(x, y).coef_[0], 1e-9)


@pytest.mark.parametrize(("epsilon", "alpha"), [(1.35, 0.0), (1.1, 20.0)])
def test_scikit_learn_finds_the_same_robust_line(epsilon, alpha):
    """Its model fits a scale s, too; at that scale its objective is ours with delta = epsilon s, times 2 n / s."""
    x, y = problem_of("huber").data
    model = HuberRegressor(epsilon=epsilon, alpha=alpha, fit_intercept=False, tol=1e-9, max_iter=10_000).fit(x, y)
    delta, l2 = float(epsilon * model.scale_), float(alpha * model.scale_ / len(x))
    assert_same_fit(problem_of(f"huber(delta={delta!r}, l2={l2!r})"), model.coef_, 1e-9)


# Eigenvalues of the Hessian, from the largest to the smallest, with the sources' sums of squares not halved.
SPECTRA = {
    "ellipsoid(dim=1)": np.array([2e6]),
    "ellipsoid(dim=2)": np.array([2e6, 2]),
    "ellipsoid(dim=7, condition=1e8)": 2 * 1e8 ** (np.arange(7)[::-1] / 6),
    "ellipsoid(dim=33, condition=1e4, seed=2)": 2 * 1e4 ** (np.arange(33)[::-1] / 32),
    "discus(dim=5, condition=1e8)": np.array([2e8] + 4 * [2]),
    "bent_cigar(dim=6, condition=1e8)": np.array(5 * [2e8] + [2]),
}


def hessian_of(problem):
    """Return the Hessian of a quadratic: row i is H e_i."""
    return gradient(problem, problem.minimizer + np.eye(problem.dim))[1]


@pytest.mark.parametrize("text", [*SPECTRA, "quadratic_deep"])
def test_a_rotated_quadratic_is_one(text):
    problem = problem_of(text)
    hessian = hessian_of(problem)
    largest = np.abs(hessian).max()
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-14 * largest)
    offsets = seeded(text).standard_normal((4, problem.dim))
    values, slopes = gradient(problem, problem.minimizer + offsets)
    np.testing.assert_allclose(values, np.einsum("ri,ij,rj->r", offsets, hessian, offsets) / 2, rtol=1e-12)
    np.testing.assert_allclose(slopes, offsets @ hessian, atol=1e-13 * largest * problem.dim)
    if problem.dim > 1:  # no axis is left alone
        coupling = np.abs(hessian) / np.sqrt(np.outer(np.diag(hessian), np.diag(hessian))) - np.eye(problem.dim)
        assert coupling.max(axis=0).min() > 1e-3


@pytest.mark.parametrize("text", SPECTRA)
def test_it_has_the_spectrum_that_it_says(text):
    eigenvalues = np.linalg.eigvalsh(hessian_of(problem_of(text)))[::-1]
    np.testing.assert_allclose(eigenvalues, SPECTRA[text], rtol=1e-13, atol=1e-14 * SPECTRA[text][0])


@pytest.mark.slow
def test_the_least_curvature_survives_float32():
    """The flattest direction of condition 1e8 lies below the rounding of a stored float32 Hessian."""
    problem = problem_of("ellipsoid(dim=7, condition=1e8)")
    flattest = np.linalg.eigh(hessian_of(problem))[1][:, 0]
    center = problem.minimizer.astype(np.float32)
    values, _ = gradient(problem, np.array([center, center + 1000 * flattest]), dtype="float32")
    assert values[0] >= 0 and 0.5e6 < values[1] < 2e6


def test_quadratic_deep_is_as_in_deepobs():
    problem = problem_of("quadratic_deep")
    eigenvalues = np.linalg.eigvalsh(hessian_of(problem))
    assert (problem.dim, problem.examples) == (100, 1000)
    low, high = eigenvalues[:90], eigenvalues[90:]
    assert low.min() > 0 and low.max() < 1 and high.min() > 30 and high.max() < 60
    assert low.mean() == pytest.approx(0.5, abs=0.1) and high.mean() == pytest.approx(45, abs=8)
    assert np.abs(start_point(problem, 0) - 1).max() <= 0.1
    # Root mean square of the gradient noise H x, x normal with deviation 0.6: over all spectra, and with this one.
    assert problem.noise == pytest.approx(0.6 * np.sqrt(0.9 / 3 + 0.1 * (60**3 - 30**3) / 90), rel=0.01)
    assert f"{0.6 * np.sqrt((eigenvalues**2).mean()):.1f} with" in CATALOGUE.problems["quadratic_deep"].doc
