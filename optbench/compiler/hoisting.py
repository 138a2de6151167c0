"""Hoist what is the same for all parameters of a run out of an update rule.

A rule is written for one parameter, so that a root, a power or a remainder of hyperparameters, of the step and of sums
stands in the innermost loop. Where the lanes are that loop the compiler cannot take it out, for each lane has its own.
Measured, float64, 64 lanes of 100 parameters: asgd 1,190 ns a lane with its power in the loop and 45 without, nadam
2,100 and 140, lookahead(gd) 640 and 50. Cheap arithmetic stays where it is: to read a number takes as long.

A division by a constant becomes a product with its reciprocal, in all kernels alike: Adam divides by both corrections
of its bias, and takes 190 ns instead of 317. A wrapped rule is inlined first: in ``clip(adam)``, what adam does stands
where clip calls it. The functions that a rule adds up over parameters are treated likewise.
"""

import ast
import builtins
import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from optbench.contract.optimizers import RANDOM, Optimizer
from optbench.contract.source_code import function_of, function_tree

_COSTLY = (ast.Pow, ast.Mod, ast.Div, ast.FloorDiv)


@dataclass(frozen=True, eq=False)
class Hoisted:
    """The two parts of a rule; ``rest(w, g, *slots, lr, *scalars, *constants)`` returns the same as the rule."""

    first: Callable
    """Takes ``names``, arguments of the rule, and returns the constants: a tuple, or a number where there is one."""
    names: tuple[str, ...]
    """The arguments of ``first``."""
    rest: Callable
    """The rule without what ``first`` computes."""
    count: int
    """The number of constants."""


@cache
def hoist(record: Optimizer) -> Hoisted | None:
    """Split a rule into what is equal for all parameters and the rest; None if that saves nothing or it branches."""
    return _hoist(record, record.rule, *inline_rules(record.rule, f"optimizer {record.name}"))


@cache
def hoist_sum(record: Optimizer, function: Callable) -> Hoisted | None:
    """Split a function that a rule sums over parameters, as `hoist` splits the rule; None as there.

    ``rest`` takes the function's arguments, then the constants.
    """
    return _hoist(record, function, *inline_rules(function, f"optimizer {record.name}"))


def _hoist(record: Optimizer, home: Callable, tree: ast.FunctionDef, scope: dict) -> Hoisted | None:
    """Split the syntax tree of a function of ``home``'s file, with the global names ``scope``; None as in `hoist`."""
    if not has_no_branches(tree):
        return None
    arguments = [argument.arg for argument in tree.args.args]
    parts = _Parts(arguments, {"w", "g", *record.own, *record.matrix, *RANDOM})
    for node in tree.body:
        for each in _split_assignment(node):
            parts.add_statement(each)
    if not parts.is_costly:
        return None
    made = parts.find_read_constants()
    if not made:  # they are of no use, such as those of a wrapper's slots in a sum
        return None
    names = tuple(name for name in arguments if name in _names(parts.first))
    result = ast.Tuple([_name_node(name) for name in made], ast.Load()) if len(made) > 1 else _name_node(made[0])
    first = _make_function(home, tree, "constants", names, [*parts.first, ast.Return(result)], scope)
    rest = _make_function(home, tree, "rest", (*arguments, *made), parts.rest, scope)
    return Hoisted(first, names, rest, len(made))


class _Parts:
    """The statements of both parts, to which the statements of a rule are added in order."""

    def __init__(self, arguments: list[str], varying: set[str]):
        """Begin without statements; ``varying``: the names whose values differ between parameters."""
        self.local, self.varying = set(arguments), set(varying)
        self.version: dict[str, str] = {}
        """The new name of each constant by its old one, which the rule may assign again."""
        self.known: dict[str, str] = {}
        """The name of each constant expression, by its text."""
        self.first: list[ast.stmt] = []
        self.rest: list[ast.stmt] = []
        self.is_costly = False

    def add_statement(self, statement: ast.stmt) -> None:
        """Add the next statement of the rule, an assignment or a return, to the part that it belongs to."""
        node = _Renamer(self.version, True).visit(copy.deepcopy(statement))
        value = node.value
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and self.is_constant(value):
            target = node.targets[0].id
            self.version[target] = f"_{target}_{len(self.first)}"
            self.add_constant(self.version[target], value)
            return
        node.value = _ConstantExtractor(self).visit(value)
        for name in _names(node.targets, ast.Store) if isinstance(node, ast.Assign) else ():
            self.local.add(name)
            self.varying.add(name)
            self.version.pop(name, None)
        self.rest.append(node)

    def add_constant(self, name: str, value: ast.expr) -> None:
        """Add a constant of this name and value to the first part."""
        self.is_costly |= _is_costly(value)
        self.local.add(name)
        self.first.append(ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), value))

    def is_constant(self, value: ast.expr) -> bool:
        """Return whether an expression is the same for all parameters, and depends on the run."""
        names = _names([value])
        return not names & self.varying and bool(names & self.local)

    def find_read_constants(self) -> list[str]:
        """Return the names of the constants that the rest reads, in the order in which they are computed."""
        read = _names(self.rest)
        made = [name.id for node in self.first for name in node.targets]  # type: ignore[attr-defined]
        return [name for name in made if name in read]


class _ConstantExtractor(ast.NodeTransformer):
    """A rewriter that moves the largest constant and costly expressions to the first part; a name takes their place.

    parts: both parts; the first one gets the constants.
    """

    def __init__(self, parts: _Parts):
        self.parts = parts

    def visit(self, node):
        """Return the node with its constant and costly expressions moved out: for each, a name, or a name != 0.

        A division by a constant becomes a product with its reciprocal.
        """
        number = isinstance(node, ast.expr) and not isinstance(node, ast.Tuple)
        if number and self.parts.is_constant(node) and _is_costly(node):
            truth, known = isinstance(node, ast.Compare | ast.BoolOp), self.parts.known
            name = known.setdefault(ast.unparse(node), f"_constant_{len(self.parts.first)}")
            if name not in self.parts.local:
                self.parts.add_constant(name, ast.IfExp(node, ast.Constant(1), ast.Constant(0)) if truth else node)
            made = ast.Compare(_name_node(name), [ast.NotEq()], [ast.Constant(0)]) if truth else _name_node(name)
            return ast.copy_location(made, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and self.parts.is_constant(node.right):
            reciprocal = ast.BinOp(ast.Constant(1), ast.Div(), node.right)
            node = ast.copy_location(ast.BinOp(node.left, ast.Mult(), ast.copy_location(reciprocal, node)), node)
        return self.generic_visit(node)


class _Renamer(ast.NodeTransformer):
    """A rewriter of names; ``names``: the new name by the old one; ``read``: True for the names that a tree reads."""

    def __init__(self, names: dict[str, str], read: bool):
        self.names, self.read = names, read

    def visit_Name(self, node):
        """Return the node under its new name."""
        if isinstance(node.ctx, ast.Load) or not self.read:
            node = ast.copy_location(ast.Name(self.names.get(node.id, node.id), node.ctx), node)
        return node


def _split_assignment(node: ast.stmt) -> list[ast.stmt]:
    """Return ``a, b = x, y`` as two statements where neither reads what the other writes; else the statement."""
    if not isinstance(node, ast.Assign):
        return [node]
    target, value = node.targets[0], node.value
    if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)) or len(target.elts) != len(value.elts):
        return [node]
    if _names([target], ast.Store) & _names([value]):
        return [node]
    pairs = zip(target.elts, value.elts, strict=True)
    return [ast.copy_location(ast.Assign([each], part), node) for each, part in pairs]


def _is_costly(value: ast.expr) -> bool:
    """Return True for an expression with a call, a power, a division or a remainder."""
    return any(
        isinstance(node, ast.Call) or (isinstance(node, ast.BinOp) and isinstance(node.op, _COSTLY))
        for node in ast.walk(value)
    )


def _names(nodes: list, context: type = ast.Load) -> set[str]:
    """Return the names that some nodes of a syntax tree read, or write for ``context`` ast.Store."""
    parts = (part for node in nodes for part in ast.walk(node))
    return {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, context)}


def _name_node(name: str) -> ast.Name:
    """Return the syntax tree's node that reads a name."""
    return ast.Name(name, ast.Load())


def _make_function(
    home: Callable, tree: ast.FunctionDef, part: str, names: tuple[str, ...], body: list, scope: dict
) -> Callable:
    """Return the function ``part`` of a rule with these arguments and statements, as if it stood in the rule's file."""
    made = ast.copy_location(ast.FunctionDef(f"{tree.name}_{part}", copy.deepcopy(tree.args), body, []), tree)
    made.args.args, made.args.defaults = [ast.arg(name) for name in names], []
    if hasattr(made, "type_params"):
        made.type_params = []
    return function_of(made, home, scope)


def inline_rules(rule: Callable, owner: str) -> tuple[ast.FunctionDef, dict]:
    """Return the syntax tree of a rule and its global names, with the inner rule of a wrapper in place of its call.

    The call stays if the inner rule branches. A rule may be wrapped more than once.
    """
    tree, scope = _SpelledOut().visit(function_tree(rule, owner)), dict(rule.__globals__)
    if "_inner" not in scope or not any(map(_calls_inner, tree.body)):
        return tree, scope
    inner, inner_scope = inline_rules(scope["_inner"], owner)
    if not has_no_branches(inner):
        return tree, scope
    at, call = next((i, node) for i, node in enumerate(tree.body) if _calls_inner(node))
    assert isinstance(call, ast.Assign | ast.Return) and isinstance(call.value, ast.Call)
    names = _names_inside(inner, call.value.args) | _names_of_its_file(inner, inner_scope, tree, scope)
    copied = [
        ast.Assign([ast.Name(names[argument.arg], ast.Store())], value)
        for argument, value in zip(inner.args.args, call.value.args, strict=True)
        if not (isinstance(value, ast.Name) and value.id == names[argument.arg])
    ]
    *body, last = (_Renamer(names, False).visit(node) for node in inner.body)
    result = ast.Assign(call.targets, last.value) if isinstance(call, ast.Assign) else last
    tree.body[at : at + 1] = [ast.copy_location(node, call) for node in (*copied, *body, result)]
    del scope["_inner"]
    return tree, scope


def has_no_branches(tree: ast.FunctionDef) -> bool:
    """Return True for a function of assignments to one target each and a return at the end."""
    *body, last = tree.body
    plain = all(isinstance(node, ast.Assign) and len(node.targets) == 1 for node in body)
    return plain and isinstance(last, ast.Return)


def _calls_inner(node: ast.stmt) -> bool:
    """Return whether a statement's value is the call of a wrapped rule."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") == "_inner"


def _names_inside(inner: ast.FunctionDef, values: list[ast.expr]) -> dict[str, str]:
    """Return the inner rule's arguments and variables as names of the outer function; values: what is passed to it.

    An argument that it never assigns to becomes the name that is passed; everything else gets a name of its own.
    """
    assigned = _names([inner], ast.Store)
    names = {name: f"_inside_{name}" for name in assigned}
    for argument, value in zip(inner.args.args, values, strict=True):
        same = isinstance(value, ast.Name) and argument.arg not in assigned
        names[argument.arg] = value.id if same else f"_inside_{argument.arg}"  # type: ignore[attr-defined]
    return names


def _names_of_its_file(inner: ast.FunctionDef, inner_scope: dict, tree: ast.FunctionDef, scope: dict) -> dict[str, str]:
    """Return new names, by the old ones, of the inner rule's globals with another meaning outside; extend ``scope``."""
    arguments = {argument.arg for argument in inner.args.args}
    outside = {argument.arg for argument in tree.args.args} | _names([tree], ast.Store)
    names = {}
    for name in _names([inner]) - _names([inner], ast.Store) - arguments:
        meant = inner_scope.get(name, getattr(builtins, name, None))
        if name in outside or scope.get(name, getattr(builtins, name, None)) is not meant:
            names[name] = f"_inside_{name}"
            scope[names[name]] = meant
    return names


class _SpelledOut(ast.NodeTransformer):
    """Rewrites ``a += b`` as ``a = a + b``."""

    def visit_AugAssign(self, node):
        """Return the assignment ``a = a + b`` for ``a += b``; other targets than names stay."""
        if not isinstance(node.target, ast.Name):
            return node
        name = node.target.id
        value = ast.copy_location(ast.BinOp(_name_node(name), node.op, node.value), node)
        return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), node)
