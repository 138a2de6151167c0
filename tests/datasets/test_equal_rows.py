"""Rows that repeat others: none of them is in two parts of a split, and their number is said."""

import numpy as np
import pandas as pd
import pytest
from harness import save_arrays

from optbench import OptbenchError, datasets
from optbench.kit.torch_data import examples

RNG = np.random.default_rng(5)
SHUFFLED = RNG.permutation(600)
X, LABELS = np.repeat(RNG.normal(size=(200, 4)), 3, axis=0)[SHUFFLED], np.repeat(RNG.integers(2, size=200), 3)[SHUFFLED]
SENTENCE = "400 of 600 rows repeat another one, and equal rows are in one part of the split"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows_of(*parts):
    return [{tuple(np.round(row, 9)) for row in part} for part in parts]


def check_apart(*parts):
    sets = rows_of(*parts)
    assert sum(map(len, sets)) == len(set().union(*sets)), "a row is in two parts"


def nearest_neighbor_accuracy(data):
    """What a model reaches that remembers its training rows and nothing else."""
    nearest = ((data.x_test[:, None] - data.x[None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.mean(data.y[nearest] == data.y_test)


def test_random_labels_of_copied_rows_cannot_be_remembered():
    pd.DataFrame(X).add_prefix("x").assign(y=LABELS).to_csv("d.csv", index=False)
    for name in ("d.csv", save_arrays(X, LABELS)):
        data = datasets.load(name, 2)
        check_apart(data.x, data.x_validation, data.x_test)
        assert [len(part) for part in data.rows] == [360, 120, 120] and SENTENCE in data.text
        assert nearest_neighbor_accuracy(data) < 0.7, (
            "200 coins: 0.7 is 5 standard deviations of the 40 in the test part"
        )


def test_copies_with_texts_and_gaps_are_copies():
    texts, numbers = np.where(X[:, 1] > 0, "up", None), np.where(X[:, 2] > 1, np.nan, X[:, 2])
    pd.DataFrame({"id": range(600), "a": X[:, 0], "b": texts, "c": numbers, "y": LABELS}).to_csv("d.csv", index=False)
    data = datasets.load("d.csv", 2)
    assert SENTENCE in data.text, "what numbers the rows does not make them different"
    check_apart(data.x[:, :1], data.x_validation[:, :1], data.x_test[:, :1])


def test_folds_and_given_test_rows_hold_no_copy_of_training():
    path, tested = save_arrays(X, LABELS), []
    for fold in range(5):
        with datasets.in_fold(fold, 5):
            data = datasets.load(path, 2)
        check_apart(data.x, data.x_validation, data.x_test)
        assert len(data.x) == 360
        tested += data.rows.test.tolist()
    assert sorted(tested) == list(range(600)), "each row is in the test part of one fold"
    data = datasets.load(save_arrays(X, LABELS, (RNG.normal(size=(40, 4)), LABELS[:40])), 2)
    check_apart(data.x, data.x_validation)
    assert len(data.x_test) == 40 and SENTENCE in data.text


def test_tensors_of_a_pytorch_problem_hold_none_either():
    made = examples(X.reshape(600, 2, 2), LABELS)
    check_apart(made.x, made.x_validation, made.x_test)
    assert SENTENCE in made.text


def test_a_table_of_a_few_categories_holds_observations_and_no_copies():
    """Passengers of one class and sex are not one passenger: equal features with both targets are split as before."""
    kind, lived = RNG.integers(6, size=300), RNG.integers(2, size=300)
    data = datasets.load(save_arrays(np.eye(6)[kind], lived), 2)
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_array_equal(data.rows.training, order[:180])
    assert "repeat" not in data.text


def test_too_few_different_rows_are_refused():
    path = save_arrays(np.tile([[0.0, 0], [0, 1], [1, 0], [1, 1]], (50, 1)), np.tile([0, 1, 1, 0], 50))
    with pytest.raises(OptbenchError, match="200 rows repeat 4 different ones; it takes at least 5"):
        datasets.load(path, 2)
