"""The frozen records of update rules, of wrappers around them, and of SciPy's methods."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optbench.contract import equals, names
from optbench.contract.arguments import SourceFunction, Text, by_name, function, wrong
from optbench.contract.arguments import field as check_field
from optbench.contract.limits import enforce, limits_by_name
from optbench.contract.record_checks import check_rule
from optbench.contract.search import RATE, RATES, Range
from optbench.contract.source_code import SourceFile

GIVEN = ("t", "rows", "columns")
"""Scalars that the engine knows: the step, from 1, and the shape of the parameter's block (a vector's is (n, 1))."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """What turns a whole block into a number for each of its elements, before the rule runs.

    Example:
        >>> def halve(block, memory):
        ...     block *= 0.5
        >>> Matrix(term=lambda g: g, transform=halve).memory(64, 32)
        0
    """

    term: Callable
    """A scalar function of arguments by name, as in a sum: it fills an array (rows, columns) for each block."""
    transform: Callable
    """``transform(block, memory, ...)`` changes that array in place; it may name lr, hyperparameters and ``t``, too."""
    memory: Callable[[int, int], int] = lambda rows, columns: 0
    """``memory(rows, columns)`` -> how many numbers, zero at first, are kept for a block from step to step."""

    def __post_init__(self) -> None:
        check_field(SourceFunction, "Matrix", "term", self.term)
        check_field(SourceFunction, "Matrix", "transform", self.transform)
        function("Matrix", "memory", self.memory, 2)


class Valued:
    """What records with hyperparameters have in common."""

    @property
    def all_limits(self: Any) -> dict[str, str]:
        """The interval of every hyperparameter that has one."""
        return dict(self.limits)

    @property
    def space(self: Any) -> dict[str, Range]:
        """What tuning varies, by name: ``search``, and where that has no rate, the usual ones."""
        return {RATE: RATES} | dict(self.search)

    def with_values(self: Any, given: Mapping) -> dict[str, float]:
        """All hyperparameters: the given values, and the defaults of the others.

        Args:
            given: values by name.

        Returns:
            A number for each hyperparameter.

        Raises:
            OptbenchError: a name is unknown, or a value lies outside its limits.
        """
        values = names.fill("optimizer", self.name, given, self.hyperparameters)
        enforce(f"optimizer {self.name}", values, self.all_limits)
        return values


@dataclass(frozen=True, eq=False)
class Optimizer(Valued):
    """An update rule with its state slots and hyperparameters; :func:`optbench.optimizer` makes it of a function.

    Example:
        >>> optimizers()["adam"].slots
        ('m', 'v')
    """

    name: str
    """By which a spec asks for it."""
    rule: Callable
    """``rule(w, g, *slots, lr, *scalars)`` -> the new ``w`` and slots, numbers all of them."""
    slots: tuple[str, ...]
    """The state, zero at first."""
    scalars: tuple[str, ...]
    """The rule's arguments behind ``lr``, in its order: hyperparameters, ``<name>_t`` (a hyperparameter to the power
    t), those of GIVEN, and the names in ``total``, ``block`` and ``matrix``."""
    hyperparameters: Mapping[str, float]
    """The defaults, by name."""
    source: str
    """The paper and the algorithm in it."""
    doc: str = ""
    """The function's docstring, which begins with the formula."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """Where a hyperparameter may lie, as in contract/limits.py; betas, eps and decays have theirs anyway."""
    report: str | None = None
    """The slot that is the reported iterate, where that is not w, at which gradients are taken."""
    shared: tuple[str, ...] = ()
    """Slots of one number a block (a run, if nothing else is by block); all elements must give the same new one."""
    total: Mapping[str, Callable] = field(default_factory=dict)
    """Sums over all parameters, taken before the rule runs: name -> scalar function of arguments by name."""
    block: Mapping[str, Callable] = field(default_factory=dict)
    """The same over each parameter block."""
    matrix: Mapping[str, Matrix] = field(default_factory=dict)
    """What turns whole blocks into a number for each element, by the name under which the rule asks for it."""
    search: Mapping[str, Range] = field(default_factory=dict)
    """Where tuning looks for values of hyperparameters and of ``lr``, by name; the others keep their defaults."""
    search_source: str = ""
    """Where these ranges come from."""
    equals: Mapping[str, str] = field(default_factory=dict)
    """What takes the same steps in ``torch``, ``optax``, ``keras``: a call of each, as in contract/equals.py."""
    origins: tuple[SourceFile, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""

    def __post_init__(self) -> None:
        for name, stage in check_field(by_name(), "optimizer", "matrix", self.matrix).items():
            if not isinstance(stage, Matrix):
                raise wrong("optimizer", f"matrix[{name!r}]", stage, "an optbench.Matrix")
        check_rule("optimizer", self)
        equals.check(f"optimizer {self.name}", self.equals, self.hyperparameters)

    @property
    def powers(self) -> tuple[str, ...]:
        """The hyperparameters whose running product beta^t is asked for."""
        return tuple(dict.fromkeys(s[:-2] for s in self.asked() if self._is_power(s)))

    @property
    def own(self) -> tuple[str, ...]:
        """The slots of one number a parameter."""
        return tuple(slot for slot in self.slots if slot not in self.shared)

    @property
    def by_block(self) -> bool:
        """Whether the rule sees the parameter blocks."""
        return bool(self.block or self.matrix or {"rows", "columns"} & set(self.asked()))

    @property
    def elementwise(self) -> bool:
        """Whether a parameter's step depends on that parameter alone."""
        return not (self.total or self.by_block)

    @property
    def all_limits(self) -> dict[str, str]:
        """The interval of every hyperparameter that has one."""
        return _all_limits(self.hyperparameters, self.limits)

    def _is_power(self, scalar: str) -> bool:
        return scalar.endswith("_t") and scalar[:-2] in self.hyperparameters and scalar not in self.hyperparameters

    def asked(self) -> list[str]:
        """What the rule and its sums name behind lr.

        Returns:
            Names, some of them more than once.
        """
        known = {"w", "g", "lr", *self.slots}
        stages = [*self.total.values(), *self.block.values(), *(stage.term for stage in self.matrix.values())]
        asked = [*self.scalars, *(name for stage in stages for name in arguments(stage))]
        for stage in self.matrix.values():
            asked += arguments(stage.transform)[2:]
        return [name for name in asked if name not in known]


@dataclass(frozen=True, eq=False)
class Wrapper:
    """Something around any optimizer; :func:`optbench.wrapper` makes it of a function.

    Example:
        >>> from optbench import wrapper
        >>> def plain(step, w, g, lr):
        ...     w = step(w, g)
        ...     return w
        >>> wrapper(source="an example")(plain).slots
        ()
    """

    name: str
    """By which a spec asks for it: ``name(optimizer)``."""
    function: Callable
    """``function(step, w, g, *slots, lr, *scalars)``, with one statement ``name = step(w, g)``; returns like a rule."""
    slots: tuple[str, ...]
    """The wrapper's state, beside that of the wrapped rule."""
    scalars: tuple[str, ...]
    """Its arguments behind ``lr``, as an optimizer's."""
    hyperparameters: Mapping[str, float]
    """The defaults, by name."""
    source: str
    """The paper and the algorithm in it."""
    doc: str = ""
    """The function's docstring, which begins with the formula."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """Where a hyperparameter may lie, as an optimizer's."""
    report: str | None = None
    """The slot that is the reported iterate, where that is not w."""
    total: Mapping[str, Callable] = field(default_factory=dict)
    """Sums over all parameters, as an optimizer's."""
    search: Mapping[str, Range] = field(default_factory=dict)
    """Where tuning looks for values of its hyperparameters, beside the space of what it goes around."""
    search_source: str = ""
    """Where these ranges come from."""
    equals: Mapping[str, str] = field(default_factory=dict)
    """As an optimizer's, where ``inner`` is the call of what it goes around."""
    origins: tuple[SourceFile, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""

    def __post_init__(self) -> None:
        check_rule("wrapper", self)
        equals.check(f"wrapper {self.name}", self.equals, self.hyperparameters, around=True)

    @property
    def all_limits(self) -> dict[str, str]:
        """The interval of every hyperparameter that has one."""
        return _all_limits(self.hyperparameters, self.limits)


@dataclass(frozen=True, eq=False)
class Baseline(Valued):
    """A method of ``scipy.optimize.minimize`` that runs on the full batch and searches its own step length.

    One step is one evaluation of value and gradient; rates and schedules mean nothing to it.

    Example:
        >>> simplex = Baseline(
        ...     "simplex", "Nelder-Mead", {}, source="Nelder & Mead 1965", doc="Reflect the worst corner.",
        ...     options=lambda hyperparameters, evaluations: {"maxfev": evaluations},
        ... )
        >>> simplex.options({}, 100)
        {'maxfev': 100}
    """

    name: str
    """By which a spec asks for it."""
    method: str
    """SciPy's name."""
    hyperparameters: Mapping[str, float]
    """The defaults, by name."""
    source: str
    """The paper, and SciPy's method."""
    doc: str
    """What it does, the formula first."""
    options: Callable[[Mapping[str, float], int], dict]
    """``options(hyperparameters, evaluations)`` -> SciPy's options."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """Where a hyperparameter may lie, as an optimizer's."""
    slots: tuple[str, ...] = ()
    """None: SciPy keeps the state."""
    search: Mapping[str, Range] = field(default_factory=dict)
    """Where tuning looks for values of hyperparameters; there is no rate."""
    search_source: str = ""
    """Where these ranges come from."""
    origins: tuple[SourceFile, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""

    def __post_init__(self) -> None:
        check_field(Text, "optimizer", "method", self.method)
        function("optimizer", "options", self.options, 2)
        check_rule("optimizer", self)

    @property
    def space(self) -> dict[str, Range]:
        """What tuning varies, by name."""
        return dict(self.search)


def _all_limits(hyperparameters: Mapping[str, float], limits: Mapping[str, str]) -> dict[str, str]:
    return limits_by_name(hyperparameters) | dict(limits)


def arguments(function: Callable) -> list[str]:
    """What a function asks for, by name.

    Args:
        function: any.

    Returns:
        The names of its arguments, in order.
    """
    return list(inspect.signature(function).parameters)
