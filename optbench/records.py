"""The frozen records Optimizer, Schedule and Problem, and the decorators that make them from plain functions."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from optbench import columns, names
from optbench.errors import OptbenchError, PluginError, in_one_line


@dataclass(frozen=True)
class Optimizer:
    """An update rule, ``rule(w, g, *slots, lr, *scalars)``, which returns the new ``w`` and slots.

    ``scalars`` are the rule's arguments behind ``lr`` in its own order: hyperparameters, ``<name>_t`` (a
    hyperparameter to the power t) and ``t`` (the step, from 1). State slots start at zero.
    """

    name: str
    rule: Callable
    slots: tuple[str, ...]
    scalars: tuple[str, ...]
    hyperparameters: Mapping[str, float]
    source: str
    doc: str = ""

    @property
    def powers(self) -> tuple[str, ...]:
        """The hyperparameters whose running product beta^t the rule asks for, in the order of ``scalars``."""
        return tuple(s[:-2] for s in self.scalars if s.endswith("_t") and s not in self.hyperparameters)

    def with_values(self, given: Mapping) -> dict[str, float]:
        """The hyperparameters with ``given`` values filled in; raises OptbenchError where one makes no sense."""
        values = names.fill("optimizer", self.name, given, self.hyperparameters)
        for key, value in values.items():
            if not math.isfinite(value):
                raise OptbenchError(f"optimizer {self.name}: {key}={value!r} must be finite")
            if key.startswith("beta") and not 0 <= value < 1:
                raise OptbenchError(f"optimizer {self.name}: {key}={value!r} must be in [0, 1)")
            if key.startswith("eps") and value < 0:
                raise OptbenchError(f"optimizer {self.name}: {key}={value!r} must not be negative")
        return values


@dataclass(frozen=True)
class Schedule:
    """The learning rate's factor, ``function(step, epoch, total_steps, **parameters)``.

    ``step`` counts updates from 1, ``epoch`` counts completed passes from 0; both are arrays of one length, and
    so is the factor.
    """

    name: str
    function: Callable
    parameters: Mapping[str, float]
    source: str
    doc: str = ""

    @property
    def text(self) -> str:
        return names.canonical(self.name, self.parameters)

    def with_values(self, given: Mapping) -> "Schedule":
        values = names.fill("schedule", self.name, given, self.parameters)
        for key, value in values.items():
            if not math.isfinite(value):
                raise OptbenchError(f"schedule {self.name}: {key}={value!r} must be finite")
        return replace(self, parameters=values)


@dataclass(frozen=True)
class Problem:
    """An objective with its start points, its data if it has any, and its known or reference minimum.

    ``value_and_gradient`` is a module-level function that names the arguments it wants, in any order: ``w``, ``g``
    (written), ``f`` (written, lanes form only), the mini-batch ``x`` (rows, features) and ``y`` (rows,),
    ``constants`` (reals), ``layout`` (integers) and ``work`` (scratch). It allocates nothing.

    form="single": ``w`` and ``g`` are (dim,), and the value is returned.
    form="lanes": ``w`` and ``g`` are (dim, runs), ``f`` is (runs,).

    The value of a batch is the mean over its rows (plus any regularizer), so that values of parts average.
    ``evaluate`` (optional) takes the same arguments with ``out`` in place of ``g`` and ``f``; it writes the value
    and then one number per name in ``metrics``: ``out`` is (1 + metrics,), or (1 + metrics, runs) in lanes form.
    """

    form: str
    dim: int
    start: Callable
    """``start(rng)`` -> the start point, (dim,)."""
    value_and_gradient: Callable
    minimum: float
    minimum_source: str
    minimizer: Any = None
    """One minimizer, (dim,), where it is known."""
    blocks: tuple[tuple[int, ...], ...] = ()
    """Shapes of the parameter blocks, in order; by default one block of all parameters."""
    data: tuple | None = None
    """(x, y): the training examples, (n, features) and (n,)."""
    test: tuple | None = None
    examples: int = 1024
    """Size of one epoch. Set from the data where there is any; else nominal, for the 1/B law of the noise."""
    noise: float = 0.0
    """Standard deviation of one example's gradient noise per coordinate, for problems without data."""
    constants: Any = ()
    layout: tuple[int, ...] = ()
    work: Callable | None = None
    """``work(rows, runs)`` -> how many scratch numbers a call on that many rows and runs needs."""
    metrics: tuple[str, ...] = ()
    evaluate: Callable | None = None
    domain: tuple[tuple[float, float], tuple[float, float]] | None = None
    """For two parameters: the region of the plane that is worth drawing."""
    name: str = ""
    source: str = ""

    def __post_init__(self):
        if self.form not in ("single", "lanes"):
            raise PluginError(f"problem: form={self.form!r} must be 'single' or 'lanes'")
        if self.dim < 1:
            raise PluginError(f"problem: dim={self.dim!r} must be at least 1")
        if self.data is not None:
            if self.noise:
                raise PluginError("problem: gradient noise is for problems without data")
            object.__setattr__(self, "examples", len(self.data[0]))
        if not self.blocks:
            object.__setattr__(self, "blocks", ((self.dim,),))
        if sum(math.prod(block) for block in self.blocks) != self.dim:
            raise PluginError(f"problem: blocks {self.blocks} do not add up to dim={self.dim}")


_LEAST = {"dim": 1, "examples": 1, "noise": 0, "l2": 0, "seed": 0}
"""The smallest value of parameters that mean the same in every problem."""


@dataclass(frozen=True)
class Family:
    """A registered problem before its parameters are chosen: ``build(**parameters)`` -> Problem."""

    name: str
    factory: Callable
    parameters: Mapping[str, Any]
    source: str
    doc: str = ""

    def build(self, given: Mapping | None = None) -> Problem:
        values = names.fill("problem", self.name, given or {}, self.parameters)
        for key, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise OptbenchError(f"problem {self.name}: {key}={value!r} must be finite")
            if key in _LEAST and value < _LEAST[key]:
                raise OptbenchError(f"problem {self.name}: {key}={value!r} must be at least {_LEAST[key]}")
        try:
            made = self.factory(**values)
        except OptbenchError:
            raise
        except Exception as error:  # a plug-in may raise anything
            raise PluginError(f"problem {self.name} cannot be built: {in_one_line(error)}") from error
        if not isinstance(made, Problem):
            raise PluginError(f"problem {self.name} must return an optbench.Problem, not {type(made).__name__}")
        # Only what differs from the defaults, so that the plain name stays the plain name.
        shown = {key: value for key, value in values.items() if value != self.parameters[key]}
        return replace(made, name=names.canonical(self.name, shown), source=self.source)


def optimizer(*, source: str, name: str | None = None, **hyperparameters: float) -> Callable[[Callable], Optimizer]:
    """Register an update rule; the hyperparameters' defaults stand here. Raises PluginError on a broken signature."""

    def decorate(rule: Callable) -> Optimizer:
        label = name or rule.__name__
        arguments = list(inspect.signature(rule).parameters)
        if arguments[:2] != ["w", "g"] or "lr" not in arguments:
            raise PluginError(f"optimizer {label}: arguments must be (w, g, slots..., lr, hyperparameters...)")
        cut = arguments.index("lr")
        slots, scalars = tuple(arguments[2:cut]), tuple(arguments[cut + 1 :])
        values = {key: float(value) for key, value in hyperparameters.items()}
        for scalar in scalars:
            power_of = scalar[:-2] if scalar.endswith("_t") else None
            if scalar not in values and power_of not in values and scalar != "t":
                raise PluginError(f"optimizer {label}: {scalar!r} has no default in its decorator")
        taken = [key for key in values if columns.is_taken(key)]
        if taken:
            raise PluginError(f"optimizer {label}: {taken[0]!r} is the name of a column of the tables; choose another")
        idle = [key for key in values if key not in scalars and f"{key}_t" not in scalars]
        if idle:
            raise PluginError(f"optimizer {label}: {idle[0]!r} has a default but is no argument of the rule")
        return Optimizer(label, rule, slots, scalars, values, source, inspect.getdoc(rule) or "")

    return decorate


def variant(base: Optimizer, name: str, *, source: str, doc: str = "", **hyperparameters: float) -> Optimizer:
    """The same rule under another name with other defaults."""
    values = base.with_values(hyperparameters)
    return replace(base, name=name, hyperparameters=values, source=source, doc=doc or base.doc)


def schedule(*, source: str, **parameters: float) -> Callable[[Callable], Schedule]:
    """Register a schedule; its parameters' defaults stand here."""

    def decorate(function: Callable) -> Schedule:
        label = function.__name__
        expected = ["step", "epoch", "total_steps", *parameters]
        if list(inspect.signature(function).parameters) != expected:
            raise PluginError(f"schedule {label}: arguments must be ({', '.join(expected)})")
        values = {key: float(value) for key, value in parameters.items()}
        return Schedule(label, function, values, source, inspect.getdoc(function) or "")

    return decorate


def problem(*, source: str) -> Callable[[Callable], Family]:
    """Register a problem's factory; its parameters and their defaults are those of the function."""

    def decorate(factory: Callable) -> Family:
        label = factory.__name__
        parameters = {}
        for key, parameter in inspect.signature(factory).parameters.items():
            if parameter.default is parameter.empty:
                raise PluginError(f"problem {label}: parameter {key!r} needs a default")
            parameters[key] = parameter.default
        return Family(label, factory, parameters, source, inspect.getdoc(factory) or "")

    return decorate
