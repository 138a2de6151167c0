"""Data in memory as a problem by name: the file that they are kept in, what is learned from it, and what is refused."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from harness import CATALOGUE

import optbench
from optbench import datasets
from optbench.contract import names
from optbench.contract.errors import OptbenchError

ROWS = 40
RNG = np.random.default_rng(7)
X = RNG.standard_normal((ROWS, 3))
Y = (X[:, 0] + RNG.standard_normal(ROWS) > 0).astype(int)
TABLE = pd.DataFrame(X, columns=["a", "b", "c"]).assign(
    city=RNG.choice(["x", "y", "z"], ROWS),
    kind=pd.Categorical(RNG.integers(0, 3, ROWS)),
    churn=np.where(Y, "yes", "no"),
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OPTBENCH_DATA", str(tmp_path))
    return tmp_path / "arrays"


def data_of(name):
    return datasets.load(names.parse(name)[1]["data"], True)


def test_arrays_are_learned_from_as_they_are(cache):
    name = optbench.with_data("logistic(l2=0.5)", X, Y)
    problem = CATALOGUE.problem(name)
    assert problem.name == name and "l2=0.5" in name
    order = np.random.default_rng(0).permutation(ROWS)[:24]
    raw = X[order]
    np.testing.assert_allclose(problem.data[0][:, :3], (raw - raw.mean(axis=0)) / raw.std(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(problem.data[1], Y[order])
    (file,) = cache.iterdir()
    assert problem.digest == hashlib.sha256(file.read_bytes()).hexdigest()


def test_equal_data_are_one_file_of_the_same_bytes(cache, tmp_path):
    torch_like = type("Tensor", (), {"__array__": lambda self, dtype=None, copy=None: X})()
    spread = np.zeros((ROWS, 6))
    spread[:, ::2] = X
    several = [X, X.tolist(), X.copy(order="F"), scipy.sparse.csr_matrix(X), torch_like, spread[:, ::2]]
    found = {optbench.with_data("softmax", each, Y.tolist()) for each in several}
    assert len(found) == 1 and len(list(cache.iterdir())) == 1
    others = [optbench.with_data("softmax", x, y) for x, y in ((X + 1, Y), (X, 1 - Y), (X.astype(np.float32), Y))]
    assert len({*found, *others}) == 4
    again = optbench.with_data("softmax", X, Y, folder=tmp_path / "other")
    (one,), (other,) = (set(f.glob(re.search(r"\w+\.parquet", again)[0])) for f in (cache, tmp_path / "other"))
    assert one.read_bytes() == other.read_bytes()
    tables = [optbench.with_data("softmax", TABLE.copy(), "churn", folder=tmp_path / each) for each in ("one", "two")]
    contents = {next((tmp_path / each).iterdir()).read_bytes() for each in ("one", "two")}
    assert len(contents) == 1 and tables[0].replace("/one/", "/two/") == tables[1]


def test_a_table_is_what_it_is_as_a_file(tmp_path):
    path = tmp_path / "t.csv"
    TABLE.to_csv(path, index=False)
    # In a .csv the kinds are numbers: a table says that they are none.
    file = datasets.load(f"file(path={path}, drop=kind, target=churn, positive=no)", 2)
    name = optbench.with_data("logistic", TABLE, "churn", positive="no", drop="kind")
    kept = data_of(name)
    np.testing.assert_array_equal(kept.x, file.x)
    np.testing.assert_array_equal(kept.y, file.y)
    whole = data_of(optbench.with_data("logistic", TABLE, "churn"))
    assert whole.x.shape[1] == 9 and "city (3), kind (3)" in whole.text
    apart = data_of(optbench.with_data("logistic", TABLE.drop(columns="churn"), TABLE["churn"]))
    np.testing.assert_array_equal(apart.x, whole.x)
    np.testing.assert_array_equal(apart.y, data_of(optbench.with_data("logistic", TABLE, TABLE.churn, drop="churn")).y)


def test_test_rows_can_be_given():
    data = data_of(optbench.with_data("logistic", X, Y, test=(X[:7], Y[:7])))
    assert len(data.x) == round(0.8 * ROWS) and len(data.x_test) == 7
    assert sorted(np.r_[data.rows.training, data.rows.validation]) == [*range(ROWS)]
    np.testing.assert_allclose(data.x_test, (X[:7] - X[data.rows.training].mean(0)) / X[data.rows.training].std(0))


def test_gaps_masks_objects_and_texts():
    holes = np.where(X > 1.5, np.nan, X)
    filled = data_of(optbench.with_data("logistic", holes, Y, missing="mean"))
    masked = data_of(optbench.with_data("logistic", np.ma.masked_greater(X, 1.5), Y, missing="mean"))
    np.testing.assert_array_equal(filled.x, masked.x)
    objects = data_of(optbench.with_data("logistic", X.astype(object), Y.astype(object)))
    np.testing.assert_array_equal(objects.x, data_of(optbench.with_data("logistic", X, Y)).x)
    mixed = data_of(optbench.with_data("logistic", pd.DataFrame({"m": [1, "a", None, 3] * 10, "x": X[:, 0]}), Y))
    assert "m (4)" in mixed.text


def test_the_same_data_told_otherwise_have_the_same_name():
    few, texts = TABLE[["a", "c"]], np.where(Y, "yes", "no")
    tables = [
        (few, TABLE["churn"], {}), (few, TABLE[["churn"]], {}), (few.assign(churn=texts), "churn", {}),
        (few.set_axis([" a", "c "], axis=1), TABLE["churn"].rename("churn "), {}),
        (TABLE.rename(columns={"churn": "churn ", "b": " b"}), "churn ", {"drop": [" b", "city", "kind "]}),
        (TABLE.rename(columns={"churn": "churn "}), "churn", {"drop": "b, city,kind"}),
    ]  # fmt: skip
    assert len({optbench.with_data("logistic", x, y, **more) for x, y, more in tables}) == 1
    arrays = [texts, texts.astype("S"), texts.astype("S").astype(object), pd.DataFrame({"name": texts})]
    assert len({optbench.with_data("logistic", X, y) for y in arrays}) == 1
    named = optbench.with_data("logistic", few, pd.DataFrame({"name": texts}))
    assert data_of(named).target.startswith("target column 'name', 2 classes: 0 is no")
    assert len({optbench.with_data("logistic", few, y) for y in (texts, texts.astype("S"))}) == 1
    assert len({optbench.with_data("logistic", x, Y) for x in (X.astype("U8"), X.astype("U8").astype("S"))}) == 1
    assert len({optbench.with_data("logistic", X, Y, positive=each) for each in (1, "1", Y.max(), np.float32(1))}) < 3


def test_a_sweep_takes_the_name_and_is_resumed(tmp_path):
    spec = {"problems": [optbench.with_data("logistic", TABLE, "churn")], "optimizers": ["gd"],
            "learning_rates": [0.1], "batch_sizes": [8], "epochs": 1}  # fmt: skip
    first = optbench.sweep(spec, seeds=1, out=tmp_path / "out")
    spec["problems"] = [optbench.with_data("logistic", TABLE.copy(), "churn")]
    again = optbench.sweep(spec, seeds=1, out=tmp_path / "out")
    pd.testing.assert_frame_equal(first.runs, again.runs)
    assert first.problems["data"][0].endswith("numbers standardized by the training rows")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptbenchError, match="^with_data: folder: cannot write .*file"):
        optbench.with_data("logistic", X, Y, folder=tmp_path / "file" / "more")


def test_a_path_below_the_home_is_written_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OPTBENCH_DATA")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    name = optbench.with_data("logistic", X, Y)
    assert (
        "'~/.cache/optbench/arrays/" in name and len(list(Path("~/.cache/optbench/arrays").expanduser().iterdir())) == 1
    )
    assert optbench.minimize(name, "gd", lr=0.1, steps=3).status == "ok"


def test_what_turns_itself_into_a_table_is_one():
    """A table of pyarrow or polars, and a column of names that are numbers."""
    table = pd.DataFrame(X)
    arrow = type("Table", (), {"to_pandas": lambda self: table})()
    assert optbench.with_data("logistic", arrow, Y) == optbench.with_data("logistic", table, Y)
    masked = np.ma.masked_array(Y, np.arange(ROWS) % 9 == 0)
    text = data_of(optbench.with_data("logistic", X, masked, missing="mean")).text
    assert "5 of 40 rows left out, where the target is missing" in text
    one = data_of(optbench.with_data("logistic", TABLE["a"], Y))
    assert one.x.shape == (24, 1)


def test_a_sparse_table_is_the_dense_one():
    dense = TABLE[["a", "churn"]].assign(b=np.maximum(TABLE["b"], 0), k=Y)
    sparse = dense.astype({"b": pd.SparseDtype("float", 0.0), "k": pd.SparseDtype("int", 0)})
    assert optbench.with_data("logistic", sparse, "churn") == optbench.with_data("logistic", dense, "churn")
    assert optbench.with_data("logistic", sparse, "k") == optbench.with_data("logistic", dense, "k")


def test_levels_that_are_numbers_are_the_same_levels_in_other_rows():
    ranks = pd.Categorical(np.arange(ROWS) % 3 + 1.0)  # as of whole numbers with gaps
    data = data_of(optbench.with_data("logistic", TABLE.assign(rank=ranks), "churn"))
    assert data.preparation.levels["rank"] == ("1", "2", "3")
    found = data.preparation.apply(TABLE.assign(rank=ranks).iloc[data.rows.test])
    np.testing.assert_allclose(found, data.x_test)


def test_categories_that_differ_in_blanks_are_one_level():
    names = pd.Categorical(np.take(["a", " a", "b"], np.arange(ROWS) % 3))
    data = data_of(optbench.with_data("logistic", TABLE.assign(name=names), "churn"))
    assert data.preparation.levels["name"] == ("a", "b")
