"""What a rule is called elsewhere: a call of another library that takes the same steps, with the condition for it.

A record's ``equals`` has a text for each library: ``"SGD(lr=lr * (1 - beta1), momentum=beta1)"``. It names
hyperparameters, ``lr``, and what the library has; with a condition, ``A(...) if eps == 0 else B(...)``, where a last
``else`` may be left out. ``constant`` is true where the rate stays as it is. Behind a ``#`` stands why there is no
equal where no condition holds. In a wrapper's text ``inner`` is the wrapped rule's call, which may get keywords,
``inner(weight_decay=decay)``, or give its own to another, ``AdamW(**inner, weight_decay=decay)``; a condition may ask
what it is or holds, ``inner in (SGD, Adam)``, ``lookahead not in inner``, and ``share`` is its rate over ``lr``.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from optbench.contract import values
from optbench.contract.errors import PluginError, shown, unknown

LIBRARIES = ("torch", "optax", "keras")
"""PyTorch's torch.optim, optax, and keras.optimizers."""
GIVEN = ("lr", "constant")
"""What every text may name: the rate, and whether it stays as it is."""
RATE_ARGUMENTS = ("lr", "learning_rate")
"""What libraries call the rate."""
_AROUND = ("inner", "share")


@dataclass(frozen=True)
class Branch:
    """A call, and the condition under which it takes the same steps."""

    condition: ast.expr | None
    """None: always."""
    call: ast.expr
    """Of the library, or the name ``inner``."""


@dataclass(frozen=True)
class Equal:
    """A text that was read."""

    branches: tuple[Branch, ...]
    """The first one counts whose condition holds."""
    why: str
    """Why there is none where none does."""


def read(owner: str, library: str, text: str) -> Equal:
    """The calls of a text, and their conditions.

    Args:
        owner: whose text it is, for the message.
        library: of LIBRARIES.
        text: as it was stated.

    Returns:
        What was read; no branches where the text is a remark alone.

    Raises:
        PluginError: it is no call, or no expression.
    """
    body, _, why = text.partition("#")
    if not body.strip():
        return Equal((), why.strip())
    node = _parsed(body.strip()) or _parsed(f"{body.strip()} else None")
    branches: list[Branch] = []
    while isinstance(node, ast.IfExp):
        branches.append(Branch(node.test, node.body))
        node = node.orelse
    if node is not None and not (isinstance(node, ast.Constant) and node.value is None):
        branches.append(Branch(None, node))
    plain = [each.call for each in branches if not isinstance(each.call, ast.Call | ast.Name)]
    if not branches or plain or any(isinstance(each.call, ast.Name) and each.call.id != "inner" for each in branches):
        wanted = "a call such as 'SGD(lr=lr)', with 'if ...' behind it where it is equal only then"
        raise values.wrong(owner, f"equals[{library!r}]", text, wanted)
    return Equal(tuple(branches), why.strip())


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def check(owner: str, equals: Mapping, known: Iterable[str], around: bool = False) -> dict[str, str]:
    """Refuse texts for libraries that nobody knows, that cannot be read, or that name what is no hyperparameter.

    Args:
        owner: whose they are; messages begin with it.
        equals: library -> text.
        known: the names of hyperparameters, and whatever else the texts may name.
        around: whether they belong to a wrapper.

    Returns:
        A dictionary.

    Raises:
        PluginError: in one line, with the nearest name.
    """
    checked = values.mapping(owner, "equals", equals)
    allowed = {*known, *GIVEN, *(_AROUND if around else ())}
    for library, text in checked.items():
        if library not in LIBRARIES:
            raise PluginError(f"{owner}: {unknown('library', library, LIBRARIES)}")
        for name in _stated(owner, library, values.text(owner, f"equals[{library!r}]", text)):
            if name not in allowed:
                wrong = unknown("name", name, allowed)
                raise PluginError(f"{owner}: equals[{library!r}]={shown(text)}: {wrong}")
    return checked


@cache
def _stated(owner: str, library: str, text: str) -> tuple[str, ...]:
    """The names that stand for values in a text: it is looked at for each copy of its record, at every start."""
    return tuple(name for branch in read(owner, library, text).branches for name in _names(branch))


def _names(branch: Branch) -> list[str]:
    """The names that stand for values: not what is called, and not what is compared with ``inner``."""
    seen = [branch.call] if branch.condition is None else [branch.call, branch.condition]
    nodes = [node for tree in seen for node in ast.walk(tree)]
    passed: list[ast.expr] = []
    local = {ast.unparse(node.target) for node in nodes if isinstance(node, ast.comprehension)}
    for node in nodes:
        if isinstance(node, ast.Call) and not is_inner(node.func):
            passed.append(node.func)
        elif isinstance(node, ast.Compare) and is_inner(node.left):
            passed += node.comparators
        elif isinstance(node, ast.Compare) and is_inner(node.comparators[0]):
            passed.append(node.left)
    words = {id(part) for each in passed for part in ast.walk(each)}
    return [node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in words and node.id not in local]


def is_inner(node: ast.expr) -> bool:
    """Whether an expression is the name ``inner``.

    Args:
        node: an expression.

    Returns:
        The answer.
    """
    return isinstance(node, ast.Name) and node.id == "inner"


def text_of(equal: Equal) -> str:
    """The text that :func:`read` reads back.

    Args:
        equal: what was read.

    Returns:
        The text; empty where there is nothing to say.
    """
    parts = []
    for branch in equal.branches:
        condition = "" if branch.condition is None else f" if {ast.unparse(branch.condition)}"
        parts.append(f"{ast.unparse(branch.call)}{condition}")
    text = " else ".join(parts)
    return " ".join(filter(None, (text, equal.why and f"# {equal.why}")))


def callee(call: ast.expr) -> str:
    """The dotted name of what is called.

    Args:
        call: an expression.

    Returns:
        Such as ``contrib.adopt``; empty for what is no call.
    """
    return ast.unparse(call.func) if isinstance(call, ast.Call) else ""
