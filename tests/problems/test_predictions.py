"""Predictions of problems that learn from data: against the kernels' own loss and metrics, and scikit-learn's."""

import numpy as np
import pytest
from harness import evaluate, gradient, problem_of, save_arrays
from quick import some_quick
from sklearn import metrics

from optbench import datasets
from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError
from optbench.datasets.record import FIXED_SHARES, OWN_SHARES, SHARES, Raw, prepare_data_set, split_folds, split_rows
from optbench.engine.batches import start_point
from optbench.kit.networks import dense, layer_norm, network, relu, residual, sigmoid, tanh

RNG = np.random.default_rng(0)


def penalty(problem, w):
    return 0.5 * problem.constants[0] * w @ w


def huber(y, score, delta=0.5):
    error = np.abs(y - score)
    return np.where(error <= delta, error**2 / 2, delta * (error - delta / 2)).mean()


def composed():
    layers = [dense(9), tanh, layer_norm, residual(dense(9, bias=False), sigmoid, dense(9)), relu, dense(10)]
    return network("deep", layers, datasets.load("digits"))


CLASSES = {
    "logistic": penalty,
    "softmax": penalty,
    "logistic(data=logistic_model(examples=3000))": penalty,
    "mlp(hidden=(9, 7), activation='sigmoid')": None,
    "mlp(data=breast_cancer, activation='tanh')": None,
    "scale_invariant_mlp": None,
    "grokking": None,
    "rnn_xor": None,
    "zipf_recall": None,
    "convolution(channels=(3, 4))": None,
    "convolution(channels=(3, 4), stride=1, activation='relu')": None,
    "composed": None,
}
REAL = {
    "least_squares(l2=0.3)": lambda y, made: metrics.mean_squared_error(y, made) / 2,
    "ridge": lambda y, made: metrics.mean_squared_error(y, made) / 2,
    "huber": huber,
    "poisson": lambda y, made: metrics.mean_poisson_deviance(y, made) / 2,
    "matrix_completion": lambda y, made: metrics.mean_squared_error(y, made) / 2,
    "rnn_add": metrics.mean_squared_error,
    "phase_retrieval": lambda y, made: metrics.mean_squared_error(y, made) / 4,
}


def measure(problem, w, pair):
    if problem.evaluate is None:
        return gradient(problem, w, pair)[0]
    return evaluate(problem, w, pair)[0]


def parts_of(problem):
    """Weights away from the start, and for each part of the data what the kernel says at them."""
    w = start_point(problem, 3) + 0.05 * RNG.standard_normal(problem.dim)
    parts = filter(None, (problem.data, problem.validation, problem.test))
    return w, [(x, y, measure(problem, w, (np.asarray(x), y))) for x, y in parts]


@pytest.mark.parametrize("text", some_quick(CLASSES, {"softmax"}))
def test_probabilities_have_the_loss_and_the_accuracy_of_the_kernel(text, data_cache):
    problem = composed() if text == "composed" else problem_of(text)
    w, parts = parts_of(problem)
    for x, y, (loss, accuracy) in parts:
        made = problem.predict(w, np.asarray(x))
        more = CLASSES[text](problem, w) if CLASSES[text] else 0.0
        assert metrics.log_loss(y, made, labels=range(made.shape[1])) + more == pytest.approx(loss, rel=1e-10)
        assert metrics.accuracy_score(y, made.argmax(axis=1)) == pytest.approx(accuracy, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("text", REAL)
def test_real_predictions_have_the_loss_of_the_kernel(text):
    problem = problem_of(text)
    w, parts = parts_of(problem)
    for x, y, (loss, *_) in parts:
        more = penalty(problem, w) if len(problem.constants) else 0.0
        assert REAL[text](y, problem.predict(w, x)) + more == pytest.approx(loss, rel=1e-10)


def test_a_squared_hinge_predicts_the_probabilities_that_minimize_it():
    """Zhang 2004: where a share p of the examples is 1, p max(0, 1 - s)^2 + (1 - p) max(0, 1 + s)^2 is least at s."""
    problem = problem_of("squared_hinge")
    w, parts = parts_of(problem)
    x, y, (_, accuracy) = parts[0]
    made = problem.predict(w, x)
    assert np.mean(made.argmax(axis=1) == y) == pytest.approx(accuracy, rel=1e-12)
    scores = np.linspace(-1, 1, 20_001)
    for share in (0.1, 0.5, 0.85):
        expected = share * np.maximum(0, 1 - scores) ** 2 + (1 - share) * np.maximum(0, 1 + scores) ** 2
        best = scores[expected.argmin()] * np.eye(problem.dim)[-1]
        np.testing.assert_allclose(problem.predict(best, x[:2]), [[1 - share, share]] * 2, atol=1e-4)


def test_an_autoencoder_predicts_no_target():
    assert problem_of("autoencoder").predict is None


@pytest.mark.parametrize("count", [5, 6, 7, 10, 199, 1797])
def test_every_example_is_in_one_part_and_the_test_rows_stay_where_they_were(count):
    parts = {shares: split_rows(count, shares) for shares in (SHARES, OWN_SHARES, FIXED_SHARES)}
    for rows in parts.values():
        assert sorted(np.concatenate(rows)) == [*range(count)] and len(rows.training)
    shipped, own, fixed = parts.values()
    order = np.random.default_rng(0).permutation(count)
    cut = round(0.8 * count)
    np.testing.assert_array_equal(shipped.training, order[:cut])
    np.testing.assert_array_equal(own.test, order[cut:])
    assert len(own.validation) and not len(fixed.test) and set(shipped.test) <= set(own.test) and len(shipped.test)


@pytest.mark.parametrize(("count", "folds"), [(5, 2), (5, 5), (101, 5), (199, 10), (569, 3)])
def test_each_example_tests_in_one_fold_and_all_folds_train_on_as_many(count, folds):
    parts = [split_folds(count, fold, folds) for fold in range(folds)]
    assert sorted(np.concatenate([rows.test for rows in parts])) == [*range(count)]
    for rows in parts:
        assert sorted(np.concatenate(rows)) == [*range(count)]
        assert len(rows.training) == len(parts[0].training) > 0 and len(rows.validation) - count // 5 in (0, 1)
    assert len(parts[0].training) == pytest.approx(count * (0.8 - 1 / folds), abs=2)
    if folds == 5:  # and each example validates in one of them
        assert len(set(np.concatenate([rows.validation for rows in parts]))) == count


@pytest.mark.parametrize(
    ("text", "folds", "message"),
    [
        ("rosenbrock", 5, "folds: rosenbrock learns from no data"),
        ("logistic(data='spirals(examples=5)')", 6, "folds: 6 are too many for 5 examples"),
        ("logistic(data=FILE)", 5, "folds: the test rows of FILE are fixed"),
    ],
)
def test_what_has_no_folds_is_one_line(tmp_path, text, folds, message):
    x, y = RNG.standard_normal((40, 3)), np.arange(40) % 2
    file = save_arrays(x, y, (x[:9], y[:9]), tmp_path)
    with pytest.raises(OptbenchError) as told:
        loader.load().problem(text.replace("FILE", f"'{file}'"), 0, folds)
    assert str(told.value) == message.replace("FILE", str(file))


def test_folds_of_a_problem_have_its_name_their_rows_and_their_minimum():
    catalogue = loader.load()
    whole = catalogue.problem("logistic(data=breast_cancer)")
    folds = [catalogue.problem("logistic(data=breast_cancer)", fold, 3) for fold in range(3)]
    assert {each.name for each in (whole, *folds)} == {"logistic"}
    assert len({each.minimum for each in (whole, *folds)}) == 4 and len({each.examples for each in folds}) == 1
    for each in folds:
        np.testing.assert_allclose(each.data_set.x.mean(axis=0), 0, atol=1e-12)
    assert sum(len(each.test[1]) for each in folds) == 569
    assert catalogue.problem("logistic(data=breast_cancer)").examples == whole.examples


def test_the_rows_of_a_set_repeat_its_split():
    x, y = RNG.standard_normal((40, 3)), np.arange(40) % 3
    for given in ({}, {"own": True}, {"own": True, "test": (x[:4] + 9, y[:4])}):
        d = prepare_data_set(Raw(x, y, 3, "", scaled=True, **given))
        np.testing.assert_array_equal(d.x, x[d.rows.training])
        np.testing.assert_array_equal(d.y_validation, y[d.rows.validation])
        np.testing.assert_array_equal(d.x_test, given["test"][0] if "test" in given else x[d.rows.test])
