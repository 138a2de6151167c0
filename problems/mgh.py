"""The test functions of Moré, Garbow and Hillstrom: sums of squares that every least-squares code is tried on.

Of the paper's 35 these are 31. The others have names of their own: rosenbrock (1), beale (5), powell_singular (13, 22).
Each kernel returns the sum of the squared residuals, and writes its gradient.
"""

import inspect
from math import atan, atan2, cos, exp, log, pi, sin, sqrt
from typing import Any, NamedTuple

import numpy as np

from optbench import OptbenchError, Problem, problem
from optbench.contract.errors import near


def freudenstein_roth(w, g):
    """Write the gradient of problem 2, and return the value."""
    x, y = w[0], w[1]
    a, b = x - 13.0 + ((5.0 - y) * y - 2.0) * y, x - 29.0 + ((y + 1.0) * y - 14.0) * y
    g[0] = 2.0 * (a + b)
    g[1] = 2.0 * (a * ((10.0 - 3.0 * y) * y - 2.0) + b * ((3.0 * y + 2.0) * y - 14.0))
    return a * a + b * b


def powell_badly_scaled(w, g):
    """Write the gradient of problem 3, and return the value."""
    x, y = w[0], w[1]
    p, q = exp(-x), exp(-y)
    a, b = 1e4 * x * y - 1.0, p + q - 1.0001
    g[0] = 2e4 * a * y - 2.0 * b * p
    g[1] = 2e4 * a * x - 2.0 * b * q
    return a * a + b * b


def brown_badly_scaled(w, g):
    """Write the gradient of problem 4, and return the value."""
    x, y = w[0], w[1]
    a, b, c = x - 1e6, y - 2e-6, x * y - 2.0
    g[0] = 2.0 * (a + c * y)
    g[1] = 2.0 * (b + c * x)
    return a * a + b * b + c * c


def jennrich_sampson(w, g):
    """Write the gradient of problem 6, and return the value."""
    f, slope, other = 0.0, 0.0, 0.0
    for i in range(1, 11):
        p, q = exp(i * w[0]), exp(i * w[1])
        e = 2.0 + 2.0 * i - p - q
        f += e * e
        slope -= 2.0 * e * i * p
        other -= 2.0 * e * i * q
    g[0], g[1] = slope, other
    return f


def helical_valley(w, g):
    """Write the gradient of problem 7, and return the value; the angle jumps where x = 0 and y < 0."""
    x, y, z = w[0], w[1], w[2]
    square = x * x + y * y
    radius = sqrt(square)
    angle = atan(y / x) + pi if x < 0.0 else atan2(y, x)
    a, b = 10.0 * z - 50.0 / pi * angle, 10.0 * radius - 10.0
    turn, stretch = 100.0 / pi * a / square, 20.0 * b / radius
    g[0] = turn * y + stretch * x
    g[1] = -turn * x + stretch * y
    g[2] = 20.0 * a + 2.0 * z
    return a * a + b * b + z * z


def bard(w, g, constants):
    """Write the gradient of problem 8, and return the value; constants: the measurements."""
    clear(g)
    f = 0.0
    for i in range(15):
        u, v = i + 1.0, 15.0 - i
        t = min(u, v)
        share = 1.0 / (v * w[1] + t * w[2])
        e = constants[i] - w[0] - u * share
        f += e * e
        g[0] -= 2.0 * e
        g[1] += 2.0 * e * u * v * share * share
        g[2] += 2.0 * e * u * t * share * share
    return f


def gaussian(w, g, constants):
    """Write the gradient of problem 9, and return the value; constants: the measurements."""
    clear(g)
    f = 0.0
    for i in range(15):
        t = 3.5 - 0.5 * i - w[2]
        p = exp(-0.5 * w[1] * t * t)
        e = w[0] * p - constants[i]
        f += e * e
        g[0] += 2.0 * e * p
        g[1] -= e * w[0] * p * t * t
        g[2] += 2.0 * e * w[0] * p * w[1] * t
    return f


def meyer(w, g, constants):
    """Write the gradient of problem 10, and return the value; constants: the measurements."""
    clear(g)
    f = 0.0
    for i in range(16):
        share = 1.0 / (50.0 + 5.0 * i + w[2])
        p = exp(w[1] * share)
        e = w[0] * p - constants[i]
        f += e * e
        g[0] += 2.0 * e * p
        g[1] += 2.0 * e * w[0] * p * share
        g[2] -= 2.0 * e * w[0] * p * w[1] * share * share
    return f


def gulf(w, g, constants):
    """Write the gradient of problem 11, and return the value; constants: the measurements."""
    clear(g)
    f = 0.0
    for i in range(99):
        d = constants[i] - w[1]
        power = abs(d) ** w[2] / w[0]
        q = exp(-power)
        e = q - 0.01 * (i + 1.0)
        f += e * e
        slope = 2.0 * e * q * power
        g[0] += slope / w[0]
        g[1] += slope * w[2] / d
        g[2] -= slope * log(abs(d))
    return f


def box_3d(w, g, constants):
    """Write the gradient of problem 12, and return the value; constants: the third residual's factors."""
    clear(g)
    f = 0.0
    for i in range(10):
        t = 0.1 * (i + 1.0)
        p, q = exp(-t * w[0]), exp(-t * w[1])
        e = p - q - w[2] * constants[i]
        f += e * e
        g[0] -= 2.0 * e * t * p
        g[1] += 2.0 * e * t * q
        g[2] -= 2.0 * e * constants[i]
    return f


def wood(w, g):
    """Write the gradient of problem 14, and return the value."""
    a, b, c, d = w[1] - w[0] * w[0], 1.0 - w[0], w[3] - w[2] * w[2], 1.0 - w[2]
    p, q = w[1] + w[3] - 2.0, w[1] - w[3]
    g[0] = -400.0 * a * w[0] - 2.0 * b
    g[1] = 200.0 * a + 20.0 * p + 0.2 * q
    g[2] = -360.0 * c * w[2] - 2.0 * d
    g[3] = 180.0 * c + 20.0 * p - 0.2 * q
    return 100.0 * a * a + b * b + 90.0 * c * c + d * d + 10.0 * p * p + 0.1 * q * q


def kowalik_osborne(w, g, constants):
    """Write the gradient of problem 15, and return the value; constants: the measurements, and where they were made."""
    clear(g)
    f = 0.0
    for i in range(11):
        u = constants[11 + i]
        share = 1.0 / (u * u + u * w[2] + w[3])
        top = (u * u + u * w[1]) * share
        e = constants[i] - w[0] * top
        f += e * e
        g[0] -= 2.0 * e * top
        g[1] -= 2.0 * e * w[0] * u * share
        g[2] += 2.0 * e * w[0] * top * u * share
        g[3] += 2.0 * e * w[0] * top * share
    return f


def brown_dennis(w, g, constants):
    """Write the gradient of problem 16, and return the value; constants: exp t, sin t and cos t of all t."""
    clear(g)
    f = 0.0
    for i in range(20):
        t, sine = 0.2 * (i + 1.0), constants[20 + i]
        a, b = w[0] + t * w[1] - constants[i], w[2] + sine * w[3] - constants[40 + i]
        e = a * a + b * b
        f += e * e
        g[0] += 4.0 * e * a
        g[1] += 4.0 * e * a * t
        g[2] += 4.0 * e * b
        g[3] += 4.0 * e * b * sine
    return f


def osborne_1(w, g, constants):
    """Write the gradient of problem 17, and return the value; constants: the measurements."""
    clear(g)
    f = 0.0
    for i in range(33):
        t = 10.0 * i
        p, q = exp(-t * w[3]), exp(-t * w[4])
        e = constants[i] - w[0] - w[1] * p - w[2] * q
        f += e * e
        g[0] -= 2.0 * e
        g[1] -= 2.0 * e * p
        g[2] -= 2.0 * e * q
        g[3] += 2.0 * e * t * w[1] * p
        g[4] += 2.0 * e * t * w[2] * q
    return f


def biggs_exp6(w, g, constants):
    """Write the gradient of problem 18, and return the value; constants: the measurements."""
    clear(g)
    f = 0.0
    for i in range(13):
        t = 0.1 * (i + 1.0)
        p, q, s = exp(-t * w[0]), exp(-t * w[1]), exp(-t * w[4])
        e = w[2] * p - w[3] * q + w[5] * s - constants[i]
        f += e * e
        g[0] -= 2.0 * e * t * w[2] * p
        g[1] += 2.0 * e * t * w[3] * q
        g[2] += 2.0 * e * p
        g[3] -= 2.0 * e * q
        g[4] -= 2.0 * e * t * w[5] * s
        g[5] += 2.0 * e * s
    return f


def osborne_2(w, g, constants):
    """Write the gradient of problem 19, and return the value; constants: the measurements."""
    clear(g)
    f = 0.0
    for i in range(65):
        t = 0.1 * i
        decay = exp(-t * w[4])
        e = constants[i] - w[0] * decay
        for k in range(3):
            d = t - w[8 + k]
            e -= w[1 + k] * exp(-d * d * w[5 + k])
        f += e * e
        g[0] -= 2.0 * e * decay
        g[4] += 2.0 * e * t * w[0] * decay
        for k in range(3):
            d = t - w[8 + k]
            bell = exp(-d * d * w[5 + k])
            g[1 + k] -= 2.0 * e * bell
            g[5 + k] += 2.0 * e * w[1 + k] * bell * d * d
            g[8 + k] -= 4.0 * e * w[1 + k] * bell * w[5 + k] * d
    return f


def watson(w, g):
    """Write the gradient of problem 20, and return the value."""
    clear(g)
    a, b = w[0], w[1] - w[0] * w[0] - 1.0
    f = a * a + b * b
    g[0], g[1] = 2.0 * a - 4.0 * b * w[0], 2.0 * b
    for i in range(1, 30):
        t, power, before, value, slope = i / 29.0, 1.0, 0.0, 0.0, 0.0
        for j in range(w.shape[0]):
            value += w[j] * power
            slope += w[j] * j * before
            before, power = power, t * power
        e = slope - value * value - 1.0
        f += e * e
        power, before = 1.0, 0.0
        for j in range(w.shape[0]):
            g[j] += 2.0 * e * (j * before - 2.0 * value * power)
            before, power = power, t * power
    return f


def extended_rosenbrock(w, g):
    """Write the gradient of problem 21, and return the value."""
    f = 0.0
    for i in range(0, w.shape[0], 2):
        a, b = w[i + 1] - w[i] * w[i], 1.0 - w[i]
        f += 100.0 * a * a + b * b
        g[i], g[i + 1] = -400.0 * a * w[i] - 2.0 * b, 200.0 * a
    return f


def penalty_1(w, g):
    """Write the gradient of problem 23, and return the value."""
    f, excess = 0.0, -0.25
    for j in range(w.shape[0]):
        excess += w[j] * w[j]
    for j in range(w.shape[0]):
        e = w[j] - 1.0
        f += 1e-5 * e * e
        g[j] = 2e-5 * e + 4.0 * excess * w[j]
    return f + excess * excess


def penalty_2(w, g):
    """Write the gradient of problem 24, and return the value."""
    dim = w.shape[0]
    excess, before, floor = -1.0, 0.0, exp(-0.1)
    f = (w[0] - 0.2) ** 2
    for j in range(dim):
        excess += (dim - j) * w[j] * w[j]
    for j in range(dim):
        g[j] = 4.0 * excess * (dim - j) * w[j]
        power = exp(0.1 * w[j])
        if j > 0:
            e = power + before - exp(0.1 * (j + 1.0)) - exp(0.1 * j)
            lone = power - floor
            f += 1e-5 * (e * e + lone * lone)
            g[j] += 2e-6 * (e + lone) * power
            g[j - 1] += 2e-6 * e * before
        before = power
    g[0] += 2.0 * (w[0] - 0.2)
    return f + excess * excess


def variably_dimensioned(w, g):
    """Write the gradient of problem 25, and return the value."""
    f, total = 0.0, 0.0
    for j in range(w.shape[0]):
        f += (w[j] - 1.0) ** 2
        total += (j + 1.0) * (w[j] - 1.0)
    for j in range(w.shape[0]):
        g[j] = 2.0 * (w[j] - 1.0) + (2.0 + 4.0 * total * total) * total * (j + 1.0)
    return f + total * total * (1.0 + total * total)


def trigonometric(w, g):
    """Write the gradient of problem 26, and return the value."""
    dim = w.shape[0]
    f, total, rest = 0.0, 0.0, 0.0
    for j in range(dim):
        rest += 1.0 - cos(w[j])
    for j in range(dim):
        e = rest + (j + 1.0) * (1.0 - cos(w[j])) - sin(w[j])
        f += e * e
        total += e
        g[j] = e
    for j in range(dim):
        sine = sin(w[j])
        g[j] = 2.0 * (sine * total + g[j] * ((j + 1.0) * sine - cos(w[j])))
    return f


def brown_almost_linear(w, g):
    """Write the gradient of problem 27, and return the value; g holds the product of what stands before j first."""
    dim = w.shape[0]
    f, total, rest, product, behind = 0.0, -(dim + 1.0), 0.0, 1.0, 1.0
    for j in range(dim):
        total += w[j]
        g[j] = product
        product *= w[j]
    for j in range(dim - 1):
        e = w[j] + total
        f += e * e
        rest += e
    e = product - 1.0
    for j in range(dim - 1, -1, -1):
        own = w[j] + total if j < dim - 1 else 0.0
        g[j] = 2.0 * (own + rest + e * g[j] * behind)
        behind *= w[j]
    return f + e * e


def discrete_boundary(w, g):
    """Write the gradient of problem 28, and return the value."""
    dim = w.shape[0]
    h = 1.0 / (dim + 1.0)
    f, before, here = 0.0, 0.0, boundary_residual(w, 0)
    for j in range(dim):
        following = boundary_residual(w, j + 1) if j + 1 < dim else 0.0
        f += here * here
        bent = w[j] + (j + 1.0) * h + 1.0
        g[j] = 2.0 * (here * (2.0 + 1.5 * h * h * bent * bent) - before - following)
        before, here = here, following
    return f


def boundary_residual(w, i):
    """Return residual i, from 0, of problem 28."""
    dim = w.shape[0]
    h = 1.0 / (dim + 1.0)
    bent = w[i] + (i + 1.0) * h + 1.0
    e = 2.0 * w[i] + 0.5 * h * h * bent * bent * bent
    if i > 0:
        e -= w[i - 1]
    if i + 1 < dim:
        e -= w[i + 1]
    return e


def discrete_integral(w, g):
    """Write the gradient of problem 29, and return the value; g holds the residuals first."""
    dim = w.shape[0]
    h = 1.0 / (dim + 1.0)
    f, left, right = 0.0, 0.0, 0.0
    for j in range(dim):
        t = (j + 1.0) * h
        right += (1.0 - t) * (w[j] + t + 1.0) ** 3
    for j in range(dim):
        t = (j + 1.0) * h
        cube = (w[j] + t + 1.0) ** 3
        left += t * cube
        right -= (1.0 - t) * cube
        g[j] = w[j] + 0.5 * h * ((1.0 - t) * left + t * right)
        f += g[j] * g[j]
    left, right = 0.0, 0.0
    for j in range(dim):
        right += (1.0 - (j + 1.0) * h) * g[j]
    for j in range(dim):
        t, e = (j + 1.0) * h, g[j]
        g[j] = 2.0 * (e + 1.5 * h * (w[j] + t + 1.0) ** 2 * (t * right + (1.0 - t) * left))
        left += t * e
        right -= (1.0 - t) * e
    return f


def broyden_tridiagonal(w, g):
    """Write the gradient of problem 30, and return the value."""
    f, before, here = 0.0, 0.0, tridiagonal_residual(w, 0)
    for j in range(w.shape[0]):
        following = tridiagonal_residual(w, j + 1) if j + 1 < w.shape[0] else 0.0
        f += here * here
        g[j] = 2.0 * (here * (3.0 - 4.0 * w[j]) - 2.0 * before - following)
        before, here = here, following
    return f


def tridiagonal_residual(w, i):
    """Return residual i, from 0, of problem 30."""
    e = (3.0 - 2.0 * w[i]) * w[i] + 1.0
    if i > 0:
        e -= w[i - 1]
    if i + 1 < w.shape[0]:
        e -= 2.0 * w[i + 1]
    return e


def broyden_banded(w, g):
    """Write the gradient of problem 31, and return the value; g holds the residuals first."""
    dim = w.shape[0]
    f, before = 0.0, 0.0
    for i in range(dim):
        e = w[i] * (2.0 + 5.0 * w[i] * w[i]) + 1.0
        for j in range(max(0, i - 5), min(dim, i + 2)):
            if j != i:
                e -= w[j] * (1.0 + w[j])
        g[i] = e
        f += e * e
    for j in range(dim):
        e, near = g[j], before
        for i in range(j + 1, min(dim, j + 6)):
            near += g[i]
        g[j] = 2.0 * (e * (2.0 + 15.0 * w[j] * w[j]) - near * (1.0 + 2.0 * w[j]))
        before = e
    return f


def linear_full_rank(w, g):
    """Write the gradient of problem 32 with twice as many residuals as parameters, and return the value."""
    dim = w.shape[0]
    total, f, rest = 0.0, 0.0, 0.0
    for j in range(dim):
        total += w[j]
    common = -total / dim - 1.0
    for j in range(dim):
        e = w[j] + common
        f += e * e
        rest += e + common
    for j in range(dim):
        g[j] = 2.0 * (w[j] + common - rest / dim)
    return f + dim * common * common


def linear_rank_1(w, g):
    """Write the gradient of problem 33 with twice as many residuals as parameters, and return the value."""
    total, f, slope = 0.0, 0.0, 0.0
    for j in range(w.shape[0]):
        total += (j + 1.0) * w[j]
    for i in range(1, 2 * w.shape[0] + 1):
        e = i * total - 1.0
        f += e * e
        slope += 2.0 * e * i
    for j in range(w.shape[0]):
        g[j] = slope * (j + 1.0)
    return f


def linear_rank_1_zero(w, g):
    """Write the gradient of problem 34 with twice as many residuals as parameters, and return the value."""
    total, f, slope = 0.0, 2.0, 0.0
    for j in range(1, w.shape[0] - 1):
        total += (j + 1.0) * w[j]
    for i in range(1, 2 * w.shape[0] - 1):
        e = i * total - 1.0
        f += e * e
        slope += 2.0 * e * i
    for j in range(w.shape[0]):
        g[j] = slope * (j + 1.0) if 0 < j < w.shape[0] - 1 else 0.0 * w[j]
    return f


def chebyquad(w, g, work):
    """Write the gradient of problem 35 with as many residuals as parameters, and return the value."""
    dim = w.shape[0]
    f = 0.0
    for i in range(dim):
        work[i] = 1.0 / (i * (i + 2.0)) if i % 2 else 0.0
    for j in range(dim):
        x = 2.0 * w[j] - 1.0
        before, here = 1.0, x
        for i in range(dim):
            work[i] += here / dim
            before, here = here, 2.0 * x * here - before
    for i in range(dim):
        f += work[i] * work[i]
    for j in range(dim):
        x = 2.0 * w[j] - 1.0
        before, here, slope_before, slope, total = 1.0, x, 0.0, 2.0, 0.0
        for i in range(dim):
            total += work[i] * slope
            slope_before, slope = slope, 4.0 * here + 2.0 * x * slope - slope_before
            before, here = here, 2.0 * x * here - before
        g[j] = 2.0 * total / dim
    return f


def clear(g):
    """Write zeros."""
    for j in range(g.shape[0]):
        g[j] = 0.0


class Function(NamedTuple):
    """One of the functions: its kernel, start and minimum, and what belongs to it."""

    gradient: Any
    start: Any
    """The paper's start, (dim,); where the number of parameters is free, a function of that."""
    minimum: Any = 0.0
    """The least value; where the number of parameters is free, a function of it, or {it: the value}."""
    minimizer: Any = None
    """Where there is a formula for it; as ``start``."""
    constants: Any = ()
    sizes: Any = range(1, 10**9)
    """The numbers of parameters that it may have, where that is free."""


TENTHS = np.arange(1, 14) / 10
BARD = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)
BELL = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989)
MEYER = (34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872)
KOWALIK = (0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246)
KOWALIK_AT = (4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625)
OSBORNE_1 = (
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
    0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
    0.406,
)  # fmt: skip
OSBORNE_2 = (
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606,
    0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423,
    0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
    0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
    0.054,
)  # fmt: skip
OSBORNE_2_START = (1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5)


def gulf_times():
    """Return the measurements of problem 11, of which (50, 25, 1.5) leaves nothing."""
    return 25 + (-50 * np.log(np.arange(1, 100) / 100)) ** (2 / 3)


def waves(t):
    """Return exp t, sin t and cos t, one after the other."""
    return np.concatenate([np.exp(t), np.sin(t), np.cos(t)])


def sag(n):
    """Return t (t - 1) at t = 1/(n + 1), ..., n/(n + 1)."""
    t = np.arange(1, n + 1) / (n + 1)
    return t * (t - 1)


OTHERS = ("rosenbrock", "beale", "powell_singular")
FUNCTIONS = {
    "freudenstein_roth": Function(freudenstein_roth, (0.5, -2), minimizer=(5, 4)),
    "powell_badly_scaled": Function(
        powell_badly_scaled, (0, 1), minimizer=(1.098159329699715e-05, 9.106146739866524)
    ),
    "brown_badly_scaled": Function(brown_badly_scaled, (1, 1), minimizer=(1e6, 2e-6)),
    "jennrich_sampson": Function(jennrich_sampson, (0.3, 0.4), 124.36218235561485),
    "helical_valley": Function(helical_valley, (-1, 0, 0), minimizer=(1, 0, 0)),
    "bard": Function(bard, (1, 1, 1), 0.008214877306578975, constants=BARD),
    "gaussian": Function(gaussian, (0.4, 1, 0), 1.127932769618648e-08, constants=BELL + BELL[-2::-1]),
    "meyer": Function(meyer, (0.02, 4000, 250), 87.94585517085112, constants=MEYER),
    "gulf": Function(gulf, (5, 2.5, 0.15), minimizer=(50, 25, 1.5), constants=gulf_times()),
    "box_3d": Function(
        box_3d, (0, 10, 20), minimizer=(1, 10, 1), constants=np.exp(-TENTHS[:10]) - np.exp(-10 * TENTHS[:10])
    ),
    "wood": Function(wood, (-3, -1, -3, -1), minimizer=(1, 1, 1, 1)),
    "kowalik_osborne": Function(
        kowalik_osborne, (0.25, 0.39, 0.415, 0.39), 0.0003075056038492374, constants=KOWALIK + KOWALIK_AT
    ),
    "brown_dennis": Function(
        brown_dennis, (25, 5, -5, -1), 85822.20162635634, constants=waves(np.arange(1, 21) / 5)
    ),
    "osborne_1": Function(osborne_1, (0.5, 1.5, -1, 0.01, 0.02), 5.464894697482907e-05, constants=OSBORNE_1),
    "biggs_exp6": Function(
        biggs_exp6, (1, 2, 1, 1, 1, 1), minimizer=(1, 10, 1, 5, 4, 3),
        constants=np.exp(-TENTHS) - 5 * np.exp(-10 * TENTHS) + 3 * np.exp(-4 * TENTHS),
    ),
    "osborne_2": Function(osborne_2, OSBORNE_2_START, 0.04013773629354774, constants=OSBORNE_2),
    "watson": Function(
        watson, np.zeros, {6: 0.0022876700535524364, 9: 1.39976013809902e-06, 12: 4.722381105891757e-10},
        sizes=range(2, 32),
    ),
    "extended_rosenbrock": Function(
        extended_rosenbrock, lambda n: np.tile([-1.2, 1], n // 2), minimizer=np.ones, sizes=range(2, 10**9, 2)
    ),
    "penalty_1": Function(
        penalty_1, lambda n: np.arange(1, n + 1), {10: 7.087651467090369e-05, 4: 2.249977500899937e-05}
    ),
    "penalty_2": Function(
        penalty_2, lambda n: np.full(n, 0.5), {10: 0.00029366053745674594, 4: 9.376293007355442e-06}
    ),
    "variably_dimensioned": Function(variably_dimensioned, lambda n: 1 - np.arange(1, n + 1) / n, minimizer=np.ones),
    "trigonometric": Function(trigonometric, lambda n: np.full(n, 1 / n), minimizer=np.zeros),
    "brown_almost_linear": Function(brown_almost_linear, lambda n: np.full(n, 0.5), minimizer=np.ones),
    "discrete_boundary": Function(discrete_boundary, sag),
    "discrete_integral": Function(discrete_integral, sag),
    "broyden_tridiagonal": Function(broyden_tridiagonal, lambda n: np.full(n, -1)),
    "broyden_banded": Function(broyden_banded, lambda n: np.full(n, -1)),
    "linear_full_rank": Function(linear_full_rank, np.ones, lambda n: n, minimizer=lambda n: -np.ones(n)),
    "linear_rank_1": Function(linear_rank_1, np.ones, lambda n: n * (2 * n - 1) / (4 * n + 1)),
    "linear_rank_1_zero": Function(
        linear_rank_1_zero, np.ones, lambda n: (2 * n * n + 3 * n - 3) / (4 * n - 3), sizes=range(3, 10**9)
    ),
    "chebyquad": Function(
        chebyquad, lambda n: np.arange(1, n + 1) / (n + 1),
        {8: 0.0035168737256779316, 10: 0.006503954800882306, 9: 0} | dict.fromkeys(range(1, 8), 0),
    ),
}  # fmt: skip


@problem(source="Moré, Garbow & Hillstrom 1981, ACM Trans. Math. Softw. 7(1), 17-41", target=1e-05)
def mgh(function="wood", size=0, noise=0.001):
    """f(w) = sum_i r_i(w)^2: one of the 31 test functions of Moré, Garbow and Hillstrom that have no name of their own.

    ``function``, in the paper's order from 2 to 35:
    freudenstein_roth, powell_badly_scaled, brown_badly_scaled, jennrich_sampson, helical_valley, bard, gaussian, meyer,
    gulf, box_3d, wood, kowalik_osborne, brown_dennis, osborne_1, biggs_exp6, osborne_2;
    those of any ``size``: watson, extended_rosenbrock, penalty_1, penalty_2, variably_dimensioned, trigonometric,
    brown_almost_linear, discrete_boundary, discrete_integral, broyden_tridiagonal, broyden_banded, linear_full_rank,
    linear_rank_1, linear_rank_1_zero, chebyquad.
    The paper's 1, 5, 13 and 22 are the problems ``rosenbrock``, ``beale`` and ``powell_singular``.

    ``size``: the number of parameters, where it is free; 0 is 10, of watson 6, of chebyquad 8. Minima are 0 or known to
    16 digits; of watson, penalty_1, penalty_2 and chebyquad for the paper's sizes only, else 0 is a bound. From the
    start the way often leads to a local minimum: of freudenstein_roth to 48.98, of trigonometric to 2.8e-5. meyer and
    those called badly scaled span many powers of ten. Starts at the paper's start, each coordinate off by up to 1%, or
    by up to 0.01 from 0. ``noise``: as a share of the start's slope, in the root mean square.
    """
    if function not in FUNCTIONS:
        hint = ": it is a problem of its own" if function in OTHERS else near(function, FUNCTIONS)
        raise OptbenchError(f"problem mgh: function={function!r} is unknown{hint or ': ' + ', '.join(FUNCTIONS)}")
    chosen = FUNCTIONS[function]
    dim = find_dim(function, chosen, size)
    of_size = lambda each: each(dim) if callable(each) else each  # noqa: E731
    start, least = np.array(of_size(chosen.start), dtype=float), chosen.minimum
    source = "Newton's method to 30 digits, from the published one"
    if callable(least) or least == 0:
        source = "closed form" if callable(least) else "closed form: every residual is 0"
    if isinstance(least, dict):
        source = source if dim in least else "a bound: a sum of squares"
        least = least.get(dim, 0.0)
    given = {"w": start, "g": np.empty(dim), "constants": chosen.constants, "work": np.empty(dim)}
    chosen.gradient(**{key: given[key] for key in inspect.signature(chosen.gradient).parameters})
    return Problem(
        form="single",
        dim=dim,
        value_and_gradient=chosen.gradient,
        start=lambda rng: start + rng.uniform(-0.01, 0.01, dim) * np.where(start == 0, 1, np.abs(start)),
        minimum=float(of_size(least)),
        minimum_source=source,
        minimizer=None if chosen.minimizer is None else np.array(of_size(chosen.minimizer), dtype=float),
        noise=noise * np.sqrt(np.mean(given["g"] ** 2)),
        constants=chosen.constants,
        work=lambda rows, runs: dim,
    )


def find_dim(function, chosen, size):
    """Return the number of parameters of a function, by ``size`` where that is free; raise OptbenchError for others."""
    if not callable(chosen.start):
        if size:
            many = len(chosen.start)
            raise OptbenchError(f"problem mgh: size={size!r} is not free: {function} has {many} parameters")
        return len(chosen.start)
    dim = size or (next(iter(chosen.minimum)) if isinstance(chosen.minimum, dict) else 10)
    if not isinstance(dim, int) or dim not in chosen.sizes:
        few = ", ".join(map(str, chosen.sizes[:3]))
        raise OptbenchError(f"problem mgh: size={size!r} of {function} must be {few}, ... up to {chosen.sizes[-1]:,}")
    return dim
