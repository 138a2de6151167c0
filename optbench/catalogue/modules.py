"""Import files as modules of private names."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from optbench.catalogue.sources import is_shipped, siblings
from optbench.contract.errors import PluginError


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
    """A finder and loader of modules of some names in a folder."""

    def __init__(self, folder: Path, names: set[str]):
        self.folder, self.names = folder, names

    def has(self, name: str) -> bool:
        """Return True where the module, or its package, has one of the names."""
        return name.partition(".")[0] in self.names

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        """Return the spec of a module, for Python's import."""
        found = PathFinder.find_spec(name, path or [str(self.folder)]) if self.has(name) else None
        if found is not None and type(found.loader) is SourceFileLoader:
            found.loader = _SourceLoader(name, str(found.origin))
        return found


@contextmanager
def import_siblings(path: Path) -> Iterator[None]:
    """Let a plug-in import the modules beside it while it loads, whatever modules of their names were imported before.

    They go with the end of that, so that the next plug-in gets its own, and an edited one is read again.
    """
    finder = _SiblingFinder(path.parent, {*siblings(path)})
    before = {name: module for name, module in list(sys.modules.items()) if finder.has(name)}
    for name in before:
        del sys.modules[name]
    importlib.invalidate_caches()  # of folders in which a file has just been written
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in list(sys.modules) if finder.has(name)]:
            del sys.modules[name]
        sys.modules.update(before)
