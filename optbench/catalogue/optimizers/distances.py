"""Rules that estimate their rate from how far they have come, as `prodigy` does.

DoG, L-DoG: the distance over the root of the sum of squared gradients, of all parameters or by block.
"""

from math import sqrt

from optbench import log_uniform, optimizer
from optbench.kit.scalars import larger


def _square(g):
    return g * g


def _moved(w, start, t):
    """Return a term of the squared distance from the start, and at the first step of the start's squared norm."""
    return w * w if t == 1 else (w - start) ** 2


def _farthest(r, moved, r0_rel, t):
    """Return the largest distance so far, which begins with a part of the start's norm and 1."""
    return r0_rel * (1 + sqrt(moved)) if t == 1 else larger(r, sqrt(moved))


@optimizer(
    source="Ivgi, Hinder & Carmon 2023 (DoG), averaged as in the authors' code",
    limits={"r0_rel": "(0, inf)", "gamma": "[0, inf)"},
    report="average",
    shared=("r", "squares"),
    total={"square": _square, "moved": _moved},
    search={"lr": log_uniform(0.1, 10), "r0_rel": log_uniform(1e-8, 1e-3)},
    search_source="our choice, a decade about the authors' lr of 1, and some about their r0_rel of 1e-6",
    rate_means="a factor of the rate that it estimates",
    equals={"optax": "# optax.contrib.dog takes the same steps, but does not average its iterates"},
    r0_rel=1e-6,
    eps=1e-8,
    gamma=8.0,
)
def dog(w, g, start, average, r, squares, lr, square, moved, r0_rel, eps, gamma, t):
    """w = w - lr r / sqrt(eps + sum |g|^2) g;  average = average + (1 + gamma) / (t + gamma) (w - average).

    r is the largest distance |w - start| so far, and r0_rel (1 + |start|) at first. Norms are over all parameters.
    Reported is the average, whose weights grow like t^gamma. Meant for lr = 1 without a schedule. r never falls, and
    nothing moves until it has grown.
    """
    start = w if t == 1 else start
    r = _farthest(r, moved, r0_rel, t)
    squares = square + (eps if t == 1 else squares)
    w = w - lr * r / sqrt(squares) * g
    return w, start, average + (1 + gamma) / (t + gamma) * (w - average), r, squares


@optimizer(
    source="Ivgi, Hinder & Carmon 2023 (L-DoG), averaged as in the authors' code",
    limits={"r0_rel": "(0, inf)", "gamma": "[0, inf)"},
    report="average",
    shared=("r", "squares"),
    block={"square": _square, "moved": _moved},
    search={"lr": log_uniform(0.1, 10), "r0_rel": log_uniform(1e-8, 1e-3)},
    search_source="as for dog",
    rate_means="a factor of the rate that it estimates",
    r0_rel=1e-6,
    eps=1e-8,
    gamma=8.0,
)
def l_dog(w, g, start, average, r, squares, lr, square, moved, r0_rel, eps, gamma, t):
    """`dog` by parameter block: r and the sum of |g|^2 are those of the block.

    A layer's weights and its biases are two blocks, as in the authors' code.
    """
    start = w if t == 1 else start
    r = _farthest(r, moved, r0_rel, t)
    squares = square + (eps if t == 1 else squares)
    w = w - lr * r / sqrt(squares) * g
    return w, start, average + (1 + gamma) / (t + gamma) * (w - average), r, squares
