"""Losses of networks put together of layers: against NumPy and its differences, without any library."""

import doctest

import numpy as np
import pytest
from harness import evaluate, gradient

from optbench.contract.errors import OptbenchError
from optbench.datasets import Dataset
from optbench.kit import torch_problems
from optbench.kit.layers import ACTIVATIONS
from optbench.kit.networks import dense, layer_norm, network, relu, residual, stack, tanh
from optbench.kit.torch_data import examples

RNG = np.random.default_rng(2)
X, CLASSES, REAL, MANY = (
    RNG.standard_normal((12, 4)), RNG.integers(0, 3, 12), RNG.standard_normal(12), RNG.standard_normal((12, 3))
)  # fmt: skip
APPLY = {
    "relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "linear": lambda z: z,
}  # fmt: skip


def by_hand(w, x, y, layers, loss):
    """Return the loss of a network in plain NumPy."""
    a, at = x, 0
    for wide, tall, bias, activation in layers:
        a = a @ w[at : at + wide * tall].reshape(wide, tall)
        at += wide * tall
        if bias:
            a, at = a + w[at : at + tall], at + tall
        a = APPLY[activation](a)
    assert at == len(w)
    if loss == "mse":
        return np.mean((a - y.reshape(a.shape)) ** 2)
    return np.mean(np.logaddexp.reduce(a, axis=1) - a[np.arange(len(a)), y])


@pytest.mark.parametrize(("loss", "y"), [("cross_entropy", CLASSES), ("mse", REAL), ("mse", MANY)])
@pytest.mark.parametrize("last", ACTIVATIONS)
@pytest.mark.parametrize("biases", [(True, True, True), (False, True, False), (False, False, False)])
def test_the_gradient_is_that_of_the_network(loss, y, last, biases):
    outputs = 1 if y is REAL else 3
    layers = [(4, 5, biases[0], "tanh"), (5, 6, biases[1], "sigmoid"), (6, outputs, biases[2], last)]
    fields = stack(loss, [(int(not bias), wide, tall, activation) for wide, tall, bias, activation in layers])
    w = RNG.standard_normal(fields["dim"])
    assert sum(np.prod(block) for block in fields["blocks"]) == len(w)
    x, target = examples(X, y, (X, y)).pairs()[2]
    layout, work, g = np.array(fields["layout"]), np.full(fields["work"](12, 1), np.nan), np.full_like(w, np.nan)
    value = fields["value_and_gradient"](w, g, x, target, layout, work)
    assert value == pytest.approx(by_hand(w, X, y, layers, loss), rel=1e-12)
    h = 1e-6
    slopes = [
        (by_hand(w + e, X, y, layers, loss) - by_hand(w - e, X, y, layers, loss)) / (2 * h) for e in h * np.eye(len(w))
    ]
    np.testing.assert_allclose(g, slopes, atol=1e-8)
    out = np.zeros(1 + len(fields["metrics"]))
    fields["evaluate"](w, out, x, target, layout, work)
    assert out[0] == pytest.approx(value, rel=1e-12)


def test_data_stay_as_they_are_and_are_split_like_data_sets():
    from optbench.datasets.record import Raw, prepare_data_set

    x, y = RNG.standard_normal((23, 3)), np.arange(23) % 4
    found = examples(x.tolist(), list(y))
    expected = prepare_data_set(Raw(x, y.astype(float), 4, "", scaled=True, own=True))
    for part in ("x", "y", "x_validation", "y_validation", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    assert (
        "14 training, 4 validation and 5 test rows" in found.text
        and "3 features, target: 4 classes; validation and test rows drawn with seed 0 (a fifth each); not stand"
        in found.text
    )
    images = examples(x.reshape(23, 3, 1), MANY[np.arange(23) % 12])
    assert (images.shape, images.targets, images.pairs()[0][0].shape) == ((3, 1), (3,), (14, 6))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((X[:3], REAL[:3]), "3 examples are too few; it takes at least 5"),
        ((X, REAL[:3]), "X has 12 rows, and y 3: give as many"),
        ((X, list("abcdefghijkl")), "y must be an array or a tensor of numbers, not .* of <U1"),
        ((None, REAL), "X must be an array or a tensor of numbers, not None"),
        (([[1], [1, 2]], REAL), "X must be an array or a tensor: ValueError"),
        ((np.where(X > 1, np.nan, X), REAL), "X holds numbers that are missing or not finite"),
        ((X.astype(int) + 2**25, REAL), "X holds whole numbers beyond 16,777,216, which float32 cannot"),
        ((X, REAL, X), "must be X and y of the test rows, a pair"),
        ((X, REAL, (X[:, :2], REAL)), "X is .12, 4., and that of test .12, 2.: give both the same features"),
        ((X, REAL, (X, MANY)), "y is .12,., and that of test .12, 3."),
    ],
)
def test_what_is_no_data_is_told_in_a_line(given, words):
    with pytest.raises(OptbenchError, match=words):
        examples(*given)


def test_without_the_library_one_line_says_so(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for call in (lambda: torch_problems.torch_problem(None, X, REAL), lambda: torch_problems.to_torch(None, X, None)):
        with pytest.raises(OptbenchError, match=r"need the extra 'torch': pip install -e '\.\[torch\]'"):
            call()


COMPOSED = [
    [dense(4), relu, layer_norm, residual(dense(4)), dense(3)],
    [dense(4), layer_norm, tanh, residual(dense(6), tanh, residual(dense(6, bias=False), layer_norm), dense(4)), tanh,
     dense(3)],
    [dense(5, bias=False), residual(residual(dense(5)), tanh), dense(3)],
]  # fmt: skip


def composed_by_hand(w, x, layers):
    """Return a network's outputs and how many of the weights ``w`` it took, in plain NumPy."""
    a, at = x, 0
    for layer in layers:
        if layer in APPLY:
            a = APPLY[layer](a)
        elif layer == layer_norm:
            gains, shifts = w[at : at + 2 * a.shape[1]].reshape(2, -1)
            spread = np.sqrt(a.var(axis=1, keepdims=True) + 1e-5)
            a, at = gains * (a - a.mean(axis=1, keepdims=True)) / spread + shifts, at + 2 * a.shape[1]
        elif layer[0] == "residual":
            made, taken = composed_by_hand(w[at:], a, layer[1])
            a, at = a + made, at + taken
        else:
            _, tall, bias = layer
            size = a.shape[1] * tall
            a = a @ w[at : at + size].reshape(-1, tall) + (w[at + size : at + size + tall] if bias else 0.0)
            at += size + tall * bias
    return a, at


@pytest.mark.parametrize(("loss", "layers"), [*(("cross_entropy", each) for each in COMPOSED), ("mse", COMPOSED[1])])
def test_networks_with_normalizations_and_residual_connections(loss, layers):
    """Value against the formula, gradient against its differences."""
    if loss == "mse":
        layers = [*layers[:-1], dense(1)]
    data = Dataset(X, REAL if loss == "mse" else CLASSES.astype(float), X, REAL, 3, "a test")
    problem = network("composed", layers, data, loss=loss)
    w = problem.start(RNG) + 0.1 * RNG.standard_normal(problem.dim)

    def value(w):
        outputs, taken = composed_by_hand(w, X, layers)
        assert taken == len(w) == sum(np.prod(block) for block in problem.blocks)
        if loss == "mse":
            return np.mean((outputs[:, 0] - REAL) ** 2)
        return np.mean(np.logaddexp.reduce(outputs, axis=1) - outputs[np.arange(12), CLASSES])

    found, slopes = gradient(problem, w)
    assert found[0] == pytest.approx(value(w), rel=1e-12)
    expected = [(value(w + e) - value(w - e)) / 2e-6 for e in 1e-6 * np.eye(len(w))]
    np.testing.assert_allclose(slopes[0], expected, atol=1e-8)
    assert evaluate(problem, w)[0, 0] == pytest.approx(found[0], rel=1e-12)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([relu, dense(3)], "relu must stand behind a layer without an activation"),
        ([dense(4), residual(dense(5)), dense(3)], "leads from 4 units to 5: make them equal"),
        ([dense(4), "softplus", dense(3)], "'softplus' is no layer: give dense"),
        ([dense(4), dense(2)], "the last one have 3 outputs, as cross_entropy needs it"),
        ([dense(0), dense(3)], "units=0 must be at least 1"),
    ],
)
def test_layers_that_do_not_fit_are_told_in_a_line(layers, message):
    with pytest.raises(OptbenchError, match=message):
        network("composed", layers, Dataset(X, CLASSES.astype(float), X, REAL, 3, "a test"))


def test_the_example_of_the_kit_runs():
    from optbench.kit import networks

    found = doctest.testmod(networks)
    assert found.attempted and not found.failed
