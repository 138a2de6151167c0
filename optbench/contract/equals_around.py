"""The equals of a wrapper around a rule: its call with the rule's in it, for every pair of calls that go together."""

import ast
import copy
from collections.abc import Mapping

from optbench.contract.equals import LIBRARIES, RATE_ARGUMENTS, Branch, Equal, callee, is_inner, read, text_of


def combine(wrapper: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """The texts of a wrapped rule.

    Args:
        wrapper: those of what goes around.
        base: those of what stands inside.

    Returns:
        A text for each library that has both, or says why not.
    """
    combined = {}
    for library in LIBRARIES:
        if library not in base:
            continue
        inner = read("", library, base[library])
        if not inner.branches:
            combined[library] = base[library]
        elif library in wrapper:
            combined[library] = _combined(read("", library, wrapper[library]), inner)
    return {library: text for library, text in combined.items() if text}


def _combined(outer: Equal, inner: Equal) -> str:
    branches: list[Branch] = []
    before: list[ast.expr] = []  # conditions of the inner rule that came first, and did not hold
    for base in inner.branches:
        held = list(before) if base.condition is None else [*before, base.condition]
        for around in outer.branches:
            test = None if around.condition is None else _resolved(around.condition, base.call)
            if isinstance(test, bool) and not test:
                continue
            call = _Around(base.call).around(around.call)
            if call is None:
                continue
            conditions = [*held, *([test] if isinstance(test, ast.expr) else [])]
            branches.append(Branch(_all_of(conditions), call))
            if len(conditions) == len(held):
                break
        if base.condition is not None:
            before.append(ast.UnaryOp(ast.Not(), base.condition))
    always = any(branch.condition is None for branch in branches)
    why = "" if always else "; ".join(filter(None, (inner.why, outer.why)))
    return text_of(Equal(tuple(branches), why))


def _all_of(conditions: list[ast.expr]) -> ast.expr | None:
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else ast.BoolOp(ast.And(), conditions)


def rate(call: ast.expr) -> ast.expr | None:
    """The argument of a call, or of the first call inside it, that is the rate.

    Args:
        call: an expression.

    Returns:
        The expression: ``lr``, or ``lr`` times something; None where there is none.
    """
    if not isinstance(call, ast.Call):
        return None
    for keyword in call.keywords:
        if keyword.arg in RATE_ARGUMENTS:
            return keyword.value
    for part in call.args:
        inner = rate(part)
        if inner is not None:
            return inner
        if any(isinstance(node, ast.Name) and node.id == "lr" for node in ast.walk(part)):
            return part
    return None


def _resolved(condition: ast.expr, call: ast.expr) -> ast.expr | bool:
    """A condition on what the wrapped call is or holds, decided; any other as it is."""
    if isinstance(condition, ast.Compare) and is_inner(condition.left):
        side = condition.comparators[0]
        named = [ast.unparse(each) for each in (side.elts if isinstance(side, ast.Tuple) else [side])]
        return (callee(call) in named) != isinstance(condition.ops[0], ast.NotIn | ast.IsNot)
    if isinstance(condition, ast.Compare) and is_inner(condition.comparators[0]):
        held = {callee(node) for node in ast.walk(call) if isinstance(node, ast.Call)}
        return (ast.unparse(condition.left) in held) != isinstance(condition.ops[0], ast.NotIn)
    if isinstance(condition, ast.BoolOp):
        parts = [_resolved(part, call) for part in condition.values]
        stops = isinstance(condition.op, ast.Or)  # what decides alone: True for or, False for and
        if any(part is stops for part in parts):
            return stops
        left = [part for part in parts if isinstance(part, ast.expr)]
        return ast.BoolOp(condition.op, left) if len(left) > 1 else left[0] if left else not stops
    return condition


class _Around(ast.NodeTransformer):
    """A wrapper's call with the wrapped rule's in it."""

    def __init__(self, base: ast.expr):
        self.base, self.doubled = base, False
        whole = rate(base)
        self.share: ast.expr = ast.Constant(1)
        if isinstance(whole, ast.BinOp) and isinstance(whole.op, ast.Mult):
            self.share = whole.right

    def around(self, call: ast.expr) -> ast.expr | None:
        """The combined call; None where both give the same keyword."""
        placed = ast.fix_missing_locations(self.visit(copy.deepcopy(call)))
        return None if self.doubled else placed

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """``inner`` and ``share``."""
        return copy.deepcopy({"inner": self.base, "share": self.share}.get(node.id, node))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """``decay / share`` where the share is 1."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant) and node.right.value == 1:
            return node.left
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """``inner(more=...)`` and ``Other(**inner)``."""
        taken = [keyword for keyword in node.keywords if keyword.arg is None and is_inner(keyword.value)]
        extended = is_inner(node.func)
        if not (taken or extended):
            self.generic_visit(node)
            return node
        base = copy.deepcopy(self.base)
        more = [
            ast.keyword(keyword.arg, self.visit(keyword.value)) for keyword in node.keywords if keyword not in taken
        ]
        if not isinstance(base, ast.Call):
            self.doubled = True
            return node
        if {keyword.arg for keyword in base.keywords} & {keyword.arg for keyword in more}:
            self.doubled = True
        return ast.Call(base.func if extended else node.func, base.args, [*base.keywords, *more])
