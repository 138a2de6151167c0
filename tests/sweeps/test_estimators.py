"""scikit-learn's own checks of the estimators, and their answers beside scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
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


def test_a_table_with_texts_and_gaps_is_learned_and_kept(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.integers(20, 70, 200).astype(float), "city": rng.choice(["Oslo", "Rome"], 200)})
    table["id"] = [f"{i}" for i in range(200)]
    left = pd.Series(np.where((table["city"] == "Rome") & (table["age"] > 40), "yes", "no"), name="left")
    table.loc[::11, "age"] = None
    table.loc[::13, "city"] = None
    mine = OptbenchClassifier((8,)).fit(table, left)
    assert mine.score(table, left) > 0.9
    mine.model_.save(tmp_path / "left.json")
    kept = optbench.load_model(tmp_path / "left.json")
    assert (kept.predict(table) == mine.predict(table)).all() and kept.preparation.target == "left"


def test_a_grid_search_tunes_it():
    X, y = load_breast_cancer(return_X_y=True)
    grid = GridSearchCV(OptbenchClassifier(epochs=5), {"lr": [1e-6, 0.01], "optimizer": ["gd", "adam_torch"]}, cv=2)
    assert grid.fit(X, y).best_params_["lr"] == 0.01 and grid.best_score_ > 0.9


@pytest.mark.parametrize("given, words", [
    ({"hidden": 8}, "hidden=8 must be a tuple"), ({"hidden": (0,)}, "hidden"), ({"activation": "gelu"}, "activation"),
    ({"l2": -1}, "l2=-1 must be"), ({"optimizer": "adm"}, "did you mean 'adam'"), ({"epochs": 0}, "epochs"),
    ({"lr": 1e12, "optimizer": "gd"}, "diverged at lr=1000000000000.0"), ({"schedule": "cosin"}, "cosine"),
])  # fmt: skip
def test_mistakes_are_a_line(given, words):
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(OptbenchError, match=words):
        OptbenchClassifier(**given).fit(X, y)
