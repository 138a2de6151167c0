"""Load the files that define optimizers, schedules and problems: shipped ones and the user's own."""

import copy
import inspect
import itertools
import math
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from optbench import datasets
from optbench.catalogue import library_optimizers
from optbench.catalogue.aliases import unknown_name
from optbench.catalogue.sources import digest as digest_of
from optbench.catalogue.sources import import_siblings, make_module, shipped_files
from optbench.catalogue.torch_networks import make_network_families
from optbench.contract import names
from optbench.contract.composition import wrap
from optbench.contract.eager import LIBRARIES, AnyOptimizer, Eager, library_and_name
from optbench.contract.errors import OptbenchError, PluginError, shown
from optbench.contract.optimizers import Baseline, Optimizer, Wrapper
from optbench.contract.paths import path_of
from optbench.contract.problems import Family, Problem, ProblemWrapper
from optbench.contract.process_state import restored_process
from optbench.contract.resources import size_text
from optbench.contract.schedules import Schedule, ScheduleWrapper
from optbench.contract.source_code import SourceFile

MOST_FILES = 1000
"""Plug-ins in one call."""
# Bytes of a plug-in: 16 MiB are 400,000 lines: nobody has written more by hand
_MOST_BYTES = 1 << 24
_VARIANT = "variant"
"""The word around an optimizer that stands beside others of its rule under a name of its own."""
_WIDEST = 300
"""Characters of a line of a traceback."""
_KINDS = {
    Optimizer: "optimizers", Wrapper: "wrappers", Baseline: "baselines", Eager: "eager", Schedule: "schedules",
    ScheduleWrapper: "schedule_wrappers", Family: "problems", ProblemWrapper: "problem_wrappers",
}  # fmt: skip
_ONE_NAMESPACE = (
    ("optimizers", "wrappers", "baselines", "eager"),
    ("schedules", "schedule_wrappers"),
    ("problems", "problem_wrappers"),
)


@dataclass
class Catalogue:
    """All loaded records by name, the sha256 of their files, and the files that did not load, with tracebacks."""

    optimizers: dict[str, Optimizer] = field(default_factory=dict)
    wrappers: dict[str, Wrapper] = field(default_factory=dict)
    baselines: dict[str, Baseline] = field(default_factory=dict)
    eager: dict[str, Eager] = field(default_factory=dict)
    """Optimizers of other libraries that the user's files define; those of the libraries are looked up on demand."""
    schedules: dict[str, Schedule] = field(default_factory=dict)
    schedule_wrappers: dict[str, ScheduleWrapper] = field(default_factory=dict)
    problems: dict[str, Family] = field(default_factory=dict)
    problem_wrappers: dict[str, ProblemWrapper] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    """The sha256 of the file that a name came from, by kind and name: ``optimizer adam``."""
    files: dict[str, Path] = field(default_factory=dict)
    broken: dict[Path, str] = field(default_factory=dict)
    modules: dict[Path, ModuleType] = field(default_factory=dict)
    """The user's files, as they were loaded."""

    def optimizer(self, text: str | AnyOptimizer) -> tuple[AnyOptimizer, dict[str, float]]:
        """Return the optimizer that ``text`` names, or a record itself, and all its hyperparameters.

        Raises OptbenchError for an unknown name.
        """
        if isinstance(text, Eager):
            return library_optimizers.add_origins(text), text.with_values({})
        if isinstance(text, Optimizer | Baseline):
            return text, text.with_values({})
        if isinstance(text, type) or inspect.isroutine(text):
            raise OptbenchError(f"{text.__name__} itself is no name: {_advise_name(text)}")
        if (found := self._find_in_library(text)) is not None:
            return found
        if (variant := self._find_variant(text)) is not None:
            return variant
        plain = self.optimizers | self.baselines | self.eager
        record, inner, given = self._find_record("optimizer", text, plain, self.wrappers)
        if isinstance(record, Eager):  # to list it does not need the library
            return library_optimizers.apply_options(library_optimizers.add_origins(record), given)
        if inner is None:
            return record, record.with_values(given)
        base, values = self.optimizer(inner)
        if not isinstance(base, Optimizer):
            owner = LIBRARIES[base.library] if isinstance(base, Eager) else "SciPy"
            raise OptbenchError(f"optimizer {record.name} cannot go around {base.name}, which is {owner}'s")
        composed = wrap(record, base)
        return composed, composed.with_values(values | given)

    def _find_variant(self, text: str) -> tuple[AnyOptimizer, dict[str, float]] | None:
        """Return the optimizer and hyperparameters for ``variant(adam(beta1=0.5))``; None for any other text.

        A variant is the same optimizer under a name of its own, which holds the hyperparameters that it fixes: it
        stands beside the others in a sweep, and is tuned by itself.
        """
        try:
            name, given = names.parse(text)
        except OptbenchError:
            return None  # reported by the search among the rest
        if name != _VARIANT or names.INNER not in given:
            return None
        base, values = self.optimizer(inner := given.pop(names.INNER))
        named = _rename(base, name_variant(inner))
        return named, named.with_values(values | given)

    def _find_in_library(self, text: str) -> tuple[Eager, dict[str, float]] | None:
        """Return the optimizer and hyperparameters for a text such as ``torch:AdamW(beta1=0.8)``.

        None where the text names no other library. With ``file=mine.py`` in it the class is looked up in that file.
        """
        try:
            name, given = names.parse(text)
        except OptbenchError:
            return None  # reported by the search among the rest
        parts = library_and_name(name)
        if parts is None:
            return None
        file = given.pop("file", None)
        modules, only = list(self.modules.values()), ""
        if file is not None:
            if (path := plugin_path(file)) not in self.modules:
                _add_file(self, path)
            if path in self.broken:
                refuse_broken(path, self.broken[path])
            modules, only = [self.modules[path]], path.name
        label, inner, values = ":".join(parts), None, dict[str, float]()
        if names.INNER in given and parts[0] == "torch":
            found, values = self.optimizer(given.pop(names.INNER))
            if not isinstance(found, Eager) or found.library != "torch":
                text = f"optimizer {label} cannot go around {found.name}"
                raise OptbenchError(f"{text}: a class of PyTorch goes around another one, such as torch:SGD, if at all")
            inner = found
            label = names.canonical(label, {names.INNER: inner.name})
        if label not in self.eager or (only and path not in {origin.file for origin in self.eager[label].origins}):
            try:
                found = library_optimizers.find_optimizer(*parts, modules, given, only, inner)
            except OptbenchError as error:
                if not self.broken:
                    raise
                path, trace = next(iter(self.broken.items()))
                raise OptbenchError(f"{error}; the plug-in {path.name} does not load: {last_line(trace)}") from None
            if found.name != label:  # with values that it cannot do without, which are a part of its name
                return library_optimizers.apply_options(found, values | given)
            self.eager[label] = found
        self.eager[label] = library_optimizers.add_origins(self.eager[label])
        return library_optimizers.apply_options(self.eager[label], values | given)

    def schedule(self, text: str | Schedule) -> Schedule:
        """Return the schedule that ``text`` names, or a record itself. Raises OptbenchError for an unknown name."""
        if isinstance(text, Schedule):
            return text
        record, inner, given = self._find_record("schedule", text, self.schedules, self.schedule_wrappers)
        return record.with_values(given) if inner is None else record.wrap(self.schedule(inner), given)

    def problem(self, text: str | Problem | Family, fold: int = 0, folds: int = 1) -> Problem:
        """Return the problem that ``text`` names, or a record itself; of a family, the problem at its defaults.

        fold, folds: which fold of how many its test rows are (`datasets.in_fold`). Raises OptbenchError for an unknown
        name, and for a problem without folds.
        """
        if folds > 1:
            with datasets.in_fold(fold, folds):
                made = Catalogue.problem(self, text)  # never one that is cached
            if getattr(made.data_set, "folds", 1) != folds:
                why = "learns from no data" if made.data is None else "learns from no data set, and has one split"
                raise OptbenchError(f"folds: {made.name} {why}")
            object.__setattr__(made, "fold", (fold, folds))  # of a record that was built here
            return made
        if isinstance(text, Problem):
            return text
        if isinstance(text, Family):
            return text.build()
        record, inner, given = self._find_record("problem", text, self.problems, self.problem_wrappers)
        # The inner one is never cached, as it may be of a fold.
        return record.build(given) if inner is None else record.wrap(Catalogue.problem(self, inner), given)

    def _find_record(self, kind: str, text: str, plain: dict, wrappers: dict) -> tuple[Any, str | None, dict]:
        """Return (record, inner, values): what ``text`` names, the text that it is around or None, what is given.

        kind: "optimizer", "schedule" or "problem", for messages; plain, wrappers: records by name. Raises OptbenchError
        for an unknown name, and for a wrapper without or a record with an inner text.
        """
        try:
            name, given = names.parse(text)
        except OptbenchError as error:
            raise OptbenchError(f"{kind}: {error}") from None
        inner = given.pop(names.INNER, None)
        if name not in {**plain, **wrappers}:
            kinds = (registry for registry in _KINDS.values() if registry != "eager")
            another = next((each[:-1] for each in kinds if name in getattr(self, each)), "")
            raise unknown_name(kind, name, [*plain, *wrappers], another)
        if name in wrappers and inner is None:
            example = next((other for other in ("adam", "cosine", "rosenbrock") if other in plain), min(plain))
            raise OptbenchError(f"{name} goes around another {kind}: write {name}({example})")
        if name in plain and inner is not None:
            hint = f"; these do: {', '.join(sorted(wrappers))}" if wrappers else ""
            raise OptbenchError(f"{kind} {name} does not go around another one, as {text!r} says{hint}")
        return (plain | wrappers)[name], inner, given


def name_variant(text: str) -> str:
    """Return the name of the variant of an optimizer that a text with hyperparameters fixes."""
    return names.canonical(_VARIANT, {names.INNER: text})


def base_name(name: str) -> str:
    """Return the name of the optimizer that a variant is of, adam for variant(adam(beta1=0.5)); others stay."""
    if not name.startswith(f"{_VARIANT}("):
        return name
    inner = names.parse(name)[1][names.INNER]
    levels = names.split_levels(inner)
    # The options of another library's optimizer are a part of its name
    return inner if any(":" in each for each, _ in levels) else names.join_levels((each, {}) for each, _ in levels)


def find_base(record: AnyOptimizer) -> AnyOptimizer:
    """Return a variant as the optimizer that it is a variant of, by its name; another optimizer as it is."""
    return record if (name := base_name(record.name)) == record.name else _rename(record, name)


def _rename(record: AnyOptimizer, name: str) -> AnyOptimizer:
    """Return the optimizer under another name."""
    named = copy.copy(record)  # its values are checked
    object.__setattr__(named, "name", name)
    return named


def load(files: tuple[str | Path, ...] = ()) -> Catalogue:
    """Return the shipped catalogue with the user's ``files`` on top.

    Raises PluginError for a file that is not there, or a name that is already taken. A file that breaks while it
    loads is kept in ``broken``, and the others load all the same.
    """
    shipped = _load_shipped(tuple((path, (stat := path.stat()).st_mtime_ns, stat.st_size) for path in shipped_files()))
    catalogue = Catalogue(**{name: dict(registry) for name, registry in vars(shipped).items()})
    for path in dict.fromkeys(map(plugin_path, files)):
        _add_file(catalogue, path)
    return catalogue


def cached_catalogue(plugins: Iterable[str | Path]) -> Catalogue:
    """Return the catalogue with these files, cached: every problem is built once."""
    catalogue = load(tuple(plugins))
    build = catalogue.problem
    cached = cache(build)
    catalogue.problem = lambda text, *fold: (cached if isinstance(text, str) else build)(text, *fold)  # type: ignore[method-assign]
    return catalogue


@cache
def _load_shipped(files: tuple[tuple[Path, int, int], ...]) -> Catalogue:
    """Return the catalogue of the shipped files, cached, for reading them takes as long as a short run.

    files: (path, time, size) of each, so that a changed file is read again.
    """
    catalogue = Catalogue()
    for path, *_ in files:
        _add_file(catalogue, path)
    if catalogue.broken:
        raise PluginError(f"the installation is damaged: {next(iter(catalogue.broken.values()))}")
    catalogue.modules.clear()
    return catalogue


def plugin_path(file: str | Path) -> Path:
    """Return the absolute path of a plug-in; raise PluginError where no file of a sensible size is there."""
    try:
        path = path_of("plugin", file).resolve()
        size, plain = path.stat().st_size, path.is_file()
    except FileNotFoundError:
        raise PluginError(f"no plug-in file {shown(str(file))}") from None
    except (OSError, ValueError, RuntimeError, TypeError) as error:  # too long, a NUL in it, links in a circle
        raise PluginError(f"no plug-in file {shown(str(file))}: {getattr(error, 'strerror', None) or error}") from None
    if not plain:  # a folder, a pipe or a device, which may give no end of text
        raise PluginError(f"no plug-in file {shown(str(file))}: this is something else than a file")
    if size > _MOST_BYTES:
        raise PluginError(f"the plug-in {path.name} has {size_text(size)}: that is no source text")
    return path


def load_all(files: str | Path | Iterable[str | Path] = ()) -> Catalogue:
    """Call :func:`load`; a file that does not load is an error, OptbenchError."""
    if isinstance(files, str | os.PathLike):
        files = (files,)
    elif not isinstance(files, list | tuple | set | frozenset):
        files = _list_files(files)
    catalogue = load(tuple(files))
    for path, trace in catalogue.broken.items():
        refuse_broken(path, trace)
    return catalogue


def last_line(trace: str) -> str:
    """Return the last line of a traceback."""
    return trace.strip().splitlines()[-1]


def refuse_broken(path: Path, trace: str) -> NoReturn:
    """Raise OptbenchError for a file that does not load, with the last line of its traceback."""
    raise OptbenchError(f"the plug-in {path.name} does not load: {last_line(trace)}")


def _list_files(files: Any) -> tuple:
    """Return an iterable as a tuple; raise OptbenchError for too many items, and for what is no iterable."""
    try:
        found = tuple(itertools.islice(files, MOST_FILES + 1))
    except TypeError:
        raise OptbenchError(f"plugin: {shown(files)} must be a file, or a list of files") from None
    if len(found) > MOST_FILES:
        raise OptbenchError(f"plugin: more than {MOST_FILES:,} files")
    return found


def _add_file(catalogue: Catalogue, path: Path) -> None:
    """Load a file and add its records to the catalogue; a file that breaks is noted in ``broken``.

    Raises PluginError for a name that is already taken.
    """
    try:
        digest = digest_of(path)
        module, records = _run_file(path, digest)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a user's file may raise is reported, not passed on
        catalogue.broken[path] = _format_traceback(error, path)
        return
    catalogue.modules[path] = module
    for record in records:
        kind = _KINDS[type(record)]
        registry = getattr(catalogue, kind)
        key = f"{kind.removesuffix('s')} {record.name}"
        for other in (other for pair in _ONE_NAMESPACE if kind in pair for other in pair if other != kind):
            if record.name in getattr(catalogue, other):
                kind = other.replace("_", " ")
                raise PluginError(f"{path.name}: {record.name!r} is a name among the {kind} already; choose another")
        if key in catalogue.files and registry.get(record.name, record) is not record:
            if catalogue.hashes.get(key) == digest and catalogue.files[key].name == path.name:
                raise PluginError(f"{path} and {catalogue.files[key]} are the same file: name one of them")
            raise PluginError(
                f"{path.name}: the name of {key!r} is taken by {catalogue.files[key].name}; choose another"
            )
        own = key.replace("eager ", "optimizer ") if kind == "eager" else key
        if not any(origin.key == own for origin in record.origins):  # what another file defines keeps its own
            object.__setattr__(record, "origins", (SourceFile(own, path, digest), *record.origins))
        registry[record.name] = record
        catalogue.hashes[key] = digest
        catalogue.files[key] = path


def _format_traceback(error: BaseException, path: Path) -> str:
    """Return the traceback from the user's file on, without optbench's own frames; of an OptbenchError, one line."""
    if isinstance(error, OptbenchError):
        return f"{error}\n"
    trace = traceback.TracebackException.from_exception(error, limit=None)
    own = next((i for i, frame in enumerate(trace.stack) if frame.filename == str(path)), len(trace.stack))
    trace.stack = traceback.StackSummary.from_list(trace.stack[own : own + 3])
    lines = "".join(trace.format()).splitlines()
    if isinstance(error, ModuleNotFoundError) and (extra := library_optimizers.extra_of(error.name)):
        lines[-1] += f": pip install -e '.[{extra}]'"
    return "".join(f"{line[:_WIDEST]}{'...' * (len(line) > _WIDEST)}\n" for line in lines)


def _advise_name(target: Any) -> str:
    """Return the end of an error message: the text to pass instead of a class or a function of another library."""
    home, name = target.__module__.partition(".")[0], target.__name__
    if home in LIBRARIES:
        return f'say "{home}:{name}"'
    return f'say "torch:{name}(file=...)" with its file, or make a record of it with optbench.torch_optimizer'


@cache
def _run_file(path: Path, digest: str) -> tuple[ModuleType, list]:
    """Run a file as a module of a private name, once per content; return (module, its records)."""
    module = make_module(path, digest)
    try:
        with restored_process(), import_siblings(path):
            loader: Any = module.__loader__
            loader.exec_module(module)
        records = [record for record in vars(module).values() if type(record) in _KINDS]
        for record in records:
            record.__post_init__()  # a file can have done anything to them
        taken = {record.name for record in records}
        made: list[Any] = [each for each in library_optimizers.make_torch_records(module) if isinstance(each, Eager)]
        records += [each for each in (*made, *make_network_families(module)) if each.name not in taken]
    except BaseException:
        sys.modules.pop(module.__name__, None)
        raise
    return module, records


@cache
def find_shipped_limits(optimizer: str) -> dict[str, str] | None:
    """Return the limits of a shipped optimizer's hyperparameters; None for others, which a folder must not load."""
    try:
        if any(library_and_name(name) for name, _ in names.split_levels(optimizer)):
            return None
        return load().optimizer(optimizer)[0].all_limits
    except OptbenchError:
        return None


@cache
def find_shipped_rate(optimizer: str) -> float:
    """Return the middle of the range of rates that a shipped optimizer is tuned in; NaN for others."""
    if find_shipped_limits(optimizer) is None:
        return math.nan
    return float(load().optimizer(optimizer)[0].space["lr"].of(0.5))
