"""The frozen records of update rules, of wrappers around them, and of SciPy's methods."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from optbench.contract import names
from optbench.contract.limits import enforce
from optbench.contract.origins import Origin

_NOT_NEGATIVE = re.compile("eps|(weight_)?decay")  # these mean the same everywhere, and so does beta, in [0, 1)

GIVEN = ("t", "rows", "columns")
"""Scalars that the engine knows: the step, from 1, and the shape of the parameter's block (a vector's is (n, 1))."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """What turns a whole block into a number per element, before the rule runs.

    ``term`` (scalar, arguments by name, like a sum) fills an array (rows, columns) for each block;
    ``transform(block, memory, ...)`` changes it in place and may name lr, hyperparameters and ``t``, too.
    ``memory(rows, columns)`` numbers, zero at first, are kept for the block from step to step.
    """

    term: Callable
    transform: Callable
    memory: Callable[[int, int], int] = lambda rows, columns: 0


@dataclass(frozen=True, eq=False)
class Optimizer:
    """An update rule, ``rule(w, g, *slots, lr, *scalars)``, which returns the new ``w`` and slots.

    ``scalars`` are the rule's arguments behind ``lr`` in its own order: hyperparameters, ``<name>_t`` (a
    hyperparameter to the power t), those of GIVEN, and the names in ``total``, ``block`` and ``matrix``. State slots
    start at zero.
    """

    name: str
    rule: Callable
    slots: tuple[str, ...]
    scalars: tuple[str, ...]
    hyperparameters: Mapping[str, float]
    source: str
    doc: str = ""
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
    origins: tuple[Origin, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""

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
        betas = {key: "[0, 1)" for key in self.hyperparameters if key.startswith("beta")}
        return betas | {key: "[0, inf)" for key in self.hyperparameters if _NOT_NEGATIVE.match(key)} | dict(self.limits)

    def _is_power(self, scalar: str) -> bool:
        return scalar.endswith("_t") and scalar[:-2] in self.hyperparameters and scalar not in self.hyperparameters

    def asked(self) -> list[str]:
        """What the rule and its sums name behind lr."""
        known = {"w", "g", "lr", *self.slots}
        stages = [*self.total.values(), *self.block.values(), *(stage.term for stage in self.matrix.values())]
        asked = [*self.scalars, *(name for stage in stages for name in arguments(stage))]
        for stage in self.matrix.values():
            asked += arguments(stage.transform)[2:]
        return [name for name in asked if name not in known]

    def with_values(self, given: Mapping) -> dict[str, float]:
        """The hyperparameters with ``given`` values filled in; raises OptbenchError where one makes no sense."""
        values = names.fill("optimizer", self.name, given, self.hyperparameters)
        enforce(f"optimizer {self.name}", values, self.all_limits)
        return values


@dataclass(frozen=True, eq=False)
class Wrapper:
    """Something around any optimizer: ``function(step, w, g, *slots, lr, *scalars)``.

    Its body holds one statement ``name = step(w, g)``, which runs the wrapped rule, and returns like a rule.
    """

    name: str
    function: Callable
    slots: tuple[str, ...]
    scalars: tuple[str, ...]
    hyperparameters: Mapping[str, float]
    source: str
    doc: str = ""
    limits: Mapping[str, str] = field(default_factory=dict)
    report: str | None = None
    total: Mapping[str, Callable] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """A method of ``scipy.optimize.minimize`` that runs on the full batch and searches its own step length.

    One step is one evaluation of value and gradient; rates and schedules mean nothing to it.
    """

    name: str
    method: str
    hyperparameters: Mapping[str, float]
    source: str
    doc: str
    options: Callable[[Mapping[str, float], int], dict]
    """``options(hyperparameters, evaluations)`` -> SciPy's options."""
    limits: Mapping[str, str] = field(default_factory=dict)
    slots: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""

    def with_values(self, given: Mapping) -> dict[str, float]:
        """The hyperparameters with ``given`` values filled in; raises OptbenchError where one makes no sense."""
        values = names.fill("optimizer", self.name, given, self.hyperparameters)
        enforce(f"optimizer {self.name}", values, self.limits)
        return values


def arguments(function: Callable) -> list[str]:
    """What a function asks for, by name."""
    return list(inspect.signature(function).parameters)
