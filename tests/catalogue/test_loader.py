"""One loader for shipped and user files: what it finds, refuses and survives."""

import hashlib
import sys

import pytest
from harness import CATALOGUE

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError, PluginError

RULE = '''
from optbench import optimizer, problem, schedule, Problem
import numpy as np

@optimizer(source="a test")
def {name}(w, g, lr):
    """Twice the step."""
    return w - 2 * lr * g
'''
MORE = """
@schedule(source="a test", k=2.0)
def halved(step, epoch, total_steps, k):
    return np.full(len(step), 1 / k)

def value_and_gradient(w, g):
    g[0] = w[0]
    return 0.5 * w[0] * w[0]

@problem(source="a test")
def parabola(start=1.0):
    return Problem("single", 1, lambda rng: np.array([start]), value_and_gradient, 0.0, "closed form")
"""


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_the_shipped_catalogue():
    assert {"gd", "momentum", "nesterov", "adagrad", "rmsprop", "rmsprop_torch", "adam", "adam_torch"} <= set(
        CATALOGUE.optimizers
    )
    assert {"constant", "inverse", "exponential", "sqrt_epoch", "sqrt_step"} <= set(CATALOGUE.schedules)
    assert {"quadratic", "rosenbrock", "saddle", "plateau", "least_squares", "logistic", "softmax", "mlp"} <= set(
        CATALOGUE.problems
    )
    assert CATALOGUE.broken == {}


def test_every_name_has_the_hash_of_its_file():
    kinds = ("optimizer", "wrapper", "baseline", "schedule", "schedule_wrapper", "problem")
    names = {f"{kind} {name}" for kind in kinds for name in getattr(CATALOGUE, f"{kind}s")}
    assert set(CATALOGUE.hashes) == set(CATALOGUE.files) == names
    for key, path in CATALOGUE.files.items():
        assert CATALOGUE.hashes[key] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_users_file_stands_beside_the_shipped_ones(tmp_path):
    path = write(tmp_path, "my-plug.in.py", RULE.format(name="double") + MORE)
    catalogue = loader.load([path])
    assert set(catalogue.optimizers) == {*CATALOGUE.optimizers, "double"}
    assert set(catalogue.schedules) == {*CATALOGUE.schedules, "halved"}
    assert set(catalogue.problems) == {*CATALOGUE.problems, "parabola"}
    assert catalogue.optimizer("double")[0].doc == "Twice the step."
    assert catalogue.schedule("halved(k=4)").parameters == {"k": 4.0}
    assert catalogue.problem("parabola(start=2)").start(None) == [2.0]
    assert catalogue.files["problem parabola"] == path
    assert "double" not in loader.load().optimizers, "a file stays with those who asked for it"


def test_a_file_given_twice_is_loaded_once(tmp_path):
    path = write(tmp_path, "twice.py", RULE.format(name="double"))
    (tmp_path / "sub").mkdir()
    assert "double" in loader.load([path, str(path), tmp_path / "sub" / ".." / "twice.py"]).optimizers


def test_loading_again_gives_the_same_records(tmp_path):
    path = write(tmp_path, "again.py", RULE.format(name="double"))
    assert loader.load([path]).optimizers["double"] is loader.load([path]).optimizers["double"]
    assert loader.load().optimizers["adam"] is CATALOGUE.optimizers["adam"]


def test_a_changed_file_is_loaded_afresh(tmp_path):
    path = write(tmp_path, "changing.py", RULE.format(name="before"))
    first = loader.load([path])
    write(tmp_path, "changing.py", RULE.format(name="after"))
    second = loader.load([path])
    assert "before" in first.optimizers and "before" not in second.optimizers
    assert "after" in second.optimizers


@pytest.mark.parametrize("name", ["adam", "gd"])
def test_a_shipped_name_is_taken(tmp_path, name):
    path = write(tmp_path, "mine.py", RULE.format(name=name))
    with pytest.raises(PluginError, match=f"mine.py: the name of 'optimizer {name}' is taken by .*; choose another"):
        loader.load([path])


def test_a_name_is_taken_by_another_users_file(tmp_path):
    paths = [write(tmp_path, name, RULE.format(name="double")) for name in ("one.py", "two.py")]
    with pytest.raises(PluginError, match="two.py: the name of 'optimizer double' is taken by one.py"):
        loader.load(paths)


def test_kinds_have_names_of_their_own(tmp_path):
    path = write(tmp_path, "kinds.py", RULE.format(name="quadratic"))
    assert "quadratic" in loader.load([path]).optimizers


def test_shipped_records_may_be_built_upon(tmp_path):
    text = """
import optbench
from optbench import variant

adam = optbench.optimizers()["adam"]
slow_adam = variant(adam, "slow_adam", source="a test", beta1=0.99)
"""
    catalogue = loader.load([write(tmp_path, "built.py", text)])
    assert catalogue.optimizers["slow_adam"].hyperparameters["beta1"] == 0.99


@pytest.mark.parametrize("name", ["nowhere.py", "folder"])
def test_a_missing_file_is_an_error(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(PluginError, match=f"no plug-in file '.*{name}'"):
        loader.load([tmp_path / name])


BROKEN = {
    "syntax": ("def f(:\n", "SyntaxError"),
    "raises": ("x = 1 / 0\n", "ZeroDivisionError"),
    "imports": ("import no_such_module_anywhere\n", "ModuleNotFoundError"),
    "exits": ("raise SystemExit(1)\n", "SystemExit"),
    "contract": (
        "from optbench import optimizer\n@optimizer(source='a test')\ndef f(w, g):\n    return w\n",
        "PluginError: optimizer f: arguments must be",
    ),
    "encoding": ("x = '\udcff'\n", "SyntaxError"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_reported_and_the_others_load(tmp_path, kind):
    text, reason = BROKEN[kind]
    path = tmp_path / "broken.py"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    good = [write(tmp_path, f"{name}.py", RULE.format(name=name)) for name in ("first", "last")]
    catalogue = loader.load([good[0], path, good[1]])
    assert {"first", "last", "adam"} <= set(catalogue.optimizers)
    assert list(catalogue.broken) == [path]
    assert reason in catalogue.broken[path] and "broken.py" in catalogue.broken[path]


def test_a_file_that_breaks_half_way_leaves_nothing(tmp_path):
    path = write(tmp_path, "half.py", RULE.format(name="double") + "\nraise ValueError('no')\n")
    catalogue = loader.load([path])
    assert "double" not in catalogue.optimizers and "ValueError: no" in catalogue.broken[path]
    assert not [name for name, module in sys.modules.items() if getattr(module, "__file__", None) == str(path)]


def test_a_file_that_is_not_python_is_broken(tmp_path):
    path = write(tmp_path, "notes.txt", "hello")
    assert "notes.txt is not a Python file" in loader.load([path]).broken[path]


def test_an_interrupt_is_not_swallowed(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        loader.load([write(tmp_path, "interrupted.py", "raise KeyboardInterrupt\n")])


def test_a_damaged_installation_says_so(monkeypatch, tmp_path):
    path = write(tmp_path, "shipped.py", "x = 1 / 0\n")
    monkeypatch.setattr(loader, "shipped_files", lambda: [path])
    with pytest.raises(PluginError, match="(?s)the installation is damaged: .*ZeroDivisionError"):
        loader.load()


@pytest.mark.parametrize("text", ["adam(", "adam(0.9)", "2"])
def test_texts_that_cannot_be_read(text):
    for find in (CATALOGUE.optimizer, CATALOGUE.schedule, CATALOGUE.problem):
        with pytest.raises(OptbenchError, match="cannot read"):
            find(text)
