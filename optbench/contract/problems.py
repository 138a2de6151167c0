"""The frozen record of a problem, that of its family before parameters are chosen, and the decorator of a factory."""

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le, MinLen
from pydantic import BeforeValidator

from optbench.contract import names, resources
from optbench.contract.architecture import Architecture
from optbench.contract.arguments import (
    MOST_EXAMPLES,
    ByName,
    Function,
    Identifiers,
    Name,
    Real,
    Reals,
    SourceFunction,
    Whole,
    check,
    check_fields,
    condition,
    is_real,
    is_whole,
    takes,
    to_python,
)
from optbench.contract.columns import TARGETS
from optbench.contract.errors import OptbenchError, PluginError, in_one_line, shown
from optbench.contract.limits import Limit, check_limits, enforce
from optbench.contract.roles import ROLES, find_roles
from optbench.contract.source_code import SourceFile
from optbench.contract.types import Form

FLOOR = 1e-14
"""Share of the minimum's size (or of 1) below which rounding decides: the least value of a suboptimality."""
DIVERGENCE_FACTOR = 1e6
"""A run has diverged when its loss or its weights are not finite, or when its suboptimality exceeds this multiple of
the first one (and the minimum's own size, where the first one is next to nothing). A failure counts as this much."""
MOST_DELAY = 1000
"""Steps by which a gradient may be late: so many are kept."""
_VECTORS = 3
"""Vectors of a run at least: weights, gradient and start point."""
_LIST = BeforeValidator(lambda value: value.tolist() if isinstance(value, np.ndarray) else value)
_Ends = Annotated[tuple[Real, Real], _LIST]
_is_pair = condition(lambda value: isinstance(value, tuple | list) and len(value) == 2, "a pair of arrays, x and y")
_Data = Annotated[tuple[Reals, Reals], _is_pair]
_Bits = Annotated[Whole, Ge(0), Le(32), condition(lambda value: not is_whole(value) or value != 1, "0 or at least 2")]
_Role = Annotated[str, condition(lambda value: isinstance(value, str) and value in ROLES, f"one of {', '.join(ROLES)}")]
_Minimum = Annotated[
    float,
    condition(lambda value: is_real(value) or (isinstance(value, float) and value != value), "a finite number, or NaN"),
    BeforeValidator(to_python),
]

_Target = Annotated[
    float,
    condition(
        lambda value: (is_real(value) and value in TARGETS) or (isinstance(value, float) and value != value),
        f"one of {', '.join(f'{share:g}' for share in TARGETS)}, or NaN",
    ),
    BeforeValidator(to_python),
]


@dataclass(frozen=True, repr=False)
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
    dim: Annotated[Whole, Ge(1), Le(2**63 - 1)]
    """The number of parameters."""
    start: Annotated[Callable, takes(1)]
    """``start(rng)`` -> the start point, (dim,)."""
    value_and_gradient: Function
    """Writes the gradient, and returns (single) or writes (lanes) the value."""
    minimum: _Minimum = math.nan
    """The least value, or a bound of it: suboptimality is loss minus this. NaN: it is not known, and the smallest loss
    of all runs of a sweep stands for it."""
    minimum_source: str = "unknown"
    """The source of the minimum: "closed form", a solver."""
    target: _Target = math.nan
    """The share of the suboptimality at the start that the measure "time" is about, as a fixed number keeps verdicts of
    different sweeps comparable; an easier one stands for it where no optimizer reaches it. NaN: the hardest that is
    reached (`analysis.protocol.find_targets`)."""
    minimizer: Reals | None = None
    """One minimizer, (dim,), if it is known."""
    other_minimizers: Reals = ()
    """Further points with the same minimum, (k, dim): pictures of the plane mark them, too."""
    blocks: tuple[Annotated[tuple[Annotated[Whole, Ge(1)], ...], MinLen(1), _LIST], ...] = ()
    """Shapes of the parameter blocks, in order; by default one block of all parameters."""
    roles: tuple[_Role, ...] = ()
    """The role of each block, "first", "hidden", "last", "vector" or "embedding"; by default that of its place: of the
    matrices, the first one, those between, and the last one."""
    data: _Data | None = None
    """(x, y): the training examples, (n, features) and (n,)."""
    validation: _Data | None = None
    """(x, y): the validation examples, on which settings are chosen; without them they are chosen on the test
    examples."""
    test: _Data | None = None
    """(x, y): the test examples."""
    digest: str = ""
    """sha256 of the user's file that the data came from: results depend on its content, not on its name alone."""
    data_text: str = ""
    """The data in words: the name of the set, its rows, features and target."""
    data_warning: str = ""
    """A warning about the data, in one line."""
    examples: Annotated[Whole, Ge(1), Le(MOST_EXAMPLES)] = 1024
    """Size of one epoch. Set from the data if there is any; else nominal: of how many examples the problem is the
    mean, which each epoch takes in another order."""
    noise: Annotated[Real, Ge(0)] = 0.0
    """For problems without data: standard deviation, in the root mean square over the coordinates, of what one example
    adds to the gradient. Example i is ``weight_i f(w) + b_i'w``, the weights spread about 1, the b_i about 0. A
    mini-batch sees the mean of its examples; all of them together, and so the full batch, are exactly f. 0: every
    example is f."""
    weight_spread: Annotated[Real, Ge(0)] = 0.5
    """For problems without data: standard deviation of the weights of examples. The default was measured on data, as
    that of the examples' gradients along the mean one, over its square: 0.25 to 1.7 at the start and after 10 and 100
    steps of gd on softmax, logistic and mlp. 0: noise adds to gradients, and does not scale them."""
    curvature: Reals | None = None
    """The diagonal of the Hessian at the minimizer, (dim,), where it is known: the noise of a coordinate goes with its
    root. By default it is the same in all."""
    stress: tuple[Annotated[Callable, takes(2)], ...] = ()
    """Changes of each gradient before a rule sees it, in order; losses stay as they are. ``change(rng, dim)`` returns a
    function of a number of steps that gives factors and terms, (steps, dim) each or of a shape that fits: g becomes
    factor * g + term * s, with s the root mean square of the run's first gradient. Steps may be asked for in any
    portions, and their numbers must not depend on that."""
    bits: _Bits = 0
    """Behind ``stress``: the bits of each coordinate, 2 or more, so that the largest of a gradient is kept, and the
    others are rounded to 2^(bits-1) - 1 steps up to it. 0: they are not rounded."""
    delay: Annotated[Whole, Ge(0), Le(MOST_DELAY)] = 0
    """Behind that: the steps by which gradients are late. A rule sees the first one until then."""
    drift: Annotated[Callable, takes(2)] | None = None
    """How the objective moves during a run: ``drift(rng, start)`` returns a function of numbers of steps, (n,) integers
    from 0, that gives the offsets c, (n, dim). After t steps the objective is f(w - c_t); a run's losses are those of
    that moment, and the weights that it reports are w - c_t, relative to the moved objective. None: it stays."""
    constants: Reals = ()
    """Reals that ``value_and_gradient`` may ask for, as one array."""
    layout: Annotated[tuple[Annotated[Whole, Ge(-(2**63)), Le(2**63 - 1)], ...], _LIST] = ()
    """Whole numbers that it may ask for, such as the widths of layers."""
    work: Annotated[Callable, takes(2)] | None = None
    """``work(rows, runs)`` -> how many scratch numbers a call on that many rows and runs needs."""
    metrics: Identifiers = ()
    """Names of what ``evaluate`` writes behind the value, such as "accuracy"."""
    draws_labels: Annotated[Whole, Ge(0), Le(MOST_EXAMPLES)] = 0
    """The labels of an example that ``value_and_gradient`` can draw from the model's own probabilities, for rules such
    as ``sophia_g``; 0: it draws none. It does so where ``y[i]`` is negative: -y[i], between 0 and 1, is the random
    number. The value is of no meaning then, and the gradient is that of the mean over the labels, without penalties.
    The data's own y must be 0 or more. ``optbench check`` tells if it draws none, but not if the number is wrong."""
    evaluate: Function | None = None
    """Takes the arguments of ``value_and_gradient`` with ``out`` in place of ``g`` and ``f``; it writes the value, and
    then one number for each of ``metrics``: ``out`` is (1 + metrics,), or (1 + metrics, runs) in lanes form."""
    predict: Annotated[Callable, takes(2)] | None = None
    """``predict(w, x)`` -> predictions for examples x, in NumPy: (rows,) real numbers, or the probabilities of the
    classes 0, 1, ..., (rows, classes). w is (dim,), and x as in ``data``."""
    eager: bool = False
    """True: ``value_and_gradient`` and ``evaluate`` are called as plain Python on NumPy arrays, in single form, and not
    compiled. For problems that cannot be compiled; many times slower."""
    domain: Annotated[tuple[_Ends, _Ends], _LIST] | None = None
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

    def __repr__(self) -> str:
        """Return the name, the sizes and the minimum in a line."""
        sizes = {"dim": self.dim, "blocks": len(self.blocks)} | ({"examples": self.examples} if self.data else {})
        ends = {"minimum": self.minimum, "minimum_source": self.minimum_source, "target": self.target}
        return names.written(self, names.without_path(self.name), sizes | ends)

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
        """Check all fields, and fill in those that follow from others; raise OptbenchError, which names a field.

        Kernels check no index, and would read data of unequal length beyond their ends.
        """
        owner = check_fields("problem", self)
        resources.need_memory(f"{owner}: dim={self.dim}", (_VECTORS + self.delay) * resources.REAL * self.dim)
        for key in ("value_and_gradient", "evaluate"):
            if not self.eager and getattr(self, key) is not None:
                check(SourceFunction, getattr(self, key), f"{owner}: {key}=", PluginError)
        object.__setattr__(self, "blocks", self.blocks or ((self.dim,),))
        object.__setattr__(self, "roles", self.roles or find_roles(self.blocks))
        if wrong := next(chain(self._find_conflicts(), self._find_unfit_shapes(), self._check_data()), ""):
            raise PluginError(f"{owner}: {wrong}")
        self.scratch(1, 1)

    def _find_conflicts(self) -> Iterator[str]:
        """Yield the words for fields that do not go together."""
        if self.eager and self.form != "single":
            yield "an eager one has form='single'"
        if self.metrics and self.evaluate is None:
            yield f"metrics {self.metrics} need an evaluate function"
        if sum(map(math.prod, self.blocks)) != self.dim:
            yield f"blocks {shown(self.blocks)} do not add up to dim={self.dim}"
        if len(self.roles) != len(self.blocks):
            yield f"roles has {len(self.roles)} entries, and blocks {len(self.blocks)}"
        if self.domain and not all(low < high for low, high in self.domain):
            yield f"domain={shown(self.domain)} must be ((left, right), (bottom, top)), the lower number first"
        if self.noise and self.data is not None:
            yield "gradient noise is for problems without data"
        for key in ("validation", "test", "draws_labels"):
            if self.data is None and (given := getattr(self, key)) is not None and given != 0:
                yield f"{key} is for problems with data=(x, y)"

    def _find_unfit_shapes(self) -> Iterator[str]:
        """Yield the words for arrays that do not have the shapes of the others."""
        for key in ("minimizer", "curvature"):
            if (given := getattr(self, key)) is not None and np.shape(given) != (self.dim,):
                yield f"{key} must be {self.dim} numbers, not of the shape {np.shape(given)}"
        others = np.asarray(self.other_minimizers)
        if others.size and (self.minimizer is None or others.shape[1:] != (self.dim,)):
            yield f"other_minimizers must be rows of {self.dim} numbers, beside a minimizer"
        if self.curvature is not None and (np.min(self.curvature) < 0 or not np.any(self.curvature)):
            yield "curvature must be numbers of which none is below 0, and not all are 0"

    def _check_data(self) -> Iterator[str]:
        """Set ``examples`` and ``data_text``; yield the words for data whose arrays do not fit."""
        given = {key: getattr(self, key) for key in ("data", "validation", "test")}
        shapes = {key: [np.shape(part) for part in pair] for key, pair in given.items() if pair is not None}
        for key, (x, y) in shapes.items():
            if len(x) != 2 or 0 in x or y not in (x[:1], (x[0], 1)):
                yield f"{key} must be x (n, features) and y (n,), not {x} and {y}"
            if x[1:] != shapes["data"][0][1:]:
                yield f"data has {shapes['data'][0][1]} features and {key} {x[1]}: give both the same"
        if self.data is None:
            return
        rows = {"training" if key == "data" else key: x[0] for key, (x, _) in shapes.items()}
        if rows["training"] > MOST_EXAMPLES:
            yield f"data holds {rows['training']:,} examples, and at most {MOST_EXAMPLES:,} are possible"
        if self.draws_labels and np.min(self.data[1]) < 0:
            yield "y of data has numbers below 0, which draws_labels keeps for labels to draw"
        object.__setattr__(self, "examples", rows["training"])
        *first, last = (f"{count:,} {key}" for key, count in rows.items())
        text = f"{' and '.join(filter(None, (', '.join(first), last)))} rows"
        object.__setattr__(self, "data_text", self.data_text or text)

    def scratch(self, rows: int, runs: int) -> int:
        """Return how many scratch numbers a call needs.

        Args:
            rows: examples of a batch.
            runs: how many are computed at once.

        Returns:
            What ``work`` says; 0 without it.

        Raises:
            OptbenchError: it fails, gives no whole number, or asks for more memory than there is.
        """
        if self.work is None:
            return 0
        what = f"problem{' ' * bool(self.name)}{self.name}: work(rows={rows}, runs={runs})"
        try:
            size = self.work(rows, runs)
        except (Exception, SystemExit) as error:  # a plug-in may raise anything
            raise PluginError(f"{what} fails: {in_one_line(error)}") from error
        if not is_whole(size) or size < 0:
            raise PluginError(f"{what} must give a whole number, not {shown(size)}")
        resources.need_memory(f"{what} asks for scratch, which", resources.REAL * int(size))
        return int(size)


LIMITS = {
    **dict.fromkeys(("dim", "examples", "features", "hidden", "condition"), "[1, inf)"),
    **dict.fromkeys(("noise", "l2", "seed"), "[0, inf)"), "radius": "(0, inf)",
}  # fmt: skip
"""The limits of parameters that mean the same in every problem."""
SIZES = ("dim", "examples", "features", "size", "waves")
"""Parameters that say how long arrays are."""
_Default = Annotated[
    Any,
    condition(
        lambda value: isinstance(value, bool | int | float | str | tuple | None),
        "a number, a text, a tuple, True or False: what a spec can say",
    ),
]


@dataclass(frozen=True, repr=False)
class Family:
    """A registered problem before its parameters are chosen; :func:`optbench.problem` makes it of a factory.

    Example:
        >>> problems()["rosenbrock"].build({"dim": 5}).name
        'rosenbrock(dim=5)'
    """

    name: Name
    """The name in a spec."""
    factory: Function
    """``factory(**parameters)`` -> Problem."""
    parameters: ByName[_Default]
    """The defaults, by name."""
    source: str
    """The source of the problem."""
    doc: str = ""
    """The factory's docstring, which begins with the formula."""
    origins: tuple[SourceFile, ...] = ()
    """The files that define it, outermost first; the loader fills this in."""
    limits: ByName[Limit] = field(default_factory=dict)
    """The interval of a parameter, ``"(0, 1]"``, or its words, as in :mod:`optbench.contract.limits`."""
    target: _Target = math.nan
    """The target of its problems, as in :class:`Problem`."""

    def __post_init__(self) -> None:
        """Check all fields, and that a spec can say each default; raise PluginError for others."""
        owner = check_fields("problem", self)
        check_limits(owner, self.limits, self.all_limits, self.parameters)

    def __repr__(self) -> str:
        """Return the name and the parameters in a line."""
        return names.written(self, self.name, self.parameters)

    @property
    def all_limits(self) -> dict[str, Any]:
        """The limits of the parameters that have some: those, and the ones that names such as "dim" have anyway."""
        return {key: LIMITS[key] for key in self.parameters if key in LIMITS} | dict(self.limits)

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
        enforce(f"problem {self.name}", filled, self.all_limits)
        for key in SIZES:
            if is_whole(size := filled.get(key, 0)):
                resources.need_memory(f"problem {self.name}: {key}={size}", resources.REAL * size)
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
        changed: dict[str, Any] = dict.fromkeys([names.INNER] * len(around), *(inner.name for inner in around))
        changed |= {key: value for key, value in filled.items() if value != self.parameters[key]}
        given_names: dict[str, Any] = {
            "kept": {},
            "name": names.canonical(self.name, changed),
            "source": "; ".join([self.source, *(inner.source for inner in around)]),
            "origins": sum((inner.origins for inner in around), self.origins),
        }
        if math.isnan(built.target):
            given_names["target"] = self.target
        # A copy with its values as they were checked: to look at all data once more would take as long again.
        named = copy.copy(built)
        for key, value in given_names.items():
            object.__setattr__(named, key, value)
        return named


@dataclass(frozen=True, repr=False)
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


def problem(*, source: str, limits: Mapping | None = None, target: float = math.nan) -> Callable[[Callable], Family]:
    """Register a problem's factory; its parameters and their defaults are those of the function.

    Args:
        source: the paper, or who recommends it.
        limits: by parameter, an interval such as ``"(0, 1]"``, or the tuple of the words that are allowed; names in
            ``LIMITS``, such as dim, noise and seed, have theirs anyway.
        target: the share of the suboptimality at the start that the measure "time" is about, such as 0.01.

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

    return _family_decorator(partial(Family, target=target), source, limits)


def problem_wrapper(*, source: str, limits: Mapping | None = None) -> Callable[[Callable], ProblemWrapper]:
    """Register a problem around any other: ``factory(inner, **parameters)`` -> Problem.

    ``inner`` is the other problem's record; ``dataclasses.replace`` changes some of its fields.

    Args:
        source: the paper, or who recommends it.
        limits: as for :func:`problem`.

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
    return _family_decorator(ProblemWrapper, source, limits, ["inner"])


def _family_decorator(
    make: Callable[..., Any], source: str, limits: Mapping | None, first: Sequence[str] = ()
) -> Callable:
    """Return the decorator that makes a record by ``make`` of a factory with arguments ``first`` and parameters."""

    def make_family(factory: Callable) -> Family:
        """Return the family of a factory; raise PluginError if a parameter has no default."""
        label = check(SourceFunction, factory, "problem: factory=", PluginError).__name__
        parameters, given = {}, inspect.signature(factory).parameters
        if list(given)[: len(first)] != list(first):
            raise PluginError(f"problem {label}: the first argument of a wrapper must be {first[0]}")
        for key, parameter in list(given.items())[len(first) :]:
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise PluginError(f"problem {label}: parameter {key!r} needs a name and a default of its own")
            if parameter.default is parameter.empty:
                raise PluginError(f"problem {label}: parameter {key!r} needs a default")
            parameters[key] = parameter.default
        return make(label, factory, parameters, source, inspect.getdoc(factory) or "", limits=limits or {})

    return make_family


def is_bound(minimum_source: str) -> bool:
    """Return True if a problem's minimum is only a lower bound, which no run need come near."""
    return "bound" in minimum_source.lower()
