"""Classical functions of the plane with several local minima, in their plain forms.

Himmelblau's, the six-hump camel, Goldstein and Price's, Branin's and Easom's.
"""

from math import cos, exp, pi, sin

import numpy as np

from optbench import Problem, problem


def _function(gradient, box, minimum, source, at, noise, domain=None, others=()):
    """Return the problem of a function of the plane that starts uniformly in the box that the literature searches."""
    low, high = np.transpose(box)
    return Problem(
        form="lanes",
        dim=2,
        value_and_gradient=gradient,
        start=lambda rng: rng.uniform(low, high),
        minimum=minimum,
        minimum_source=source,
        minimizer=np.array(at),
        other_minimizers=others,
        noise=noise,
        domain=domain or box,
    )


def himmelblau_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    for r in range(w.shape[1]):
        x, y = w[0, r], w[1, r]
        a, b = x * x + y - 11.0, x + y * y - 7.0
        f[r] = a * a + b * b
        g[0, r] = 4.0 * a * x + 2.0 * b
        g[1, r] = 2.0 * a + 4.0 * b * y


@problem(source="Himmelblau 1972, Applied Nonlinear Programming", target=1e-08)
def himmelblau(noise=1.0):
    """f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2: four minima, all of value 0.

    They lie at (3, 2), (-2.8051, 3.1313), (-3.7793, -3.2832) and (3.5844, -1.8481), with four saddles between them
    and a maximum amid: the start decides which is found, and each is a success. Starts uniformly in [-5, 5]^2.
    """
    box = ((-5.0, 5.0), (-5.0, 5.0))
    return _function(
        himmelblau_gradient,
        box,
        0.0,
        "closed form: both squares vanish, for example at (3, 2)",
        [3.0, 2.0],
        noise,
        others=[
            [-2.805118086952745, 3.131312518250573],
            [-3.779310253377747, -3.28318599128617],
            [3.584428340330492, -1.848126526964404],
        ],
    )


def camel_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    for r in range(w.shape[1]):
        x, y = w[0, r], w[1, r]
        p, q = x * x, y * y
        f[r] = p * (4.0 - 2.1 * p + p * p / 3.0) + x * y + 4.0 * q * (q - 1.0)
        g[0, r] = x * (8.0 - 8.4 * p + 2.0 * p * p) + y
        g[1, r] = x + 8.0 * y * (2.0 * q - 1.0)


@problem(source="Dixon & Szego 1978, Towards Global Optimisation 2", target=0.001)
def six_hump_camel(noise=0.1):
    """f(x, y) = (4 - 2.1 x^2 + x^4/3) x^2 + x y + 4 (y^2 - 1) y^2: six minima in three pairs.

    Their values are -1.0316 (global), -0.2155 and 2.1043. A method that goes down ends in the minimum of its valley,
    and the loss tells in which. Starts uniformly in [-3, 3] x [-2, 2].
    """
    box = ((-3.0, 3.0), (-2.0, 2.0))
    return _function(
        camel_gradient,
        box,
        -1.0316284534898774,
        "Newton's method to 30 digits, from the published point +-(0.0898, -0.7126)",
        [0.08984201310031806, -0.7126564030207396],
        noise,
        others=[[-0.08984201310031806, 0.7126564030207396]],
    )


def goldstein_price_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    for r in range(w.shape[1]):
        x, y = w[0, r], w[1, r]
        # Both inner polynomials depend on one combination of x and y each.
        s, t = x + y, 2.0 * x - 3.0 * y
        p = 19.0 + s * (3.0 * s - 14.0)
        q = 18.0 + t * (3.0 * t - 16.0)
        a = 1.0 + (s + 1.0) * (s + 1.0) * p
        b = 30.0 + t * t * q
        da = (s + 1.0) * (2.0 * p + (s + 1.0) * (6.0 * s - 14.0))
        db = t * (2.0 * q + t * (6.0 * t - 16.0))
        f[r] = a * b
        g[0, r] = da * b + 2.0 * a * db
        g[1, r] = da * b - 3.0 * a * db


@problem(source="Goldstein & Price 1971, Math. Comp. 25, 569-574", target=0.05)
def goldstein_price(noise=10.0):
    """f(x, y) = (1 + (s + 1)^2 (19 - 14 s + 3 s^2)) (30 + t^2 (18 - 16 t + 3 t^2)), s = x + y, t = 2 x - 3 y.

    The usual formula, of degree 8, with its two polynomials written in the combinations that they depend on. Four
    minima; the global one is 3, at (0, -1). Values span 3 to 1e6 on the box, gradients as much: no one rate serves
    everywhere. Starts uniformly in [-2, 2]^2.
    """
    box = ((-2.0, 2.0), (-2.0, 2.0))
    return _function(goldstein_price_gradient, box, 3.0, "closed form: (0, -1)", [0.0, -1.0], noise)


def branin_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    bend, slope, swing = 5.1 / (4.0 * pi * pi), 5.0 / pi, 10.0 - 10.0 / (8.0 * pi)
    for r in range(w.shape[1]):
        x, y = w[0, r], w[1, r]
        a = y - bend * x * x + slope * x - 6.0
        f[r] = a * a + swing * cos(x) + 10.0
        g[0, r] = 2.0 * a * (slope - 2.0 * bend * x) - swing * sin(x)
        g[1, r] = 2.0 * a


@problem(source="Branin 1972, IBM J. Res. Dev. 16, 504-522; constants: Dixon & Szego 1978", target=1e-06)
def branin(noise=1.0):
    """f(x, y) = (y - 5.1/(4 pi^2) x^2 + 5/pi x - 6)^2 + 10 (1 - 1/(8 pi)) cos x + 10: a bent valley with three minima.

    On the box they lie at (-pi, 12.275), (pi, 2.275) and (3 pi, 2.475), all of value 5/(4 pi) = 0.3979; outside it the
    valley goes on with more of them, of the same value. Starts uniformly in [-5, 10] x [0, 15].
    """
    box = ((-5.0, 10.0), (0.0, 15.0))
    return _function(
        branin_gradient,
        box,
        1.25 / pi,
        "closed form: the square vanishes and cos x = -1, for example at (pi, 2.275)",
        [pi, 2.275],
        noise,
        others=[[-pi, 12.275], [3 * pi, 2.475]],
    )


def easom_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    for r in range(w.shape[1]):
        a, b = w[0, r] - pi, w[1, r] - pi
        # cos x = -cos(x - pi), which is exact at the minimum.
        bell, p, q = exp(-a * a - b * b), cos(a), cos(b)
        f[r] = -p * q * bell
        g[0, r] = (sin(a) + 2.0 * a * p) * q * bell
        g[1, r] = (sin(b) + 2.0 * b * q) * p * bell


@problem(
    source="Easom 1990, A Survey of Global Optimization Techniques, M. Eng. thesis, University of Louisville",
    target=1e-08,
)
def easom(radius=2.0, noise=0.001):
    """f(x, y) = -cos x cos y exp(-(x - pi)^2 - (y - pi)^2): one narrow hole of depth 1 at (pi, pi) in a flat plain.

    The hole has a rim: along x or y the ground falls outwards again from a distance of 1.84 on, ever flatter, into
    hollows less than 1e-4 deep. Starts uniformly at most ``radius`` from (pi, pi) in x and y, some of them outside.
    The literature's box [-100, 100]^2 is a radius of 100: nearly all gradients are exactly zero there in floating
    point, and no method that follows them moves at all.
    """
    reach = (pi - radius, pi + radius)
    return _function(
        easom_gradient,
        (reach, reach),
        -1.0,
        "closed form: (pi, pi)",
        [pi, pi],
        noise,
        ((pi - 4.0, pi + 4.0), (pi - 4.0, pi + 4.0)),
    )
