"""Optimizers of PyTorch and optax by name: those of the library, of any installed package, and of a user's files."""

import ast
import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from optbench.catalogue.sources import digest
from optbench.contract import eager, equals, names
from optbench.contract.eager import LIBRARIES, Eager, Library, library_and_name, rate_argument
from optbench.contract.errors import OptbenchError, PluginError, in_one_line, refuse_name, unknown
from optbench.contract.optimizers import Baseline, Optimizer, Wrapper
from optbench.contract.process_state import restored_process
from optbench.contract.search import RATE, RATES, Range
from optbench.contract.source_code import SourceFile


def import_library(library: Library) -> ModuleType:
    """Import a library and return its module. Raises OptbenchError if it is not installed or does not load."""
    try:
        with restored_process():
            return importlib.import_module(library)
    except ImportError as error:
        if error.name not in (library, "jax"):
            raise OptbenchError(f"{LIBRARIES[library]} does not load: {in_one_line(error)}") from error
        needs = f"optimizers of {LIBRARIES[library]} need the extra {library!r}: pip install -e '.[{library}]'"
        raise OptbenchError(needs) from None


def extra_of(module: str | None) -> str | None:
    """Return the extra of optbench that installs a missing module; None if no extra does."""
    return "optax" if module == "jax" else module if module in LIBRARIES else None


def make_torch_records(module: ModuleType) -> Iterator[Eager | PluginError]:
    """Yield a record for each PyTorch optimizer that a user's file defines, or the error why it cannot run by its name.

    These are the subclasses of PyTorch's that the file itself defines.
    """
    torch = sys.modules.get("torch")
    for value in list(vars(module).values()) if torch else []:
        if _is_torch(value, torch) and value.__module__ == module.__name__:
            try:
                yield eager.torch_optimizer(value, source=_describe_place(value, module, torch))
            except PluginError as error:  # perhaps a base class of others; asking for it by name raises this error
                yield error


def find_optimizer(
    library: Library, name: str, modules: Sequence[ModuleType], given: Mapping[str, Any], only: str = "",
    inner: Eager | None = None,
) -> Eager:  # fmt: skip
    """Return the optimizer of that name in a user's files, in the library, or in a package that the name begins with.

    modules: the user's files, loaded; given: values by argument, of which those without a default become a part of the
    optimizer's name; only: the name of the one file to search, or "" for all places; inner: the one that it goes
    around. Raises OptbenchError, with the
    nearest name, if there is none, and if the library is not installed.
    """
    home = import_library(library)
    own = [vars(module)[name] for module in modules if name in vars(module)]
    # A name of the user's file may be that of an optimizer and stand for something else: a rule, a rate, a helper.
    target = next((value for value in own if _fits_library(library, value, home)), None)
    mine = target is not None
    if target is None and not only:
        target = _get_attribute(home.optim if library == "torch" else home, name) or _import_attribute(name)
    if target is None and own:
        target, mine = own[0], True  # an error names what it lacks
    if isinstance(target, Eager) and inner is None:
        return add_origins(target)
    make = eager.torch_optimizer if library == "torch" else eager.optax_optimizer
    if library == "torch" and not _is_torch(target, home):
        if mine:
            raise PluginError(f"optimizer torch:{name}: it is no subclass of torch.optim.Optimizer")
        target = None
    if target is None or isinstance(target, ModuleType):
        members = ((key, value) for module in modules for key, value in vars(module).items())
        fitting = [key for key, value in members if _fits_library(library, value, home)]
        raise _unknown_error(library, name, fitting if only else [*_list_names(home, library), *fitting], only)
    version, place = f"{LIBRARIES[library]} {home.__version__}", sys.modules.get(getattr(target, "__module__", ""))
    # Any callable may stand in a module: only its arguments distinguish an optimizer.
    source = f"{target.__module__}.{target.__qualname__}, {version}" if hasattr(target, "__qualname__") else version
    source = _describe_place(target, place, home) if mine and place in modules else source
    label, around = f"{library}:{name}", {}
    if inner is not None:
        target, around = eager.torch_around(target, inner), {names.INNER: inner.name}
    needed = {key: given[key] for key in eager.required_arguments(label, library, target) if key in given}
    made = make(target, names.canonical(label, around | needed), source=source, **needed)
    if mine and not _find_own_file(made):  # a class of a module beside the plug-in, no longer there by its name
        file = next(str(module.__file__) for module in modules if name in vars(module))
        made = replace(made, origins=(_plugin_file(made, Path(file)),))
    if inner is not None:
        made = replace(made, origins=(*(made.origins or _find_own_file(made)), *_find_own_file(inner)))
    return add_origins(made)


def find_unasked(text: str) -> tuple[list[str], list[str]]:
    """Return the files and the modules that a name of a results folder would run: ``torch:X(file=F)``, ``torch:m.X``.

    Every level of the name is looked at. A module that is imported already would not run, and a part of the library
    is not the folder's. Raises OptbenchError for a text that is no name, and if the library is not installed.
    """
    files, modules = [], []
    for name, given in names.split_levels(text):
        if (parts := library_and_name(name)) is None:
            continue
        if "file" in given:
            files.append(str(given["file"]))
        package, _, rest = parts[1].partition(".")
        if rest and package not in sys.modules:
            home: Any = import_library(parts[0])
            if _get_attribute(home.optim if parts[0] == "torch" else home, parts[1]) is None:
                modules.append(package)
    return files, modules


def apply_options(record: Eager, given: Mapping[str, Any]) -> tuple[Eager, dict[str, float]]:
    """Return the optimizer with its options set, which become part of its name, and all its numeric values by name.

    given: options and numeric values, by argument. Raises OptbenchError for an argument that it does not have.
    """
    name, fixed = names.parse(record.name)
    numbers = {key: value for key, value in given.items() if key in record.hyperparameters}
    rest = {key: value for key, value in given.items() if key not in record.hyperparameters and key not in fixed}
    joined = next((key for key in rest if key in record.tuples), None)
    if joined:
        raise OptbenchError(f"optimizer {record.name}: for {joined} write {', '.join(record.tuples[joined])}")
    known = eager.other_arguments(record)
    strange = next((key for key in rest if key not in known), None)
    if strange is not None:  # "" is what stands in brackets without a name
        if strange == names.INNER:
            raise OptbenchError(f"optimizer {record.name} does not go around another one, as {rest[strange]!r}")
        raise unknown(f"parameter of optimizer {record.name}", strange, [*record.hyperparameters, *known])
    # In the order of the signature, and without what is so anyway: one optimizer has one name.
    options = {
        key: rest[key]
        for key, default in known.items()
        if key in rest and (type(rest[key]), rest[key]) != (type(default), default)  # 1 and True differ
    }
    if not options:
        return record, record.with_values(numbers)
    made = eager.with_options(record, names.canonical(name, fixed | options), options)
    return made, made.with_values(numbers)


def find_search_space(
    record: Eager, values: Mapping[str, float], rules: Iterable[Optimizer]
) -> tuple[dict[str, Range], str]:
    """Return (search ranges by name, their source) of an eager optimizer; values: its numeric values.

    If its record states none, and a rule takes the same steps, these are the ranges of that rule, so that both are
    tuned alike.
    """
    if record.search and record.search_source != eager.USUAL:
        return record.space, record.search_source
    rule, names_in_rule = find_equal_rule(record, values, rules)
    if rule is None:
        return record.space, record.search_source
    mine = {RATE: RATE} | {theirs: key for key, theirs in names_in_rule.items()}
    ranges = {mine[key]: range_ for key, range_ in rule.search.items() if key in mine}
    return {RATE: RATES} | ranges, f"as {rule.name}, which takes the same steps ({rule.search_source})"


def find_equal_rule(
    record: Eager, values: Mapping[str, float], rules: Iterable[Optimizer]
) -> tuple[Optimizer | None, dict[str, str]]:
    """Return the rule that takes the same steps as an eager optimizer, by its ``equals``; None if there is none.

    Of several such rules it is the one with the defaults most like the values. Returned as well is the rule's name of
    each of the optimizer's hyperparameters.
    """
    library, name = library_and_name(names.parse(record.name)[0]) or (record.library, "")
    home: Any = import_library(library)
    if _get_attribute(home.optim if library == "torch" else home, name) is not record.target:
        return None, {}  # the user's own class
    found: list[tuple[int, int, Optimizer, dict[str, str]]] = []
    for rule in rules:
        for branch in equals.parse_equal(rule.name, library, rule.equals.get(library, "#")).branches:
            own = _match_names(branch.call, record, values) if equals.called_name(branch.call) == name else None
            if own is not None:
                alike = sum(values[key] == rule.hyperparameters[own[key]] for key in own)
                found.append((alike - len(own), alike, rule, own))
    if not found:
        return None, {}
    *_, best, own = max(found, key=lambda each: each[:2])
    return best, own


def _match_names(call: Any, record: Eager, values: Mapping[str, float]) -> dict[str, str] | None:
    """Return the rule's hyperparameter for each of the record's that a call passes; None if the steps differ.

    They differ if the call converts the rate, passes another value than the record's, or leaves out an argument whose
    value in the record is not the default.
    """
    given = {each.arg: each.value for each in call.keywords}
    rate = given.pop(record.rate, None) or (call.args[0] if call.args else None)
    have = {**eager.other_arguments(record), **record.arguments(values)}
    own: dict[str, str] = {}
    for key, value in given.items():
        mine, parts = record.tuples.get(key, (key,)), value.elts if isinstance(value, ast.Tuple) else [value]
        named = [part.id for part in parts if isinstance(part, ast.Name)]
        if len(named) == len(parts) == len(mine):
            own |= zip(mine, named, strict=True)
        elif not isinstance(value, ast.Constant) or have.get(key) != value.value:
            return None
    unnamed = [key for key in record.hyperparameters if key not in own and key not in given]
    plain = all(values[key] == record.hyperparameters[key] for key in unnamed) and set(record.options) <= set(given)
    straight = isinstance(rate, ast.Name) and rate.id == RATE
    return own if plain and straight and own.keys() <= values.keys() else None


def add_origins(record: Eager) -> Eager:
    """Return the record with the files that its numbers depend on: its own, and the library's file with the version.

    Raises OptbenchError if the library is not installed.
    """
    if any(origin.key.startswith(f"library {record.library} ") for origin in record.origins):
        return record
    own = record.origins or _find_own_file(record)
    return replace(record, origins=(*own, *library_files(record.library)))


def library_files(library: Library) -> list[SourceFile]:
    """Return the files of a library that change with its version, and of JAX behind optax.

    Raises OptbenchError if it is not installed.
    """
    home: Any = import_library(library)
    version = inspect.getsourcefile(home.version if library == "torch" else home)
    found = [_library_file(f"library {library} {home.__version__}", Path(version))] if version else []
    if library == "optax":
        jax = importlib.import_module("jax")
        found.append(_library_file(f"library jax {jax.__version__}", Path(jax.version.__file__)))
    return found


def _find_own_file(record: Eager) -> tuple[SourceFile, ...]:
    """Return (the file that defines the optimizer,); () for code typed in a notebook or after ``python -c``."""
    target = getattr(record.target, "func", record.target)  # optax has functions with some arguments filled in
    try:
        file = Path(inspect.getsourcefile(target) or "")
    except (OSError, TypeError):
        return ()
    return (_plugin_file(record, file),) if file.is_file() else ()


def _plugin_file(record: Eager, file: Path) -> SourceFile:
    """Return a user's file, with its hash, as the one that defines an optimizer."""
    return SourceFile(f"optimizer {record.name}", file, digest(file))


def _is_torch(value: Any, torch: Any) -> bool:
    """Return True for an optimizer class of PyTorch."""
    return issubclass(type(value), type) and issubclass(value, torch.optim.Optimizer)  # a value may lie of its class


def _fits_library(library: Library, value: Any, home: Any) -> bool:
    """Return True if a value in a user's file may be an optimizer of the library; home: the library's module."""
    if isinstance(value, Eager):
        return value.library == library
    if library == "torch":
        return _is_torch(value, home)
    return callable(value) and not isinstance(value, Optimizer | Baseline | Wrapper) and _takes_rate(value)


def _unknown_error(library: Library, name: str, valid: Sequence[str], file: str = "") -> OptbenchError:
    """Return the error for an optimizer that neither the library nor the user's file has, with the nearest name."""
    kind = f"optimizer of {LIBRARIES[library]}"
    if file and not valid:
        wanted = "no subclass of torch.optim.Optimizer" if library == "torch" else "no function of learning_rate"
        return OptbenchError(f"{file} has no {kind} {name!r}: {wanted} is there")
    if file:
        kind += f" in {file}"
    same = next((other for other in valid if other.lower() == name.lower()), None)  # Adamw is AdamW, and not Adam
    return refuse_name(kind, name, f"did you mean {same!r}?") if same else unknown(kind, name, valid)


def _describe_place(target: Any, module: ModuleType | None, home: Any) -> str:
    """Return the source of a user's optimizer in words: ``Mine in mine.py, PyTorch 2.5``."""
    library = next(name for key, name in LIBRARIES.items() if key == home.__name__)
    return f"{target.__qualname__} in {Path(str(getattr(module, '__file__', ''))).name}, {library} {home.__version__}"


def _library_file(key: str, file: Path) -> SourceFile:
    """Return a file of a library as a SourceFile of that key, with its hash."""
    return SourceFile(key, file, hashlib.sha256(file.read_bytes()).hexdigest())


def _get_attribute(home: Any, dotted: str) -> Any:
    """Return the attribute of the module ``home`` that a dotted name leads to; None if there is none."""
    for part in dotted.split("."):
        home = getattr(home, part, None)
    return home


def _import_attribute(dotted: str) -> Any:
    """Return the object of another package, ``schedulefree.AdamWScheduleFree``; None if there is none."""
    package, _, rest = dotted.partition(".")
    if not rest:
        return None
    try:
        with restored_process():
            return _get_attribute(importlib.import_module(package), rest)
    except ImportError:
        return None


def _list_names(home: ModuleType, library: Library) -> Iterable[str]:
    """Return the names of the optimizers in a library's main module."""
    if library == "torch":
        return [name for name, value in vars(home.optim).items() if _is_torch(value, home)]
    functions = {name: value for name, value in vars(home).items() if name[0] != "_" and inspect.isfunction(value)}
    return [name for name, value in functions.items() if _takes_rate(value)]


def _takes_rate(function: Any) -> bool:
    """Return True if a function has an argument that is named like a learning rate."""
    try:
        return rate_argument(function, inspect.signature(function).parameters) is not None
    except (TypeError, ValueError):  # some functions in C have no signature
        return False
