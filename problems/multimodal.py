"""Classical functions of any dimension with many local minima, in their plain forms.

By Styblinski and Tang, Rastrigin, Ackley, Griewank and Levy.
"""

from math import acos, cos, e, expm1, pi, sin, sqrt

import numpy as np

from optbench import Problem, problem


def _function(name, dim, radius, gradient, value, at, source, noise, **more):
    """Return a problem that starts uniformly in [-radius, radius]^dim; minimum: dim * ``value`` at (at, ..., at)."""
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=gradient,
        start=lambda rng: rng.uniform(-radius, radius, dim),
        minimum=dim * value,
        minimum_source=source,
        minimizer=np.full(dim, at),
        noise=noise,
        domain=((-radius, radius), (-radius, radius)),
        **more,
    )


def styblinski_tang_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    dim, runs = w.shape
    for r in range(runs):
        f[r] = 0.0
    for i in range(dim):
        for r in range(runs):
            x = w[i, r]
            f[r] += 0.5 * x * (x * (x * x - 16.0) + 5.0)
            g[i, r] = 2.0 * x * (x * x - 8.0) + 2.5


@problem(source="Styblinski & Tang 1990, Neural Networks 3, 467-483", target=0.5)
def styblinski_tang(dim=2, radius=5.0, noise=1.0):
    """f(w) = sum_i (w_i^4 - 16 w_i^2 + 5 w_i) / 2: two valleys a coordinate, so 2^dim minima.

    A coordinate that starts left of 0.1567 goes down to -2.9035, where its share of the global minimum is -39.1662;
    one that starts right of it goes to 2.7468, which costs 14.14. Starts uniformly in [-radius, radius]^dim: almost
    half of the coordinates are on the wrong side, and only a large step or noise brings one over.
    """
    at = 2 * sqrt(8 / 3) * cos(acos(-15 / 64 * sqrt(3 / 8)) / 3 + 2 * pi / 3)
    value = 0.5 * at * (at * (at * at - 16) + 5)
    source = "closed form: 4 w^3 - 32 w + 5 = 0"
    return _function("styblinski_tang", dim, radius, styblinski_tang_gradient, value, at, source, noise)


def rastrigin_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    for r in range(w.shape[1]):
        f[r] = 0.0
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            x = w[i, r]
            s, c = sin(pi * x), cos(pi * x)
            # 10 - 10 cos(2 pi x) = 20 sin(pi x)^2, without cancellation near the minimum.
            f[r] += x * x + 20.0 * s * s
            g[i, r] = 2.0 * x + 40.0 * pi * s * c


@problem(source="Rastrigin 1974; in n dimensions: Mühlenbein, Schomisch & Born 1991, Parallel Computing 17, 619-632")
def rastrigin(dim=2, radius=5.12, noise=1.0):
    """f(w) = sum_i w_i^2 + 10 - 10 cos(2 pi w_i): a bowl with a ripple of period 1.

    A minimum lies near every integer point of a wide box, the global one at 0. Going down ends near the integer point
    next to the start; only a large step or noise crosses the ripple. Starts uniformly in [-radius, radius]^dim.
    """
    return _function("rastrigin", dim, radius, rastrigin_gradient, 0.0, 0.0, "closed form: w = 0", noise)


def ackley_gradient(w, g, f, work):
    """Write the values of all runs to f and the gradients to g."""
    dim, runs = w.shape
    size = w.dtype.type(dim)
    ripple, pull = work[:runs], work[runs:]
    for r in range(runs):
        f[r] = 0.0
        ripple[r] = 0.0
    for i in range(dim):
        for r in range(runs):
            f[r] += w[i, r] ** 2 / size
            ripple[r] -= 2.0 * sin(pi * w[i, r]) ** 2 / size  # cos(2 pi x) - 1, exact near the minimum
    for r in range(runs):
        root, wave = sqrt(f[r]), expm1(ripple[r])
        cone = expm1(-0.2 * root)
        f[r] = -20.0 * cone - e * wave
        ripple[r] = 2.0 * pi * e * (1.0 + wave) / size
        pull[r] = 4.0 * (1.0 + cone) / (size * root) if root > 0.0 else 0.0
    for i in range(dim):
        for r in range(runs):
            g[i, r] = ripple[r] * sin(2.0 * pi * w[i, r]) + pull[r] * w[i, r]


@problem(source="Ackley 1987, A Connectionist Machine for Genetic Hillclimbing; in n dimensions: Bäck 1996")
def ackley(dim=2, radius=5.0, noise=0.1):
    """f(w) = 20 - 20 exp(-0.2 sqrt(mean w_i^2)) + e - exp(mean cos(2 pi w_i)): a rippled plain with a funnel at 0.

    A minimum near every integer point; far out the funnel's slope is too small against the ripple to show the way.
    At 0 the function has a kink, a cone of slope 4/sqrt(dim): no gradient exists there, and 0 is given, which is a
    subgradient. So the gradient does not shrink on the way in, and a method at a constant rate cannot settle. Starts
    uniformly in [-radius, radius]^dim; many papers take 32.768, from where hardly any method that goes down arrives.
    """
    work = lambda rows, runs: 2 * runs  # noqa: E731
    return _function("ackley", dim, radius, ackley_gradient, 0.0, 0.0, "closed form: w = 0", noise, work=work)


def griewank_gradient(w, g, f, constants, work):
    """Write the values of all runs to f and the gradients to g."""
    # The gradient needs the product of all cosines but the i-th: f holds the product of those before it in the first
    # pass, and of those behind it in the second.
    dim, runs = w.shape
    waves = work.reshape(dim, runs)
    for r in range(runs):
        f[r] = 1.0
    for i in range(dim):
        for r in range(runs):
            waves[i, r] = cos(constants[i] * w[i, r])
        for r in range(runs):
            g[i, r] = f[r]
            f[r] *= waves[i, r]
    for r in range(runs):
        f[r] = 1.0
    for i in range(dim - 1, -1, -1):
        for r in range(runs):
            others = g[i, r] * f[r]
            g[i, r] = w[i, r] / 2000.0 + constants[i] * sin(constants[i] * w[i, r]) * others
        for r in range(runs):
            f[r] *= waves[i, r]
    for r in range(runs):
        f[r] = 1.0 - f[r]
    for i in range(dim):
        for r in range(runs):
            f[r] += w[i, r] * w[i, r] / 4000.0


@problem(source="Griewank 1981, J. Optim. Theory Appl. 34, 11-39")
def griewank(dim=2, radius=100.0, noise=0.1):
    """f(w) = 1 + sum_i w_i^2 / 4000 - prod_i cos(w_i / sqrt(i)): a very wide bowl under a product of ripples.

    Seen from far it is the bowl, with a curvature of 1/2000; from near it is the ripple, with hundreds of minima
    around the one at 0. In high dimension the product of cosines is next to nothing at most points, and the bowl
    remains: the problem becomes easier. Starts uniformly in [-radius, radius]^dim; many papers take 600.
    """
    fields = {"constants": 1 / np.sqrt(np.arange(1.0, dim + 1)), "work": lambda rows, runs: dim * runs}
    return _function("griewank", dim, radius, griewank_gradient, 0.0, 0.0, "closed form: w = 0", noise, **fields)


def levy_gradient(w, g, f):
    """Write the values of all runs to f and the gradients to g."""
    last, runs = w.shape[0] - 1, w.shape[1]
    for r in range(runs):
        a = (w[last, r] - 1.0) / 4.0
        s, c = sin(2.0 * pi * a), cos(2.0 * pi * a)
        f[r] = a * a * (1.0 + s * s)
        g[last, r] = 0.5 * a * (1.0 + s * (s + 2.0 * pi * a * c))
    for i in range(last):
        here, slope = w[i], g[i]
        for r in range(runs):
            a = (here[r] - 1.0) / 4.0
            s, c = sin(pi * a + 1.0), cos(pi * a + 1.0)
            f[r] += a * a * (1.0 + 10.0 * s * s)
            slope[r] = a * (0.5 + 5.0 * s * (s + pi * a * c))
    for r in range(runs):
        a = (w[0, r] - 1.0) / 4.0
        s, c = sin(pi * a), cos(pi * a)
        f[r] += s * s
        g[0, r] += pi / 2.0 * s * c


@problem(source="Levy & Montalvo 1985, SIAM J. Sci. Stat. Comput. 6, 15-29; as in Laguna & Marti 2005", target=0.2)
def levy(dim=2, radius=10.0, noise=0.1):
    """f(w) = sin(pi v_1)^2 + sum_{i<n} v_i^2 (1 + 10 sin(pi v_i + 1)^2) + v_n^2 (1 + sin(2 pi v_n)^2), v = (w - 1)/4.

    Usually written in z = 1 + v, which is the same. A bowl with a ripple of period 4 whose height grows with the
    distance from the minimum at (1, ..., 1): smooth near it, rough far out. Starts uniformly in [-radius, radius]^dim.
    """
    return _function("levy", dim, radius, levy_gradient, 0.0, 1.0, "closed form: every w_i = 1", noise)
