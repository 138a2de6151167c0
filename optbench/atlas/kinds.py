"""The kinds of problems that the atlas has, by which a field guide and advice are given."""

import numpy as np
import pandas as pd

from optbench.analysis.verdicts import ALL
from optbench.contract.names import split_levels

KINDS = {
    "classical": ("rosenbrock", "beale", "powell_singular", "mgh"),
    "quadratics": ("quadratic", "ellipsoid", "nesterov_worst", "noisy", "nqm"),
    "saddles and plateaus": ("saddle", "plateau", "octopus", "matrix_factorization", "phase_retrieval", "deep_linear"),
    "linear models": ("least_squares", "huber", "poisson", "logistic", "sparse", "softmax"),
    "networks": ("mlp", "convolution", "rnn_add", "char_transformer"),
    "tokens": ("bigram", "zipf_recall"),
}
"""Problems of the atlas of each kind, without their parameters; tokens have frequencies that follow Zipf's law."""


def find_kind(problem: str) -> str:
    """Return the kind of a problem of the atlas, given by its name with or without parameters; "" for others."""
    name = split_levels(problem)[0][0]
    return next((kind for kind, names in KINDS.items() if name in names), "")


def order_by_kind(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return how many times the leader's value that of each optimizer is, the geometric mean over a kind's problems.

    Returns a row for each optimizer, the best over all problems first, and a column for each kind and "all". Whose
    every run fails on a problem has the largest ratio there. ranking: `Results.ranking()`.
    """
    rows = ranking[ranking["problem"] != ALL]
    logs = np.log(rows.pivot(index="problem", columns="optimizer", values="ratio"))
    logs = logs.apply(lambda row: row.fillna(row.max()), axis=1)
    means = {kind: logs[logs.index.map(find_kind) == kind].mean() for kind in KINDS}
    return np.exp(pd.DataFrame({**means, ALL: logs.mean()})).dropna(axis="columns", how="all").sort_values(ALL)
