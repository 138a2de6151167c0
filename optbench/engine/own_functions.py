"""A function of the user's own compiled by Numba: where that is possible, its runs are many times as fast."""

import dis
import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from types import CellType, FunctionType
from typing import Any

import numba
import numpy as np

from optbench.catalogue.functions import Parts, difference_gradient, parts_of
from optbench.compiler.numba_compat import IN_NO_FILE, is_compiling, is_plain, may_overflow
from optbench.contract.problems import Problem

# Bounds checks: an index out of range ends the run, as in Python. Measured, they cost less than the noise of 10%.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": True}
# Relative difference of values and gradients, compiled and not: sums in another order, and what differences make of it.
_CLOSE = 1e-6
_MOST_DEPTH = 5
"""Functions that call each other: deeper ones are not looked at, and nothing is compiled."""


def compile_function(problem: Problem) -> Problem:
    """Return a problem of the user's function with compiled functions; unchanged where that is not possible.

    Not compiled is what Numba refuses, what raises errors (compiled code would lose them), what makes integers of
    numbers (compiled ones overflow, and Python's do not), and what computes other numbers, compiled, at the start point
    and beside it.
    """
    parts = parts_of(problem)
    if parts is None or not problem.eager or not is_compiling() or is_plain():
        return problem
    if not all(_is_plain_code(each) for each in (parts.f, parts.gradient) if each is not None):
        return problem
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made: list[Any] = []
            gradient, evaluate = _compile(parts, made)
            start = np.asarray(problem.start(np.random.default_rng(0)), dtype=np.float64)
            for w in (start, start + 0.01 * np.maximum(1.0, np.abs(start))):
                _compare(problem, gradient, evaluate, w)
        if any(map(may_overflow, made)):
            return problem
    except Exception:  # numba raises many kinds
        return problem
    own = _attach(problem.value_and_gradient, gradient, parts=parts)
    return replace(problem, value_and_gradient=own, evaluate=_attach(problem.evaluate, evaluate), eager=False)


def _attach(function: Any, compiled: Callable, **more: Any) -> FunctionType:
    """Return a copy of a problem's function with its compiled form as an attribute, in no file: it is not cached."""
    code = function.__code__.replace(co_filename=IN_NO_FILE)
    copy = FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)
    vars(copy).update(compiled=compiled, **more)
    return copy


def _compile(parts: Parts, made: list[Any]) -> tuple[Callable, Callable]:
    """Return a problem's ``value_and_gradient`` and ``evaluate``, for numba to compile when they are called.

    made: gets the user's functions, for numba to compile.
    """
    f, args, has_both = _jit(parts.f, made), parts.args, parts.has_both
    slope: Any = None if parts.gradient is None else _jit(parts.gradient, made)

    def value_at(x):
        """Return the value; the function may change its argument."""
        return f(x.copy(), *args)

    def by_both(w, g):
        """Return the value, and write the gradient that comes with it."""
        value, own = f(w.astype(np.float64), *args)
        g[:] = own
        return float(value)

    def by_gradient(w, g):
        """Return the value, and write the gradient that is given."""
        g[:] = slope(w.astype(np.float64), *args)
        return float(f(w.astype(np.float64), *args))

    def by_differences(w, g):
        """Return the value, and write the gradient by central differences."""
        x = w.astype(np.float64)
        difference_gradient(value_at, x, g)
        return float(f(x, *args))

    def value(w, out):
        """Write the value."""
        out[0] = f(w.astype(np.float64), *args)

    def value_of_both(w, out):
        """Write the value without the gradient that comes with it."""
        out[0] = f(w.astype(np.float64), *args)[0]

    gradient = by_both if has_both else by_gradient if slope else by_differences
    return _jit(gradient, []), _jit(value_of_both if has_both else value, [])


def _jit(function: Any, made: list[Any]) -> Any:
    """Return a function for numba to compile when it is called, and so those that it calls; a compiled one as it is.

    made: gets all that are not yet compiled.
    """
    if hasattr(function, "py_func"):
        return function
    found = inspect.getclosurevars(function)
    helpers = {name: _jit(each, made) for name, each in found.globals.items() if isinstance(each, FunctionType)}
    cells = [CellType(_jit(each, made) if isinstance(each, FunctionType) else each) for each in (
        cell.cell_contents for cell in function.__closure__ or ()
    )]  # fmt: skip
    scope = {**function.__globals__, **helpers}
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__, tuple(cells))
    made.append(numba.njit(**_OPTIONS)(copy))
    return made[-1]


def _is_plain_code(function: Any, depth: int = 0) -> bool:
    """Return True for a function in Python, and functions that it calls, without errors, output and random numbers.

    Compiled code loses errors, and draws from generators of its own.
    """
    function = getattr(function, "py_func", function)
    if not isinstance(function, FunctionType) or depth > _MOST_DEPTH:
        return False
    code = function.__code__
    if {"random", "default_rng", "print"} & {*code.co_names}:
        return False
    if any(each.opname in ("RAISE_VARARGS", "STORE_GLOBAL", "STORE_ATTR") for each in dis.get_instructions(code)):
        return False
    found = inspect.getclosurevars(function)
    used = (getattr(each, "py_func", each) for each in (*found.globals.values(), *found.nonlocals.values()))
    return all(_is_plain_code(each, depth + 1) for each in used if isinstance(each, FunctionType) and each != function)


def _compare(problem: Problem, gradient: Callable, evaluate: Callable, w: np.ndarray) -> None:
    """Raise ValueError unless compiled functions give the numbers of the others at w, (dim,)."""
    found = [np.empty(len(w)) for _ in range(2)]
    values = [each(w.copy(), g) for each, g in zip((problem.value_and_gradient, gradient), found, strict=True)]
    out = np.empty(1)
    evaluate(w.copy(), out)
    for mine, theirs in ((found[1], found[0]), (values[1], values[0]), (out[0], values[0])):
        scale = np.max(np.abs(theirs)) + abs(values[0]) if np.ndim(theirs) else 0.0
        if not np.allclose(mine, theirs, rtol=_CLOSE, atol=_CLOSE * scale, equal_nan=True):
            raise ValueError("compiled code computes something else")
