"""Convex functions in closed form.

The sum of different powers, one a coordinate, and Nesterov's worst case for methods that follow gradients.
"""

import numpy as np

from optbench import Problem, problem


def different_powers_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    dim, runs = w.shape
    for r in range(runs):
        f[r] = 0.0
    for i in range(dim):
        exponent = w.dtype.type(i + 2)
        for r in range(runs):
            power = abs(w[i, r]) ** (i + 1)
            f[r] += power * abs(w[i, r])
            g[i, r] = exponent * (power if w[i, r] > 0.0 else -power)


@problem(source="Molga & Smutnicki 2005, Test functions for optimization needs", target=1e-05)
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


def nesterov_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    # A row of g is written once, from w alone: a loop that also adds to the row before it does not vectorize.
    last, runs = w.shape[0] - 1, w.shape[1]
    for r in range(runs):
        f[r] = 0.125 * w[0, r] * w[0, r] - 0.25 * w[0, r] + 0.125 * w[last, r] * w[last, r]
        g[0, r] = 0.25 * (w[0, r] - 1.0 + (w[0, r] - w[1, r] if last > 0 else w[0, r]))
    for i in range(1, last):
        before, here, after, slope = w[i - 1], w[i], w[i + 1], g[i]
        for r in range(runs):
            step = here[r] - before[r]
            f[r] += 0.125 * step * step
            slope[r] = 0.25 * (step - (after[r] - here[r]))
    if last > 0:
        for r in range(runs):
            step = w[last, r] - w[last - 1, r]
            f[r] += 0.125 * step * step
            g[last, r] = 0.25 * (step + w[last, r])


@problem(source="Nesterov 2004, sec. 2.1.2 (f_k with L = 1)", target=0.001)
def nesterov_worst(dim=100, noise=0.001):
    """f(w) = (w_1^2 + sum_i (w_i - w_{i+1})^2 + w_n^2) / 8 - w_1 / 4: a chain pulled at one end.

    From the origin, a method whose steps lie in the span of its gradients moves one more coordinate a step, so that t
    steps leave a gap of at least (1/(t + 1) - 1/(n + 1)) / 8 to the minimum. Starts near the origin, each coordinate
    off by a normal 0.001. The largest stable rate of gradient descent is 2, the condition number about 0.4 n^2.
    """
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=nesterov_gradient,
        start=lambda rng: 0.001 * rng.standard_normal(dim),
        minimum=(1 / (dim + 1) - 1) / 8,
        minimum_source="closed form: w_i = 1 - i/(n + 1)",
        minimizer=1 - np.arange(1, dim + 1) / (dim + 1),
        noise=noise,
        curvature=np.full(dim, 0.5),
        domain=((-1.0, 2.0), (-1.5, 1.5)),
    )
