"""Every problem: gradients against finite differences, parts against wholes, lanes against single runs, float32."""

import numpy as np
import pytest
from every_problem import EVERY_PROBLEM, ROWS, WITH_CURVATURE, WITH_DATA, WITH_EVALUATE, assert_close, seeded, somewhere
from harness import CATALOGUE, PROBLEMS, batch, evaluate, gradient, problem_of
from quick import some_quick

from optbench.engine.batches import start_point

WHOLE = {"bigram", "zipf_recall"}
"""Problems whose training examples are all that there is: nothing is held out."""

SWITCHING = {"char_transformer": [], "grokking": [ROWS]}
"""Problems with so many ReLUs that some switch within a difference, and the batches where none does: parts, and complex
steps (test_problem_minima.py), test their slopes."""


@EVERY_PROBLEM
def test_gradient_is_the_slope_of_the_value(text):
    problem = problem_of(text)
    parts = [None] if problem.data is None else [None, ROWS]
    for rows in SWITCHING.get(text, parts):
        assert_slope(problem, batch(problem, rows), text)


def assert_slope(problem, xy, text):
    rng = seeded(text)
    for w in somewhere(problem, text, 2):
        value, slope = (part[0] for part in gradient(problem, w, xy))
        chosen = rng.permutation(problem.dim)[:25]
        # Some axes, and directions that no wrong coordinate escapes.
        directions = np.concatenate([np.eye(problem.dim)[chosen], rng.standard_normal((4, problem.dim))])
        h = 3e-6 * max(1.0, np.abs(w).max()) / np.abs(directions).max(axis=1, keepdims=True)
        values, _ = gradient(problem, np.concatenate([w + h * directions, w - h * directions]), xy)
        above, below = values.reshape(2, -1)
        measured, told = (above - below) / (2 * h[:, 0]), directions @ slope
        rounding = 5e-15 * (1 + abs(value)) / h[:, 0]
        allowed = rounding + 3e-7 * np.abs(directions) @ np.abs(slope) + 1e-9
        np.testing.assert_array_less(np.abs(measured - told), allowed)


@WITH_CURVATURE
def test_curvature_is_the_diagonal_of_the_hessian(text):
    """By differences of gradients about the minimizer, which are exact for a quadratic."""
    problem = problem_of(text)
    axes = np.eye(problem.dim)
    above, below = gradient(problem, np.concatenate([problem.minimizer + axes, problem.minimizer - axes]))[1].reshape(
        2, problem.dim, problem.dim
    )
    np.testing.assert_allclose(np.diag(above - below) / 2, problem.curvature, rtol=1e-9)


@WITH_EVALUATE
def test_evaluate_tells_the_same_value(text):
    problem = problem_of(text)
    w = somewhere(problem, text, 3)
    for xy in (batch(problem), batch(problem, ROWS), batch(problem, ROWS[:1])):
        out = evaluate(problem, w, xy)
        np.testing.assert_allclose(out[:, 0], gradient(problem, w, xy)[0], rtol=1e-12)
        assert out.shape == (3, 1 + len(problem.metrics)) and np.isfinite(out).all()


@WITH_DATA
def test_parts_of_the_data_average_to_the_whole(text):
    problem = problem_of(text)
    w, n = somewhere(problem, text, 2), problem.examples
    order = seeded(text).permutation(n)
    parts = [order[first : first + 64] for first in range(0, n, 64)]
    pairs = [gradient(problem, w, batch(problem, part)) for part in parts]
    shares = [len(part) / n for part in parts]
    whole = gradient(problem, w)
    for k in (0, 1):
        assert_close(sum(share * pair[k] for share, pair in zip(shares, pairs, strict=True)), whole[k], 1e-11)


@EVERY_PROBLEM
def test_runs_do_not_depend_on_their_neighbours(text):
    problem = problem_of(text)
    w, xy = somewhere(problem, text, 19), batch(problem, ROWS)
    together = gradient(problem, w, xy)
    for r in (0, 8, 18):
        alone = gradient(problem, w[r], xy)
        np.testing.assert_allclose(together[0][r], alone[0][0], rtol=1e-12)
        assert_close(together[1][r], alone[1][0], 1e-12)
    if problem.evaluate is not None:
        np.testing.assert_allclose(evaluate(problem, w, xy)[8], evaluate(problem, w[8], xy)[0], rtol=1e-12)


@pytest.mark.parametrize("text", some_quick(PROBLEMS, {"rosenbrock"}))
def test_float32_is_close_to_float64(text):
    problem = problem_of(text)
    w = somewhere(problem, text, 3).astype(np.float32)
    exact, rounded = gradient(problem, w), gradient(problem, w, dtype="float32")
    assert rounded[0].dtype == rounded[1].dtype == np.float32
    np.testing.assert_allclose(rounded[0], exact[0], rtol=3e-5)
    assert_close(rounded[1], exact[1], 1e-4)
    if problem.evaluate is not None:
        np.testing.assert_allclose(evaluate(problem, w, dtype="float32"), evaluate(problem, w), rtol=3e-5, atol=1e-3)


@EVERY_PROBLEM
def test_bad_weights_are_told(text):
    """A run whose weights are NaN must not look like a good one."""
    problem = problem_of(text)
    w = somewhere(problem, text, 3)
    w[1] = np.nan
    values, _ = gradient(problem, w)
    assert np.isnan(values).tolist() == [False, True, False]


@EVERY_PROBLEM
def test_start_points_come_from_the_seed(text):
    problem, again = problem_of(text), CATALOGUE.problem(text)
    starts = [start_point(problem, seed) for seed in range(4)]
    assert all(start.shape == (problem.dim,) and np.isfinite(start).all() for start in starts)
    np.testing.assert_array_equal(starts, [start_point(again, seed) for seed in range(4)])
    if "zero" not in text:
        assert len(np.unique(starts, axis=0)) == 4


@EVERY_PROBLEM
def test_the_record_fits_together(text):
    problem = problem_of(text)
    assert problem.name.split("(")[0] == text.split("(")[0]
    assert problem.source and problem.minimum_source and np.isfinite(problem.minimum)
    assert CATALOGUE.problem(problem.name).name == problem.name
    if problem.data is not None:
        parts = [part for part in (problem.data, problem.validation, problem.test) if part is not None]
        whole = text.split("(")[0] in WHOLE
        assert whole or len(parts) == 3
        assert len(problem.data[0]) == problem.examples
        assert all(len(x) == len(y) > 0 and x.shape[1:] == problem.data[0].shape[1:] for x, y in parts)
        rows = [{row.tobytes() for row in np.asarray(x)} for x, _ in parts]
        assert whole or len(set().union(*rows)) == sum(map(len, rows)), "an example is in two parts"
    else:
        assert problem.noise > 0, "without noise, the batch size would mean nothing"
