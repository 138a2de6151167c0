"""Optimizers of PyTorch and optax, which step outside the compiled kernels: their record, and how it is made.

The signature of a class or a function says which of its arguments can be tuned.
"""

import inspect
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Literal

from optbench.contract.arguments import ByName, Function, Name, Number, is_number, is_whole
from optbench.contract.equals import RATE_ARGUMENTS
from optbench.contract.errors import PluginError, in_one_line, shown
from optbench.contract.optimizers import Baseline, Optimizer, Tunable
from optbench.contract.process_state import forgotten_by_forks
from optbench.contract.search import Range, check_search

Library = Literal["torch", "optax"]
LIBRARIES: dict[Library, str] = {"torch": "PyTorch", "optax": "optax"}
"""The libraries whose optimizers run here, by the name of module and extra: how each is called."""

_SPACES = {
    "beta1": Range("one_minus_log_uniform", (0.02, 0.5)),
    "beta2": Range("one_minus_log_uniform", (1e-3, 0.2)),
    "b1": Range("one_minus_log_uniform", (0.02, 0.5)),
    "b2": Range("one_minus_log_uniform", (1e-3, 0.2)),
    "weight_decay": Range("log_uniform", (1e-5, 0.1)),
}
"""Search ranges of hyperparameters that mean the same in every library, as for adamw."""
USUAL = "beta1, beta2 and weight_decay as for adamw, where their defaults are not 0"
"""The `search_source` of a search space that nobody stated."""

RANDOM_NUMBERS = forgotten_by_forks(threading.RLock())
"""Held while a cohort sets the random numbers of a library, which are process-wide."""


@dataclass(frozen=True, eq=False, repr=False)
class Eager(Tunable):
    """An optimizer of another library; :func:`optbench.torch_optimizer` and its like make it of a class or a function.

    Example:
        >>> def plain(learning_rate, decay=0.5):
        ...     ...
        >>> optax_optimizer(plain).hyperparameters
        {'decay': 0.5}
    """

    name: Name
    """The name in a spec: ``torch:AdamW``, with what differs from its defaults and is no number."""
    library: Library
    """"torch" or "optax"."""
    target: Function
    """The class, or the function that gives the transformation."""
    hyperparameters: ByName[Number]
    """The defaults of all numbers; ``betas=(0.9, 0.999)`` are ``beta1`` and ``beta2``."""
    source: str
    """Its library and version."""
    doc: str = ""
    """Its docstring."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments besides numbers, such as ``nesterov``."""
    tuples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Arguments that are several numbers, and the hyperparameters that they are made of."""
    whole: tuple[str, ...] = ()
    """Hyperparameters whose defaults are whole numbers."""
    rate: str = "lr"
    """The argument of the learning rate."""
    gradients: int = 1
    """The gradients that each step takes, 1 or 2."""
    slots: tuple[str, ...] = ()
    """None: the library keeps the state."""

    def __post_init__(self) -> None:
        """Check all fields; raise PluginError if one makes no sense."""
        super().__post_init__()
        check_search(f"optimizer {self.name}", self)

    @property
    def second_every(self) -> int:
        """The steps from one second gradient to the next, as for a rule; 0: none takes one."""
        return self.gradients - 1

    def arguments(self, given: Mapping[str, float]) -> dict[str, Any]:
        """Return the arguments of the class or the function, besides parameters and the rate.

        Args:
            given: a number for each hyperparameter.

        Returns:
            Arguments by name.
        """
        # momentum=0 is the default of a real number, so that a default alone does not make a hyperparameter whole.
        whole = {key for key in self.whole if float(given[key]).is_integer()}
        numbers = {key: int(value) if key in whole else value for key, value in given.items()}
        joined = {key: tuple(numbers.pop(part) for part in parts) for key, parts in self.tuples.items()}
        return {**numbers, **joined, **self.options}


AnyOptimizer = Optimizer | Baseline | Eager
"""Any optimizer that a cohort can run."""


_NAME = re.compile(r"(torch|optax)[:.]([A-Za-z_][\w.]*)$")


def library_and_name(text: str) -> tuple[Library, str] | None:
    """Return the library and the name in it that a name such as ``torch:AdamW`` means."""
    match = _NAME.match(text)
    if match is None:
        return None
    library: Library = "torch" if match[1] == "torch" else "optax"
    return library, match[2].removeprefix("optim.")


def torch_optimizer(
    optimizer_class: type,
    name: str = "",
    *,
    search: Mapping[str, Range] | None = None,
    search_source: str = "",
    source: str = "",
    **options: Any,
) -> Eager:
    """Make a class of PyTorch's kind an optimizer of a plug-in: it runs eagerly, as a member of the same cohorts.

    A step that evaluates its closure at other weights than its own, as that of SAM, gets the gradient of the same
    mini-batch there. Such a class says ``gradients = 2``, or has ``first_step`` and ``second_step``.

    Args:
        optimizer_class: a subclass of ``torch.optim.Optimizer``.
        name: by which a spec asks for it; by default ``torch:`` and the name of the class.
        search: where tuning looks for values of hyperparameters and of ``lr``, by name.
        search_source: where these ranges come from.
        source: the paper; by default where the class is from.
        **options: other defaults, numbers or whatever the class takes.

    Returns:
        The record.

    Raises:
        PluginError: the class has no learning rate ``lr``, or an option that it does not take.

    Example:
        >>> class Descent:
        ...     def __init__(self, params, lr=0.1, momentum=0.0):
        ...         ...
        >>> torch_optimizer(Descent, momentum=0.9).hyperparameters
        {'momentum': 0.9}
    """
    return _make_record("torch", optimizer_class, name, search, search_source, source, options)


def optax_optimizer(
    factory: Callable,
    name: str = "",
    *,
    search: Mapping[str, Range] | None = None,
    search_source: str = "",
    source: str = "",
    **options: Any,
) -> Eager:
    """Make a function that gives a ``GradientTransformation`` an optimizer of a plug-in, which runs eagerly.

    Args:
        factory: takes ``learning_rate``, and gives the transformation.
        name: by which a spec asks for it; by default ``optax:`` and the name of the function.
        search: where tuning looks for values of hyperparameters and of ``lr``, by name.
        search_source: where these ranges come from.
        source: the paper; by default where the function is from.
        **options: other defaults, numbers or whatever the function takes.

    Returns:
        The record.

    Raises:
        PluginError: the function has no ``learning_rate``, or an option that it does not take.

    Example:
        >>> def averaged(learning_rate, b1=0.9):
        ...     ...
        >>> optax_optimizer(averaged, "averaged").space["b1"].text
        'one_minus_log_uniform(0.02, 0.5)'
    """
    return _make_record("optax", factory, name, search, search_source, source, options)


def torch_around(outer: type, inner: Eager) -> type:
    """Return a class that makes the one of another record inside: ``outer(params, inner, lr=..., **options)``.

    outer: it takes that class as its one argument without a default, and passes on what it does not know. Raises
    PluginError if it does not.
    """
    given = list(inspect.signature(outer).parameters.values())
    empty, named = inspect.Parameter.empty, (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    takes = [each.name for each in given[1:] if each.default is empty and each.kind in named]
    if len(takes) != 1 or all(each.kind != inspect.Parameter.VAR_KEYWORD for each in given):
        raise PluginError(
            f"optimizer torch:{outer.__qualname__} does not go around another one: for that a class takes one argument "
            "without a default, such as base_optimizer, and **kwargs for it"
        )
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [each.replace(kind=keyword) for each in given[1:] if each.kind in named and each.name != takes[0]]
    taken, fixed = {each.name for each in own}, inner.arguments(inner.hyperparameters)
    for name, default in _argument_defaults(inner.name, "torch", inner.target).items():
        if name not in taken:
            own.append(inspect.Parameter(name, keyword, default=fixed.get(name, default)))

    make: Any = outer.__init__  # type: ignore[misc]

    def begin(self: Any, params: Any, **values: Any) -> None:
        """Make the outer one, with the class of the inner one."""
        make(self, params, **{takes[0]: inner.target}, **values)

    about = {"__module__": outer.__module__, "__qualname__": outer.__qualname__, "__doc__": outer.__doc__}
    signature = inspect.Signature([given[0], *own])
    return type(outer.__name__, (outer,), {**about, "__init__": begin, "__signature__": signature})


def _gradients_of(target: Any) -> int:
    """Return the gradients that a step of an optimizer of another library takes, as its class says."""
    both = all(callable(getattr(target, name, None)) for name in ("first_step", "second_step"))
    return 2 if both or getattr(target, "gradients", 1) == 2 else 1


def rate_argument(target: Callable, parameters: Iterable[str]) -> str | None:
    """Return the name of the learning rate among an optimizer's arguments; None without one.

    That of a part of a transformation, ``optax.scale_by_polyak``, is none: it does not descend by itself.
    """
    is_part = getattr(target, "__name__", "").startswith("scale_by_") and "learning_rate" not in parameters
    return None if is_part else next((key for key in RATE_ARGUMENTS if key in parameters), None)


def required_arguments(owner: str, library: Library, target: Callable) -> list[str]:
    """Return the names of the arguments of an optimizer that have no default, without the learning rate.

    Raises PluginError: ``target`` is not a class (PyTorch) or a function that gives a transformation (optax).
    """
    given = _argument_defaults(owner, library, target)
    return [key for key, default in given.items() if default is inspect.Parameter.empty and key not in RATE_ARGUMENTS]


def other_arguments(record: Eager) -> dict[str, Any]:
    """Return the arguments, with their defaults, that are neither the learning rate nor numeric hyperparameters."""
    taken = {record.rate, *record.hyperparameters, *record.tuples}
    every = _argument_defaults(record.name, record.library, record.target) | dict(record.options)
    return {key: default for key, default in every.items() if key not in taken}


def with_options(record: Eager, name: str, options: Mapping[str, Any]) -> Eager:
    """Return the same optimizer under another name, with further options.

    Raises PluginError: an option that it does not take.
    """
    given = {**record.arguments(record.hyperparameters), **options}
    made = _make_record(record.library, record.target, name, record.search, record.search_source, record.source, given)
    return replace(made, origins=record.origins)


def _make_record(
    library: Library,
    target: Callable,
    name: str,
    search: Mapping[str, Range] | None,
    search_source: str,
    source: str,
    options: Mapping[str, Any],
) -> Eager:
    """Build the record of an optimizer of a library: its arguments and their defaults, changed by ``options``.

    Raises PluginError if it has no learning rate, or lacks an argument or a value.
    """
    label = name or f"{library}:{getattr(target, '__name__', '')}"
    owner = f"optimizer {label}"
    parameters = _argument_defaults(owner, library, target)
    rate = rate_argument(target, parameters)
    every = inspect.signature(target).parameters
    passes_on = any(each.kind is each.VAR_KEYWORD for each in every.values())
    goes_around = passes_on and any(
        "optimizer" in key and parameters[key] is inspect.Parameter.empty for key in parameters
    )
    hint = f"; to go around another one, write {label}(torch:SGD)" if library == "torch" and goes_around else ""
    if rate is None:
        named = ("base_optimizer", "wrapped_optimizer", "optimizer")
        around = next((key for key in every if key in named), None)
        if around:
            how = f"write {label}(torch:SGD)" if goes_around else "make a class of both, with lr"
            raise PluginError(f"{owner}: it goes around another one, its {around!r}: {how}")
        raise PluginError(f"{owner}: it has no learning rate, an argument {' or '.join(RATE_ARGUMENTS[:2])}")
    strange = next((key for key in options if key not in parameters or key == rate), None)
    if strange is not None:
        raise PluginError(f"{owner}: it takes no {strange!r}; it has {', '.join(parameters)}")
    numbers: dict[str, float] = {}
    others: dict[str, Any] = {}
    tuples, whole = {}, []
    for key, default in parameters.items():
        value = options.get(key, default)
        if key == rate:
            continue
        if is_number(value) and isfinite(value):  # growth_rate=inf bounds nothing: the class keeps it
            numbers[key] = float(value)
            whole += [key] * is_whole(value)
        elif isinstance(value, tuple) and value and all(is_number(part) for part in value):
            tuples[key] = tuple(f"{key.removesuffix('s')}{place}" for place in range(1, len(value) + 1))
            numbers |= zip(tuples[key], map(float, value), strict=True)
        elif key in options:
            others[key] = value
        elif default is inspect.Parameter.empty:
            raise PluginError(f"{owner}: {key!r} has no default: give it a value{hint}")
    known = {key: range_ for key, range_ in _SPACES.items() if numbers.get(key)}
    return Eager(
        name=label, library=library, target=target, hyperparameters=numbers, options=others, tuples=tuples,
        whole=tuple(whole), rate=rate, gradients=_gradients_of(target),
        source=source or f"{target.__module__}.{target.__qualname__}", doc=inspect.cleandoc(target.__doc__ or ""),
        search=known if search is None else search,
        search_source=search_source or USUAL * (search is None and bool(known)),
    )  # fmt: skip


def _argument_defaults(owner: str, library: Library, target: Any) -> dict[str, Any]:
    """Return the default of each named argument of `target`, ``inspect.Parameter.empty`` where it has none.

    A class of PyTorch goes without its first argument, the parameters. owner: begins the message of the PluginError
    for a target of the wrong kind or without a signature.
    """
    if library == "optax" and hasattr(target, "update") and not callable(target):
        raise PluginError(
            f"{owner}: target is a transformation whose rate is fixed; it must be a function of learning_rate that "
            "gives the transformation: def mine(learning_rate): return optax.chain(...)"
        )
    if not callable(target) or (library == "torch" and not isinstance(target, type)):
        wanted = "a class" if library == "torch" else "a function of learning_rate that gives the transformation"
        raise PluginError(f"{owner.removesuffix(f' {library}:')}: target={shown(target)} must be {wanted}")
    try:
        found = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError) as error:
        raise PluginError(f"{owner}: {in_one_line(error)}") from None
    named = [each for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    return {each.name: each.default for each in named[library == "torch" :]}
