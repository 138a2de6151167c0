"""Compile by numba's inside, which is quicker, or in plain mode by its documented interface alone.

In plain mode everything works and gives the same numbers to 1e-9; a step takes up to ten times as long, and a kernel
three times as long to compile. OPTBENCH_PLAIN=1 asks for it. It is chosen, after one warning, where the self-test of
numba_inside.py fails, as it may with a numba that nobody has tried. NUMBA_DISABLE_JIT=1 implies it.

Each function below has a fast way, in numba_inside.py, and a plain one. The job is a sweep of logistic and mlp with
Adam (16 rates, 2 seeds, 1,500 steps, one worker, numba 0.68): 18.9 s of CPU time with an empty cache, 3.6 s with a full
one. Each way was taken out once, on a machine with other work: less than 15% of the job may be noise. A step is that of
a kernel measured alone, before.

=======================  ==================================================  =========================================
inside                   what it buys                                        plain mode
=======================  ==================================================  =========================================
``multiply``             70% of the job with an empty cache, 20% of the       ``np.dot`` of contiguous copies
                         other: half of the largest product of a network
no wrappers              15 to 19% of the job with an empty cache            two wrappers for every function
noalias                  13% of the job with either; a step of 64 lanes 2%+  a check at run time
LinkedLibrary            11% of the job with an empty cache                  machine code of every helper
no counts of views       10% of the job with an empty cache; a step 10%+     numba counts every view
wide vectors, Vectors    nothing of this job; a step of 64 lanes 28%, and    LLVM's own choice
                         the small functions of one kernel fivefold
OwnCode                  the same last bits at a first and a later start     equal to 1e-9 alone
guarded files            one writer at a time; a warm command 0.3 of 2 s     numba's loader
``callee``               a call of the loop 30 to 60 us                      the kernel as a first-class function
``with_one_lane``        a step of one lane of softmax 60%                   the array as it is; of ``column``, too
=======================  ==================================================  =========================================
"""

import operator
import os
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import config, types
from numba.extending import intrinsic, register_jitable

from optbench.compiler import kernel_files


class Options(NamedTuple):
    """Options of numba.njit for each kind of function; in plain mode none."""

    helper: dict[str, Any] = {}
    """A function that kernels call."""
    entrance: dict[str, Any] = {}
    """A function that Python calls."""
    kernel: dict[str, Any] = {}
    """A function that other compiled code calls by its address, with arrays that do not overlap."""
    part: dict[str, Any] = {}
    """A function that is compiled as one with the kernel that calls it."""
    vectors: dict[str, Any] = {}
    """A kernel of such parts, whose loops over lanes become vectors."""
    noalias: dict[str, Any] = {}
    """The promise that no two arrays of a function share memory."""


def is_compiling() -> bool:
    """Return whether numba compiles at all: not with NUMBA_DISABLE_JIT=1."""
    return not config.DISABLE_JIT


@cache
def inside() -> Any:
    """Return the module numba_inside; None in plain mode, with a warning if its self-test is why."""
    if os.environ.get("OPTBENCH_PLAIN", "") not in ("", "0") or not is_compiling():
        return None
    try:
        from optbench.compiler import numba_inside

        numba_inside.self_test()
    except Exception as error:  # whatever a numba does that nobody has tried
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        warnings.warn(
            f"numba {numba.__version__} is not as optbench knows it ({reason}): kernels are compiled in plain mode, "
            "which is slower",
            RuntimeWarning,
            2,
        )
        return None
    return numba_inside


def is_plain() -> bool:
    """Return whether only numba's documented interface is used."""
    return inside() is None


@cache
def options() -> Options:
    """Return the options of numba.njit for each kind of function."""
    fast = inside()
    if fast is None:
        return Options()
    noalias = fast.noalias()
    kernel, vectors = fast.CALLED_INSIDE | noalias, {"pipeline_class": fast.Vectors}
    return Options(fast.INSIDE, fast.ENTRANCE, kernel, fast.PART, vectors, noalias)


IN_NO_FILE = "<function>"
_NOT_CACHED = (IN_NO_FILE, "<dynamic-code>")
"""Files of code whose kernels are not cached, since this process alone knows what it was made from: that of a user's
function, and that of what cloudpickle brings."""


def cached(decorate: Callable[..., Any], function: Callable) -> Any:
    """Return ``decorate(cache=True)(function)``, not yet compiled; without the cache where there is no place for one.

    numba tells that by the words of a RuntimeError alone, and by no kind of its own.
    """
    if function.__code__.co_filename in _NOT_CACHED:
        return decorate()(function)
    try:
        kernel = decorate(cache=True)(function)
    except (RuntimeError, OSError) as error:
        if isinstance(error, RuntimeError) and "cannot cache" not in str(error):
            raise
        kernel_files.warn_once(
            f"there is no folder in which compiled kernels of {function.__code__.co_filename} can be kept"
        )
        return decorate()(function)
    if fast := inside():
        fast.guard_files(kernel)
    return kernel


def callee(kernel: Any, signature: Any) -> Any:
    """Return what a compiled loop takes to call a kernel that was compiled for ``signature``: its address."""
    return fast.address(kernel, signature) if (fast := inside()) else kernel


def callee_type(signature: Any) -> Any:
    """Return numba's type of the values that `callee` returns for kernels with this signature."""
    return types.FunctionType(signature) if is_plain() else types.int64


def function_at(signature_of: Callable[[str], Any]) -> Callable:
    """Return ``at(callee, array)`` for compiled loops: the function to call, whose first argument is an array.

    ``signature_of`` gives its signature by the array's dtype.
    """
    fast = inside()
    return fast.function_at(signature_of) if fast else register_jitable(lambda callee, array: callee)


def may_overflow(function: Any) -> bool:
    """Return True if a compiled function may make integers too large for 64 bits, where Python's have no end.

    Those are integers made of floating point numbers, and such as grow without being counted: by ``*=``, by ``<<``, and
    by powers whose exponent is computed. NumPy's own integers overflow in Python as well.
    """
    return any(_may_overflow(each.type_annotation) for each in function.overloads.values())


def _may_overflow(typed: Any) -> bool:
    """Return True if one of the calls and operations of a function, as numba types it, may overflow."""
    for expression, signature in typed.calltypes.items():
        kind, result = getattr(expression, "op", ""), getattr(signature, "return_type", None)
        if not any(isinstance(each, types.Integer) for each in getattr(result, "types", (result,))):
            continue
        if kind == "call":
            called = getattr(typed.typemap[expression.func.name], "typing_key", None)
            is_of_numpy = (getattr(called, "__module__", None) or "").startswith("numpy")
            given = types.Number if called is int else types.Float
            if not is_of_numpy and any(isinstance(each, given) for each in signature.args):
                return True
        elif kind == "inplace_binop" and expression.fn in (operator.imul, operator.ipow, operator.ilshift):
            return True
        elif kind == "binop" and expression.fn in (operator.pow, operator.lshift):  # noqa: SIM102  as those above
            if not isinstance(typed.typemap[expression.rhs.name], types.Literal):
                return True
    return False


@register_jitable
def _same(array: np.ndarray) -> np.ndarray:
    """Return the array."""
    return array


@register_jitable
def _dot(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write the product of a and b into ``out``."""
    out[:, :] = np.dot(np.ascontiguousarray(a), np.ascontiguousarray(b))


def with_one_lane() -> Callable:
    """Return ``with_one_lane(array)`` for kernels: the same array, whose last axis the compiler knows to be 1."""
    return fast.with_one_lane if (fast := inside()) else _same


@register_jitable
def _row_as_column(array: np.ndarray, r: int) -> np.ndarray:
    """Return row ``r`` as a column."""
    return array[r].reshape(-1, 1)


@cache
def column() -> Callable:
    """Return ``column(array, r)`` for kernels: row ``r`` as an array (n, 1), whose last size the compiler knows."""
    if not (fast := inside()):
        return _row_as_column
    view, with_one = intrinsic(fast.view), fast.with_one_lane
    return register_jitable(lambda array, r: with_one(view(array[r], (array.shape[1], 1))))


def multiply() -> Callable:
    """Return ``multiply(a, b, out)`` for kernels: ``np.matmul``, which numba has of whole arrays only."""
    return fast.multiply if (fast := inside()) else _dot
