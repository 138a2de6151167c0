"""Plain functions of plug-in files -> compiled kernels that numba's cache finds again in the next process.

A function's source is taken with that of every helper it calls, its literals are typed, and the result is compiled
under the plug-in file's own name (numba's cache looks there for its folder and its stamp). The compiled name carries
a hash of all that source, so that a change in a helper's file or in this package can never find a stale kernel.
"""

import ast
import builtins
import hashlib
import inspect
from _ctypes import CFuncPtr
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numba
import numpy as np

from optbench.compiler import numba_compat
from optbench.compiler.fastmath import FASTMATH, IN_ORDER, REPLACED
from optbench.contract.errors import PluginError
from optbench.contract.source_code import function_of, function_tree, parse_source
from optbench.contract.types import DtypeName

# Kernels inline fastmath's functions: its text is part of what they were made from.
_USED = ("fastmath.py", "numba_compat.py", "numba_inside.py")
_BASE = "".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in _USED) + numba.__version__
REALS = {"float32": numba.float32, "float64": numba.float64}
OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": FASTMATH}
STRICT: dict[str, Any] = {"fastmath": False}
"""The option of functions compiled without fast math, such as the loops that call kernels."""


def jit(function: Callable, signature: Any = None, **options: Any) -> Any:
    """Return a function compiled by numba.njit with this package's options, which ``options`` override.

    It is cached on disk where possible. Without a ``signature`` it is for kernels only: it has no wrapper for calls
    from Python.
    """
    if not numba_compat.is_compiling():
        return function if signature is None else np.errstate(all="ignore")(function)  # no kernel warns
    own = numba_compat.options().helper if signature is None else numba_compat.options().entrance
    options = OPTIONS | own | options
    kernel = numba_compat.cached(lambda **more: numba.njit(**options, **more), function)
    if signature is not None:
        kernel.compile(signature)
        kernel.disable_compile()
    return kernel


def compile_tree(tree: ast.FunctionDef | str, name: str, home: Callable, namespace: dict, key: str) -> FunctionType:
    """Return the function of a tree or text, as if it stood in ``home``'s file.

    It is called ``name`` with a hash of its source and ``key``. ``namespace``: the values of its global names.
    """
    if isinstance(tree, str):
        (definition,) = parse_source(tree).body
        assert isinstance(definition, ast.FunctionDef)
        tree = definition
    tree.name = "NAME"
    digest = hashlib.sha256(
        f"{ast.unparse(tree)}{key}{home.__module__}{_BASE}{numba_compat.is_plain()}".encode()
    ).hexdigest()[:12]
    tree.name = f"{name}_{digest}"
    return function_of(tree, home, namespace)


class Translator:
    """A compiler of plug-in functions for one dtype, which compiles every function once.

    ``whole_literals``: convert integer literals of the function to that dtype, too (as in a rule's ``1 - beta``).
    ``compile``, ``replaced`` and ``rewrite(tree, namespace, scope)`` are for targets other than the CPU: the compiler
    in place of :func:`jit`, the stand-ins in place of REPLACED, and a change of a function's tree. ``mark``: a part of
    every cache key, which keeps apart what is compiled from the same tree in different ways.
    """

    def __init__(
        self,
        dtype: DtypeName,
        whole_literals: bool = False,
        compile: Callable[..., Callable] = jit,
        replaced: Mapping[Callable, Callable] | None = None,
        rewrite: Callable[..., ast.FunctionDef] | None = None,
        mark: str = "",
    ):
        """Begin with no function compiled."""
        self.dtype, self.real, self.real_type = dtype, np.dtype(dtype).type, REALS[dtype]
        self.whole_literals = whole_literals
        self.compile, self.rewrite, self.mark = compile, rewrite or _use_blas, mark
        self.replaced: Mapping = REPLACED[dtype] if replaced is None else replaced
        self.made: dict[Callable, tuple[Callable, str]] = {}

    def translate(self, function: Callable, owner: str) -> tuple[Callable, str]:
        """Return the compiled function and a key, the text of all source it was made from. Raises PluginError."""
        if function not in self.made:
            tree, namespace, key = self.prepare(function, owner)
            compiled = compile_tree(tree, function.__name__, function, namespace, key)
            self.made[function] = self.compile(compiled), ast.unparse(tree) + key
        return self.made[function]

    def prepare(
        self, function: Callable, owner: str, arguments: tuple[str, ...] = ()
    ) -> tuple[ast.FunctionDef, dict[str, Any], str]:
        """Return the typed syntax tree of a function, the values of its global names, and a key of its helpers.

        Lines keep their numbers, for coverage and tracebacks. ``arguments``: the argument list to give the function;
        it ignores those that it does not name. Raises PluginError for a function inside another one.
        """
        if function.__closure__:
            raise PluginError(f"{owner}: {function.__name__} must be a function of the file, not of another function")
        tree = function_tree(function, owner)
        namespace, key = {"_real": self.real}, [self.real.__name__ + self.mark]
        for name in sorted(_global_names(function.__code__)):
            if name not in function.__globals__:
                if not hasattr(builtins, name):
                    continue  # an attribute, or numba will say that it is unknown
                value = getattr(builtins, name)
            else:
                value = function.__globals__[name]
            if isinstance(value, CFuncPtr):  # it has no hash, and no source
                text = f"{owner}: {function.__name__} uses {name!r}, a function of ctypes, which cannot be compiled"
                raise PluginError(f"{text}: use those of Python, math and NumPy")
            if callable(value) and value in self.replaced:
                value = self.replaced[value]
            else:
                value = getattr(value, "py_func", value)  # a helper that its author compiled: its source counts, too
            if isinstance(value, FunctionType) and value is not function:
                value, source = self.translate(value, owner)
                key.append(source)
            elif isinstance(value, bool | int | float | str | tuple | np.generic | np.ndarray):
                key.append(_constant_text(name, value))
                value = self._convert_constant(value)
            else:  # math's, NumPy's: a file may change which of them it means by a name
                key.append(f"{name}={getattr(value, '__module__', '')}.{getattr(value, '__name__', '')}")
            namespace[name] = value
        key += [
            _constant_text(ast.unparse(node), value)
            for node in ast.walk(tree)
            if isinstance(value := module_attribute(node, function.__globals__), int | float | np.generic | np.ndarray)
        ]
        tree = _TypeLiterals(self.whole_literals, function.__globals__).visit(tree)
        tree = self.rewrite(tree, namespace, function.__globals__)
        if arguments:
            own = {argument.arg for argument in tree.args.args}
            tree.args.args = [ast.arg(name if name in own else f"_no_{name}") for name in arguments]
        return tree, namespace, "".join(key)

    def _convert_constant(self, value: Any) -> Any:
        """Return a global name's value in the kernel's dtype; integers stay, as indices, unless ``whole_literals``."""
        if isinstance(value, tuple):
            return tuple(self._convert_constant(item) for item in value)
        kind = np.asarray(value).dtype.kind
        if kind == "f" or (kind in "iu" and self.whole_literals):
            return value.astype(self.real) if isinstance(value, np.ndarray) else self.real(value)
        return value


@cache
def translator(dtype: DtypeName, whole_literals: bool = False, parts: bool = False, strict: bool = False) -> Translator:
    """Return the translator of a dtype, cached, so that functions common to several rules are compiled once.

    ``parts``: compile functions as parts of the kernel that calls them; ``strict``: these without fast math.
    """
    if parts:
        compile = numba.njit(**OPTIONS | numba_compat.options().part | (STRICT if strict else {}))
        return Translator(dtype, whole_literals, compile, mark=" strict part" if strict else " part")
    if whole_literals:
        return Translator(dtype, whole_literals, partial(jit, fastmath=IN_ORDER), mark=" in order")
    return Translator(dtype)


def _global_names(code: CodeType) -> set[str]:
    """Return all global names that a code object, or one inside it, refers to."""
    inner = (_global_names(const) for const in code.co_consts if inspect.iscode(const))
    return set(code.co_names).union(*inner)


def module_attribute(node: ast.AST, scope: Mapping[str, Any]) -> Any:
    """Return the value of an expression ``module.name``; None for any other; scope: the values of global names."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    module = scope.get(node.value.id)
    return getattr(module, node.attr, None) if isinstance(module, ModuleType) else None


def _constant_text(name: str, value: Any) -> str:
    """Return a constant's name and value as a text for a key, in full."""
    return (
        f"{name}={value.dtype}{value.shape}{value.tobytes()!r}"
        if isinstance(value, np.ndarray)
        else f"{name}={value!r}"
    )


def _use_blas(tree: ast.FunctionDef, namespace: dict[str, Any], scope: dict[str, Any]) -> ast.FunctionDef:
    """Return the tree with `multiply` of numba_compat.py, which calls BLAS, for ``np.matmul(a, b, out)``.

    namespace: gets that function; scope: the values of the function's global names.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) == 3 and module_attribute(node.func, scope) is np.matmul:
            node.func = ast.copy_location(ast.Name("_multiply", ast.Load()), node.func)
            namespace["_multiply"] = numba_compat.multiply()
    return tree


class _TypeLiterals(ast.NodeTransformer):
    """A rewriter of literals such as ``2.0`` as numbers of the kernel's dtype; numba would use float64 everywhere."""

    def __init__(self, whole: bool, scope: dict):
        self.kinds, self.scope = (int, float) if whole else (float,), scope

    def visit_Constant(self, node):
        """Return a call that converts the literal."""
        if type(node.value) not in self.kinds:
            return node
        return ast.copy_location(ast.Call(ast.Name("_real", ast.Load()), [node], []), node)

    def visit_Attribute(self, node):
        """Return a number of a module as a literal; other attributes stay."""
        number = module_attribute(node, self.scope)
        if type(number) is float:  # math.pi
            return self.visit_Constant(ast.copy_location(ast.Constant(number), node))
        return self.generic_visit(node)

    def visit_BinOp(self, node):
        """Leave whole exponents as they are: g ** 2 stays a product, where a real exponent would be a call of pow."""
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant):
            if type(node.right.value) is float and node.right.value.is_integer():
                node.right = ast.copy_location(ast.Constant(int(node.right.value)), node.right)
            node.left = self.visit(node.left)
            node.right = node.right if type(node.right.value) is int else self.visit(node.right)
            return node
        return self.generic_visit(node)

    def visit_Subscript(self, node):
        """Leave the index as it is: it must stay a whole number."""
        node.value = self.visit(node.value)
        return node

    def visit_Call(self, node):
        """Leave the arguments of range, int and len as they are."""
        if isinstance(node.func, ast.Name) and node.func.id in ("range", "int", "len"):
            return node
        return self.generic_visit(node)
