"""Wrappers with a state around the whole of the inner one: averages without a schedule, and a learned scale."""

from math import sqrt

from optbench import log_uniform, one_minus_log_uniform, wrapper
from optbench.kit.scalars import clipped, larger


@wrapper(
    source="Defazio et al. 2024, with weights lr^2, as ScheduleFreeWrapper of the authors' code",
    report="x",
    shared=("highest", "total"),
    search={"blend": one_minus_log_uniform(0.02, 0.2)},
    search_source="our choice, about the authors' 0.9 to 0.98",
    blend=0.9,
)
def schedule_free(step, w, g, z, x, highest, total, lr, blend, t):
    """z = step(z, g);  x = (1 - c) x + c z;  w = (1 - blend) z + blend x.

    The inner rule goes from z, along the gradient at w; its average x is reported. c is highest^2 over the sum of all
    highest^2, with the highest rate so far: 1 / t at a constant rate. An inner momentum is best left out: around gd it
    is schedule_free_sgd, around adam_torch(beta1=0) schedule_free_adamw.
    """
    z, x = w if t == 1 else z, w if t == 1 else x
    highest = larger(highest, lr)
    total = total + highest * highest
    c = highest * highest / total if total > 0 else 0
    z = step(z, g)
    x = x + c * (z - x)
    return z + blend * (x - z), z, x, highest, total


def _g_square(g):
    return g * g


def _w_square(w):
    return w * w


def _gain(w, g, start, t):
    """Return the product of the gradient with the way back to the start."""
    return 0 if t == 1 else g * (start - w)


def _shrinkage(w, start, t):
    """Return the same of the weight, in place of the gradient."""
    return 0 if t == 1 else w * (start - w)


def _slope(g_square, w_square, gain, shrinkage, scale, decay_scale, eps):
    """Return <g + decay_scale scale |g| / |w| w, (start - w) / scale>."""
    pull = decay_scale * scale * sqrt(g_square) / (sqrt(w_square) + eps)
    return (gain + pull * shrinkage) / (scale + eps)


def _size(m, h, beta, eps):
    """Return the largest slope so far, which decays."""
    return larger(beta * m, abs(h) + eps)


def _scale(m, v, r, s0, eps):
    """Return one of the six scales."""
    return (s0 / 6 * m + larger(0, r)) / (sqrt(v) + eps)


@wrapper(
    source="Cutkosky, Defazio & Mehta 2023, Algorithm 1, with the clipped slope of optax.contrib.mechanize",
    limits={"decay_scale": "[0, inf)", "s0": "(0, inf)", "tuner_eps": "(0, inf)"},
    shared=(
        "m1", "m2", "m3", "m4", "m5", "m6", "v1", "v2", "v3", "v4", "v5", "v6",
        "r1", "r2", "r3", "r4", "r5", "r6", "s1", "s2", "s3", "s4", "s5", "s6",
    ),
    total={"g_square": _g_square, "w_square": _w_square, "gain": _gain, "shrinkage": _shrinkage},
    search={"lr": log_uniform(0.1, 10)},
    search_source="our choice, about the authors' 1",
    rate_means="a factor of the steps whose scale is learned",
    decay_scale=0.01,
    s0=1e-6,
    tuner_eps=1e-8,
)  # fmt: skip
def mechanic(
    step, w, g, start, m1, m2, m3, m4, m5, m6, v1, v2, v3, v4, v5, v6, r1, r2, r3, r4, r5, r6, s1, s2, s3, s4, s5, s6,
    lr, g_square, w_square, gain, shrinkage, decay_scale, s0, tuner_eps, t,
):  # fmt: skip
    """w = start - s delta,  delta = delta + w - step(w, g), its sum of steps;  s is learned from h = <g, delta>.

    s = s1 + .. + s6, one for each beta = 1 - 0.1^i:  m = max(beta m, |h|), v = beta^2 v + h^2, r = beta r + h s, h
    clipped to the m before;  s = (s0 m / 6 + max(r, 0)) / sqrt(v). h has decay_scale s |g| / |w| w beside g. All sums
    are over all parameters. As in optax; the authors' own package does not clip, and takes the |w| behind the step.
    """
    start = w if t == 1 else start
    scale = 6 * s0 if t == 1 else s1 + s2 + s3 + s4 + s5 + s6
    h = _slope(g_square, w_square, gain, shrinkage, scale, decay_scale, tuner_eps)
    r1 = 0.9 * r1 + clipped(h, -m1, m1) * (s0 if t == 1 else s1)
    r2 = 0.99 * r2 + clipped(h, -m2, m2) * (s0 if t == 1 else s2)
    r3 = 0.999 * r3 + clipped(h, -m3, m3) * (s0 if t == 1 else s3)
    r4 = 0.9999 * r4 + clipped(h, -m4, m4) * (s0 if t == 1 else s4)
    r5 = 0.99999 * r5 + clipped(h, -m5, m5) * (s0 if t == 1 else s5)
    r6 = 0.999999 * r6 + clipped(h, -m6, m6) * (s0 if t == 1 else s6)
    m1, m2, m3 = _size(m1, h, 0.9, tuner_eps), _size(m2, h, 0.99, tuner_eps), _size(m3, h, 0.999, tuner_eps)
    m4, m5, m6 = _size(m4, h, 0.9999, tuner_eps), _size(m5, h, 0.99999, tuner_eps), _size(m6, h, 0.999999, tuner_eps)
    v1, v2, v3 = 0.9**2 * v1 + h * h, 0.99**2 * v2 + h * h, 0.999**2 * v3 + h * h
    v4, v5, v6 = 0.9999**2 * v4 + h * h, 0.99999**2 * v5 + h * h, 0.999999**2 * v6 + h * h
    s1, s2, s3 = _scale(m1, v1, r1, s0, tuner_eps), _scale(m2, v2, r2, s0, tuner_eps), _scale(m3, v3, r3, s0, tuner_eps)
    s4, s5, s6 = _scale(m4, v4, r4, s0, tuner_eps), _scale(m5, v5, r5, s0, tuner_eps), _scale(m6, v6, r6, s0, tuner_eps)
    delta = (start - w) / (scale + tuner_eps)
    new = step(w, g)
    w = start - (s1 + s2 + s3 + s4 + s5 + s6) * (delta + w - new)
    return (
        w, start, m1, m2, m3, m4, m5, m6, v1, v2, v3, v4, v5, v6, r1, r2, r3, r4, r5, r6, s1, s2, s3, s4, s5, s6
    )  # fmt: skip
