"""A function of the user's own as a problem: its gradient given or by central differences, its minimum unknown."""

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from optbench.contract.arguments import Real, checked, real_array
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.contract.problems import Problem
from optbench.contract.source_code import memory_origin

DIFFERENCES = ("2-point", "3-point")
"""Words of SciPy for ``jac``, which stand for central differences here."""
NAMELESS = "function"
"""The name of a function without one."""
# Step of a central difference, relative to max(1, |w|): the cube root of the rounding, as in SciPy's approx_derivative.
STEP = float(np.finfo(np.float64).eps ** (1 / 3))
# Largest distance of a gradient from central differences, relative to the larger of both: these have about ten digits,
# and a gradient that somebody computes in float32 seven.
_CLOSE = 1e-3
# The same relative to the function's value: what its rounding makes of a difference, with a reserve.
_ROUNDING = 1e-9
# What the functions of math say outside their domain, until Python 3.13 and since; and int(math.nan).
_OUTSIDE = re.compile(r"math domain error|expected a .*, got |cannot convert float NaN to integer")


@dataclass(frozen=True)
class Parts:
    """A function as the user gave it."""

    f: Callable
    """``f(w, *args)`` -> the value; with ``jac=True`` the value and the gradient."""
    gradient: Callable | None
    """``gradient(w, *args)``; None: ``f`` returns it, or it comes from central differences."""
    has_both: bool
    """True: ``f`` returns the value and the gradient."""
    args: tuple

    @property
    def calls(self) -> int | None:
        """Calls of ``f`` for one gradient; None: two for each parameter, and one."""
        return None if self.gradient is None and not self.has_both else 1


@checked
def function(
    f: Callable | tuple[Callable, Callable],
    x0: Any,
    *,
    args: Any = (),
    jac: Any = None,
    name: str = "",
    minimum: Real | None = None,
    domain: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Problem:
    """Make a problem of a function of your own, for a sweep or any other function that takes problems.

    It is compiled in a sweep if Numba can compile it, and called as it is otherwise. Every step sees the function
    itself: there are no mini-batches, an epoch is a step, and a sample of the tables is a step as well.

    Where Python's arithmetic raises an error, as ``math.sqrt(-1.0)``, ``math.exp(1000.0)`` and ``1 / 0`` do, the
    function has no value: it is NaN there, and a run that steps there has diverged. Any other error ends the run.

    Args:
        f: ``f(w, *args)`` returns a number, ``w`` being (dim,); or the pair (f, gradient).
        x0: (dim,), the start point of all seeds.
        args: further arguments of the function and its gradient; one that is no tuple stands for itself, and so does a
            list, unless the function takes as many arguments as it has items.
        jac: as SciPy has it: the gradient, a function of the same arguments that returns (dim,); True if ``f`` returns
            the value and the gradient; None for central differences.
        name: by which the tables call it; by default that of the function.
        minimum: the least value, if it is known; otherwise the smallest loss of a sweep stands for it.
        domain: of two parameters, the region that figures of paths draw, ((left, right), (bottom, top)); None: where
            the paths go, or a square around ``x0`` where there are none.

    Returns:
        The problem. A gradient that differs from central differences at ``x0``, and a function that gives another
        value there when it is called again, are a warning in ``data_warning``.

    Raises:
        OptbenchError: ``x0`` is no vector, or the function fails there or returns something else than a number.

    Example:
        >>> problem = function(lambda w, a: ((w - a) ** 2).sum(), [0.0, 0.0], args=3.0, name="bowl")
        >>> minimize(problem, "gd", lr=0.1, steps=200).w.round(3).tolist()
        [3.0, 3.0]
    """
    parts, label = _read_parts(f, jac, args), name or name_of(f)
    start = read_start(x0, label)
    known = math.nan if minimum is None else minimum
    value_and_gradient, evaluate = _make_functions(parts, label)
    warning = _check_calls(parts, value_and_gradient, evaluate, start, label)
    return Problem(
        form="single", dim=len(start), start=lambda rng: start, value_and_gradient=value_and_gradient,
        evaluate=evaluate, eager=True, minimum=known, name=label, examples=1,
        domain=domain or _find_domain(start),
        minimum_source="unknown" if minimum is None else "stated", source="a function of your own",
        data_warning=warning,
        origins=(memory_origin(f"problem {label}", label, (parts, start)),),
    )  # fmt: skip


def parts_of(problem: Problem) -> Parts | None:
    """Return the user's own function behind a problem; None of any other problem."""
    return getattr(problem.value_and_gradient, "parts", None)


def is_function(value: Any) -> bool:
    """Return True for a function of the user's, or a pair of it and its gradient; no record and no text is one."""
    if isinstance(value, tuple) and len(value) == 2:
        return all(map(callable, value))
    return callable(value) and not isinstance(value, type)


def name_of(f: Any) -> str:
    """Return the name by which tables call a function: its own, or that of its class; "function" of a lambda."""
    while True:
        if isinstance(f, tuple):
            f = f[0]
        elif isinstance(f, functools.partial):
            f = f.func
        else:
            break
    found = getattr(f, "__name__", type(f).__name__)
    return found if isinstance(found, str) and re.fullmatch(r"[A-Za-z_]\w*", found) else NAMELESS


def _find_domain(start: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return a square around the start of two parameters, wide enough for the origin; None for other numbers."""
    half = 2.0 * max(1.0, float(np.abs(start).max()))
    if len(start) != 2 or not np.isfinite(2.0 * half):
        return None
    (left, right), (bottom, top) = ((float(each) - half, float(each) + half) for each in start)
    return (left, right), (bottom, top)


def has_found_domain(problem: Problem) -> bool:
    """Return True for a function of the user's whose domain is the square around its start, as nobody gave one."""
    if parts_of(problem) is None or problem.domain is None:
        return False
    return problem.domain == _find_domain(start_of(problem))


def start_of(problem: Problem) -> np.ndarray:
    """Return the start point of a function of the user's, (dim,)."""
    return np.asarray(problem.start(np.random.default_rng(0)))


def read_start(x0: Any, owner: str) -> np.ndarray:
    """Return a start point, (dim,) float64; a number is one of a single parameter. Raises OptbenchError."""
    found = np.atleast_1d(real_array(f"{owner}: x0", x0).astype(np.float64))
    if found.ndim != 1:
        raise OptbenchError(f"{owner}: x0 has the shape {found.shape} and must be a vector: x0.ravel()")
    if not found.size or not np.isfinite(found).all():
        raise OptbenchError(f"{owner}: x0={shown(x0)} must be finite numbers, at least one")
    return found


def difference_gradient(f: Callable, w: np.ndarray, g: np.ndarray) -> None:
    """Write the gradient of ``f(w)`` by central differences into g, (dim,), with SciPy's steps; w is left as it was."""
    for i in range(len(w)):
        before = w[i]
        step = STEP * max(1.0, abs(before))
        w[i] = before + step
        above, high = f(w), w[i]
        w[i] = before - step
        g[i] = (above - f(w)) / (high - w[i])  # the step that was taken: the one of before, rounded
        w[i] = before


def _read_parts(f: Any, jac: Any, args: Any) -> Parts:
    """Return what the arguments of :func:`function` say. Raises OptbenchError."""
    if isinstance(f, tuple) and is_function(f):
        if jac is not None:
            raise OptbenchError(f"{name_of(f)}: give the gradient once: the pair (f, gradient), or jac=gradient")
        f, jac = f
    if not is_function(f):
        raise OptbenchError(f"{shown(f)} must be a function f(w), or the pair (f, gradient)")
    given = args if isinstance(args, tuple) else (args,)
    if isinstance(args, list) and not _takes(f, given) and _takes(f, args):
        given = tuple(args)
    if isinstance(jac, str) and jac in DIFFERENCES:
        jac = None
    if not (jac is None or isinstance(jac, bool) or callable(jac)):
        raise OptbenchError(
            f"{name_of(f)}: jac={shown(jac)} must be the gradient, a function of the same arguments; True if f returns "
            "the value and the gradient; or None for central differences"
        )
    return Parts(f, jac if callable(jac) else None, jac is True, given)


def _make_functions(parts: Parts, label: str) -> tuple[Callable, Callable]:
    """Return a problem's functions for the user's: it gets copies of w in float64, which it may keep or change.

    Both are NaN where Python's arithmetic raises an error, as compiled functions are.
    """
    gradient = parts.gradient

    def call(function: Callable, w: np.ndarray, undefined: Any) -> Any:
        """Return what a function of the user's gives; ``undefined`` where it has no value."""
        try:
            return function(np.array(w, dtype=np.float64), *parts.args)
        except (ArithmeticError, ValueError) as error:
            if isinstance(error, ArithmeticError) or _OUTSIDE.match(str(error)):
                return undefined
            raise

    def both_of(w: np.ndarray) -> tuple[float, Any]:
        """Return value and gradient of a function that returns both."""
        return _read_pair(call(parts.f, w, (math.nan, np.full(len(w), math.nan))))

    def value_of(w: np.ndarray) -> float:
        """Return the value as a number."""
        return _read_value(call(parts.f, w, math.nan))

    def value_and_gradient(w: np.ndarray, g: np.ndarray) -> float:
        """Return the value, and write the gradient."""
        if parts.has_both:
            value, slope = both_of(w)
        else:
            value, slope = value_of(w), None if gradient is None else call(gradient, w, np.full(len(w), math.nan))
        if slope is None:
            found = np.empty(len(w))
            difference_gradient(value_of, np.array(w, dtype=np.float64), found)
            g[:] = found
        else:
            g[:] = _read_gradient(slope, len(w))
        return value

    def evaluate(w: np.ndarray, out: np.ndarray) -> None:
        """Write the value."""
        out[0] = both_of(w)[0] if parts.has_both else value_of(w)

    value_and_gradient.__name__ = label
    value_and_gradient.parts = parts  # type: ignore[attr-defined]
    return value_and_gradient, evaluate


def _read_pair(found: Any) -> tuple[float, Any]:
    """Return value and gradient of what a function with ``jac=True`` returns. Raises OptbenchError."""
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise OptbenchError(f"jac=True: it must return the value and the gradient, not {shown(found)}")
    return _read_value(found[0]), found[1]


def _read_value(value: Any) -> float:
    """Return what a function returned as a number: an array of one number counts as that. Raises OptbenchError."""
    if type(value) is float:
        return value
    try:
        found = np.asarray(value)
        if found.size == 1 and found.dtype.kind in "fiub":
            return float(found.reshape(())[()])
    except (TypeError, ValueError, RuntimeError):
        if hasattr(value, "backward"):  # a tensor of PyTorch with a gradient of its own
            return float(value.detach())
    shape = getattr(value, "shape", ())
    what = f"an array of the shape {tuple(shape)}" if shape else shown(value)
    pair = "; if it returns the gradient as well, say jac=True" if isinstance(value, tuple) and len(value) == 2 else ""
    raise OptbenchError(f"it must return one number, not {what}{pair}")


def _read_gradient(value: Any, dim: int) -> np.ndarray:
    """Return what a gradient returned as an array (dim,). Raises OptbenchError for another shape."""
    found = np.asarray(value, dtype=np.float64)
    if found.shape != (dim,) and not (found.size == dim == 1):
        raise OptbenchError(f"the gradient must have the shape ({dim},), that of w, not {found.shape}")
    return found.reshape(dim)


def _check_calls(parts: Parts, value_and_gradient: Callable, evaluate: Callable, x0: np.ndarray, label: str) -> str:
    """Call the function at x0, and return a warning: it is random, or its gradient differs from central differences.

    "" where all is well. Raises OptbenchError if it fails.
    """
    given, found, second = np.empty(len(x0)), np.empty(len(x0)), np.empty(1)
    try:
        value = value_and_gradient(x0.copy(), given)
        for each in (parts.f, parts.gradient) if not np.isfinite([value, *given]).all() else ():
            if each is not None:  # an error of arithmetic, at x0, is told
                each(x0.copy(), *parts.args)
        if not np.isfinite(value):
            raise OptbenchError(f"it is {value:g} at x0: begin where it is finite")
        evaluate(x0.copy(), second)
        if abs(second[0] - value) > _ROUNDING * max(abs(value), abs(second[0])):
            return f"{label} is random: two calls at x0 gave {value:.6g} and {second[0]:.6g}; " + (
                "central differences of it are mostly noise: let it draw the same numbers each time, or give jac="
                if parts.calls is None
                else "losses hold its noise, and runs differ each time"
            )
        if parts.calls is None:
            return ""
        again = np.empty(len(x0))

        def value_of(w: np.ndarray) -> float:
            """Return the value alone."""
            return value_and_gradient(w, again)

        difference_gradient(value_of, x0.copy(), found)
    except OptbenchError as error:
        raise OptbenchError(f"{label}: {error}") from None
    except Exception as error:
        raise OptbenchError(f"{label} fails at x0: {in_one_line(error)}{_advise_arguments(parts, error)}") from error
    size = max(np.abs(given).max(), np.abs(found).max())
    off = np.abs(given - found)
    if not np.isfinite(found).all() or off.max() <= _CLOSE * size + _ROUNDING * abs(value):
        return ""
    place = int(np.nanargmax(off)) if not np.isnan(off).all() else 0
    return (
        f"{label}: its gradient at x0 differs from central differences: component {place} is {given[place]:.6g}, and "
        f"{found[place]:.6g} by differences; where these are right, leave the gradient out"
    )


def _advise_arguments(parts: Parts, error: Exception) -> str:
    """Return a hint behind the error of a function that was called with too many or too few arguments."""
    wrong = isinstance(error, TypeError) and not _takes(parts.f, parts.args)
    return "; it is called as f(w, *args): args= has what stands behind w" * wrong


def _takes(f: Callable, args: Iterable) -> bool:
    """Return True unless a function cannot be called with these arguments behind w."""
    try:
        inspect.signature(f).bind(None, *args)
    except TypeError:
        return False
    except ValueError:  # it has no signature
        pass
    return True
