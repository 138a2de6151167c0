"""Saddles of the plane that every textbook draws, closed from below so that a minimum exists.

The hyperbolic paraboloid.
"""

import numpy as np

from optbench import OptbenchError, Problem, problem


def hyperbolic_gradient(w, g, f, constants):
    radius = constants[0]
    for r in range(w.shape[1]):
        x, y = w[0, r], w[1, r]
        side = y if abs(y) <= radius else abs(y) - 2.0 * radius
        f[r] = x * x + (-side * side if abs(y) <= radius else side * side - 2.0 * radius * radius)
        g[0, r] = 2.0 * x
        g[1, r] = -2.0 * side if y <= radius else 2.0 * side


@problem(source="textbook: x^2 - y^2 is called the hyperbolic paraboloid; closed from below here")
def hyperbolic(radius=1.0, offset=1e-3, noise=0.01):
    """f(x, y) = x^2 - y^2 where |y| <= radius; beyond, x^2 + (|y| - 2 radius)^2 - 2 radius^2.

    The bare x^2 - y^2 has no minimum. In the strip |y| <= radius this is exactly that saddle, and its Hessian
    diag(2, -2); outside, the slope goes on without a jump, but the curvature in y turns from -2 to 2. Tests how fast
    a method leaves a strict saddle: gradient descent at rate eta multiplies y by 1 + 2 eta a step. Starts almost on
    the path into the saddle: x standard normal, y normal times ``offset``.
    """
    if radius <= 0:
        raise OptbenchError(f"problem hyperbolic: radius={radius!r} must be positive")
    return Problem(
        form="lanes",
        dim=2,
        value_and_gradient=hyperbolic_gradient,
        start=lambda rng: rng.standard_normal(2) * (1.0, offset),
        minimum=-2 * radius**2,
        minimum_source="closed form: x = 0, y = +-2 radius",
        minimizer=np.array([0.0, 2 * radius]),
        noise=noise,
        constants=(radius,),
        domain=((-2 * radius, 2 * radius), (-3 * radius, 3 * radius)),
    )
