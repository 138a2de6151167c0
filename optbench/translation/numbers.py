"""The texts of ``equals`` with numbers for their names."""

import ast
import copy
from collections.abc import Mapping

from optbench.contract.errors import OptbenchError


class Numbers:
    """Numbers for the names of a text.

    Args:
        numbers: by name; a name without one stays in the code as it is.

    Example:
        >>> import ast
        >>> Numbers({"beta1": 0.9}).code(ast.parse("1 - beta1", mode="eval").body)
        '1 - 0.9'
    """

    def __init__(self, numbers: Mapping[str, object]):
        self.numbers = dict(numbers)

    def holds(self, condition: ast.expr | None) -> bool:
        """Whether a condition is true.

        Args:
            condition: None is always true.

        Returns:
            The answer.

        Raises:
            OptbenchError: it divides by zero, overflows, or names what is not there.
        """
        if condition is None:
            return True
        tree = ast.fix_missing_locations(ast.Expression(copy.deepcopy(condition)))
        try:  # a plug-in is the user's own code anyway
            return bool(eval(compile(tree, "<equals>", "eval"), {"__builtins__": {"int": int}}, self.numbers))
        except (ArithmeticError, ValueError, TypeError, NameError) as error:
            raise OptbenchError(f"cannot decide {ast.unparse(condition)!r}: {error}") from None

    def code(self, node: ast.expr) -> str:
        """An expression with numbers in the place of names.

        Args:
            node: the expression.

        Returns:
            Python code.
        """
        return ast.unparse(self.placed(node))

    def placed(self, node: ast.expr) -> ast.expr:
        """The same as a tree.

        Args:
            node: the expression.

        Returns:
            A new tree.
        """
        return ast.fix_missing_locations(_Placed(self.numbers).visit(copy.deepcopy(node)))


class _Placed(ast.NodeTransformer):
    def __init__(self, numbers: Mapping[str, object]):
        self.numbers = numbers

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A value by name."""
        if node.id not in self.numbers:
            return node
        return ast.parse(repr(self.numbers[node.id]), mode="eval").body

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """``int(k)`` of a number is that number; what is called is no value."""
        node.args = [self.visit(part) for part in node.args]
        node.keywords = [ast.keyword(each.arg, self.visit(each.value)) for each in node.keywords]
        if isinstance(node.func, ast.Name) and node.func.id == "int" and isinstance(node.args[0], ast.Constant):
            return ast.Constant(int(float(str(node.args[0].value))))
        return node
