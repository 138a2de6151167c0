"""The noisy quadratic model, whose expected loss is known: optbench.kit.noisy_quadratic.expected_loss."""

import numpy as np

from optbench import Problem, problem


def value_and_gradient(w, g, f, constants):
    """Write f = 1/2 sum_i h_i w_i^2 of all runs and the gradients h_i w_i; constants: h."""
    dim, runs = w.shape
    for r in range(runs):
        f[r] = 0.0
    for i in range(dim):
        for r in range(runs):
            g[i, r] = constants[i] * w[i, r]
            f[r] += 0.5 * w[i, r] * g[i, r]


@problem(source="Zhang et al. 2019, arXiv 1907.04164 (the noisy quadratic model, sec. 3)")
def nqm(dim=1000, decay=1.0, noise=1.0, examples=4096):
    """f(w) = 1/2 sum_i h_i w_i^2 with h_i = i^-decay; an example's gradient is h w + e with e ~ N(0, noise^2 H).

    The noise of a gradient goes with the curvature, as near the minimum of a cross-entropy. Small batches gain by size
    alone, large ones by momentum and preconditioning; where that turns is the critical batch size. The expected loss of
    gd, momentum and averages is known: ``optbench.kit.noisy_quadratic.expected_loss``. An epoch has ``examples``, whose
    noise sums to 0. Starts standard normal.
    """
    curvature = np.arange(1, dim + 1.0) ** -decay
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: rng.standard_normal(dim),
        minimum=0.0,
        minimum_source="closed form: w = 0",
        minimizer=np.zeros(dim),
        examples=examples,
        noise=noise * np.sqrt(curvature.mean()),
        weight_spread=0.0,
        curvature=curvature,
        constants=curvature,
        domain=((-3.0, 3.0), (-3.0, 3.0)) if dim == 2 else None,
    )
