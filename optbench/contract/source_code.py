"""The source code of plug-ins: the file of a record with its hash, and the syntax tree of a function."""

import ast
import copy
import dis
import functools
import hashlib
import inspect
import pickle
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from optbench.contract.errors import PluginError


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


def files_digest(origins: Iterable[SourceFile]) -> str:
    """Return the sha256 of all files that a record is made from: results depend on them."""
    return " ".join(origin.sha256 for origin in origins)


def memory_origin(key: str, name: str, value: Any) -> SourceFile:
    """Return the origin of a record that was given as an object of Python.

    key: kind and name; name: what stands for its file; value: the object, of which the sha256 is taken.
    """
    digest = hashlib.sha256()
    for text in _describe(value, {}, []):
        digest.update(text)
        digest.update(b"\0")
    return SourceFile(key, Path(name), digest.hexdigest(), in_memory=True)


def keep_trees(value: Any) -> None:
    """Keep the syntax tree of every function of the user's in an object with the function: for where no source is."""
    found: list[FunctionType] = []
    for _ in _describe(value, {}, found):
        pass
    for function in found:
        with suppress(PluginError):
            vars(function)["tree"] = function_tree(function, "")


def _describe(value: Any, seen: dict[int, Any], found: list[FunctionType]) -> Iterator[bytes]:
    """Yield what the numbers that an object computes depend on, the same in every process.

    Of a function: its source, and the values of the names that it uses; of a class its source; of a module its source
    and that of the user's others that it uses; of an installed one, and of what it has, the name alone; of an object of
    an installed type its pickle, of another its attributes.
    seen: by id what has been yielded, which must live on, for ids are used again.
    found: gets the functions whose source that is.
    """
    if isinstance(value, None | bool | int | float | complex | str | bytes | Path):
        yield f"{type(value).__name__} {value!r}".encode()
        return
    if isinstance(value, np.ndarray | np.generic):
        yield f"{value.dtype.str} {value.shape}".encode()
        yield repr(value.tolist()).encode() if value.dtype.kind == "O" else value.tobytes()
        return
    yield type(value).__qualname__.encode()
    if id(value) in seen:
        return
    seen[id(value)] = value
    parts: Iterable[Any]
    if isinstance(value, ModuleType) and not _is_installed_package(value.__name__.partition(".")[0]):
        with suppress(OSError, TypeError):
            yield inspect.getsource(value).encode()
        for part in vars(value).values():
            if isinstance(part, ModuleType | FunctionType | type) and not _is_installed(part):
                yield from _describe(part, seen, found)
        return
    if isinstance(value, ModuleType) or _is_installed(value):
        yield f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value)}".encode()
        return
    if isinstance(value, FunctionType):
        found.append(value)
        yield _code_text(value)
        parts = [value.__defaults__, value.__kwdefaults__, _names_in(value)]
    elif isinstance(value, type):
        yield _code_text(value)
        parts = [_names_in(each) for each in vars(value).values() if isinstance(each, FunctionType)]
    elif isinstance(value, MethodType):
        parts = [value.__func__, value.__self__]
    elif isinstance(value, functools.partial):
        parts = [value.func, value.args, value.keywords]
    elif isinstance(value, Mapping):
        parts = [item for key in sorted(value, key=str) for item in (str(key), value[key])]
    elif isinstance(value, list | tuple):
        parts = value
    elif isinstance(value, set | frozenset):
        parts = sorted(map(repr, value))
    elif hasattr(value, "py_func"):  # compiled by numba
        parts = [value.py_func]
    elif is_dataclass(value):  # a record: not its caches
        parts = [getattr(value, each.name) for each in fields(value) if each.name not in ("kept", "origins")]
    elif hasattr(value, "to_numpy"):
        parts = [list(getattr(value, "columns", ())), value.to_numpy()]
    elif _is_installed(type(value)):  # a sparse matrix, an estimator, a tensor
        with suppress(Exception):  # what cannot be pickled has its type alone
            yield pickle.dumps(value, protocol=4)
        return
    else:
        parts = [type(value), getattr(value, "__dict__", {})]
    for part in parts:
        yield from _describe(part, seen, found)


def _is_installed(value: Any) -> bool:
    """Return True for a class or a function of an installed package, of Python or of this one; False for a user's."""
    if not isinstance(value, type | FunctionType):
        return callable(value) and not hasattr(value, "__dict__")  # of C
    name = getattr(value, "__module__", None)  # None: made by exec in an empty namespace
    return name not in (None, "__main__") and _is_installed_package(name.partition(".")[0])


@functools.cache
def _is_installed_package(name: str) -> bool:
    """Return True for a package of Python's own library, this one, and one that an installer has put where it is."""
    if name in sys.stdlib_module_names or name in ("builtins", "optbench"):
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return False
    home = Path(file).parent.parent if Path(file).name == "__init__.py" else Path(file).parent
    return bool({"site-packages", "dist-packages"} & set(home.parts)) or any(home.glob(f"{name}-*.dist-info"))


def _code_text(value: Any) -> bytes:
    """Return the source of a function or a class; where there is none, the code of the function."""
    with suppress(OSError, TypeError, SyntaxError):
        return textwrap.dedent(inspect.getsource(value)).encode()
    code = getattr(value, "__code__", None)
    return repr(_code_parts(code) if code else value).encode()


def _code_parts(code: CodeType) -> tuple:
    """Return what a code object does, without its place and its addresses."""
    constants = tuple(_code_parts(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def _names_in(function: FunctionType) -> dict[str, Any]:
    """Return the values of the names that a function takes from around it, those of its inner functions included."""

    def names(code: CodeType) -> Iterator[str]:
        """Yield the names that a code object, and those in it, look up; co_names has attributes as well."""
        yield from (each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
        for each in code.co_consts:
            if isinstance(each, CodeType):
                yield from names(each)

    found = {name: function.__globals__[name] for name in names(function.__code__) if name in function.__globals__}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not yet filled
            found[name] = cell.cell_contents
    return found


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
