"""A random landscape: its waves drawn anew, its sum written as the paper has it."""

import numpy as np

SETTINGS = ["random_field(dim=1)", "random_field(dim=2, waves=50, seed=3)", "random_field(dim=20, confinement=0.0)"]
NOT_ANALYTIC = set()


def random_field(w, dim, confinement, waves, seed):
    rng = np.random.default_rng(seed)
    k, phi = rng.standard_normal((waves, dim)), rng.uniform(0, 2 * np.pi, waves)
    return confinement / 2 * w @ w + (2 * dim / waves) ** 0.5 * np.cos(k @ w / dim**0.5 + phi).sum()


FORMULAS = {
    "random_field": (random_field, {"dim": 10, "confinement": 0.5, "waves": 200, "seed": 0}),
    "random_field(dim=2, waves=50, seed=3)": (random_field, {"dim": 2, "confinement": 0.5, "waves": 50, "seed": 3}),
}
