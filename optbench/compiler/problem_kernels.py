"""Problems -> compiled kernels of one explicit signature each, so that one compiled driver can call them all.

Their arguments are GradientArguments and EvaluateArguments of contracts.py.
"""

import ast
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numba

from optbench.compiler import numba_compat
from optbench.compiler.contracts import EvaluateArguments, GradientArguments
from optbench.compiler.kernels import Kernel, compile_kernel
from optbench.compiler.signatures import call, names, signature
from optbench.compiler.translator import OPTIONS, STRICT, compile_tree, translator
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import arguments
from optbench.contract.types import DtypeName, Form

gradient_signature = partial(signature, GradientArguments)
evaluate_signature = partial(signature, EvaluateArguments)
_CALL = ("first", "last")
"""Arguments of the kernel that are not passed on to a problem's function."""


@cache
def gradient_kernel(
    function: Callable, form: Form, dtype: DtypeName, owner: str, one: bool = False, strict: bool = False
) -> Kernel:
    """Return the kernel of ``value_and_gradient`` with the signature of all problems.

    ``one``: True for a kernel in lanes form that is called with a single lane. ``strict``: True for one in lanes form
    whose results must not depend on the number of lanes: no operation is reordered or contracted. Raises PluginError
    where the function does not compile.
    """
    hidden = _CALL if form == "lanes" else ("f", *_CALL)
    own = _check_arguments(function, owner, [a for a in GradientArguments._fields if a not in hidden], ("w", "g"))
    head, kind = f"def NAME({names(GradientArguments)}):", gradient_signature(dtype)
    if form == "lanes":
        # Around another one, that one's function is a helper, whose operations must keep their order, too.
        parts = translator(dtype, parts=True, strict=strict and hasattr(function, "inner"))
        tree, namespace, key = parts.prepare(function, owner, GradientArguments._fields)
        part = compile_tree(tree, "gradient", function, namespace, key)
        order: dict[str, Any] = STRICT if strict else {}
        taken = {name: f"_with_one_lane({name})" for name in "wgf" if one}
        namespace = {
            "_inner": numba.njit(**OPTIONS | order | numba_compat.options().part)(part),
            "_with_one_lane": numba_compat.with_one_lane(),
        }
        text, key = f"{head}\n    {call(GradientArguments, '_inner', **taken)}\n", part.__name__
        key, options = f"{key}{order}", numba_compat.options().vectors | order
    else:
        inner, key = _inner_function(function, dtype, owner)
        values = ", ".join(f"{name}[r]" if name in "wg" else name for name in own)
        text = f"{head}\n    for r in range(first, last):\n        f[r] = _inner({values})\n"
        namespace, options = {"_inner": inner}, {}
    return _compile_source(text, "value_and_gradient", function, namespace, key, kind, owner, options)


@cache
def evaluate_kernel(function: Callable, form: Form, dtype: DtypeName, owner: str) -> Kernel:
    """Return the kernel of ``evaluate`` with the signature of all problems. Raises PluginError if it fails."""
    own = _check_arguments(function, owner, EvaluateArguments._fields, ("w", "out"))
    tree: ast.FunctionDef | str
    if form == "single":
        inner, key = _inner_function(function, dtype, owner)
        values = ", ".join(f"{name}[r]" if name in ("w", "out") else name for name in own)
        tree = f"def NAME({names(EvaluateArguments)}):\n    for r in range(w.shape[0]):\n        _inner({values})\n"
        namespace: dict[str, Any] = {"_inner": inner}
    else:
        tree, namespace, key = translator(dtype).prepare(function, owner, EvaluateArguments._fields)
    return _compile_source(tree, "evaluate", function, namespace, key, evaluate_signature(dtype), owner, {})


def _inner_function(function: Callable, dtype: DtypeName, owner: str) -> tuple[Callable, str]:
    """Return a function in single form, compiled, and a key of its source; one that numba has compiled as it is."""
    if compiled := getattr(function, "compiled", None):
        return compiled, ""
    return translator(dtype).translate(function, owner)


def _check_arguments(function: Callable, owner: str, known: Sequence[str], required: Sequence[str]) -> list[str]:
    """Return the argument names of a function; raise PluginError for one not in known, or a missing one of required."""
    own = arguments(function)
    strange = [name for name in own if name not in known]
    missing = [name for name in required if name not in own]
    if strange or missing:
        what = f"has the unknown argument {strange[0]!r}" if strange else f"lacks the argument {missing[0]!r}"
        raise PluginError(f"{owner}: {function.__name__} {what}; it may name {', '.join(known)}")
    return own


def _compile_source(tree, name, original, namespace, key, signature, owner, options):
    """Return the kernel of a syntax tree or a text; raise PluginError if it does not compile.

    name: of the kernel; original: the problem's function, in whose file it counts as written; key: a text that tells
    it from kernels of the same source; owner: the words for the problem in messages; options: of numba.
    """
    function = compile_tree(tree, name, original, namespace, key + str(signature))
    return compile_kernel(function, signature, owner, original.__name__, **options)
