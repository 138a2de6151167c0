"""The equals of a rule in other libraries: calls that take the same steps, each with its condition.

A record's ``equals`` has a text for each library: ``"SGD(lr=lr * (1 - beta1), momentum=beta1)"``. It names
hyperparameters, ``lr``, and what the library has; with a condition, ``A(...) if eps == 0 else B(...)``, where a last
``else`` may be left out. ``constant`` is true if the rate stays as it is. After a ``#`` stands why there is no
equal where no condition holds. In a wrapper's text ``inner`` is the wrapped rule's call, which may get keywords,
``inner(weight_decay=decay)``, or give its own to another, ``AdamW(**inner, weight_decay=decay)``; a condition may ask
what it is or holds, ``inner in (SGD, Adam)``, ``lookahead not in inner``, and ``share`` is its rate over ``lr``.
"""

import ast
import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from optbench.contract.errors import PluginError, shown, unknown

LIBRARIES = ("torch", "optax", "keras")
"""PyTorch's torch.optim, optax, and keras.optimizers."""
GIVEN = ("lr", "constant")
"""Names that every text may use: the rate, and whether it stays as it is."""
RATE_ARGUMENTS = ("lr", "learning_rate", "max_lr", "max_learning_rate")
"""The names of the rate in libraries."""
_WRAPPER_NAMES = ("inner", "share")


@dataclass(frozen=True)
class Branch:
    """A call, and the condition under which it takes the same steps."""

    condition: ast.expr | None
    """None: always."""
    call: ast.expr
    """The call of the library, or the name ``inner``."""


@dataclass(frozen=True)
class Equal:
    """A parsed text."""

    branches: tuple[Branch, ...]
    """The branches in order; the first whose condition holds is used."""
    why: str
    """The reason why there is no equal if no condition holds."""


def parse_equal(owner: str, library: str, text: str) -> Equal:
    """Parse a text of a library; without branches if it is only a remark. Raises PluginError if it is no call.

    owner: the words for the record in the message.
    """
    body, _, why = text.partition("#")
    if not body.strip():
        return Equal((), why.strip())
    node = _parse_expression(body.strip()) or _parse_expression(f"{body.strip()} else None")
    branches: list[Branch] = []
    while isinstance(node, ast.IfExp):
        branches.append(Branch(node.test, node.body))
        node = node.orelse
    if node is not None and not (isinstance(node, ast.Constant) and node.value is None):
        branches.append(Branch(None, node))
    if not branches or not all(isinstance(each.call, ast.Call) or is_inner(each.call) for each in branches):
        wanted = "a call such as 'SGD(lr=lr)', with 'if ...' behind it where it is equal only then"
        raise PluginError(f"{owner}: equals[{library!r}]={shown(text)} must be {wanted}")
    return Equal(tuple(branches), why.strip())


def _parse_expression(text: str) -> ast.expr | None:
    """Return the syntax tree of an expression; None if the text is none."""
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def check_equals(owner: str, equals: Mapping, known: Iterable[str], around: bool = False) -> None:
    """Raise PluginError unless texts by library can be read, and name known libraries and values.

    known: the names of hyperparameters, and whatever else the texts may name; around: True for those of a wrapper.
    """
    allowed = {*known, *GIVEN, *(_WRAPPER_NAMES if around else ())}
    for library, text in equals.items():
        if library not in LIBRARIES:
            raise PluginError(f"{owner}: {unknown('library', library, LIBRARIES)}")
        for name in _value_names(owner, library, text):
            if name not in allowed:
                wrong = unknown("name", name, allowed)
                raise PluginError(f"{owner}: equals[{library!r}]={shown(text)}: {wrong}")


@cache  # a text is checked for each copy of its record, at every start
def _value_names(owner: str, library: str, text: str) -> tuple[str, ...]:
    """Return the names that stand for values in a text: not what is called, nor what ``inner`` is compared with."""
    found: list[str] = []
    for branch in parse_equal(owner, library, text).branches:
        trees = [branch.call] if branch.condition is None else [branch.call, branch.condition]
        nodes = [node for tree in trees for node in ast.walk(tree)]
        loop_names = {ast.unparse(node.target) for node in nodes if isinstance(node, ast.comprehension)}
        skipped: list[ast.expr] = []
        for node in nodes:
            match node:
                case ast.Call() if not is_inner(node.func):
                    skipped.append(node.func)
                case ast.Compare(left=ast.Name(id="inner")):
                    skipped += node.comparators
                case ast.Compare(comparators=[ast.Name(id="inner"), *_]):
                    skipped.append(node.left)
        no_values = {id(part) for each in skipped for part in ast.walk(each)}
        found += [node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in no_values
                  and node.id not in loop_names]  # fmt: skip
    return tuple(found)


def is_inner(node: ast.expr) -> bool:
    """Return True for the name ``inner``."""
    return isinstance(node, ast.Name) and node.id == "inner"


def equal_text(equal: Equal) -> str:
    """Return the text that :func:`parse_equal` parses to this; empty if there is nothing to say."""
    branches = []
    for branch in equal.branches:
        condition = "" if branch.condition is None else f" if {ast.unparse(branch.condition)}"
        branches.append(f"{ast.unparse(branch.call)}{condition}")
    text = " else ".join(branches)
    return " ".join(filter(None, (text, equal.why and f"# {equal.why}")))


def called_name(call: ast.expr) -> str:
    """Return the dotted name of the function that is called, ``contrib.adopt``; empty for what is no call."""
    return ast.unparse(call.func) if isinstance(call, ast.Call) else ""


def find_rate(call: ast.expr) -> ast.expr | None:
    """Return the argument of a call, or of the first call inside it, that is the rate; None if there is none."""
    if not isinstance(call, ast.Call):
        return None
    for keyword in call.keywords:
        if keyword.arg in RATE_ARGUMENTS:
            return keyword.value
    for argument in call.args:
        if (inner := find_rate(argument)) is not None:
            return inner
        if any(isinstance(node, ast.Name) and node.id == "lr" for node in ast.walk(argument)):
            return argument
    return None


def combine_equals(wrapper: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """Return by library the texts of a wrapper around a rule: where both have one, or the rule's says why not."""
    combined = {}
    for library in LIBRARIES:
        if library in base:
            inner = parse_equal("", library, base[library])
            if not inner.branches:
                combined[library] = base[library]
            elif library in wrapper:
                combined[library] = equal_text(_combine_branches(parse_equal("", library, wrapper[library]), inner))
    return {library: text for library, text in combined.items() if text}


def _combine_branches(outer: Equal, inner: Equal) -> Equal:
    """Return the text of a wrapper around a rule: a branch for every two calls that go together."""
    branches: list[Branch] = []
    failed: list[ast.expr] = []  # conditions of the inner rule's branches before this one, which did not hold
    for base in inner.branches:
        conditions = failed if base.condition is None else [*failed, base.condition]
        for around in outer.branches:
            test = None if around.condition is None else _decide(around.condition, base.call)
            if test is False:
                continue
            call = _CallCombiner(base.call).combine(around.call)
            if call is None:
                continue
            whole = [*conditions, *([test] if isinstance(test, ast.expr) else [])]
            joined = ast.BoolOp(ast.And(), whole) if len(whole) > 1 else whole[0] if whole else None
            branches.append(Branch(joined, call))
            if not isinstance(test, ast.expr):
                break
        if base.condition is not None:
            failed = [*failed, ast.UnaryOp(ast.Not(), base.condition)]
    always = any(branch.condition is None for branch in branches)
    return Equal(tuple(branches), "" if always else "; ".join(filter(None, (inner.why, outer.why))))


def _decide(condition: ast.expr, call: ast.expr) -> ast.expr | bool:
    """Return whether a condition on what the wrapped call is or holds is true of it; what cannot be decided stays."""
    match condition:
        case ast.Compare(left=ast.Name(id="inner"), ops=[asked], comparators=[other]):
            named = [ast.unparse(each) for each in (other.elts if isinstance(other, ast.Tuple) else [other])]
            return (called_name(call) in named) != isinstance(asked, ast.NotIn | ast.IsNot)
        case ast.Compare(left=other, ops=[asked], comparators=[ast.Name(id="inner")]):
            held = {called_name(node) for node in ast.walk(call) if isinstance(node, ast.Call)}
            return (ast.unparse(other) in held) != isinstance(asked, ast.NotIn)
        case ast.BoolOp(op=joint):
            parts = [_decide(part, call) for part in condition.values]
            decisive = isinstance(joint, ast.Or)  # one True decides an "or", one False an "and"
            if any(part is decisive for part in parts):
                return decisive
            left = [part for part in parts if isinstance(part, ast.expr)]
            return ast.BoolOp(joint, left) if len(left) > 1 else left[0] if left else not decisive
    return condition


class _CallCombiner(ast.NodeTransformer):
    """A rewriter that puts the wrapped rule's call into a wrapper's."""

    def __init__(self, base: ast.expr):
        """Find the share of the rate that the wrapped call takes; base: that call."""
        self.base, self.impossible = base, False
        whole = find_rate(base)
        self.share: ast.expr = ast.Constant(1)
        if isinstance(whole, ast.BinOp) and isinstance(whole.op, ast.Mult):
            self.share = whole.right

    def combine(self, call: ast.expr) -> ast.expr | None:
        """Return the call of the wrapper with the base rule's call in it; None if both give the same keyword."""
        placed = ast.fix_missing_locations(self.visit(copy.deepcopy(call)))
        return None if self.impossible else placed

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Return the expression that ``inner`` or ``share`` stands for; other names as they are."""
        return copy.deepcopy({"inner": self.base, "share": self.share}.get(node.id, node))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Return ``decay / share`` as ``decay`` if the share is 1, like any division by 1; other nodes as they are."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant) and node.right.value == 1:
            return node.left
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Return the call of ``inner(more=...)`` or ``Other(**inner)`` with the keywords of both; others stay."""
        unpacked = [keyword for keyword in node.keywords if keyword.arg is None and is_inner(keyword.value)]
        extended = is_inner(node.func)
        if not (unpacked or extended):
            self.generic_visit(node)
            return node
        base = copy.deepcopy(self.base)
        if not isinstance(base, ast.Call):
            self.impossible = True
            return node
        more = [ast.keyword(each.arg, self.visit(each.value)) for each in node.keywords if each not in unpacked]
        self.impossible |= bool({each.arg for each in base.keywords} & {each.arg for each in more})
        return ast.Call(base.func if extended else node.func, base.args, [*base.keywords, *more])
