"""Rules that estimate their rate from how far they have come, as `prodigy` does.

DoG, L-DoG: the distance over the root of the sum of squared gradients, of all parameters or by block. DoWG: squared
gradients weighted by the squared distance. D-Adapt Adam: Adam with a bound of the distance that the gradients give.
"""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
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
    equals={"optax": "# optax.contrib.dog has the same iterates, but does not average them"},
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


def _moved_square(w, start, t):
    return 0 if t == 1 else (w - start) ** 2


@optimizer(
    source="Khaled, Mishchenko & Jin 2023 (DoWG), Algorithm 1",
    limits={"r0": "(0, inf)"},
    shared=("r_square", "v"),
    total={"square": _square, "moved": _moved_square},
    search={"lr": log_uniform(0.1, 10), "r0": log_uniform(1e-4, 1)},
    search_source="our choice, a decade about an lr of 1, and two about the r0 of 0.01 of optax",
    rate_means="a factor of the rate that it estimates",
    equals={"optax": "contrib.dowg(lr, init_estim_sq_dist=r0 * r0, eps=eps)"},
    r0=0.01,
    eps=1e-4,
)
def dowg(w, g, start, r_square, v, lr, square, moved, r0, eps, t):
    """v = v + r^2 |g|^2;  w = w - lr r^2 / (sqrt(v) + eps) g.

    r is the largest distance |w - start| so far, and at least r0. Norms are over all parameters. Meant for lr = 1.
    Start and eps are those of optax. The authors' package begins at r = 1, divides by sqrt(v) + 1, and clips gradients.
    """
    start = w if t == 1 else start
    r_square = larger(r0 * r0 if t == 1 else r_square, moved)
    v = v + r_square * square
    return w - lr * r_square / (sqrt(v) + eps) * g, start, r_square, v


def _progress(g, v, s, d, lr, eps, t):
    return 0 if t == 1 else lr * d * g * s / (sqrt(v) + eps)


def _length(g, s, d, lr, beta2, d0, t):
    return abs(sqrt(beta2) * s + lr * (d0 if t == 1 else d) * g)


@optimizer(
    source="Defazio & Mishchenko 2023 (D-Adapt Adam), Algorithm 5, as in the authors' code",
    limits={"d0": "(0, inf)"},
    shared=("d", "r"),
    total={"progress": _progress, "length": _length},
    search={
        "lr": log_uniform(0.1, 10),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
        "d0": log_uniform(1e-8, 1e-3),
    },
    search_source="lr, d0 as for prodigy; betas as for adamw",
    rate_means="a factor of the rate that it estimates",
    equals={"optax": "# optax corrects the bias of both averages, which the authors leave off"},
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    d0=1e-6,
    weight_decay=0.0,
)
def dadapt_adam(w, g, m, v, s, d, r, lr, progress, length, beta1, beta2, eps, d0, weight_decay, t):
    """w = w - m / (sqrt(v) + eps) - lr d weight_decay w;  m averages lr d g, and v averages g^2, without corrections.

    The distance d grows from d0, d = max(d, r / |s|_1): r and s are sums, their past weighted by sqrt(beta2), of
    lr d g's / (sqrt(v) + eps), with s and v of the step before, and of lr d g. All parameters share d. Meant for
    lr = 1 and a schedule. d never falls, and nothing moves until it has grown from d0. The authors and
    pytorch_optimizer correct no bias unless asked to; optax always does.
    """
    d = d0 if t == 1 else d
    k = lr * d
    m = beta1 * m + (1 - beta1) * k * g
    v = beta2 * v + (1 - beta2) * g * g
    s = sqrt(beta2) * s + k * g
    r = sqrt(beta2) * r + progress
    d = larger(d, r / length if length > 0 else d)
    return w - m / (sqrt(v) + eps) - k * weight_decay * w, m, v, s, d, r
