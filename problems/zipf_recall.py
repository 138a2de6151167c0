"""An associative memory that sees some of its pairs often and most of them rarely."""

from math import exp, log

import numpy as np

from optbench import OptbenchError, Problem, problem

MOST = 4096
"""Pairs, or dimensions: their scores then fit into a laptop's memory."""


def value_and_gradient(w, g, x, constants, layout, work):
    """Return the mean cross-entropy of the batch, and write the gradient to g. Each pair is recalled once."""
    size, pairs = layout[0], layout[1]
    there, loss = recall(w, x, constants, layout, work)
    share = w.dtype.type(1.0 / x.shape[0])
    numbers, counts, at = work[:pairs], work[pairs : 2 * pairs], 2 * pairs
    keys, hidden = work[at : at + there * size].reshape(there, size), work[at + pairs * size :]
    scores = work[at + 2 * pairs * size :][: there * pairs].reshape(there, pairs)
    for p in range(there):
        row, total = scores[p], 0.0
        for k in range(pairs):
            total += row[k]
        weight = share * counts[p] / total
        for k in range(pairs):
            row[k] *= weight
        row[int(numbers[p])] -= share * counts[p]
    back = hidden[: there * size].reshape(there, size)
    np.dot(scores, constants[pairs * size :].reshape(pairs, size), back)
    np.dot(keys.T, back, g.reshape(size, size))
    return loss * share


def evaluate(w, out, x, constants, layout, work):
    """Write the mean cross-entropy and the accuracy to out."""
    pairs = layout[1]
    there, loss = recall(w, x, constants, layout, work)
    scores = work[2 * pairs * (layout[0] + 1) :][: there * pairs].reshape(there, pairs)
    right = 0.0
    for p in range(there):
        row, own = scores[p], scores[p, int(work[p])]
        best = row[0]
        for k in range(1, pairs):
            best = max(best, row[k])
        right += work[pairs + p] if own >= best else 0.0
    out[0], out[1] = loss / x.shape[0], right / x.shape[0]


def recall(w, x, constants, layout, work):
    """Return how many different pairs the batch has, and the sum of its examples' cross-entropies.

    ``work`` holds the numbers of these pairs, how often each occurs, their keys, what the memory makes of them, and
    e^(score - the largest) of all values, a row each: (pairs,), (pairs,), (pairs, size) twice, (pairs, pairs).
    """
    size, pairs = layout[0], layout[1]
    numbers, counts, at = work[:pairs], work[pairs : 2 * pairs], 2 * pairs
    for k in range(pairs):
        counts[k] = 0.0
    for i in range(x.shape[0]):
        counts[int(x[i, 0])] += 1.0
    there = 0
    keys = constants[: pairs * size].reshape(pairs, size)
    for k in range(pairs):
        if counts[k] > 0.0:
            numbers[there], counts[there] = k, counts[k]
            kept = work[at + there * size : at + (there + 1) * size]
            for d in range(size):
                kept[d] = keys[k, d]
            there += 1
    hidden = work[at + pairs * size :][: there * size].reshape(there, size)
    scores = work[at + 2 * pairs * size :][: there * pairs].reshape(there, pairs)
    np.dot(work[at : at + there * size].reshape(there, size), w.reshape(size, size), hidden)
    np.dot(hidden, constants[pairs * size :].reshape(pairs, size).T, scores)
    loss = 0.0
    for p in range(there):
        row, total = scores[p], 0.0
        top = row[0]
        for k in range(1, pairs):
            top = max(top, row[k])
        own = row[int(numbers[p])] - top
        for k in range(pairs):
            row[k] = exp(row[k] - top)
            total += row[k]
        loss += counts[p] * (log(total) - own)
    return there, loss


@problem(
    source="Cabannes, Simsek & Bietti 2024, arXiv 2402.18724 (associative memories); Wang et al. 2025, 2509.26030",
    limits={"pairs": f"[2, {MOST}]", "size": f"[1, {MOST}]", "alpha": "[0, inf)"},
)
def zipf_recall(pairs=128, size=32, alpha=2.0, examples=4096, seed=0):
    """f(W) = sum_k p_k times the cross-entropy of softmax_j(u_j'W'e_k) against k, W (size, size).

    A linear memory of ``pairs`` of random unit keys e_k and values u_k, more than it has dimensions. Pair k comes with
    p_k = k^-alpha / Z, Zipf's law, to ``examples``; at least once. All pairs once are the test: its accuracy is the
    share of pairs that are recalled, the rare ones counting like the frequent. After 30 steps of the full batch, each
    rule at its best of rates, that is 19% with gd, 30% with Adam and 74% with Muon; with ``alpha=1`` or less all learn
    the rare pairs in time. The loss is bounded below by 0. Starts near 0. Metric: accuracy.
    """
    if examples < pairs:
        raise OptbenchError(f"problem zipf_recall: examples={examples!r} must be at least pairs={pairs}")
    rng = np.random.default_rng(seed)
    keys, values = rng.standard_normal((2, pairs, size))
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    law = np.arange(1, pairs + 1.0) ** -alpha
    # Every pair once, and the law on the rest: the places at which its running sum passes the next whole number.
    ends = np.rint(np.cumsum(law) / law.sum() * (examples - pairs)).astype(int)
    numbers = np.repeat(np.arange(pairs), 1 + np.diff(ends, prepend=0)).astype(float)
    each = np.arange(pairs, dtype=float)

    def predict(w, x):
        """Return the shares of all values, (n, pairs), at the numbers of pairs x, (n, 1)."""
        scores = keys[x[:, 0].astype(int)] @ w.reshape(size, size) @ values.T
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    return Problem(
        form="single",
        dim=size * size,
        value_and_gradient=value_and_gradient,
        start=lambda rng: 0.01 * rng.standard_normal(size * size),
        minimum=0.0,
        minimum_source="lower bound",
        blocks=((size, size),),
        data=(numbers[:, None], numbers),
        test=(each[:, None], each),
        data_text=f"generated: {examples:,} calls of {pairs} pairs; test: each pair once",
        constants=np.concatenate([keys.ravel(), values.ravel()]),
        layout=(size, pairs),
        work=lambda rows, runs: pairs * (2 + 2 * size + pairs),
        metrics=("accuracy",),
        evaluate=evaluate,
        predict=predict,
    )
