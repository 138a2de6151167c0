"""Strict saddles: a zero gradient that is no minimum, and the slow way out."""

import numpy as np

from optbench import OptbenchError, Problem, problem


def value_and_gradient(w, g, f, layout):
    for r in range(w.shape[1]):
        f[r] = 0.0
    for i in range(w.shape[0]):
        if i < layout[0]:
            for r in range(w.shape[1]):
                square = w[i, r] * w[i, r]
                f[r] += 0.25 * square * square - 0.5 * square
                g[i, r] = w[i, r] * square - w[i, r]
        else:
            for r in range(w.shape[1]):
                f[r] += 0.5 * w[i, r] * w[i, r]
                g[i, r] = w[i, r]


@problem(source="strict saddle as in Ge et al. 2015 and Jin et al. 2017; lecture E1, E2")
def saddle(dim=2, index=1, offset=1e-3, noise=0.01):
    """f(w) = sum of w_i^4/4 - w_i^2/2 over the first ``index`` coordinates, w_i^2/2 over the others.

    The origin is a strict saddle with ``index`` downhill directions; every w_i = +-1, others 0, is a minimum. Starts
    almost on the path into the saddle: downhill coordinates normal times ``offset``, the others standard normal.
    """
    if not 1 <= index <= dim:
        raise OptbenchError(f"problem saddle: index={index!r} must be between 1 and dim={dim}")

    def start(rng):
        w = rng.standard_normal(dim)
        w[:index] *= offset
        return w

    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=start,
        minimum=-index / 4,
        minimum_source="closed form: downhill coordinates +-1, the others 0",
        minimizer=np.where(np.arange(dim) < index, 1.0, 0.0),
        noise=noise,
        layout=(index,),
        domain=((-1.6, 1.6), (-3.0, 3.0)),
    )
