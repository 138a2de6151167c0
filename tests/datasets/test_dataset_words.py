"""The description of a data set: rows, features, target, and a warning if its last column is hardly a target."""

import numpy as np
import pandas as pd
import pytest
from harness import CATALOGUE, save_arrays

from optbench import datasets
from optbench.contract.errors import OptbenchError

ROWS = 40
RNG = np.random.default_rng(5)
FEATURES = pd.DataFrame(RNG.standard_normal((ROWS, 2)), columns=["a", "b"])
KINDS = np.array(["setosa", "versicolor", "virginica", "other"])[RNG.permutation(ROWS) % 4]
DUMMIES = pd.get_dummies(KINDS, prefix="species")


@pytest.fixture
def written(tmp_path, monkeypatch):
    """written(columns) -> "d.csv", which holds two features and then these."""
    monkeypatch.chdir(tmp_path)

    def write(columns):
        pd.concat([FEATURES, pd.DataFrame(columns)], axis=1).to_csv("d.csv", index=False)
        return "d.csv"

    return write


def test_every_set_says_what_its_target_is():
    for name in set(datasets.NAMES) - {"file", "fashion_mnist", "mnist", "flights", "weather"}:
        text = datasets.load(name).text
        assert text.startswith(f"{name}: ") and "target: " in text and not datasets.load(name).warning


def test_given_test_rows_are_told_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    y = np.arange(ROWS) % 3 + 0.5
    path = save_arrays(np.asarray(FEATURES), y, (np.asarray(FEATURES)[:7], y[:7]))
    assert datasets.load(path).text == (
        f"{path}: 32 training, 8 validation and 7 test rows, 2 features, target array y, real, from 0.5 to 2.5; test "
        "rows as given, validation rows drawn with seed 0 from the others (a fifth of them); features and target "
        "standardized by the training rows"
    )


def test_an_error_says_what_the_column_looks_like(written):
    path = written(pd.DataFrame({"patient_id": range(ROWS)}))
    with pytest.raises(OptbenchError, match="has 40 classes, not 2 classes; .* looks like the number of the row; name"):
        CATALOGUE.problem(f"logistic(data={path})")
    pd.concat([FEATURES] * 3, ignore_index=True).assign(id=range(3 * ROWS)).to_csv(path, index=False)
    with pytest.raises(OptbenchError, match="120 values; at most 100 are classes; the last column, 'id', was taken as"):
        CATALOGUE.problem(f"softmax(data={path})")


def test_problems_pass_the_words_on(written):
    data = datasets.load(written(DUMMIES), True)
    problem = CATALOGUE.problem("mlp(data=d.csv)")
    assert data.warning and (problem.data_warning, problem.data_text) == (data.warning, data.text)
