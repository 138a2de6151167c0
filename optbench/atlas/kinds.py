"""The kinds of problems that the atlas has, by which a field guide and advice are given."""

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
