"""Predictions of an architecture against PyTorch's modules, and against scikit-learn's logistic regression."""

import numpy as np
import pytest

from optbench.contract.architecture import Architecture

LAYERS = ((0, 5, 8, "relu"), (0, 8, 8, "tanh"), (2, 8, 8, "linear"), (4, 8, 8, "linear"), (1, 8, 6, "sigmoid"),
          (0, 6, 3, "linear"))  # fmt: skip


def test_a_network_predicts_as_in_pytorch():
    """With a normalization, a residual connection, and a layer without bias."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    made, x = Architecture(LAYERS, "cross_entropy"), rng.normal(size=(7, 5))
    w = rng.normal(size=made.dim)
    left = torch.tensor(w)

    def take(*shape):
        nonlocal left
        part, left = left[: int(np.prod(shape))].reshape(shape), left[int(np.prod(shape)) :]
        return part

    one = torch.relu(torch.tensor(x) @ take(5, 8) + take(8))
    two = torch.tanh(one @ take(8, 8) + take(8))
    three = torch.nn.functional.layer_norm(two, (8,), take(8), take(8))
    four = torch.sigmoid((three + one) @ take(8, 6))
    expected = torch.softmax(four @ take(6, 3) + take(3), dim=1)
    assert len(left) == 0 and not made.is_dense
    np.testing.assert_allclose(made.predict(w, x), expected.numpy(), rtol=1e-12)


def test_one_score_predicts_as_scikit_learns_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 3))
    model = LogisticRegression().fit(x, x[:, 0] > 0.2)
    w = np.append(model.coef_, model.intercept_)
    layer = ((0, 3, 1, "linear"),)
    np.testing.assert_allclose(Architecture(layer, "log_loss").predict(w, x), model.predict_proba(x), rtol=1e-12)
    np.testing.assert_allclose(Architecture(layer, "mse").predict(w, x), model.decision_function(x), rtol=1e-12)


def test_units_that_are_0_on_every_row_are_dead():
    """Biases silence 4 of 8 units and then 2 of 4; one of the others fires on the last of many rows alone."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 3))
    weights, bias = rng.normal(size=(3, 8)), np.repeat([-1e3, 1.0], 4)
    sums = x @ weights[:, 4]
    x[[sums.argmax(), -1]] = x[[-1, sums.argmax()]]
    bias[4] = -np.mean(np.sort(sums)[-2:])
    hidden = np.maximum(x @ weights + bias, 0)
    assert (hidden > 0).any(axis=0).sum() == 4 and np.flatnonzero(hidden[:, 4]).tolist() == [299]
    second, low = rng.normal(size=(8, 4)), np.array([-1e3, 1e3, -1e3, 1e3])
    w = np.concatenate([weights.ravel(), bias, second.ravel(), low, np.zeros(4)])
    layers = ((0, 3, 8, "relu"), (0, 8, 4, "relu"), (1, 4, 1, "linear"))
    assert Architecture(layers, "mse").share_dead(w, x) == (4 + 2) / (8 + 4)
    assert Architecture((layers[0], (0, 8, 4, "tanh"), layers[2]), "mse").share_dead(w, x) == 4 / 8
    assert np.isnan(Architecture(((0, 3, 8, "tanh"), *layers[2:]), "mse").share_dead(w, x))
