"""The floating-point liberties of every kernel, and functions of a number that the compiler can vectorize.

numba's wheels bring no vector mathematics: ``math.exp`` is a call an element (4 to 6 ns), ``math.sin`` 9. The functions
below are arithmetic only (reduction by Cody & Waite 1980, polynomials): 0.8 to 2 ns a float64 in a loop, within 2 ulp,
sine, cosine and tangent within 3. They take no liberties with the order of operations, which the reduction relies on.
"""

import math

import numba
import numpy as np

FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}
"""Never nnan or ninf: they would let the compiler remove the checks that find a diverged run."""
IN_ORDER = FASTMATH - {"reassoc"}
"""The liberties of update rules. Reordered, beta v + (1 - beta) g becomes g + beta (v - g), which in float32 has lost
most digits while v is small: 1 - beta = 1e-5 left errors of 2e-3. Sums over parameters are reordered all the same."""
_careful = numba.njit(error_model="numpy", fastmath={"contract", "nsz"})


@_careful
def reduced64(x: float) -> tuple[float, np.int64]:
    """Return e^r - 1, exact for small r, and k, where x = k ln 2 + r; k is shifted to a float's exponent bits."""
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
    return p * r * r + r, np.float64(t).view(np.int64) << 52


@_careful
def exp64(x: float) -> float:
    """Return e^x; 0 below x = -708, where results would be denormal, inf from x = 709 on, NaN of NaN."""
    p, power = reduced64(x)
    e: float = np.int64(np.float64(p + 1.0).view(np.int64) + power).view(np.float64)
    e = e if x > -708.0 else 0.0
    e = e if x < 709.0 else np.inf
    return e if x == x else x


@_careful
def exp32(x: np.float32) -> np.float32:
    """Return e^x in float32; 0 below x = -87, inf from x = 88 on, NaN of NaN."""
    x = np.float32(x)  # a power, beta^t, is float64
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
    # numba adds int32 as int64
    e = np.int32(np.float32(p).view(np.int32) + (np.float32(t).view(np.int32) << 23)).view(np.float32)
    e = e if x > np.float32(-87.0) else np.float32(0.0)
    e = e if x < np.float32(88.0) else np.float32(np.inf)
    return e if x == x else x


@_careful
def expm1_64(x: float) -> float:
    """Return e^x - 1; -1 below x = -708, inf from x = 709 on, NaN of NaN."""
    p, power = reduced64(x)
    scale = np.int64(np.float64(1.0).view(np.int64) + power).view(np.float64)
    e = scale * p + (scale - 1.0)
    e = e if x > -708.0 else -1.0
    e = e if x < 709.0 else np.inf
    return e if x == x else x


@_careful
def tanh64(x: float) -> float:
    """Return the hyperbolic tangent; NaN of NaN."""
    m = expm1_64(-2.0 * abs(x))
    y = -m / (2.0 + m)
    return y if x >= 0.0 else -y


@_careful
def wave64(x: float, quarter: int) -> float:
    """Return sin(x + quarter pi/2); NaN for infinity, NaN, and |x| >= 2^50, where neighboring numbers are 1/8 apart.

    Reduction by Cody & Waite with pi/2 in three parts of 33 bits, polynomials of Sun's fdlibm (k_sin.c, k_cos.c).
    Without a fused multiply-add, the third part rounds off digits from |x| = 1e6 on.
    """
    t = x * 0.6366197723675814 + 6755399441055744.0
    k = t - 6755399441055744.0
    r = ((x - k * 1.5707963267341256) - k * 6.077100506303966e-11) - k * 2.0222662487959506e-21
    z = r * r
    s = 1.58969099521155010221e-10
    s = s * z - 2.50507602534068634195e-08
    s = s * z + 2.75573137070700676789e-06
    s = s * z - 1.98412698298579493134e-04
    s = s * z + 8.33333333332248946124e-03
    s = s * z - 1.66666666666666324348e-01
    s = s * z * r + r
    c = -1.13596475577881948265e-11
    c = c * z + 2.08757232129817482790e-09
    c = c * z - 2.75573143513906633035e-07
    c = c * z + 2.48015872894767294178e-05
    c = c * z - 1.38888888888741095749e-03
    c = c * z + 4.16666666666666019037e-02
    c = c * z * z - 0.5 * z + 1.0
    turn = np.float64(t).view(np.int64) + quarter
    y = c if turn & 1 else s
    y = -y if turn & 2 else y
    return y if abs(x) < 1125899906842624.0 else np.nan


@_careful
def sin64(x: float) -> float:
    """Return the sine; NaN for infinity, NaN and |x| >= 2^50."""
    return wave64(x, 0)


@_careful
def cos64(x: float) -> float:
    """Return the cosine; NaN for infinity, NaN and |x| >= 2^50."""
    return wave64(x, 1)


@_careful
def sin32(x: np.float32) -> np.float32:
    """Return the sine, computed in float64: vectors are half as wide, and large arguments keep their digits."""
    return np.float32(wave64(np.float64(x), 0))


@_careful
def cos32(x: np.float32) -> np.float32:
    """Return the cosine, computed in float64, like `sin32`."""
    return np.float32(wave64(np.float64(x), 1))


@_careful
def expm1_32(x: np.float32) -> np.float32:
    """Return e^x - 1, computed in float64, like `sin32`."""
    return np.float32(expm1_64(np.float64(x)))


@_careful
def tanh32(x: np.float32) -> np.float32:
    """Return the hyperbolic tangent, computed in float64, like `sin32`."""
    return np.float32(tanh64(np.float64(x)))


REPLACED = {
    "float64": {
        math.exp: exp64, np.exp: exp64, math.expm1: expm1_64, np.expm1: expm1_64, math.tanh: tanh64, np.tanh: tanh64,
        math.sin: sin64, np.sin: sin64, math.cos: cos64, np.cos: cos64,
    },
    "float32": {
        math.exp: exp32, np.exp: exp32, math.expm1: expm1_32, np.expm1: expm1_32, math.tanh: tanh32, np.tanh: tanh32,
        math.sin: sin32, np.sin: sin32, math.cos: cos32, np.cos: cos32,
    },
}  # fmt: skip
"""By dtype: functions that a plug-in may call on a number, and what its kernel calls instead."""
