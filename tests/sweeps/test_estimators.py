"""scikit-learn's own checks of the estimators, and their answers beside scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import optbench
from optbench import OptbenchClassifier, OptbenchError, OptbenchRegressor


@parametrize_with_checks(
    [OptbenchClassifier(epochs=20), OptbenchRegressor(epochs=20), OptbenchClassifier((8,), lr=0.03, l2=1e-3)]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_logistic_regression_is_scikit_learns():
    """With the intercept as a further feature, for here it is penalized, too."""
    X, y = load_breast_cancer(return_X_y=True)
    mine = OptbenchClassifier(optimizer="lbfgs", epochs=200).fit(X[:400], y[:400])
    assert mine.score(X[:400], y[:400]) == 1  # without a penalty these classes are separated
    mine = OptbenchClassifier(lr=0.03, batch_size="full", epochs=2000, schedule="cosine", l2=0.05).fit(X, y)
    # Two scores a class share the weight of one: their difference has half of its penalty.
    rows = np.column_stack([StandardScaler().fit_transform(X), np.ones(len(X))])
    other = LogisticRegression(C=2 / (0.05 * len(X)), fit_intercept=False).fit(rows, y)
    np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(rows), atol=2e-3)


def test_ridge_regression_is_scikit_learns():
    X, y = load_diabetes(return_X_y=True)
    mine = OptbenchRegressor(lr=0.03, batch_size="full", epochs=3000, schedule="cosine", l2=0.2).fit(X, y)
    # The mean squared error has no half, so l2/2 |w|^2 weighs alpha / n = l2 / 2.
    other = make_pipeline(StandardScaler(), Ridge(alpha=0.1 * len(X))).fit(X, y)
    np.testing.assert_allclose(mine.predict(X), other.predict(X), atol=0.05 * y.std())


def test_one_width_is_one_hidden_layer():
    X, y = load_breast_cancer(return_X_y=True)
    one, tuple_ = (OptbenchClassifier(hidden, lr=0.01, epochs=2).fit(X, y) for hidden in (4, (4,)))
    assert (one.model_.w == tuple_.model_.w).all()


def test_a_table_with_texts_and_gaps_is_learned_and_kept(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.integers(20, 70, 200).astype(float), "city": rng.choice(["Oslo", "Rome"], 200)})
    table["id"] = [f"{i}" for i in range(200)]
    left = pd.Series(np.where((table["city"] == "Rome") & (table["age"] > 40), "yes", "no"), name="left")
    table.loc[::11, "age"] = None
    table.loc[::13, "city"] = None
    with pytest.warns(UserWarning, match=r"columns left out: id \(numbers the rows\)"):
        mine = OptbenchClassifier((8,)).fit(table, left)
    assert mine.score(table, left) > 0.9
    mine.model_.save(tmp_path / "left.json")
    kept = optbench.load_model(tmp_path / "left.json")
    assert (kept.predict(table) == mine.predict(table)).all() and kept.preparation.target == "left"


@pytest.mark.parametrize("levels", [
    pd.Series(["u", 1.0, 2.5] * 20, dtype=object), pd.Series([1.0, 2.0, 3.0] * 20, dtype="category"),
])  # fmt: skip
def test_levels_and_nameless_columns_are_those_of_training_again(levels):
    """A whole number is the same level wherever it stands, and without a warning; a column called 0 is found again."""
    table = pd.DataFrame({0: levels, 1: np.random.default_rng(0).normal(size=60)})
    mine = OptbenchClassifier(lr=0.3).fit(table, (levels == levels[0]).astype(int))
    assert mine.model_.preparation.texts == ("x0",) and mine.score(table, levels == levels[0]) == 1
    assert (mine.model_.predict(table) == mine.predict(table)).all()


def test_a_dataframe_loses_ids_dates_and_constants_as_in_a_sweep():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(size=300), "id": [f"C{i:05}" for i in range(300)], "country": "NO"})
    table["signed up"] = pd.date_range("2020-01-01", periods=300)
    y = (table["age"] + rng.normal(size=300) > 0).map({True: "active", False: "left"})
    with pytest.warns(UserWarning) as caught:
        mine = OptbenchClassifier().fit(table[:200], y[:200])
    (warning,) = caught
    assert all(f"{name} (" in str(warning.message) for name in ("id", "country", "signed up"))
    assert warning.filename == __file__ and mine.model_.preparation.numbers == ("age",)
    assert mine.score(table[200:], y[200:]) > 0.65  # without a further warning: warnings are errors here


def test_cross_validation_warns_once():
    table = pd.DataFrame({"age": np.arange(90.0) % 7, "code": [f"C{i:05}" for i in range(90)]})
    with pytest.warns(UserWarning, match=r"columns left out: code \(60 different texts\)") as caught:
        cross_val_score(OptbenchClassifier(lr=0.1, epochs=2), table, table["age"] > 3, cv=3)
    assert len(caught) == 1


@pytest.mark.parametrize("problem, optimizer, written", [
    ("softmax(data=breast_cancer)", "momentum", "momentum(beta1=0.9)"), ("ridge", "gd", "gd"),
    ("mlp(data=breast_cancer, hidden=(4, 3))", "lbfgs", "lbfgs(memory=10.0)"),
])  # fmt: skip
def test_a_sweeps_best_setting_is_an_estimator(problem, optimizer, written):
    size = "full" if optimizer == "lbfgs" else 16
    setting = {"learning_rates": [0.02], "batch_sizes": [size], "schedules": ["constant"], "epochs": 3, "seeds": 3}
    best = optbench.sweep(problems=[problem], optimizers=[optimizer], **setting).best()
    right, wrong = (OptbenchClassifier, OptbenchRegressor)[:: -1 if problem == "ridge" else 1]
    X, y = (load_diabetes if problem == "ridge" else load_breast_cancer)(return_X_y=True)
    mine, model = right.from_best(best).fit(X, y), best.fit()
    assert mine.model_.architecture.layers == model.architecture.layers and mine.l2 == model.architecture.l2
    assert (mine.optimizer, mine.lr, mine.batch_size, mine.epochs) == (written, best.lr, size, 3)
    with pytest.raises(OptbenchError, match=f"is for {right.__name__}.from_best"):
        wrong.from_best(best)


def test_a_rate_is_chosen_on_rows_that_taught_nothing():
    """Not even the mean: a row that is far out is either trained on, or unknown to what is trained."""
    X, y = load_diabetes(return_X_y=True)
    seen = []

    class Spy(OptbenchRegressor):
        def _train(self, data, rates, baseline=False):
            seen.append(data)
            return super()._train(data, rates, baseline)

    Spy(epochs=2).fit(X, y)
    tuned = seen[0]
    assert len(tuned.x) < len(X) and np.allclose(tuned.x.mean(axis=0), 0) and np.isclose(tuned.y.mean(), 0)
    assert not np.isclose(tuned.y_test.mean(), 0, atol=1e-3)


def test_a_grid_search_tunes_it():
    X, y = load_breast_cancer(return_X_y=True)
    grid = GridSearchCV(OptbenchClassifier(epochs=5), {"lr": [1e-6, 0.01], "optimizer": ["gd", "adam_torch"]}, cv=2)
    assert grid.fit(X, y).best_params_["lr"] == 0.01 and grid.best_score_ > 0.9


@pytest.mark.parametrize("given, words", [
    ({"hidden": "8"}, "hidden='8' must be"), ({"hidden": (0,)}, "hidden"),
    ({"activation": "gelu"}, "activation"),
    ({"optimizer": "sgd"}, "did you mean gd"),
    ({"l2": -1}, "l2=-1 must be"), ({"optimizer": "adm"}, "did you mean 'adam'"), ({"epochs": 0}, "epochs"),
    ({"lr": 1e12, "optimizer": "gd"}, "diverged at lr=1000000000000.0"), ({"schedule": "cosin"}, "cosine"),
])  # fmt: skip
def test_mistakes_are_a_line(given, words):
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(OptbenchError, match=words):
        OptbenchClassifier(**given).fit(X, y)


def test_a_rule_that_draws_labels_has_none_to_draw_in_a_regression():
    with pytest.raises(OptbenchError, match="^OptbenchRegressor: sophia_g needs .*, and this problem draws none"):
        OptbenchRegressor(optimizer="sophia_g", lr=0.01).fit(np.eye(20), np.arange(20.0))
