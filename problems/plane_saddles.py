"""Saddles of the plane that every textbook draws, closed from below so that a minimum exists.

The hyperbolic paraboloid and the monkey saddle.
"""

import math

import numpy as np

from optbench import Problem, problem


def hyperbolic_gradient(w, g, f, constants):
    """Write the values of all runs to f and the gradients to g."""
    radius = constants[0]
    for r in range(w.shape[1]):
        x, y = w[0, r], w[1, r]
        side = y if abs(y) <= radius else abs(y) - 2.0 * radius
        f[r] = x * x + (-side * side if abs(y) <= radius else side * side - 2.0 * radius * radius)
        g[0, r] = 2.0 * x
        g[1, r] = -2.0 * side if y <= radius else 2.0 * side


@problem(source="textbook: x^2 - y^2 is called the hyperbolic paraboloid; closed from below here", target=1e-08)
def hyperbolic(radius=1.0, offset=1e-3, noise=0.01):
    """f(x, y) = x^2 - y^2 where |y| <= radius; beyond, x^2 + (|y| - 2 radius)^2 - 2 radius^2.

    The bare x^2 - y^2 has no minimum. In the strip |y| <= radius this is exactly that saddle, and its Hessian
    diag(2, -2); outside, the slope goes on without a jump, but the curvature in y turns from -2 to 2. Tests how fast
    a method leaves a strict saddle: gradient descent at rate eta multiplies y by 1 + 2 eta a step. Starts almost on
    the path into the saddle: x standard normal, y normal times ``offset``.
    """
    return Problem(
        form="lanes",
        dim=2,
        value_and_gradient=hyperbolic_gradient,
        start=lambda rng: rng.standard_normal(2) * (1.0, offset),
        minimum=-2 * radius**2,
        minimum_source="closed form: x = 0, y = +-2 radius",
        minimizer=np.array([0.0, 2 * radius]),
        other_minimizers=np.array([[0.0, -2 * radius]]),
        noise=noise,
        constants=(radius,),
        domain=((-2 * radius, 2 * radius), (-3 * radius, 3 * radius)),
    )


def monkey_gradient(w, g, f, constants):
    """Write the values of all runs to f and the gradients to g."""
    weight = 0.75 / constants[0]
    for r in range(w.shape[1]):
        x, y = w[0, r], w[1, r]
        square = x * x + y * y
        f[r] = x * (x * x - 3.0 * y * y) + weight * square * square
        g[0, r] = 3.0 * (x * x - y * y) + 4.0 * weight * square * x
        g[1, r] = -6.0 * x * y + 4.0 * weight * square * y


@problem(source="Hilbert & Cohn-Vossen 1932, Anschauliche Geometrie, ch. IV; closed from below here", target=1e-08)
def monkey_saddle(radius=1.0, offset=1e-3, noise=0.001):
    """f(x, y) = x^3 - 3 x y^2 + 3/(4 radius) (x^2 + y^2)^2: a saddle for two legs and a tail.

    The first part is rho^3 cos(3 theta) in polar coordinates; the second, which gives it a minimum, is small near
    the origin. There the Hessian is zero: the saddle is not strict, no curvature shows the way out, and the gradient
    shrinks as the distance squared. The minima lie at distance ``radius`` in the directions 60, 180 and 300 degrees.
    Starts on one of the three ridges that lead into the origin, at radius/2 to radius, off it by about ``offset``.
    """

    def start(rng):
        """Return a point on one of the three ridges, off it by about ``offset``."""
        along, across = radius * rng.uniform(0.5, 1.0), offset * rng.standard_normal()
        theta = 2 * math.pi / 3 * rng.integers(3)
        c, s = math.cos(theta), math.sin(theta)
        return np.array([c * along - s * across, s * along + c * across])

    return Problem(
        form="lanes",
        dim=2,
        value_and_gradient=monkey_gradient,
        start=start,
        minimum=-(radius**3) / 4,
        minimum_source="closed form: (-radius, 0), and turned by 120 and 240 degrees",
        minimizer=np.array([-radius, 0.0]),
        other_minimizers=radius / 2 * np.array([[1.0, math.sqrt(3)], [1.0, -math.sqrt(3)]]),
        noise=noise,
        constants=(radius,),
        domain=((-1.6 * radius, 1.6 * radius), (-1.6 * radius, 1.6 * radius)),
    )
