"""The user's own data, .csv, .parquet and .npz: what is read, and one line for whatever is wrong with them."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from harness import CATALOGUE, gradient

from optbench import datasets
from optbench.contract.errors import OptbenchError
from optbench.engine.batches import start_point

X = np.random.default_rng(0).standard_normal((20, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.1


def table(**columns):
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]} | columns)


def written(folder, content, name="d.csv"):
    path = folder / name
    if isinstance(content, str):
        path.write_text(content)
    elif name.endswith(".npz"):
        np.savez(path, **content)
    else:
        getattr(content, "to_csv" if name.endswith(".csv") else "to_parquet")(path, index=False)
    return str(path)


@pytest.mark.parametrize("name", ["d.csv", "d.parquet"])
def test_a_table(tmp_path, name):
    path = written(tmp_path, table(target=Y), name)
    d = datasets.load(path)
    order = np.random.default_rng(0).permutation(20)
    train, test = order[:16], order[16:]
    np.testing.assert_allclose(d.x, (X[train] - X[train].mean(axis=0)) / X[train].std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(d.x_test, (X[test] - X[train].mean(axis=0)) / X[train].std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(d.y, (Y[train] - Y[train].mean()) / Y[train].std(), rtol=1e-12)
    assert d.classes == 0 and d.source == f"{path}, target target"
    first = datasets.load(f"file(path={path}, target=a)")
    assert first.x.shape == (16, 3) and np.corrcoef(first.y, X[train, 0])[0, 1] == pytest.approx(1)


def test_all_models_take_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, table(target=np.where(Y > 0, "yes", "no")))
    written(tmp_path, {"x": X, "y": Y}, "real.npz")
    for text in ("logistic(data=d.csv)", "softmax(data=./d.csv)", "mlp(data=d.csv)", "least_squares(data=real.npz)"):
        problem = CATALOGUE.problem(text)
        value, slope = gradient(problem, start_point(problem, 0))
        assert np.isfinite(value).all() and np.isfinite(slope).all() and len(problem.data[0]) == 16
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
        ([7.0, -3.0] * 10, None, None),
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
        np.testing.assert_array_equal(np.r_[d.y, d.y_test], np.array(codes)[order])


def test_the_arrays_of_a_file_may_fix_the_test_examples(tmp_path):
    images = np.arange(20 * 12, dtype=np.uint8).reshape(20, 3, 4)
    content = {"x": images, "y": np.array(["b", "c"] * 10), "x_test": images[:2], "y_test": np.array(["a", "b"])}
    d = datasets.load(written(tmp_path, content, "d.npz"))
    assert d.x.shape == (20, 12) and d.classes == 3
    assert d.y.tolist() == [1, 2] * 10 and d.y_test.tolist() == [0, 1]
    np.testing.assert_array_equal(d.x_test, d.x[:2])


def test_the_content_of_a_file_counts(tmp_path):
    path = written(tmp_path, table(target=Y))
    before = CATALOGUE.problem(f"least_squares(data={path})")
    written(tmp_path, table(target=Y**2))
    after = CATALOGUE.problem(f"least_squares(data={path})")
    assert before.name == after.name and before.digest != after.digest
    assert not np.array_equal(before.data[1], after.data[1])


def test_a_constant_feature_is_no_trouble(tmp_path):
    d = datasets.load(written(tmp_path, table(same=3, target=Y)))
    assert (d.x[:, 3] == 0).all() and np.isfinite(d.x).all()


GAP = np.where(np.arange(20) == 3, np.nan, X[:, 0])
BROKEN = [
    ("", None, "the file holds no examples"),
    ("a,b\n", None, "the file holds no examples"),
    ("1,2\n3,4\n", None, "the first line must name the columns"),
    (
        "5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n",
        None,
        "the first line must name the columns; it holds numbers",
    ),
    ("a,b\n1,2\n3,4\n", None, "2 examples are too few"),
    ("a,b\n1,2\n3,4,5,6\n", None, "cannot be read with sep=',': "),
    ("target\n1\n", None, "there is no column but the target 'target'"),
    (
        table(b=GAP, target=Y),
        None,
        r"column 'b' has 1 missing values: file\(path=.*d.csv', missing=drop\) leaves those rows out, missing=mean",
    ),
    (
        table(target=np.where(np.arange(20) < 2, np.inf, Y)),
        None,
        "the target 'target' has 2 values that are not finite",
    ),
    (table(target=[None, "a"] * 10), True, "column 'target' has 10 missing values"),
    (table(target=["a", "b"] * 10), False, "the target is text, not real numbers"),
    (table(target=Y), True, "the target has real values, not classes"),
    (table(target="a"), True, "all examples are of one class, 'a'"),
    (table(target=4), 2, "all examples are of one class, 4"),
    (table(target=4), False, "the target is constant"),
    (pd.concat([table(target=0)] * 6).assign(target=range(120)), True, "the target has 120 values; at most 100"),
]


@pytest.mark.parametrize(("content", "wanted", "message"), BROKEN, ids=range(len(BROKEN)))
def test_one_line_says_what_is_wrong_with_a_table(tmp_path, content, wanted, message):
    path = written(tmp_path, content)
    with pytest.raises(OptbenchError, match=message) as told:
        datasets.load(path, wanted)
    assert f"data set {path}" in str(told.value) and "\n" not in str(told.value)


OK = {"x": X, "y": Y}
ARRAYS = [
    ({"x": X}, "it must hold x and y"),
    ({}, "it must hold x and y, perhaps x_test and y_test, not none"),
    (OK | {"x_test": X}, "it must hold x and y, perhaps x_test and y_test, not x, y, x_test"),
    (
        OK | {"y": Y[1:]},
        r"must be numbers \(n, features\) and \(n,\), not float64 \(20, 3\) and float64 \(19,\)",
    ),
    (OK | {"x": Y}, "x and y must be numbers"),
    (OK | {"x": np.array(X, str)}, "x and y must be numbers"),
    ({"x": X[:0], "y": Y[:0]}, "x holds no examples"),
    (OK | {"x_test": X[:, :2], "y_test": Y}, "differ in their number of features"),
    (OK | {"x": np.c_[GAP, GAP]}, "x has 2 missing values"),
    (OK | {"x_test": X, "y_test": GAP}, "y_test has 1 missing values"),
    (OK | {"y": np.array([{}] * 20, object)}, "cannot be read"),
]


@pytest.mark.parametrize(("content", "message"), ARRAYS, ids=range(len(ARRAYS)))
def test_one_line_says_what_is_wrong_with_arrays(tmp_path, content, message):
    with pytest.raises(OptbenchError, match=message) as told:
        datasets.load(written(tmp_path, content, "d.npz"))
    assert "\n" not in str(told.value)


def test_one_line_says_what_is_wrong_with_a_path(tmp_path):
    path = written(tmp_path, table(target=Y))
    for text, message in (
        (f"{tmp_path}/none.csv", "none.csv: no such file"),
        (f"{tmp_path}", "this is a folder"),
        (written(tmp_path, "", "a.txt"), "must end in .csv, .tsv, .parquet, .npz, .svm or .libsvm"),
        (written(tmp_path, "no archive", "e.npz"), "e.npz: cannot be read"),
        (written(tmp_path, "no table", "e.parquet"), "e.parquet: cannot be read"),
        (f"file(path={path}, target=d)", f"unknown column of data set {path} 'd'"),
        (
            f"file(path={written(tmp_path, OK, 'd.npz')}, target=y)",
            "target is for .csv, .tsv and .parquet; here the array y",
        ),
    ):
        with pytest.raises(OptbenchError, match=message) as told:
            datasets.load(text)
        assert "\n" not in str(told.value)


def test_a_problem_gets_the_targets_it_wants(tmp_path):
    written(tmp_path, table(target=["a", "b", "c", "d"] * 5))
    with pytest.raises(OptbenchError, match="problem logistic: data '.*d.csv' has 4 classes, not 2 classes"):
        CATALOGUE.problem(f"logistic(data={tmp_path}/d.csv)")
