"""Ill-conditioned quadratics.

Of a given spectrum, turned away from the axes: ellipsoid, discus, bent_cigar and quadratic_deep. Hilbert's: the least
squares of polynomials in powers of t. Values are sums of squares, never differences: none lies below the minimum, 0,
whatever the condition and the dtype.
"""

import numpy as np

from optbench import Problem, problem
from optbench.kit.lane_products import product, product_of_transposed

# The rotation Q is a butterfly there and back: for each half in ``layout``, 1, 2, 4, ..., 4, 2, 1, coordinates i and
# i + half (of the i without that bit) turn by 30 to 60 degrees, an angle of their own. That mixes every axis with every
# other in dim log2(dim) turns; one product with a dense Hessian of 1,000 x 1,000 takes 18 times as many operations as Q
# and Q'. ``constants`` are the eigenvalues, w*, then a cosine and a sine a turn.


def value_and_gradient(w, g, f, constants, layout):
    """Write f = 1/2 sum_i eigenvalue_i z_i^2 with z = Q (w - w*), and g = Q' (eigenvalue z); g holds z for a while."""
    dim, runs = w.shape
    for i in range(dim):
        for r in range(runs):
            g[i, r] = w[i, r] - constants[dim + i]
    at = 2 * dim
    for stage in range(layout.shape[0]):
        half = layout[stage]
        for first in range(0, dim - half, 2 * half):
            for i in range(first, min(first + half, dim - half)):
                rotate_rows(g[i], g[i + half], constants[at], constants[at + 1])
                at += 2
    for r in range(runs):
        f[r] = 0.0
    for i in range(dim):
        for r in range(runs):
            z = g[i, r]
            g[i, r] = constants[i] * z
            f[r] += 0.5 * g[i, r] * z
    for stage in range(layout.shape[0] - 1, -1, -1):
        half = layout[stage]
        at -= 2 * count_turns(dim, half)
        place = at
        for first in range(0, dim - half, 2 * half):
            for i in range(first, min(first + half, dim - half)):
                rotate_rows(g[i], g[i + half], constants[place], -constants[place + 1])
                place += 2


def count_turns(dim, half):
    """Return the number of turns of a stage: of the numbers below dim - half that lack the bit ``half``."""
    whole = (dim - half) // (2 * half)
    return whole * half + min(dim - half - whole * 2 * half, half)


def rotate_rows(one, other, cosine, sine):
    """Turn two rows of coordinates by an angle, in place."""
    for r in range(one.shape[0]):
        a, b = one[r], other[r]
        one[r] = cosine * a - sine * b
        other[r] = sine * a + cosine * b


def rotated_quadratic(eigenvalues, minimizer, rng, start, **fields):
    """Return the problem 1/2 (w - w*)' H (w - w*), H of the given eigenvalues about axes that ``rng`` turns."""
    dim = len(eigenvalues)
    up = [2**k for k in range((dim - 1).bit_length())]
    halves = [*up, *up[-2::-1]]
    count = sum(int(np.sum(np.arange(dim - half) & half == 0)) for half in halves)
    angles = rng.uniform(np.pi / 6, np.pi / 3, count) * rng.choice([-1, 1], count)
    return Problem(
        form="lanes",
        curvature=_diagonal(eigenvalues, halves, angles) if dim <= 1000 else None,  # beyond, it takes seconds
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=start,
        minimum=0.0,
        minimum_source="closed form: w = w*",
        minimizer=minimizer,
        constants=np.concatenate([eigenvalues, minimizer, np.column_stack([np.cos(angles), np.sin(angles)]).ravel()]),
        layout=tuple(halves),
        domain=((-5.0, 5.0), (-5.0, 5.0)),
        **fields,
    )


def _diagonal(eigenvalues, halves, angles):
    """Return the diagonal of H = Q' diag(eigenvalues) Q, (dim,)."""
    dim, at = len(eigenvalues), 0
    q = np.eye(dim)
    for half in halves:
        i = np.flatnonzero(np.arange(dim - half) & half == 0)
        c, s = np.cos(angles[at : at + len(i), None]), np.sin(angles[at : at + len(i), None])
        q[i], q[i + half] = c * q[i] - s * q[i + half], s * q[i] + c * q[i + half]
        at += len(i)
    return eigenvalues @ q**2


def bbob_problem(name, dim, condition, noise, seed, weights):
    """Return the problem sum_i weights_i z_i^2, with the optimum in [-4, 4]^n and starts in [-5, 5]^n, as in BBOB."""
    rng = np.random.default_rng(seed)
    return rotated_quadratic(
        2 * weights, rng.uniform(-4, 4, dim), rng, lambda rng: rng.uniform(-5, 5, dim), noise=noise
    )


@problem(source="Hansen et al. 2009, BBOB noiseless functions, f10 (without its oscillation)", target=0.0001)
def ellipsoid(dim=10, condition=1e6, noise=1.0, seed=0):
    """f(w) = sum_i condition^((i - 1)/(n - 1)) z_i^2, z = Q (w - w*): a rotated ellipsoid, its axes log-spaced.

    What a rule gains by scaling each coordinate by itself, the rotation takes away. The largest stable rate of gradient
    descent is 1/condition. ``seed`` chooses the rotation and w*; starts uniformly in [-5, 5]^n.
    """
    return bbob_problem("ellipsoid", dim, condition, noise, seed, np.geomspace(condition, 1, dim)[::-1])


@problem(source="Hansen et al. 2009, BBOB noiseless functions, f11 (without its oscillation)", target=0.001)
def discus(dim=10, condition=1e6, noise=1.0, seed=0):
    """f(w) = condition z_1^2 + sum_{i > 1} z_i^2, z = Q (w - w*): one direction, a rotated one, is far steeper.

    Its gradient drowns that of the others. The largest stable rate of gradient descent is 1/condition. ``seed`` chooses
    the rotation and w*; starts uniformly in [-5, 5]^n.
    """
    return bbob_problem("discus", dim, condition, noise, seed, np.where(np.arange(dim) == 0, condition, 1.0))


@problem(source="Hansen et al. 2009, BBOB noiseless functions, f12 (without its asymmetry)", target=1e-06)
def bent_cigar(dim=10, condition=1e6, noise=1.0, seed=0):
    """f(w) = z_1^2 + condition sum_{i > 1} z_i^2, z = Q (w - w*): one direction, a rotated one, is far flatter.

    A narrow ridge to be followed; straight, for BBOB's bending transform is left out. The largest stable rate of
    gradient descent is 1/condition. ``seed`` chooses the rotation and w*; starts uniformly in [-5, 5]^n.
    """
    return bbob_problem("bent_cigar", dim, condition, noise, seed, np.where(np.arange(dim) == 0, 1.0, condition))


@problem(
    source="Schneider et al. 2019, DeepOBS: quadratic_deep; spectrum of Chaudhari et al. 2017, Entropy-SGD",
    target=0.001,
)
def quadratic_deep(dim=100, noise=8.7, seed=0):
    """f(w) = 1/2 w' H w, rotated: 90% of H's eigenvalues uniform in (0, 1), 10% in (30, 60), as seen in deep networks.

    Dimension, 1,000 examples and the start w = 1 are those of DeepOBS, but that each coordinate is off by up to 0.1
    here. Its noise comes from normal examples x of deviation 0.6, as H x: a root mean square of 8.7 a coordinate over
    all spectra, the default ``noise`` (10.2 with that of the default ``seed``), but mostly in the steep directions;
    here it follows the diagonal of H, which the rotation has made almost even. ``seed`` chooses spectrum and rotation.
    """
    rng = np.random.default_rng(seed)
    steep = round(dim / 10)
    eigenvalues = np.concatenate([rng.uniform(0, 1, dim - steep), rng.uniform(30, 60, steep)])
    start = lambda rng: 1 + rng.uniform(-0.1, 0.1, dim)  # noqa: E731
    return rotated_quadratic(eigenvalues, np.zeros(dim), rng, start, noise=noise, examples=1000)


def hilbert_gradient(w, g, f, constants, work):
    """Write the values of all runs to f and the gradients to g."""
    dim, runs = w.shape
    root = constants.reshape(dim, dim)
    offset = work[: dim * runs].reshape(dim, runs)
    value = work[dim * runs :].reshape(dim, runs)
    for i in range(dim):
        for r in range(runs):
            offset[i, r] = w[i, r] - 1.0
    product(root, offset, value)
    for r in range(runs):
        f[r] = 0.0
    for i in range(dim):
        for r in range(runs):
            f[r] += 0.5 * value[i, r] * value[i, r]
    product_of_transposed(root, value, g)


@problem(source="Hilbert 1894, Acta Math. 18; its condition numbers: Todd 1954", target=1e-06)
def hilbert(dim=6, noise=0.01):
    """f(w) = 1/2 (w - 1)' H (w - 1), H_ij = 1/(i + j - 1): 1/2 the integral of p(t)^2 over [0, 1], p the polynomial
    with the coefficients w - 1.

    Fitting a polynomial in powers of t; no rotation is needed, since the axes of H are oblique. The condition number
    grows like exp(3.5 n): 1.5e7 by default, 1.6e13 for dim=10. Computed as a sum of squares, by Gauss's formula, which
    is exact here. Starts near 0, each coordinate off by up to 0.1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(dim)
    root = np.sqrt(weights / 2)[:, None] * np.vander((nodes + 1) / 2, increasing=True)
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=hilbert_gradient,
        start=lambda rng: rng.uniform(-0.1, 0.1, dim),
        minimum=0.0,
        minimum_source="closed form: every w_i = 1",
        minimizer=np.ones(dim),
        noise=noise,
        curvature=1 / np.arange(1, 2 * dim, 2),
        constants=root.ravel(),
        work=lambda rows, runs: 2 * dim * runs,
        domain=((-1.0, 3.0), (-1.0, 3.0)),
    )
