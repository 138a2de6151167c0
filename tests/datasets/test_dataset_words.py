"""The description of a data set: rows, features, target, and a warning if its last column is hardly a target."""

import numpy as np
import pandas as pd
import pytest
from harness import CATALOGUE, save_arrays

from optbench import datasets
from optbench.contract import names
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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "breast_cancer",
            "breast_cancer: 455 training, 57 validation and 57 test rows, 30 features, target: malignant or benign "
            "(2 classes)",
        ),
        (
            "diabetes",
            "diabetes: 354 training, 44 validation and 44 test rows, 10 features, target: progression after a year, "
            "real, from 25 to 346",
        ),
        (
            "gaussian(examples=50, features=20)",
            "gaussian(examples=50): 40 training, 5 validation and 5 test rows, 20 features, target: what the teacher "
            "says (2 classes)",
        ),
    ],
)
def test_sets_with_a_name(name, text):
    assert datasets.load(name).text == text


def test_every_set_says_what_its_target_is():
    for name in set(datasets.NAMES) - {"file", "fashion_mnist", "mnist", "flights", "weather"}:
        text = datasets.load(name).text
        assert text.startswith(f"{name}: ") and "target: " in text and not datasets.load(name).warning


def test_the_target_of_a_file_is_named(written):
    y = np.arange(ROWS) % 3 + 0.5
    path = written({"y": y})
    prepared = "; validation and test rows drawn with seed 0 (a fifth each); features standardized by the training rows"
    size = "d.csv: 24 training, 8 validation and 8 test rows, 2 features, target "
    assert datasets.load(path).text == size + "column 'y' (the last one), real, from 0.5 to 2.5" + prepared.replace(
        "features", "features and target"
    )
    assert datasets.load("file(path=d.csv, target=y)").text == size + "column 'y', real, from 0.5 to 2.5" + (
        prepared.replace("features", "features and target")
    )
    written({"kind": KINDS})
    assert datasets.load(path).text == size + "column 'kind' (the last one), 4 classes: " + (
        f"other 10, setosa 10, versicolor 10, virginica 10 rows{prepared}"
    )
    written({"kind": [*range(12), *range(12), *range(12), 0, 0, 0, 1]})
    assert datasets.load(path).text == size + "column 'kind' (the last one), 12 classes: 3 to 6 rows each" + prepared
    path = save_arrays(np.asarray(FEATURES), y, (np.asarray(FEATURES)[:7], y[:7]))
    told = datasets.load(path).text
    assert (
        told
        == f"{path}: 32 training, 8 validation and 7 test rows, 2 features, target array y, real, from 0.5 to 2.5"
        + (
            "; test rows as given, validation rows drawn with seed 0 from the others (a fifth of them); "
            "features and target standardized by the training rows"
        )
    )


def shuffled(first):
    return RNG.permutation(ROWS) + first


@pytest.mark.parametrize(
    ("columns", "likely"),
    [
        (DUMMIES, "one of the dummies species_other, species_setosa, species_versicolor, ..."),
        ({f"my kind={i}": (np.arange(ROWS) % 3 == i) * 1.0 for i in range(3)}, "one of the dummies my kind=0, "),
        ({"rank": shuffled(1)}, "the number of the row"),
        ({"Unnamed: 0": shuffled(100)}, "the number of the row"),
        ({"patient_id": shuffled(0) * 7}, "the number of the row"),
        ({"CustomerID": shuffled(0) * 7}, "the number of the row"),
    ],
    ids=range(6),
)
def test_a_last_column_that_is_likely_to_be_no_target_is_told(written, columns, likely):
    path = written(columns)
    last = list(pd.DataFrame(columns).columns)[-1]
    data = datasets.load(path)
    wanted = f"data set d.csv: the last column, {last!r}, was taken as the target and looks like {likely}"
    assert data.warning.startswith(wanted) and "\n" not in data.warning
    hint = data.warning.split("name another: ")[1]
    assert hint == "file(path='d.csv', target='NAME'), or --target NAME"
    named = datasets.load(hint.removesuffix(", or --target NAME").replace("NAME", "a"))
    assert ("numbers the rows" in named.text) == (likely == "the number of the row") and not named.warning
    assert "target column 'a', real" in named.text
    assert not datasets.load(names.canonical("file", {"path": path, "target": last})).warning, "it was asked for"


@pytest.mark.parametrize(
    "columns",
    [
        {"is_new": [0, 1] * 20, "is_red": [1, 1] * 20, "is_sold": [0, 1] * 20},
        {"size_m": [0, 1] * 20, "size_total": np.arange(ROWS) / 7},
        {"count": np.arange(ROWS) // 2},
        {"index": np.arange(ROWS) / 3},
        {"idle": shuffled(5)},
        {"id": KINDS},
        DUMMIES.assign(y=np.arange(ROWS) / 3),
    ],
    ids=range(7),
)
def test_other_columns_are_not(written, columns):
    assert datasets.load(written(columns)).warning == ""


def test_an_error_says_what_the_column_looks_like(written):
    written({"patient_id": shuffled(0)})
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
    digits = datasets.load("digits").text
    assert CATALOGUE.problem("mlp").data_text == CATALOGUE.problem("softmax").data_text == digits
    assert CATALOGUE.problem("autoencoder").data_text == f"{digits}; the target is not used"
    counts = CATALOGUE.problem("poisson").data_text
    assert counts.startswith(
        "generated counts: 1,000 training, 125 validation and 125 test rows, 10 features, target: counts from 0 to"
    )
    assert CATALOGUE.problem("rosenbrock").data_text == ""
