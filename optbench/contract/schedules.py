"""The frozen records of schedules and of wrappers around them, and the decorators that make them from functions."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from optbench.contract import names
from optbench.contract.errors import OptbenchError, PluginError
from optbench.contract.limits import enforce

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Schedule:
    """The learning rate's factor: ``schedule(step, epoch, total_steps)``.

    ``step`` counts updates from 1, ``epoch`` counts completed passes from 0; both are arrays of one length, and
    so is the factor. ``function`` takes the same and the parameters behind, and ``inner``, where there is one, before.
    """

    name: str
    function: Callable
    parameters: Mapping[str, Any]
    """Numbers, tuples of numbers, or words."""
    source: str
    doc: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """The interval of a parameter, ``"(0, 1]"``, or its words, as in :mod:`optbench.contract.limits`."""
    check: Callable | None = None
    """``check(**parameters)`` -> what is wrong with them together, in words, or nothing."""
    inner: "Schedule | None" = None
    """The schedule that this one goes around."""

    def __call__(self, step: "np.ndarray", epoch: "np.ndarray", total_steps: int) -> "np.ndarray":
        before = () if self.inner is None else (self.inner,)
        return self.function(*before, step, epoch, total_steps, **self.parameters)

    @property
    def text(self) -> str:
        """Its name with its parameters, as it is typed."""
        around = {} if self.inner is None else {names.INNER: self.inner.text}
        return names.canonical(self.name, around | dict(self.parameters))

    def with_values(self, given: Mapping) -> "Schedule":
        """The same with the ``given`` parameters. Raises OptbenchError where one makes no sense."""
        owner = f"schedule {self.name}"
        values = names.fill("schedule", self.name, given, self.parameters)
        try:
            values = {key: _as_parameter(value) for key, value in values.items()}
        except (TypeError, ValueError):
            raise OptbenchError(f"{owner}: a tuple must hold numbers, got {values!r}") from None
        enforce(owner, values, self.limits)
        wrong = self.check(**values) if self.check else None
        if wrong:
            raise OptbenchError(f"{owner}: {wrong}")
        return replace(self, parameters=values)


@dataclass(frozen=True)
class ScheduleWrapper:
    """A schedule around any other: ``function(inner, step, epoch, total_steps, **parameters)``.

    ``inner(step, epoch, total_steps)`` gives the other one's factors. The fields are those of Schedule.
    """

    name: str
    function: Callable
    parameters: Mapping[str, Any]
    source: str
    doc: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)
    check: Callable | None = None

    def wrap(self, inner: Schedule, given: Mapping | None = None) -> Schedule:
        """This one around ``inner``, with the ``given`` parameters. Raises OptbenchError where one makes no sense."""
        return Schedule(**vars(self), inner=inner).with_values(given or {})


def _as_parameter(value):
    """A number as a float, a tuple's numbers, too; a word as it is."""
    if isinstance(value, tuple):
        return tuple(float(number) for number in value)
    return value if isinstance(value, str) else float(value)


def schedule(
    *, source: str, limits: Mapping | None = None, check: Callable | None = None, **parameters: Any
) -> Callable[[Callable], Schedule]:
    """Register a schedule; its parameters' defaults stand here: numbers, tuples of numbers, or words.

    ``limits`` and ``check`` say which values make sense, as in :class:`Schedule`.
    """
    return _schedule(Schedule, ["step", "epoch", "total_steps"], parameters, source, limits, check)


def schedule_wrapper(
    *, source: str, limits: Mapping | None = None, check: Callable | None = None, **parameters: Any
) -> Callable[[Callable], ScheduleWrapper]:
    """Register a schedule around any other, which its function takes as the first argument, ``inner``."""
    return _schedule(ScheduleWrapper, ["inner", "step", "epoch", "total_steps"], parameters, source, limits, check)


def _schedule(kind, first, parameters, source, limits, check) -> Callable:
    def decorate(function: Callable) -> Schedule | ScheduleWrapper:
        label, expected = function.__name__, [*first, *parameters]
        if list(inspect.signature(function).parameters) != expected:
            raise PluginError(f"schedule {label}: arguments must be ({', '.join(expected)})")
        values = {key: _as_parameter(value) for key, value in parameters.items()}
        return kind(label, function, values, source, inspect.getdoc(function) or "", limits or {}, check)

    return decorate
