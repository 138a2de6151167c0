"""A bigram model whose tokens have a heavy tail: the loss of rare ones hardly moves gradient descent."""

from math import exp, log

import numpy as np

from optbench import Problem, problem

COPIES = 4
"""Examples for each pair of tokens, on average."""
MOST = 2048
"""Tokens whose pairs still fit into a laptop's memory: 17 million examples."""


def softmax_gradient(w, g, x, y, constants, layout, work):
    """Return the mean excess of the cross-entropy over its minimum, and write the gradient to g.

    Each token of the batch takes one softmax, however often it occurs.
    """
    size = layout[0]
    scores, slopes, powers = w.reshape(size, size), g.reshape(size, size), work[size:]
    count_pairs(slopes, x, y, constants, layout, work)
    f = 0.0
    for token in range(size):
        if work[token] > 0.0:
            row, slope = scores[token], slopes[token]
            top, total, wanted, weight = row[0], 0.0, 0.0, 0.0
            for j in range(1, size):
                top = max(top, row[j])
            for j in range(size):
                weight += slope[j]
                wanted += slope[j] * (row[j] - top)
            for j in range(size):
                powers[j] = exp(row[j] - top)
                total += powers[j]
            f += weight * log(total) - wanted
            share = weight / total
            for j in range(size):
                slope[j] = share * powers[j] - slope[j]
    return average(g, f, x.shape[0]) - constants[0]


def squared_gradient(w, g, x, y, constants, layout, work):
    """Return the mean excess of half the squared error over its minimum, and write the gradient to g."""
    size = layout[0]
    scores, slopes = w.reshape(size, size), g.reshape(size, size)
    count_pairs(slopes, x, y, constants, layout, work)
    f = 0.0
    for token in range(size):
        if work[token] > 0.0:
            row, slope, total, weight = scores[token], slopes[token], 0.0, 0.0
            for j in range(size):
                weight += slope[j]
            for j in range(size):
                total += row[j] * (0.5 * weight * row[j] - slope[j])
                slope[j] = weight * row[j] - slope[j]
            f += total + 0.5 * weight
    return average(g, f, x.shape[0]) - constants[0]


def evaluate(w, out, x, y, constants, layout, work):
    """Write the mean excess of the loss over its minimum to out, without a look at tokens that no example has."""
    size, squared = layout[0], layout[1]
    scores, loss, there = w.reshape(size, size), work[:size], work[size:]
    for i in range(size):
        there[i] = 0.0
    f = 0.0
    for k in range(x.shape[0]):
        token = int(x[k, 0])
        row = scores[token]
        if there[token] == 0.0:  # what all of its examples share
            top, total = row[0], 0.0
            for j in range(size):
                top = max(top, row[j])
            for j in range(size):
                total += 0.5 * row[j] * row[j] if squared else exp(row[j] - top)
            there[token], loss[token] = 1.0, total + 0.5 if squared else top + log(total)
        f += x[k, 1] * (loss[token] - row[int(y[k])])
    out[0] = f / x.shape[0] - constants[0]


def count_pairs(slopes, x, y, constants, layout, there):
    """Write the summed weights of each pair into ``slopes``, (tokens, tokens), and 1 into ``there`` of first ones.

    Those of all examples are known: a step of the full batch takes a quarter of the time that it takes to count them.
    """
    size, whole = slopes.shape[0], x.shape[0] == layout[2]
    for i in range(size):
        there[i] = 1.0 if whole else 0.0
        for j in range(size):
            slopes[i, j] = constants[1 + i * size + j] if whole else 0.0
    for k in range(0 if whole else x.shape[0]):
        token = int(x[k, 0])
        there[token] = 1.0
        slopes[token, int(y[k])] += x[k, 1]


def average(g, f, rows):
    """Return the sum ``f`` divided by the number of rows; divides ``g`` as well."""
    for i in range(g.shape[0]):
        g[i] /= rows
    return f / rows


LOSSES = {"softmax": softmax_gradient, "squared": squared_gradient}


@problem(
    source="Kunstner & Bach 2025, arXiv 2505.19227 (Zipf's law); Kunstner et al. 2024, arXiv 2402.19449",
    limits={"loss": tuple(LOSSES), "vocabulary": f"[2, {MOST}]", "alpha": "[0, inf)", "concentration": "(0, inf)"},
)
def bigram(vocabulary=128, alpha=1.0, concentration=6.0, loss="softmax", seed=0):
    """f(W) = sum_i p_i [loss of row W_i against C_i] - its minimum: the next token from the one before, one-hot.

    Token i occurs with p_i = i^-alpha / Z: Zipf's law, or all alike with ``alpha=0``. C_i, the distribution of the
    token behind i, is drawn from Dirichlet(``concentration`` p): the smaller, the fewer successors. ``loss``: softmax,
    the cross-entropy of softmax(W_i), whose minimum is the entropy, at W = log C; or squared, |W_i - e_j|^2 / 2, a
    quadratic with its minimum at W = C and the curvature p_i. Rows of rare tokens have tiny gradients: gradient descent
    takes about as many steps as there are tokens, a rule that looks at signs about the root of that. An ``eps`` counts:
    entries of the gradient are 1e-5 and less, and ``adam``, with its eps inside the root, divides by 1e-4 at least.

    A mini-batch holds pairs (i, j) of successive tokens, one of 4 vocabulary^2 examples each. A pair fills as many
    examples as its frequency says, but at least one: their weights, second in ``x``, make f exact. Starts near 0.
    """
    cells = vocabulary**2
    frequency = np.arange(1, vocabulary + 1.0) ** -alpha
    frequency /= frequency.sum()
    following = np.random.default_rng(seed).dirichlet(concentration * frequency, vocabulary)
    pairs = frequency[:, None] * following
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(pairs > 0, pairs * np.log(following), 0).sum()
    least = entropy if loss == "softmax" else 0.5 * (1 - (pairs * following).sum())
    x, y = list_pairs(pairs)
    return Problem(
        form="single",
        dim=cells,
        value_and_gradient=LOSSES[loss],
        evaluate=evaluate,
        start=lambda rng: 0.01 * rng.standard_normal(cells),
        minimum=0.0,
        minimum_source="closed form: the entropy is subtracted" if loss == "softmax" else "closed form: W = C",
        minimizer=following.ravel() if loss == "squared" else None,
        blocks=((vocabulary, vocabulary),),
        data=(x, y),
        data_text=f"generated: pairs of {vocabulary} tokens",
        constants=(least, *(len(x) * pairs.ravel())),
        layout=(vocabulary, int(loss == "squared"), len(x)),
        work=lambda rows, runs: 2 * vocabulary,
    )


def list_pairs(pairs):
    """Return (x, y) with x = (first token, weight) and y = the second, whose weighted frequencies are ``pairs``.

    pairs: (tokens, tokens), of sum 1. In the order of tokens, so that parts of the list hold few.
    """
    copies = np.maximum(np.rint(COPIES * pairs.size * pairs), 1).astype(int).ravel()
    weights = pairs.ravel() * (copies.sum() / copies)
    cell = np.repeat(np.arange(pairs.size), copies)
    token, following = np.divmod(cell, len(pairs))
    return np.column_stack([token, weights[cell]]), following.astype(float)
