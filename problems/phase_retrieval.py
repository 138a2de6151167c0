"""Phase retrieval: a vector from the squares of its products with random ones, its sign lost."""

import numpy as np

from optbench import Problem, problem
from optbench.kit.lane_products import product, product_of_transposed


def value_and_gradient(w, g, f, x, y, work):
    """Write the values of all runs on a batch to f and the gradients to g."""
    rows, runs = x.shape[0], w.shape[1]
    projection = work[: rows * runs].reshape(rows, runs)
    share = w.dtype.type(1.0 / rows)
    product(x, w, projection)
    for r in range(runs):
        f[r] = 0.0
    for i in range(rows):
        for r in range(runs):
            excess = projection[i, r] * projection[i, r] - y[i]
            f[r] += 0.25 * share * excess * excess
            projection[i, r] *= share * excess
    product_of_transposed(x, projection, g)


@problem(source="Candès, Li & Soltanolkotabi 2015 (Wirtinger flow); Sun, Qu & Wright 2018; here real", target=1e-08)
def phase_retrieval(dim=20, examples=1000, seed=0):
    """f(w) = mean ((x'w)^2 - y)^2 / 4 over ``examples`` standard normal x, with y = (x'w*)^2 and |w*| = 1.

    Minima at w* and -w*, for the sign is lost. With examples enough (about dim log(dim)^3) nothing else is a local
    minimum: the origin is a maximum, and near |w| = 1/sqrt(3) orthogonal to w* lies a sphere of strict saddles, each
    with one way down. Starts normal with variance 1/dim (Chen et al. 2019): at length about 1, and in high dimension
    almost orthogonal to w*, so on the way into those saddles. ``seed`` chooses w* and the examples; a quarter
    as many examples, from the same w*, are held out, half of them to validate.
    """
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(dim)
    truth /= np.linalg.norm(truth)
    x, held_out = rng.standard_normal((examples, dim)), rng.standard_normal((-(-examples // 4), dim))
    x_validation, x_test = np.split(held_out, [len(held_out) // 2])
    return Problem(
        form="lanes",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: rng.standard_normal(dim) / np.sqrt(dim),
        minimum=0.0,
        minimum_source="closed form: w = +-w*",
        minimizer=truth,
        other_minimizers=[-truth],
        data=(x, (x @ truth) ** 2),
        validation=(x_validation, (x_validation @ truth) ** 2) if len(x_validation) else None,
        test=(x_test, (x_test @ truth) ** 2),
        predict=lambda w, x: (x @ w) ** 2,
        work=lambda rows, runs: rows * runs,
        domain=((-1.6, 1.6), (-1.6, 1.6)),
    )
