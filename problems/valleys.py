"""Curved valleys with a flat floor.

Beale's function, the chain of Dixon and Price, and Powell's singular function.
"""

import numpy as np

from optbench import OptbenchError, Problem, problem


def beale_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    for r in range(w.shape[1]):
        x, y = w[0, r], w[1, r]
        y2 = y * y
        y3 = y2 * y
        a = 1.5 - x * (1.0 - y)
        b = 2.25 - x * (1.0 - y2)
        c = 2.625 - x * (1.0 - y3)
        f[r] = a * a + b * b + c * c
        g[0, r] = -2.0 * (a * (1.0 - y) + b * (1.0 - y2) + c * (1.0 - y3))
        g[1, r] = 2.0 * x * (a + 2.0 * b * y + 3.0 * c * y2)


@problem(source="Beale 1958; Moré, Garbow & Hillstrom 1981, problem 5", target=1e-06)
def beale(noise=0.1):
    """f(x, y) = (1.5 - x (1 - y))^2 + (2.25 - x (1 - y^2))^2 + (2.625 - x (1 - y^3))^2: a flat valley, steep corners.

    The valley runs to infinity along y = 1, with values falling towards 0.45 and slopes towards 0 for x -> -infinity:
    a run that enters it on that side does not come back. Starts near the classical (1, 1), off by up to 0.1.
    """
    return Problem(
        form="lanes",
        dim=2,
        value_and_gradient=beale_gradient,
        start=lambda rng: 1.0 + rng.uniform(-0.1, 0.1, 2),
        minimum=0.0,
        minimum_source="closed form: (3, 1/2)",
        minimizer=np.array([3.0, 0.5]),
        noise=noise,
        domain=((-4.5, 4.5), (-4.5, 4.5)),
    )


def dixon_price_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    dim, runs = w.shape
    for r in range(runs):
        f[r] = (w[0, r] - 1.0) ** 2
        g[0, r] = 2.0 * (w[0, r] - 1.0)
        if dim > 1:
            g[0, r] -= 4.0 * (2.0 * w[1, r] ** 2 - w[0, r])
    for i in range(1, dim):
        weight, following = w.dtype.type(i + 1), w.dtype.type(i + 2)
        for r in range(runs):
            gap = 2.0 * w[i, r] ** 2 - w[i - 1, r]
            f[r] += weight * gap**2
            g[i, r] = 8.0 * weight * gap * w[i, r]
            if i + 1 < dim:
                g[i, r] -= 2.0 * following * (2.0 * w[i + 1, r] ** 2 - w[i, r])


@problem(source="Dixon & Price 1989, J. Optim. Theory Appl. 60(2)", target=1e-05)
def dixon_price(dim=10, noise=1.0):
    """f(w) = (w_1 - 1)^2 + sum_{i >= 2} i (2 w_i^2 - w_{i-1})^2: a chain in which each square has the next one's size.

    Behind a negative coordinate the next one has no square to follow and falls to 0, near the stationary point
    (1/3, 0, ..., 0) of value 2/3. The source names a region, [-10, 10]^n, but no start: starts near (1, ..., 1), each
    coordinate off by up to 0.1.
    """
    exponents = 2.0 ** (1 - np.arange(1, dim + 1)) - 1
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=dixon_price_gradient,
        start=lambda rng: 1.0 + rng.uniform(-0.1, 0.1, dim),
        minimum=0.0,
        minimum_source="closed form: w_i = 2^(2^(1 - i) - 1)",
        minimizer=2.0**exponents,
        other_minimizers=[2.0**exponents * np.where(np.arange(dim) < dim - 1, 1, -1)] if dim > 1 else (),
        noise=noise,
        domain=((-1.5, 1.5), (-1.5, 1.5)),
    )


def powell_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    for r in range(w.shape[1]):
        f[r] = 0.0
    for i in range(0, w.shape[0], 4):
        for r in range(w.shape[1]):
            a = w[i, r] + 10.0 * w[i + 1, r]
            b = w[i + 2, r] - w[i + 3, r]
            c = w[i + 1, r] - 2.0 * w[i + 2, r]
            d = w[i, r] - w[i + 3, r]
            c3, d3 = c * c * c, d * d * d
            f[r] += a * a + 5.0 * b * b + c3 * c + 10.0 * d3 * d
            g[i, r] = 2.0 * a + 40.0 * d3
            g[i + 1, r] = 20.0 * a + 4.0 * c3
            g[i + 2, r] = 10.0 * b - 8.0 * c3
            g[i + 3, r] = -10.0 * b - 40.0 * d3


@problem(source="Powell 1962, Comput. J. 5(2); Moré, Garbow & Hillstrom 1981, problems 13 and 22", target=1e-06)
def powell_singular(dim=4, noise=0.1):
    """f(w) = sum of (a + 10 b)^2 + 5 (c - d)^2 + (b - 2 c)^4 + 10 (a - d)^4 over groups (a, b, c, d) of four.

    Convex, but the Hessian is singular at the minimum: two of four directions are quartic there, and even Newton's
    method converges only linearly. Starts near the classical (3, -1, 0, 1), each coordinate off by up to 0.1.
    """
    if dim % 4:
        raise OptbenchError(f"problem powell_singular: dim={dim!r} must be a multiple of 4")
    classic = np.tile([3.0, -1.0, 0.0, 1.0], dim // 4)
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=powell_gradient,
        start=lambda rng: classic + rng.uniform(-0.1, 0.1, dim),
        minimum=0.0,
        minimum_source="closed form: w = 0",
        minimizer=np.zeros(dim),
        noise=noise,
    )
