"""Curved valleys with a flat floor.

The chain of Dixon and Price.
"""

import numpy as np

from optbench import Problem, problem


def dixon_price_gradient(w, g, f):
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


@problem(source="Dixon & Price 1989, J. Optim. Theory Appl. 60(2)")
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
        noise=noise,
        domain=((-1.5, 1.5), (-1.5, 1.5)),
    )
