"""Rosenbrock's curved valley."""

import numpy as np

from optbench import OptbenchError, Problem, problem
from optbench.kit.sums import add_up


def value_and_gradient(w, g, f, work):
    # A row of g is written once, from w alone: a loop that also adds to the row before it does not vectorize.
    last, runs = w.shape[0] - 1, w.shape[1]
    terms = work.reshape(last - 1, runs)
    for r in range(runs):
        a = 1.0 - w[0, r]
        b = w[1, r] - w[0, r] * w[0, r]
        f[r] = a * a + 100.0 * b * b
        g[0, r] = -(a + a) - 400.0 * w[0, r] * b
    for i in range(1, last):
        before, here, after, slope, term = w[i - 1], w[i], w[i + 1], g[i], terms[i - 1]
        for r in range(runs):
            a = 1.0 - here[r]
            b = after[r] - here[r] * here[r]
            c = 100.0 * b
            term[r] = a * a + c * b
            half = 100.0 * (here[r] - before[r] * before[r]) - a - (here[r] + here[r]) * c
            slope[r] = half + half
    add_up(terms, f)
    before, here, slope = w[last - 1], w[last], g[last]
    for r in range(runs):
        slope[r] = 200.0 * (here[r] - before[r] * before[r])


@problem(source="Rosenbrock 1960, Comput. J. 3(3); n-D: De Jong 1975")
def rosenbrock(dim=2, noise=1.0):
    """f(w) = sum_i (1 - w_i)^2 + 100 (w_{i+1} - w_i^2)^2, the classical test of a long, curved, flat valley.

    Starts near (-1.2, 1, -1.2, 1, ...), each coordinate off by up to 0.1.
    """
    if dim < 2:
        raise OptbenchError(f"problem rosenbrock: dim={dim!r} must be at least 2")
    classic = np.where(np.arange(dim) % 2 == 0, -1.2, 1.0)
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: classic + rng.uniform(-0.1, 0.1, dim),
        minimum=0.0,
        minimum_source="closed form: every w_i = 1",
        minimizer=np.ones(dim),
        noise=noise,
        work=lambda rows, runs: (dim - 2) * runs,
        domain=((-2.0, 2.0), (-1.0, 3.0)),
    )
