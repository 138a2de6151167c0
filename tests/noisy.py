"""Rules that draw random numbers, for tests."""

from optbench import Matrix, optimizer
from optbench.kit.random import normal


def probe(g, rademacher):
    return g * rademacher


@optimizer(source="a test", total={"along": probe})
def noisy(w, g, lr, along, normal, rademacher):
    """w = w - lr (g + n + r g'r), with n and r drawn anew for each parameter."""
    return w - lr * (g + normal + rademacher * along)


@optimizer(source="a test", block={"along": probe})
def noisy_by_block(w, g, lr, along, normal, rademacher, t):
    """w = w - lr (g + t n + r g'r), the sum over a block."""
    return w - lr * (g + t * normal + rademacher * along)


def gradient(g):
    return g


def add_noise(block, memory, key):
    rows, columns = block.shape
    for i in range(rows):
        for j in range(columns):
            block[i, j] += normal(key, i * columns + j)


@optimizer(source="a test", matrix={"direction": Matrix(gradient, add_noise)})
def noisy_matrix(w, g, lr, direction):
    """w = w - lr (g + n), drawn in the transform of a matrix."""
    return w - lr * direction
