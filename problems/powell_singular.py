"""Curved valleys with a flat floor.

Powell's singular function.
"""

import numpy as np

from optbench import OptbenchError, Problem, problem


def powell_gradient(w, g, f):
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


@problem(source="Powell 1962, Comput. J. 5(2); Moré, Garbow & Hillstrom 1981, problems 13 and 22")
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
