"""Operations of plain Python functions, counted by running them on numbers that count.

A function's source is the declaration; the compiler may find cheaper ways, and mostly finds dearer ones. What counts:
each addition, subtraction and multiplication of a number that depends on weights, gradients, state or data; divisions
by such a number, roots and transcendental functions by name; the two operations a term of a matrix product. What does
not: arithmetic of constants, hyperparameters and indices, which no loop must repeat, a division by them (a product),
adding to 0, as every sum begins, signs, comparisons and choices.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

FUNCTIONS = ("exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sqrt")
"""Of one number, each counted by its name."""

TALLY: Counter[str] = Counter()
"""Since the last `counted`: "add", "multiply", "divide", the names in FUNCTIONS, and "product" for operations of
matrix products."""

_EIGEN = 9  # operations an n^3 of a symmetric matrix's eigenvectors: Golub & Van Loan 2013, sec. 8.3


class Real:
    """A number that counts what is done with it."""

    __slots__ = ("value",)
    __array_ufunc__ = None
    """NumPy's scalars leave the operation to this class."""

    def __init__(self, value: float):
        self.value = float(value)

    def __float__(self) -> float:
        return self.value

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __neg__(self) -> Real:
        return Real(-self.value)

    def __pos__(self) -> Real:
        return self

    def __abs__(self) -> Real:
        return Real(abs(self.value))

    def __add__(self, other: Any) -> Real:
        return _made("add", self.value + float(other), other)

    def __sub__(self, other: Any) -> Real:
        return _made("add", self.value - float(other), other)

    def __rsub__(self, other: Any) -> Real:
        return _made("add", float(other) - self.value, other)

    def __mul__(self, other: Any) -> Real:
        return _made("multiply", self.value * float(other))

    def __truediv__(self, other: Any) -> Real:
        quotient = float(np.float64(self.value) / np.float64(float(other)))
        return _made("divide" if isinstance(other, Real) else "multiply", quotient)

    def __rtruediv__(self, other: Any) -> Real:
        return _made("divide", float(np.float64(float(other)) / np.float64(self.value)))

    def __pow__(self, exponent: Any) -> Real:
        count = int(exponent)
        assert count == exponent and count > 0, "powers are products"
        TALLY["multiply"] += count - 1
        return Real(self.value**count)

    __radd__, __rmul__ = __add__, __mul__

    def __eq__(self, other: object) -> bool:
        return self.value == float(other)  # type: ignore[arg-type]

    def __lt__(self, other: Any) -> bool:
        return self.value < float(other)

    def __le__(self, other: Any) -> bool:
        return self.value <= float(other)

    def __gt__(self, other: Any) -> bool:
        return self.value > float(other)

    def __ge__(self, other: Any) -> bool:
        return self.value >= float(other)

    __hash__ = None  # type: ignore[assignment]


def _made(operation: str, value: float, other: Any = None) -> Real:
    if operation != "add" or isinstance(other, Real) or float(other) != 0.0:
        TALLY[operation] += 1
    return Real(value)


def _function(name: str) -> Callable[[Any], Any]:
    plain = getattr(math, name)

    def apply(x: Any) -> Any:
        if not isinstance(x, Real):
            return plain(x)
        TALLY[name] += 1
        with np.errstate(all="ignore"):
            return Real(getattr(np, name)(x.value))

    return apply


_COUNTING = {name: _function(name) for name in FUNCTIONS}


class Array(np.ndarray):
    """An array of `Real` numbers whose products and decompositions are counted as wholes."""

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.dot:
            return _dot(*args, **kwargs)
        if function is np.linalg.eigh:
            TALLY["product"] += _EIGEN * len(args[0]) ** 3
            return tuple(reals(part) for part in np.linalg.eigh(_values(args[0])))
        return super().__array_function__(function, types, args, kwargs)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, out: Any = (), **kwargs: Any) -> Any:
        if function is np.matmul:
            return _dot(*inputs, *out)
        plain = [each.view(np.ndarray) if isinstance(each, Array) else each for each in (*inputs, *out)]
        result = getattr(function, method)(*plain, **kwargs)
        return result.view(Array) if isinstance(result, np.ndarray) else result

    def __imul__(self, other: Any) -> Array:  # type: ignore[override]
        return self._each(lambda number: number * other)

    def __itruediv__(self, other: Any) -> Array:  # type: ignore[override]
        return self._each(lambda number: number / other)

    def _each(self, change: Callable[[Any], Any]) -> Array:
        for index in np.ndindex(self.shape):
            self[index] = change(self[index])
        return self


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    result = np.dot(_values(a), _values(b))
    TALLY["product"] += 2 * result.size * a.shape[-1]
    if out is None:
        return reals(result)
    out[...] = reals(result)
    return out


def _values(array: Any) -> np.ndarray:
    return np.asarray(array).astype(np.float64)


def reals(values: Any) -> Any:
    """An `Array` of the same shape whose numbers count."""
    plain = np.asarray(values, np.float64)
    array = np.empty(plain.shape, object).view(Array)
    for index in np.ndindex(plain.shape):
        array[index] = Real(plain[index])
    return array


def counting(function: Callable, known: dict[Callable, Callable] | None = None) -> Callable:
    """The function with counting ones in the place of those of ``math``, in what it calls as well."""
    known = {} if known is None else known
    if function not in known:
        scope: dict[str, Any] = {}
        clone = FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
        known[function] = clone
        for name, value in function.__globals__.items():
            scope[name] = _counting_value(name, value, known) if name in _names(function.__code__) else value
    return known[function]


def _counting_value(name: str, value: Any, known: dict[Callable, Callable]) -> Any:
    value = getattr(value, "py_func", value)
    if value is math:
        return SimpleNamespace(**{**vars(math), **_COUNTING})
    if value is np:
        return _NumPy()
    if isinstance(value, ModuleType):
        return value
    if callable(value) and getattr(value, "__name__", "") in FUNCTIONS and value is getattr(math, value.__name__):
        return _COUNTING[value.__name__]
    return counting(value, known) if isinstance(value, FunctionType) else value


class _NumPy:
    """NumPy, whose new arrays count too."""

    def __getattr__(self, name: str) -> Any:
        plain = getattr(np, name)
        return (lambda *given: plain(*given).view(Array)) if name in ("empty", "empty_like") else plain


def _names(code: Any) -> set[str]:
    inner = (_names(part) for part in code.co_consts if hasattr(part, "co_names"))
    return set(code.co_names).union(*inner)


def counted(call: Callable[[], Any]) -> Counter[str]:
    """What a call does."""
    TALLY.clear()
    call()
    return Counter(TALLY)
