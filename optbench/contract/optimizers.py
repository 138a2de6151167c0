"""The records of update rules, wrappers and SciPy's methods, and the decorators that make them from functions."""

import ast
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from annotated_types import Ge

from optbench.contract import columns, equals, names
from optbench.contract.arguments import (
    ByName,
    Identifiers,
    Name,
    Number,
    SourceFunction,
    Text,
    Whole,
    check,
    check_fields,
    condition,
    real_number,
    takes,
)
from optbench.contract.errors import PluginError, near, shown
from optbench.contract.limits import Limit, check_limits, enforce, limits_by_name
from optbench.contract.search import RATE, RATES, Range, Ranges, check_search, read_search
from optbench.contract.source_code import SourceFile, function_of, function_tree

STEP_INPUTS = ("lr", "loss", "labels")
"""What a rule may see of a step and each run besides w, g and its state: the rate, the loss whose gradient is g, and
how many labels are drawn where the second gradient is that of drawn ones. Those that it asks for are the first rows of
``scalars``, in this order; every loop over steps writes them."""
RANDOM = ("normal", "rademacher")
"""Random numbers of a run, a step and a parameter: of the normal distribution, or 1 or -1."""
KEY = "key"
"""What the transform of a matrix asks for to draw random numbers of a run, a step and a block by kit/random.py."""


class Sizes(NamedTuple):
    """What a rule may see of the mini-batches of a run. It stays as it is where an epoch's last one is smaller."""

    batch_size: int = 1
    """Examples of a mini-batch."""
    examples: int = 1
    """Examples of an epoch."""


ONE_EXAMPLE = Sizes()
"""Of a step on the only example that there is."""
GIVEN = (*STEP_INPUTS[1:], "t", "rows", "columns", "role", *RANDOM, *Sizes._fields)
"""Scalars that the engine knows: those, the step, from 1, of the parameter block its shape, (n, 1) for a vector, and
its role in the network, a number of contract/roles.py; random numbers; and the sizes."""
OF_BLOCK = {"rows", "columns", "role"}
"""Those of the parameter block."""
AHEAD = "ahead"
"""The slot of a rule that looks ahead: the second gradient of its step."""
AFTER = "new"
"""What a wrapper's sum asks for to be taken after the inner step: the weight that ``step`` returns."""


def arguments(function: Callable) -> list[str]:
    """Return the names of a function's arguments."""
    return list(inspect.signature(function).parameters)


_MemoryFunction = Annotated[
    Callable[..., int],
    condition(lambda value: len(arguments(value)) >= 2, "a function of 2 arguments or more: rows, columns"),
    condition(callable, "a function"),
]


@dataclass(frozen=True, eq=False)
class Matrix:
    """A transform of a whole block into a number for each of its elements, before the rule runs.

    Example:
        >>> def halve(block, memory):
        ...     block *= 0.5
        >>> Matrix(term=lambda g: g, transform=halve).memory(64, 32)
        0
    """

    term: SourceFunction
    """A scalar function of arguments by name, as in a sum: it fills an array (rows, columns) for each block."""
    transform: SourceFunction
    """``transform(block, memory, ...)`` changes that array in place; it may name lr, hyperparameters, their powers and
    ``t``, too, and ``key`` for random numbers, ``normal(key, i)`` of ``optbench.kit.random``."""
    memory: _MemoryFunction = lambda rows, columns: 0
    """``memory(rows, columns, ...)`` -> how many numbers, zero at first, are kept for a block from step to step; it may
    name hyperparameters, such as a cap on the sizes of matrices."""

    def __post_init__(self) -> None:
        """Check all fields; raise PluginError if one is no function that fits."""
        check_fields("Matrix", self)

    def numbers(self, rows: int, columns: int, values: Mapping[str, float]) -> int:
        """Return how many numbers are kept for a block.

        Args:
            rows: of the block.
            columns: of the block, all sides but the first.
            values: the hyperparameters.

        Returns:
            What ``memory`` says.
        """
        return int(self.memory(rows, columns, **{name: values[name] for name in arguments(self.memory)[2:]}))


_Stage = Annotated[Matrix, condition(lambda value: isinstance(value, Matrix), "an optbench.Matrix")]


@dataclass(frozen=True, eq=False)
class SecondGradient:
    """A point beside w at which a step takes a second gradient, of the same mini-batch.

    A rule or wrapper with one has a slot ``ahead``, which holds that gradient when the rule runs.

    Example:
        >>> def uphill(w, g, rho):
        ...     return w + rho * g
        >>> SecondGradient(uphill).total
        {}
    """

    point: SourceFunction
    """A scalar function of arguments by name, w, g, hyperparameters, ``t``, what the engine knows of a block, random
    numbers, and the sums below: it returns the point's coordinate. g is the first gradient, whatever wrappers do."""
    total: ByName[SourceFunction] = field(default_factory=dict)
    """Sums over all parameters for it, as a rule's."""
    block: ByName[SourceFunction] = field(default_factory=dict)
    """The same over each parameter block."""
    every: Annotated[Whole, Ge(1)] = 1
    """The steps from one second gradient to the next: step 1 takes one, step 1 + every the next. At the others
    ``ahead`` is what the rule returned. It is no hyperparameter: the runs of a cohort take the same samples."""
    draws_labels: bool = False
    """True: the second gradient is that of labels drawn from the model's own predictions, in place of the data's. It
    serves problems with ``draws_labels``. It is the gradient of the mean over ``labels`` of them, without penalties:
    ``labels * ahead * ahead`` estimates the diagonal of the Gauss-Newton matrix."""

    def __post_init__(self) -> None:
        """Check all fields; raise PluginError if one makes no sense."""
        check_fields("SecondGradient", self)

    @property
    def names(self) -> list[str]:
        """The arguments of its functions, some of them more than once."""
        return [name for each in (self.point, *self.total.values(), *self.block.values()) for name in arguments(each)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Tunable:
    """The common part of records with hyperparameters."""

    kind: ClassVar[str] = "optimizer"
    """What messages call it."""
    limits: ByName[Limit] = field(default_factory=dict)
    """The interval of a hyperparameter, such as ``"(0, 1]"``; betas, eps and decays of a rule have theirs anyway."""
    search: Ranges = field(default_factory=dict)
    """Search ranges of hyperparameters and of ``lr``, by name; the others keep their defaults."""
    search_source: str = ""
    """The source of these ranges."""
    rate_means: str = ""
    """What ``lr`` is where it is no usual step size, and so is searched in its own range; "" for a usual one."""
    origins: tuple[SourceFile, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""

    def __post_init__(self: Any) -> None:
        """Check all fields; raise PluginError if one makes no sense."""
        owner = check_fields(self.kind, self)
        check_limits(owner, self.limits, self.all_limits, self.hyperparameters)

    def __repr__(self: Any) -> str:
        """Return the name and the hyperparameters in a line."""
        return names.written(self, self.name, self.hyperparameters)

    @property
    def all_limits(self: Any) -> dict[str, str]:
        """The interval of valid values of each hyperparameter that has one, as text, such as ``"[0, 1)"``."""
        return dict(self.limits)

    @property
    def second_every(self) -> int:
        """The steps from one second gradient to the next, of which the first step takes one; 0: none takes one."""
        return 0

    @property
    def draws_labels(self) -> bool:
        """True if the second gradient is that of labels drawn from the model's predictions."""
        return False

    @property
    def gradients(self) -> float:
        """The gradients that a step takes in the mean: each of them costs the samples of a mini-batch."""
        return 1 + 1 / self.second_every if self.second_every else 1

    @property
    def space(self: Any) -> dict[str, Range]:
        """The ranges of tuning by name: ``search``, and the usual rates if that has none."""
        return {RATE: RATES} | dict(self.search)

    def with_values(self: Any, given: Mapping) -> dict[str, float]:
        """Return all hyperparameters: the given values, and the defaults of the others.

        Args:
            given: values by name; ``betas``, a pair, are ``beta1`` and ``beta2``.

        Returns:
            A number for each hyperparameter.

        Raises:
            OptbenchError: a name is unknown, or a value lies outside its limits.
        """
        given = names.spread_betas(given) if isinstance(given, Mapping) else given
        values = names.fill_defaults("optimizer", self.name, given, self.hyperparameters)
        enforce(f"optimizer {self.name}", values, self.all_limits)
        return values


@dataclass(frozen=True, eq=False, repr=False)
class Optimizer(Tunable):
    """An update rule with its state slots and hyperparameters; :func:`optbench.optimizer` makes it of a function.

    Example:
        >>> optimizers()["adam"].slots
        ('m', 'v')
    """

    name: Name
    """The name in a spec."""
    rule: Callable
    """``rule(w, g, *slots, lr, *scalars)`` -> the new ``w`` and slots, numbers all of them."""
    slots: Identifiers
    """The state, zero at first."""
    scalars: Identifiers
    """The rule's arguments behind ``lr``, in its order: hyperparameters, ``<name>_t`` (a hyperparameter to the power
    t), those of GIVEN, and the names in ``total``, ``block`` and ``matrix``."""
    hyperparameters: ByName[Number]
    """The defaults, by name."""
    source: str
    """The paper and the algorithm in it."""
    doc: str = ""
    """The function's docstring, which begins with the formula."""
    report: str | None = None
    """The slot that is the reported iterate, where that is not w, at which gradients are taken."""
    shared: Identifiers = ()
    """Slots of one number a block (a run, if nothing else is by block); all elements must give the same new one."""
    of_run: tuple[str, ...] = ()
    """Those of ``shared`` that are the same in all blocks of a rule that sees blocks, as those of a wrapped prodigy."""
    total: ByName[SourceFunction] = field(default_factory=dict)
    """Sums over all parameters, taken before the rule runs: name -> scalar function of arguments by name."""
    block: ByName[SourceFunction] = field(default_factory=dict)
    """The same over each parameter block."""
    matrix: ByName[_Stage] = field(default_factory=dict)
    """Transforms of whole blocks into a number for each element, by the name of the rule's argument."""
    second_gradient: SecondGradient | None = None
    """Where steps take a second gradient; None: each takes one."""
    ahead: str = AHEAD
    """The slot that holds the second gradient, if there is one."""
    equals: ByName[Text] = field(default_factory=dict)
    """Calls of ``torch``, ``optax``, ``keras`` that take the same steps, as in contract/equals.py."""

    def __post_init__(self) -> None:
        """Check all fields; raise PluginError if one makes no sense."""
        super().__post_init__()
        equals.check_equals(f"optimizer {self.name}", self.equals, self.hyperparameters)

    @property
    def powers(self) -> tuple[str, ...]:
        """The hyperparameters whose running product beta^t is asked for."""
        return tuple(dict.fromkeys(s[:-2] for s in self.scalar_arguments() if self._is_power(s)))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The rate, and what else of STEP_INPUTS the rule, its sums or its matrix ask for; read at every step."""
        return (STEP_INPUTS[0], *(name for name in STEP_INPUTS[1:] if name in self.scalar_arguments()))

    @property
    def second_every(self) -> int:
        """The steps from one second gradient to the next, of which the first step takes one; 0: none takes one."""
        return 0 if self.second_gradient is None else self.second_gradient.every

    @property
    def draws_labels(self) -> bool:
        """True if the second gradient is that of labels drawn from the model's predictions."""
        return self.second_gradient is not None and self.second_gradient.draws_labels

    @cached_property
    def point_rule(self) -> "Optimizer | None":
        """The rule without state whose step goes from w to the point of the second gradient; None without one."""
        if self.second_gradient is None:
            return None
        point, total, block = self.second_gradient.point, self.second_gradient.total, self.second_gradient.block
        scalars = tuple(name for name in arguments(point) if name not in ("w", "g"))
        return replace(
            self, rule=_rule_of(point), slots=(), scalars=scalars, report=None, shared=(), of_run=(),
            total=total, block=block, matrix={}, second_gradient=None, equals={},
        )  # fmt: skip

    @property
    def is_random(self) -> bool:
        """True if the rule, its sums or its matrix ask for random numbers."""
        return not {*RANDOM, KEY}.isdisjoint(self.scalar_arguments())

    @property
    def sizes(self) -> tuple[str, ...]:
        """The fields of Sizes that the rule, its sums or its matrix ask for."""
        return tuple(name for name in Sizes._fields if name in self.scalar_arguments())

    @property
    def own(self) -> tuple[str, ...]:
        """The slots of one number a parameter."""
        return tuple(slot for slot in self.slots if slot not in self.shared)

    @property
    def by_block(self) -> bool:
        """True if the rule sees the parameter blocks."""
        return bool(self.block or self.matrix or OF_BLOCK & set(self.scalar_arguments()))

    @property
    def run_slots(self) -> tuple[str, ...]:
        """The shared slots that hold one number for all parameters of a run."""
        return self.of_run if self.by_block else self.shared

    @property
    def all_limits(self: Any) -> dict[str, str]:
        """The interval of valid values of each hyperparameter that has one, as text, such as ``"[0, 1)"``."""
        return limits_by_name(self.hyperparameters) | dict(self.limits)

    def _is_power(self, scalar: str) -> bool:
        """Return True for ``beta_t`` where ``beta`` is a hyperparameter."""
        return scalar.endswith("_t") and scalar[:-2] in self.hyperparameters and scalar not in self.hyperparameters

    def scalar_arguments(self) -> list[str]:
        """Return what the rule, its sums and its matrix take besides w, g, slots and lr.

        Returns:
            Names of hyperparameters, powers and sums, some of them more than once.
        """
        known = {"w", "g", "lr", *self.slots}
        stages = [*self.total.values(), *self.block.values(), *(stage.term for stage in self.matrix.values())]
        asked = [*self.scalars, *(name for stage in stages for name in arguments(stage))]
        for stage in self.matrix.values():
            asked += arguments(stage.transform)[2:]
        return [name for name in asked if name not in known]


@dataclass(frozen=True, eq=False, repr=False)
class Wrapper(Tunable):
    """Something around any optimizer; :func:`optbench.wrapper` makes it of a function.

    Example:
        >>> from optbench import wrapper
        >>> def plain(step, w, g, lr):
        ...     w = step(w, g)
        ...     return w
        >>> wrapper(source="an example")(plain).slots
        ()
    """

    kind: ClassVar[str] = "wrapper"
    name: Name
    """The name in a spec: ``name(optimizer)``."""
    function: Callable
    """``function(step, w, g, *slots, lr, *scalars)``, with one statement ``name = step(w, g)``; returns like a rule."""
    slots: Identifiers
    """The wrapper's state, beside that of the wrapped rule."""
    scalars: Identifiers
    """Its arguments behind ``lr``, as an optimizer's."""
    hyperparameters: ByName[Number]
    """The defaults, by name."""
    source: str
    """The paper and the algorithm in it."""
    doc: str = ""
    """The function's docstring, which begins with the formula."""
    report: str | None = None
    """The slot that is the reported iterate, where that is not w."""
    shared: Identifiers = ()
    """Slots of one number a block (a run, if nothing is by block), as an optimizer's."""
    total: ByName[SourceFunction] = field(default_factory=dict)
    """Sums over all parameters, as an optimizer's. Where a function asks for ``new``, the weight that ``step`` returns,
    the sum is taken after the inner step; it sees w, g and the wrapper's slots as they stand there."""
    block: ByName[SourceFunction] = field(default_factory=dict)
    """The same over each parameter block."""
    second_gradient: SecondGradient | None = None
    """Where a step takes a second gradient, as an optimizer's."""
    equals: ByName[Text] = field(default_factory=dict)
    """The same calls of other libraries as for an optimizer; ``inner`` stands for the call of the wrapped one."""

    def __post_init__(self) -> None:
        """Check all fields; raise PluginError if one makes no sense."""
        super().__post_init__()
        equals.check_equals(f"wrapper {self.name}", self.equals, self.hyperparameters, around=True)

    @property
    def by_block(self) -> bool:
        """True if the wrapper itself sees the parameter blocks."""
        return bool(self.block or OF_BLOCK & set(self.scalars))

    all_limits = Optimizer.all_limits
    """The interval of valid values of each hyperparameter that has one, as an optimizer's."""


@dataclass(frozen=True, eq=False, repr=False)
class Baseline(Tunable):
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

    name: Name
    """The name in a spec."""
    method: str
    """SciPy's name."""
    hyperparameters: ByName[Number]
    """The defaults, by name."""
    source: str
    """The paper, and SciPy's method."""
    doc: str
    """A description, the formula first."""
    options: Annotated[Callable[[Mapping[str, float], int], dict], takes(2)]
    """``options(hyperparameters, evaluations)`` -> SciPy's options."""
    slots: tuple[str, ...] = ()
    """None: SciPy keeps the state."""

    @property
    def space(self) -> dict[str, Range]:
        """The ranges of tuning, by name."""
        return dict(self.search)


@cache
def _rule_of(point: Callable) -> Callable:
    """Return a function of arguments by name as a rule: its arguments begin with w, g and lr."""
    tree = function_tree(point, point.__name__)
    rest = [name for name in arguments(point) if name not in ("w", "g")]
    tree.args.args = [ast.arg(name) for name in ("w", "g", "lr", *rest)]
    return function_of(tree, point, point.__globals__)


def _signature_parts(
    owner: str, function: Callable, head: list[str], given: Mapping[str, Any], stages: Iterable[str]
) -> dict:
    """Return a record's fields ``slots``, ``scalars`` and ``hyperparameters``; raise PluginError for a wrong signature.

    head: the first arguments that it must have; given: the defaults; stages: the names of sums and of the matrix.
    """
    signature, stages = arguments(function), tuple(stages)
    if signature[: len(head)] != head or "lr" not in signature:
        raise PluginError(f"{owner}: arguments must be ({', '.join(head)}, slots..., lr, hyperparameters...)")
    cut = signature.index("lr")
    slots, scalars = tuple(signature[len(head) : cut]), tuple(signature[cut + 1 :])
    values = {key: real_number(f"{owner}: {key}", value, error=PluginError) for key, value in given.items()}
    known = {*values, *(f"{key}_t" for key in values), *GIVEN, *stages}
    strange = next((scalar for scalar in scalars if scalar not in known), None)
    own = dict(zip(reversed(signature), reversed(function.__defaults__ or ()), strict=False))
    if strange in own:
        decorator = f"@optbench.{'wrapper' if 'step' in head else 'optimizer'}({strange}={own[strange]!r})"
        raise PluginError(f"{owner}: the default of {strange!r} belongs in its decorator: write {decorator}")
    if strange:
        raise PluginError(f"{owner}: {strange!r} has no default in its decorator{near(strange, values)}")
    taken = next((key for key in values if columns.is_taken(key)), None)
    if taken:
        raise PluginError(f"{owner}: {taken!r} is the name of a column of the tables; choose another")
    taken = next((key for key in (*slots, *values, *stages) if key in {*STEP_INPUTS, KEY, *GIVEN}), None)
    if taken:
        raise PluginError(f"{owner}: {taken!r} is what a rule may ask for, behind lr; choose another name")
    idle = next((name for name in stages if name not in scalars), None)
    if idle:
        raise PluginError(f"{owner}: {idle!r} is computed but is no argument of the rule")
    return {"slots": slots, "scalars": scalars, "hyperparameters": values}


def _check_stages(owner: str, record: Optimizer | Wrapper) -> None:
    """Raise PluginError if a sum or the matrix uses a name that is not known before it, or if a default is never used.

    owner: the words for the record, with which the message begins.
    """
    names_ = {"w", "g", "lr", *record.slots, *record.hyperparameters, *GIVEN}
    names_ |= {f"{key}_t" for key in record.hyperparameters}
    if isinstance(record, Wrapper):
        if AFTER in names_:
            raise PluginError(f"{owner}: {AFTER!r} is what step returns; choose another name")
        names_.add(AFTER)
    matrix, hyperparameters = getattr(record, "matrix", {}), {*record.hyperparameters}
    stages = [*record.total.items(), *record.block.items()]
    stages += [(name, stage.term) for name, stage in matrix.items()]
    asked = [*record.scalars]
    for name, function in stages:
        asked += _check_known(owner, function, arguments(function), names_)
        names_.add(name)
    for stage in matrix.values():
        for function, known in (
            (stage.transform, {*names_, KEY} - {"w", "g", *record.slots, *matrix, *RANDOM}),
            (stage.memory, hyperparameters),
        ):
            asked += _check_known(owner, function, arguments(function)[2:], known)
    if record.second_gradient is not None:
        _check_second_gradient(owner, record, record.second_gradient)
        asked += record.second_gradient.names
    if "labels" in asked and not (record.second_gradient and record.second_gradient.draws_labels):
        raise PluginError(f"{owner}: labels are drawn for a SecondGradient(..., draws_labels=True) alone")
    idle = next((k for k in record.hyperparameters if k not in asked and f"{k}_t" not in asked), None)
    if idle:
        raise PluginError(f"{owner}: {idle!r} has a default but is no argument of the rule")
    for slot in (*((record.report,) if record.report else ()), *record.shared):
        if slot not in record.slots:
            raise PluginError(f"{owner}: {slot!r} is no state slot of the rule")


def _check_second_gradient(owner: str, record: Optimizer | Wrapper, second: SecondGradient) -> None:
    """Raise PluginError unless the rule has a slot for the second gradient, and all names in it are known."""
    if AHEAD not in record.slots or AHEAD in record.shared:
        raise PluginError(f"{owner}: a second gradient needs a state slot {AHEAD!r}, which holds the gradient there")
    known = {"w", "g", *record.hyperparameters, *GIVEN} - {*STEP_INPUTS}
    for name, function in (*second.total.items(), *second.block.items(), ("", second.point)):
        _check_known(owner, function, arguments(function), known)
        known.add(name)


def _check_known(owner: str, function: Callable, names_: list[str], known: Collection[str]) -> list[str]:
    """Return the arguments of a sum or of the matrix; raise PluginError if one is not known before it."""
    for name in names_:
        if name not in known:
            raise PluginError(f"{owner}: {function.__name__} asks for {name!r}, which is not known before it")
    return names_


def optimizer(  # noqa: PLR0913  what may be declared of one
    *bare: Callable,
    source: str = "not stated",
    name: str | None = None,
    limits: Mapping[str, str] | None = None,
    report: str | None = None,
    shared: tuple[str, ...] = (),
    total: Mapping[str, Callable] | None = None,
    block: Mapping[str, Callable] | None = None,
    matrix: Mapping[str, Matrix] | None = None,
    second_gradient: SecondGradient | None = None,
    search: Mapping[str, Range | str] | None = None,
    search_source: str = "",
    rate_means: str = "",
    equals: Mapping[str, str] | None = None,
    **hyperparameters: float,
) -> Callable[[Callable], Optimizer]:
    """Register an update rule: a scalar function of one parameter, ``rule(w, g, *slots, lr, *scalars)``.

    The rule returns the new ``w``, and the new slots behind it. State slots stand between ``g`` and ``lr`` and start at
    zero. Behind ``lr`` stand hyperparameters, ``<name>_t`` for a hyperparameter to the power t, ``t`` for the step from
    1, ``loss`` for the loss on the mini-batch whose gradient is ``g``, ``batch_size`` and ``examples`` for how many
    examples a mini-batch and an epoch have, ``labels`` for how many labels are drawn for a second gradient, ``rows``
    and ``columns`` for the shape of the parameter's block, ``role`` for its place in a network (a number to compare
    with FIRST, HIDDEN, LAST, VECTOR and EMBEDDING of ``optbench.contract.roles``), and the names in ``total``,
    ``block`` and ``matrix``. Sums may name these, too. ``normal`` is a random number of mean 0 and variance 1,
    ``rademacher`` is 1 or -1: each parameter has its own at each step, the same wherever the rule runs and whoever
    asks; the seed of the run decides.

    Args:
        *bare: nothing: the decorator has brackets, ``@optimizer()``.
        source: the paper and the algorithm in it.
        name: by default the function's.
        limits: the interval of a hyperparameter, such as ``"(0, 1]"``; betas, eps and decays have theirs anyway.
        report: the slot that is evaluated in place of ``w``.
        shared: slots of one number for a block, or for the run.
        total: sums over all parameters, taken before the rule runs: name -> scalar function of arguments by name.
        block: the same over each parameter block.
        matrix: name -> what turns a whole block into a number for each element; one at the most.
        second_gradient: where a step takes one, of the same mini-batch, which the slot ``ahead`` holds then.
        search: where tuning looks for values of ``lr`` and hyperparameters: ``{"lr": "log_uniform(1e-4, 1)"}``; where
            it is not given, ``lr`` is tuned, and what other optimizers of a comparison tune under the same name.
        search_source: where these ranges come from.
        rate_means: what ``lr`` is where it is no usual step size, "a factor of the estimated rate": a comparison then
            searches it in the range of ``search``, and not in that of the others.
        equals: what takes the same steps elsewhere, ``{"torch": "SGD(lr=lr, momentum=beta1)"}``, for the libraries
            torch, optax and keras; with a condition if that holds for some values only: ``... if eps == 0``.
        **hyperparameters: their defaults.

    Returns:
        A decorator: the function becomes an Optimizer.

    Raises:
        PluginError: the signature is broken, or a name in it is not known.

    Example:
        >>> @optimizer(source="Polyak 1964", beta1=0.9)
        ... def ball(w, g, m, lr, beta1):
        ...     m = beta1 * m + g
        ...     return w - lr * m, m
        >>> ball.slots, ball.hyperparameters
        (('m',), {'beta1': 0.9})
        >>> ranges = {"lr": log_uniform(1e-4, 1), "beta1": one_minus_log_uniform(0.01, 0.5)}
        >>> @optimizer(source="Polyak 1964", beta1=0.9, search=ranges)
        ... def tuned_ball(w, g, m, lr, beta1):
        ...     m = beta1 * m + g
        ...     return w - lr * m, m
    """
    if bare:
        raise PluginError("@optbench.optimizer needs brackets: @optbench.optimizer(beta=0.9), or optimizer() alone")

    def make_optimizer(rule: Callable) -> Optimizer:
        """Return the optimizer of a rule; raise PluginError if its signature is broken."""
        label = check(SourceFunction, rule, "optimizer: rule=", PluginError).__name__ if name is None else name
        if label == "<lambda>":
            raise PluginError("optimizer: a lambda cannot be a rule: write it with def, def mine(w, g, lr): return ...")
        owner = f"optimizer {label}"
        given = {"total": total, "block": block, "matrix": matrix}
        stages = {key: check(ByName[Any], value, f"{owner}: {key}=", PluginError) for key, value in given.items()}
        parts = _signature_parts(
            owner, rule, ["w", "g"], hyperparameters, [key for stage in stages.values() for key in stage]
        )
        if len(stages["matrix"]) > 1:
            raise PluginError(f"{owner}: only one matrix stage is possible")
        record = Optimizer(
            label, rule, **parts, source=source, doc=inspect.getdoc(rule) or "", limits=limits or {}, report=report,
            shared=shared, **stages, second_gradient=second_gradient, search=read_search(search or {}),
            search_source=search_source, rate_means=rate_means, equals=equals or {},
        )  # fmt: skip
        _check_stages(owner, record)
        check_search(owner, record)
        return record

    return make_optimizer


def explain_return(record: Optimizer) -> str:
    """Return the words for a rule that plainly returns something else than w and its slots; "" for others."""
    wanted = ("w", *record.slots)
    try:
        nodes = list(ast.walk(function_tree(record.rule, record.name)))
    except PluginError:  # no source
        return ""
    for value in (node.value for node in nodes if isinstance(node, ast.Return)):
        alone = value is None or isinstance(value, ast.BinOp | ast.UnaryOp) or getattr(value, "id", "") == "w"
        count = len(value.elts) if isinstance(value, ast.Tuple) else 1 if alone else len(wanted)
        if count != len(wanted):
            return f"a rule returns w and its state: return {', '.join(wanted)}"
    with suppress(Exception):  # whatever a rule of the user's may raise: numba has told it
        result = record.rule(*[0.5] * (2 + len(record.slots) + 1 + len(record.scalars)))
        return explain_values(record, result if isinstance(result, tuple) else (result,))
    return ""


def explain_values(record: Optimizer, values: Sequence) -> str:
    """Return the words for what a rule has returned if something of it is no real number; "" if all are."""
    for name, value in zip(("w", *record.slots), values, strict=False):
        shape = np.shape(value)
        if shape:
            return f"returns {name} of shape {shape}, expected a number: a rule is written for one weight"
        if isinstance(value, complex):
            return f"returns {name}={value:.3g}, expected a real number (a root of a negative one?)"
    return ""


def variant(
    base: Optimizer,
    name: str,
    *,
    source: str,
    doc: str = "",
    search: Mapping[str, Range] | None = None,
    search_source: str = "",
    equals: Mapping[str, str] | None = None,
    **hyperparameters: float,
) -> Optimizer:
    """Return an optimizer with the same rule, but another name and other defaults.

    Args:
        base: the optimizer whose rule it is.
        name: the new one.
        source: where these defaults come from.
        doc: its text; by default that of ``base``.
        search: where tuning looks, as for :func:`optimizer`; by default where it does for ``base``.
        search_source: where these ranges come from.
        equals: as for :func:`optimizer`; by default those of ``base``.
        **hyperparameters: the defaults that differ.

    Returns:
        An optimizer of its own.

    Raises:
        OptbenchError: a hyperparameter is unknown, or lies outside its limits.
        PluginError: a range does.

    Example:
        >>> variant(optimizers()["adam"], "calm_adam", source="an example", beta1=0.95).hyperparameters["beta1"]
        0.95
    """
    if not isinstance(base, Optimizer):
        raise PluginError(f"optimizer {shown(name)}: base={shown(base)} must be an optimizer's record")
    values = base.with_values(hyperparameters)
    record = replace(base, name=name, hyperparameters=values, source=source, doc=doc or base.doc, origins=())
    if equals is not None:
        record = replace(record, equals=equals)
    if search is not None:
        record = replace(record, search=search, search_source=search_source)
        check_search(f"optimizer {name}", record)
    return record


def wrapper(  # noqa: PLR0913  what may be declared of one
    *,
    source: str,
    limits: Mapping[str, str] | None = None,
    report: str | None = None,
    shared: tuple[str, ...] = (),
    total: Mapping[str, Callable] | None = None,
    block: Mapping[str, Callable] | None = None,
    second_gradient: SecondGradient | None = None,
    search: Mapping[str, Range] | None = None,
    search_source: str = "",
    rate_means: str = "",
    equals: Mapping[str, str] | None = None,
    **hyperparameters: float,
) -> Callable[[Callable], Wrapper]:
    """Register a wrapper around any optimizer: ``function(step, w, g, *slots, lr, *scalars)``.

    Its body holds one statement ``name = step(w, g)``, which runs the wrapped rule; it returns like a rule. A sum whose
    function asks for ``new``, the weight that ``step`` returns, is taken after the inner step, and sees w, g and the
    slots as they stand there. The inner rule runs once more for each group of such sums, but makes one step.

    Args:
        source: the paper and the algorithm in it.
        limits: the interval of a hyperparameter, as for :func:`optimizer`.
        report: the slot that is evaluated in place of ``w``.
        shared: slots of one number for a block, or for the run.
        total: sums over all parameters: name -> scalar function of arguments by name, ``new`` among them if it likes.
        block: the same over each parameter block.
        second_gradient: where a step takes one, of the same mini-batch, which the slot ``ahead`` holds then. Among
            nested wrappers and their rule one may have it.
        search: where tuning looks for values of its hyperparameters, beside the space of what it goes around.
        search_source: where these ranges come from.
        rate_means: what ``lr`` is where the wrapper makes it another thing, as for :func:`optimizer`.
        equals: as for :func:`optimizer`, with ``inner`` for the call of what it goes around:
            ``{"optax": "chain(clip_by_global_norm(norm), inner)"}``.
        **hyperparameters: their defaults.

    Returns:
        A decorator: the function becomes a Wrapper.

    Raises:
        PluginError: the signature is broken, or a name in it is not known.

    Example:
        >>> @wrapper(source="an example", factor=0.5)
        ... def gentle(step, w, g, lr, factor):
        ...     w = step(w, factor * g)
        ...     return w
        >>> gentle.hyperparameters
        {'factor': 0.5}
        >>> @wrapper(source="an example", block={"moved": lambda w, new: (new - w) ** 2})
        ... def unit(step, w, g, lr, moved):
        ...     new = step(w, g)
        ...     return w + lr * (new - w) / (moved**0.5 + 1e-12)
        >>> unit.block.keys()
        dict_keys(['moved'])
    """

    def make_wrapper(function: Callable) -> Wrapper:
        """Return the wrapper of a function; raise PluginError if its signature is broken."""
        given = {"total": total, "block": block}
        owner = f"wrapper {check(SourceFunction, function, 'wrapper: function=', PluginError).__name__}"
        stages = {key: check(ByName[Any], value, f"{owner}: {key}=", PluginError) for key, value in given.items()}
        names_ = [name for stage in stages.values() for name in stage]
        parts = _signature_parts(owner, function, ["step", "w", "g"], hyperparameters, names_)
        record = Wrapper(
            function.__name__, function, **parts, source=source, doc=inspect.getdoc(function) or "",
            limits=limits or {}, report=report, shared=shared, **stages,
            second_gradient=second_gradient, search=search or {}, search_source=search_source, rate_means=rate_means,
            equals=equals or {},
        )  # fmt: skip
        _check_stages(owner, record)
        check_search(owner, record)
        return record

    return make_wrapper
