"""Values and code in the place of names in the expressions of ``equals``."""

import ast
import copy
from collections.abc import Mapping

from optbench.contract.errors import OptbenchError


def is_true(condition: ast.expr | None, values: Mapping[str, object]) -> bool:
    """Return whether a condition is true of some values; None always is.

    Raises OptbenchError where it divides by zero, overflows, or names what is not there.
    """
    if condition is None:
        return True
    tree = ast.fix_missing_locations(ast.Expression(copy.deepcopy(condition)))
    try:  # a plug-in is the user's own code anyway
        return bool(eval(compile(tree, "<equals>", "eval"), {"__builtins__": {"int": int}}, dict(values)))
    except (ArithmeticError, ValueError, TypeError, NameError) as error:
        raise OptbenchError(f"cannot decide {ast.unparse(condition)!r}: {error}") from None


def substitute(node: ast.expr, code: Mapping[str, str]) -> ast.expr:
    """Return an expression with code in the place of names; a name without code stays.

    Example:
        >>> import ast
        >>> ast.unparse(substitute(ast.parse("1 - beta1", mode="eval").body, {"beta1": "0.9"}))
        '1 - 0.9'
    """
    return ast.fix_missing_locations(_Substitution(code).visit(copy.deepcopy(node)))


class _Substitution(ast.NodeTransformer):
    def __init__(self, code: Mapping[str, str]):
        self.code = code

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(self.code[node.id], mode="eval").body if node.id in self.code else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Leave the called name as it is, and compute ``int(k)`` of a number."""
        node.args = [self.visit(each) for each in node.args]
        node.keywords = [ast.keyword(each.arg, self.visit(each.value)) for each in node.keywords]
        if isinstance(node.func, ast.Name) and node.func.id == "int" and isinstance(node.args[0], ast.Constant):
            return ast.Constant(int(float(str(node.args[0].value))))
        return node
