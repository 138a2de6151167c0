"""The checks of the records of optimizers, wrappers, SciPy's methods and schedules: what kind each field is of."""

from collections.abc import Mapping
from typing import Any

from optbench.contract import limits, values
from optbench.contract.errors import OptbenchError, PluginError
from optbench.contract.search import check_space


def check_rule(kind: str, record: Any) -> None:
    """Refuse a record with hyperparameters whose fields make no sense.

    Args:
        kind: "optimizer", "wrapper" or "baseline".
        record: an Optimizer, a Wrapper or a Baseline.

    Raises:
        PluginError: the message names the field.
    """
    owner = _described(kind, record)
    for key, value in values.mapping(owner, "hyperparameters", record.hyperparameters).items():
        values.real(owner, key, value)
    values.mapping(owner, "search", record.search)
    values.text(owner, "search_source", record.search_source)
    values.mapping(owner, "limits", record.limits)
    for key in ("slots", "scalars", "shared"):
        values.words(owner, key, getattr(record, key, ()))
    if getattr(record, "report", None) is not None:
        values.text(owner, "report", record.report)
    for key in ("total", "block"):
        for name, stage in values.mapping(owner, key, getattr(record, key, {})).items():
            values.source_function(owner, f"{key}[{name!r}]", stage)
    _check_limits(owner, record.limits, getattr(record, "all_limits", record.limits), record.hyperparameters)


def check_search(owner: str, record: Any) -> None:
    """Refuse a search space of what a record does not have, or beyond its limits.

    Args:
        owner: whose it is; messages begin with it.
        record: an Optimizer, a Wrapper or an Eager.

    Raises:
        PluginError: the message names the hyperparameter.
    """
    try:
        check_space(owner, record.search, record.hyperparameters, record.all_limits)
    except OptbenchError as error:
        raise PluginError(str(error)) from None


def check_schedule(kind: str, record: Any) -> None:
    """Refuse a schedule, or a wrapper of schedules, whose fields make no sense.

    Args:
        kind: "schedule".
        record: a Schedule or a ScheduleWrapper.

    Raises:
        PluginError: the message names the field.
    """
    owner = _described(kind, record)
    values.function(owner, "function", record.function)
    if record.check is not None:
        values.function(owner, "check", record.check)
    for key, value in values.mapping(owner, "parameters", record.parameters).items():
        parts = value if isinstance(value, tuple) else (value,)
        if not all(values.is_real(part) or isinstance(part, str) for part in parts):
            raise values.wrong(owner, key, value, "a finite number, a tuple of them, or a word")
    _check_limits(owner, record.limits, record.limits, record.parameters)


def _check_limits(owner: str, stated: Mapping, within: Mapping, defaults: Mapping) -> None:
    """Refuse stated limits that are none, and defaults that do not lie ``within`` all limits."""
    for key, limit in values.mapping(owner, "limits", stated).items():
        if key not in defaults:
            raise PluginError(f"{owner}: limits name {key!r}, which is none of {', '.join(defaults) or 'its values'}")
        words = isinstance(limit, tuple) and limit and all(isinstance(word, str) for word in limit)
        if not words and not limits.is_interval(limit):
            wanted = "an interval such as '(0, 1]' or '[0, inf)', or a tuple of words"
            raise values.wrong(owner, f"limits[{key!r}]", limit, wanted)
    try:
        limits.enforce(owner, defaults, within)
    except OptbenchError as error:
        raise PluginError(str(error)) from None


def _described(kind: str, record: Any) -> str:
    """Checks what every record has: a name, and where it comes from in words. The beginning of messages."""
    owner = f"{kind} {values.name(kind, record.name)}"
    values.text(owner, "source", record.source)
    values.text(owner, "doc", record.doc)
    return owner
