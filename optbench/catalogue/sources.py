"""Find the shipped files and the names that a file registers by its text, without importing anything.

A shell that completes names asks at every press of a key, and must not wait for NumPy, nor run a user's file.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_DECORATORS = {
    "optimizer": "optimizers",
    "wrapper": "wrappers",
    "schedule": "schedules",
    "schedule_wrapper": "schedule_wrappers",
    "problem": "problems",
}
_CALLS = {"variant": "optimizers", "Baseline": "baselines"} | dict.fromkeys(
    ("torch_optimizer", "optax_optimizer"), "optimizers"
)
REGISTRIES = (*_DECORATORS.values(), "baselines")
"""The kinds of names: the fields of the catalogue."""


def shipped_files() -> list[Path]:
    """Return the catalogue's own files; problems lie inside the package, or beside it in a checkout."""
    folder = _HERE.parent / "problems"
    if not folder.is_dir():
        folder = _HERE.parents[1] / "problems"
    return [
        *sorted((_HERE / "optimizers").glob("*.py")),
        *sorted((_HERE / "schedules").glob("*.py")),
        *sorted(folder.glob("*.py")),
    ]


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


def _imported_modules(path: Path) -> set[str]:
    """Return the top-level names of the modules that a file imports; none for a file that cannot be read."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
        return set()
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


def registered_names(files: list[Path]) -> dict[str, list[str]]:
    """Return the names that ``files`` register by a decorator, a variant or a Baseline, by registry, in order.

    Names that a file registers in a loop or computes are not found; a file that cannot be read has none.
    """
    found: dict[str, list[str]] = {registry: [] for registry in REGISTRIES}
    for file in files:
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
            continue
        for registry, name in _find_registered(tree):
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
    return [key.value for each in dicts for key in each.keys if isinstance(key, ast.Constant)]


def _find_registered(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (registry, name) of each record that a module registers at its top level."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if registry := _DECORATORS.get(_called_name(decorator)):
                    yield registry, _keyword_text(decorator, "name") or node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            texts = [each.value for each in node.value.args if isinstance(each, ast.Constant)]
            name = next((text for text in texts if isinstance(text, str)), _keyword_text(node.value, "name"))
            if name and (registry := _CALLS.get(_called_name(node.value))):
                yield registry, name


def _called_name(node: ast.expr) -> str:
    """Return ``problem`` for ``problem(...)``, ``@problem`` and ``optbench.problem(...)``."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _keyword_text(node: ast.expr, key: str) -> str | None:
    """Return the text of a keyword in a call; None where there is none."""
    values = [each.value for each in getattr(node, "keywords", ()) if each.arg == key]
    constant = values[0] if values else None
    return constant.value if isinstance(constant, ast.Constant) and isinstance(constant.value, str) else None
