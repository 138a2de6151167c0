"""Low-rank factorization of a symmetric matrix: all minima are alike, all other stationary points strict saddles."""

import numpy as np

from optbench import OptbenchError, Problem, problem
from optbench.kit.lane_products import is_single


def value_and_gradient(w, g, f, constants, layout, work):
    # One entry of the residual U U' - M at a time, of all runs; it is symmetric, so half of them do.
    size, rank, runs = layout[0], layout[1], w.shape[1]
    if is_single(runs):
        of_one(w, g, f, constants, layout, work)
        return
    residual = work[:runs]
    for r in range(runs):
        f[r] = 0.0
    for i in range(w.shape[0]):
        for r in range(runs):
            g[i, r] = 0.0
    for i in range(size):
        for j in range(i + 1):
            for r in range(runs):
                residual[r] = -constants[i * size + j]
            for k in range(rank):
                a, b = w[i * rank + k], w[j * rank + k]
                for r in range(runs):
                    residual[r] += a[r] * b[r]
            for r in range(runs):
                f[r] += (0.25 if i == j else 0.5) * residual[r] * residual[r]
            for k in range(rank):
                add_product(g[i * rank + k], residual, w[j * rank + k])
                if j < i:
                    add_product(g[j * rank + k], residual, w[i * rank + k])


def of_one(w, g, f, constants, layout, work):
    """The same for one run: a row of the residual at a time, so that its entries fill vectors."""
    size, rank, length = layout[0], layout[1], width(layout[0])
    for k in range((2 * rank + 2) * length):
        work[k] = 0.0
    factors = work[: rank * length].reshape(rank, length)
    slopes = work[rank * length : 2 * rank * length].reshape(rank, length)
    residual, squares = work[2 * rank * length : (2 * rank + 1) * length], work[(2 * rank + 1) * length :]
    for j in range(size):
        for k in range(rank):
            factors[k, j] = w[j * rank + k, 0]
    for i in range(size):
        entries, a, factor = constants[i * size : (i + 1) * size], w[i * rank, 0], factors[0]
        for j in range(size):
            residual[j] = a * factor[j] - entries[j]
        for k in range(1, rank):
            a, factor = w[i * rank + k, 0], factors[k]
            for j in range(length):
                residual[j] += a * factor[j]
        for j in range(length):
            squares[j] += residual[j] * residual[j]
        for k in range(rank):
            a, slope = w[i * rank + k, 0], slopes[k]
            for j in range(length):
                slope[j] += residual[j] * a
    f[0] = 0.0
    for j in range(size):
        f[0] += 0.25 * squares[j]
        for k in range(rank):
            g[j * rank + k, 0] = slopes[k, j]


def width(size):
    """As many numbers and more, in whole vectors."""
    return (size + 15) // 16 * 16


def add_product(target, a, b):
    for r in range(target.shape[0]):
        target[r] += a[r] * b[r]


@problem(source="Ge, Jin & Zheng 2017, No Spurious Local Minima in Nonconvex Low Rank Problems; Li et al. 2019")
def matrix_factorization(size=20, rank=3, condition=10.0, tail=0.0, offset=1e-2, noise=0.01, seed=0):
    """f(U) = 1/4 |U U' - M|_F^2 with U (size, rank) and M symmetric, positive semidefinite.

    M has ``rank`` eigenvalues log-spaced from 1 to 1/condition; all others are ``tail``, at most 1/condition; its
    eigenvectors are random, from ``seed``. Every minimum is global, and a rotation U R of a minimum is another; the
    other stationary points, which hold a worse choice of eigenvectors or fewer, are strict saddles. From a small
    start, gradient descent learns one eigenvector after the other, with a plateau before each. Starts near the saddle
    at U = 0: normal times ``offset``.

    Its gradient takes three times its floor (benchmarks/floors.py: 206 ns a lane, 66): eleven passes over a row of
    lanes for each of 210 entries, 6 ns a pass. Fewer and longer passes over all entries of a row of the residual took
    550 and 640 ns where these took 440 to 480, for they read more; two terms a pass saved 2 in 100.
    """
    if not 1 <= rank <= size:
        raise OptbenchError(f"problem matrix_factorization: rank={rank!r} must be between 1 and size={size}")
    if condition < 1:
        raise OptbenchError(f"problem matrix_factorization: condition={condition!r} must be at least 1")
    if not 0 <= tail <= 1 / condition:
        raise OptbenchError(f"problem matrix_factorization: tail={tail!r} must be between 0 and 1/condition")
    eigenvalues = np.full(size, float(tail))
    eigenvalues[:rank] = np.geomspace(1.0, 1 / condition, rank)
    vectors, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    matrix = (vectors * eigenvalues) @ vectors.T
    dim = size * rank
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: offset * rng.standard_normal(dim),
        minimum=(size - rank) * tail**2 / 4,
        minimum_source="closed form: Eckart & Young 1936, 1/4 of the squared eigenvalues that are left out",
        minimizer=(vectors[:, :rank] * np.sqrt(eigenvalues[:rank])).ravel(),
        blocks=((size, rank),),
        noise=noise,
        constants=(matrix + matrix.T).ravel() / 2,
        layout=(size, rank),
        work=lambda rows, runs: max(runs, (2 * rank + 2) * width(size)),
        domain=((-1.6, 1.6), (-1.6, 1.6)),
    )
