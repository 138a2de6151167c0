"""The house stands: plug-ins import what a user's file may, English carries no data; lint-imports has the arrows."""

import ast
from pathlib import Path
from string import ascii_letters

import pytest

import optbench
from optbench.catalogue.loader import shipped_files
from tests.draw_house import DRAWING, docstring, drawing, rooms

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "optbench"
# What tests have in folders of their own, beside one for each floor: what stands outside the package, and helpers.
OTHER_FOLDERS = {"benchmarks", "problems", "problem_cases", "reference", "simulated", "twins"}
# A floor without a folder of tests: tests/problems tests the kit by all that is built from it.
UNTESTED_ALONE = {"kit"}
PLUGINS_IMPORT = ("optbench", "optbench.contract", "optbench.datasets", "optbench.kit")


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


@pytest.mark.parametrize("room", [room for room in rooms() if (PACKAGE / room).is_dir()])
def test_a_floor_states_its_rule(room):
    """Its docstring: a sentence that says what is there, an empty line, and what it may know or must not do."""
    first, empty, *rule = docstring(room).splitlines()
    assert first.endswith(".") and not empty and rule and rule[-1].endswith(".")


def test_tests_mirror_the_package():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    floors = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders - OTHER_FOLDERS == floors - UNTESTED_ALONE


@pytest.mark.slow
def test_the_drawing_is_that_of_the_imports():
    assert drawing() == DRAWING.read_text(encoding="utf-8"), "run `python -m tests.draw_house`"


def test_public_names_stand_on_the_floors():
    """Each name is defined in the package, and not in the root itself, which only lends it."""
    for name in set(optbench.__all__) - {"__version__"}:
        home = getattr(optbench, name).__module__
        assert home.startswith("optbench.") and home.split(".")[1] in rooms(), name


# Where a text is searched that others wrote, and have no data for, or that is raised or printed as it is.
OTHERS_TEXTS = {
    "catalogue/description.py": "docstrings in reStructuredText",
    "catalogue/functions.py": "errors of Python's math",
    "checks/failure.py": "the docstrings of checks, which are their titles",
    "cli/app.py": "a keyword in an error, printed as the option that was typed",
    "cli/groups.py": "errors of click",
    "compiler/cuda.py": "errors of NVIDIA's assembler",
    "compiler/kernels.py": "errors of Numba",
    "compiler/numba_compat.py": "errors of Numba",
    "compiler/numba_inside.py": "LLVM's assembly",
    "contract/names.py": "errors of Python's parser",
    "contract/problems.py": "an error of a problem without its name, raised with it",
    "contract/resources.py": "errors of the operating system",
    "datasets/tables.py": "users' tables, and errors of pandas",
    "engine/eager/optax_update.py": "errors of JAX",
    "engine/eager/torch_update.py": "errors of PyTorch",
    "store/provenance.py": "/proc/cpuinfo",
    "translation/schedule_code.py": "Python code",
}
KINDS = {"eager ", "library ", "problem_wrapper "}
"""What stands before a name in the keys of records."""
CUTS = {
    "startswith", "endswith", "split", "rsplit", "partition", "rpartition", "replace", "removeprefix", "removesuffix",
    "find", "index", "contains", "search", "match", "fullmatch", "sub", "findall", "finditer", "extract", "compile",
}  # fmt: skip
"""Methods of texts and functions of `re` that find their first argument in a text."""


def sentences_in(node: ast.AST) -> list[str]:
    """Return the constants in an expression that read like words: letters, and a blank."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] * (" " in node.value and any(each in ascii_letters for each in node.value))
    if isinstance(node, ast.JoinedStr):
        return [
            each.value
            for each in node.values
            if isinstance(each, ast.Constant) and " " in each.value and each.value.strip()
        ]
    return [text for each in getattr(node, "elts", ()) for text in sentences_in(each)]


def searched_texts(tree: ast.AST) -> set[str]:
    """Return the words that a module looks for in a text, compares it with, or cuts from it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            if isinstance(node.ops[0], ast.In | ast.NotIn):
                found.update(sentences_in(node.left) if isinstance(node.left, ast.Constant) else ())
            elif isinstance(node.ops[0], ast.Eq | ast.NotEq):
                found.update(text for side in (node.left, *node.comparators) for text in sentences_in(side))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CUTS:
            found.update(text for each in node.args[:1] for text in sentences_in(each))
    return found - KINDS


def test_english_carries_no_data():
    """What a person reads is written in `wording`, and outside it nothing is read out of a sentence again."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("wording/"):
            found[name] = searched_texts(ast.parse(path.read_text(encoding="utf-8")))
    assert {name: texts for name, texts in found.items() if texts and name not in OTHERS_TEXTS} == {}
    assert [name for name in OTHERS_TEXTS if not found[name]] == [], "which search nothing"
