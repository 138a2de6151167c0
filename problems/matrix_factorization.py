"""Low-rank factorization of a symmetric matrix: all minima are alike, all other stationary points strict saddles."""

import numpy as np

from optbench import OptbenchError, Problem, problem


def value_and_gradient(w, g, constants, layout, work):
    """Return the value, and write the gradient to g."""
    size, rank = layout[0], layout[1]
    factor, matrix, residual = w.reshape(size, rank), constants.reshape(size, size), work.reshape(size, size)
    np.dot(factor, factor.T, residual)
    f = 0.0
    for i in range(size):
        for j in range(size):
            residual[i, j] -= matrix[i, j]
            f += 0.25 * residual[i, j] ** 2
    np.dot(residual, factor, g.reshape(size, rank))
    return f


@problem(
    source="Ge, Jin & Zheng 2017, No Spurious Local Minima in Nonconvex Low Rank Problems; Li et al. 2019", target=1e-05
)
def matrix_factorization(size=20, rank=3, condition=10.0, tail=0.0, offset=1e-2, noise=0.01, seed=0):
    """f(U) = 1/4 |U U' - M|_F^2 with U (size, rank) and M symmetric, positive semidefinite.

    M has ``rank`` eigenvalues log-spaced from 1 to 1/condition; all others are ``tail``, at most 1/condition; its
    eigenvectors are random, from ``seed``. Every minimum is global, and a rotation U R of a minimum is another; the
    other stationary points, which hold a worse choice of eigenvectors or fewer, are strict saddles. From a small
    start, gradient descent learns one eigenvector after the other, with a plateau before each. Starts near the saddle
    at U = 0: normal times ``offset``.
    """
    if not 1 <= rank <= size:
        raise OptbenchError(f"problem matrix_factorization: rank={rank!r} must be between 1 and size={size}")
    if not 0 <= tail <= 1 / condition:
        raise OptbenchError(f"problem matrix_factorization: tail={tail!r} must be between 0 and 1/condition")
    eigenvalues = np.full(size, float(tail))
    eigenvalues[:rank] = np.geomspace(1.0, 1 / condition, rank)
    vectors, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    matrix = (vectors * eigenvalues) @ vectors.T
    dim = size * rank
    minimizer = (vectors[:, :rank] * np.sqrt(eigenvalues[:rank])).ravel()
    return Problem(
        form="single",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: offset * rng.standard_normal(dim),
        minimum=(size - rank) * tail**2 / 4,
        minimum_source="closed form: Eckart & Young 1936, 1/4 of the squared eigenvalues that are left out",
        minimizer=minimizer,
        other_minimizers=[-minimizer],
        blocks=((size, rank),),
        roles=("hidden",),
        noise=noise,
        constants=(matrix + matrix.T).ravel() / 2,
        layout=(size, rank),
        work=lambda rows, runs: size * size,
        domain=((-1.6, 1.6), (-1.6, 1.6)),
    )
