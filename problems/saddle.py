"""Strict saddles: a zero gradient that is no minimum, and the slow way out.

One along the axes (saddle), and one turned away from them (rotated_saddle).
"""

from itertools import product

import numpy as np

from optbench import OptbenchError, Problem, problem


def value_and_gradient(w, g, f, layout):
    """Write the values of all runs to f and the gradients to g."""
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


def rotated_gradient(w, g, f, constants, layout, work):
    """Write the values of all runs to f and the gradients to g: those of `saddle` at Q w, turned back."""
    dim, runs = w.shape
    rotation = constants.reshape(dim, dim)
    turned = work[: dim * runs].reshape(dim, runs)
    slope = work[dim * runs :].reshape(dim, runs)
    np.dot(rotation, w, turned)
    value_and_gradient(turned, slope, f, layout)
    np.dot(rotation.T, slope, g)


@problem(source="strict saddle as in Ge et al. 2015 and Jin et al. 2017; lecture E1, E2", target=1e-08)
def saddle(dim=2, index=1, offset=1e-3, noise=0.01):
    """f(w) = sum of w_i^4/4 - w_i^2/2 over the first ``index`` coordinates, w_i^2/2 over the others.

    The origin is a strict saddle with ``index`` downhill directions; every w_i = +-1, others 0, is a minimum. Starts
    almost on the path into the saddle: downhill coordinates normal times ``offset``, the others standard normal.
    """
    _check_index("saddle", dim, index)
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=_start_near_saddle(dim, index, offset),
        minimum=-index / 4,
        minimum_source="closed form: downhill coordinates +-1, the others 0",
        **_minimizers(np.eye(dim), index),
        noise=noise,
        layout=(index,),
        domain=((-1.6, 1.6), (-3.0, 3.0)),
    )


@problem(source="strict saddle as in Ge et al. 2015 and Jin et al. 2017, turned by a random rotation", target=1e-08)
def rotated_saddle(dim=20, index=5, offset=1e-3, noise=0.01, seed=0):
    """f(w) = saddle(Q w) with a random rotation Q: the same strict saddle, its axes those of no coordinate.

    Methods that scale each coordinate by itself (Adam, RMSProp, signs) leave `saddle` along its axes; here they must
    do without. ``index`` directions lead down, and every Q w = (+-1, ..., +-1, 0, ..., 0) is a minimum. Starts as
    `saddle` does, almost on the path into the saddle. ``seed`` chooses Q.
    """
    _check_index("rotated_saddle", dim, index)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    straight = _start_near_saddle(dim, index, offset)
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=rotated_gradient,
        start=lambda rng: rotation.T @ straight(rng),
        minimum=-index / 4,
        minimum_source="closed form: downhill directions +-1, the others 0",
        **_minimizers(rotation, index),
        noise=noise,
        constants=rotation.ravel(),
        layout=(index,),
        work=lambda rows, runs: 2 * dim * runs,
        domain=((-3.0, 3.0), (-3.0, 3.0)),
    )


def _check_index(name, dim, index):
    """Raise OptbenchError unless ``index``, the number of downhill directions, lies between 1 and ``dim``."""
    if not 1 <= index <= dim:
        raise OptbenchError(f"problem {name}: index={index!r} must be between 1 and dim={dim}")


def _minimizers(rotation, index):
    """Return the fields of the minimizers w, Q w = (+-1, ..., +-1, 0, ..., 0): all of a plane, else the first."""
    dim = len(rotation)
    signs = np.array(list(product((1.0, -1.0), repeat=index))) if dim == 2 else np.ones((1, index))
    first, *others = np.pad(signs, ((0, 0), (0, dim - index))) @ rotation
    return {"minimizer": first, "other_minimizers": others}


def _start_near_saddle(dim, index, offset):
    """Return the function that draws a start: downhill coordinates normal times ``offset``, others standard normal."""
    return lambda rng: rng.standard_normal(dim) * np.where(np.arange(dim) < index, offset, 1.0)
