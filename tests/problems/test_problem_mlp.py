"""Networks against plain NumPy back-propagation, PyTorch's recorded gradients, and what is known of their starts."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from every_problem import assert_close
from harness import batch, evaluate, gradient, problem_of
from problem_cases.neural import layers as unpack
from quick import slow, some_quick

from optbench.engine.batches import start_point

ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
}
RECORDED = np.load(Path(__file__).parents[1] / "reference" / "networks.npz")
NETWORKS = json.loads(str(RECORDED["index"]))


@pytest.mark.parametrize(("text", "number"), some_quick((text, number) for number, text in enumerate(NETWORKS)))
def test_torch_says_the_same(text, number):
    problem = problem_of(text)
    w, expected = RECORDED[f"{number}.w"], RECORDED[f"{number}.gradient"]
    assert len(w) == problem.dim
    x, y = (RECORDED.get(f"{number}.{part}", RECORDED[part]) for part in ("x", "y"))
    values, slopes = gradient(problem, w, (x, y))
    assert values[0] == pytest.approx(float(RECORDED[f"{number}.value"]), rel=1e-13)
    assert_close(slopes[0], expected, 1e-12)


def backpropagation(w, x, y, sizes, activation):
    """Return (mean cross-entropy, gradient, accuracy) by the textbook: Bishop 2006, section 5.3."""
    f, slope = ACTIVATIONS[activation]
    layers = unpack(w, itertools.pairwise(sizes))
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


@pytest.mark.parametrize("dtype", ["float64", slow("float32")])
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
    (first, bias), (_, last_bias) = unpack(start_point(problem, 0), [(64, 100), (100, 10)])
    assert first.std() == pytest.approx(deviation, rel=0.05)
    assert (bias == 0).all() and (last_bias == 0).all()


@pytest.mark.slow
def test_layers_before_a_normalization_are_scale_invariant():
    """f(c w) = f(w), so the gradient is orthogonal to w, and that at c w is 1/c of it."""
    problem = problem_of("scale_invariant_mlp(hidden=(20, 20))")
    w = start_point(problem, 0)
    blocks = np.split(np.arange(problem.dim), np.cumsum([np.prod(shape) for shape in problem.blocks])[:-1])
    (value,), (slope,) = gradient(problem, w)
    for block in (blocks[0], blocks[3]):
        assert abs(w[block] @ slope[block]) < 1e-5 * np.linalg.norm(w[block]) * np.linalg.norm(slope[block])
        grown = w.copy()
        grown[block] *= 3
        (same,), (smaller,) = gradient(problem, grown)
        assert same == pytest.approx(value, rel=1e-5)
        np.testing.assert_allclose(3 * smaller[block], slope[block], rtol=1e-3, atol=1e-4 * np.abs(slope[block]).max())
    last = blocks[-2]
    assert abs(w[last] @ slope[last]) > 0.01 * np.linalg.norm(w[last]) * np.linalg.norm(slope[last])


def test_grokking_adds():
    problem = problem_of("grokking(modulus=11, share=0.5)")
    parts = problem.data, problem.validation, problem.test
    assert [len(y) for _, y in parts] == [60, 12, 49]
    for x, y in parts:
        np.testing.assert_array_equal((x[:, :11] @ np.arange(11) + x[:, 11:] @ np.arange(11)) % 11, y)
        assert (x.sum(axis=1) == 2).all()
