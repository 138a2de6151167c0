"""Checks of users' records: the type of each field, and the fields that must fit together.

Kernels check no index, and would read data of unequal length beyond their ends: a problem's arrays are checked here.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, get_args

import numpy as np
from annotated_types import Ge, Le, MinLen
from pydantic import BeforeValidator

from optbench.contract import limits, resources
from optbench.contract.arguments import (
    MOST_EXAMPLES,
    Flag,
    Identifiers,
    Real,
    SourceFunction,
    Text,
    Whole,
    by_name,
    check_field,
    check_function,
    condition,
    field_error,
    is_number,
    is_real,
    is_whole,
    real_number,
    record_name,
    to_python,
)
from optbench.contract.errors import OptbenchError, PluginError, in_one_line, shown
from optbench.contract.roles import ROLES, find_roles
from optbench.contract.search import check_space
from optbench.contract.types import Form

MOST_DELAY = 1000
"""Steps by which a gradient may be late: so many are kept."""
_VECTORS = 3
"""Vectors of a run at least: weights, gradient and start point."""
_NUMERIC = "biuf"
"""NumPy's kinds of truth values, whole numbers and reals."""


def _is_limit(value: Any) -> bool:
    """Return True for an interval, or for a tuple of words."""
    words = isinstance(value, tuple) and value and all(isinstance(each, str) for each in value)
    return bool(words) or limits.is_interval(value)


def _is_parameter(value: Any) -> bool:
    """Return True for what a parameter of a schedule can be: a finite number, a word, or a tuple of these."""
    return all(is_real(each) or isinstance(each, str) for each in (value if isinstance(value, tuple) else (value,)))


_LIMITS = by_name(
    Annotated[Any, condition(_is_limit, "an interval such as '(0, 1]' or '[0, inf)', or a tuple of words")]
)
_RULE = {
    "source": Text, "doc": Text, "search": by_name(), "search_source": Text, "rate_means": Text, "limits": _LIMITS,
    "slots": Identifiers, "scalars": Identifiers, "shared": Identifiers, "report": Text | None,
    "total": by_name(SourceFunction), "block": by_name(SourceFunction),
}  # fmt: skip
_SCHEDULE = {"source": Text, "doc": Text, "limits": _LIMITS}
_LIST = BeforeValidator(lambda value: value.tolist() if isinstance(value, np.ndarray) else value)
_ENDS = Annotated[tuple[Real, Real], _LIST]
_ROLE = Annotated[Any, condition(lambda value: isinstance(value, str) and value in ROLES, f"one of {', '.join(ROLES)}")]
_PARAMETER = Annotated[Any, condition(_is_parameter, "a finite number, a tuple of them, or a word")]
_MINIMUM = Annotated[
    float,
    BeforeValidator(to_python),
    condition(lambda value: is_real(value) or (is_number(value) and value != value), "a finite number, or NaN"),
]
_PROBLEM = {
    "form": Annotated[
        Any, condition(lambda value: isinstance(value, str) and value in get_args(Form), "'single' or 'lanes'")
    ],
    "dim": Annotated[Whole, Ge(1), Le(2**63 - 1)], "minimum": _MINIMUM, "noise": Annotated[Real, Ge(0)],
    "weight_spread": Annotated[Real, Ge(0)], "bits": Annotated[Whole, Ge(0), Le(32)],
    "delay": Annotated[Whole, Ge(0), Le(MOST_DELAY)], "stress": tuple[Any, ...],
    "draws_labels": Annotated[Whole, Ge(0), Le(MOST_EXAMPLES)],
    "examples": Annotated[Whole, Ge(1), Le(MOST_EXAMPLES)], "metrics": Identifiers, "eager": Flag,
    "layout": Annotated[tuple[Annotated[Whole, Ge(-(2**63)), Le(2**63 - 1)], ...], _LIST],
    "blocks": tuple[Annotated[tuple[Annotated[Whole, Ge(1)], ...], MinLen(1), _LIST], ...],
    "roles": tuple[_ROLE, ...], "domain": Annotated[tuple[_ENDS, _ENDS], _LIST] | None,
} | dict.fromkeys(("minimum_source", "digest", "data_text", "data_warning", "name", "source"), Text)  # fmt: skip


def _check_fields(owner: str, record: Any, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record, converted to their types; kinds: the type by the name of a field."""
    held = {key: kind for key, kind in kinds.items() if hasattr(record, key)}
    return {key: check_field(kind, owner, key, getattr(record, key)) for key, kind in held.items()}


def check_rule(kind: str, record: Any) -> None:
    """Check the fields of an optimizer or a wrapper; raise PluginError, which names the field that makes no sense."""
    owner = f"{kind} {record_name(kind, record.name)}"
    for key, value in check_field(by_name(), owner, "hyperparameters", record.hyperparameters).items():
        real_number(f"{owner}: {key}", value, error=PluginError)
    _check_fields(owner, record, _RULE)
    _check_limits(owner, record.limits, getattr(record, "all_limits", record.limits), record.hyperparameters)


def check_search(owner: str, record: Any) -> None:
    """Raise PluginError unless a search space names hyperparameters of the record, and stays within their limits."""
    try:
        check_space(owner, record.search, record.hyperparameters, record.all_limits)
    except OptbenchError as error:
        raise PluginError(str(error)) from None


def check_schedule(kind: str, record: Any) -> None:
    """Check the fields of a schedule, or of a wrapper around schedules; raise PluginError, which names the field."""
    owner = f"{kind} {record_name(kind, record.name)}"
    check_function(owner, "function", record.function)
    if record.check is not None:
        check_function(owner, "check", record.check)
    _check_fields(owner, record, _SCHEDULE)
    for key, value in check_field(by_name(), owner, "parameters", record.parameters).items():
        check_field(_PARAMETER, owner, key, value)
    _check_limits(owner, record.limits, record.limits, record.parameters)


def _check_limits(owner: str, stated: Mapping, within: Mapping, defaults: Mapping) -> None:
    """Raise PluginError for limits of unknown parameters, and for defaults outside the limits.

    stated: the limits that a record gives; within: those, and the ones that names such as "beta1" have anyway.
    """
    strange = next((key for key in stated if key not in defaults), None)
    if strange is not None:
        raise PluginError(f"{owner}: limits name {strange!r}, which is none of {', '.join(defaults) or 'its values'}")
    try:
        limits.enforce(owner, defaults, within)
    except OptbenchError as error:
        raise PluginError(str(error)) from None


def check_problem(record: Any) -> dict[str, Any]:
    """Return the fields of a problem that are to be replaced by converted ones; raise PluginError, which names one."""
    owner = "problem"
    fields = _check_fields(owner, record, _PROBLEM)
    dim = fields["dim"]
    resources.need_memory(f"problem: dim={dim}", (_VECTORS + fields["delay"]) * resources.REAL * dim)
    check_function(owner, "start", record.start, 1)
    if record.eager and record.form != "single":
        raise PluginError("problem: an eager one has form='single'")
    _check_code(owner, "value_and_gradient", record)
    if record.evaluate is not None:
        _check_code(owner, "evaluate", record)
    elif record.metrics:
        raise PluginError(f"problem: metrics {record.metrics} need an evaluate function")
    if fields["bits"] == 1:
        raise PluginError("problem: bits=1 must be 0 or at least 2")
    for change in fields["stress"]:
        check_function(owner, "stress", change, 2)
    if record.drift is not None:
        check_function(owner, "drift", record.drift, 2)
    if record.predict is not None:
        check_function(owner, "predict", record.predict, 2)
    if record.work is not None:
        scratch(owner, record.work, 1, 1)
    fields |= _data_fields(record)
    if record.minimizer is not None:
        vector("minimizer", record.minimizer, dim)
    others = _real_array(record.other_minimizers)
    if others is None or others.size and (record.minimizer is None or others.ndim != 2):
        raise PluginError(f"problem: other_minimizers must be rows of {dim} finite numbers, beside a minimizer")
    for row in others:
        vector("other_minimizers", row, dim)
    if record.curvature is not None:
        found = vector("curvature", record.curvature, dim, ", none below 0, not all 0")
        if (found < 0).any() or not found.any():
            raise PluginError(f"problem: curvature must be {dim} finite numbers, none below 0, not all 0")
    numbers = _real_array(record.constants)
    if numbers is None or not np.isfinite(numbers).all():
        raise field_error(owner, "constants", record.constants, "finite real numbers, as one array")
    fields["blocks"] = fields["blocks"] or ((dim,),)
    if sum(map(math.prod, fields["blocks"])) != dim:
        raise PluginError(f"problem: blocks {shown(fields['blocks'])} do not add up to dim={dim}")
    fields["roles"] = fields["roles"] or find_roles(fields["blocks"])
    if len(fields["roles"]) != len(fields["blocks"]):
        raise PluginError(f"problem: roles has {len(fields['roles'])} entries, and blocks {len(fields['blocks'])}")
    if fields["domain"] and not all(low < high for low, high in fields["domain"]):
        raise field_error(owner, "domain", record.domain, "((left, right), (bottom, top)), the lower number first")
    return fields


def _check_code(owner: str, key: str, record: Any) -> None:
    """Raise PluginError unless a field is a function that can be compiled; of an eager problem, any function."""
    if record.eager:
        check_function(owner, key, getattr(record, key))
    else:
        check_field(SourceFunction, owner, key, getattr(record, key))


def scratch(owner: str, work: Any, rows: int, runs: int) -> int:
    """Return the numbers of scratch memory that a problem's function ``work(rows, runs)`` asks for, all runs together.

    owner: the problem, for messages. rows: examples of a batch. Raises OptbenchError if ``work`` fails, gives no whole
    number, or asks for more than there is.
    """
    check_function(owner, "work", work, 2)
    try:
        size = work(rows, runs)
    except (Exception, SystemExit) as error:  # a plug-in may raise anything
        raise PluginError(f"{owner}: work(rows={rows}, runs={runs}) fails: {in_one_line(error)}") from error
    if not is_whole(size) or size < 0:
        raise PluginError(f"{owner}: work(rows={rows}, runs={runs}) must give a whole number, not {shown(size)}")
    resources.need_memory(
        f"{owner}: the scratch that work(rows={rows}, runs={runs}) asks for", resources.REAL * int(size)
    )
    return int(size)


def vector(key: str, value: Any, dim: int, more: str = "") -> np.ndarray:
    """Return finite numbers (dim,), or raise PluginError. ``key``: the field; ``more``: further demands, in words."""
    found = _real_array(value)
    if found is None or found.shape != (dim,) or not np.isfinite(found).all():
        shape = "" if found is None or found.shape == (dim,) else f" of the shape {found.shape}"
        raise PluginError(f"problem: {key} must be {dim} finite numbers{more}, not {shown(value)}{shape}")
    return found.astype(float)


def _real_array(value: Any) -> np.ndarray | None:
    """Return real numbers as an array; None for anything else."""
    try:
        found = np.asarray(value)
    except Exception:  # ragged sequences, and objects that refuse
        return None
    if not found.size and found.dtype.kind not in "cOSUmMV":
        return found.astype(float)
    return found if found.dtype.kind in _NUMERIC else None


def _data_fields(record: Any) -> dict[str, Any]:
    """Return a problem's fields ``examples`` and ``data_text``, {} without data; raise PluginError for unfit data."""
    if record.data is None:
        for key in ("validation", "test"):
            if getattr(record, key) is not None:
                raise PluginError(f"problem: {key} examples are for problems with data: give data=(x, y), too")
        if record.draws_labels:
            raise PluginError(f"problem: draws_labels={record.draws_labels} is for problems with data=(x, y)")
        return {}
    if record.noise:
        raise PluginError("problem: gradient noise is for problems without data")
    rows, features = _check_pair("data", record.data)
    if rows > MOST_EXAMPLES:
        raise PluginError(f"problem: data holds {rows:,} examples, and at most {MOST_EXAMPLES:,} are possible")
    sizes = [f"{rows:,} training"]
    for key in ("validation", "test"):
        if getattr(record, key) is not None:
            more, theirs = _check_pair(key, getattr(record, key))
            sizes.append(f"{more:,} {key}")
            if theirs != features:
                raise PluginError(f"problem: data has {features} features and {key} {theirs}: give both the same")
    if record.draws_labels and np.min(record.data[1]) < 0:
        raise PluginError("problem: y of data has numbers below 0, which draws_labels keeps for labels to draw")
    size = " and ".join([", ".join(sizes[:-1]), sizes[-1]]) if len(sizes) > 1 else sizes[0]
    return {"examples": rows, "data_text": record.data_text or f"{size} rows"}


def _check_pair(key: str, value: Any) -> tuple[int, int]:
    """Return the numbers of rows and features of data (x, y); raise PluginError, with the field ``key``, if unfit."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise PluginError(f"problem: {key} must be a pair of arrays, x (n, features) and y (n,)")
    x, y = (_real_array(part) for part in value)
    if x is None or y is None:
        raise PluginError(f"problem: {key} must hold real numbers: x and y with a dtype such as float64")
    if x.ndim != 2 or not x.size or y.shape not in ((len(x),), (len(x), 1)):
        raise PluginError(f"problem: {key} must be x (n, features) and y (n,), not {x.shape} and {y.shape}")
    for letter, part in (("x", x), ("y", y)):
        if not _all_finite(part):
            raise PluginError(f"problem: {letter} of {key} holds numbers that are missing or not finite")
    return x.shape


def _all_finite(part: np.ndarray) -> bool:
    """Return True if all numbers of an array are finite."""
    with np.errstate(all="ignore"):
        if math.isfinite(part.sum(dtype=float)):  # four times as quick as a test of each
            return True
    return bool(np.isfinite(part).all())
