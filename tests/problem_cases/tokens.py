"""Problems whose examples are tokens with a heavy tail."""

import numpy as np

SETTINGS = [
    "bigram(vocabulary=6)", "bigram(vocabulary=6, loss=squared)",
    "bigram(vocabulary=9, alpha=0, concentration=0.5, seed=3)", "zipf_recall(pairs=9, size=4, examples=50, seed=2)",
]  # fmt: skip
BAD = [
    "bigram(vocabulary=1)", "bigram(vocabulary=4096)", "bigram(alpha=-1.0)", "bigram(concentration=0)",
    "bigram(loss=mse)", "bigram(seed=-1)", "zipf_recall(pairs=1)", "zipf_recall(size=0)", "zipf_recall(alpha=-0.5)",
    "zipf_recall(examples=100)", "zipf_recall(seed=-1)", "zipf_recall(pairs=5000)", "zipf_recall(size=5000)",
]  # fmt: skip
NOT_ANALYTIC = set()


def distribution(x, y):
    """Frequencies of pairs, (tokens, tokens), from the weights of the examples."""
    size = int(y.max()) + 1
    pairs = np.zeros((size, size))
    np.add.at(pairs, (x[:, 0].astype(int), y.astype(int)), x[:, 1])
    return pairs / pairs.sum()


def bigram(w, x, y):
    """Row by row, the divergence of softmax(W_i) from C_i, weighted with p_i."""
    pairs, total = distribution(x, y), 0
    for row, scores in zip(pairs, w.reshape(pairs.shape), strict=True):
        scores = scores - np.real(scores).max()
        log_share = scores - np.log(np.exp(scores).sum())
        there = row > 0
        total += (row[there] * (np.log(row[there] / row.sum()) - log_share[there])).sum()
    return total


def bigram_squared(w, x, y):
    pairs = distribution(x, y)
    frequency = pairs.sum(axis=1, keepdims=True)
    return (frequency * (w.reshape(pairs.shape) - pairs / frequency) ** 2).sum() / 2


def zipf_recall(w, x, y, keys, values):
    """Example by example, with the keys and values that the problem draws."""
    assert (x[:, 0] == y).all()
    size = keys.shape[1]
    scores = keys[y.astype(int)] @ w.reshape(size, size) @ values.T
    scores = scores - np.real(scores).max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y.astype(int)])


def unit_vectors(pairs, size, seed):
    drawn = np.random.default_rng(seed).standard_normal((2, pairs, size))
    keys, values = drawn / np.sqrt((drawn**2).sum(axis=2, keepdims=True))
    return {"keys": keys, "values": values}


FORMULAS = {
    "bigram(vocabulary=6)": (bigram, {}),
    "bigram(vocabulary=6, loss=squared)": (bigram_squared, {}),
    "bigram(vocabulary=9, alpha=0, concentration=0.5, seed=3)": (bigram, {}),
    "zipf_recall": (zipf_recall, unit_vectors(128, 32, 0)),
    "zipf_recall(pairs=9, size=4, examples=50, seed=2)": (zipf_recall, unit_vectors(9, 4, 2)),
}
