"""A second gradient of labels that are drawn from the model's own predictions: which ones, and in every loop."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from harness import CATALOGUE, PROBLEMS, Lane, gradient, problem_of, run_cohort
from problem_cases.neural import cross_entropy
from problem_cases.tokens import letter_scores, softmax
from quick import slow, some_quick

import optbench
from optbench import OptbenchError, SecondGradient, optimizer
from optbench.kit.random import SEEDS, key_of, uniform

SMALL = {
    "convolution": "convolution(channels=(4,))",
    "grokking": "grokking(modulus=7, width=8)",
    "rnn_xor": "rnn_xor(length=12, examples=200)",
}
ONE_LABEL = ("convolution", "deep_narrow", "grokking", "logistic", "mlp", "rnn_xor", "scale_invariant_mlp", "softmax")
EVERY, STEPS, CLASSES = 3, 8, "softmax(data=gaussian(examples=240, features=4, classes=3))"


def chosen(shares, numbers):
    """Return the first class, (rows,), up to which the shares, (rows, classes), add up to the number."""
    return (np.cumsum(shares, axis=-1) < numbers[..., None]).sum(axis=-1).clip(max=shares.shape[-1] - 1)


def test_classifiers_draw_labels():
    drawing = {name: problem_of(SMALL.get(name, name)).draws_labels for name in PROBLEMS}
    assert {name: count for name, count in drawing.items() if count} == dict.fromkeys(ONE_LABEL, 1) | {
        "char_transformer": 32
    }
    assert problem_of("mlp(data=diabetes)").draws_labels == 0


@pytest.mark.parametrize(
    ("name", "dtype"), [*some_quick((name, "float64") for name in ONE_LABEL), slow("logistic", "float32")]
)
def test_a_label_is_drawn_from_the_probabilities_of_each_run(name, dtype):
    """The gradient is that of the labels that NumPy draws from the predictions, without the penalty."""
    problem, rng = problem_of(SMALL.get(name, name)), np.random.default_rng(3)
    w, x = np.array([3 * problem.start(rng) for _ in range(3)]), problem.data[0][:29].astype(dtype)
    numbers, tolerance = rng.uniform(0.01, 0.99, len(x)).astype(dtype), 1e-12 if dtype == "float64" else 1e-5
    _, found = gradient(problem, w, (x, -numbers), dtype)
    penalty = problem.constants[0] if name in ("softmax", "logistic") else 0.0
    for r, one in enumerate(w):
        labels = chosen(problem.predict(one, x.astype(float)), numbers)
        _, expected = gradient(problem, one, (x, labels.astype(dtype)), dtype)
        np.testing.assert_allclose(found[r], expected[0] - penalty * one, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
def test_every_letter_of_a_sequence_is_drawn():
    problem = problem_of("char_transformer(size=6, heads=3, context=8, hidden=5, vocabulary=7, letters=900)")
    sizes, rng = {"size": 6, "heads": 3, "hidden": 5, "vocabulary": 7}, np.random.default_rng(3)
    w, x, numbers = problem.start(rng), problem.data[0][:9], rng.random(9)
    keys = [key_of(int(number * SEEDS), 1, 0) for number in numbers]
    each = np.array([[uniform(key, t) for t in range(8)] for key in keys])
    letters = chosen(softmax(letter_scores(w, x, **sizes)), each)
    assert len({tuple(row) for row in letters}) == len(x)
    _, found = gradient(problem, w, (x, -numbers))
    for direction in rng.standard_normal((5, problem.dim)):
        scores = letter_scores(w + 1e-30j * direction, x, **sizes)
        slope = cross_entropy(scores.reshape(letters.size, -1), letters.ravel()).imag / 1e-30
        np.testing.assert_allclose(found[0] @ direction, slope, rtol=1e-11)


@pytest.mark.slow
def test_the_squares_are_the_diagonal_of_the_gauss_newton_matrix():
    """Of softmax regression it is the mean of p (1 - p) x^2 (Bishop 2006, eq. 4.110)."""
    problem, rng, draws = problem_of(CLASSES), np.random.default_rng(5), 4000
    w, x = problem.start(rng), problem.data[0][:20]
    shares = softmax(x @ w.reshape(x.shape[1], -1))
    expected = ((x**2).T @ (shares * (1 - shares)) / len(x)).ravel()
    squares = [len(x) * gradient(problem, w, (x, -rng.random(len(x))))[1][0] ** 2 for _ in range(draws)]
    error = np.std(squares, axis=0) / np.sqrt(draws)
    assert (error < 0.05 * expected).all()
    assert (np.abs(np.mean(squares, axis=0) - expected) < 5 * error).all()


def here(w):
    return w


@optimizer(source="a test", second_gradient=SecondGradient(here, every=EVERY, draws_labels=True))
def along_both(w, g, ahead, lr, labels):
    """The slot keeps the second gradient until the next one."""
    return w - lr * (g + labels * ahead * ahead), ahead


def softmax_slope(w, x, labels):
    """Return the gradient of the mean cross-entropy."""
    shares = softmax(x @ w.reshape(x.shape[1], -1))
    return (x.T @ (shares - np.eye(shares.shape[1])[labels]) / len(x)).ravel()


def in_plain_python(problem):
    def value_and_gradient(w, g, x, y):
        shares = softmax(x @ w.reshape(x.shape[1], -1))
        drawn = y[0] < 0
        labels = chosen(shares, -y) if drawn else y.astype(int)
        g[:] = softmax_slope(w, x, labels) + (0 if drawn else problem.constants[0]) * w
        return -np.log(shares[np.arange(len(x)), labels]).mean()

    python = {"value_and_gradient": value_and_gradient, "evaluate": None, "metrics": (), "constants": (), "layout": ()}
    return replace(problem, eager=True, form="single", work=None, **python)


@pytest.mark.parametrize("runs", [1, 3, 20])
@pytest.mark.parametrize("size", [50, "full"])
@pytest.mark.parametrize(("form", "dtype"), [("lanes", "float64"), ("Python", "float64")])
def test_every_loop_draws_the_same_labels(runs, size, form, dtype):
    """In vectors of lanes and one by one; the last mini-batch of an epoch is smaller, and has fewer labels."""
    problem, rates = problem_of(CLASSES), np.geomspace(1e-3, 1e-2, runs)
    (x, y), penalty = problem.data, problem.constants[0]
    expected = np.tile(optbench.objective(problem).start(2), (runs, 1))
    second = np.zeros_like(expected)
    for t, rows in enumerate(optbench.mini_batches(problem, batch_size=size, steps=STEPS, seed=2), start=1):
        numbers = np.array([ceil(uniform(key_of(2, t, 0), (1 << 30) + i) * SEEDS) / SEEDS for i in range(len(rows))])
        for r, rate in enumerate(rates):
            w = expected[r]
            if (t - 1) % EVERY == 0:
                shares = softmax(x[rows] @ w.reshape(x.shape[1], -1))
                second[r] = softmax_slope(w, x[rows], chosen(shares, numbers))
            g = softmax_slope(w, x[rows], y[rows].astype(int)) + penalty * w
            expected[r] = w - rate * (g + len(rows) * second[r] ** 2)
    lanes = [Lane(rate, CATALOGUE.schedule("constant"), {}) for rate in rates]
    found = run_cohort(
        in_plain_python(problem) if form == "Python" else problem,
        along_both,
        lanes,
        seed=2,
        batch_size=size,
        steps=STEPS,
        dtype=dtype,
        points=np.arange(STEPS + 1),
    )
    tolerance = 1e-11 if dtype == "float64" else 1e-4
    weights = np.concatenate([part.w for part in found.parts])
    np.testing.assert_allclose(weights, expected, rtol=tolerance, atol=tolerance)


def test_what_has_no_labels_is_refused():
    for problem in ("rosenbrock", "least_squares", "vae"):
        with pytest.raises(OptbenchError, match=rf"sophia_g needs .*, and {problem} draws none: choose"):
            optbench.minimize(problem, "sophia_g", lr=0.01, steps=1)
    stepper = optbench.stepper("sophia_g", np.ones(3), lr=0.1)
    for given in ({}, {"ahead": np.ones(3)}):
        with pytest.raises(OptbenchError):
            stepper.step(np.ones(3), **given)
    assert stepper.steps == 0
