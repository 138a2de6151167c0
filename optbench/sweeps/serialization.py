"""Plans and cohorts as plain data, for processes that have other parts of the user's code.

A cohort names its records, and is made again wherever the same files and the same version are. A plan carries the
fields of the user's records: it is for a process that must not load the user's files itself. Records rebuilt from it
have all their numbers and texts, but no functions, and of arrays of data only the shape: their cohorts run in worker
processes only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from optbench.catalogue.loader import Catalogue
from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline, Look, Optimizer
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.search import Range
from optbench.contract.source_code import SourceFile
from optbench.contract.types import Device
from optbench.contract.version import __version__
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.plan import (
    Cohorts,
    LaneHashes,
    Plan,
    PlannedCohort,
    SeedSeries,
    find_problem,
    has_user_code,
    plan_cohort,
)
from optbench.sweeps.spec import Spec

_RECORDS = {record.__name__: record for record in (Problem, Optimizer, Baseline, Eager, Schedule)}
_SETTINGS = ("batch_size", "steps", "dtype", "points", "deadline", "scores")
"""Fields of a cohort that JSON can hold."""
_SHAPE_ALONE = ("data", "validation", "test", "constants")
"""Fields of a problem whose numbers only its kernels use."""


def cohort_to_json(planned: PlannedCohort) -> dict[str, Any]:
    """Return a planned cohort as a dictionary that JSON can hold; :func:`cohort_from_json` reads it."""
    return {
        **_names_of(planned.cohort), **_settings_of(planned.cohort), "lanes": _lanes_to_json(planned.cohort.lanes),
        "seed": planned.cohort.seed, "device": planned.cohort.device, "stage": planned.stage, "block": planned.block,
        "fold": planned.cohort.problem.fold, "cohort_id": planned.cohort_id, "version": __version__,
    }  # fmt: skip


def cohort_from_json(data: Mapping[str, Any], catalogue: Catalogue) -> PlannedCohort:
    """Return the cohort that :func:`cohort_to_json` was given.

    Raises OptbenchError if it is not the same one here: other files, or another version.
    """
    if data["version"] != __version__:
        raise OptbenchError(f"this is optbench {__version__}, and the sweep is of {data['version']}")
    schedules = {text: catalogue.schedule(text) for text in dict.fromkeys(text for _, text, _ in data["lanes"])}
    problem, (optimizer, _) = catalogue.problem(data["problem"], *data["fold"]), catalogue.optimizer(data["optimizer"])
    lanes = tuple(Lane(lr, schedules[text], values) for lr, text, values in data["lanes"])
    cohort = Cohort(problem, optimizer, lanes, seed=data["seed"], device=data["device"], **_settings_of(data))
    planned = plan_cohort(cohort, data["stage"], data["block"])
    if planned.cohort_id != data["cohort_id"]:
        # Unbound, for a catalogue may keep the problems that it has built: is this one another one each time?
        if problem.digest != Catalogue.problem(catalogue, data["problem"], *data["fold"]).digest:
            raise OptbenchError(
                f"problem {problem.name} is another one whenever it is built: seed its random numbers, or give "
                "torch_problem a function that makes the module"
            )
        raise OptbenchError(f"{cohort.pair}: plug-in or data files differ from those of the sweep")
    return planned


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as data that JSON can hold."""
    lanes = {id(each.cohort.lanes): each.cohort.lanes for each in plan.series}
    places = {key: place for place, key in enumerate(lanes)}
    schedules = {lane.schedule.text: lane.schedule for each in lanes.values() for lane in each}
    problems = {each.cohort.problem.name: each.cohort.problem for each in plan.series}
    optimizers = {each.cohort.optimizer.name: each.cohort.optimizer for each in plan.series}
    series = [
        {
            **_names_of(each.cohort), **_settings_of(each.cohort), "lanes": places[id(each.cohort.lanes)],
            "seeds": list(each.seeds), "stage": each.stage,
        }
        for each in plan.series
    ]  # fmt: skip
    return {
        "problems": {name: _record_to_json(record) for name, record in problems.items()},
        "optimizers": {name: _record_to_json(record) for name, record in optimizers.items()},
        "schedules": {text: _record_to_json(record) for text, record in schedules.items()},
        "lanes": [_lanes_to_json(each) for each in lanes.values()],
        "series": series,
        "searched": {name: dict(ranges) for name, ranges in plan.searched.items()},
        "names": list(plan.names),
        "labels": dict(plan.labels),
        "notes": list(plan.notes),
        "doubts": list(plan.doubts),
        "ranges": plan.spec.ranges,
    }


def plan_from_json(data: Mapping[str, Any], spec: Spec, catalogue: Catalogue, device: Device, note: str) -> Plan:
    """Return the plan of ``spec`` that :func:`plan_to_json` was given.

    Args:
        data: as it came from another process.
        spec: the design that was expanded.
        catalogue: the shipped records: they are taken from here, and can run here.
        device: the device that was chosen, with ``note`` on the choice.
    """
    finders: dict[str, Callable[[str], Any]] = {
        "problems": lambda name: find_problem(catalogue, name, spec.folds),
        "optimizers": lambda name: catalogue.optimizer(name)[0],
        "schedules": catalogue.schedule,
    }
    problems, optimizers, schedules = (
        {name: find(name) if each is None else _record_from_json(each) for name, each in data[kind].items()}
        for kind, find in finders.items()
    )
    lanes = [tuple(Lane(lr, schedules[text], values) for lr, text, values in each) for each in data["lanes"]]
    hashes, blocks, series = [LaneHashes(each) for each in lanes], spec.block_of, list[SeedSeries]()
    shared: dict[str, Any] = {}
    for each in data["series"]:
        own, seed, before = lanes[each["lanes"]], each["seeds"][0], shared
        shared = {key: each[key] for key in ("problem", "optimizer", *_SETTINGS)}
        if shared == before:  # the next block's
            cohort = series[-1].cohort.with_lanes(own, seed)
        else:
            records = problems[each["problem"]], optimizers[each["optimizer"]]
            cohort = Cohort(*records, own, seed=seed, device=device, **_settings_of(each))
        series.append(SeedSeries(cohort, each["seeds"], hashes[each["lanes"]], each["stage"], blocks))
    spec = spec.model_copy(update={"ranges": data["ranges"]})
    told, doubts = tuple(data["notes"]), tuple(data["doubts"])
    return Plan(
        spec, Cohorts(tuple(series)), device, note, data["searched"], told, doubts, names=tuple(data["names"]),
        labels=data["labels"],
    )  # fmt: skip


def _settings_of(cohort: Cohort | Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a cohort, or of its JSON, that those share which differ in lanes and seed only."""
    return {key: cohort[key] if isinstance(cohort, Mapping) else getattr(cohort, key) for key in _SETTINGS}


def _names_of(cohort: Cohort) -> dict[str, str]:
    """Return the names of a cohort's problem and optimizer."""
    return {"problem": cohort.problem.name, "optimizer": cohort.optimizer.name}


def _lanes_to_json(lanes: Sequence[Lane]) -> list[list[Any]]:
    """Return rate, schedule and hyperparameters of each lane."""
    return [[lane.lr, lane.schedule.text, dict(lane.hyperparameters)] for lane in lanes]


def _record_to_json(record: Any) -> dict[str, Any] | None:
    """Return the fields of a user's record; None for a shipped one, which every process has."""
    return _fields_to_json(record) if has_user_code(record.origins) else None


def _fields_to_json(record: Any) -> dict[str, Any]:
    """Return the kind of a record and its fields as plain data, as a worker compares them."""
    values = {each.name: getattr(record, each.name) for each in fields(record) if each.name != "kept"}
    return {
        "kind": type(record).__name__,
        "fields": {
            key: _shapes_to_json(value) if key in _SHAPE_ALONE else _to_json(value) for key, value in values.items()
        },
    }  # fmt: skip


def _record_from_json(data: Mapping[str, Any]) -> Any:
    """Return the record that :func:`_fields_to_json` was given, with functions that raise errors."""
    kind = _RECORDS[data["kind"]]
    record = object.__new__(kind)  # the worker has checked it, and it has none of the functions that are checked
    for key, value in data["fields"].items():
        object.__setattr__(record, key, _from_json(value))
    if kind is Problem:
        object.__setattr__(record, "kept", {})
    return record


def _shapes_to_json(value: Any) -> Any:
    """Return the shapes of an array, or of the arrays in a tuple, in the place of their numbers."""
    if isinstance(value, tuple) and all(isinstance(part, np.ndarray) for part in value):
        return [{"shape": list(part.shape)} for part in value]
    return None if value is None else {"shape": list(np.shape(value))}


def _to_json(value: Any) -> Any:
    """Return a field's value as JSON can hold it; what JSON does not know stands in a dictionary with its kind."""
    match value:
        case np.generic():
            return value.item()
        case np.ndarray():
            return {"array": value.tolist()}
        case None | bool() | int() | float() | str():
            return value
        case Range():
            return {"range": [value.kind, list(value.values)]}
        case Look():
            return {"look": [value.every, value.draws_labels]}
        case SourceFile():
            return {"origin": [value.key, str(value.file), value.sha256]}
        case Schedule() | Problem():
            return {"record": _fields_to_json(value)}
        case Mapping():
            return {"mapping": {str(key): _to_json(item) for key, item in value.items()}}
        case Sequence():
            return [_to_json(item) for item in value]
    return {"function": getattr(value, "__name__", type(value).__name__)}


def _from_json(data: Any) -> Any:
    """Return the value that :func:`_to_json` or :func:`_shapes_to_json` converted; functions become ones that raise."""
    match data:
        case list():
            return tuple(map(_from_json, data))
        case {"array": items}:
            return np.array(items)
        case {"shape": shape}:
            return np.broadcast_to(np.float64(0), tuple(shape))
        case {"range": [kind, values]}:
            return Range(kind, tuple(values))
        case {"look": [every, draws_labels]}:
            return Look(_make_refusal("look"), every=every, draws_labels=draws_labels)
        case {"origin": [key, file, sha256]}:
            return SourceFile(key, Path(file), sha256)
        case {"record": record}:
            return _record_from_json(record)
        case {"mapping": items}:
            return {key: _from_json(item) for key, item in items.items()}
        case {"function": name}:
            return _make_refusal(name)
    return data


def _make_refusal(name: str) -> Any:
    """Return a function called `name` that takes any arguments and raises OptbenchError, in place of a plug-in's."""

    def refuse(*arguments: Any, **keywords: Any) -> NoReturn:
        """Raise OptbenchError."""
        raise OptbenchError(f"{name} is not loaded in this process: it runs in worker processes only")

    refuse.__name__ = name
    return refuse
