"""Problems, optimizers and schedules that a sweep is given as objects of Python: their names in its spec.

A folder of results keeps their names and hashes, and no code. Threads of this process use the objects themselves;
worker processes get them by cloudpickle, in a file like a plug-in that lasts as long as the sweep.
"""

import base64
import copy
import inspect
import os
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from optbench.catalogue import functions, loader
from optbench.contract.eager import Eager, optax_optimizer, torch_optimizer
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.contract.optimizers import Baseline, Optimizer, optimizer
from optbench.contract.problems import Family, Problem
from optbench.contract.schedules import Schedule
from optbench.contract.source_code import keep_trees, memory_origin
from optbench.engine.own_functions import compile_function

Record = Family | Problem | Optimizer | Baseline | Eager | Schedule
_KEYS = {"problems": "problem", "optimizers": "optimizer", "schedules": "schedule"}
"""Keys of a spec that take objects, and the kind of what stands there."""
FUNCTION_STEPS = 1_000
"""The steps of a function where nobody names a budget: its epochs are single steps."""
_FILE = '''"""Objects that a sweep was given, for its worker processes."""
import base64, cloudpickle
from optbench.plan.own_records import unpack
globals().update(unpack(cloudpickle.loads(base64.b64decode({text!r}))))
'''


@dataclass(frozen=True, eq=False)
class OwnRecords:
    """Records that were given as objects, by kind and name."""

    records: Mapping[tuple[str, str], Record] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Kind and name of each, as the key ``given`` of a spec has them."""
        return tuple(f"{kind} {name}" for kind, name in self.records)

    def check(self, given: Iterable[str]) -> None:
        """Raise OptbenchError if a sweep needs objects that were not given. given: that key of its spec."""
        if missing := [each for each in given if each not in self.names]:
            kinds: dict[str, list[str]] = {}
            for each in missing:
                kind, _, name = each.partition(" ")
                kinds.setdefault(f"{kind}s", []).append(name)
            again = ", ".join(f"{kind}=[{', '.join(names)}, ...]" for kind, names in kinds.items())
            raise OptbenchError(
                f"{', '.join(missing)}: given as objects of Python, of which a folder keeps no code; give them again, "
                f"from Python: optbench.sweep({again}, out=...)"
            )

    def check_known(self, plugins: Mapping[str, str]) -> None:
        """Raise OptbenchError if nobody can tell whether an object is the one of which a folder has runs.

        plugins: that key of its provenance.
        """
        for origin in (origin for record in self.records.values() for origin in getattr(record, "origins", ())):
            if origin.unknown and origin.key in plugins:
                name = origin.key.partition(" ")[2]
                raise OptbenchError(
                    f"cannot tell whether {name} is the same, as it uses {origin.unknown}: choose another out="
                )

    def add_to(self, catalogue: loader.Catalogue) -> None:
        """Add the records to a catalogue. Raises OptbenchError for a name that a plug-in has taken."""
        for (kind, name), record in self.records.items():
            made = _register(record)
            registry = getattr(catalogue, {"problem": "problems", "schedule": "schedules"}.get(kind, _home_of(record)))
            if name in registry:
                raise OptbenchError(f"{kind} {name!r}: a plug-in has that name; give yours another one")
            registry[name] = made

    @cached_property
    def file(self) -> Path:
        """The file from which worker processes load the records. Raises OptbenchError if they cannot be sent."""
        try:
            import cloudpickle
        except ImportError:
            raise OptbenchError(
                "worker processes need the extra 'dask', which sends your objects: pip install -e '.[dask]'; or "
                "run them in threads: isolate='never'"
            ) from None
        records = list(self.records.values())
        keep_trees(records)
        try:
            content = cloudpickle.dumps(records)
        except Exception as error:  # objects refuse in many ways
            raise OptbenchError(
                f"{', '.join(self.names)}: cannot be sent to worker processes ({in_one_line(error)}); run them in "
                "threads: isolate='never'"
            ) from error
        folder = Path(tempfile.mkdtemp(prefix="optbench-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        file = folder / "given.py"
        file.write_text(_FILE.format(text=base64.b64encode(content).decode()))
        return file


def unpack(records: Iterable[Record]) -> dict[str, Any]:
    """Return the records of `OwnRecords.file` as names of a module, in a worker process."""
    return {f"record_{place}": _register(record) for place, record in enumerate(records)}


def take_records(raw: Any, changes: Mapping[str, Any], extend: bool = False) -> tuple[Any, dict[str, Any], OwnRecords]:
    """Return a spec's keys and the changes to them with names in the place of objects, and these.

    raw: a mapping of keys; anything else stays as it is. extend: whether they are added to a sweep, and so have its
    budget; else functions of the user's get FUNCTION_STEPS where nobody names a budget. Raises OptbenchError for an
    object that is none of these.
    """
    records: dict[tuple[str, str], Record] = {}
    items: dict[tuple[str, str], Any] = {}  # what the records were made of: one object keeps its name
    known = loader.load()
    taken = {
        "problem": {*known.problems, *known.problem_wrappers},
        "optimizer": {*known.optimizers, *known.baselines, *known.wrappers},
        "schedule": {*known.schedules, *known.schedule_wrappers},
    }  # fmt: skip
    files: list[Path] = []
    budget = {} if extend or raw is not None or {"steps", "epochs"} & changes.keys() else {"steps": FUNCTION_STEPS}

    def name_items(key: str, value: Any) -> Any:
        """Return the value of a key with names for its objects, which are kept."""
        if isinstance(value, Record | type) or callable(value) or _is_problem_pair(value):
            value = [value]
        if not isinstance(value, list | tuple):
            return value
        return [add_budget(name_item(_KEYS[key], item)) for item in value]

    def add_budget(item: Any) -> Any:
        """Return the name of a function with its budget; any other item unchanged."""
        record = records.get(("problem", item)) if isinstance(item, str) else None
        is_own = isinstance(record, Problem) and functions.parts_of(record)
        return {"name": item, **budget} if is_own and budget else item

    def name_item(kind: str, item: Any) -> Any:
        """Return the name of an item, and keep it if it is an object; another item stays."""
        if isinstance(item, Mapping) and "name" in item:
            return {**item, "name": name_item(kind, item["name"])}
        if isinstance(item, str | Mapping):
            return item
        record = make_record(kind, item)
        if record is None:
            return item  # refused where specs are read
        if record.origins and not any(origin.in_memory for origin in record.origins):
            own = [origin.file for origin in record.origins if origin.key == f"{kind} {record.name}"]
            if record.name in taken[kind] or not own:
                return record.name
            files.extend(own)
            return record.name
        name, number = record.name, 1
        if name in taken[kind]:
            name = f"my_{record.name}"
        while items.setdefault((kind, name), item) is not item:
            number += 1
            name = f"{record.name}_{number}"
        records[kind, name] = _name_record(kind, record, name)
        return name

    found = [
        {key: name_items(key, value) if key in _KEYS else value for key, value in part.items()}
        if isinstance(part, Mapping) else part
        for part in (raw, changes)
    ]  # fmt: skip
    own = OwnRecords(records)
    if records:
        found[1]["given"] = list(own.names)
    if files:
        given = found[1].get("plugins") or (raw.get("plugins") if isinstance(raw, Mapping) else None) or ()
        given = [given] if isinstance(given, str | os.PathLike) else list(given)
        found[1]["plugins"] = list(dict.fromkeys([*map(str, given), *map(str, files)]))
    return found[0], found[1], own


def _is_problem_pair(value: Any) -> bool:
    """Return True for (f, x0): a function with its start point, and not two problems."""
    if not isinstance(value, tuple) or len(value) != 2 or not functions.is_function(value[0]):
        return False
    second = value[1]
    return not (
        callable(second) or isinstance(second, str | Mapping | Problem | Family) or functions.is_function(second)
    )


def make_record(kind: str, item: Any) -> Any:
    """Return the record that an object stands for; None for what is no object of that kind."""
    if kind == "problem":
        if isinstance(item, Problem | Family):
            return item
        if _is_problem_pair(item):
            return functions.function(*item)
        if functions.is_function(item):
            name = functions.name_of(item)
            raise OptbenchError(f"problems: {name} needs a start point: write ({name}, x0), or optbench.function(...)")
    elif kind == "schedule":
        if isinstance(item, Schedule):
            return item
        if callable(item):
            raise OptbenchError(
                f"schedules: {functions.name_of(item)} is no schedule: put @optbench.schedule before it"
            )
    elif isinstance(item, Optimizer | Baseline | Eager):
        return item
    elif isinstance(item, type):
        return torch_optimizer(item)
    elif hasattr(item, "param_groups"):
        raise OptbenchError(f"optimizers: give the class {type(item).__qualname__}, and no instance of it")
    elif callable(item):
        try:
            names = list(inspect.signature(item).parameters)
        except ValueError:  # written in C
            what = f"optimizers: {functions.name_of(item)} is no optimizer"
            raise OptbenchError(f"{what}: give a name, such as 'adam', or a rule, def mine(w, g, lr)") from None
        if names[:2] == ["w", "g"]:
            return optimizer(source="a rule of your own")(item)
        return optax_optimizer(item)
    return None


def _name_record(kind: str, record: Any, name: str) -> Any:
    """Return a record with its name, and with the hash of what it is made of as its origin."""
    parts = functions.parts_of(record) if isinstance(record, Problem) else None
    made_of = record if parts is None else (parts, functions.start_of(record), record.minimum)
    origin = memory_origin(f"{kind} {name}", name, made_of)  # anew: what it takes from around it may have changed
    if origin.unknown:  # no other sweep has this number, and so nobody takes its runs for those of another one
        origin = replace(origin, sha256=secrets.token_hex(32))
    named = copy.copy(record)  # its values are checked
    for key, value in {"name": name, "origins": (origin,), **({"kept": {}} if kind == "problem" else {})}.items():
        if hasattr(named, key):
            object.__setattr__(named, key, value)
    return named


def _register(record: Record) -> Any:
    """Return what a catalogue keeps of a record: of a problem its family, with compiled functions where they can be."""
    if not isinstance(record, Problem):
        return record
    made = compile_function(record)
    return Family(record.name, lambda: made, {}, record.source or "given to the sweep", "", record.origins)


def _home_of(record: Any) -> str:
    """Return the registry of an optimizer."""
    return "eager" if isinstance(record, Eager) else "baselines" if isinstance(record, Baseline) else "optimizers"
