"""One loader for the files that define optimizers, schedules and problems, the shipped ones and the user's own."""

import hashlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from optbench import names
from optbench.errors import PluginError, unknown
from optbench.records import Family, Optimizer, Problem, Schedule

_PACKAGE = Path(__file__).parent
_KINDS = {Optimizer: "optimizers", Schedule: "schedules", Family: "problems"}


@dataclass
class Catalogue:
    """Everything that was loaded, by name; the files' sha256; and the files that would not load, with tracebacks."""

    optimizers: dict[str, Optimizer] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    problems: dict[str, Family] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    """sha256 of the file that a name came from, by kind and name: ``optimizer adam``."""
    files: dict[str, Path] = field(default_factory=dict)
    broken: dict[Path, str] = field(default_factory=dict)

    def optimizer(self, text: str) -> tuple[Optimizer, dict[str, float]]:
        """The optimizer that ``text`` names, and all its hyperparameters. Raises OptbenchError."""
        name, given = names.parse(text)
        found = self._find("optimizer", name, self.optimizers)
        return found, found.with_values(given)

    def schedule(self, text: str) -> Schedule:
        name, given = names.parse(text)
        return self._find("schedule", name, self.schedules).with_values(given)

    def problem(self, text: str) -> Problem:
        name, given = names.parse(text)
        return self._find("problem", name, self.problems).build(given)

    @staticmethod
    def _find(kind, name, among):
        if name not in among:
            raise unknown(kind, name, among)
        return among[name]


def shipped_files() -> list[Path]:
    """The files of the catalogue: inside the package, or beside it in a checkout."""
    folder = _PACKAGE / "problems"
    if not folder.is_dir():
        folder = _PACKAGE.parent / "problems"
    return [
        *sorted((_PACKAGE / "optimizers").glob("*.py")),
        _PACKAGE / "schedules.py",
        *sorted(folder.glob("*.py")),
    ]


def load(files: tuple[str | Path, ...] = ()) -> Catalogue:
    """The shipped catalogue with the user's ``files`` on top.

    Raises PluginError for a file that is not there, or a name that is already taken. A file that breaks while it
    loads is kept in ``broken``, and the others load all the same.
    """
    catalogue = Catalogue()
    for path in shipped_files():
        _add(catalogue, path)
    if catalogue.broken:
        raise PluginError(f"the installation is damaged: {next(iter(catalogue.broken.values()))}")
    for path in dict.fromkeys(Path(file).resolve() for file in files):
        if not path.is_file():
            raise PluginError(f"no plug-in file {str(path)!r}")
        _add(catalogue, path)
    return catalogue


def _add(catalogue: Catalogue, path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        module = _execute(path, digest)
    except (Exception, SystemExit):  # whatever a user's file may raise is reported, not passed on
        catalogue.broken[path] = traceback.format_exc(limit=-2)
        return
    for record in vars(module).values():
        if type(record) not in _KINDS:
            continue
        registry = getattr(catalogue, _KINDS[type(record)])
        key = f"{_KINDS[type(record)][:-1]} {record.name}"
        if registry.get(record.name, record) is not record:
            raise PluginError(
                f"{path.name}: the name of {key!r} is taken by {catalogue.files[key].name}; choose another"
            )
        registry[record.name] = record
        catalogue.hashes[key] = digest
        catalogue.files[key] = path


@cache
def _execute(path: Path, digest: str):
    """Run the file as a module of a private name, once per content."""
    label = f"_optbench_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(label, path)
    if spec is None:
        raise PluginError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[label] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(label, None)
        raise
    return module
