"""Stress: wrappers that make any problem harder, for the start, the variables, or the gradient that the rule sees."""

from dataclasses import replace

import numpy as np

from optbench import OptbenchError, problem_wrapper
from optbench.kit.changed_variables import in_variables


def demand(fine, name, text):
    """Raise OptbenchError unless a value is fine; text: what it must be."""
    if not fine:
        raise OptbenchError(f"problem {name}: {text}")


@problem_wrapper(
    source="OptiProfiler, Ding, Ragonneau and Zhang 2025: the feature perturbed_x0", limits={"scale": "[0, inf)"}
)
def perturbed_start(inner, scale=0.1):
    """w_0 = v + scale max(1, |v|) u: the start v of the inner problem, u uniform on the unit sphere, by the seed."""

    def start(rng):
        v = np.asarray(inner.start(rng), float)
        u = rng.standard_normal(inner.dim)
        return v + scale * max(1.0, np.linalg.norm(v)) * u / np.linalg.norm(u)

    return replace(inner, start=start)


@problem_wrapper(
    source="OptiProfiler, Ding, Ragonneau and Zhang 2025: the feature linearly_transformed, D Q'",
    limits={"span": "[1, inf)", "rotate": "[1, inf)"},
)
def rescaled(inner, span=100.0, rotate=64, seed=0):
    """f(A w), A = D Q': D has scales from span^-1/2 to span^1/2, and Q' rotates groups of at most ``rotate`` variables.

    D is evenly spaced on a logarithmic axis, in random order; Q is uniform, of random groups: of all variables, where
    there are no more. rotate=1 scales alone. The condition of A is ``span``, so that of a Hessian may grow by span^2.
    A is drawn from ``seed``, the same in all runs. Parameter blocks and their roles stay where they are. Methods with a
    rate for each coordinate undo D, and not Q.
    """
    rng, dim = np.random.default_rng(seed), inner.dim
    scales = rng.permutation(np.geomspace(span**-0.5, span**0.5, dim)) if dim > 1 else np.ones(1)
    order = rng.permutation(dim)
    sizes = [min(rotate, dim - first) for first in range(0, dim, rotate)]
    return in_variables(inner, order, [draw_rotation(rng, size) for size in sizes], scales, order)


def draw_rotation(rng, size):
    """Return an orthogonal matrix, uniform: the Q of normal numbers with R's diagonal made positive (Mezzadri 2007)."""
    if size == 1:
        return np.ones((1, 1))
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.sign(np.diag(r))


@problem_wrapper(source="OptiProfiler, Ding, Ragonneau and Zhang 2025: the feature permuted")
def permuted(inner, seed=0):
    """f(P w), with a random permutation P of all variables, drawn from ``seed``.

    Parameter blocks and their roles stay where they are, so they hold what belongs to others. Methods that take each
    coordinate by itself are as before; those that look at the shape of a block are misled.
    """
    order = np.random.default_rng(seed).permutation(inner.dim)
    return in_variables(inner, order, [np.ones((1, 1))] * inner.dim, np.ones(inner.dim), np.arange(inner.dim))


LAWS = ("gauss", "student", "cauchy")


def change_gradients(inner, name, change):
    """Return the problem whose gradients another change meets, behind those of the inner one."""
    demand(not inner.bits, name, f"quantized goes around it: quantized({name}(...))")
    return replace(inner, stress=(*inner.stress, change))


@problem_wrapper(
    source="OptiProfiler 2025: the feature noisy; heavy tails: Simsekli et al. 2019, arXiv 1901.06053",
    limits={"scale": "[0, inf)", "law": LAWS, "tail": "(0, inf)"},
)
def noisy(inner, law="gauss", tail=1.5, scale=1.0):
    """g + scale s e: e of a law, independent in all steps and coordinates; s the size of the run's first gradient.

    ``law``: gauss, of variance 1; student, with ``tail`` degrees of freedom: moments from ``tail`` on are infinite;
    cauchy, which is student with tail=1. s is the root mean square over the coordinates. Only the gradient that the
    optimizer sees is changed, whatever the batch size; losses, and the gradients of SciPy's baselines, are not.
    """

    def change(rng, dim):
        draws = {
            "gauss": rng.standard_normal,
            "student": lambda size: rng.standard_t(tail, size),
            "cauchy": rng.standard_cauchy,
        }
        return lambda steps: (1.0, scale * draws[law]((steps, dim)))

    return change_gradients(inner, "noisy", change)


@problem_wrapper(
    source="autoregressive noise of order 1; to an integral of noise (Brownian) as ``correlation`` nears 1",
    limits={"scale": "[0, inf)", "correlation": "[0, 1)"},
)
def correlated(inner, correlation=0.9, scale=1.0):
    """g + scale s e_t, e_t = c e_{t-1} + sqrt(1 - c^2) n_t: e and n are standard normal, c is the correlation.

    s is the root mean square of the run's first gradient. Errors last about 1 / (1 - c) steps, and averages over fewer
    steps, such as a momentum's, do not lessen them. Only the gradient that the optimizer sees is changed; losses are
    not.
    """

    def change(rng, dim):
        error = rng.standard_normal(dim)

        def draw(steps):
            errors = (1 - correlation**2) ** 0.5 * rng.standard_normal((steps, dim))
            for row in errors:
                error[:] = correlation * error + row
                row[:] = error
            return 1.0, scale * errors

        return draw

    return change_gradients(inner, "correlated", change)


@problem_wrapper(source="OptiProfiler 2025: the feature random_nan, for gradients", limits={"share": "[0, 1]"})
def nan(inner, share=0.01):
    """g, and NaN in all coordinates with the probability ``share``, at each step by itself.

    A rule that takes such a step has diverged; one that leaves it out goes on. Losses are not changed.
    """

    def change(rng, dim):
        return lambda steps: (1.0, np.where(rng.random((steps, 1)) < share, np.nan, 0.0))

    return change_gradients(inner, "nan", change)


@problem_wrapper(
    source="sparse gradients, Duchi et al. 2011, sec. 1.3; the rate of arrival is ours", limits={"share": "(0, 1]"}
)
def sparse(inner, share=0.1):
    """g_i with the probability ``share``, and else 0: each coordinate of each step arrives by itself.

    Only the gradient that the optimizer sees is changed; losses are not.
    """

    def change(rng, dim):
        return lambda steps: ((rng.random((steps, dim)) < share).astype(float), 0.0)

    return change_gradients(inner, "sparse", change)


@problem_wrapper(
    source="uniform quantization of gradients, as in Alistarh et al. 2017 (QSGD), to the nearest level",
    limits={"bits": "[2, 32]"},
)
def quantized(inner, bits=4):
    """m round(q g / m) / q with m = max |g_i| and q = 2^(bits-1) - 1: each coordinate in so many bits.

    It comes behind noise and other changes of the gradient. Only the gradient that the optimizer sees is rounded, and
    halves away from 0; losses are not.
    """
    demand(not inner.bits, "quantized", "its gradients are rounded already")
    return replace(inner, bits=bits)


@problem_wrapper(
    source="asynchronous SGD with a constant delay, Zinkevich, Langford and Smola 2009", limits={"steps": "[0, inf)"}
)
def delayed(inner, steps=10):
    """g of the step t - ``steps``, and until then that of the first step: gradients come late.

    Only the gradient that the optimizer sees is delayed; losses are not. Delays of wrappers add up.
    """
    return replace(inner, delay=inner.delay + steps)


@problem_wrapper(
    source="optimization that is not stationary: Besbes, Gur and Zeevi 2015, arXiv 1307.5449; path: ours",
    limits={"scale": "[0, inf)", "period": "[2, inf)"},
)
def moving(inner, scale=0.1, period=200):
    """f(w - c_t) after t steps, c_t = a (sin(2 pi t / period + u) - sin u): the objective goes around, and comes back.

    u is uniform in each coordinate, by the seed; a = scale max(1, |v|) sqrt(2 / dim), v the seed's start: the root mean
    square of the distance from the middle of the way is scale max(1, |v|). Losses and metrics after t steps are those
    of f(w - c_t), so that a run that stands still gets worse; minima stay. Weights, in results and pictures, are
    w - c_t, relative to the moved objective. SciPy's baselines are refused.
    """
    demand(inner.drift is None, "moving", "it moves already")

    def drift(rng, start):
        phase = rng.uniform(0, 2 * np.pi, inner.dim)
        size = scale * max(1.0, np.linalg.norm(start)) * np.sqrt(2 / inner.dim)

        def path(steps):
            angle = 2 * np.pi * (steps % period) / period
            return size * (np.outer(np.sin(angle), np.cos(phase)) + np.outer(np.cos(angle) - 1, np.sin(phase)))

        return path

    return replace(inner, drift=drift)
