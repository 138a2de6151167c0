"""Products that are added to something, rounded once: the machine's multiply-add, at places that the source decides.

LLVM fuses products and sums by itself only where it may do so anywhere, and then as each kernel's surroundings suggest:
the same function had other last bits in a fused kernel than by itself. Here the tree says which product is taken into
which sum, so every kernel of a function computes the same. Rosenbrock with gd, one lane, waits for 12 cycles a step
instead of 18. Where a machine has no such operation it multiplies and adds, as before.
"""

import ast
from collections.abc import Callable
from typing import Any, TypeGuard

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload


def added(a: Any, b: Any, c: Any) -> Any:
    """a b + c"""
    return a * b + c


def reduced(a: Any, b: Any, c: Any) -> Any:
    """a b - c"""
    return a * b - c


def taken(a: Any, b: Any, c: Any) -> Any:
    """c - a b"""
    return c - a * b


def _at_once(negated: int | None) -> Callable:
    """The intrinsic of these three, with the argument at place ``negated`` negated.

    When it breaks: "llvm.fmuladd" in LLVM's language reference.
    """

    @intrinsic
    def at_once(context, a, b, c):
        def generate(context, builder, signature, arguments):
            values = [builder.fneg(v) if k == negated else v for k, v in enumerate(arguments)]
            kind = values[0].type
            function = builder.module.declare_intrinsic("llvm.fmuladd", [kind], ir.FunctionType(kind, [kind] * 3))
            return builder.call(function, values)

        return a(a, b, c), generate

    return at_once


def _compiled(function: Callable, plain: Callable, negated: int | None) -> None:
    once = _at_once(negated)

    @overload(function, jit_options={"forceinline": True, "fastmath": False})
    def chosen(a, b, c):
        real = isinstance(a, types.Float) and a == b == c
        return (lambda a, b, c: once(a, b, c)) if real else plain  # of whole numbers and arrays


_compiled(added, lambda a, b, c: a * b + c, None)
_compiled(reduced, lambda a, b, c: a * b - c, 2)
_compiled(taken, lambda a, b, c: c - a * b, 0)
NAMES = {"_added": added, "_reduced": reduced, "_taken": taken}


class MultiplyAdds(ast.NodeTransformer):
    """``a * b + c`` by the functions of NAMES; of two products the right one, which as a rule is known later."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = node.left, node.right
        if not isinstance(node.op, ast.Add | ast.Sub):
            return node
        if _is_product(right):
            name, (a, b), c = "_added" if isinstance(node.op, ast.Add) else "_taken", (right.left, right.right), left
        elif _is_product(left):
            name, (a, b), c = "_added" if isinstance(node.op, ast.Add) else "_reduced", (left.left, left.right), right
        else:
            return node
        return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), [a, b, c], []), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Add | ast.Sub) or not _is_product(node.value):
            return node
        name = "_added" if isinstance(node.op, ast.Add) else "_taken"
        was = ast.parse(ast.unparse(node.target), mode="eval").body
        value = ast.Call(ast.Name(name, ast.Load()), [node.value.left, node.value.right, was], [])
        return ast.fix_missing_locations(ast.copy_location(ast.Assign([node.target], value), node))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        node.value = self.visit(node.value)  # places are whole numbers
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in ("range", "int", "len"):
            return node
        return self.generic_visit(node)


def _is_product(node: ast.expr) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
