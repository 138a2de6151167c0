"""Files with records: which ones ship, what a file imports and registers by its text, and its module.

To find names nothing is imported: a shell that completes them asks at every press of a key, and must not wait for
NumPy, nor run a user's file.
"""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from optbench.contract.errors import PluginError

_HERE = Path(__file__).parent
_DECORATORS = {
    kind: f"{kind}s" for kind in ("optimizer", "wrapper", "schedule", "schedule_wrapper", "problem", "problem_wrapper")
}
_CALLS = {"Baseline": "baselines"} | dict.fromkeys(("variant", "torch_optimizer", "optax_optimizer"), "optimizers")
REGISTRIES = (*_DECORATORS.values(), "baselines")
"""The kinds of names: the fields of the catalogue."""


@cache
def shipped_files() -> tuple[Path, ...]:
    """Return the catalogue's own files; problems lie inside the package, or beside it in a checkout.

    Listed once: to list the folders took a short cohort a tenth of its time.
    """
    folder = _HERE.parent / "problems"
    if not folder.is_dir():
        folder = _HERE.parents[1] / "problems"
    return (
        *sorted((_HERE / "optimizers").glob("*.py")),
        *sorted((_HERE / "schedules").glob("*.py")),
        *sorted(folder.glob("*.py")),
    )


@cache
def is_shipped(path: Path) -> bool:
    """Return True for a file of the catalogue itself, False for a user's."""
    return path in shipped_files()


def siblings(path: Path) -> dict[str, list[Path]]:
    """Return the modules beside a plug-in that it imports, and that these import, by name: a file, or all of a package.

    As in a script, they are found before installed ones of their name; Python's own library and optbench come first.
    """
    found: dict[str, list[Path]] = {}
    waiting = [] if is_shipped(path) else [path]
    while waiting:
        for name in _imported_modules(waiting.pop()) - found.keys() - sys.stdlib_module_names - {"optbench"}:
            package, file = path.parent / name, path.parent / f"{name}.py"
            if (package / "__init__.py").is_file():
                found[name] = sorted(package.rglob("*.py"))
            elif file.is_file():
                found[name] = [file]
            waiting += found.get(name, [])
    return dict(sorted(found.items()))


def files_of(path: Path) -> list[Path]:
    """Return a plug-in's own file, and behind it those beside it that it imports."""
    return [path, *(file for files in siblings(path).values() for file in files if file != path)]


def digest(path: Path) -> str:
    """Return the sha256 of a plug-in; with what it imports from its folder, that of all their hashes. Raise OSError."""
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files_of(path)]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def _parse_file(path: Path) -> ast.Module:
    """Return the syntax tree of a file; that of an empty one for a file that cannot be read."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
        return ast.Module([], [])


def _imported_modules(path: Path) -> set[str]:
    """Return the top-level names of the modules that a file imports; none for a file that cannot be read."""
    tree = _parse_file(path)
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


def registered_names(files: list[Path]) -> dict[str, list[str]]:
    """Return the names that ``files`` register by a decorator, a variant or a Baseline, by registry, in order.

    Names that a file registers in a loop or computes are not found; a file that cannot be read has none.
    """
    found: dict[str, list[str]] = {registry: [] for registry in REGISTRIES}
    for file in files:
        for registry, name in _find_registered(_parse_file(file)):
            found[registry].append(name)
    return found


def data_set_names() -> list[str]:
    """Return the names of the data sets: the keys of ``SETS`` in the files of the package ``datasets``."""
    trees = (ast.parse(file.read_bytes()) for file in sorted(_HERE.parent.joinpath("datasets").glob("*.py")))
    assigned = (node for tree in trees for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign))
    dicts = (
        node.value
        for node in assigned
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id == "SETS" and isinstance(node.value, ast.Dict)
    )
    return [str(key.value) for each in dicts for key in each.keys if isinstance(key, ast.Constant)]


def _find_registered(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (registry, name) of each record that a module registers at its top level."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if registry := _DECORATORS.get(_called_name(decorator)):
                    yield registry, _name_keyword(decorator) or node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            texts = [each.value for each in node.value.args if isinstance(each, ast.Constant)]
            name = next((text for text in texts if isinstance(text, str)), _name_keyword(node.value))
            if name and (registry := _CALLS.get(_called_name(node.value))):
                yield registry, name


def _called_name(node: ast.expr) -> str:
    """Return ``problem`` for ``problem(...)``, ``@problem`` and ``optbench.problem(...)``."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _name_keyword(node: ast.expr) -> str | None:
    """Return the text of a call's keyword ``name``; None where there is none."""
    values = (each.value for each in getattr(node, "keywords", ()) if each.arg == "name")
    texts = (each.value for each in values if isinstance(each, ast.Constant))
    return next((text for text in texts if isinstance(text, str)), None)


class _SourceLoader(SourceFileLoader):
    """A loader that always compiles the source file and ignores cached bytecode.

    Python checks bytecode against the modification time, in seconds, and the size of a file: an edit may keep both.
    """

    def path_stats(self, path):
        """Raise OSError: for Python's import this means that there is no bytecode to use."""
        raise OSError


def make_module(path: Path, digest: str) -> ModuleType:
    """Return a file as a module that has not run yet; its name follows from the file's name and content.

    Raises PluginError for a file that is not Python.
    """
    # By content, not by place: kernels in numba's cache name this module, and a copied checkout finds them, too.
    label = f"_optbench_plugin_{path.stem}_{digest[:8]}"
    spec = importlib.util.spec_from_file_location(label, path)
    if spec is None:
        raise PluginError(f"{path.name} is not a Python file")
    if type(spec.loader) is SourceFileLoader and not is_shipped(path):
        spec.loader = _SourceLoader(label, str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[label] = module
    return module


class _SiblingFinder:
    """A finder of modules for Python's import: the modules of a folder that have one of these top-level names."""

    def __init__(self, folder: Path, names: set[str]):
        self.folder, self.names = folder, names

    def is_sibling(self, name: str) -> bool:
        """Return True if a module's dotted name begins with one of the finder's top-level names."""
        return name.partition(".")[0] in self.names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec of a sibling module, for Python's import; None for other modules, or if there is no file."""
        found = PathFinder.find_spec(name, path or [str(self.folder)]) if self.is_sibling(name) else None
        if found is not None and type(found.loader) is SourceFileLoader:
            found.loader = _SourceLoader(name, str(found.origin))
        return found


@contextmanager
def import_siblings(path: Path) -> Iterator[None]:
    """Let a plug-in import the modules beside it while it loads, whatever modules of their names were imported before.

    They go with the end of that, so that the next plug-in gets its own, and an edited one is read again.
    """
    finder = _SiblingFinder(path.parent, {*siblings(path)})
    before = {name: module for name, module in list(sys.modules.items()) if finder.is_sibling(name)}
    for name in before:
        del sys.modules[name]
    importlib.invalidate_caches()  # of folders in which a file has just been written
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in list(sys.modules) if finder.is_sibling(name)]:
            del sys.modules[name]
        sys.modules.update(before)
