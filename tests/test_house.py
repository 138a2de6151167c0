"""The house stands: arrows between files point down, rooms are few, tests mirror the package."""

import ast
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
MOST_ROOMS = 18
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
    """Run lint-imports in a folder, in another process, because it must find that folder's package."""
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
    """Return the modules of optbench that a plug-in imports."""
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


def test_no_table_carries_more_than_its_columns():
    """Pandas drops `attrs` or keeps them as it likes: what a table needs stands in a column, or in an argument."""
    for path in PACKAGE.rglob("*.py"):
        assert ".attrs" not in path.read_text(encoding="utf-8"), path
