"""Plain functions of plug-in files -> device functions, from the same source as the CPU's.

What a GPU's threads cannot call has a stand-in: ``np.dot(a, b, out)`` and np.matmul become loops, and
``array.reshape(...)`` a view that may have a stride, so that lanes can lie side by side in memory and their loads
coalesce.
"""

import ast
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from optbench.compiler import cuda, cuda_inside
from optbench.compiler.translator import Translator, module_attribute
from optbench.contract.types import DtypeName

_FUNCTIONS = "sqrt exp expm1 log log1p sin cos tan tanh sinh cosh atan atan2 floor".split()


def _replaced() -> dict:
    """Return the stand-ins by the function: math's for NumPy's, which kernels lack.

    In the simulator it is the other way round, since math's functions raise where a GPU gives inf or NaN.
    """
    pairs = [(getattr(math, name), getattr(np, name.replace("atan", "arctan"))) for name in _FUNCTIONS]
    return dict(pairs) if cuda.SIMULATED else {n: m for m, n in pairs}


def dot(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write the product of the matrices a and b into out."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            out[i, j] = total


def larger(a: float, b: float) -> float:
    """Return max(a, b), which CUDA kernels have for floats only."""
    return b if b > a else a


def smaller(a: float, b: float) -> float:
    """Return min(a, b)."""
    return b if b < a else a


root = np.sqrt if cuda.SIMULATED else math.sqrt
shaped = cuda_inside.strided_view(cuda.SIMULATED)


class _Rewrite(ast.NodeTransformer):
    """A rewriter of calls that the GPU lacks: puts stand-ins in their place and adds these to the function's names."""

    def __init__(self, translate: Callable, namespace: dict[str, Any], scope: Mapping[str, Any]):
        self.translate, self.namespace, self.scope = translate, namespace, scope

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Return a call of the function's stand-in; the call itself if there is none."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name):
            if node.func.id in _PICKED and node.func.id not in self.scope and len(node.args) == 2:
                self._replace_callee(node, _PICKED[node.func.id])
        elif module_attribute(node.func, self.scope) in (np.dot, np.matmul):
            self._replace_callee(node, dot)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "reshape":
            self.namespace["_shaped"] = shaped
            shape = ast.Tuple(node.args, ast.Load())
            node = ast.copy_location(ast.Call(ast.Name("_shaped", ast.Load()), [node.func.value, shape], []), node)
        return node

    def _replace_callee(self, node: ast.Call, function: Callable) -> None:
        """Let a call's node call this function instead, under a name that the namespace gets."""
        label = f"_{function.__name__}"
        self.namespace[label] = self.translate(function, label)[0]
        node.func = ast.copy_location(ast.Name(label, ast.Load()), node.func)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Return the name of the stand-in for a function of a module, such as ``np.exp``; other nodes as they are."""
        self.generic_visit(node)
        known = module_attribute(node, self.scope)
        if callable(known) and known in _REPLACED:  # np.exp(x) or math.exp(x)
            label = f"_{known.__name__}"
            self.namespace[label] = _REPLACED[known]
            return ast.copy_location(ast.Name(label, ast.Load()), node)
        return node


_REPLACED = _replaced()
_PICKED = {"max": larger, "min": smaller}


@cache
def translator(dtype: DtypeName, whole_literals: bool = False) -> Translator:
    """Return the translator of a dtype for device functions; arguments as for the CPU's translator."""

    def rewrite(tree, namespace, scope):
        return _Rewrite(made.translate, namespace, scope).visit(tree)

    made = Translator(dtype, whole_literals, cuda.jit, _REPLACED, rewrite)
    return made
