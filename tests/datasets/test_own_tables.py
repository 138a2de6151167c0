"""Tables with texts, gaps and several classes, against scikit-learn: what is learned from is what its tools make."""

import hashlib
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from harness import CATALOGUE, save_arrays
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from optbench import datasets
from optbench.contract.errors import OptbenchError
from optbench.datasets import tables
from optbench.datasets.preparation import to_numbers

ROWS = 60
RNG = np.random.default_rng(3)
TABLE = pd.DataFrame(
    {
        "id": RNG.permutation(ROWS) + 500,
        "age": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.integers(18, 80, ROWS)),
        "port": np.where(RNG.random(ROWS) < 0.2, None, RNG.choice(["S", "C", "Q"], ROWS)),
        "sex": RNG.choice(["male", "female"], ROWS),
        "alone": RNG.random(ROWS) < 0.5,
        "fare": RNG.random(ROWS) * 100,
        "fare2": RNG.random(ROWS),
        "unit": "EUR",
        "class": RNG.choice(["first", "second", "third"], ROWS),
        "churn": RNG.choice(["yes", "no"], ROWS),
    }
)
NUMBERS, TEXTS = ["age", "alone", "fare"], ["port", "sex", "class"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def expected(table, strategy):
    """Features by scikit-learn, fitted on the training rows: numbers, then texts."""
    order = np.random.default_rng(0).permutation(len(table))
    train, test = order[: round(0.6 * len(table))], order[round(0.8 * len(table)) :]
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing", missing_values=None),
        OneHotEncoder(drop="if_binary", handle_unknown="ignore", sparse_output=False),
    )
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy=strategy), StandardScaler()), NUMBERS), (texts, TEXTS)
    )
    table = table.astype(dict.fromkeys(TEXTS, object) | {"alone": float})
    table[TEXTS] = table[TEXTS].where(table[TEXTS].notna(), None)
    fitted = columns.fit(table.iloc[train])
    return fitted.transform(table.iloc[train]), fitted.transform(table.iloc[test]), train, test


@pytest.mark.parametrize("missing", ["", "mean", "drop"])
@pytest.mark.parametrize("ending", ["parquet", "tsv", "csv"])
def test_features_are_those_of_scikit_learn(missing, ending):
    if ending == "parquet":
        TABLE.astype({"class": "category"}).to_parquet("d.parquet")
    else:
        TABLE.to_csv(f"d.{ending}", index=False, sep="\t" if ending == "tsv" else ",")
    d = datasets.load(f"file(path=d.{ending}, drop=fare2, missing={missing!r}, target=churn)", 2)
    kept = TABLE.dropna() if missing == "drop" else TABLE
    train, test, rows, others = expected(kept, "mean" if missing == "mean" else "median")
    np.testing.assert_allclose(d.x, train, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(d.x_test, test, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(d.preparation.apply(kept.iloc[others]), test, rtol=1e-12, atol=1e-12)
    classes = (kept["churn"] == "yes").to_numpy(float)
    np.testing.assert_array_equal(d.y, classes[rows])
    np.testing.assert_array_equal(d.y_test, classes[others])
    assert len(d.digest) == 64 and d.preparation.classes == ("no", "yes")
    gaps, holes = int(TABLE["age"].isna().sum()), int(TABLE["port"].isna().sum())
    lost = int(TABLE.isna().any(axis=1).sum())
    fill = f"missing numbers filled in with the {missing or 'median'} of the training rows: age ({gaps})"
    told = [f"{lost} of 60 rows left out, where values are missing"]
    if missing != "drop":
        told = [fill, f"missing texts are a level of their own: port ({holes})"]
    ports = 3 + (missing != "drop")
    told.append(f"texts as columns of 0 and 1, one for each level: port ({ports}), sex (2), class (3)")
    assert d.notes == (*told, "columns left out: fare2 (as asked), id (numbers the rows), unit (constant)")
    assert "; ".join(d.notes) in d.text and d.text.endswith("numbers standardized by the training rows")


def test_what_was_learned_prepares_other_rows():
    TABLE.to_csv("d.csv", index=False)
    d = datasets.load("file(path=d.csv, target=churn)", 2)
    again = pickle.loads(pickle.dumps(d.preparation))
    assert again.numbers == (*NUMBERS[:2], "fare", "fare2") and list(again.levels) == TEXTS
    new = pd.DataFrame({"class": ["third", "fourth"], "sex": ["male", None], "port": ["S", "?"], "alone": [True, False],
                        "age": ["31", " "], "fare": [1, 2], "fare2": [0, 0]})  # fmt: skip
    with pytest.warns(UserWarning, match="in no training row") as told:
        x = again.apply(new)
    assert [str(each.message) for each in told] == [
        "column 'sex': 'missing' in no training row: none of its levels",
        "column 'class': 'fourth' in no training row: none of its levels",
    ]
    ages = TABLE["age"].iloc[d.rows.training]
    filled = ages.fillna(ages.median())
    np.testing.assert_allclose(x[:, 0], (np.array([31, ages.median()]) - filled.mean()) / filled.std(ddof=0))
    assert again.levels["port"] == ("C", "Q", "S", "missing")
    np.testing.assert_array_equal(x[:, 4:], [[0, 0, 1, 0, 1, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0, 0]])
    for rows, words in (
        (new.drop(columns="age"), "the rows to prepare have no column 'age'"),
        (new.assign(age="old"), "column 'age' holds 'old', which is no number"),
        (new.assign(fare=np.inf), "column 'fare' holds values that are not finite"),
        (np.ones(3), "must be a table or (rows, features)"),
        (np.ones((3, 2)), "have no column 'age': an array has x0, x1; pass a DataFrame with age, alone, "),
    ):
        with pytest.raises(OptbenchError) as refused:
            again.apply(rows)
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("last", "value"), [("no", np.nan), ("1_0", np.nan), ("1,009", np.nan), (" 2.5", 2.5), ("?", np.nan)]
)
def test_a_text_is_the_same_number_to_learn_from_and_to_predict_for(last, value):
    texts = pd.Series([*map(str, range(30)), last])
    learned = tables.read_column(texts)[0] if last != "1,009" else [*range(30), value]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = to_numbers("a", texts)
    np.testing.assert_array_equal(known, [*range(30), value])
    np.testing.assert_array_equal(known, learned)


def test_numbers_beyond_floats_are_left_out_by_name():
    TABLE[["age", "churn"]].assign(far=[10**400 + i for i in range(ROWS)]).to_csv("d.csv", index=False)
    d = datasets.load("file(path=d.csv, target=churn)")
    assert d.preparation.numbers == ("age",) and "columns left out: far (whole numbers beyond 1e308)" in d.notes
    assert d.warning.startswith("data set d.csv: 'far' holds whole numbers beyond 1e308, and is left out: write them")


def test_an_array_and_a_table_made_of_it_are_prepared_alike():
    x = RNG.standard_normal((30, 3))
    prepared = datasets.load(f"file(path='{save_arrays(x, np.arange(30) % 2)}')").preparation
    np.testing.assert_array_equal(prepared.apply(pd.DataFrame(x)), prepared.apply(x))


def test_rows_to_prepare_with_two_columns_of_one_name_are_refused():
    """In a line, wherever a table is read: spaces around a name do not tell columns apart."""
    TABLE.to_csv("d.csv", index=False)
    prepared = datasets.load("file(path=d.csv, target=fare)", False).preparation
    twice = pd.concat([TABLE, TABLE[["age"]].add_suffix(" ")], axis=1)
    with pytest.raises(OptbenchError, match="^the name 'age' stands over several columns; rename them$"):
        prepared.apply(twice)


def test_no_number_depends_on_a_test_row():
    order = np.random.default_rng(0).permutation(ROWS)
    changed = TABLE.copy()
    changed.loc[order[48:], ["age", "fare"]] *= 1000
    parts = []
    for table in (TABLE, changed):
        table.to_csv("d.csv", index=False)
        parts.append(datasets.load("file(path=d.csv, drop='id,churn', missing=mean, target=fare)", False))
    np.testing.assert_array_equal(parts[0].x, parts[1].x)
    np.testing.assert_array_equal(parts[0].y, parts[1].y)
    assert np.abs(parts[1].x_test).max() > 100


@pytest.mark.parametrize(
    ("target", "positive", "other"),
    [("churn", "no", "yes"), ("class", "second", "not second"), ("alone", "False", "True"), ("age", "50", "not 50")],
)
def test_the_class_that_is_one_can_be_named(target, positive, other):
    table = TABLE.drop(columns="id").fillna({"age": 50})
    table.to_csv("d.csv", index=False)
    problem = CATALOGUE.problem(f"logistic(data=file(path=d.csv, target={target}, positive={positive}))")
    ones = table[target].map(lambda value: f"{value:g}" if target == "age" else str(value)).to_numpy() == positive
    np.testing.assert_array_equal(problem.data[1], ones[np.random.default_rng(0).permutation(ROWS)[:36]])
    assert 0 < ones.sum() < ROWS and (
        f"0 is {other} ({ROWS - ones.sum()} rows), 1 is {positive} ({ones.sum()} rows)" in problem.data_text
    )
    assert CATALOGUE.problem(problem.name).name == problem.name


def test_question_marks_and_points_are_missing_values():
    TABLE[["fare", "age"]].assign(age=TABLE["age"].astype(object).where(TABLE["age"].notna(), "?")).to_csv(
        "d.csv", index=False
    )
    d = datasets.load("file(path=d.csv, missing=drop)", False)
    assert f"{TABLE['age'].isna().sum()} of 60 rows left out" in d.text


def test_the_empty_column_behind_a_last_separator_is_none():
    with open("d.csv", "w") as file:
        file.write("a,b,\n" + "".join(f"{i % 7},{i % 3},\n" for i in range(20)))
    assert datasets.load("d.csv").x.shape == (12, 1)


def test_arrays_with_gaps():
    x, y = RNG.standard_normal((30, 3)), np.arange(30) % 2
    holes = np.where(np.arange(30)[:, None] == [3, 8, 8], np.nan, x)
    path = save_arrays(holes, y)
    dropped = datasets.load(f"file(path='{path}', missing=drop, positive=0)")
    assert sum(map(len, dropped.rows)) == 28 and "2 of 30 rows left out" in dropped.text
    order = np.random.default_rng(0).permutation(30)
    for missing, strategy in (("''", "median"), ("mean", "mean")):
        filled = datasets.load(f"file(path='{path}', missing={missing})")
        pipeline = make_pipeline(SimpleImputer(strategy=strategy), StandardScaler()).fit(holes[order[:18]])
        np.testing.assert_allclose(filled.x, pipeline.transform(holes[order[:18]]), atol=1e-12)
        np.testing.assert_allclose(filled.preparation.apply(holes), pipeline.transform(holes), atol=1e-12)
        assert f"the {strategy} of the training rows: x0 (1), x1 (1), x2 (1)" in filled.text


def test_constant_and_wide_tables():
    wide = pd.DataFrame(RNG.standard_normal((20, 1500)), columns=[f"gene {i}" for i in range(1500)])
    wide.assign(same=0.1, gone=np.nan, y=wide["gene 0"] > 0).to_parquet("wide.parquet")
    d = datasets.load("wide.parquet")
    assert d.x.shape == (12, 1500) and "columns left out: gone (no values), same (constant)" in d.text
    assert d.classes == 2 and "1 is True" in d.text
    d = datasets.load(save_arrays(np.full((20, 2), 0.1), np.arange(20) / 3))
    assert d.x.shape == (12, 2) and np.abs(d.x).max() < 1e-12 and np.abs(d.x_test).max() < 1e-12


def test_truth_values_with_gaps_are_numbers():
    truth = [True, False, None, True, False] * 8
    pd.DataFrame({"t": truth, "y": np.arange(40) / 2}).to_csv("d.csv", index=False)
    d = datasets.load("file(path=d.csv, missing=drop, target=y)", False)
    raw = np.array([1.0, 0, 1, 0] * 8)[np.random.default_rng(0).permutation(32)[:19]]
    np.testing.assert_allclose(d.x[:, 0], (raw - raw.mean()) / raw.std(), rtol=1e-12)
    classes = datasets.load("file(path=d.csv, missing=drop, target=t)", 2)
    assert "0 is False (16 rows), 1 is True (16 rows)" in classes.text


def test_a_class_without_a_training_row_is_warned_of():
    rare = np.random.default_rng(0).permutation(40)[-1]
    table = pd.DataFrame({"x": RNG.random(40), "y": np.where(np.arange(40) == rare, "rare", "usual")})
    table.to_csv("d.csv", index=False)
    warning = "data set d.csv: no training row is of the class 'rare': it cannot be learned"
    assert datasets.load("d.csv", 2).warning == datasets.load("d.csv").warning == warning
    table.assign(y=np.arange(40) == rare).astype({"y": int}).to_csv("d.csv", index=False)
    assert "of the class '1'" in datasets.load("d.csv", 2).warning
    assert not datasets.load("d.csv").warning  # whole numbers may be real targets
    assert "of the class '1'" in datasets.load("file(path=d.csv, positive=1)").warning


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ([Decimal(i) / 4 for i in range(24)], np.arange(24) / 4),
        (pd.array([*range(23), None], "Int64"), [*range(23), np.nan]),
        (pd.array([True, False, None] * 8, "boolean"), [1, 0, np.nan] * 8),
        ([f" {i}.5 " for i in range(23)] + ["?"], [*(np.arange(23) + 0.5), np.nan]),
        ([2.0**80 + 2.0**40 * i for i in range(24)], [2.0**80 + 2.0**40 * i for i in range(24)]),
    ],
    ids=["decimals", "whole with a gap", "truth with a gap", "numbers as texts", "large"],
)
def test_numbers_of_every_kind_are_numbers(column, values):
    pd.DataFrame({"c": column, "y": np.arange(24) / 3}).to_parquet("d.parquet")
    d = datasets.load("file(path=d.parquet, missing=drop)", False)
    raw = np.asarray(values, float)[~np.isnan(values)]
    raw = raw[np.random.default_rng(0).permutation(len(raw))[: len(d.x)]]
    digits = 1e-12 * max(1, np.abs(raw).max() / np.ptp(raw))  # StandardScaler's mean is rounded before it is taken away
    np.testing.assert_allclose(d.x[:, 0], (raw - raw.mean()) / raw.std(), rtol=digits, atol=digits)
    assert d.x.shape[1] == 1


def test_categories_are_texts_and_texts_of_numbers_are_numbers():
    columns = {"c": pd.Categorical(["3", "1"] * 12), "m": ["b", "1", "2.5"] * 8, "n": ["3", "1"] * 12}
    pd.DataFrame(columns | {"y": np.arange(24) / 3}).to_parquet("d.parquet")
    d = datasets.load("d.parquet")
    assert d.x.shape[1] == 1 + 3 + 1 and d.text.split("one for each level: ")[1].startswith("c (2), m (3); ")


X = np.random.default_rng(0).standard_normal((20, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.1


def table(**columns):
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]} | columns)


def written(folder, content, name="d.csv"):
    path = folder / name
    if isinstance(content, str):
        path.write_text(content)
    else:
        getattr(content, "to_csv" if name.endswith(".csv") else "to_parquet")(path, index=False)
    return str(path)


def test_all_models_take_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, table(target=np.where(Y > 0, "yes", "no")))
    written(tmp_path, table(target=Y), "real.parquet")
    for text in (
        "logistic(data=d.csv)",
        "softmax(data=./d.csv)",
        "mlp(data=d.csv)",
        "least_squares(data=real.parquet)",
    ):
        problem = CATALOGUE.problem(text)
        assert len(problem.data[0]) == 12
        file = text.split("=")[1][:-1]
        assert problem.digest == hashlib.sha256((tmp_path / file).read_bytes()).hexdigest()
        assert CATALOGUE.problem(problem.name).name == problem.name


@pytest.mark.parametrize(
    ("y", "wanted", "codes"),
    [
        (["no", "yes", "no", "maybe"] * 5, True, [1, 2, 1, 0] * 5),
        (["b", "a"] * 10, 2, [1, 0] * 10),
        ([True, False] * 10, True, [1, 0] * 10),
        ([7, -3] * 10, True, [1, 0] * 10),
        ([7.0, -3.0] * 10, True, [1, 0] * 10),
        ([7, -3] * 10, None, [1, 0] * 10),
        (["b", "a"] * 10, None, [1, 0] * 10),
        ([7, -3] * 10, False, None),
        ([0.5, 1.0] * 10, None, None),
        ([7.0, -3.0] * 10, None, [1, 0] * 10),
        ([*range(6), *range(6), *range(6), 0, 1], None, [*range(6), *range(6), *range(6), 0, 1]),
        ([*range(7), *range(7), *range(6)], None, None),
        ([0.0, 1.0, 2.0, 3.0] * 5, None, None),
    ],
)
def test_what_a_target_is(tmp_path, y, wanted, codes):
    path = written(tmp_path, table(target=y))
    d = datasets.load(path, wanted)
    order = np.random.default_rng(0).permutation(20)
    if codes is None:
        assert d.classes == 0 and d.y.std() == pytest.approx(1)
    else:
        assert d.classes == len(set(codes))
        np.testing.assert_array_equal(np.r_[d.y, d.y_validation, d.y_test], np.array(codes)[order])


def test_arrays_may_fix_the_test_examples(tmp_path):
    images = np.arange(20 * 12, dtype=np.uint8).reshape(20, 3, 4)
    d = datasets.load(save_arrays(images, np.array(["b", "c"] * 10), (images[:2], np.array(["a", "b"])), tmp_path))
    assert d.x.shape == (16, 12) and d.classes == 3
    assert d.y.tolist() == [1 + row % 2 for row in d.rows.training] and d.y_test.tolist() == [0, 1]
    flat = images.reshape(20, 12).astype(float)
    np.testing.assert_allclose(d.x_test, StandardScaler().fit(flat[d.rows.training]).transform(flat[:2]), rtol=1e-12)


def test_the_content_of_a_file_counts(tmp_path):
    path = written(tmp_path, table(target=Y))
    before = CATALOGUE.problem(f"least_squares(data={path})")
    written(tmp_path, table(target=Y**2))
    after = CATALOGUE.problem(f"least_squares(data={path})")
    assert before.name == after.name and before.digest != after.digest
    assert not np.array_equal(before.data[1], after.data[1])


def test_signs_in_names_and_texts_are_no_separators(tmp_path):
    rows = "".join(f"{('u', 'v|w', 'u|v')[i % 3]},{i * i % 7},{i % 2}\n" for i in range(24))
    assert datasets.load(written(tmp_path, f"a|c,b,y\n{rows}"), True).x.shape[1] == 4
