"""Polyak's step size: the rate follows from the mini-batch's loss, its lower bound and the gradient."""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, optimizer
from optbench.kit.scalars import larger


def _square(g):
    return g * g


@optimizer(
    source="Loizou et al. 2021 (SPS_max, eq. 3), eps and the step 0 below the lower bound as in the authors' code",
    limits={"c": "(0, inf)"},
    total={"squares": _square},
    search={"lr": log_uniform(0.01, 100), "c": log_uniform(0.1, 1)},
    search_source="our choice: the authors' largest steps of 0.1 to 100, and their c of 0.2 to 1",
    rate_means="the largest step",
    equals={
        "optax": "polyak_sgd(max_learning_rate=lr / c, scaling=c, f_min=lower_bound, eps=eps * c, variant='sps+') "
        "if constant # optax's largest step takes no schedule"
    },
    c=0.5,
    lower_bound=0.0,
    eps=1e-8,
)
def sps(w, g, lr, loss, squares, c, lower_bound, eps):
    """w = w - min(lr, max(loss - lower_bound, 0) / (c |g|^2 + eps)) g, the norm over all parameters.

    lower_bound is that of the loss of a mini-batch: 0 for most, as a model may fit each of its examples.
    """
    polyak = larger(0, loss - lower_bound) / (c * squares + eps)
    return w - (lr if lr < polyak else polyak) * g


@optimizer(
    source="Loizou et al. 2021 (SPS_max), with eps, and the bound that follows the steps, as in the authors' code",
    limits={"c": "(0, inf)", "growth": "[1, inf)"},
    shared=("before",),
    total={"squares": _square},
    search={"lr": log_uniform(0.01, 100), "c": log_uniform(0.1, 1)},
    search_source="as for sps",
    rate_means="the step from which the first one grows",
    c=0.5,
    growth=2.0,
    lower_bound=0.0,
    eps=1e-8,
)
def sps_smooth(w, g, before, lr, loss, squares, c, growth, lower_bound, eps, t, batch_size, examples):
    """w = w - s g, s = min(growth^(B/n) s', max(loss - lower_bound, 0) / (c |g|^2 + eps)), s' the last s, at first lr.

    The norm and lower_bound are as in ``sps``. B of the n examples of an epoch are in a mini-batch, so that s grows at
    most by the factor ``growth`` in an epoch of n/B steps. A schedule scales s' as it scales the rate. A step that does
    not move w leaves s' as it was, since no step grows from 0. In the authors' code, whose gamma is ``growth``, n/B is
    the number of mini-batches, there is no lower_bound, and a gradient shorter than 1e-8 makes all later steps 0.
    """
    before = 1 if t == 1 else before
    bound = lr * before * growth ** (batch_size / examples)
    polyak = larger(0, loss - lower_bound) / (c * squares + eps)
    step = bound if bound < polyak else polyak
    return w - step * g, before if step == 0 or squares == 0 else step / lr


def _product(w, g):
    return w * g


def _momentum(g, d, beta1, t):
    """Return the new average of gradients, which begins with the first one."""
    return g if t == 1 else beta1 * d + (1 - beta1) * g


def _along(w, g, d, beta1, t):
    return w * _momentum(g, d, beta1, t)


def _squared_length(g, d, beta1, t):
    m = _momentum(g, d, beta1, t)
    return m * m


def _bound_of_step(t, bound, lower_bound, adapt_bound, value):
    """Return the lower bound for a step: half of ``value``, the lines' at w, where the estimate lies above that."""
    if adapt_bound == 0:
        return lower_bound
    bound = lower_bound if t == 1 else bound
    return larger(value / 2, lower_bound) if value < bound else bound


@optimizer(
    source="Schaipp et al. 2024 (MoMo, Algorithm 1), averages that begin with the first values as in the authors' code",
    shared=("average", "gamma", "bound"),
    limits={"adapt_bound": "[0, 1]"},
    total={"product": _product, "along": _along, "squares": _squared_length},
    search={"lr": log_uniform(0.01, 100), "beta1": one_minus_log_uniform(0.02, 0.5)},
    search_source="our choice: two decades about the authors' lr of 1, beta1 as for momentum",
    rate_means="the largest step",
    equals={
        "optax": "contrib.momo(lr, beta=beta1, lower_bound=lower_bound, adapt_lower_bound=adapt_bound) "
        "if weight_decay == 0 "
        "# optax does not divide the step by 1 + lr weight_decay"
    },
    beta1=0.9,
    lower_bound=0.0,
    adapt_bound=0.0,
    weight_decay=0.0,
)
def momo(
    w, g, d, average, gamma, bound, lr, loss, product, along, squares, beta1, lower_bound, adapt_bound, weight_decay, t
):  # fmt: skip
    """w = (w - min(lr, max(k (f - lower_bound - gamma) + d'w, 0) / |d|^2) d) / k, with k = 1 + lr weight_decay.

    d, f and gamma average g, the loss and g'w: f + d'(x - w) + d'w - gamma is the average of the lines that touched the
    losses, at x. The averages begin with the first values, without bias correction. lower_bound is that of the loss;
    with adapt_bound=1 it is the least one: the bound is then estimated from the lines of each step (MoMo*).
    """
    beta = 0 if t == 1 else beta1
    d = beta * d + (1 - beta) * g
    average = beta * average + (1 - beta) * loss
    gamma = beta * gamma + (1 - beta) * product
    k = 1 + lr * weight_decay
    bound = _bound_of_step(t, bound, lower_bound, adapt_bound, average - gamma + along / k)
    gap = larger(0, k * (average - bound - gamma) + along)
    polyak = 0 if squares == 0 else gap / squares
    rate = lr if lr < polyak else polyak
    bound = larger(average + along - gamma - rate * squares / 2, lower_bound)
    return (w - rate * d) / k, d, average, gamma, bound


def _new_along(w, g, m, beta1):
    return w * (beta1 * m + (1 - beta1) * g)


def _scaled_length(g, m, v, beta1, beta2, beta2_t, eps):
    """Return the term of |m|^2 in the metric in which Adam's step is steepest descent."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return m * m / (sqrt(v / (1 - beta2_t)) + eps)


@optimizer(
    source="Schaipp et al. 2024 (MoMo-Adam, Algorithm 2), weight decay by division as in the authors' code",
    shared=("average", "gamma", "bound"),
    limits={"adapt_bound": "[0, 1]"},
    total={"product": _product, "along": _new_along, "length": _scaled_length},
    search={
        "lr": log_uniform(1e-4, 1),
        "beta1": one_minus_log_uniform(0.02, 0.5),
        "beta2": one_minus_log_uniform(1e-3, 0.2),
    },
    search_source="our choice: two decades about the authors' lr of 0.01, betas as for adam",
    rate_means="the largest rate of Adam",
    equals={
        "optax": "contrib.momo_adam(lr, b1=beta1, b2=beta2, eps=eps, lower_bound=lower_bound, "
        "adapt_lower_bound=adapt_bound) if weight_decay == 0 "
        "# optax does not divide the step by 1 + lr weight_decay"
    },
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    lower_bound=0.0,
    adapt_bound=0.0,
    weight_decay=0.0,
)
def momo_adam(
    w, g, m, v, average, gamma, bound, lr, loss, product, along, length, beta1, beta2, eps, lower_bound, adapt_bound,
    weight_decay, beta1_t, beta2_t, t,
):  # fmt: skip
    """w = (w - min(lr / (1 - beta1^t), max(k (f - (1 - beta1^t) lower_bound - gamma) + m'w, 0) / m'(m / D)) m / D) / k.

    k = 1 + lr weight_decay; m and v average g and g^2, f and gamma the loss and g'w, from 0 on; and
    D = sqrt(v / (1 - beta2^t)) + eps. Where the loss is far above lower_bound, this is Adam. adapt_bound as for momo.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    average = beta1 * average + (1 - beta1) * loss
    gamma = beta1 * gamma + (1 - beta1) * product
    k, part = 1 + lr * weight_decay, 1 - beta1_t
    bound = _bound_of_step(t, bound, lower_bound, adapt_bound, (average - gamma + along / k) / part)
    gap = larger(0, k * (average - part * bound - gamma) + along)
    polyak = 0 if length == 0 else gap / length
    rate = lr / part if lr < part * polyak else polyak
    bound = larger((average + along - gamma - rate * length / 2) / part, lower_bound)
    return (w - rate * m / (sqrt(v / (1 - beta2_t)) + eps)) / k, m, v, average, gamma, bound
