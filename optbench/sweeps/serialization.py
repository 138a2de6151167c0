"""Plans and cohorts as plain data, for processes that have other parts of the user's code.

A cohort names its records, and is made again wherever the same files and the same version are. A plan carries the
fields of the user's records: it is for a process that must not load the user's files itself. Records rebuilt from it
have all their numbers and texts, but no functions, and of arrays of data only the shape: their cohorts run in worker
processes only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from optbench.catalogue.loader import Catalogue
from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.search import Range
from optbench.contract.source_code import SourceFile
from optbench.contract.types import Device
from optbench.contract.version import __version__
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.plan import Cohorts, LaneHashes, Plan, PlannedCohort, Series, has_user_code, plan_cohort
from optbench.sweeps.spec import Spec

_RECORDS = {record.__name__: record for record in (Problem, Optimizer, Baseline, Eager, Schedule)}
_SHAPE_ALONE = ("data", "test", "constants")
"""Fields of a problem whose numbers only its kernels use."""


def cohort_to_json(planned: PlannedCohort) -> dict[str, Any]:
    """Return a cohort as JSON can hold it."""
    return {
        **_settings_to_json(planned.cohort), "lanes": _lanes_to_json(planned.cohort.lanes), "seed": planned.cohort.seed,
        "device": planned.cohort.device, "stage": planned.stage, "block": planned.block,
        "cohort_id": planned.cohort_id, "version": __version__,
    }  # fmt: skip


def cohort_from_json(data: Mapping[str, Any], catalogue: Catalogue) -> PlannedCohort:
    """Return the cohort that :func:`cohort_to_json` was given.

    Raises OptbenchError if it is not the same one here: other files, or another version.
    """
    if data["version"] != __version__:
        raise OptbenchError(f"this is optbench {__version__}, and the sweep is of {data['version']}")
    schedules = {text: catalogue.schedule(text) for text in dict.fromkeys(text for _, text, _ in data["lanes"])}
    problem, (optimizer, _) = catalogue.problem(data["problem"]), catalogue.optimizer(data["optimizer"])
    lanes = tuple(Lane(lr, schedules[text], values) for lr, text, values in data["lanes"])
    cohort = _make_cohort(data, problem, optimizer, lanes, data["seed"], data["device"])
    planned = plan_cohort(cohort, data["stage"], data["block"])
    if planned.cohort_id != data["cohort_id"]:
        # Unbound, for a catalogue may keep the problems that it has built: is this one another one each time?
        if problem.digest != Catalogue.problem(catalogue, data["problem"]).digest:
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
            **_settings_to_json(each.cohort), "lanes": places[id(each.cohort.lanes)], "seeds": list(each.seeds),
            "stage": each.stage,
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
    }


def plan_from_json(data: Mapping[str, Any], spec: Spec, catalogue: Catalogue, device: Device, note: str) -> Plan:
    """Return the plan of ``spec`` that :func:`plan_to_json` was given.

    Args:
        data: as it came from another process.
        spec: the design that was expanded.
        catalogue: the shipped records: they are taken from here, and can run here.
        device: the device that was chosen, with ``note`` on the choice.
    """
    problems = {name: _record_from_json(each) or catalogue.problem(name) for name, each in data["problems"].items()}
    optimizers = {
        name: _record_from_json(each) or catalogue.optimizer(name)[0] for name, each in data["optimizers"].items()
    }
    schedules = {text: _record_from_json(each) or catalogue.schedule(text) for text, each in data["schedules"].items()}
    lanes = [tuple(Lane(lr, schedules[text], values) for lr, text, values in each) for each in data["lanes"]]
    hashes, series = [LaneHashes(each) for each in lanes], []
    for each in data["series"]:
        problem, optimizer, number = problems[each["problem"]], optimizers[each["optimizer"]], each["lanes"]
        cohort = _make_cohort(each, problem, optimizer, lanes[number], each["seeds"][0], device)
        series.append(Series(cohort, each["seeds"], hashes[number], each["stage"], spec.block_of))
    return Plan(spec, Cohorts(tuple(series)), device, note, data["searched"])


def _settings_to_json(cohort: Cohort) -> dict[str, Any]:
    """Return the settings that a cohort shares with those that differ in lanes and seed only, as JSON can hold them."""
    return {
        "problem": cohort.problem.name, "optimizer": cohort.optimizer.name, "batch_size": cohort.batch_size,
        "steps": cohort.steps, "dtype": cohort.dtype, "points": cohort.points, "deadline": cohort.deadline,
    }  # fmt: skip


def _lanes_to_json(lanes: Sequence[Lane]) -> list[list[Any]]:
    return [[lane.lr, lane.schedule.text, dict(lane.hyperparameters)] for lane in lanes]


def _make_cohort(
    data: Mapping[str, Any], problem: Any, optimizer: Any, lanes: Any, seed: int, device: Device
) -> Cohort:
    """Build a cohort from the settings that `_settings_to_json` returned, and its records."""
    points = data["points"]
    return Cohort(
        problem=problem, optimizer=optimizer, lanes=lanes, batch_size=data["batch_size"], steps=data["steps"],
        seed=seed, dtype=data["dtype"], points=tuple(points) if isinstance(points, list) else points,
        deadline=data["deadline"], device=device,
    )  # fmt: skip


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


def _record_from_json(data: Mapping[str, Any] | None) -> Any:
    """Return the record of :func:`_record_to_json`; None of a shipped one."""
    if data is None:
        return None
    kind = _RECORDS[data["kind"]]
    record = object.__new__(kind)  # the worker has checked it, and it has none of the functions that are checked
    for key, value in data["fields"].items():
        object.__setattr__(record, key, _from_json(value))
    if kind is Problem:
        object.__setattr__(record, "kept", {})
    return record


def _shapes_to_json(value: Any) -> Any:
    """Return the shape of an array, or those of a pair of arrays."""
    if value is None or not isinstance(value, tuple) or not all(isinstance(part, np.ndarray) for part in value):
        return None if value is None else {"shape": list(np.shape(value))}
    return [{"shape": list(part.shape)} for part in value]


def _to_json(value: Any) -> Any:
    """Return a field's value as JSON can hold it; what JSON does not know stands in a dictionary with its kind."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"array": value.tolist()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Range):
        return {"range": [value.kind, list(value.values)]}
    if isinstance(value, SourceFile):
        return {"origin": [value.key, str(value.file), value.sha256]}
    if isinstance(value, Schedule):
        return {"record": _fields_to_json(value)}
    if isinstance(value, Mapping):
        return {"mapping": {str(key): _to_json(item) for key, item in value.items()}}
    if isinstance(value, Sequence):
        return [_to_json(item) for item in value]
    return {"function": getattr(value, "__name__", type(value).__name__)}


def _from_json(data: Any) -> Any:
    """Return the value that :func:`_to_json` or :func:`_shapes_to_json` converted; functions become ones that raise."""
    if isinstance(data, list):
        return tuple(_from_json(item) for item in data)
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    return _READERS[kind](content)


def _refuse_call(name: str) -> Any:
    """Return a function called `name` that takes any arguments and raises OptbenchError, in place of a plug-in's."""

    def refuse(*arguments: Any, **keywords: Any) -> NoReturn:
        raise OptbenchError(f"{name} is not loaded in this process: it runs in worker processes only")

    refuse.__name__ = name
    return refuse


_READERS: dict[str, Any] = {
    "array": np.array,
    "shape": lambda shape: np.broadcast_to(np.float64(0), tuple(shape)),
    "range": lambda parts: Range(parts[0], tuple(parts[1])),
    "origin": lambda parts: SourceFile(parts[0], Path(parts[1]), parts[2]),
    "mapping": lambda items: {key: _from_json(item) for key, item in items.items()},
    "function": _refuse_call,
    "record": _record_from_json,
}
