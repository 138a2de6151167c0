"""Curved valleys with a flat floor.

Beale's function.
"""

import numpy as np

from optbench import Problem, problem


def beale_gradient(w, g, f):
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


@problem(source="Beale 1958; Moré, Garbow & Hillstrom 1981, problem 5")
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
