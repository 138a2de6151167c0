"""The house stands: arrows between files point down, rooms are few, files are short, tests mirror the package."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import optbench
from optbench.catalogue.loader import shipped_files
from tests.draw_house import DRAWING, contracts, docstring, drawing, rooms

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "optbench"
TABLE = (ROOT / "reports" / "constants.md").read_text(encoding="utf-8")
MOST_ROOMS, MOST_LINES = 18, 300
CONTRACTS = list(contracts())
# What tests have in folders of their own, beside one for each floor: what stands outside the package, and helpers.
OTHER_FOLDERS = {"benchmarks", "problems", "problem_cases", "reference", "simulated", "twins"}
# A floor without a folder of tests: tests/problems tests the kit by all that is built from it.
UNTESTED_ALONE = {"kit"}
PLUGINS_IMPORT = ("optbench", "optbench.contract", "optbench.datasets", "optbench.kit")
# One import a contract, which breaks it: (file, what it imports).
UPWARD = {
    "floors": ("optbench/contract/__init__.py", "optbench.engine"),
    "circles": ("optbench/contract/__init__.py", "optbench.engine"),
    "tables": ("optbench/analysis/__init__.py", "optbench.sweeps"),
    "public-names": ("optbench/kit/__init__.py", "optbench"),
    "lecture": ("optbench/lecture/__init__.py", "optbench.compiler"),
    "benchmarks": ("benchmarks/__init__.py", "optbench.kit"),
    "cpu": ("optbench/engine/cpu/__init__.py", "optbench.engine.cuda"),
    "cuda": ("optbench/engine/cuda/__init__.py", "optbench.engine.cpu"),
}


def lint(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """What lint-imports says in a folder; another process, for it must find that folder's package."""
    code = "from importlinter.cli import lint_imports_command as main; main()"
    command = [sys.executable, "-c", code, "--no-cache", "--no-logo", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of what the contracts look at."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("optbench", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_floors_hold():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


@pytest.mark.parametrize("contract", CONTRACTS)
def test_an_upward_import_is_found(contract, copied):
    name, target = UPWARD[contract]
    path, line = copied / name, f"\nimport {target}\n"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + line, encoding="utf-8")
    done = lint(copied, "--contract", contract)
    path.write_text(whole, encoding="utf-8")
    assert done.returncode == 1 and "Contracts: 0 kept, 1 broken." in done.stdout
    assert target.removeprefix("optbench") in done.stdout


def test_a_new_room_must_have_a_floor(copied):
    room = copied / "optbench" / "attic.py"
    room.write_text("", encoding="utf-8")
    done = lint(copied, "--contract", "floors")
    room.unlink()
    assert done.returncode == 1 and "attic" in done.stdout


def plugin_imports(text: str) -> set[str]:
    """What a plug-in imports of optbench."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name.split(".")[0] == "optbench"}


def allowed(name: str) -> bool:
    return name == "optbench" or name.startswith(tuple(f"{each}." for each in PLUGINS_IMPORT[1:]))


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.stem)
def test_shipped_plugins_import_what_a_users_file_may(path):
    assert all(map(allowed, plugin_imports(path.read_text(encoding="utf-8"))))


def test_a_plugin_that_imports_more_is_found():
    assert not allowed(*plugin_imports("def late():\n    from optbench.engine.lanes import Lane"))
    assert not allowed(*plugin_imports("import optbench.catalogue"))


def test_rooms_are_few():
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    names = {name for name in names if not name.startswith("__")}
    assert len(names) <= MOST_ROOMS and names == set(rooms())


def test_files_are_short():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert len(lines) > 100 and not {path: count for path, count in lines.items() if count > MOST_LINES}


@pytest.mark.parametrize("room", [room for room in rooms() if (PACKAGE / room).is_dir()])
def test_a_floor_states_its_rule(room):
    """Its docstring: a sentence that says what is there, an empty line, and what it may know or must not do."""
    first, empty, *rule = docstring(room).splitlines()
    assert first.endswith(".") and not empty and rule and rule[-1].endswith(".")


def test_tests_mirror_the_package():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    floors = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders - OTHER_FOLDERS == floors - UNTESTED_ALONE


def test_the_drawing_is_that_of_the_imports():
    assert drawing() == DRAWING.read_text(encoding="utf-8"), "run `python -m tests.draw_house`"


def test_public_names_stand_on_the_floors():
    """Each name is defined in the package, and not in the root itself, which only lends it."""
    for name in set(optbench.__all__) - {"__version__"}:
        home = getattr(optbench, name).__module__
        assert home.startswith("optbench.") and home.split(".")[1] in rooms(), name


def numeric(node) -> bool:
    """Whether an expression is made of numbers alone."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(node, ast.Tuple | ast.List):
        return bool(node.elts) and all(map(numeric, node.elts))
    if isinstance(node, ast.IfExp):
        return numeric(node.body) and numeric(node.orelse)
    parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
    return isinstance(node, ast.UnaryOp | ast.BinOp) and all(map(numeric, parts))


def constants(text: str) -> dict[str, str]:
    """Name -> value, as it is written, of the numbers that a module names in capitals."""
    found = {}
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            pairs = [(target, getattr(node, "value", None))]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=True)
            for name, value in pairs:
                if isinstance(name, ast.Name) and name.id.isupper() and value is not None and numeric(value):
                    found[name.id] = ast.unparse(value)
    return found


def test_every_constant_has_its_reason():
    """Where a number was chosen, the table says why; a claim's thresholds stand in its criterion instead."""
    table = re.findall(r"^\| `([^`]+)` \| `(\w+)` \| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", TABLE, flags=re.M)
    stated = {(path, name): value for path, name, value, _, why in table if why.strip()}
    there = {}
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "problems").glob("*.py")]:
        place = path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT).as_posix()
        if not place.startswith("lecture/"):
            found = constants(path.read_text(encoding="utf-8"))
            there |= {(place, name): value for name, value in found.items()}
    assert len(there) > 40 and stated == there, f"see reports/constants.md: {set(stated.items()) ^ set(there.items())}"


def test_a_constant_is_recognized():
    text = "A = 1\n_B: float = -2e3\nC = 4 if D else 1 << 5\nE = (0.5, 2)\nK, L = 5, M\n"
    text += "F = 'x'\nG = True\nh = 3\nI = A\nJ = ()\n"
    assert constants(text) == {"K": "5", "A": "1", "_B": "-2000.0", "C": "4 if D else 1 << 5", "E": "(0.5, 2)"}
