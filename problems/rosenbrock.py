"""Rosenbrock's curved valley."""

import numpy as np

from optbench import Problem, problem


def value_and_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    dim, runs = w.shape
    for r in range(runs):
        f[r] = 0.0
        g[dim - 1, r] = 200.0 * (w[dim - 1, r] - w[dim - 2, r] ** 2)
    for i in range(dim - 1):
        for r in range(runs):
            a = 1.0 - w[i, r]
            b = w[i + 1, r] - w[i, r] ** 2
            f[r] += a**2 + 100.0 * b**2
            g[i, r] = -2.0 * a - 400.0 * w[i, r] * b
            if i > 0:
                g[i, r] += 200.0 * (w[i, r] - w[i - 1, r] ** 2)


@problem(source="Rosenbrock 1960, Comput. J. 3(3); n-D: De Jong 1975", limits={"dim": "[2, inf)"}, target=0.0001)
def rosenbrock(dim=2, noise=1.0):
    """f(w) = sum_i (1 - w_i)^2 + 100 (w_{i+1} - w_i^2)^2, the classical test of a long, curved, flat valley.

    Starts near (-1.2, 1, -1.2, 1, ...), each coordinate off by up to 0.1.
    """
    classic = np.where(np.arange(dim) % 2 == 0, -1.2, 1.0)
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: classic + rng.uniform(-0.1, 0.1, dim),
        minimum=0.0,
        minimum_source="closed form: every w_i = 1",
        minimizer=np.ones(dim),
        noise=noise,
        domain=((-2.0, 2.0), (-1.0, 3.0)),
    )
