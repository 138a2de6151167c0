"""A wrapped rule as one list of statements: in ``clip(adam)``, what adam does stands where clip calls it.

So are the sums of a wrapped rule, which return what those of the rule inside do.
"""

import ast
import builtins
from collections.abc import Callable

from optbench.contract.source_code import definition


def inlined(rule: Callable, owner: str) -> tuple[ast.FunctionDef, dict]:
    """The tree of a rule, and the names that it sees, with the rule inside put in place of its call.

    Only a rule of assignments is: the call stays where the inner one branches. A rule may be wrapped more than once.
    """
    tree, scope = _SpelledOut().visit(definition(rule, owner)), dict(rule.__globals__)
    if "_inner" not in scope or not any(map(_calls_inner, tree.body)):
        return tree, scope
    inner, inner_scope = inlined(scope["_inner"], owner)
    if not is_plain(inner):
        return tree, scope
    at, call = next((i, node) for i, node in enumerate(tree.body) if _calls_inner(node))
    assert isinstance(call, ast.Assign | ast.Return) and isinstance(call.value, ast.Call)
    names = _names_inside(inner, call.value.args) | _names_of_its_file(inner, inner_scope, tree, scope)
    copied = [
        ast.Assign([ast.Name(names[argument.arg], ast.Store())], value)
        for argument, value in zip(inner.args.args, call.value.args, strict=True)
        if not (isinstance(value, ast.Name) and value.id == names[argument.arg])
    ]
    *body, last = (_Renamed(names).visit(node) for node in inner.body)
    result = ast.Assign(call.targets, last.value) if isinstance(call, ast.Assign) else last
    tree.body[at : at + 1] = [ast.copy_location(node, call) for node in (*copied, *body, result)]
    del scope["_inner"]
    return tree, scope


def is_plain(tree: ast.FunctionDef) -> bool:
    """Whether a function is assignments, of one target each, and a return at the end."""
    *body, last = tree.body
    plain = all(isinstance(node, ast.Assign) and len(node.targets) == 1 for node in body)
    return plain and isinstance(last, ast.Return)


def _calls_inner(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") == "_inner"


def _names_inside(inner: ast.FunctionDef, values: list[ast.expr]) -> dict[str, str]:
    """What the inner rule's arguments and variables are called outside.

    An argument that it never assigns to is the name that it is given. Its own variables are its own.
    """
    assigned = _used(inner, ast.Store)
    names = {name: f"_inside_{name}" for name in assigned}
    for argument, value in zip(inner.args.args, values, strict=True):
        same = isinstance(value, ast.Name) and argument.arg not in assigned
        names[argument.arg] = value.id if same else f"_inside_{argument.arg}"  # type: ignore[attr-defined]
    return names


def _names_of_its_file(inner: ast.FunctionDef, inner_scope: dict, tree: ast.FunctionDef, scope: dict) -> dict[str, str]:
    """New names for what means something else outside; adds to ``scope`` what the inner rule sees of its own file."""
    arguments = {argument.arg for argument in inner.args.args}
    outside = {argument.arg for argument in tree.args.args} | _used(tree, ast.Store)
    names = {}
    for name in _used(inner, ast.Load) - _used(inner, ast.Store) - arguments:
        meant = inner_scope.get(name, getattr(builtins, name, None))
        if name in outside or scope.get(name, getattr(builtins, name, None)) is not meant:
            names[name] = f"_inside_{name}"
            scope[names[name]] = meant
    return names


def _used(tree: ast.FunctionDef, context: type) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


class _SpelledOut(ast.NodeTransformer):
    """``a += b`` as ``a = a + b``."""

    def visit_AugAssign(self, node):
        if not isinstance(node.target, ast.Name):
            return node
        name = node.target.id
        value = ast.copy_location(ast.BinOp(ast.Name(name, ast.Load()), node.op, node.value), node)
        return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), node)


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node):
        return ast.copy_location(ast.Name(self.names.get(node.id, node.id), node.ctx), node)
