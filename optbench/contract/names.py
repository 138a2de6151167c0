"""Names with parameters, as users type them: ``quadratic(dim=100, condition=1e4)``, ``clip(adam, norm=1)``."""

import ast
import itertools
import keyword
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optbench.contract.errors import OptbenchError, shown, unknown

COMMAS = "separate names by commas: gd,adam"
"""For messages about what may be two names of a list."""
_SEVERAL = re.compile(r"\s*[\w:]+\s+[\w:]")
"""Matches two words with a blank between them."""
_LONGEST = 100_000
"""Letters of a name with its parameters: more are a typing error, and take long to parse."""
YOURS = "yours"
"""What stands before the name of what the user has, and alone for the only one."""
INNER = ""
"""The key of the first, unnamed argument in the brackets: the optimizer or schedule that a wrapper goes around."""
MOST_VALUES = 10_000
"""Values of a grid: more are a typing error."""
_TYPES = {float: "a number", int: "a whole number", str: "a text", tuple: "a tuple", bool: "True or False"}

_TEXT = r"[^\s,()\[\]{}'\"=]"
_ENDINGS = "csv|tsv|npz|parquet|svm|libsvm|gz|bz2|py|zip|xlsx?|jsonl?|txt|dat|data|arff|feather|h5|pkl"
_WORDS = "|".join(word for word in keyword.kwlist if word.islower())
# Skips what stands in quotes. Matches a value that holds a slash, ends like a file, or is a grid; and words that
# Python would read as something else, such as utf-8 or class (names of an encoding, of a column), and ;
_UNQUOTED = re.compile(
    r"""'[^']*'|"[^"]*"|(?<==)\s*"""
    rf"(?P<value>{_TEXT}*[/\\]{_TEXT}*|{_TEXT}+\.(?i:{_ENDINGS})|[-+.\deE]+:[-+.\deE]+:\d+"
    rf"|[^\W\d]\w*(?:-\w+)+|{_WORDS}|[;|])(?=\s*[,)])"
)
# ``torch:AdamW`` is parsed as ``torch.AdamW``, which is valid Python.
_LIBRARY = re.compile(r"""'[^']*'|"[^"]*"|\b(?P<library>torch|optax):(?=[A-Za-z_])""")
_DOTTED = re.compile(r"^(torch|optax)\.")
_EXAMPLES = {"torch": "torch:AdamW", "optax": "optax:adamw"}


def parse(text: str) -> tuple[str, dict]:
    """Split ``name(key=value, ...)`` into the name and its parameters.

    Values are Python literals. The inner name of a wrapper, ``clip(adam, norm=1)``, is the parameter INNER, a text of
    the same form. A bare word is a text, and so are a path, ``logistic(data=~/points.csv)``, and a grid,
    ``adam(eps=1e-8:1e-2:4)``; a path with blanks or brackets needs quotes. The name may be one of another library,
    ``torch:AdamW``. PyTorch's ``betas=(0.9, 0.99)`` are ``beta1`` and ``beta2``.

    Raises OptbenchError: the text is not of that form.

    Example:
        >>> parse("clip(adam(beta1=0.8), norm=1)")
        ('clip', {'': 'adam(beta1=0.8)', 'norm': 1})
    """
    if isinstance(text, str) and (error := missing_name_error(text)):
        raise error
    hint = f"; {COMMAS}" if isinstance(text, str) and _SEVERAL.match(text) else ""
    bad = OptbenchError(f"cannot read {shown(text)}: write a name, or name(parameter=value, ...){hint}")
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise bad
    try:
        node = ast.parse(to_python_syntax(text.strip()), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if re.match(r"'[(\[{]' was never closed", getattr(error, "msg", "")):
            bad = OptbenchError(f"cannot read {shown(text)}: a bracket is not closed")
        raise bad from None
    if _is_name(node):
        return _name_text(node), {}
    if not isinstance(node, ast.Call) or not _is_name(node.func) or len(node.args) > 1:
        raise bad
    parameters = {}
    if node.args:
        if not _is_name(node.args[0]) and not isinstance(node.args[0], ast.Call):
            raise bad
        parameters[INNER] = _name_text(node.args[0])
    for given in node.keywords:
        if given.arg is None or given.arg in parameters:
            raise bad
        try:
            parameters[given.arg] = _parse_value(given.value)
        except (ValueError, TypeError, MemoryError, RecursionError):
            raise bad from None
    if "betas" in parameters and "beta1" in parameters:
        raise OptbenchError(f"{shown(text)} gives beta1 twice: betas are beta1, beta2, ...")
    return _name_text(node.func), spread_betas(parameters)


def split_levels(text: str) -> list[tuple[str, dict]]:
    """Return (name, parameters) of a name and of those that it goes around, from outside in. Raises OptbenchError.

    Example:
        >>> split_levels("noisy(mlp(hidden=(4,)), tail=2)")
        [('noisy', {'tail': 2}), ('mlp', {'hidden': (4,)})]
    """
    name, given = parse(text)
    inner = given.pop(INNER, None)
    return [(name, given), *([] if inner is None else split_levels(inner))]


def join_levels(levels: Iterable[tuple[str, Mapping]]) -> str:
    """Return the text of which `split_levels` makes these.

    Example:
        >>> join_levels([("noisy", {"tail": 2}), ("mlp", {})])
        'noisy(mlp, tail=2)'
    """
    text = ""
    for name, given in reversed(list(levels)):
        text = canonical(name, {INNER: text, **given} if text else given)
    return text


def spread_betas(given: Mapping) -> dict:
    """Return parameters with ``betas=(0.9, 0.99)``, as PyTorch has them, as ``beta1`` and ``beta2``.

    Example:
        >>> spread_betas({"betas": (0.9, 0.99), "eps": 0.0})
        {'beta1': 0.9, 'beta2': 0.99, 'eps': 0.0}
    """
    spread: dict = {}
    for key, value in given.items():
        if key == "betas" and isinstance(value, list | tuple) and value:
            spread |= {f"beta{place}": beta for place, beta in enumerate(value, 1)}
        else:
            spread[key] = value
    return spread


def _is_name(node: ast.AST) -> bool:
    """Return True for a word and for a name of another library, ``torch.optim.AdamW``."""
    return isinstance(node, ast.Name) or (
        isinstance(node, ast.Attribute) and _DOTTED.match(ast.unparse(node)) is not None
    )


def _name_text(node: ast.AST) -> str:
    """Return the text of a name or a call as a user types it, ``torch:AdamW``."""
    return _DOTTED.sub(r"\1:", ast.unparse(node))


def _parse_value(node: ast.expr) -> Any:
    """Return the value of a parameter. A bare word (data=digits) is a text: users do not quote within shell quotes."""
    if isinstance(node, ast.Name | ast.Call):
        return ast.unparse(node)
    if isinstance(node, ast.Tuple):
        return tuple(map(_parse_value, node.elts))
    return ast.literal_eval(node)


def to_python_syntax(text: str) -> str:
    """Quote what Python would read as something else, and write ``torch.AdamW`` for ``torch:AdamW``."""
    quoted = _UNQUOTED.sub(lambda match: repr(match["value"]) if match["value"] else match[0], text)
    return _LIBRARY.sub(lambda match: f"{match['library']}." if match["library"] else match[0], quoted)


def missing_name_error(text: str) -> OptbenchError | None:
    """Return the error for a library without a name in it, ``torch:``."""
    head = text.strip().partition("(")[0].strip()
    if head[-1:] in (":", ".") and head[:-1] in _EXAMPLES:
        return OptbenchError(f"{head} needs a name behind it, such as {_EXAMPLES[head[:-1]]}")
    return None


def split_list(text: str) -> list[str]:
    """Split ``a, b(x=1, y=2), c`` at the commas outside brackets and quotes.

    Example:
        >>> split_list("adam, clip(adam, norm=1)")
        ['adam', 'clip(adam, norm=1)']
    """
    parts, depth, quote, start = [], 0, "", 0
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def find_values(text: str) -> dict:
    """Return all values that a text gives, also inside wrappers.

    Example:
        >>> find_values("clip(adam(beta1=0.8), norm=2)")
        {'beta1': 0.8, 'norm': 2}
    """
    given = parse(text)[1]
    inner = given.pop(INNER, None)
    return given if inner is None else find_values(inner) | given


def canonical(name: str, parameters: Mapping) -> str:
    """Return the text that :func:`parse` reads back."""
    if not parameters:
        return name
    parts = [value if key == INNER else f"{key}={value!r}" for key, value in parameters.items()]
    return f"{name}({', '.join(parts)})"


def written(kind: object, name: str, values: Mapping) -> str:
    """Return a record of a class as the line that ``repr`` shows: ``Optimizer(adam, beta1=0.9)``."""
    texts = {key: number_text(value) if isinstance(value, float) else repr(value) for key, value in values.items()}
    parts = [f"{key}={text}" for key, text in texts.items()]
    return f"{type(kind).__name__}({', '.join([name, *parts] if name else parts)})"


def without_path(text: str) -> str:
    """Return a problem's name as people read it, where a table is kept in a file whose path tells nothing."""
    try:
        *around, (name, given) = split_levels(text)
    except OptbenchError:
        return text
    is_kept = str(given.get("data", "")).startswith("file(")
    return join_levels([*around, (name, {**given, "data": "..."})]) if is_kept else text


def expand_alternatives(text: str) -> list[str]:
    """Expand a text with lists or grids as values into one text for each combination, also inside wrappers.

    Raises OptbenchError: a list is empty, or a grid cannot be read.

    Example:
        >>> expand_alternatives("adam(beta1=[0.8, 0.9])")
        ['adam(beta1=0.8)', 'adam(beta1=0.9)']
    """
    if (held := count_alternatives(text)) > MOST_VALUES:
        raise OptbenchError(f"{shown(text)} stands for {held:,} settings: at most {MOST_VALUES:,} can be meant")
    name, given = parse(text)
    choices = []
    for key, value in given.items():
        items = expand_alternatives(value) if key == INNER else expand_values(value)
        if not items:
            raise OptbenchError(f"{shown(text)} gives no value for {key}")
        choices.append([(key, item) for item in items])
    return [canonical(name, dict(choice)) for choice in itertools.product(*choices)]


def count_alternatives(text: str) -> int:
    """Count the texts that :func:`expand_alternatives` returns, without making them.

    Raises OptbenchError: the text or a grid in it cannot be read.

    Example:
        >>> count_alternatives("adam(beta1=[0.8, 0.9], beta2=[0.9, 0.99, 0.999])")
        6
    """
    given = parse(text)[1].items()
    return math.prod(count_alternatives(value) if key == INNER else len(expand_values(value)) for key, value in given)


def expand_values(value: Any) -> list:
    """Return the values of a list, of a grid, or a single value; raise OptbenchError if a grid cannot be read."""
    if isinstance(value, str) and ":" in value and "(" not in value:
        return grid(value)
    return list(value) if isinstance(value, list | tuple) else [value]


def grid(text: str, offset: float = 0.0) -> list[float]:
    """Return the numbers of ``from:to:count``, evenly spaced on a logarithmic axis and rounded to four digits.

    offset: moves all of them, in steps of the grid; the number of a grid of one stays. Raises OptbenchError: the text
    is not of that form, or does not rise from above 0.

    Example:
        >>> grid("1e-2:1:3"), grid("1e-2:1:3", 0.5)
        ([0.01, 0.1, 1.0], [0.03162, 0.3162, 3.162])
    """
    low, high, count = read_grid(text)
    first, last = math.log10(low), math.log10(high)
    steps = [(i + offset) / max(count - 1, 1) for i in range(count)]
    return [float(f"{10 ** (first + (last - first) * step):.4g}") for step in steps]


def read_grid(text: str) -> tuple[float, float, int]:
    """Return the three numbers of ``from:to:count``. Raises OptbenchError as `grid` does."""
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
    return low, high, count


def fill_defaults(kind: str, name: str, given: Mapping, defaults: Mapping) -> dict:
    """Return all parameters: the defaults, and the given values converted to their types.

    Raises OptbenchError: a parameter is unknown, or a value does not convert.
    """
    if not isinstance(given, Mapping):
        raise OptbenchError(f"{kind} {name}: its parameters must be a dictionary, not {shown(given)}")
    filled = dict(defaults)
    for key, value in given.items():
        if key not in defaults:
            raise unknown(f"parameter of {kind} {name}", str(key), defaults)
        filled[key] = convert_parameter(f"{kind} {name}", key, value, defaults[key])
    return filled


def convert_parameter(owner: str, key: str, value: Any, default: Any) -> Any:
    """Return a value converted to the type of its default: 1e4 to an int, 3 to a float, a list or one int to a tuple.

    owner, key: whose value it is, for the message. Raises OptbenchError if it cannot be converted.
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
        whole = bool(default) and all(type(each) is int for each in default)
        return tuple(convert_parameter(owner, key, each, default[0]) if whole else each for each in value)
    if kind is type(value) and (kind is not int or number):
        return value
    raise OptbenchError(f"{owner}: {key}={shown(value)} must be {_TYPES.get(kind, kind.__name__)}, like {default!r}")


def number_text(value: float | int) -> str:
    """Write a number as it is typed in a spec."""
    if not isinstance(value, float):
        return str(value)
    mantissa, mark, exponent = f"{value:g}".partition("e")
    short = f"{mantissa}e{int(exponent)}" if mark else mantissa
    return short if float(short) == value else repr(value)


def count_noun(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one: "1,200 runs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def join_with_and(words: Sequence[str]) -> str:
    """Return the words as an enumeration: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def join_names(names: Iterable[str], most: int = 4) -> str:
    """Return names with commas between them; of more than ``most``, the first ones and the number of the others.

    Example:
        >>> join_names(["gd", "momentum", "adam"], 2)
        'gd, momentum and 1 more'
    """
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def unique(items: Iterable) -> list:
    """Return the items in order, each once."""
    return list(dict.fromkeys(items))
