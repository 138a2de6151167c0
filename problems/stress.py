"""Stress: wrappers that make any problem harder, for the start, the variables, or the gradient that the rule sees."""

from dataclasses import replace

import numpy as np

from optbench import OptbenchError, problem_wrapper
from optbench.kit.changed_variables import in_variables


def demand(fine, name, text):
    """Raise OptbenchError unless a value is fine; text: what it must be."""
    if not fine:
        raise OptbenchError(f"problem {name}: {text}")


@problem_wrapper(source="OptiProfiler, Ding, Ragonneau and Zhang 2025: the feature perturbed_x0")
def perturbed_start(inner, scale=0.1):
    """w_0 = v + scale max(1, |v|) u: the start v of the inner problem, u uniform on the unit sphere, by the seed."""
    demand(scale >= 0, "perturbed_start", f"scale={scale} must be at least 0")

    def start(rng):
        v = np.asarray(inner.start(rng), float)
        u = rng.standard_normal(inner.dim)
        return v + scale * max(1.0, np.linalg.norm(v)) * u / np.linalg.norm(u)

    return replace(inner, start=start)


@problem_wrapper(source="OptiProfiler, Ding, Ragonneau and Zhang 2025: the feature linearly_transformed, D Q'")
def rescaled(inner, span=100.0, rotate=64, seed=0):
    """f(A w), A = D Q': D has scales from span^-1/2 to span^1/2, and Q' rotates groups of at most ``rotate`` variables.

    D is evenly spaced on a logarithmic axis, in random order; Q is uniform, of random groups: of all variables, where
    there are no more. rotate=1 scales alone. The condition of A is ``span``, so that of a Hessian may grow by span^2.
    A is drawn from ``seed``, the same in all runs. Parameter blocks and their roles stay where they are. Methods with a
    rate for each coordinate undo D, and not Q.
    """
    demand(span >= 1, "rescaled", f"span={span} must be at least 1")
    demand(rotate >= 1, "rescaled", f"rotate={rotate} must be at least 1")
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
