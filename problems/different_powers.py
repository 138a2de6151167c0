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
        row, slope = w[i], g[i]
        for r in range(runs):
            slope[r] = row[r]
        for _ in range(i // 4):  # |w|^4 at a time: a pass over the row costs more than a product
            for r in range(runs):
                square = row[r] * row[r]
                slope[r] *= square * square
        for _ in range(i % 4):
            for r in range(runs):
                slope[r] *= abs(row[r])
        power = w.dtype.type(i + 2)
        for r in range(runs):
            f[r] += slope[r] * row[r]
            slope[r] *= power


@problem(source="Molga & Smutnicki 2005, Test functions for optimization needs")
def different_powers(dim=10, noise=0.01):
    """f(w) = sum_i |w_i|^(i + 1): along the first axis a parabola, along each further one flatter at the bottom.

    Convex, with a curvature of 0 at the minimum in all directions but one: no rate converges linearly, and rules that
    scale each coordinate by itself have the advantage. Starts uniformly in [-1, 1]^n.

    Its gradient takes four times its floor (benchmarks/floors.py: 5.1 ns a lane, 1.3): 41 passes over a row of lanes,
    of 8 ns each at 64 lanes, where a product is but a quarter of a pass.
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
