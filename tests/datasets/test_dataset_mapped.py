"""Data mapped from files: what they hold, that nothing copies them, and what interruptions and full disks leave."""

import dataclasses
import os

import numpy as np
import pytest
from every_problem import assert_close
from harness import CATALOGUE, gradient, lane, run
from scipy.optimize import check_grad, minimize
from sklearn.linear_model import LogisticRegression

from optbench import datasets
from optbench.contract.errors import OptbenchError
from optbench.datasets import cache, mapped
from optbench.engine.arrays import convert_examples
from optbench.engine.batches import start_point

SMALL = "mapped(examples=150000, features=3, seed=4)"


def test_mapped_data_follow_a_logistic_model(data_cache):
    d = datasets.load(SMALL)
    x, y = np.asarray(d.x), d.y
    assert x.shape == d.x.shape == (150_000, 4) and len(d.x_test) == len(d.y_test) == 15_000
    assert (x[:, 3] == 1).all() and set(np.unique(y)) == {0, 1}
    np.testing.assert_allclose(x[:, :3].mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(x[:, :3].T), np.eye(3), atol=0.02)
    model = LogisticRegression(C=np.inf).fit(x[:, :3], y)
    assert np.linalg.norm(model.coef_) == pytest.approx(2, abs=0.05) and abs(model.intercept_[0]) < 0.03
    assert model.score(np.asarray(d.x_test)[:, :3], d.y_test) == pytest.approx(model.score(x[:, :3], y), abs=0.02)
    fewer = datasets.load("mapped(examples=70000, features=3, seed=4)")
    np.testing.assert_array_equal(fewer.x, x[:70_000])
    assert not np.array_equal(datasets.load("mapped(examples=1000, features=3, seed=5)").y, y[:1000])


def test_mapped_data_are_never_copied(data_cache):
    d = datasets.load(SMALL)
    for dtype in ("float64", "float32"):
        one, other = convert_examples((d.x, d.y), dtype)[0], convert_examples((d.x, d.y), dtype)[0]
        assert one.dtype == dtype and type(one) is np.ndarray and np.shares_memory(one, other)
        assert one.flags.c_contiguous and one.flags.writeable
        np.testing.assert_array_equal(one, np.asarray(d.x).astype(dtype))
    assert len(d.x_validation) == len(d.y_validation) == 15_000
    assert np.shares_memory(np.asarray(d.x), datasets.with_intercept(d)[0][:10])
    files = {path.relative_to(data_cache).as_posix(): path.stat().st_size for path in data_cache.rglob("*.npy")}
    assert files == {
        f"mapped-180000x3-4-v1/{name}.npy": 128 + 180_000 * size
        for name, size in (("float64/x", 32), ("float64/y", 8), ("float32/x", 16))
    }
    np.asarray(d.x)[0, 0] = 7.0  # changes this process's copy of a page, and no file
    assert np.load(data_cache / "mapped-180000x3-4-v1" / "float64" / "x.npy")[0, 0] != 7.0


def test_logistic_regression_on_mapped_data(data_cache, monkeypatch):
    text = "logistic(data=mapped(examples=3000, features=4), l2=0.1)"
    problem = CATALOGUE.problem(text)
    x, y = np.asarray(problem.data[0]), problem.data[1]
    found = minimize(lambda w: np.mean(np.logaddexp(0, x @ w) - y * (x @ w)) + 0.05 * w @ w, np.zeros(5), tol=1e-12)
    assert problem.minimum == pytest.approx(found.fun, rel=1e-12)
    assert_close(problem.minimizer, found.x, 1e-5)
    w = start_point(problem, 0)
    assert check_grad(lambda w: gradient(problem, w)[0][0], lambda w: gradient(problem, w)[1][0], w) < 1e-6
    # The minimum is kept, and what is kept is checked.
    (kept,) = data_cache.glob("*/logistic*.npy")
    with monkeypatch.context() as patch:
        patch.setattr("scipy.optimize.minimize", lambda *args, **more: pytest.fail("solved again"))
        assert CATALOGUE.problem(text).minimum == problem.minimum
    for wrong in (np.zeros(5), np.zeros(3)):
        np.save(kept, wrong)
        assert CATALOGUE.problem(text).minimum == problem.minimum
    kept.write_bytes(b"torn")
    assert CATALOGUE.problem(text).minimum == problem.minimum


def test_a_run_on_mapped_data_is_one_on_arrays(data_cache):
    problem = CATALOGUE.problem("logistic(data=mapped(examples=3000, features=4), l2=0.1)")
    plain = dataclasses.replace(
        problem,
        data=tuple(np.array(part) for part in problem.data),
        test=tuple(np.array(part) for part in problem.test),
    )
    made, copied = [run(each, "gd", [lane("gd", 0.5)], steps=50) for each in (problem, plain)]
    for key in ("w", "train", "test", "batch_loss"):
        np.testing.assert_array_equal(made[key], copied[key])
    assert made["train"][-1].flat[0] < made["train"][0].flat[0]


def test_what_has_its_name_is_whole(data_cache, monkeypatch):
    """A process that is stopped while it writes leaves nothing under the name, and the next one starts anew."""
    count = iter(range(3))
    whole = mapped.Files._pieces

    def stopped(self):
        for piece in whole(self):
            if next(count) == 1:
                raise KeyboardInterrupt
            yield piece

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(mapped.Files, "_pieces", stopped)
        datasets.load(SMALL)
    assert [path for path in data_cache.rglob("*") if path.is_file()] == []
    assert len(datasets.load(SMALL).x) == 150_000


def test_the_remains_of_a_killed_process_are_swept_away(data_cache):
    old, young = (data_cache / "mapped-180000x3-4-v1" / f".part-{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "x.npy").write_bytes(b"half")
    os.utime(old, (0, 0))
    datasets.load(SMALL)
    assert not old.exists() and young.exists()


def test_a_place_that_cannot_be_written_is_one_line(data_cache, monkeypatch):
    data_cache.write_text("a file where the folder should be")
    with pytest.raises(OptbenchError, match="data set mapped: cannot write .*: (File exists|Not a directory)$"):
        datasets.load(SMALL)
    data_cache.unlink()

    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped.Files, "_pieces", full)
    with pytest.raises(OptbenchError, match="data set mapped: cannot write .*: No space left on device$"):
        datasets.load(SMALL)
    assert [path for path in data_cache.rglob("*") if path.is_file()] == []


def test_a_damaged_file_is_one_line(data_cache):
    path = data_cache / "mapped-1200x2-0-v1" / "float64" / "x.npy"
    text = "mapped(examples=1000, features=2)"
    for content, message in ((b"", "cannot read"), (None, "holds another array; delete the folder")):
        data = datasets.load(text)
        mapped.Files.array.cache_clear()
        np.save(path, np.zeros(3)) if content is None else path.write_bytes(content)
        with pytest.raises(OptbenchError, match=f"data set mapped: .*{message}"):
            np.asarray(data.x)


def test_mapped_data_are_classes(data_cache):
    with pytest.raises(OptbenchError, match="problem least_squares: data 'mapped.*' has 2 classes, not real targets"):
        CATALOGUE.problem("least_squares(data=mapped(examples=100))")


def test_another_process_may_be_quicker(tmp_path):
    def write(place):
        place.mkdir()
        (place / "mine").write_text("1")
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "theirs").write_text("2")

    cache.write_atomically(tmp_path / "set", write, "a test")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["theirs"]


def test_the_cache_is_where_the_user_or_the_desktop_says(monkeypatch, tmp_path):
    monkeypatch.delenv("OPTBENCH_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the standard says to ignore
    assert cache.cache_folder() == tmp_path / ".cache" / "optbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert cache.cache_folder() == tmp_path / "c" / "optbench"
    monkeypatch.setenv("OPTBENCH_DATA", "~/d")
    assert cache.cache_folder() == tmp_path / "d"
