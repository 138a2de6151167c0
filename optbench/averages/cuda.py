"""Exponentially weighted averages on the GPU: many series side by side, or few long ones by a blocked scan.

A block is one warp, and its unit of work a square of SIDE x SIDE values. The warp loads it with neighboring threads at
neighboring addresses, turns it over in shared memory, and then thread i walks through row i. With many series the rows
are a piece each of SIDE series; with few they follow one another in one series. Values are float32 or float64,
arithmetic is float64, and every sum has a fixed order: a call repeated gives the same bits.
"""

import math
from typing import Any

import numpy as np
from numba import float64

from optbench.averages.contract import FADED
from optbench.compiler.contracts import Double, Doubles2, Reals1, Whole
from optbench.compiler.cuda import GRID, cuda, jit, kernel
from optbench.compiler.cuda_translator import smaller
from optbench.compiler.signatures import signature
from optbench.compiler.translator import REALS
from optbench.contract.errors import OptbenchError
from optbench.contract.types import DtypeName

# Values along a square's side: a warp has 32 threads
SIDE = 32
SQUARE = SIDE * SIDE
PADDED = (SIDE, SIDE + 1)
"""A square in shared memory: with one column more, no two threads of a warp ask the same bank."""
MANY = 4096
"""From here on, series run side by side: that is a warp for each multiprocessor of a large card, and about where its
share of the memory's speed passes the 2 / 3 that the scan can reach."""
SPANS = 1 << 14
"""The most pieces a long series is cut into: some waves of warps on the largest cards, few carries for one block."""
SCANNERS = 512
"""The most threads that scan the carries; 1024 would ask for more registers than a multiprocessor has."""
TINY = math.ulp(0.0)
LOG_FADED = math.log(FADED)


least = jit(smaller)


@jit
def fetch(x: np.ndarray, at: int, stride: int, ahead: np.ndarray) -> None:
    """The thread's column of the square at ``at``. All loads are under way before the first is waited for.

    What lies beyond the series comes after all that counts, and is never stored; beyond x nothing is read. An index
    without a sign spares numba's look for a negative one.
    """
    if at + (SIDE - 1) * stride < x.size:
        for r in range(SIDE):
            ahead[r] = x[np.uint64(at + r * stride)]
    else:
        for r in range(SIDE):
            ahead[r] = x[np.uint64(least(at + r * stride, x.size - 1))]


@jit
def fill(square: np.ndarray, lane: int, ahead: np.ndarray) -> None:
    """The thread's column, from where it was fetched to."""
    for r in range(SIDE):
        square[r, lane] = ahead[r]


@jit
def walk(square: np.ndarray, lane: int, v: float, beta: float) -> float:
    """The recurrence through a row, in place; returns its end."""
    gain = 1.0 - beta
    for c in range(SIDE):
        v = beta * v + gain * square[lane, c]
        square[lane, c] = v
    return v


@jit
def walk_corrected(square: np.ndarray, lane: int, v: float, beta: float, rest: float) -> None:
    """``walk`` with each average over its 1 - beta^t, in float64, before it is rounded to what the square holds.

    rest: 1 - beta^t where the row begins.
    """
    gain = 1.0 - beta
    for c in range(SIDE):
        v = beta * v + gain * square[lane, c]
        rest = beta * rest + gain
        square[lane, c] = v / rest


@jit
def walk_scaled(square: np.ndarray, lane: int, v: float, beta: float, factors: np.ndarray) -> float:
    """The same where all rows begin at one step: its factors 1 / (1 - beta^t) serve them all. Returns the row's end."""
    gain = 1.0 - beta
    for c in range(SIDE):
        v = beta * v + gain * square[lane, c]
        square[lane, c] = v * factors[c]
    return v


@jit
def rest(t: int, rate: float) -> float:
    """1 - beta^t, without the cancellation; rate: log(beta)."""
    return np.float64(-math.expm1(t * rate))


@jit
def scan(sums: np.ndarray, i: int, s: float, power: float) -> int:
    """s of thread i + power s of thread i-1 + power^2 s of thread i-2 + ..., as entry i of a row of sums (2, threads).

    Returns which row. As they take turns, there is one barrier a step.
    """
    row, distance = 0, 1
    while distance < cuda.blockDim.x:
        sums[row, i] = s
        cuda.syncthreads()
        if i >= distance:
            s += power * sums[row, i - distance]
        square = power * power
        power = square if square > 0.0 else power  # 0 times inf would be NaN
        row, distance = 1 - row, 2 * distance
    sums[row, i] = s
    cuda.syncthreads()
    return row


@kernel
def together(x: Reals1, n: Whole, beta: Double, rate: Double, out: Reals1) -> None:
    """Many series: x and out (series * n,), a thread a series. Memory is passed over once.

    rate: log(beta), or -inf for averages that are not corrected.
    """
    square = cuda.shared.array(PADDED, x.dtype)
    factors = cuda.shared.array(SIDE, float64)
    ahead = cuda.local.array(SIDE, x.dtype)  # in registers, since the loops over it are unrolled
    lane = cuda.threadIdx.x
    series = x.size // n
    for first in range(cuda.blockIdx.x * SIDE, series, cuda.gridDim.x * SIDE):
        rows = least(SIDE, series - first)
        at = first * n + lane
        v = 0.0
        fetch(x, at, n, ahead)
        for t in range(0, n, SIDE):
            fill(square, lane, ahead)
            if t + SIDE < n:
                fetch(x, at + t + SIDE, n, ahead)  # behind the barrier, the compiler would let it wait for the walk
            fading = (t + 1) * rate > LOG_FADED
            if fading:
                factors[lane] = 1.0 / rest(t + lane + 1, rate)
            cuda.syncthreads()
            if fading:
                v = walk_scaled(square, lane, v, beta, factors)
            else:
                v = walk(square, lane, v, beta)
            cuda.syncthreads()
            if t + lane < n:
                for r in range(rows):
                    out[np.uint64(at + t + r * n)] = square[r, lane]
            cuda.syncthreads()


@kernel
def sums(x: Reals1, n: Whole, span: Whole, beta: Double, powers: Doubles2, ends: Doubles2) -> None:
    """Few series, first pass: ends (series, spans) becomes each span's average at its end, from 0 at its start.

    powers (2, SIDE + 1): beta^k and beta^(SIDE k). A thread sums its column by Horner's rule.
    """
    columns = cuda.shared.array(SIDE, float64)
    ahead = cuda.local.array(SIDE, x.dtype)
    lane = cuda.threadIdx.x
    spans = ends.shape[1]
    gain, jump, weight = 1.0 - beta, powers[1, 1], powers[0, SIDE - 1 - lane]
    for item in range(cuda.blockIdx.x, ends.size, cuda.gridDim.x):
        series, part = item // spans, item % spans
        start = series * n + part * span
        s = 0.0
        for at in range(start, start + span, SQUARE):
            fetch(x, at + lane, SIDE, ahead)
            for r in range(SIDE):
                s = jump * s + gain * ahead[r]
        columns[lane] = weight * s
        cuda.syncthreads()
        if lane == 0:
            s = 0.0
            for c in range(SIDE):
                s += columns[c]
            ends[series, part] = s
        cuda.syncthreads()


@kernel
def carries(ends: Doubles2, share: Whole, step: Double, jump: Double) -> None:
    """Second pass, a block a series: each span's end becomes what the span starts from.

    A thread has ``share`` spans. step, jump: beta to the power of a span's and of a share's length.
    """
    shares = cuda.shared.array((2, SCANNERS), float64)
    i = cuda.threadIdx.x
    spans = ends.shape[1]
    first, stop = least(i * share, spans), least((i + 1) * share, spans)
    for series in range(cuda.blockIdx.x, ends.shape[0], cuda.gridDim.x):
        s = 0.0
        for part in range(first, stop):
            s = step * s + ends[series, part]
        row = scan(shares, i, s, jump)
        v = shares[row, i - 1] if i > 0 else 0.0
        for part in range(first, stop):
            end = ends[series, part]
            ends[series, part] = v
            v = step * v + end
        cuda.syncthreads()


@kernel
def spread(
    x: Reals1, n: Whole, span: Whole, beta: Double, rate: Double, powers: Doubles2, starts: Doubles2, out: Reals1
) -> None:
    """Third pass: every span from what it starts from. Within a square, too, the rows' ends are scanned first."""
    square = cuda.shared.array(PADDED, x.dtype)
    ends = cuda.shared.array((2, SIDE), float64)
    ahead = cuda.local.array(SIDE, x.dtype)
    lane = cuda.threadIdx.x
    spans = starts.shape[1]
    gain, weight = 1.0 - beta, powers[1, lane]
    for item in range(cuda.blockIdx.x, starts.size, cuda.gridDim.x):
        series, part = item // spans, item % spans
        start = part * span
        stop = least(start + span, n)
        at = series * n + lane
        v = starts[series, part]
        fetch(x, at + start, SIDE, ahead)
        for t in range(start, stop, SQUARE):
            fill(square, lane, ahead)
            if t + SQUARE < stop:
                fetch(x, at + t + SQUARE, SIDE, ahead)
            cuda.syncthreads()
            s = 0.0
            for c in range(SIDE):
                s = beta * s + gain * square[lane, c]
            row = scan(ends, lane, s, powers[1, 1])
            before = ends[row, lane - 1] if lane > 0 else 0.0
            if (t + 1) * rate > LOG_FADED:
                walk_corrected(square, lane, before + weight * v, beta, rest(t + lane * SIDE, rate))
            else:
                walk(square, lane, before + weight * v, beta)
            v = ends[row, SIDE - 1] + powers[1, SIDE] * v
            cuda.syncthreads()
            for r in range(least(SIDE, (stop - t - lane + SIDE - 1) // SIDE)):
                out[np.uint64(at + t + r * SIDE)] = square[r, lane]
            cuda.syncthreads()


def power(beta: float, exponents: Any) -> Any:
    """beta^exponents. What is positive stays so: an inf in x must not become 0 * inf."""
    return np.maximum(beta ** np.asarray(exponents, float), TINY if beta else 0.0)


def many(x: Any, n: int, beta: float, rate: float, out: Any) -> None:
    """Many series: memory traffic is that of a copy."""
    groups = -(-x.size // (n * SIDE))
    together[min(groups, GRID), SIDE](x, n, beta, rate, out)


def few(x: Any, n: int, beta: float, rate: float, out: Any, spans: int = SPANS, scanners: int = SCANNERS) -> None:
    """Few long series, each in at most ``spans`` pieces: x is read twice and out written once, 3 / 2 of a copy."""
    span = SQUARE * -(-n // (SQUARE * spans))
    ends = cuda.device_array((x.size // n, -(-n // span)), np.float64)
    threads = min(scanners, SIDE * -(-ends.shape[1] // SIDE))
    share = -(-ends.shape[1] // threads)
    powers = cuda.to_device(power(beta, [range(SIDE + 1), range(0, SQUARE + 1, SIDE)]))
    grid = min(ends.size, GRID)
    sums[grid, SIDE](x, n, span, beta, powers, ends)
    carries[min(ends.shape[0], GRID), threads](ends, share, power(beta, span), power(beta, span * share))
    spread[grid, SIDE](x, n, span, beta, rate, powers, ends, out)


def averages(x: Any, beta: float, correct: bool) -> Any:
    """:func:`optbench.ewa` of x (..., n), float32 or float64, beta in [0, 1), on the GPU.

    An array of the host comes back as one, an array of the device (anything with ``__cuda_array_interface__``, in C
    order) as numba's device array. Raises OptbenchError for a device array of another type or order.
    """
    there = not isinstance(x, np.ndarray)
    given = cuda.as_cuda_array(x) if there else x
    if there and not (given.dtype.name in REALS and given.is_c_contiguous()):
        raise OptbenchError("ewa: a device array must hold float32 or float64 in C order")
    out = cuda.device_array(given.shape, given.dtype)
    if math.prod(given.shape):
        n = given.shape[-1]
        flat = given.ravel() if there else cuda.to_device(np.ascontiguousarray(given).reshape(-1))
        average = few if flat.size < MANY * n and n > SQUARE else many
        # NumPy's float64, not Python's: the simulator, too, must make float64 of its product with a float32.
        average(flat, n, np.float64(beta), math.log(beta) if correct and beta else -math.inf, out.ravel())
    return out if there else out.copy_to_host()


def kernels(dtype: DtypeName) -> list[tuple]:
    """(name, kernel, numba signature) of all kernels that averages of this dtype use."""
    each = {"together": together, "sums": sums, "carries": carries, "spread": spread}
    return [(name, function, signature(function, dtype)) for name, function in each.items()]
