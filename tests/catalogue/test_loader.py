"""One loader for shipped and user files: what it finds, refuses and survives."""

import hashlib
import os
import signal
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from harness import CATALOGUE

from optbench.catalogue import listing, loader
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


def test_every_name_has_the_hash_of_its_file():
    kinds = ("optimizer", "wrapper", "baseline", "schedule", "schedule_wrapper", "problem", "problem_wrapper")
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


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("one", "two"):
        path = write(tmp_path, "quick.py", RULE.format(name=name))
        os.utime(path, (1e9, 1e9))
        assert name in loader.load([path]).optimizers
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("adam", "one.py: the name of 'optimizer adam' is taken by .*; choose another"),
        ("double", "two.py: the name of 'optimizer double' is taken by one.py"),
    ],
)
def test_a_name_that_is_taken_is_refused(tmp_path, name, message):
    paths = [write(tmp_path, file, RULE.format(name=name)) for file in ("one.py", "two.py")]
    with pytest.raises(PluginError, match=message):
        loader.load(paths)


def test_the_same_file_at_two_paths_is_named_once(tmp_path):
    (tmp_path / "copy").mkdir()
    paths = [write(folder, "one.py", RULE.format(name="double")) for folder in (tmp_path, tmp_path / "copy")]
    with pytest.raises(PluginError, match=r"copy/one.py and .*/one.py are the same file: name one of them"):
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


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    path = write(tmp_path, "huge.py", "")
    os.truncate(path, 50 << 30)
    with pytest.raises(PluginError, match="the plug-in huge.py has 50 GiB: that is no source text"):
        loader.load([path])


def test_a_file_that_is_not_python_is_broken(tmp_path):
    path = write(tmp_path, "notes.txt", "hello")
    assert "notes.txt is not a Python file" in loader.load([path]).broken[path]


def test_a_file_that_goes_later_is_listed_all_the_same(tmp_path):
    path = write(tmp_path, "mine.py", RULE.format(name="mine"))
    catalogue = loader.load([path])
    path.unlink()
    assert [row["family"] for row in listing.list_names(catalogue, "optimizers") if row["name"] == "mine"] == [
        "mine.py"
    ]


CHANGES = """
import os, signal, sys, warnings
import matplotlib
import numpy as np

os.chdir("/")
matplotlib.rcParams["font.size"] = 99
np.seterr(all="raise")
warnings.simplefilter("error")
sys.setrecursionlimit(100000)
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: None)
print("x" * 100000)
sys.stdout = sys.stderr = None
"""


def state():
    import matplotlib

    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    settings = matplotlib.rcParams["font.size"], np.geterr(), list(warnings.filters), sys.getrecursionlimit()
    return os.getcwd(), handlers, settings, sys.stdout, sys.stderr, warnings.showwarning


def test_what_a_file_changes_in_the_process_is_put_back(tmp_path, capsys):
    before = state()
    path = write(tmp_path, "changes.py", CHANGES + RULE.format(name="changed"))
    assert "changed" in loader.load([path]).optimizers
    assert state() == before
    out, error = capsys.readouterr()
    assert out == "" and error.strip() == "x" * 100000, "standard output is for answers"


def test_threads_that_load_leave_the_streams_alone(tmp_path):
    paths = [write(tmp_path, f"talks_{k}.py", f"import time\ntime.sleep(0.01)\nprint({k})\n") for k in range(8)]
    before = sys.stdout
    with ThreadPoolExecutor(8) as pool:
        assert [found.broken for found in pool.map(lambda path: loader.load([path]), paths)] == [{}] * 8
    assert sys.stdout is before


@pytest.mark.parametrize("body", ["sys.exit('no')", "raise GeneratorExit('no')", "raise Odd('no')"])
def test_a_factory_that_exits_is_told(tmp_path, body):
    text = "import sys\nfrom optbench import problem\n\n\nclass Odd(BaseException):\n    pass\n\n\n"
    text += f"@problem(source='a test')\ndef leaves():\n    {body}\n"
    catalogue = loader.load([write(tmp_path, "leaves.py", text)])
    with pytest.raises(PluginError, match=r"problem leaves cannot be built: \w+: no$"):
        catalogue.problem("leaves")


BROKEN = {
    "syntax": ("def f(:\n", "SyntaxError"),
    "imports": ("import no_such_module_anywhere\n", "ModuleNotFoundError"),
    "exits": ("raise SystemExit(1)\n", "SystemExit"),
    "raises what nobody catches": ("class Odd(BaseException):\n    pass\n\nraise Odd('no')\n", "Odd: no"),
    "raises a group": ("raise BaseExceptionGroup('two', [KeyboardInterrupt()])\n", "BaseExceptionGroup: two"),
    "recurses": ("def f():\n    return f()\n\nf()\n", "RecursionError: maximum recursion depth exceeded"),
    "takes memory": ("x = 'a' * 10**14\n", "MemoryError"),
    "an error without a text": (
        "class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError\n\nraise Odd\n",
        "<exception str() failed>",
    ),
    "an error of a megabyte": ("raise ValueError('x' * 10**6)\n", "ValueError: xxx"),
    "null": ("x = 1\0\n", "null bytes"),
    "changes a record": (
        "from optbench import optimizer\n\n@optimizer(source='a test')\ndef f(w, g, lr):\n    return w\n\n"
        "object.__setattr__(f, 'name', ['f'])\n",
        "name=['f'] must be a word",
    ),
    "contract": (
        "from optbench import optimizer\n@optimizer(source='a test')\ndef f(w, g):\n    return w\n",
        "optimizer f: arguments must be",
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
    assert reason in catalogue.broken[path] and "importlib" not in catalogue.broken[path]
    assert "broken.py" in catalogue.broken[path] or kind in ("null", "changes a record", "contract"), "where"
    assert len(catalogue.broken[path]) < 3000
    with pytest.raises(OptbenchError, match="the plug-in broken.py does not load: ") as told:
        loader.load_all(path)
    assert "\n" not in str(told.value) and len(str(told.value)) < 500


def test_a_file_that_breaks_half_way_leaves_nothing(tmp_path):
    path = write(tmp_path, "half.py", RULE.format(name="double") + "\nraise ValueError('no')\n")
    catalogue = loader.load([path])
    assert "double" not in catalogue.optimizers and "ValueError: no" in catalogue.broken[path]
    assert not [name for name, module in sys.modules.items() if getattr(module, "__file__", None) == str(path)]


def test_an_interrupt_is_not_swallowed(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        loader.load([write(tmp_path, "interrupted.py", "raise KeyboardInterrupt\n")])


def test_a_damaged_installation_says_so(monkeypatch, tmp_path):
    path = write(tmp_path, "shipped.py", "x = 1 / 0\n")
    monkeypatch.setattr(loader, "shipped_files", lambda: [path])
    with pytest.raises(PluginError, match="(?s)the installation is damaged: .*ZeroDivisionError"):
        loader.load()
