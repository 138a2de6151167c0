"""Convex functions in closed form.

The sum of different powers, one a coordinate.
"""

import numpy as np

from optbench import Problem, problem


def different_powers_gradient(w, g, f):
    dim, runs = w.shape
    for r in range(runs):
        f[r] = 0.0
    for i in range(dim):
        exponent = w.dtype.type(i + 2)
        for r in range(runs):
            power = abs(w[i, r]) ** (i + 1)
            f[r] += power * abs(w[i, r])
            g[i, r] = exponent * (power if w[i, r] > 0.0 else -power)


@problem(source="Molga & Smutnicki 2005, Test functions for optimization needs")
def different_powers(dim=10, noise=0.01):
    """f(w) = sum_i |w_i|^(i + 1): along the first axis a parabola, along each further one flatter at the bottom.

    Convex, with a curvature of 0 at the minimum in all directions but one: no rate converges linearly, and rules that
    scale each coordinate by itself have the advantage. Starts uniformly in [-1, 1]^n.
    """
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=different_powers_gradient,
        start=lambda rng: rng.uniform(-1.0, 1.0, dim),
        minimum=0.0,
        minimum_source="closed form: w = 0",
        minimizer=np.zeros(dim),
        noise=noise,
        domain=((-1.0, 1.0), (-1.0, 1.0)),
    )
