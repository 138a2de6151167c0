"""Names with parameters, as they are typed: ``quadratic(dim=100, condition=1e4)``."""

import ast
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.typed import DOTTED, as_python, nameless

_LONGEST = 100_000
"""Letters of a name with its parameters: more are a typing error, and take long to read."""
INNER = ""
"""The key of what stands first inside the brackets, without a key of its own."""


def parse(text: str) -> tuple[str, dict]:
    """Split ``name(key=value, ...)`` into the name and its parameters.

    Values are Python literals. What a wrapper stands around, ``clip(adam, norm=1)``, is the parameter INNER, a text of
    that form again. A bare word is a text, and so are a path, ``logistic(data=~/points.csv)``, and a grid,
    ``adam(eps=1e-8:1e-2:4)``; a path with blanks or brackets needs quotes. The name may be one of another library's,
    ``torch:AdamW``.

    Args:
        text: as it was typed.

    Returns:
        The name, and the parameters by name in their order.

    Raises:
        OptbenchError: the text is not of that form.

    Example:
        >>> parse("clip(adam(beta1=0.8), norm=1)")
        ('clip', {'': 'adam(beta1=0.8)', 'norm': 1})
    """
    if isinstance(text, str) and (wrong := nameless(text)):
        raise wrong
    bad = OptbenchError(f"cannot read {shown(text)}: write a name, or name(parameter=value, ...)")
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise bad
    try:
        node = ast.parse(as_python(text.strip()), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise bad from None
    if _is_name(node):
        return _text(node), {}
    if not isinstance(node, ast.Call) or not _is_name(node.func) or len(node.args) > 1:
        raise bad
    parameters = {}
    if node.args:
        if not _is_name(node.args[0]) and not isinstance(node.args[0], ast.Call):
            raise bad
        parameters[INNER] = _text(node.args[0])
    for given in node.keywords:
        if given.arg is None or given.arg in parameters:
            raise bad
        try:
            parameters[given.arg] = _value(given.value)
        except (ValueError, TypeError, MemoryError, RecursionError):
            raise bad from None
    return _text(node.func), parameters


def _is_name(node: ast.AST) -> bool:
    """Whether it is a word, or one of another library's: ``torch.optim.AdamW``."""
    return isinstance(node, ast.Name) or (
        isinstance(node, ast.Attribute) and DOTTED.match(ast.unparse(node)) is not None
    )


def _text(node: ast.AST) -> str:
    return DOTTED.sub(r"\1:", ast.unparse(node))


def _value(node: ast.expr) -> Any:
    """What stands for a parameter. A bare word (data=digits, drop=(id, name)) is meant as a text: nobody quotes inside
    a shell's quotes."""
    if isinstance(node, ast.Name | ast.Call):
        return ast.unparse(node)
    if isinstance(node, ast.Tuple):
        return tuple(map(_value, node.elts))
    return ast.literal_eval(node)


def canonical(name: str, parameters: Mapping) -> str:
    """The text that :func:`parse` reads back.

    Args:
        name: what is named.
        parameters: in the order in which they shall stand.

    Returns:
        The text; the plain name without parameters.
    """
    if not parameters:
        return name
    parts = [value if key == INNER else f"{key}={value!r}" for key, value in parameters.items()]
    return f"{name}({', '.join(parts)})"


def alternatives(text: str) -> list[str]:
    """Every text that one with lists or grids for values stands for, also inside a wrapper.

    Args:
        text: such as ``adam(beta1=[0.8, 0.9])`` or ``adam(eps=1e-8:1e-2:4)``.

    Returns:
        One text for each choice of values.

    Raises:
        OptbenchError: a list is empty, or a grid cannot be read.

    Example:
        >>> alternatives("adam(beta1=[0.8, 0.9])")
        ['adam(beta1=0.8)', 'adam(beta1=0.9)']
    """
    if (held := count(text)) > MOST_VALUES:
        raise OptbenchError(f"{shown(text)} stands for {held:,} settings: at most {MOST_VALUES:,} can be meant")
    name, given = parse(text)
    choices = []
    for key, value in given.items():
        items = alternatives(value) if key == INNER else listed(value)
        if not items:
            raise OptbenchError(f"{shown(text)} gives no value for {key}")
        choices.append([(key, item) for item in items])
    return [canonical(name, dict(choice)) for choice in itertools.product(*choices)]


def count(text: str) -> int:
    """How many texts :func:`alternatives` gives, without any of them.

    Args:
        text: as there.

    Returns:
        The number.

    Raises:
        OptbenchError: the text or a grid in it cannot be read.

    Example:
        >>> count("adam(beta1=[0.8, 0.9], beta2=[0.9, 0.99, 0.999])")
        6
    """
    given = parse(text)[1].items()
    return math.prod(count(value) if key == INNER else len(listed(value)) for key, value in given)


def listed(value: Any) -> list:
    """What a list, a grid or a single value holds.

    Args:
        value: as :func:`parse` gives it.

    Returns:
        The values.

    Raises:
        OptbenchError: a grid cannot be read.
    """
    if isinstance(value, str) and ":" in value and "(" not in value:
        return grid(value)
    return list(value) if isinstance(value, list | tuple) else [value]


MOST_VALUES = 10_000
"""Of a grid: more are a typing error."""


def grid(text: str) -> list[float]:
    """``from:to:count`` -> numbers, evenly spaced on a logarithmic axis, rounded to four digits.

    Args:
        text: as it was typed.

    Returns:
        ``count`` numbers, the lowest first.

    Raises:
        OptbenchError: it is not of that form, or does not rise from above 0.

    Example:
        >>> grid("1e-2:1:3")
        [0.01, 0.1, 1.0]
    """
    try:
        ends = text.split(":")
        if len(ends) != 3:
            raise ValueError
        low, high, count = float(ends[0]), float(ends[1]), int(ends[2])
        if not (0 < low <= high and math.isfinite(high) and count >= 1) or (count == 1 and low != high):
            raise ValueError
    except ValueError:
        raise OptbenchError(f"{shown(text)} must be from:to:count with 0 < from < to, such as 1e-4:1:9") from None
    if count > MOST_VALUES:
        raise OptbenchError(f"{shown(text)}: a grid has at most {MOST_VALUES:,} values")
    first, last = math.log10(low), math.log10(high)
    return [float(f"{10 ** (first + (last - first) * i / max(count - 1, 1)):.4g}") for i in range(count)]


def fill(kind: str, name: str, given: Mapping, defaults: Mapping) -> dict:
    """The defaults with the given values, each converted to the type of its default.

    Args:
        kind: what the name names, for the message.
        name: whose parameters they are.
        given: values by name.
        defaults: all parameters, in their order.

    Returns:
        All parameters, in the order of the defaults.

    Raises:
        OptbenchError: a parameter is unknown, or a value does not convert.
    """
    if not isinstance(given, Mapping):
        raise OptbenchError(f"{kind} {name}: its parameters must be a dictionary, not {shown(given)}")
    filled = dict(defaults)
    for key, value in given.items():
        if key not in defaults:
            raise unknown(f"parameter of {kind} {name}", str(key), defaults)
        filled[key] = convert(f"{kind} {name}", key, value, defaults[key])
    return filled


def convert(owner: str, key: str, value: Any, default: Any) -> Any:
    """A value as the type of its default: 1e4 serves as an int, 3 as a float, nothing else is bent.

    Args:
        owner: whose value it is, for the message.
        key: the value's name.
        value: as it was given.
        default: what it replaces.

    Returns:
        The value, of the default's type.

    Raises:
        OptbenchError: it does not convert.
    """
    kind = type(default)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    number = number and abs(value) < 1e308
    if kind is float and (number or isinstance(value, float)):
        return float(value)
    if kind is int and number and float(value).is_integer():
        return int(value)
    if kind is tuple and number and float(value).is_integer():
        return (int(value),)
    if kind is tuple and isinstance(value, list | tuple):
        return tuple(value)
    if kind is type(value) and (kind is not int or number):
        return value
    raise OptbenchError(f"{owner}: {key}={shown(value)} must be {_KINDS.get(kind, kind.__name__)}, like {default!r}")


_KINDS = {float: "a number", int: "a whole number", str: "a text", tuple: "a tuple", bool: "True or False"}


def number_text(value: float | int) -> str:
    """A number as it is typed in a spec.

    Args:
        value: any number.

    Returns:
        The shortest text that gives it back: ``1e-8``, not Python's ``1e-08``; ``1``, not ``1.0``.
    """
    if not isinstance(value, float):
        return str(value)
    mantissa, mark, exponent = f"{value:g}".partition("e")
    short = f"{mantissa}e{int(exponent)}" if mark else mantissa
    return short if float(short) == value else repr(value)


def unique(items: Iterable) -> list:
    """The items in order, each once.

    Args:
        items: hashable.

    Returns:
        A list without repetitions.
    """
    return list(dict.fromkeys(items))
