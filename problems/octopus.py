"""A chain of saddles, each of which gradient descent takes a multiple of the last one's time to leave."""

import math

import numpy as np

from optbench import OptbenchError, Problem, problem


def well(a, t, L, gamma, tau):
    """Return -gamma a^2 up to tau, then a spline down into L (a - 4 tau)^2 - nu from 2 tau on (the paper's g_1).

    Here as below t is a / tau - 1: 0 where the spline begins, 1 where it ends.
    """
    far = a - 4.0 * tau
    spline = (10.0 * gamma - 14.0 * L) / 3.0 * t * t * t + (5.0 * L - 3.0 * gamma) / 2.0 * t * t * t * t
    inner = tau * tau * spline if t > 0.0 else 0.0
    return L * far * far - depth(L, gamma, tau) if t >= 1.0 else inner - gamma * a * a


def well_slope(a, t, L, gamma, tau):
    """Return the derivative of ``well`` by a."""
    spline = tau * t * t * (10.0 * gamma - 14.0 * L + (10.0 * L - 6.0 * gamma) * t)
    inner = spline if t > 0.0 else 0.0
    return 2.0 * L * (a - 4.0 * tau) if t >= 1.0 else inner - 2.0 * gamma * a


def depth(L, gamma, tau):
    """Return nu, the depth of a coordinate's well below the saddle."""
    return (37.0 * L + 13.0 * gamma) / 6.0 * tau * tau


def gate(t):
    """Return the gate (L - g_2) / (L + gamma) of the paper: 0 up to tau, 1 from 2 tau on; t = a / tau - 1."""
    t = 0.0 if t < 0.0 else t
    t = 1.0 if t > 1.0 else t
    return t * t * t * (10.0 - 15.0 * t + 6.0 * t * t)


def gate_slope(t, inverse):
    """Return the derivative of ``gate``; inverse: 1 / tau."""
    t = 0.0 if t < 0.0 else t
    t = 1.0 if t > 1.0 else t
    rest = t - t * t
    return 30.0 * inverse * rest * rest


def value_and_gradient(w, g, f, constants):
    """Write the values of all runs to f and the gradients to g."""
    # Every loop writes one row of g: one that also adds to the row before it does not vectorize.
    # None divides: a product takes a sixteenth of the time.
    L, gamma, tau = constants[0], constants[1], constants[2]
    last, runs, inverse = w.shape[0] - 1, w.shape[1], 1.0 / tau
    for r in range(runs):
        a = abs(w[0, r])
        t = a * inverse - 1.0
        f[r] = well(a, t, L, gamma, tau)
        g[0, r] = well_slope(a, t, L, gamma, tau)
    for i in range(1, last + 1):
        before, here, slope = w[i - 1], w[i], g[i]
        for r in range(runs):
            a, share = abs(here[r]), gate(abs(before[r]) * inverse - 1.0)
            t, steep = a * inverse - 1.0, L * a
            f[r] += steep * a + share * (well(a, t, L, gamma, tau) - steep * a)
            steep += steep
            slope[r] = steep + share * (well_slope(a, t, L, gamma, tau) - steep)
    for i in range(last):
        here, after, slope = w[i], w[i + 1], g[i]
        for r in range(runs):
            a = abs(after[r])
            gap = well(a, a * inverse - 1.0, L, gamma, tau) - L * a * a
            slope[r] += gate_slope(abs(here[r]) * inverse - 1.0, inverse) * gap
    for i in range(w.shape[0]):
        here, slope = w[i], g[i]
        for r in range(runs):
            slope[r] = slope[r] if here[r] > 0.0 else -slope[r]


@problem(
    source="Du et al. 2017, Gradient Descent Can Take Exponential Time to Escape Saddle Points, sec. 4",
    limits={"gamma": "(0, inf)", "tau": "(0, inf)"},
    target=1e-08,
)
def octopus(dim=5, L=math.e, gamma=1.0, tau=math.e, offset=1.0, noise=0.01):
    """f(w) = h(|w_1|) + sum_{i>1} (1 - s(|w_{i-1}|)) L w_i^2 + s(|w_{i-1}|) h(|w_i|).

    h falls as -gamma a^2 up to tau and then, by a spline, into the well L (a - 4 tau)^2 - nu; s rises from 0 at tau
    to 1 at 2 tau. So coordinate i is held at 0 until coordinate i - 1 has left it: one strict saddle after the other,
    2^dim tentacles. While one is being left, gradient descent at rate eta shrinks those to come by 1 - 2 eta L a
    step, so that it leaves each saddle (L + gamma) / gamma times as late as the one before, or later: exponential in
    ``dim``. A little noise makes that linear: compare the batch sizes. L, gamma and tau are the paper's. On its
    domain, where the coordinates that wait are at most tau, this is its function; beyond, where it calls on Whitney's
    theorem, the formula goes on, twice differentiable. Starts uniformly in [-offset, offset]^dim.
    """
    if gamma > L:
        raise OptbenchError(f"problem octopus: L={L!r} must be at least gamma={gamma!r}")
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: rng.uniform(-offset, offset, dim),
        minimum=-dim * depth(L, gamma, tau),
        minimum_source="closed form: every w_i = +-4 tau",
        minimizer=np.full(dim, 4 * tau),
        other_minimizers=4 * tau * np.array([[1, -1], [-1, 1], [-1, -1]]) if dim == 2 else (),
        noise=noise,
        constants=(L, gamma, tau),
        domain=((-6 * tau, 6 * tau), (-6 * tau, 6 * tau)),
    )
