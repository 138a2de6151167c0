"""The claims about saddles and local minima: their index, their number, and that the global minimum is the lowest."""

import itertools
from decimal import Decimal, localcontext
from math import e

import numpy as np
import pytest
from harness import gradient, problem_of
from problem_cases.saddles import target_matrix
from quick import slow, some_quick
from scipy.optimize import differential_evolution, minimize


def hessian(text, w, h=1e-5):
    """Return the Hessian by central differences of the gradient."""
    steps = h * np.eye(len(w))
    ahead, behind = gradient(problem_of(text), np.concatenate([w + steps, w - steps]))[1].reshape(2, len(w), -1)
    return (ahead - behind) / (2 * h)


def slope(text, w):
    return np.abs(gradient(problem_of(text), w)[1]).max()


def signs(curvature, zero=1e-4):
    """Return the numbers of negative, zero and positive eigenvalues."""
    eigenvalues = np.linalg.eigvalsh((curvature + curvature.T) / 2)
    return (eigenvalues < -zero).sum(), (np.abs(eigenvalues) <= zero).sum(), (eigenvalues > zero).sum()


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("saddle", 1), ("saddle(dim=6, index=2)", 2), ("rotated_saddle", 5), ("octopus", 1),
        ("rotated_saddle(dim=3, index=3, seed=4)", 3), ("hyperbolic", 1), ("hyperbolic(radius=0.5, offset=0.1)", 1),
        ("phase_retrieval", 20),
    ],
)  # fmt: skip
def test_the_origin_is_a_saddle_of_the_index_it_says(text, index):
    dim = problem_of(text).dim
    assert slope(text, np.zeros(dim)) == 0
    assert signs(hessian(text, np.zeros(dim))) == (index, 0, dim - index)


def test_the_octopus_is_a_chain_of_strict_saddles_that_ends_in_a_minimum():
    dim = problem_of("octopus").dim
    for left in range(dim + 1):
        w = 4 * e * np.where(np.arange(dim) < left, (-1.0) ** np.arange(dim), 0.0)
        assert slope("octopus", w) < 1e-12
        last = left == dim
        assert signs(hessian("octopus", w)) == (0 if last else 1, 0, dim if last else dim - 1)


def test_gradient_descent_leaves_each_saddle_of_the_octopus_a_multiple_later():
    """Sec. 4 of the paper: at a rate of 1/(4 L), by (L + gamma) / gamma at least."""
    problem, w, left = problem_of("octopus(dim=4)"), np.array([1.0, 0.9, 0.8, 0.7]), []
    for step in range(1500):
        if len(left) < 4 and w[len(left)] > 2 * e:
            left.append(step)
        w = w - gradient(problem, w)[1][0] / (4 * e)
    assert len(left) == 4 and left[0] > 5
    assert (np.array(left[1:]) >= (e + 1) * np.array(left[:-1])).all()


@pytest.mark.parametrize(("dtype", "reach", "rtol"), [("float64", 354, 2e-15), slow("float32", 43, 3e-7)])
def test_a_plateaus_gradient_keeps_its_digits_far_out(dtype, reach, rtol):
    """Against 60 decimal digits: tanh is 1 to the last digit from 19 on in float64, from 9 on in float32."""
    distances = np.concatenate([np.geomspace(1e-6, 1, 13), np.arange(1.5, reach)])
    w = (1 + np.concatenate([distances, -distances])).astype(dtype)
    with localcontext(prec=60):
        exact = []
        for z in (Decimal(float(each)) - 1 for each in w):
            sinh, cosh = (z.exp() - (-z).exp()) / 2, (z.exp() + (-z).exp()) / 2
            exact.append(float(sinh / cosh**3))
    _, found = gradient(problem_of(f"plateau(dim={len(w)})"), w, dtype=dtype)
    np.testing.assert_allclose(found[0], exact, rtol=rtol)
    _, found = gradient(problem_of("plateau"), [1e4, -1e30], dtype=dtype)
    np.testing.assert_array_equal(found, 0)


def test_factors_of_a_matrix_are_minima_up_to_a_rotation_and_else_saddles():
    text = "matrix_factorization(size=6, rank=2, condition=4.0, tail=0.2)"
    problem = problem_of(text)
    target = target_matrix(size=6, rank=2, condition=4.0, tail=0.2)
    eigenvalues, vectors = np.linalg.eigh(target)
    np.testing.assert_allclose(eigenvalues, [0.2] * 4 + [0.25, 1.0], rtol=1e-12)
    assert problem.minimum == pytest.approx((eigenvalues[:4] ** 2).sum() / 4, rel=1e-12)
    factor = vectors * np.sqrt(eigenvalues)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    best = (factor[:, 4:] @ turn).ravel()
    assert gradient(problem, best)[0][0] == pytest.approx(problem.minimum, rel=1e-12) and slope(text, best) < 1e-12
    assert signs(hessian(text, best)) == (0, 1, 11), "one flat direction: the rotation"
    worse = (factor[:, [1, 5]] @ turn).ravel()
    assert slope(text, worse) < 1e-12 and signs(hessian(text, worse))[0] == 1
    assert signs(hessian(text, np.zeros(12))) == (12, 0, 0)


def test_phase_retrieval_has_saddles_across_from_its_minima():
    text = "phase_retrieval(dim=4, examples=20000)"
    problem = problem_of(text)
    truth = problem.minimizer
    assert gradient(problem, -truth)[0][0] < 1e-30
    assert signs(hessian(text, -truth)) == signs(hessian(text, truth)) == (0, 0, 4)
    _, _, across = np.linalg.svd(truth[None])
    w = across[1] / np.sqrt(3)  # a sphere of saddles, where the examples are infinitely many
    assert slope(text, w) < 0.05
    assert signs(hessian(text, w), zero=0.1) == (1, 2, 1)


PLANES = ["saddle", "hyperbolic", "monkey_saddle", "octopus(dim=2)", "plateau", "himmelblau", "six_hump_camel",
    "goldstein_price", "branin", "easom", "styblinski_tang", "rastrigin", "ackley", "griewank", "levy"]  # fmt: skip


@pytest.mark.parametrize("text", some_quick(PLANES))
def test_a_global_search_finds_nothing_below_the_minimum(text):
    problem = problem_of(text)
    found = differential_evolution(
        lambda w: gradient(problem, w.T)[0], problem.domain, vectorized=True, updating="deferred", polish=False,
        popsize=50, maxiter=40, tol=0, rng=1,
    )  # fmt: skip
    size = max(1.0, abs(problem.minimum))
    assert problem.minimum - 1e-13 * size <= found.fun <= problem.minimum + 1e-2 * size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "reach", "number", "globally"),
    [
        ("saddle", 3, 2, 2), ("hyperbolic", 3, 2, 2), ("monkey_saddle", 2, 3, 3), ("octopus(dim=2)", 16, 4, 4),
        ("himmelblau", 5, 4, 4), ("six_hump_camel", (3, 2), 6, 2), ("goldstein_price", 2, 4, 1),
        ("styblinski_tang", 5, 4, 1), ("rastrigin", 1.5, 9, 1), ("ackley", 1.5, 9, 1),
        ("matrix_factorization(size=2, rank=1)", 2, 2, 2), ("phase_retrieval(dim=2, examples=100)", 2, 2, 2),
    ],
)  # fmt: skip
def test_going_down_from_a_grid_of_starts_finds_the_minima_it_says(text, reach, number, globally):
    problem = problem_of(text)

    def both(w):
        values, slopes = gradient(problem, w)
        return float(values[0]), slopes[0]

    x, y = np.broadcast_to(reach, 2)
    starts = itertools.product(np.linspace(-x, 0.99 * x, 9), np.linspace(-y, 0.99 * y, 9))
    box = [(-x, x), (-y, y)]
    ends = [minimize(both, start, jac=True, method="L-BFGS-B", bounds=box) for start in starts]
    inside = [end for end in ends if (np.abs(end.x) < 0.999 * np.array([x, y])).all()]
    inside = [end for end in inside if text == "ackley" or signs(hessian(text, end.x))[0] == 0]
    distinct = {tuple(np.round(end.x / 0.02).astype(int) // 2): end.fun for end in inside}
    assert len(distinct) == number
    assert sum(value < problem.minimum + 1e-6 for value in distinct.values()) == globally


@pytest.mark.parametrize("condition", [1.0, 100.0])
def test_a_matrix_to_complete_has_its_rank_its_condition_and_every_entry_once(condition):
    problem = problem_of(f"matrix_completion(condition={condition})")
    matrix = np.full((100, 80), np.nan)
    for x, y in (problem.data, problem.validation, problem.test):
        assert np.isnan(matrix[tuple(x.astype(int).T)]).all()
        matrix[tuple(x.astype(int).T)] = y
    values = np.linalg.svd(matrix, compute_uv=False)
    assert len(problem.data[1]) == 1600 and len(problem.test[1]) == 3200
    assert values[0] / values[4] == pytest.approx(condition) and values[5] < 1e-12 * values[0]
    assert (matrix**2).mean() == pytest.approx(1)
