"""Problems whose examples are tokens with a heavy tail."""

import numpy as np

from problem_cases.neural import cross_entropy

SETTINGS = [
    "bigram(vocabulary=6)", "bigram(vocabulary=6, loss=squared)",
    "bigram(vocabulary=9, alpha=0, concentration=0.5, seed=3)", "zipf_recall(pairs=9, size=4, examples=50, seed=2)",
    "char_transformer(size=6, heads=3, context=8, hidden=5, vocabulary=7, letters=900)",
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
    return cross_entropy(keys[y.astype(int)] @ w.reshape(size, size) @ values.T, y)


def unit_vectors(pairs, size, seed):
    drawn = np.random.default_rng(seed).standard_normal((2, pairs, size))
    keys, values = drawn / np.sqrt((drawn**2).sum(axis=2, keepdims=True))
    return {"keys": keys, "values": values}


def normalized(a, gains, shifts):
    a = a - a.mean(axis=-1, keepdims=True)
    return gains * a / np.sqrt((a**2).mean(axis=-1, keepdims=True) + 1e-5) + shifts


def softmax(scores):
    powers = np.exp(scores - np.real(scores).max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def letter_scores(w, x, size, heads, hidden, vocabulary):
    """Vaswani et al. 2017, with the normalization before each layer and a mask of the letters that follow."""
    sequences, context = x.shape
    square, norm = (size, size), [(size,), (size,)]
    shapes = [(vocabulary, size), (context, size), *norm, square, square, square, square, *norm, (size, hidden)]
    shapes += [(hidden,), (hidden, size), (size,), *norm, (size, vocabulary)]
    cuts = np.cumsum([np.prod(shape) for shape in shapes])
    assert cuts[-1] == len(w)
    parts = [part.reshape(shape) for part, shape in zip(np.split(w, cuts[:-1]), shapes, strict=True)]
    letters, places, gains, shifts, queries, keys, values, mix, *rest, last_gains, last_shifts, last = parts
    tokens = x.astype(int)
    a = letters[tokens] + places
    read = normalized(a, gains, shifts)
    q, k, v = (
        (read @ weights).reshape(sequences, context, heads, -1).swapaxes(1, 2) for weights in (queries, keys, values)
    )
    scores = q @ k.swapaxes(2, 3) / np.sqrt(size // heads)
    mixed = softmax(np.where(np.tri(context, dtype=bool), scores, -np.inf)) @ v
    a = a + mixed.swapaxes(1, 2).reshape(a.shape) @ mix
    gains, shifts, first, bias, second, last_bias = rest
    active = normalized(a, gains, shifts) @ first + bias
    a = a + np.where(np.real(active) > 0, active, 0) @ second + last_bias
    return normalized(a, last_gains, last_shifts) @ last


def char_transformer(w, x, y, **sizes):
    following = np.column_stack([x[:, 1:], y])
    return cross_entropy(letter_scores(w, x, **sizes).reshape(following.size, -1), following.ravel())


FORMULAS = {
    "bigram(vocabulary=6)": (bigram, {}),
    "bigram(vocabulary=6, loss=squared)": (bigram_squared, {}),
    "bigram(vocabulary=9, alpha=0, concentration=0.5, seed=3)": (bigram, {}),
    "char_transformer(letters=700)": (char_transformer, {"size": 32, "heads": 2, "hidden": 128, "vocabulary": 64}),
    "char_transformer(size=6, heads=3, context=8, hidden=5, vocabulary=7, letters=900)": (
        char_transformer, {"size": 6, "heads": 3, "hidden": 5, "vocabulary": 7},
    ),
    "zipf_recall": (zipf_recall, unit_vectors(128, 32, 0)),
    "zipf_recall(pairs=9, size=4, examples=50, seed=2)": (zipf_recall, unit_vectors(9, 4, 2)),
}  # fmt: skip
