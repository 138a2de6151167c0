"""What is timed: compiled gradients called from a compiled loop, and steps of whole cohorts; all in CPU time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import optbench
from benchmarks.peers import best_clock

SIDE = 10
"""The rules step one block of SIDE x SIDE parameters: a matrix, for the rules that look at matrices."""
_LINE = 64  # bytes of a cache line
_LONG, _LONGEST, _SHORT = 500, 100_000, 10  # steps of the two calls of a cohort whose difference is timed


def aligned(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Zeros from the start of a cache line, as the engine's own."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(size + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + size].view(dtype).reshape(shape)


def quickest(call: Callable[[int], Any], seconds: float, repeats: int) -> float:
    """Nanoseconds of one of the ``count`` rounds of ``call(count)``: the smallest of so many measurements."""
    clock, count = best_clock(), 1
    call(1)  # compiles
    while True:
        began = clock()
        call(count)
        if (spent := clock() - began) >= seconds / 4:
            break
        count *= 4
    count = max(1, math.ceil(count * seconds / spent))
    times = []
    for _ in range(repeats):
        began = clock()
        call(count)
        times.append(clock() - began)
    return min(times) * 1e9 / count


def gradient_call(problem: optbench.Problem, dtype: str, rows: int, lanes: int) -> Callable[[int], None]:
    """So many calls of the problem's compiled ``value_and_gradient`` at its start point, for all lanes each."""
    kernel = optbench.objective(problem, dtype=dtype, rows=None if problem.data is None else rows).code.gradient
    shape = (lanes, problem.dim) if problem.form == "single" else (problem.dim, lanes)
    w, g, f = aligned(shape, dtype), aligned(shape, dtype), aligned((lanes,), dtype)
    for lane in range(lanes):
        (w if problem.form == "single" else w.T)[lane] = problem.start(np.random.default_rng(lane))
    x, y = (np.zeros((0, 0)), np.zeros(0)) if problem.data is None else (part[:rows] for part in problem.data)
    room = 0 if problem.work is None else problem.work(max(len(x), 1), 1 if problem.form == "single" else lanes)
    given = (
        w, g, f, _copy(x, dtype), _copy(np.reshape(y, -1), dtype), _copy(np.reshape(problem.constants, -1), dtype),
        np.array(problem.layout, np.int64).reshape(-1), aligned((room,), dtype), 0, lanes,
    )  # fmt: skip
    return lambda count: kernel.repeat(count, *given)


def _copy(values: Any, dtype: str) -> np.ndarray:
    plain = np.asarray(values)
    out = aligned(plain.shape, dtype)
    out[...] = plain
    return out


def slope(w, g, f):
    """f = 0.1 (w_1 + w_2 + ...) without its value: beside the update, a step is one store a parameter."""
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            g[i, r] = 0.1
    for r in range(w.shape[1]):
        f[r] = 0.0


def no_value(w, out):
    """The value that `slope` gives, for nothing."""
    out[:] = 0.0


def slope_problem() -> optbench.Problem:
    """On which rules are timed: a gradient that costs next to nothing."""
    return optbench.Problem(
        form="lanes", dim=SIDE * SIDE, start=lambda rng: np.ones(SIDE * SIDE), value_and_gradient=slope,
        evaluate=no_value, minimum=-1.0, minimum_source="a bound that no run comes near", blocks=((SIDE, SIDE),),
        name="slope",
    )  # fmt: skip


def step_ns(optimizer: str, dtype: str, lanes: int, seconds: float, repeats: int) -> float:
    """Nanoseconds of a step of all lanes: what a long call of `optbench.cohort` takes beyond a short one, a step.

    The smallest of each are compared; a long one lasts ten times ``seconds`` at least, beside which a call is short.
    """
    problem, settings, clock = slope_problem(), [{"lr": 1e-3}] * lanes, best_clock()

    def spent(steps: int) -> float:
        began = clock()
        optbench.cohort(problem, optimizer, settings, steps=steps, dtype=dtype, points=[steps])
        return clock() - began

    spent(_SHORT)  # compiles
    least = min(spent(_SHORT) for _ in range(repeats))
    steps = _LONG
    while (first := spent(steps) - least) < 2 * seconds and steps < _LONGEST:
        steps *= 4
    steps = min(_LONGEST, max(steps, math.ceil(steps * 10 * seconds / max(first, seconds))))
    longest = []
    for _ in range(repeats):
        least = min(least, spent(_SHORT))
        longest.append(spent(steps))
    return (min(longest) - least) * 1e9 / (steps - _SHORT)
