"""Convex functions in closed form.

The sum of different powers, one a coordinate.
"""

import numpy as np

from optbench import Problem, problem


def different_powers_gradient(w, g, f):
    dim, runs = w.shape
    for r in range(runs):
        f[r] = 0.0
    one = w.dtype.type(1)
    for i in range(dim):
        row, slope, power = w[i], g[i], w.dtype.type(i + 2)
        for r in range(runs):
            slope[r] = row[r]
        for _ in range(i // 16):  # |w|^16 at a time, then |w|^4: a pass over the row costs more than a product
            for r in range(runs):
                a = row[r] * row[r]
                a *= a
                a *= a
                slope[r] *= a * a
        for _ in range(i % 16 // 4):
            for r in range(runs):
                a = row[r] * row[r]
                slope[r] *= a * a
        for r in range(runs):
            p = slope[r] * (abs(row[r]) if i & 1 else one)
            p *= row[r] * row[r] if i & 2 else one
            f[r] += p * row[r]
            slope[r] = p * power


@problem(source="Molga & Smutnicki 2005, Test functions for optimization needs")
def different_powers(dim=10, noise=0.01):
    """f(w) = sum_i |w_i|^(i + 1): along the first axis a parabola, along each further one flatter at the bottom.

    Convex, with a curvature of 0 at the minimum in all directions but one: no rate converges linearly, and rules that
    scale each coordinate by itself have the advantage. Starts uniformly in [-1, 1]^n.

    Its gradient takes three times its floor (benchmarks/floors.py on a Xeon: 4.0 ns a lane, 1.2): 28 passes over a row
    of lanes, of 9 ns each at 64 lanes, where a product is a sixth of a pass.
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
