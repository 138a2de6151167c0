"""A random Gaussian landscape in a bowl: the theory's model of a loss in many dimensions."""

from math import cos, sin

import numpy as np

from optbench import Problem, problem
from optbench.kit.lane_products import product, product_of_transposed


def value_and_gradient(w, g, f, constants, layout, work):
    """Write the values of all runs to f and the gradients to g."""
    (dim, runs), waves = w.shape, layout[0]
    frequencies = constants[: waves * dim].reshape(waves, dim)
    phases = constants[waves * dim : waves * dim + waves]
    height, confinement = constants[waves * dim + waves], constants[waves * dim + waves + 1]
    wave = work[: waves * runs].reshape(waves, runs)
    product(frequencies, w, wave)
    for r in range(runs):
        f[r] = 0.0
    for j in range(waves):
        for r in range(runs):
            angle = wave[j, r] + phases[j]
            f[r] += height * cos(angle)
            wave[j, r] = -height * sin(angle)
    product_of_transposed(frequencies, wave, g)
    for i in range(dim):
        for r in range(runs):
            f[r] += 0.5 * confinement * w[i, r] * w[i, r]
            g[i, r] += confinement * w[i, r]


@problem(
    source="Fyodorov 2004, Phys. Rev. Lett. 92, 240601, eqs. 1 and 2; waves as in Rahimi & Recht 2007; lecture E1",
    limits={"waves": "[1, inf)", "confinement": "[0, inf)"},
)
def random_field(dim=10, confinement=0.5, waves=200, noise=0.1, seed=0):
    """f(w) = confinement/2 |w|^2 + V(w), V(w) = sqrt(2 dim/waves) sum_j cos(k_j'w / sqrt(dim) + phi_j), k_j ~ N(0, I).

    V is close to a Gaussian field of covariance dim exp(-|w - w'|^2 / (2 dim)), the closer the more ``waves``. Its
    Hessian's eigenvalues fill [-2, 2]: with ``confinement`` above 1 one minimum is left, below 1 the critical points
    multiply exponentially in ``dim``, and most of them are saddles. 0 leaves the field alone, which goes on forever.
    ``seed`` chooses the field; starts are normal with standard deviation 2. The minimum is not known: the bound is
    what all waves in phase would give, so that a suboptimality of 0 is out of reach.
    """
    rng = np.random.default_rng(seed)
    frequencies = rng.standard_normal((waves, dim)) / np.sqrt(dim)
    phases = rng.uniform(0, 2 * np.pi, waves)
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: 2 * rng.standard_normal(dim),
        minimum=-np.sqrt(2 * dim * waves),
        minimum_source="lower bound",
        noise=noise,
        constants=np.concatenate([frequencies.ravel(), phases, [np.sqrt(2 * dim / waves), confinement]]),
        layout=(waves,),
        work=lambda rows, runs: waves * runs,
        domain=((-6.0, 6.0), (-6.0, 6.0)),
    )
