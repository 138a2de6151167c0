"""Files as modules of private names."""

import importlib.util
import sys
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from optbench.catalogue.sources import shipped_files
from optbench.contract.errors import PluginError


class _Text(SourceFileLoader):
    """Runs what stands in the file, and no bytecode beside it.

    Python takes bytecode for that of a file by its second and its size, and an edit may keep both.
    """

    def path_stats(self, path):
        raise OSError


@cache
def _shipped() -> frozenset[Path]:
    return frozenset(shipped_files())


def as_module(path: Path, digest: str) -> ModuleType:
    """A file as a module that has not run yet, the same name for the same content. Raises PluginError for no Python."""
    # By content, not by place: kernels in numba's cache name this module, and a copied checkout finds them, too.
    label = f"_optbench_plugin_{path.stem}_{digest[:8]}"
    spec = importlib.util.spec_from_file_location(label, path)
    if spec is None:
        raise PluginError(f"{path.name} is not a Python file")
    if type(spec.loader) is SourceFileLoader and path not in _shipped():
        spec.loader = _Text(label, str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[label] = module
    return module
