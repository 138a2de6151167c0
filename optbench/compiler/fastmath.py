"""The floating-point liberties of every kernel, and an exponential that the compiler can vectorize.

numba's wheels bring no vector mathematics: ``math.exp`` is a call an element (4 to 6 ns). The functions below are
arithmetic only (reduction by Cody & Waite 1980, Taylor polynomial): 1.4 ns a float64 in a loop, within 2 ulp.
They take no liberties with the order of operations, which the reduction relies on.
"""

import math

import numba
import numpy as np

from optbench.compiler.numba_inside import bits_of, real_of

FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}
"""Never nnan or ninf: they would let the compiler remove the checks that find a diverged run."""
_careful = numba.njit(error_model="numpy", fastmath={"contract", "nsz"})


@_careful
def exp64(x: float) -> float:
    """e^x; 0 below x = -708, where results cease to be normal numbers, inf from x = 709 on, NaN of NaN."""
    t = x * 1.4426950408889634 + 6755399441055744.0  # 1.5 * 2^52: the sum's low bits are the nearest integer
    k = t - 6755399441055744.0
    r = (x - k * 0.6931471803691238) - k * 1.9082149292705877e-10  # ln 2 in two parts
    p = 1 / 6227020800  # 1/13!
    p = p * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r * r + r + 1.0
    e = real_of(bits_of(p) + (bits_of(t) << 52))
    e = e if x > -708.0 else 0.0
    e = e if x < 709.0 else np.inf
    return e if x == x else x


@_careful
def exp32(x: np.float32) -> np.float32:
    """``exp64`` in float32; 0 below x = -87, inf from x = 88 on."""
    t = x * np.float32(1.442695) + np.float32(12582912.0)
    k = t - np.float32(12582912.0)
    r = (x - k * np.float32(0.693359375)) - k * np.float32(-2.12194440e-4)
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(0.5)
    p = p * r * r + r + np.float32(1.0)
    e = real_of(np.int32(bits_of(p) + (bits_of(t) << 23)))  # numba adds int32 as int64
    e = e if x > np.float32(-87.0) else np.float32(0.0)
    e = e if x < np.float32(88.0) else np.float32(np.inf)
    return e if x == x else x


REPLACED = {
    "float64": {math.exp: exp64, np.exp: exp64},
    "float32": {math.exp: exp32, np.exp: exp32},
}
"""By dtype: functions that a plug-in may call on a number, and what its kernel calls instead."""
