"""Problems -> compiled kernels of one explicit signature each, so that one compiled driver can call them all.

Arrays of a cohort, with ``runs`` lanes and ``k`` metrics: lanes form: w, g (dim, runs), out (1 + k, runs);
single form: w, g (runs, dim), out (runs, 1 + k). ``first`` and ``last`` bound the lanes of a call in single form.
"""

import ast
from functools import cache

from numba import int64, types, void

from optbench.compiler.translator import REALS, compile_tree, finish, translator
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import arguments


def _array(kind, ndim):
    return types.Array(kind, ndim, "C")


def gradient_signature(dtype: str):
    """(w, g, f, x, y, constants, layout, work, first, last)"""
    real = REALS[dtype]
    one, two = _array(real, 1), _array(real, 2)
    return void(two, two, one, two, one, one, _array(int64, 1), one, int64, int64)


def evaluate_signature(dtype: str):
    """(w, out, x, y, constants, layout, work)"""
    real = REALS[dtype]
    one, two = _array(real, 1), _array(real, 2)
    return void(two, two, two, one, one, _array(int64, 1), one)


_INPUTS = ("x", "y", "constants", "layout", "work")
_GRADIENT = ("w", "g", "f", *_INPUTS, "first", "last")
_EVALUATE = ("w", "out", *_INPUTS)


@cache
def gradient_kernel(function, form: str, dtype: str, owner: str):
    """``value_and_gradient`` behind the common signature. Raises PluginError where it does not compile."""
    own = _check_arguments(function, owner, ("w", "g", *(("f",) if form == "lanes" else ()), *_INPUTS), ("w", "g"))
    tree, namespace, key = translator(dtype).prepare(function, owner, _GRADIENT)
    if form == "single":
        inner, key = translator(dtype).translate(function, owner)
        call = ", ".join(f"{name}[r]" if name in "wg" else name for name in own)
        text = f"def NAME({', '.join(_GRADIENT)}):\n    for r in range(first, last):\n        f[r] = _inner({call})\n"
        tree, namespace = ast.parse(text).body[0], {"_inner": inner}
    return _build(tree, "value_and_gradient", function, namespace, key, gradient_signature(dtype), owner)


@cache
def evaluate_kernel(function, form: str, dtype: str, owner: str):
    """``evaluate`` behind the common signature. Raises PluginError where it does not compile."""
    own = _check_arguments(function, owner, _EVALUATE, ("w", "out"))
    tree, namespace, key = translator(dtype).prepare(function, owner, _EVALUATE)
    if form == "single":
        inner, key = translator(dtype).translate(function, owner)
        call = ", ".join(f"{name}[r]" if name in ("w", "out") else name for name in own)
        text = f"def NAME({', '.join(_EVALUATE)}):\n    for r in range(w.shape[0]):\n        _inner({call})\n"
        tree, namespace = ast.parse(text).body[0], {"_inner": inner}
    return _build(tree, "evaluate", function, namespace, key, evaluate_signature(dtype), owner)


def _check_arguments(function, owner, known, required) -> list[str]:
    own = arguments(function)
    strange = [name for name in own if name not in known]
    missing = [name for name in required if name not in own]
    if strange or missing:
        what = f"has the unknown argument {strange[0]!r}" if strange else f"lacks the argument {missing[0]!r}"
        raise PluginError(f"{owner}: {function.__name__} {what}; it may name {', '.join(known)}")
    return own


def _build(tree, name, home, namespace, key, signature, owner):
    function = compile_tree(tree, name, home, namespace, key + str(signature))
    return finish(function, signature, owner, home.__name__)
