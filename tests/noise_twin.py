"""The gradient noise of problems without data, from its covariance; never imports optbench."""

import numpy as np


def covariance(sizes):
    """Return the covariance of the means of samples that exhaust a population of variance 1, without replacement.

    sizes: those of the samples.
    1/n_j - 1/N of one mean, -1/N of two: Cochran 1977, Sampling Techniques, theorem 2.2 and its corollary.
    """
    sizes = np.asarray(sizes, float)
    return np.diag(1 / sizes) - 1 / sizes.sum()


def noise(seed, steps, sizes, spread, weights=0.5):
    """Return the noise of ``steps`` gradients g, which become weight * g + pull: pulls (steps, dim), weights (steps,).

    ``sizes``: those of the mini-batches of an epoch. ``spread``: the standard deviation of an example's pull, (dim,).
    An epoch draws normal numbers for each mini-batch but the last, whose noise makes the epoch's sum zero.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, 2)))
    root, spread = np.linalg.cholesky(covariance(sizes)[:-1, :-1]), np.append(spread, weights)
    epochs = []
    for _ in range(-(-steps // len(sizes))):
        means = root @ rng.standard_normal((len(sizes) - 1, len(spread))) * spread
        epochs += [*means, -np.asarray(sizes[:-1]) @ means / sizes[-1]]
    means = np.array(epochs[:steps])
    return means[:, :-1], 1 + means[:, -1]
