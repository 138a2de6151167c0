"""The frozen record of a problem, that of its family before parameters are chosen, and the decorator of a factory."""

import copy
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optbench.contract import names, record_checks, resources
from optbench.contract.architecture import Architecture
from optbench.contract.arguments import (
    SourceFunction,
    Text,
    by_name,
    check_field,
    check_function,
    field_error,
    is_real,
    is_whole,
    record_name,
)
from optbench.contract.errors import OptbenchError, PluginError, in_one_line, shown
from optbench.contract.source_code import SourceFile
from optbench.contract.types import Form

FLOOR = 1e-14
"""Share of the minimum's size (or of 1) below which rounding decides: the least value of a suboptimality."""
DIVERGENCE_FACTOR = 1e6
"""A run has diverged when its loss or its weights are not finite, or when its suboptimality exceeds this multiple of
the first one (and the minimum's own size, where the first one is next to nothing). A failure counts as this much."""


@dataclass(frozen=True)
class Problem:
    """An objective with its start points, its data if it has any, and its minimum, if it is known.

    ``value_and_gradient`` is a module-level function that names the arguments it wants, in any order: ``w``, ``g``
    (written), ``f`` (written, lanes form only), the mini-batch ``x`` (rows, features) and ``y`` (rows,),
    ``constants`` (reals), ``layout`` (integers) and ``work`` (scratch). It allocates nothing.

    form="single": ``w`` and ``g`` are (dim,), and the value is returned.
    form="lanes": ``w`` and ``g`` are (dim, runs), ``f`` is (runs,).

    The value of a batch is the mean over its rows (plus any regularizer), so that values of parts average.

    Example:
        >>> def half_square(w, g):
        ...     g[0] = w[0]
        ...     return 0.5 * w[0] * w[0]
        >>> bowl = Problem(form="single", dim=1, start=lambda rng: np.ones(1), value_and_gradient=half_square,
        ...                minimum=0.0, minimum_source="closed form")
        >>> bowl.blocks
        ((1,),)
    """

    form: Form
    """"single" or "lanes"."""
    dim: int
    """The number of parameters."""
    start: Callable
    """``start(rng)`` -> the start point, (dim,)."""
    value_and_gradient: Callable
    """Writes the gradient, and returns (single) or writes (lanes) the value."""
    minimum: float = math.nan
    """The least value, or a bound of it: suboptimality is loss minus this. NaN: it is not known, and the smallest loss
    of all runs of a sweep stands for it."""
    minimum_source: str = "unknown"
    """The source of the minimum: "closed form", a solver."""
    minimizer: Any = None
    """One minimizer, (dim,), if it is known."""
    other_minimizers: Any = ()
    """Further points with the same minimum, (k, dim): pictures of the plane mark them, too."""
    blocks: tuple[tuple[int, ...], ...] = ()
    """Shapes of the parameter blocks, in order; by default one block of all parameters."""
    roles: tuple[str, ...] = ()
    """The role of each block, "first", "hidden", "last", "vector" or "embedding"; by default that of its place: of the
    matrices, the first one, those between, and the last one."""
    data: tuple | None = None
    """(x, y): the training examples, (n, features) and (n,)."""
    validation: tuple | None = None
    """(x, y): the validation examples, on which settings are chosen; without them they are chosen on the test
    examples."""
    test: tuple | None = None
    """(x, y): the test examples."""
    digest: str = ""
    """sha256 of the user's file that the data came from: results depend on its content, not on its name alone."""
    data_text: str = ""
    """The data in words: the name of the set, its rows, features and target."""
    data_warning: str = ""
    """A warning about the data, in one line."""
    examples: int = 1024
    """Size of one epoch. Set from the data if there is any; else nominal: of how many examples the problem is the
    mean, which each epoch takes in another order."""
    noise: float = 0.0
    """For problems without data: standard deviation, in the root mean square over the coordinates, of what one example
    adds to the gradient. Example i is ``weight_i f(w) + b_i'w``, the weights spread about 1, the b_i about 0. A
    mini-batch sees the mean of its examples; all of them together, and so the full batch, are exactly f. 0: every
    example is f."""
    weight_spread: float = 0.5
    """For problems without data: standard deviation of the weights of examples. The default was measured on data, as
    that of the examples' gradients along the mean one, over its square: 0.25 to 1.7 at the start and after 10 and 100
    steps of gd on softmax, logistic and mlp. 0: noise adds to gradients, and does not scale them."""
    curvature: Any = None
    """The diagonal of the Hessian at the minimizer, (dim,), where it is known: the noise of a coordinate goes with its
    root. By default it is the same in all."""
    stress: tuple[Callable, ...] = ()
    """Changes of each gradient before a rule sees it, in order; losses stay as they are. ``change(rng, dim)`` returns a
    function of a number of steps that gives factors and terms, (steps, dim) each or of a shape that fits: g becomes
    factor * g + term * s, with s the root mean square of the run's first gradient. Steps may be asked for in any
    portions, and their numbers must not depend on that."""
    bits: int = 0
    """Behind ``stress``: the bits of each coordinate, 2 or more, so that the largest of a gradient is kept, and the
    others are rounded to 2^(bits-1) - 1 steps up to it. 0: they are not rounded."""
    delay: int = 0
    """Behind that: the steps by which gradients are late. A rule sees the first one until then."""
    drift: Callable | None = None
    """How the objective moves during a run: ``drift(rng, start)`` returns a function of numbers of steps, (n,) integers
    from 0, that gives the offsets c, (n, dim). After t steps the objective is f(w - c_t); a run's losses are those of
    that moment, and the weights that it reports are w - c_t, relative to the moved objective. None: it stays."""
    constants: Any = ()
    """Reals that ``value_and_gradient`` may ask for, as one array."""
    layout: tuple[int, ...] = ()
    """Whole numbers that it may ask for, such as the widths of layers."""
    work: Callable | None = None
    """``work(rows, runs)`` -> how many scratch numbers a call on that many rows and runs needs."""
    metrics: tuple[str, ...] = ()
    """Names of what ``evaluate`` writes behind the value, such as "accuracy"."""
    draws_labels: int = 0
    """The labels of an example that ``value_and_gradient`` can draw from the model's own probabilities, for rules such
    as ``sophia_g``; 0: it draws none. It does so where ``y[i]`` is negative: -y[i], between 0 and 1, is the random
    number. The value is of no meaning then, and the gradient is that of the mean over the labels, without penalties.
    The data's own y must be 0 or more. ``optbench check`` tells if it draws none, but not if the number is wrong."""
    evaluate: Callable | None = None
    """Takes the arguments of ``value_and_gradient`` with ``out`` in place of ``g`` and ``f``; it writes the value, and
    then one number for each of ``metrics``: ``out`` is (1 + metrics,), or (1 + metrics, runs) in lanes form."""
    predict: Callable | None = None
    """``predict(w, x)`` -> predictions for examples x, in NumPy: (rows,) real numbers, or the probabilities of the
    classes 0, 1, ..., (rows, classes). w is (dim,), and x as in ``data``."""
    eager: bool = False
    """True: ``value_and_gradient`` and ``evaluate`` are called as plain Python on NumPy arrays, in single form, and not
    compiled. For problems that cannot be compiled; many times slower."""
    domain: tuple[tuple[float, float], tuple[float, float]] | None = None
    """For two parameters: the region of the plane that is worth drawing."""
    data_set: Any = None
    """The data set that it learns from, as ``datasets.load`` returns it."""
    fold: tuple[int, int] = (0, 1)
    """The number of its fold, from 0, and how many there are: 1 where the data are split once."""
    other_folds: tuple["Problem", ...] = ()
    """In fold 0, the same problem on the other folds, in order."""
    architecture: Architecture | None = None
    """The layers and the loss of a problem whose weights make predictions, as plain data."""
    name: str = ""
    """The family's, with the parameters that differ from their defaults; set when the family builds it."""
    source: str = ""
    """The family's."""
    origins: tuple[SourceFile, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """A cache of the engine, such as the record's arrays in another precision."""

    @property
    def levels(self) -> float:
        """The steps up to the largest coordinate to which ``bits`` round a gradient; 0 where it is not rounded."""
        return float(2 ** (self.bits - 1) - 1) if self.bits else 0.0

    def list_minimizers(self) -> np.ndarray:
        """Return all minimizers that are known.

        Returns:
            (k, dim).

        Example:
            >>> problems()["saddle"].build().list_minimizers().tolist()
            [[1.0, 0.0], [-1.0, 0.0]]
        """
        known = [] if self.minimizer is None else [self.minimizer, *self.other_minimizers]
        return np.asarray(known, dtype=float).reshape(-1, self.dim)

    def __post_init__(self) -> None:
        """Check all fields, and convert those that `record_checks.check_problem` returns; raise OptbenchError."""
        try:
            checked = record_checks.check_problem(self)
        except OptbenchError as error:
            raise type(error)(_add_name(str(error), self.name)) from None
        for key, value in checked.items():
            object.__setattr__(self, key, value)


LEAST = {"dim": 1, "examples": 1, "noise": 0, "l2": 0, "seed": 0}
"""The smallest value of parameters that mean the same in every problem."""
SIZES = ("dim", "examples", "features", "size", "waves")
"""Parameters that say how long arrays are."""


@dataclass(frozen=True)
class Family:
    """A registered problem before its parameters are chosen; :func:`optbench.problem` makes it of a factory.

    Example:
        >>> problems()["rosenbrock"].build({"dim": 5}).name
        'rosenbrock(dim=5)'
    """

    name: str
    """The name in a spec."""
    factory: Callable
    """``factory(**parameters)`` -> Problem."""
    parameters: Mapping[str, Any]
    """The defaults, by name."""
    source: str
    """The source of the problem."""
    doc: str = ""
    """The factory's docstring, which begins with the formula."""
    origins: tuple[SourceFile, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""

    def __post_init__(self) -> None:
        """Check all fields, and that a spec can say each default; raise PluginError for others."""
        owner = f"problem {record_name('problem', self.name)}"
        check_function(owner, "factory", self.factory)
        check_field(by_name(), owner, "parameters", self.parameters)
        check_field(Text, owner, "source", self.source)
        check_field(Text, owner, "doc", self.doc)
        for key, default in self.parameters.items():
            if not isinstance(default, bool | int | float | str | tuple | None):
                wanted = "a number, a text, a tuple, True or False: what a spec can say"
                raise field_error(owner, key, default, wanted)
            self._check(key, default)

    def _check(self, key: str, value: Any) -> None:
        """Refuse a value that makes no sense in any problem, or that does not fit into memory."""
        owner = f"problem {self.name}"
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise OptbenchError(f"{owner}: {key}={shown(value)} must be finite")
        if key in LEAST and (not is_real(value) or value < LEAST[key]):
            raise OptbenchError(f"{owner}: {key}={shown(value)} must be at least {LEAST[key]}")
        if key in SIZES and is_whole(value):
            resources.need_memory(f"{owner}: {key}={shown(value)}", resources.REAL * value)

    def build(self, given: Mapping | None = None) -> Problem:
        """Build the problem with these parameters.

        Args:
            given: values by name; the others are the defaults.

        Returns:
            The record, with its name and source.

        Raises:
            OptbenchError: a parameter is unknown, or its value makes no sense.
            PluginError: the factory fails, or returns something else.
        """
        return self._build(given or {})

    def _build(self, given: Mapping, *around: Problem) -> Problem:
        """Return the problem with these parameters; around: what a wrapper goes around."""
        filled = names.fill_defaults("problem", self.name, given, self.parameters)
        for key, value in filled.items():
            self._check(key, value)
        try:
            built = self.factory(*around, **filled)
        except OptbenchError as error:
            raise type(error)(_add_name(str(error), self.name)) from None
        except MemoryError as error:
            raise OptbenchError(f"problem {self.name} needs more memory than there is: {in_one_line(error)}") from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plug-in may raise anything, and call sys.exit
            raise PluginError(f"problem {self.name} cannot be built: {in_one_line(error)}") from error
        if not isinstance(built, Problem):
            raise PluginError(f"problem {self.name} must return an optbench.Problem, not {type(built).__name__}")
        # Only what differs from the defaults, so that the plain name stays the plain name.
        shown = dict.fromkeys([names.INNER] * len(around), *(inner.name for inner in around))
        shown |= {key: value for key, value in filled.items() if value != self.parameters[key]}
        given_names = {
            "name": names.canonical(self.name, shown),
            "source": "; ".join([self.source, *(inner.source for inner in around)]),
            "origins": sum((inner.origins for inner in around), self.origins),
        }
        # A copy with its values as they were checked: to look at all data once more would take as long again.
        named = copy.copy(built)
        for key, value in (given_names | {"kept": {}}).items():
            object.__setattr__(named, key, value)
        return named


@dataclass(frozen=True)
class ProblemWrapper(Family):
    """A problem around any other, before both are chosen; :func:`optbench.problem_wrapper` makes it of a factory.

    Its ``factory(inner, **parameters)`` gets the other problem's record, and returns a changed one.
    """

    def build(self, given: Mapping | None = None) -> Problem:
        """Raise OptbenchError: alone it is no problem."""
        raise OptbenchError(f"{self.name} goes around another problem: write {self.name}(rosenbrock)")

    def wrap(self, inner: Problem, given: Mapping | None = None) -> Problem:
        """Build the problem that this one makes of another, with these parameters.

        Args:
            inner: the problem that it goes around, which may be wrapped already.
            given: values by name; the others are the defaults.

        Returns:
            The record, whose name, source and files are those of both.

        Raises:
            OptbenchError: a parameter is unknown, or its value makes no sense.
            PluginError: the factory fails, or returns something else.
        """
        return self._build(given or {}, inner)


def _add_name(message: str, name: Any) -> str:
    """Return a message that begins with ``problem: `` with the name in it: ``problem mlp: ...``; others as they are.

    name: as in the record, which mostly gets it after its family has built it; without a name the message stays, too.
    """
    known = isinstance(name, str) and name and message.startswith("problem: ")
    return message.replace("problem: ", f"problem {name}: ", 1) if known else message


def problem(*, source: str) -> Callable[[Callable], Family]:
    """Register a problem's factory; its parameters and their defaults are those of the function.

    Args:
        source: the paper, or who recommends it.

    Returns:
        A decorator: the factory becomes a Family.

    Raises:
        PluginError: a parameter of the factory has no default.

    Example:
        >>> @problem(source="an example")
        ... def bowl(dim=2):
        ...     ...
        >>> bowl.parameters
        {'dim': 2}
    """

    return _family_decorator(Family, source)


def problem_wrapper(*, source: str) -> Callable[[Callable], ProblemWrapper]:
    """Register a problem around any other: ``factory(inner, **parameters)`` -> Problem.

    ``inner`` is the other problem's record; ``dataclasses.replace`` changes some of its fields.

    Args:
        source: the paper, or who recommends it.

    Returns:
        A decorator: the factory becomes a wrapper, ``name(problem)`` in a spec.

    Raises:
        PluginError: the first argument is not ``inner``, or a parameter has no default.

    Example:
        >>> from dataclasses import replace
        >>> @problem_wrapper(source="an example")
        ... def far(inner, distance=10.0):
        ...     return replace(inner, start=lambda rng: inner.start(rng) + distance)
        >>> far.wrap(problems()["rosenbrock"].build()).name
        'far(rosenbrock)'
    """
    return _family_decorator(ProblemWrapper, source, ["inner"])


def _family_decorator(make: Callable[..., Any], source: str, first: Sequence[str] = ()) -> Callable:
    """Return the decorator that makes a record by ``make`` of a factory with arguments ``first`` and parameters."""

    def decorate(factory: Callable) -> Family:
        """Return the family of a factory; raise PluginError if a parameter has no default."""
        label = check_field(SourceFunction, "problem", "factory", factory).__name__
        parameters, given = {}, inspect.signature(factory).parameters
        if list(given)[: len(first)] != list(first):
            raise PluginError(f"problem {label}: the first argument of a wrapper must be {first[0]}")
        for key, parameter in list(given.items())[len(first) :]:
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise PluginError(f"problem {label}: parameter {key!r} needs a name and a default of its own")
            if parameter.default is parameter.empty:
                raise PluginError(f"problem {label}: parameter {key!r} needs a default")
            parameters[key] = parameter.default
        return make(label, factory, parameters, source, inspect.getdoc(factory) or "")

    return decorate


def is_bound(minimum_source: str) -> bool:
    """Return True if a problem's minimum is only a lower bound, which no run need come near."""
    return "bound" in minimum_source.lower()
