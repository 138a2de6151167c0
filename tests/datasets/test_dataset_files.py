"""The user's own data, .csv, .parquet and .npz: what is read, and one line for whatever is wrong with them."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from harness import CATALOGUE

from optbench import datasets
from optbench.contract.errors import OptbenchError

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


def test_all_models_take_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, table(target=np.where(Y > 0, "yes", "no")))
    written(tmp_path, {"x": X, "y": Y}, "real.npz")
    for text in ("logistic(data=d.csv)", "softmax(data=./d.csv)", "mlp(data=d.csv)", "least_squares(data=real.npz)"):
        problem = CATALOGUE.problem(text)
        assert len(problem.data[0]) == 16
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


def test_a_problem_gets_the_targets_it_wants(tmp_path):
    written(tmp_path, table(target=["a", "b", "c", "d"] * 5))
    with pytest.raises(OptbenchError, match="problem logistic: data '.*d.csv' has 4 classes, not 2 classes"):
        CATALOGUE.problem(f"logistic(data={tmp_path}/d.csv)")
