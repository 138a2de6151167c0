"""The multilayer perceptron against plain NumPy back-propagation."""

import numpy as np
import pytest
from harness import batch, evaluate, gradient, problem_of
from test_problems import ROWS, assert_close

from optbench.engine.batches import start_point

ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
}


def unpack(w, sizes):
    """[(weights (in, out), bias (out,)), ...]"""
    layers, at = [], 0
    for wide, tall in zip(sizes[:-1], sizes[1:], strict=True):
        layers.append((w[at : at + wide * tall].reshape(wide, tall), w[at + wide * tall : at + (wide + 1) * tall]))
        at += (wide + 1) * tall
    assert at == len(w)
    return layers


def backpropagation(w, x, y, sizes, activation):
    """(mean cross-entropy, gradient, accuracy), from the textbook: Bishop 2006, section 5.3."""
    f, slope = ACTIVATIONS[activation]
    layers = unpack(w, sizes)
    inputs, before = [x], []
    for k, (weights, bias) in enumerate(layers):
        before.append(inputs[-1] @ weights + bias)
        inputs.append(f(before[-1]) if k < len(layers) - 1 else before[-1])
    scores, label = inputs[-1], y.astype(int)
    total = np.logaddexp.reduce(scores, axis=1)
    loss = np.mean(total - scores[np.arange(len(x)), label])
    delta = (np.exp(scores - total[:, None]) - np.eye(sizes[-1])[label]) / len(x)
    parts = []
    for k in range(len(layers) - 1, -1, -1):
        parts += [delta.sum(axis=0), (inputs[k].T @ delta).ravel()]
        if k:
            delta = (delta @ layers[k][0].T) * slope(before[k - 1])
    return loss, np.concatenate(parts[::-1]), np.mean(scores.argmax(axis=1) == label)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (7,), (5, 9), (8, 4, 6)])
def test_mlp_equals_backpropagation(hidden, activation):
    problem = problem_of(f"mlp(hidden={hidden}, activation={activation})")
    sizes = (64, *hidden, 10)
    w = start_point(problem, 0) + 0.1 * np.random.default_rng(1).standard_normal((3, problem.dim))
    assert problem.blocks == tuple(part.shape for layer in unpack(w[0], sizes) for part in layer)
    for xy in (batch(problem), batch(problem, ROWS), problem.test):
        losses, slopes = gradient(problem, w, xy)
        told = evaluate(problem, w, xy)
        for r in range(3):
            loss, slope, accuracy = backpropagation(w[r], *xy, sizes, activation)
            assert losses[r] == pytest.approx(loss, rel=1e-12)
            assert_close(slopes[r], slope, 1e-11)
            np.testing.assert_allclose(told[r], [loss, accuracy], rtol=1e-12)


@pytest.mark.parametrize(
    ("initialization", "deviation"),
    [("he", (2 / 64) ** 0.5), ("xavier", (2 / 164) ** 0.5), ("large", 1.0), ("zero", 0.0)],
)
def test_initialization_has_the_spread_it_says(initialization, deviation):
    problem = problem_of(f"mlp(hidden=(100,), initialization={initialization})")
    (first, bias), (_, last_bias) = unpack(start_point(problem, 0), (64, 100, 10))
    assert first.std() == pytest.approx(deviation, rel=0.05)
    assert (bias == 0).all() and (last_bias == 0).all()


def test_a_symmetric_start_stays_symmetric():
    """From zero weights all hidden units are one and the same: the point of a random start."""
    problem = problem_of("mlp(initialization=zero, activation=sigmoid, hidden=(4,))")
    w = start_point(problem, 0)
    for _ in range(3):
        w = w - gradient(problem, w)[1][0]
    (_, bias), (last, _) = unpack(w, (64, 4, 10))
    assert np.abs(w).max() > 0.01
    np.testing.assert_allclose(last, np.tile(last[:1], (4, 1)), rtol=1e-9)
    np.testing.assert_allclose(bias, bias[0], rtol=1e-9)


def test_huge_scores_do_not_overflow():
    problem = problem_of("mlp(hidden=())")
    w = 1e4 * np.random.default_rng(0).standard_normal((2, problem.dim))
    losses, slopes = gradient(problem, w)
    for r in range(2):
        loss, slope, _ = backpropagation(w[r], *problem.data, (64, 10), "relu")
        assert losses[r] == pytest.approx(loss, rel=1e-12)
        assert_close(slopes[r], slope, 1e-9)
