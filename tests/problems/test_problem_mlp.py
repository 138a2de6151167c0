"""Networks against plain NumPy back-propagation, PyTorch's recorded gradients, and what is known of their starts."""

import json
from pathlib import Path

import numpy as np
import pytest
from every_problem import ROWS, assert_close
from harness import batch, evaluate, gradient, problem_of

from optbench.engine.batches import start_point

ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
}
RECORDED = np.load(Path(__file__).parents[1] / "reference" / "networks.npz")
NETWORKS = json.loads(str(RECORDED["index"]))


@pytest.mark.parametrize("number", range(len(NETWORKS)), ids=NETWORKS)
def test_torch_says_the_same(number):
    problem = problem_of(NETWORKS[number])
    w, expected = RECORDED[f"{number}.w"], RECORDED[f"{number}.gradient"]
    assert len(w) == problem.dim
    values, slopes = gradient(problem, w, (RECORDED["x"], RECORDED["y"]))
    assert values[0] == pytest.approx(float(RECORDED[f"{number}.value"]), rel=1e-13)
    assert_close(slopes[0], expected, 1e-12)


def test_every_network_is_recorded():
    assert {text.split("(")[0] for text in NETWORKS} == {"mlp", "deep_narrow", "autoencoder", "convolution"}


def unpack(w, sizes):
    """[(weights (in, out), bias (out,)), ...]"""
    layers, at = [], 0
    for wide, tall in zip(sizes[:-1], sizes[1:], strict=True):
        layers.append((w[at : at + wide * tall].reshape(wide, tall), w[at + wide * tall : at + (wide + 1) * tall]))
        at += (wide + 1) * tall
    assert at == len(w)
    return layers


def backpropagation(w, x, y, sizes, activation):
    """Return (mean cross-entropy, gradient, accuracy) by the textbook: Bishop 2006, section 5.3."""
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


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", [(1,), (33,), (65, 3), (300, 300)])
@pytest.mark.parametrize("rows", [1, 3, 65, 1438])
def test_products_in_pieces_equal_backpropagation(rows, hidden, dtype):
    """Shapes that divide by nothing, and all the ways to multiply: see optbench/kit/products.py."""
    problem = problem_of(f"mlp(hidden={hidden}, activation=tanh)")
    w = start_point(problem, 0).astype(dtype)
    x, y = batch(problem, np.arange(rows), dtype)
    loss, slope, accuracy = backpropagation(w.astype(float), x.astype(float), y, (64, *hidden, 10), "tanh")
    values, slopes = gradient(problem, w, (x, y), dtype)
    close = {"float64": 1e-11, "float32": 1e-4}[dtype]
    assert values.dtype == dtype and values[0] == pytest.approx(loss, rel=close)
    assert_close(slopes[0].astype(float), slope, close)
    np.testing.assert_allclose(evaluate(problem, w, (x, y), dtype)[0], [loss, accuracy], rtol=close)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_weight_that_is_no_number_shows_in_the_loss(bad):
    """By which divergence is told, wherever in the network it stands."""
    problem = problem_of("mlp(hidden=(5,))")
    w = np.tile(start_point(problem, 0), (4, 1))
    for run, at in enumerate((30 * 5 + 1, 64 * 5 + 1, 65 * 5 + 13, problem.dim - 1)):
        w[run, at] = bad
    assert not np.isfinite(gradient(problem, w)[0]).any()
    assert not np.isfinite(evaluate(problem, w)[:, 0]).any()


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


def test_deep_narrow_starts_by_a_plateau():
    """The lowest layer hardly hears of the loss, and gradient descent stays at log(classes) or above."""
    problem = problem_of("deep_narrow")
    w = start_point(problem, 0)
    _, slope = gradient(problem, w)
    first, last = slope[0][: 65 * 8], slope[0][-9 * 10 :]
    assert np.abs(first).max() < 1e-3 * np.abs(last).max()
    for _ in range(150):
        w = w - 0.5 * gradient(problem, w)[1][0]
    value, slope = gradient(problem, w)
    assert np.log(10) - 0.01 < value[0] < np.log(10) + 0.01 and np.abs(slope).max() < 0.01
    # It is no minimum: the perceptron of one layer, with fewer steps, is far below.
    shallow = problem_of("mlp(hidden=(8,), activation=sigmoid)")
    w = start_point(shallow, 0)
    for _ in range(150):
        w = w - 0.5 * gradient(shallow, w)[1][0]
    assert gradient(shallow, w)[0][0] < 2.0


def test_an_autoencoder_first_learns_the_mean_image():
    """With zero weights the output is one image for all, and the best such image leaves the variance."""
    problem = problem_of("autoencoder(hidden=(3,), output=linear, initialization=zero)")
    x = problem.data[0]
    w = np.zeros(problem.dim)
    w[-64:] = x.mean(axis=0)
    value, slope = gradient(problem, w)
    assert value[0] == pytest.approx(x.var(axis=0).mean(), rel=1e-12)
    assert np.abs(slope[0][-64:]).max() < 1e-12


def test_filters_see_the_image_as_a_shift():
    """A filter with its one 1 in a corner moves the image by a pixel, and what leaves it is lost."""
    problem = problem_of("convolution(channels=(1,), stride=1, activation=relu)")
    x, y = problem.data[0][:3], problem.data[1][:3]
    moved = np.zeros((3, 8, 8))
    moved[:, 1:, 1:] = x.reshape(3, 8, 8)[:, :-1, :-1]
    w = start_point(problem, 0)
    w[:10] = 0.0
    w[0] = 1.0
    loss = gradient(problem, w, (x, y))[0][0]
    expected, _, _ = backpropagation(w[10:], moved.reshape(3, 64), y, (64, 10), "relu")
    assert loss == pytest.approx(expected, rel=1e-13)
