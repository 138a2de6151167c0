"""Quadratic bowls of any dimension and condition number."""

import numpy as np

from optbench import Problem, problem
from optbench.kit.lane_products import product


def value_and_gradient(w, g, f, constants, work):
    """Write the values of all runs to f and the gradients to g."""
    dim, runs = w.shape
    hessian = constants[: dim * dim].reshape(dim, dim)
    minimizer = constants[dim * dim :]
    offset = work.reshape(dim, runs)
    for i in range(dim):
        for r in range(runs):
            offset[i, r] = w[i, r] - minimizer[i]
    product(hessian, offset, g)
    for r in range(runs):
        f[r] = 0.0
    for i in range(dim):
        for r in range(runs):
            f[r] += 0.5 * offset[i, r] * g[i, r]


@problem(source="Nesterov 2004, sec. 2.1.3 (strongly convex quadratics)", target=0.001)
def quadratic(dim=20, condition=100.0, noise=0.1, seed=0):
    """f(w) = 1/2 (w - w*)' H (w - w*): a convex bowl whose axes are rotated at random.

    The eigenvalues of H are log-spaced from 1/condition to 1, so the largest stable rate of gradient descent is 2.
    ``seed`` chooses the rotation and w*; the start lies at a standard normal offset from w*.
    """
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    hessian = (rotation * np.geomspace(1 / condition, 1.0, dim)) @ rotation.T
    minimizer = rng.standard_normal(dim)
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: minimizer + rng.standard_normal(dim),
        minimum=0.0,
        minimum_source="closed form: w = w*",
        minimizer=minimizer,
        noise=noise,
        curvature=np.diag(hessian),
        constants=np.concatenate([((hessian + hessian.T) / 2).ravel(), minimizer]),
        work=lambda rows, runs: dim * runs,
        domain=tuple((c - 3.0, c + 3.0) for c in minimizer) if dim == 2 else None,
    )
