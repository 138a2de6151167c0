"""Kernels across processes: found again, never stale, and made all the same where nothing can be kept."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import lane, run
from numba.core import event

from optbench.catalogue import loader

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RULES = {
    "by_helper": "pull(g)",
    "by_renamed_helper": "moved(g)",
    "by_renamed_function_of_numpy": "bent(g)",
    "by_number": "SCALE * g",
    "by_array": "WEIGHTS[0] * g",
    "by_digits_of_an_array": "(DIGITS[0] - 1.0) * 1e10 * g",
    "by_compiled_helper": "compiled_elsewhere(g)",
    "by_attribute": "pieces.FACTOR * g",
    "by_whole_attribute": "pieces.COUNT * g",
    "by_array_attribute": "pieces.TABLE[0] * g",
    "by_function_attribute": "pieces.compiled_elsewhere(g)",
}
"""Ways by which a rule takes its factor from another file."""
PLUGIN = """
import pieces
from optbench import optimizer
from pieces import DIGITS, SCALE, WEIGHTS, bent, compiled_elsewhere, pull
from pieces import shift as moved
""" + "".join(
    f"\n@optimizer(source='a test')\ndef {name}(w, g, lr):\n    return {body}\n" for name, body in RULES.items()
)
PIECES = """
import numba
import numpy as np

SCALE = {0}.0
FACTOR = {0}.0
COUNT = {0}
WEIGHTS = TABLE = np.array([{0}.0, 1.0])
DIGITS = np.array([1.0 + {0}e-10])

def deep(x):
    return {0}.0 * x

bend = np.square if {0} == 2 else np.exp2

def bent(x):
    return 1.0 + bend(x)

def pull(x):
    return deep(x)

def shift(x):
    return x * {0}.0

@numba.njit
def compiled_elsewhere(x):
    return {0}.0 * x
"""
SCRIPT = """
import json, sys
import numpy as np
from numba.core import event
from optbench.catalogue import loader
from optbench.engine.cpu.update import Update

made = {}
with event.install_recorder("numba:compile") as compiled:
    catalogue = loader.load([sys.argv[1]])
    for name in json.loads(sys.argv[2]):
        update = Update(catalogue.optimizers[name], "rows", ((1,),), "float64", [{}])
        update.scalars[0] = 1.0
        w = np.zeros((1, 1))
        update(w, np.ones((1, 1)), 1)
        made[name] = w[0, 0]
print(json.dumps({"made": made, "compiled": len(compiled.buffer)}))
"""


def process(folder, rules=tuple(RULES), **environment):
    """Apply each rule to a gradient of 1 in a new process; return the results, and how often numba compiled there."""
    environment = (
        os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder / 'lib'}", "PYTHONDONTWRITEBYTECODE": "1"} | environment
    )
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(folder / "plugin.py"), json.dumps(rules)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_pieces(folder, number):
    """Write the module that the plug-in imports; not beside it, for its content would count as part of the plug-in."""
    (folder / "lib").mkdir(exist_ok=True)
    (folder / "lib" / "pieces.py").write_text(PIECES.format(number))


def kept(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Three processes: the first, the same again, and one after all the helpers' file has changed."""
    folder = tmp_path_factory.mktemp("cache")
    cache = folder / "kernels"
    (folder / "plugin.py").write_text(PLUGIN)
    told = {}
    for chapter, number in (("first", 2), ("again", 2), ("changed", 3)):
        write_pieces(folder, number)
        told[chapter] = process(folder, NUMBA_CACHE_DIR=str(cache))
        told[chapter]["kept"] = kept(cache)
    return told


def test_the_first_process_compiles_and_keeps(story):
    assert story["first"]["made"] == pytest.approx(dict.fromkeys(RULES, 2.0), rel=1e-5)
    assert story["first"]["compiled"] >= len(RULES) and story["first"]["kept"]


def test_the_second_process_compiles_nothing(story):
    assert story["again"]["made"] == story["first"]["made"]
    assert story["again"]["compiled"] == 0
    assert story["again"]["kept"] == story["first"]["kept"]


@pytest.mark.parametrize("rule", RULES)
def test_a_change_in_another_file_is_never_missed(story, rule):
    """The plug-in's own file, which numba looks at, has not changed."""
    assert story["changed"]["made"][rule] == pytest.approx(3.0, rel=1e-5)


def test_a_copied_checkout_finds_its_kernels(tmp_path):
    """They stand beside the files and come along with them."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    (here / "plugin.py").write_text(PLUGIN)
    write_pieces(here, 2)
    made = [process(here, ("by_helper",), NUMBA_CACHE_DIR="")]
    shutil.copytree(here, there)
    made.append(process(there, ("by_helper",), NUMBA_CACHE_DIR=""))
    assert made[0]["made"] == made[1]["made"] == {"by_helper": 2.0}
    assert made[0]["compiled"] > 0 == made[1]["compiled"]


SAME = """
import hashlib, sys
import optbench

for problem in sys.argv[1:]:
    curve = optbench.minimize(problem, "adafactor", lr=0.01, steps=30, batch_size=32, seed=1).curve
    print(problem, hashlib.sha256(curve.to_csv(float_format="%.17g").encode()).hexdigest())
"""


def test_a_first_start_gives_the_bytes_of_the_next(tmp_path):
    """And so does another order, in which other kernels are there already when a kernel comes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    told = []
    for problems in (["mlp", "softmax"], ["mlp", "softmax"], ["softmax", "mlp"]):
        command = [sys.executable, "-c", SAME, *problems]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        told.append(sorted(done.stdout.splitlines()))
    assert told[0] == told[1] == told[2] and len(told[0]) == 2


def test_a_new_optimizer_compiles_nothing_but_its_own_kernels(own_kernels):
    """Another new one comes first: what helpers they share, such as a multiply-add's, each process compiles once."""
    records = []
    for name in ("first", "fresh"):
        path = own_kernels / f"{name}.py"
        path.write_text(
            "from optbench import optimizer\n\n\ndef part(g):\n    return 0.5 * g\n\n\n"
            f"@optimizer(source='a test')\ndef {name}(w, g, lr):\n    return w - lr * part(g)\n"
        )
        records.append(loader.load([path]).optimizers[name])
    first, record = records
    for lanes in (1, 20):
        run("rosenbrock", first, [lane(first, 1e-4)] * lanes)
        with event.install_recorder("numba:compile") as compiled:
            run("rosenbrock", record, [lane(record, 1e-4)] * lanes)
        files = {found.data["dispatcher"].py_func.__code__.co_filename for _, found in compiled.buffer}
        assert files == {str(path)}
