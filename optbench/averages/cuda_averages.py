"""Exponentially weighted averages on the GPU.

Every series is cut into chunks, and a thread averages one chunk at a time. Where a series has several chunks, a first
pass finds what each adds to the average at its end, and a second one the average from which each starts. Values are
float32 or float64, arithmetic is float64, and every sum has a fixed order: a call repeated gives the same bits.
"""

import math
from typing import Any

import numpy as np

from optbench.compiler.contracts import Double, Doubles2, Reals1, Whole
from optbench.compiler.cuda import BLOCK, blocks, cuda, jit, kernel
from optbench.compiler.cuda import index as unsigned
from optbench.compiler.cuda_translator import smaller
from optbench.compiler.signatures import signature
from optbench.compiler.translator import REALS
from optbench.contract.errors import OptbenchError
from optbench.contract.types import DtypeName

# Threads that keep a large card busy: an estimate, as nobody has measured it
THREADS = 1 << 16
# Values: the fewest in a chunk, and the most chunks of a series, whose carries one thread adds up; estimates, too
SHORTEST, MOST_CHUNKS = 128, 4096
least = jit(smaller)


@kernel
def chunk_ends(x: Reals1, n: Whole, chunk: Whole, beta: Double, ends: Doubles2) -> None:
    """Set ends (series, chunks) to the average at the end of every chunk, from 0 at its start.

    x: (series * n,); chunk: the values of one.
    """
    gain, chunks = 1.0 - beta, ends.shape[1]
    for item in range(cuda.grid(1), ends.size, cuda.gridsize(1)):
        series, place = item // chunks, item % chunks
        v = 0.0
        for t in range(place * chunk, least((place + 1) * chunk, n)):
            v = beta * v + gain * x[unsigned(series * n + t)]
        ends[series, place] = v


@kernel
def carry(ends: Doubles2, power: Double) -> None:
    """Turn the ends of chunks, (series, chunks), into the averages from which they start, in place.

    power: beta to the length of a chunk.
    """
    for series in range(cuda.grid(1), ends.shape[0], cuda.gridsize(1)):
        v = 0.0
        for place in range(ends.shape[1]):
            end = ends[series, place]
            ends[series, place] = v
            v = power * v + end


@kernel
def average(
    x: Reals1, n: Whole, chunk: Whole, beta: Double, log_beta: Double, starts: Doubles2, out: Reals1
) -> None:  # fmt: skip
    """Write the averages of every chunk of x, (series * n,), into out.

    starts: (series, chunks), the average before each chunk; log_beta: log(beta), or -inf for averages that are not
    corrected.
    """
    gain, chunks = 1.0 - beta, starts.shape[1]
    for item in range(cuda.grid(1), starts.size, cuda.gridsize(1)):
        series, place = item // chunks, item % chunks
        first = place * chunk
        v = starts[series, place]
        rest = np.float64(-math.expm1(first * log_beta)) if first else 0.0  # 1 - beta^t, without the cancellation
        if math.isinf(log_beta):
            rest = 1.0
        for t in range(first, least(first + chunk, n)):
            v = beta * v + gain * x[unsigned(series * n + t)]
            if rest < 1.0:
                rest = beta * rest + gain
            out[unsigned(series * n + t)] = v / rest


def power(beta: float, exponent: int) -> float:
    """Return beta^exponent; for beta > 0 at least the smallest positive float, for 0 times an inf in x would be NaN."""
    return max(beta**exponent, math.ulp(0.0) if beta else 0.0)


def average_flat(x: Any, n: int, beta: float, correct: bool, out: Any, chunk: int | None = None) -> None:
    """Average the series of x (series * n,) into out; x and out lie on the card. chunk: values of a thread."""
    series = x.size // n
    if chunk is None:
        chunk = max(SHORTEST, -(-n // min(MOST_CHUNKS, max(1, THREADS // series))))
    starts = cuda.to_device(np.zeros((series, -(-n // chunk))))
    # NumPy's float64, not Python's: the simulator, too, must make float64 of its product with a float32.
    weight, log_beta = np.float64(beta), math.log(beta) if correct and beta else -math.inf
    grid = blocks(starts.size), BLOCK
    if starts.shape[1] > 1:
        chunk_ends[grid](x, n, chunk, weight, starts)
        carry[blocks(series), BLOCK](starts, power(beta, chunk))
    average[grid](x, n, chunk, weight, log_beta, starts, out)


def averages(x: Any, beta: float, correct: bool) -> Any:
    """Return :func:`optbench.ewa` of x (..., n), float32 or float64, beta in [0, 1), on the GPU.

    An array of the host comes back as one, an array of the device (anything with ``__cuda_array_interface__``, in C
    order) as numba's device array. Raises OptbenchError for a device array of another type or order.
    """
    on_card = not isinstance(x, np.ndarray)
    given = cuda.as_cuda_array(x) if on_card else x
    if on_card and not (given.dtype.name in REALS and given.is_c_contiguous()):
        raise OptbenchError("ewa: a device array must hold float32 or float64 in C order")
    out = cuda.device_array(given.shape, given.dtype)
    if math.prod(given.shape):
        flat = given.ravel() if on_card else cuda.to_device(np.ascontiguousarray(given).reshape(-1))
        average_flat(flat, given.shape[-1], beta, correct, out.ravel())
    return out if on_card else out.copy_to_host()


def kernels(dtype: DtypeName) -> list[tuple]:
    """Return (name, kernel, numba signature) of all kernels that averages of this dtype use."""
    each = {"chunk_ends": chunk_ends, "carry": carry, "average": average}
    return [(name, function, signature(function, dtype)) for name, function in each.items()]
