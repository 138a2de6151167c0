"""The frozen records of schedules and of wrappers around them, and the decorators that make them from functions."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any

from optbench.contract import arguments, equals, names
from optbench.contract.arguments import ByName, Function, Name, SourceFunction, Text, check_fields, condition, is_real
from optbench.contract.errors import OptbenchError, PluginError, in_one_line, shown
from optbench.contract.limits import Limit, check_limits, enforce
from optbench.contract.source_code import SourceFile

if TYPE_CHECKING:
    import numpy as np


def _is_parameter(value: Any) -> bool:
    """Return True for what a parameter of a schedule can be: a finite number, a word, or a tuple of these."""
    return all(is_real(each) or isinstance(each, str) for each in (value if isinstance(value, tuple) else (value,)))


_Parameter = Annotated[Any, condition(_is_parameter, "a finite number, a tuple of them, or a word")]


@dataclass(frozen=True, repr=False)
class _Described:
    """The common part of schedules and of wrappers around them."""

    name: Name
    """The name in a spec."""
    function: Function
    """``function(step, epoch, total_steps, **parameters)``, with ``inner`` before, where there is one."""
    parameters: ByName[_Parameter]
    """Numbers, tuples of numbers, or words."""
    source: str
    """The paper, or the library, that it comes from."""
    doc: str = ""
    """The function's docstring, which begins with the formula."""
    limits: ByName[Limit] = field(default_factory=dict)
    """The interval of a parameter, ``"(0, 1]"``, or its words, as in :mod:`optbench.contract.limits`."""
    check: Function | None = None
    """``check(**parameters)`` -> what is wrong with them together, in words, or nothing."""
    origins: tuple[SourceFile, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""

    def __post_init__(self) -> None:
        """Check all fields; raise PluginError if one makes no sense."""
        owner = check_fields("schedule", self)
        check_limits(owner, self.limits, self.limits, self.parameters)

    def __repr__(self) -> str:
        """Return the name and the parameters in a line."""
        return names.written(self, self.name, self.parameters)


@dataclass(frozen=True, repr=False)
class Schedule(_Described):
    """The learning rate's factor: ``schedule(step, epoch, total_steps)``.

    ``step`` counts updates from 1, ``epoch`` counts completed passes from 0; both are arrays of one length, and so is
    the factor.

    Example:
        >>> halving = schedules()["exponential"].with_values({"base": 0.5})
        >>> halving(np.arange(1, 4), np.arange(3), total_steps=3).tolist()
        [1.0, 0.5, 0.25]
    """

    equals: ByName[Text] = field(default_factory=dict)
    """Calls of ``torch``, ``optax``, ``keras`` that give the same rates, as in contract/equals.py; they may
    name ``lr``, ``total_steps`` and ``steps_per_epoch``, too."""
    inner: "Schedule | None" = None
    """The schedule that this one goes around."""

    def __post_init__(self) -> None:
        """Check all fields; raise PluginError if one makes no sense."""
        super().__post_init__()
        equals.check_equals(f"schedule {self.name}", self.equals, [*self.parameters, "total_steps", "steps_per_epoch"])

    def __call__(self, step: "np.ndarray", epoch: "np.ndarray", total_steps: int) -> "np.ndarray":
        """Return the factors of the learning rate, one for each step; step: from 1, epoch: from 0."""
        before = () if self.inner is None else (self.inner,)
        return self.function(*before, step, epoch, total_steps, **self.parameters)

    @cached_property
    def text(self) -> str:
        """The name with all parameters, as a spec has it."""
        around = {} if self.inner is None else {names.INNER: self.inner.text}
        return names.canonical(self.name, around | dict(self.parameters))

    def with_values(self, given: Mapping) -> "Schedule":
        """Return the same schedule with these parameters.

        Args:
            given: values by name; the others are the defaults.

        Returns:
            A schedule of its own.

        Raises:
            OptbenchError: a parameter is unknown, or its value makes no sense.
        """
        owner = f"schedule {self.name}"
        filled = names.fill_defaults("schedule", self.name, given, self.parameters)
        for key, value in filled.items():
            if isinstance(value, tuple) and not all(map(is_real, value)):
                raise OptbenchError(f"{owner}: {key}={shown(value)}: a tuple must hold numbers that are finite")
        filled = {key: _to_floats(value) for key, value in filled.items()}
        enforce(owner, filled, self.limits)
        try:
            wrong = self.check(**filled) if self.check else None
        except (Exception, SystemExit) as error:  # a plug-in may raise anything
            raise PluginError(f"{owner}: its check fails: {in_one_line(error)}") from error
        if wrong:
            raise OptbenchError(f"{owner}: {wrong}")
        return replace(self, parameters=filled)


@dataclass(frozen=True, repr=False)
class ScheduleWrapper(_Described):
    """A schedule around any other: ``function(inner, step, epoch, total_steps, **parameters)``.

    ``inner(step, epoch, total_steps)`` gives the other one's factors.
    """

    def wrap(self, inner: Schedule, given: Mapping | None = None) -> Schedule:
        """Return this one around another, with these parameters.

        Args:
            inner: the schedule that it goes around.
            given: values by name; the others are the defaults.

        Returns:
            One schedule.

        Raises:
            OptbenchError: a parameter is unknown, or its value makes no sense.
        """
        fields = vars(self) | {"inner": inner, "origins": self.origins + inner.origins}
        return Schedule(**fields).with_values(given or {})


def _to_floats(value: Any) -> Any:
    """Return numbers, also in a tuple, as floats; a word unchanged."""
    if isinstance(value, tuple):
        return tuple(float(number) for number in value)
    return value if isinstance(value, str) else float(value)


def schedule(
    *,
    source: str,
    limits: Mapping | None = None,
    check: Callable | None = None,
    equals: Mapping[str, str] | None = None,
    **parameters: Any,
) -> Callable[[Callable], Schedule]:
    """Register a schedule: ``function(step, epoch, total_steps, **parameters)`` -> factors.

    ``step`` (from 1) and ``epoch`` (completed passes) are arrays of one length, and so are the factors.

    Args:
        source: the paper, or the library, that it comes from.
        limits: by parameter, an interval such as ``"(0, 1]"``, or the tuple of the words that are allowed.
        check: ``check(**parameters)`` -> what is wrong with them together, in words, or nothing.
        equals: what gives the same rates elsewhere, ``{"optax": "cosine_decay_schedule(lr, total_steps)"}``.
        **parameters: their defaults: numbers, tuples of numbers, or words.

    Returns:
        A decorator: the function becomes a Schedule.

    Example:
        >>> @schedule(source="an example", low=0.1)
        ... def sawtooth(step, epoch, total_steps, low):
        ...     return low + (1 - low) * (step % 10) / 10
        >>> sawtooth.with_values({"low": 0.0})(np.array([5]), np.array([0]), 10).tolist()
        [0.5]
    """
    make = partial(Schedule, equals=equals or {})
    return _schedule_decorator(make, ["step", "epoch", "total_steps"], parameters, source, limits, check)


def schedule_wrapper(
    *, source: str, limits: Mapping | None = None, check: Callable | None = None, **parameters: Any
) -> Callable[[Callable], ScheduleWrapper]:
    """Register a schedule around any other: ``function(inner, step, epoch, total_steps, **parameters)`` -> factors.

    ``inner(step, epoch, total_steps)`` gives the factors of the other one.

    Args:
        source: the paper, or the library, that it comes from.
        limits: as for :func:`schedule`.
        check: as for :func:`schedule`.
        **parameters: their defaults: numbers, tuples of numbers, or words.

    Returns:
        A decorator: the function becomes a wrapper, ``name(schedule)`` in a spec.

    Example:
        >>> @schedule_wrapper(source="an example", most=0.5)
        ... def capped(inner, step, epoch, total_steps, most):
        ...     return np.minimum(inner(step, epoch, total_steps), most)
        >>> capped.wrap(schedules()["constant"])(np.array([1]), np.array([0]), 10).tolist()
        [0.5]
    """
    return _schedule_decorator(
        ScheduleWrapper, ["inner", "step", "epoch", "total_steps"], parameters, source, limits, check
    )


def _schedule_decorator(
    make: Callable[..., Any],
    first: list[str],
    parameters: Mapping[str, Any],
    source: str,
    limits: Mapping | None,
    check: Callable | None,
) -> Callable:
    """Return the decorator that makes a record by ``make`` of a function with arguments ``first`` and parameters."""

    def make_schedule(function: Callable) -> Schedule | ScheduleWrapper:
        """Return the record of a function; raise PluginError if its arguments are others."""
        label = arguments.check(SourceFunction, function, "schedule: function=", PluginError).__name__
        expected = [*first, *parameters]
        if list(inspect.signature(function).parameters) != expected:
            raise PluginError(f"schedule {label}: arguments must be ({', '.join(expected)})")
        record = make(label, function, parameters, source, inspect.getdoc(function) or "", limits or {}, check)
        return replace(record, parameters={key: _to_floats(value) for key, value in parameters.items()})

    return make_schedule
