"""Plug-ins that import what lies beside them: each its own, as it stands there now, and it counts as a part of them."""

import hashlib
import sys

import pytest

import optbench
from optbench.catalogue import loader, sources
from optbench.run import dask

RULE = """
from helper import step
from optbench import optimizer


@optimizer(source="a test")
def {name}(w, g, lr):
    return step(w, g, lr)
"""
HELPER = "from tools.deep import FACTOR\n\n\ndef step(w, g, lr):\n    return w - FACTOR * lr * g\n"


def write(folder, factor, name="mine"):
    """Write a plug-in, its helper, and a package that the helper imports from; return the plug-in's path."""
    (folder / "tools").mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(RULE.format(name=name))
    (folder / "helper.py").write_text(HELPER)
    (folder / "tools" / "__init__.py").write_text("")
    (folder / "tools" / "deep.py").write_text(f"FACTOR = {factor}\n")
    return folder / f"{name}.py"


def moved(plugin):
    """Return the weight after a step from 0 with gradient 1 and learning rate 1."""
    return loader.load_all([plugin]).optimizers[plugin.stem].rule(0.0, 1.0, 1.0)


def test_each_plug_in_has_its_own_and_an_edit_is_seen(tmp_path, monkeypatch):
    first, second = write(tmp_path / "a", 2.0), write(tmp_path / "b", 3.0, "other")
    monkeypatch.setitem(sys.modules, "helper", strange := type(sys)("helper"))
    assert (moved(first), moved(second)) == (-2.0, -3.0)
    write(tmp_path / "a", 4.0)  # of the same size, within the same second
    assert (moved(first), moved(second)) == (-4.0, -3.0)
    assert sys.modules["helper"] is strange and not {"tools", "tools.deep"} & sys.modules.keys()
    assert not list(tmp_path.rglob("*.pyc"))


def test_what_it_imports_is_a_part_of_its_hash(tmp_path):
    plugin = write(tmp_path, 2.0)
    (tmp_path / "unused.py").write_text("X = 1\n")
    names = ["mine.py", "helper.py", "tools/__init__.py", "tools/deep.py"]
    assert sources.files_of(plugin) == [tmp_path / name for name in names]
    hashes = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in names]
    assert sources.digest(plugin) == hashlib.sha256(" ".join(hashes).encode()).hexdigest()
    assert loader.load_all([plugin]).hashes["optimizer mine"] == sources.digest(plugin)
    (tmp_path / "unused.py").write_text("X = 2\n")
    before = sources.digest(plugin)
    (tmp_path / "tools" / "deep.py").write_text("FACTOR = 5.0\n")
    assert sources.digest(plugin) != before


ALONE = {
    "imports others": "import random\nimport optbench\nfrom . import x\n", "is cut": "def (", "is no text": "\0",
    "is deep": "(" * 10**5, "is empty": "",
}  # fmt: skip


@pytest.mark.parametrize("case", ALONE)
def test_a_file_that_imports_nothing_from_its_folder_has_the_hash_of_its_text(case, tmp_path):
    text = ALONE[case]
    for name in ("random.py", "optbench.py", "x.py"):
        (tmp_path / name).write_text("1 / 0\n")
    plugin = tmp_path / "mine.py"
    plugin.write_text(text)
    assert sources.files_of(plugin) == [plugin]
    assert sources.digest(plugin) == hashlib.sha256(text.encode()).hexdigest()


def test_they_travel_together(tmp_path):
    plugin = write(tmp_path / "here", 2.0)
    places = dask.pack(tmp_path / "sent.zip", [str(plugin)], [])
    (tmp_path / "here").rename(tmp_path / "away")
    place = dask.unpack(tmp_path / "sent.zip", places)[0].files["optimizer mine"]
    assert tmp_path / "sent" in place.parents and moved(place) == -2.0
    assert sources.digest(place) == sources.digest(tmp_path / "away" / "mine.py")


@pytest.mark.slow
def test_a_sweep_runs_them_in_workers_and_again_when_they_have_changed(own_kernels):
    plugin, spec = write(own_kernels, 2.0), {"problems": ["rosenbrock"], "learning_rates": [1e-3], "steps": 5}
    spec |= {"optimizers": ["gd", "mine"], "plugins": [str(plugin)], "seeds": 2, "tuning_seeds": 1}
    runs = optbench.sweep(spec, out=own_kernels / "out", workers=1, isolate="always").runs
    write(own_kernels, 1.0)
    with pytest.warns(UserWarning, match="2 of 4 runs are kept; 2 of mine are not: optimizer mine has changed"):
        again = optbench.sweep(spec, out=own_kernels / "out", workers=1, isolate="always").runs
    last = [table.set_index(["optimizer", "seed"])["loss_final"] for table in (runs, again)]
    assert not runs["status"].eq("failed").any() and (last[0]["gd"] == last[1]["gd"]).all()
    assert (last[1]["mine"] == last[1]["gd"]).all() and (last[0]["mine"] != last[1]["mine"]).all()


@pytest.mark.torch
def test_a_class_that_a_helper_defines_has_the_hash_of_all(tmp_path):
    (tmp_path / "mine.py").write_text("from helper import Mine\n")
    text = "import torch\n\n\nclass Mine(torch.optim.SGD):\n    pass  # {}\n"
    found = []
    for number in (1, 2):
        (tmp_path / "helper.py").write_text(text.format(number))
        record, _ = loader.load_all().optimizer(f"torch:Mine(file={tmp_path / 'mine.py'})")
        found.append(record.origins[0])
    assert [origin.file for origin in found] == [tmp_path / "mine.py"] * 2 and found[0].sha256 != found[1].sha256
