"""What one core of this machine can do, measured in the same process: bandwidths, and operations a nanosecond."""

from __future__ import annotations

import math
from collections import Counter
from functools import cached_property
from math import cos, exp, expm1, log, log1p, sin, sqrt, tanh
from typing import Any

import numpy as np

import optbench
from benchmarks.bounds.calls import aligned, gradient_call, quickest
from benchmarks.bounds.declared import Work

_LANES, _ROWS = 64, 32  # 2,048 numbers: 16 KiB of float64, half of a small L1 cache
_SMALLEST = 1 << 14  # bytes; less is in the L1 cache as well, where the loop's own cost would be measured
_TERMS = 32  # of the polynomial that keeps the multipliers busy
_PRODUCT = 256  # rows and columns of the square matrices of the product
_SECONDS = 0.004


def exp_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = exp(w[i, r])


def expm1_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = expm1(w[i, r])


def log_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = log(w[i, r])


def log1p_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = log1p(w[i, r])


def sin_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = sin(w[i, r])


def cos_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = cos(w[i, r])


def tanh_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = tanh(w[i, r])


def sqrt_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = sqrt(w[i, r])


def divide_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = w[0, r] / w[i, r]


def polynomial_of(w, g, f):
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            p = w[i, r]
            for _ in range(32):
                p = p * w[i, r] + 0.5
            g[i, r] = p


_LOOPS = {
    "exp": exp_of, "expm1": expm1_of, "log": log_of, "log1p": log1p_of, "sin": sin_of, "cos": cos_of,
    "tanh": tanh_of, "sqrt": sqrt_of, "divide": divide_of,
}  # fmt: skip
_UFUNCS = {"divide": lambda x, out: np.divide(x[:1], x, out)}


class Machine:
    """The rates of one dtype, each measured when it is first asked for.

    ``repeats``: measurements of each, of which the best counts.
    """

    def __init__(self, dtype: str, repeats: int = 7):
        self.dtype, self.repeats = dtype, repeats
        self.size = np.dtype(dtype).itemsize
        self._bandwidths: dict[int, float] = {}
        self._functions: dict[str, float] = {}

    def floor(self, work: Work) -> tuple[float, str]:
        """Nanoseconds that a call takes at least, and what binds: a level of memory, or the dearest operation."""
        parts = self.nanoseconds(work.operations)
        size = work.arrays * self.size
        moved, computed = work.numbers * self.size / self.bandwidth(size), sum(parts.values())
        if moved >= computed:
            return moved, f"memory, {_binary(size)}"
        return computed, max(parts, key=parts.__getitem__)

    def nanoseconds(self, operations: Counter[str]) -> dict[str, float]:
        """Of each kind of operation, at full rate; those of additions and multiplications together, as "flops"."""
        flops = operations["add"] + operations["multiply"]
        parts = {
            "flops": flops / self.peak,
            "product": operations["product"] / self.product if operations["product"] else 0.0,
        }
        for name in operations.keys() - {"add", "multiply", "product"}:
            parts[name] = operations[name] * self.function(name)
        return parts

    def bandwidth(self, size: int) -> float:
        """Bytes a nanosecond of a copy, or of a triad where that is quicker, whose arrays take so many bytes."""
        level = max(_SMALLEST, 1 << math.ceil(math.log2(size)))
        if level not in self._bandwidths:
            self._bandwidths[level] = max(self._moved(level, copy, 2), self._moved(level, triad, 3))
        return self._bandwidths[level]

    def _moved(self, size: int, loop: Any, arrays: int) -> float:
        count = size // arrays // self.size // 8 * 8
        given = [aligned((count,), self.dtype) for _ in range(arrays)]
        compiled = _compiled(loop)
        return arrays * count * self.size / quickest(lambda n: compiled(n, *given), _SECONDS, self.repeats)

    def again(self) -> None:
        """Measure all rates that were asked for once more, and keep the better of both."""
        peak, product, levels, functions = self.peak, self.product, self._bandwidths, self._functions
        del self.peak, self.product
        self._bandwidths, self._functions = {}, {}
        self.peak, self.product = max(peak, self.peak), max(product, self.product)
        self._bandwidths = {size: max(rate, self.bandwidth(size)) for size, rate in levels.items()}
        self._functions = {name: min(time, self.function(name)) for name, time in functions.items()}

    @cached_property
    def peak(self) -> float:
        """Additions and multiplications a nanosecond: of BLAS, where two go as one, or of a polynomial,
        which kernels of problems compute one operation at a time."""
        return max(self.product, 2 * _TERMS * _ROWS * _LANES / self._loop(polynomial_of))

    @cached_property
    def product(self) -> float:
        """Operations a nanosecond of BLAS, on square matrices."""
        a, b, out = (np.ones((_PRODUCT, _PRODUCT), self.dtype) for _ in range(3))

        def call(count: int) -> None:
            for _ in range(count):
                np.dot(a, b, out)

        return 2 * _PRODUCT**3 / quickest(call, 4 * _SECONDS, self.repeats)

    def function(self, name: str) -> float:
        """Nanoseconds of a division, a root or a function of one number: as this package compiles it in a loop of its
        own, or NumPy's where that is quicker."""
        if name not in self._functions:
            x = np.linspace(0.5, 2.5, _ROWS * _LANES).astype(self.dtype)
            out, ufunc = np.empty_like(x), _UFUNCS.get(name) or getattr(np, name)

            def call(count: int) -> None:
                for _ in range(count):
                    ufunc(x, out)

            theirs = quickest(call, _SECONDS, self.repeats)
            self._functions[name] = min(self._loop(_LOOPS[name]), theirs) / (_ROWS * _LANES)
        return self._functions[name]

    def _loop(self, function: Any) -> float:
        problem = optbench.Problem(
            form="lanes", dim=_ROWS, start=lambda rng: rng.uniform(0.5, 1.0, _ROWS), value_and_gradient=function,
            minimum=0.0, minimum_source="none: a loop to be timed", name=function.__name__,
        )  # fmt: skip
        return quickest(gradient_call(problem, self.dtype, 0, _LANES), _SECONDS, self.repeats)

    def as_measured(self) -> dict[str, Any]:
        """All rates that were asked for."""
        return {
            "bytes_per_ns": {_binary(size): rate for size, rate in sorted(self._bandwidths.items())},
            "flops_per_ns": self.peak,
            "product_flops_per_ns": self.product,
            "function_ns": dict(sorted(self._functions.items())),
        }


def copy(count, a, b):
    for _ in range(count):
        for i in range(a.shape[0]):
            b[i] = a[i]


def triad(count, a, b, c):
    for _ in range(count):
        for i in range(a.shape[0]):
            c[i] = a[i] + b[i] * a.dtype.type(1.5)


_COMPILED: dict[Any, Any] = {}


def _compiled(loop: Any) -> Any:
    import numba

    if loop not in _COMPILED:
        _COMPILED[loop] = numba.njit(fastmath=True)(loop)
    return _COMPILED[loop]


def _binary(size: int) -> str:
    return f"{size / 2**20:.3g} MiB" if size >= 2**20 else f"{size / 2**10:.3g} KiB"
