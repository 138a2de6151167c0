"""A rule in two parts: what is the same for all parameters of a run, and the rest.

A rule is written for one parameter, so that a root, a power or a remainder of hyperparameters, of the step and of sums
stands in the innermost loop. Where the lanes are that loop the compiler cannot take it out, for each lane has its own.
Measured, float64, 64 lanes of 100 parameters: asgd 1,190 ns a lane with its power in the loop and 45 without, nadam
2,100 and 140, lookahead(gd) 640 and 50. Cheap arithmetic stays where it is: to read a number takes as long.

Nor may a strict compiler make a product with the reciprocal out of a division by a constant, for it rounds once more.
That is done here, for all kernels alike: Adam divides by both corrections of its bias, and takes 190 ns instead of 317.
A wrapped rule is taken apart with the rule inside (inlined.py), and so is what a rule adds up over all parameters: lamb
divides as often there, and prodigy took two roots of constants for every parameter.
"""

import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from optbench.compiler.inlined import inlined, is_plain
from optbench.contract.optimizers import Optimizer
from optbench.contract.source_code import function_of

_DEAR = (ast.Pow, ast.Mod, ast.Div, ast.FloorDiv)


@dataclass(frozen=True, eq=False)
class Split:
    """Such a rule; ``rest(w, g, *slots, lr, *scalars, *constants)`` returns what the rule does."""

    first: Callable
    """Of ``names``, which are arguments of the rule: the constants, a tuple of them or, where it is one, a number."""
    names: tuple[str, ...]
    rest: Callable
    count: int
    """How many constants there are."""


@cache
def split(record: Optimizer) -> Split | None:
    """The two parts of a rule; None where nothing dear is constant, or where it is more than assignments."""
    return _split(record, record.rule, *inlined(record.rule, f"optimizer {record.name}"))


@cache
def split_sum(record: Optimizer, function: Callable) -> Split | None:
    """The two parts of what a rule adds up over parameters, whose ``rest`` takes the function's arguments first."""
    return _split(record, function, *inlined(function, f"optimizer {record.name}"))


def _split(record: Optimizer, home: Callable, tree: ast.FunctionDef, scope: dict) -> Split | None:
    if not is_plain(tree):
        return None
    arguments = [argument.arg for argument in tree.args.args]
    parts = _Parts(arguments, {"w", "g", *record.own, *record.matrix})
    for node in tree.body:
        for each in _one_by_one(node):
            parts.take(each)
    if not parts.dear:
        return None
    made = parts.exports()
    names = tuple(name for name in arguments if name in _loads(parts.first))
    result = ast.Tuple([_load(name) for name in made], ast.Load()) if len(made) > 1 else _load(made[0])
    first = _function(home, tree, "constants", names, [*parts.first, ast.Return(result)], scope)
    rest = _function(home, tree, "rest", (*arguments, *made), parts.rest, scope)
    return Split(first, names, rest, len(made))


class _Parts:
    """The statements of both parts, which grow as a rule's are taken in order."""

    def __init__(self, arguments: list[str], varying: set[str]):
        self.local, self.varying = set(arguments), set(varying)
        self.version: dict[str, str] = {}
        """Of a name that a constant was assigned to: what it is called from there on, for it may be assigned again."""
        self.known: dict[str, str] = {}
        """The text of a constant expression -> its name."""
        self.first: list[ast.stmt] = []
        self.rest: list[ast.stmt] = []
        self.dear = False

    def take(self, statement: ast.stmt) -> None:
        """The next statement of the rule, which assigns or returns."""
        node = _Renamed(self.version).visit(copy.deepcopy(statement))
        value = node.value
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and self.constant(value):
            target = node.targets[0].id
            self.version[target] = f"_{target}_{len(self.first)}"
            self.keep(self.version[target], value)
            return
        node.value = _Outside(self).visit(value)
        for part in ast.walk(node.targets[0]) if isinstance(node, ast.Assign) else ():
            if isinstance(part, ast.Name):
                self.local.add(part.id)
                self.varying.add(part.id)
                self.version.pop(part.id, None)
        self.rest.append(node)

    def keep(self, name: str, value: ast.expr) -> None:
        """A constant of the first part."""
        self.dear |= _is_dear(value)
        self.local.add(name)
        self.first.append(ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), value))

    def constant(self, value: ast.expr) -> bool:
        """Whether nothing in it differs from parameter to parameter, and something from run to run."""
        names = _loads([value])
        return not names & self.varying and bool(names & self.local)

    def exports(self) -> list[str]:
        """The constants that the rest reads, in the order in which they are made."""
        read = _loads(self.rest)
        made = [name.id for node in self.first for name in node.targets]  # type: ignore[attr-defined]
        return [name for name in made if name in read]


class _Outside(ast.NodeTransformer):
    """The largest constant expressions that are dear -> names, whose values the first part makes."""

    def __init__(self, parts: _Parts):
        self.parts = parts

    def visit(self, node):
        number = isinstance(node, ast.expr) and not isinstance(node, ast.Tuple)
        if number and self.parts.constant(node) and _is_dear(node):
            truth, known = isinstance(node, ast.Compare | ast.BoolOp), self.parts.known
            name = known.setdefault(ast.unparse(node), f"_constant_{len(self.parts.first)}")
            if name not in self.parts.local:
                self.parts.keep(name, ast.IfExp(node, ast.Constant(1), ast.Constant(0)) if truth else node)
            made = ast.Compare(_load(name), [ast.NotEq()], [ast.Constant(0)]) if truth else _load(name)
            return ast.copy_location(made, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and self.parts.constant(node.right):
            reciprocal = ast.BinOp(ast.Constant(1), ast.Div(), node.right)
            node = ast.copy_location(ast.BinOp(node.left, ast.Mult(), ast.copy_location(reciprocal, node)), node)
        return self.generic_visit(node)


class _Renamed(ast.NodeTransformer):
    def __init__(self, version: dict[str, str]):
        self.version = version

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node.id in self.version:
            node.id = self.version[node.id]
        return node


def _one_by_one(node: ast.stmt) -> list[ast.stmt]:
    """``a, b = x, y`` as two statements, where neither reads what the other writes."""
    if not isinstance(node, ast.Assign):
        return [node]
    target, value = node.targets[0], node.value
    if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)) or len(target.elts) != len(value.elts):
        return [node]
    if {name.id for name in ast.walk(target) if isinstance(name, ast.Name)} & _loads([value]):
        return [node]
    pairs = zip(target.elts, value.elts, strict=True)
    return [ast.copy_location(ast.Assign([each], part), node) for each, part in pairs]


def _is_dear(value: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Call) or (isinstance(node, ast.BinOp) and isinstance(node.op, _DEAR))
        for node in ast.walk(value)
    )


def _loads(nodes: list) -> set[str]:
    """The names that are read."""
    return {
        node.id
        for each in nodes
        for node in ast.walk(each)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _function(
    home: Callable, tree: ast.FunctionDef, part: str, names: tuple[str, ...], body: list, scope: dict
) -> Callable:
    made = ast.copy_location(ast.FunctionDef(f"{tree.name}_{part}", copy.deepcopy(tree.args), body, []), tree)
    made.args.args, made.args.defaults = [ast.arg(name) for name in names], []
    if hasattr(made, "type_params"):
        made.type_params = []
    return function_of(made, home, scope)
