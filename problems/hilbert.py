"""Ill-conditioned quadratics.

Hilbert's: the least squares of polynomials in powers of t. Values are sums of squares here, too.
"""

import numpy as np

from optbench import Problem, problem
from optbench.kit.lane_products import product, product_of_transposed


def hilbert_gradient(w, g, f, constants, work):
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


@problem(source="Hilbert 1894, Acta Math. 18; its condition numbers: Todd 1954")
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
