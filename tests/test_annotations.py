"""Every public function is annotated: mypy passes over bare ones without a word, and users' mypy reads them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = sorted(path.parent.name for path in (ROOT / "optbench").glob("*/__init__.py"))
RULES = ("catalogue/optimizers/", "catalogue/schedules/")
"""Folders of rules and factors, whose arguments are numbers, and whose decorators make records of them."""


def functions(node, prefix="", method=False):
    """Yield (name, tree, True for a method) of every public function and method, without inner functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            if not child.name.startswith("_") or child.name.startswith("__"):
                yield f"{prefix}{child.name}", child, method
        elif isinstance(child, ast.ClassDef):
            if not child.name.startswith("_"):
                yield from functions(child, f"{prefix}{child.name}.", method=True)
        else:
            yield from functions(child, prefix, method)


def bare(name, tree, method) -> bool:
    """Return True if a function lacks the annotation of an argument, or of its result unless it is __init__."""
    arguments = [*tree.args.posonlyargs, *tree.args.args][method and not is_static(tree) :] + tree.args.kwonlyargs
    arguments += filter(None, (tree.args.vararg, tree.args.kwarg))
    return any(argument.annotation is None for argument in arguments) or (
        tree.returns is None and tree.name != "__init__"
    )


def is_static(tree) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in tree.decorator_list)


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_public_functions_are_annotated(room):
    found, folder = [], ROOT / "optbench"
    for file in sorted((folder / room).rglob("*.py") if room else folder.glob("*.py")):
        if file.relative_to(folder).as_posix().startswith(RULES):
            continue
        for name, tree, method in functions(ast.parse(file.read_text(encoding="utf-8"))):
            if bare(name, tree, method):
                found.append(f"{file.relative_to(ROOT).as_posix()}:{tree.lineno} {name}")
    assert not found, "\n".join(found)
