"""The source code of plug-ins: the file of a record with its hash, and the syntax tree of a function."""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from optbench.contract.errors import PluginError
from optbench.contract.fingerprints import Unknown, fingerprint, functions_in


@dataclass(frozen=True)
class SourceFile:
    """The file of one record. A composed record has one for each of its parts, outermost first."""

    key: str
    """Kind and name: ``optimizer adam``."""
    file: Path
    """Its path."""
    sha256: str
    """The checksum of the file's content."""
    in_memory: bool = False
    """True: the record was given as an object of Python, and ``file`` is its name alone: see `memory_origin`."""
    unknown: str = ""
    """What of the object has no fingerprint: nobody can tell whether it is the same as in a former run."""


def files_digest(origins: Iterable[SourceFile]) -> str:
    """Return the sha256 of all files that a record is made from: results depend on them."""
    return " ".join(origin.sha256 for origin in origins)


def memory_origin(key: str, name: str, value: Any) -> SourceFile:
    """Return the origin of a record that was given as an object of Python.

    key: kind and name; name: what stands for its file; value: the object, of which the fingerprint is taken.
    """
    try:
        return SourceFile(key, Path(name), fingerprint(value), in_memory=True)
    except Unknown as error:
        return SourceFile(key, Path(name), "", in_memory=True, unknown=str(error))


def keep_trees(value: Any) -> None:
    """Keep the syntax tree of every function of the user's in an object with the function: for where no source is."""
    for function in functions_in(value):
        with suppress(PluginError):
            vars(function)["tree"] = function_tree(function, "")


def parse_source(text: str) -> ast.Module:
    """Return the syntax tree of a text; raise SyntaxError if it is not Python.

    Tries again after a SystemError: Python 3.11 counts the depth of trees for all threads together, and fails on a
    correct text while another thread parses ("AST constructor recursion depth mismatch").
    """
    for _ in range(9):
        with suppress(SystemError):
            return ast.parse(text)
    return ast.parse(text)


def function_tree(function: Callable, owner: str) -> ast.FunctionDef:
    """Return a copy of a function's syntax tree, without decorators, annotations and docstring.

    Line numbers are those of the file. Raises PluginError if the source cannot be read.
    """
    if hasattr(function, "tree"):
        return copy.deepcopy(function.tree)
    try:
        lines, first = inspect.getsourcelines(function)
        tree = parse_source(textwrap.dedent("".join(lines))).body[0]
        if not isinstance(tree, ast.FunctionDef) and function.__name__ != "<lambda>":
            raise OSError  # Python 3.13 takes the text of python -c for that of all that is made from a text
    except (OSError, TypeError, SyntaxError):
        raise PluginError(f"{owner}: the source of {function.__name__!r} cannot be read; define it in a file") from None
    if not isinstance(tree, ast.FunctionDef):
        raise PluginError(f"{owner}: {function.__name__!r} must be written with def")
    ast.increment_lineno(tree, first - 1)
    tree.decorator_list = []
    tree.returns = None
    for argument in tree.args.args:
        argument.annotation = None
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:] or [ast.Pass()]
    return tree


def function_of(tree: ast.FunctionDef, home: Callable, scope: dict) -> FunctionType:
    """Return the function of a tree, as if it stood in the file of ``home``; its attribute ``tree`` is the tree."""
    scope = {**scope, "__name__": home.__module__}
    module = ast.fix_missing_locations(ast.Module([tree], []))
    exec(compile(module, home.__code__.co_filename, "exec"), scope)
    function = scope[tree.name]
    function.tree = tree
    return function
