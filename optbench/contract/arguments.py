"""Validation of what users give, by types of pydantic; each refusal is one line that names the value.

A type is ``Annotated`` with its conditions. :func:`check` validates a value by a type, :func:`check_fields` a record by
its annotations, and :func:`refusal` words what pydantic refuses; the other functions are for arguments of the public
functions.
"""

import inspect
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sized
from functools import cache, wraps
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, BeforeValidator, Strict, TypeAdapter, ValidationError, create_model

from optbench.contract import names
from optbench.contract.errors import OptbenchError, PluginError, near, shown, unknown

MOST_ITEMS = 100_000
"""Items of a list that a user writes."""
_MOST_NUMBERS = 100_000_000
"""Numbers of a range that becomes an array."""
MOST_EXAMPLES = 2**31 - 1
"""Examples of a problem: the kernels count them in 32 bits."""
_LARGEST = 2**53
"""The largest whole number up to which all are exact in float64."""
_WORDS = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be a text",
    "string_unicode": "must be a text",
    "bool_type": "must be True or False",
    "literal_error": "must be {expected}",
    "dict_type": "must be a dictionary with names as keys",
    "mapping_type": "must be a dictionary with names as keys",
    "tuple_type": "must be a tuple",
    "too_short": "must hold {min_length} or more",
    "too_long": "must hold {max_length} at most",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge:,}",
    "less_than_equal": "must be at most {le:,}",
    "model_type": 'must be a name, or names in a table: {{ name = "mlp", epochs = 2 }}',
}
"""Our words for pydantic's errors, by their type."""
_BY_KEYWORD = ("hyperparameters", "parameters")
"""Fields of records whose values a decorator takes as keywords of their own."""
_Value = TypeVar("_Value")
_Function = TypeVar("_Function", bound=Callable)


class Unfit(ValueError):
    """Raised by a validator; its text says what the value must be: "must be a positive finite number"."""


def to_python(value: Any) -> Any:
    """Return a NumPy number as Python's own; anything else unchanged."""
    return value.item() if isinstance(value, np.generic) else value


def condition(test: Callable[[Any], bool], wanted: str) -> BeforeValidator:
    """Return a condition for ``Annotated``: values that fail the test "must be" what is wanted."""

    def check_value(value: Any) -> Any:
        """Return the value; raise Unfit if it fails the test."""
        if not test(value):
            raise Unfit(f"must be {wanted}")
        return value

    return BeforeValidator(check_value)


def _are_identifiers(value: Any) -> bool:
    """Return True for a list or tuple of different identifiers."""
    names_ = value if isinstance(value, tuple | list) else ("",)
    each = all(isinstance(name, str) and name.isidentifier() for name in names_)
    return each and len(set(names_)) == len(names_)


Whole = Annotated[int, Strict(), BeforeValidator(to_python)]
"""A whole number of Python or NumPy; True is none."""
Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict(), BeforeValidator(to_python)]
_STRICT: dict[Any, Any] = {bool: Flag, bool | None: Flag | None, str: Text, str | None: Text | None}
"""Annotations that are conditions themselves: pydantic would take "yes" for True."""
Function = Annotated[Callable, condition(callable, "a function")]
SourceFunction = Annotated[Any, condition(inspect.isfunction, "a function written with def")]
"""A function whose source can be compiled."""
Identifiers = Annotated[
    tuple[str, ...], condition(_are_identifiers, "a tuple of names, each of them once, such as ('accuracy',)")
]
ByName = Annotated[Mapping[Text, _Value], BeforeValidator(lambda value: {} if value is None else value)]
"""A dictionary with names as keys; None stands for an empty one."""


def takes(count: int) -> BeforeValidator:
    """Return a condition for ``Annotated``: functions that can be called with so many arguments by place."""

    def test(value: Any) -> bool:
        """Return True for such a function, and for those of C that have no signature."""
        try:
            return callable(value) and bool(inspect.signature(value).bind(*[None] * count))
        except TypeError:
            return False
        except ValueError:
            return True

    return condition(test, f"a function of {count} argument{'s' * (count != 1)}")


@cache
def _adapter(kind: Any) -> TypeAdapter:
    """Return pydantic's validator of a type."""
    return TypeAdapter(kind)


def check(kind: Any, value: Any, head: str, error: type[OptbenchError] = OptbenchError) -> Any:
    """Return a value, converted to a type that pydantic knows, such as Real; raise ``error`` if pydantic refuses it.

    ``head``: the beginning of an error's message, up to the value, such as ``"lr="``.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as wrong:
        raise error(refusal(wrong, head)) from None


def check_fields(kind: str, record: Any) -> str:
    """Check a user's record by the annotations of its fields, where these have conditions, and convert those fields.

    Returns the words for the record, such as ``optimizer adam``, of which ``kind`` is the first one. The message of a
    PluginError begins with them.
    """
    name = getattr(record, "name", "")
    owner = f"{kind} {name}" if is_name(name) else kind
    for key, value in _check_all(record.__class__, vars(record), f"{owner}: {{}}=", PluginError).items():
        object.__setattr__(record, key, value)
    return owner


def checked(function: _Function) -> _Function:
    """Return a public function that first checks its arguments by their annotations, where these have conditions."""

    @wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        """Call the function with the arguments converted; raise OptbenchError for one that its type refuses."""
        try:
            given = _signature_of(function).bind(*args, **keywords)
        except TypeError:  # which the call itself says better
            return function(*args, **keywords)
        given.arguments.update(_check_all(function, given.arguments, "{}=", OptbenchError))
        return function(*given.args, **given.kwargs)

    return call  # type: ignore[return-value]


_signature_of = cache(inspect.signature)
"""The signature of a function, which takes longer to find than a short array to average."""


def _check_all(annotated: Any, values: Mapping, head: str, error: type[OptbenchError]) -> dict[str, Any]:
    """Return those values by name, converted, whose annotations in a class or a function have conditions."""
    model = _model_of(annotated)
    try:
        made = model(**{key: value for key, value in values.items() if key in model.model_fields})
    except ValidationError as wrong:
        raise error(refusal(wrong, head)) from None
    return {key: getattr(made, key) for key in made.model_fields_set}


@cache
def _model_of(annotated: Any) -> type[BaseModel]:
    """Return a model of the annotations of a class or a function that have conditions."""
    every: dict[str, Any] = {}
    for each in reversed(getattr(annotated, "__mro__", (annotated,))):
        every |= inspect.get_annotations(each)
    kinds: dict[str, Any] = {
        key: (_STRICT.get(kind, kind), None)
        for key, kind in every.items()
        if key != "return" and (kind in _STRICT or _has_conditions(kind))
    }
    return create_model(annotated.__name__, **kinds)


def _has_conditions(kind: Any) -> bool:
    """Return True for words, for ``Annotated``, and for what is made of these; of a union, if all but None are."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return all(part is type(None) or _has_conditions(part) for part in parts)
    return origin in (Annotated, Literal) or any(map(_has_conditions, parts))


def refusal(error: ValidationError, head: str, known: Mapping[str, Iterable[str]] | None = None) -> str:
    """Word the first error of pydantic in one line.

    ``head``: as for :func:`check`; with {} for the field of a record; "" if the value is named by its place in a model.
    ``known``: the valid keys of each part of a model, among which the message finds the nearest one to an unknown key.
    """
    first = min(error.errors(include_url=False), key=lambda each: each["type"] == "missing")
    place, kind = [str(part) for part in first["loc"] if part != "[key]"], first["type"]
    if kind == "extra_forbidden" and known:
        *place, key = place
        return str(unknown(f"key in {'.'.join(place)}", key, known[place[0]]))
    while place and place[-1].isdigit() and kind not in ("missing", "model_type"):
        place.pop()  # the place in a list
    if "{}" in head:
        key, *place = place[1:] if len(place) > 1 and place[0] in _BY_KEYWORD else place
        head = head.replace("{}", key)
    if head and kind == "missing":
        return f"{head.rstrip('=: ')} lacks an entry"
    context = first.get("ctx") or {}
    reason = context.get("error")
    if head:
        sign = head[len(head.rstrip("=: ")) :]
        head = head.removesuffix(sign) + "".join(f"[{part!r}]" for part in place) + sign
    else:
        head = f"{'.'.join(place)}: " if place else ""
    if isinstance(reason, ValueError) and not isinstance(reason, Unfit):  # a sentence of its own
        return f"{head}{reason}"
    words = str(reason) if reason else _WORDS[kind].format(**context) if kind in _WORDS else first["msg"]
    if kind == "literal_error" and isinstance(first["input"], str):
        words += near(first["input"], re.findall("'(.*?)'", context["expected"]))
    return f"{head}{words}" if kind in ("missing", "model_type") else f"{head}{shown(first['input'])} {words}"


def is_whole(value: Any) -> bool:
    """Return True for a whole number of Python or NumPy; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Return True for a real number of Python or NumPy, finite or not; True and False are none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    """Return True for a number that is finite in float64."""
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:
        return False


def whole_number(name: str, value: Any, least: int, most: int = _LARGEST) -> int:
    """Return a whole number between two; raise OptbenchError, which begins with the name, for anything else."""
    return check(Annotated[Whole, Ge(least), Le(most)], value, f"{name}=")


def real_number(name: str, value: Any, error: type[OptbenchError] = OptbenchError) -> float:
    """Return a finite number; raise ``error``, which begins with the argument's name, for anything else."""
    return check(Real, value, f"{name}=", error)


def one_of(name: str, value: Any, words: Iterable[str]) -> str:
    """Return a word that is one of some; raise OptbenchError with the nearest one for anything else."""
    if isinstance(value, str) and value in tuple(words):
        return value
    raise unknown(name, value if isinstance(value, str) else shown(value), words)


def list_items(name: str, value: Any, most: int = MOST_ITEMS) -> list:
    """Return the items of a list, or of any other iterable but texts and mappings; raise OptbenchError if too many."""
    try:
        if isinstance(value, str | bytes | Mapping | type):
            raise TypeError
        count = len(value) if isinstance(value, Sized) else 0  # without the objects of a range of a billion
        found = [] if count > most else list(itertools.islice(iter(value), most + 1))
    except TypeError:
        raise OptbenchError(f"{name}: {shown(value)} must be a list") from None
    if max(count, len(found)) > most:
        raise OptbenchError(f"{name}: more than {most:,} entries")
    return found


def real_array(name: str, value: Any, dim: int | None = None) -> np.ndarray:
    """Return real numbers as an array, float32 or float64; raise OptbenchError for anything else.

    dim: how many there must be, as a vector; None: an array of any shape.
    """
    try:
        if isinstance(value, range) and len(value) > _MOST_NUMBERS:  # NumPy would write it out first
            raise TypeError
        found = np.asarray(value)
        if found.dtype not in (np.float32, np.float64):
            found = found.astype(np.float64, casting="same_kind" if found.dtype.kind == "f" else "safe")
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise OptbenchError(f"{name} must hold real numbers, not {shown(value)}") from None
    if dim is not None and found.shape != (dim,):
        raise OptbenchError(f"{name} must have the shape ({dim},), not {found.shape}")
    return found


def _are_reals(value: Any) -> bool:
    """Return True for real numbers, all of them finite, that make an array."""
    try:
        found = np.asarray(value)
    except Exception:  # ragged sequences, and objects that refuse
        return False
    if found.dtype.kind not in "biuf":
        return False
    with np.errstate(all="ignore"):  # a sum is four times as quick as a test of each
        return math.isfinite(found.sum(dtype=float)) or bool(np.isfinite(found).all())


def is_name(value: Any) -> bool:
    """Return True for the name of a record: an identifier, which a spec can name, or a composed name of such."""
    if not isinstance(value, str):
        return False
    try:
        return value.isidentifier() or re.sub("[:.]", "_", names.parse(value)[0]).isidentifier()
    except OptbenchError:
        return False


Real = Annotated[float, condition(is_real, "a finite number"), BeforeValidator(to_python)]
"""A finite number of Python or NumPy; True is none."""
Number = Annotated[int | float, condition(is_real, "a finite number"), BeforeValidator(to_python)]
"""The same, where a whole number stays one."""
Count = Annotated[Whole, Ge(1)]
Share = Annotated[
    float, condition(lambda value: is_real(value) and 0 < value < 1, "between 0 and 1"), BeforeValidator(to_python)
]
Rate = Annotated[
    float, BeforeValidator(to_python), condition(lambda value: is_real(value) and value > 0, "a positive finite number")
]
BatchSize = Annotated[
    int | Literal["full"],
    AfterValidator(lambda size: size if size == "full" else min(size, _LARGEST)),
    BeforeValidator(to_python),
    condition(
        lambda value: value == "full" if isinstance(value, str) else is_whole(value) and value >= 1,
        "a positive whole number or 'full'",
    ),
]
Reals = Annotated[Any, condition(_are_reals, "finite real numbers, as one array")]
"""Anything that makes an array of finite numbers; it stays as it is."""
Name = Annotated[str, condition(is_name, "a word such as my_name: letters, digits and underscores")]
