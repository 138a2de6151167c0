"""A plateau: far from the minimum the gradient all but vanishes."""

from math import exp, tanh

import numpy as np

from optbench import Problem, problem


def value_and_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    for r in range(w.shape[1]):
        f[r] = 0.0
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            z = w[i, r] - 1.0
            a, e = tanh(z), exp(-2.0 * abs(z))
            f[r] += 0.5 * a * a
            # 1 / cosh(z)^2 = 1 - tanh(z)^2, which keeps its digits where tanh is 1 to the last of them.
            g[i, r] = a * (4.0 * e / ((1.0 + e) * (1.0 + e)))


@problem(source="saturated tanh unit under squared loss, Glorot & Bengio 2010, sec. 3; lecture E2", target=1e-08)
def plateau(dim=2, distance=4.0, noise=0.001):
    """f(w) = sum_i tanh(w_i - 1)^2 / 2: saturated units, each with its own target.

    At ``distance`` d from the minimum a coordinate's gradient is about 4 exp(-2 d): 0.0013 for the default. Starts
    about that far away, in a random quadrant.
    """
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: 1.0 + rng.choice([-1.0, 1.0], dim) * (distance + rng.uniform(-0.25, 0.25, dim)),
        minimum=0.0,
        minimum_source="closed form: every w_i = 1",
        minimizer=np.ones(dim),
        noise=noise,
        domain=((-5.0, 7.0), (-5.0, 7.0)),
    )
