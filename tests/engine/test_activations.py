"""The activations named by a^[l]{t}(i), against the same network written out in NumPy."""

import numpy as np
import pytest

import optbench
from optbench.engine.activations import mini_batch


@pytest.fixture(scope="module")
def network():
    return optbench.problems()["mlp"].build(
        {"data": "gaussian(examples=190, features=4, classes=3)", "hidden": (6, 5, 4), "activation": "tanh"}
    )


def by_hand(problem, w, x, layer):
    """Compute the layers one after the other, with the shapes written out."""
    w1, b1, w2, b2 = w[:24].reshape(4, 6), w[24:30], w[30:60].reshape(6, 5), w[60:65]
    w3, b3, w4, b4 = w[65:85].reshape(5, 4), w[85:89], w[89:101].reshape(4, 3), w[101:104]
    a1 = np.tanh(x @ w1 + b1)
    a2 = np.tanh(a1 @ w2 + b2)
    a3 = np.tanh(a2 @ w3 + b3)
    z4 = a3 @ w4 + b4
    return (x, a1, a2, a3, np.exp(z4) / np.exp(z4).sum(), z4)[layer]


@pytest.mark.parametrize("layer", range(5))
def test_the_activation_is_the_one_computed_by_hand(network, layer):
    w = np.random.default_rng(3).standard_normal(network.dim)
    x, _ = mini_batch(network, 8, 16, seed=5)
    given = {"layer": layer, "batch": 8, "example": 7, "batch_size": 16, "w": w, "seed": 5}
    np.testing.assert_allclose(optbench.trace(network, **given), by_hand(network, w, x[6], layer), rtol=1e-12)
    if layer == 4:
        np.testing.assert_allclose(optbench.trace(network, what="z", **given), by_hand(network, w, x[6], 5), rtol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_what_is_before_the_activation(activation):
    given = {"layer": 1, "batch": 1, "example": 1, "batch_size": 8, "w": np.linspace(-1, 1, 4 * 6 + 6 + 6 * 3 + 3)}
    problem = f"mlp(data=gaussian(examples=190, features=4, classes=3), hidden=(6,), activation={activation})"
    z, a = (optbench.trace(problem, what=what, **given) for what in ("z", "a"))
    assert (z > 0).any() and (z < 0).any()
    np.testing.assert_allclose(a, np.maximum(z, 0) if activation == "relu" else 1 / (1 + np.exp(-z)))


def test_a_run_saw_the_same_mini_batch(network):
    run = {"lr": 0.3, "batch_size": 16, "seed": 4}
    before = optbench.minimize(network, "gd", steps=7, **run).w
    _, y = mini_batch(network, 8, 16, seed=4)
    chances = [
        optbench.trace(network, layer=4, batch=8, example=i + 1, batch_size=16, w=before, seed=4) for i in range(16)
    ]
    loss = -np.mean([np.log(chance[int(k)]) for chance, k in zip(chances, y, strict=True)])
    assert loss == pytest.approx(
        optbench.minimize(network, "gd", steps=8, **run).curve["batch_loss"].iloc[-1], rel=1e-12
    )


def test_without_weights_it_is_the_start_point_of_the_seed(network):
    start = optbench.minimize(network, "gd", lr=1e-300, steps=1, seed=9).w
    given = {"layer": 3, "batch": 2, "example": 1, "seed": 9}
    np.testing.assert_array_equal(optbench.trace(network, **given), optbench.trace(network, w=start, **given))
