"""A small transformer that reads a book letter by letter: tokens with a heavy tail, attention, layer normalization."""

import bz2
from importlib import resources
from math import exp, prod, sqrt

import numpy as np

from optbench import OptbenchError, Problem, problem
from optbench.kit.layers import (
    EPSILON,
    add,
    add_bias,
    add_bias_relu,
    back_through,
    softmax_error,
    softmax_report,
    sum_rows,
)
from optbench.kit.products import product, product_with_transposed
from optbench.kit.random import SEEDS, key_of, uniform

TOGETHER = 4
"""Sequences that are worked on together, so that their activations stay in the L2 cache."""
LETTERS = 142_227
"""Characters of the book. By default fewer are read: to evaluate all of them ten times takes as long as 1,000 steps."""

# ``layout`` is (size, heads, context, hidden, vocabulary). Activations are (units, columns), with a column for each
# letter, sequence by sequence. ``work`` holds a gradient, (dim,), behind which come arrays of (size, columns) at these
# places, and then those whose places ``place_of`` returns.
QUERIES, KEYS, VALUES, MIXED, STREAM, ROOM, ERROR, BEHIND, BY_QUERIES, BY_KEYS, BY_VALUES = range(11)
NORMAL = 11
"""The activations that each of three normalizations has brought to mean 0 and variance 1; READ: the same, scaled."""
READ = 14
SCALES, ATTENTION, ACTIVE, SCORES, END = range(5)


def place_of(which, columns, layout):
    """Return where in ``work`` an array begins that is not of (size, columns).

    Those are the scales of the three normalizations; the shares of attention, (queries, keys) of each sequence and
    head; the activations of the hidden layer; the scores of the next letters. Behind END is room.
    """
    units = 17 * layout[0]
    if which > SCALES:
        units += 3
    if which > ATTENTION:
        units += layout[1] * layout[2]
    if which > ACTIVE:
        units += layout[3]
    if which > SCORES:
        units += layout[4]
    return units * columns


def value_and_gradient(w, g, x, y, layout, work):
    """Return the mean cross-entropy over all letters of the batch, and write its gradient to g."""
    rows, dim, loss = x.shape[0], w.shape[0], 0.0
    part = work[:dim]
    for k in range(dim):
        g[k] = 0.0
    for first in range(0, rows, TOGETHER):
        last = min(first + TOGETHER, rows)
        share = w.dtype.type((last - first) / rows)
        forward(w, x[first:last], layout, work[dim:])
        loss += share * backward(w, part, x[first:last], y[first:last], layout, work[dim:])
        for k in range(dim):
            g[k] += share * part[k]
    return loss


def evaluate(w, out, x, y, layout, work):
    """Write the mean cross-entropy and the share of letters that are foreseen to out."""
    rows, context, vocabulary = x.shape[0], layout[2], layout[4]
    out[0], out[1] = 0.0, 0.0
    for first in range(0, rows, TOGETHER):
        last = min(first + TOGETHER, rows)
        columns = (last - first) * context
        forward(w, x[first:last], layout, work)
        room = work[place_of(END, columns, layout) :]
        list_next(x[first:last], y[first:last], room)
        scores = work[place_of(SCORES, columns, layout) :][: vocabulary * columns].reshape(vocabulary, columns)
        softmax_report(scores, room[:columns], room[columns:], out)
    out[0], out[1] = out[0] / (rows * context), out[1] / (rows * context)


def list_next(x, y, target):
    """Write the letter behind each of x, (rows, context), to ``target``; y: that behind the last of each row.

    Where letters are drawn, y holds a negative number for each row, from which those of all its letters follow.
    """
    context = x.shape[1]
    for i in range(x.shape[0]):
        if y[i] < 0.0:
            key = key_of(int(-y[i] * SEEDS), 1, 0)
            for t in range(context):
                target[i * context + t] = -uniform(key, t)
            continue
        for t in range(context - 1):
            target[i * context + t] = x[i, t + 1]
        target[(i + 1) * context - 1] = y[i]


def forward(w, x, layout, work):
    """Fill ``work`` up to the scores of the next letters."""
    size, context, hidden, vocabulary = layout[0], layout[2], layout[3], layout[4]
    columns = x.shape[0] * context
    area = size * columns
    flat, flat_room = work[STREAM * area : (STREAM + 1) * area], work[ROOM * area : (ROOM + 1) * area]
    stream, room = flat.reshape(size, columns), flat_room.reshape(size, columns)
    for j in range(size):
        row = stream[j]
        for i in range(x.shape[0]):
            for t in range(context):
                row[i * context + t] = w[int(x[i, t]) * size + j] + w[(vocabulary + t) * size + j]

    at = standardize(w, (vocabulary + context) * size, NORMAL * area, columns, layout, work)
    for which in (QUERIES, KEYS, VALUES):
        product(
            w[at : at + size * size].reshape(size, size).T,
            work[READ * area : (READ + 1) * area].reshape(size, columns),
            work[which * area : (which + 1) * area].reshape(size, columns),
        )
        at += size * size
    attend(columns, layout, work)
    product(
        w[at : at + size * size].reshape(size, size).T,
        work[MIXED * area : (MIXED + 1) * area].reshape(size, columns),
        room,
    )
    add(flat, flat_room, flat)

    at = standardize(w, at + size * size, (NORMAL + 1) * area, columns, layout, work)
    active = work[place_of(ACTIVE, columns, layout) :][: hidden * columns].reshape(hidden, columns)
    product(
        w[at : at + size * hidden].reshape(size, hidden).T,
        work[(READ + 1) * area : (READ + 2) * area].reshape(size, columns),
        active,
    )
    at += size * hidden
    add_bias_relu(active, w[at : at + hidden])
    at += hidden
    product(w[at : at + hidden * size].reshape(hidden, size).T, active, room)
    at += hidden * size
    add_bias(room, w[at : at + size])
    add(flat, flat_room, flat)

    at = standardize(w, at + size, (NORMAL + 2) * area, columns, layout, work)
    scores = work[place_of(SCORES, columns, layout) :][: vocabulary * columns].reshape(vocabulary, columns)
    product(
        w[at : at + size * vocabulary].reshape(size, vocabulary).T,
        work[(READ + 2) * area : (READ + 3) * area].reshape(size, columns),
        scores,
    )


def backward(w, g, x, y, layout, work):
    """Return the mean cross-entropy over the letters, and write its gradient to g, from the last block to the first.

    ``work`` is as ``forward`` leaves it.
    """
    size, context, hidden, vocabulary = layout[0], layout[2], layout[3], layout[4]
    columns, square = x.shape[0] * context, size * size
    area, place = size * columns, place_of(ACTIVE, columns, layout)
    room = work[place_of(END, columns, layout) :]
    list_next(x, y, room)
    scores = work[place_of(SCORES, columns, layout) :][: vocabulary * columns].reshape(vocabulary, columns)
    loss = softmax_error(scores, room[:columns], room[columns:])
    error = work[ERROR * area : (ERROR + 1) * area].reshape(size, columns)
    behind = work[BEHIND * area : (BEHIND + 1) * area].reshape(size, columns)
    spare = work[ROOM * area : (ROOM + 1) * area].reshape(size, columns)
    for j in range(size):
        for i in range(columns):
            error[j, i] = 0.0

    at = w.shape[0] - size * vocabulary
    product_with_transposed(
        work[(READ + 2) * area : (READ + 3) * area].reshape(size, columns),
        scores,
        g[at : at + size * vocabulary].reshape(size, vocabulary),
        room,
    )
    product(w[at : at + size * vocabulary].reshape(size, vocabulary), scores, behind)
    at = destandardize(w, g, at, (NORMAL + 2) * area, columns, layout, work)

    at -= size
    sum_rows(error, g[at : at + size])
    at -= hidden * size
    active = work[place : place + hidden * columns].reshape(hidden, columns)
    product_with_transposed(active, error, g[at : at + hidden * size].reshape(hidden, size), room)
    by_hidden = room[: hidden * columns].reshape(hidden, columns)
    spare_room = room[hidden * columns :]
    product(w[at : at + hidden * size].reshape(hidden, size), error, by_hidden)
    back_through(room[: hidden * columns], work[place : place + hidden * columns], 0)
    at -= hidden
    sum_rows(by_hidden, g[at : at + hidden])
    at -= size * hidden
    product_with_transposed(
        work[(READ + 1) * area : (READ + 2) * area].reshape(size, columns),
        by_hidden,
        g[at : at + size * hidden].reshape(size, hidden),
        spare_room,
    )
    product(w[at : at + size * hidden].reshape(size, hidden), by_hidden, behind)
    at = destandardize(w, g, at, (NORMAL + 1) * area, columns, layout, work)

    at -= square
    product_with_transposed(
        work[MIXED * area : (MIXED + 1) * area].reshape(size, columns),
        error,
        g[at : at + size * size].reshape(size, size),
        room,
    )
    product(w[at : at + size * size].reshape(size, size), error, behind)
    attend_back(columns, layout, work, room)
    for which in (BY_VALUES, BY_KEYS, BY_QUERIES):
        at -= square
        slope, made = work[which * area : (which + 1) * area].reshape(size, columns), spare
        product_with_transposed(
            work[READ * area : (READ + 1) * area].reshape(size, columns),
            slope,
            g[at : at + size * size].reshape(size, size),
            room,
        )
        if which == BY_VALUES:
            made = behind
        product(w[at : at + size * size].reshape(size, size), slope, made)
        if which != BY_VALUES:
            flat = work[BEHIND * area : (BEHIND + 1) * area]
            add(flat, work[ROOM * area : (ROOM + 1) * area], flat)
    at = destandardize(w, g, at, NORMAL * area, columns, layout, work)

    for k in range(at):
        g[k] = 0.0
    for j in range(size):
        row = error[j]
        for i in range(x.shape[0]):
            for t in range(context):
                g[int(x[i, t]) * size + j] += row[i * context + t]
                g[(vocabulary + t) * size + j] += row[i * context + t]
    return loss


def standardize(w, at, place, columns, layout, work):
    """Bring the sum of the residual layers to mean 0 and variance 1, and scale it. Returns where in w that ends.

    at: where in w the gains begin, with the shifts behind them; place: where in ``work`` the result begins, before it
    is scaled.
    """
    size, area = layout[0], layout[0] * columns
    stream = work[STREAM * area : (STREAM + 1) * area].reshape(size, columns)
    normal = work[place : place + area].reshape(size, columns)
    read = work[place + (READ - NORMAL) * area :][:area].reshape(size, columns)
    mean = work[place_of(END, columns, layout) :]
    scale = work[place_of(SCALES, columns, layout) + place // size - NORMAL * columns :][:columns]
    share = w.dtype.type(1.0 / size)
    for i in range(columns):
        mean[i], scale[i] = 0.0, 0.0
    for j in range(size):
        for i in range(columns):
            mean[i] += share * stream[j, i]
    for j in range(size):
        for i in range(columns):
            normal[j, i] = stream[j, i] - mean[i]
            scale[i] += share * normal[j, i] * normal[j, i]
    for i in range(columns):
        scale[i] = 1.0 / sqrt(scale[i] + EPSILON)
    for j in range(size):
        gain, shift = w[at + j], w[at + size + j]
        for i in range(columns):
            normal[j, i] *= scale[i]
            read[j, i] = gain * normal[j, i] + shift
    return at + 2 * size


def destandardize(w, g, at, place, columns, layout, work):
    """Add to the error of the residual layers what comes back through a normalization. Returns where that begins in w.

    at: where in w the shifts end; place: as in ``standardize``. The gradients by gains and shifts are written to g.
    """
    size, area = layout[0], layout[0] * columns
    at -= 2 * size
    error = work[ERROR * area : (ERROR + 1) * area].reshape(size, columns)
    behind = work[BEHIND * area : (BEHIND + 1) * area].reshape(size, columns)
    normal = work[place : place + area].reshape(size, columns)
    room = work[place_of(END, columns, layout) :]
    scale = work[place_of(SCALES, columns, layout) + place // size - NORMAL * columns :][:columns]
    total, along, share = room[:columns], room[columns : 2 * columns], w.dtype.type(1.0 / size)
    for i in range(columns):
        total[i], along[i] = 0.0, 0.0
    for j in range(size):
        gain, by_gain, by_shift = share * w[at + j], 0.0, 0.0
        for i in range(columns):
            weighted = behind[j, i] * normal[j, i]
            by_gain += weighted
            by_shift += behind[j, i]
            total[i] += gain * behind[j, i]
            along[i] += gain * weighted
        g[at + j], g[at + size + j] = by_gain, by_shift
    for j in range(size):
        gain = w[at + j]
        for i in range(columns):
            error[j, i] += scale[i] * (gain * behind[j, i] - total[i] - normal[j, i] * along[i])
    return at


def attend(columns, layout, work):
    """Mix the values of all letters up to each one, by the softmax of its query's products with their keys."""
    size, heads, context, area = layout[0], layout[1], layout[2], layout[0] * columns
    queries = work[QUERIES * area : (QUERIES + 1) * area].reshape(size, columns)
    keys = work[KEYS * area : (KEYS + 1) * area].reshape(size, columns)
    values = work[VALUES * area : (VALUES + 1) * area].reshape(size, columns)
    mixed = work[MIXED * area : (MIXED + 1) * area].reshape(size, columns)
    wide, place = size // heads, place_of(ATTENTION, columns, layout)
    factor = work.dtype.type(1.0 / sqrt(wide))
    for top in range(0, size, wide):
        for first in range(0, columns, context):
            bottom, last = top + wide, first + context
            shares = work[place : place + context * context].reshape(context, context)
            place += context * context
            np.matmul(queries[top:bottom, first:last].T, keys[top:bottom, first:last], shares)
            for q in range(context):
                row = shares[q]
                most, total = row[0], 0.0
                for k in range(1, q + 1):
                    most = max(most, row[k])
                for k in range(context):
                    below = factor * (row[k] - most)
                    row[k] = exp(0.0 if below > 0.0 else below) if k <= q else 0.0
                    total += row[k]
                for k in range(context):
                    row[k] /= total
            np.matmul(values[top:bottom, first:last], shares.T, mixed[top:bottom, first:last])


def attend_back(columns, layout, work, room):
    """Write the gradients by queries, keys and values from that by the mixed values, which is behind."""
    size, heads, context, area = layout[0], layout[1], layout[2], layout[0] * columns
    queries = work[QUERIES * area : (QUERIES + 1) * area].reshape(size, columns)
    keys = work[KEYS * area : (KEYS + 1) * area].reshape(size, columns)
    values = work[VALUES * area : (VALUES + 1) * area].reshape(size, columns)
    error = work[BEHIND * area : (BEHIND + 1) * area].reshape(size, columns)
    by_queries = work[BY_QUERIES * area : (BY_QUERIES + 1) * area].reshape(size, columns)
    by_keys = work[BY_KEYS * area : (BY_KEYS + 1) * area].reshape(size, columns)
    by_values = work[BY_VALUES * area : (BY_VALUES + 1) * area].reshape(size, columns)
    slopes = room[: context * context].reshape(context, context)
    wide, place = size // heads, place_of(ATTENTION, columns, layout)
    factor = work.dtype.type(1.0 / sqrt(wide))
    for top in range(0, size, wide):
        for first in range(0, columns, context):
            bottom, last = top + wide, first + context
            shares = work[place : place + context * context].reshape(context, context)
            place += context * context
            np.matmul(error[top:bottom, first:last], shares, by_values[top:bottom, first:last])
            np.matmul(error[top:bottom, first:last].T, values[top:bottom, first:last], slopes)
            for q in range(context):
                share, slope, mean = shares[q], slopes[q], 0.0
                for k in range(context):
                    mean += share[k] * slope[k]
                for k in range(context):
                    slope[k] = factor * share[k] * (slope[k] - mean)
            np.matmul(keys[top:bottom, first:last], slopes.T, by_queries[top:bottom, first:last])
            np.matmul(queries[top:bottom, first:last], slopes, by_keys[top:bottom, first:last])


def read_book():
    """Return the text of Lewis Carroll's Alice's Adventures in Wonderland of 1865, a paragraph a line.

    In the public domain. It is alice29.txt of the Canterbury corpus (Arnold & Bell 1997), from the first chapter on,
    with single spaces. The first line of the file says so, and is not part of the text.
    """
    packed = resources.files("optbench.datasets").joinpath("alice.txt.bz2").read_bytes()
    return bz2.decompress(packed).decode().split("\n", 1)[1]


def number_letters(text, vocabulary):
    """Return the rank of each letter by its frequency in the text, from 0; the last rank is shared by all others."""
    letters, numbers, counts = np.unique([*text], return_inverse=True, return_counts=True)
    ranks = np.empty(len(letters), int)
    ranks[np.argsort(-counts, kind="stable")] = range(len(letters))
    return np.minimum(ranks, vocabulary - 1)[numbers].astype(float)


@problem(
    source="Vaswani et al. 2017; Radford et al. 2019 (normalization first); Kunstner et al. 2024, arXiv 2402.19449",
    limits={
        "size": "[1, inf)",
        "heads": "[1, inf)",
        "context": "[1, inf)",
        "vocabulary": "[2, inf)",
    },
)
def char_transformer(size=32, heads=2, context=32, hidden=128, vocabulary=64, letters=100_000):
    """Mean cross-entropy of the next letter of a book, by a transformer of one block: attention, then a hidden layer.

    Letters and their places in a sequence of ``context`` have embeddings of ``size`` numbers, which are added; the
    block's two layers add to them what they make of their normalized sum. Each of ``heads`` attends to the letters up
    to its own; the other layer has ``hidden`` units with ReLU. A last normalization and matrix give the scores of all
    letters. The book is Alice's Adventures in Wonderland (1865, public domain), its first ``letters`` characters in
    sequences without overlap: the first 80% train, the next 10% validate, the others test. ``vocabulary``: the most
    frequent letters, the last of which stands for all that are rarer. An example is a sequence. Metric: accuracy, the
    share of letters foreseen. The loss, in nats, is bounded below by 0.
    """
    name = "char_transformer"
    if size % heads:
        raise OptbenchError(f"problem {name}: size={size} must be a multiple of heads={heads}")
    if not 10 * context < letters <= LETTERS:
        wanted = f"more than 10 sequences of context={context}, and at most the book's {LETTERS:,}"
        raise OptbenchError(f"problem {name}: letters={letters} must be {wanted}")
    numbers = number_letters(read_book()[:letters], vocabulary)
    count = (letters - 1) // context
    x, y = numbers[: count * context].reshape(count, context), numbers[context : count * context + 1 : context].copy()
    middle, end = count * 8 // 10, count * 9 // 10
    norm, square = ((size,), (size,)), (size, size)
    blocks = (
        (vocabulary, size), (context, size), *norm, square, square, square, square,
        *norm, (size, hidden), (hidden,), (hidden, size), (size,), *norm, (size, vocabulary),
    )  # fmt: skip
    dim = sum(map(prod, blocks))
    spread = [0.02, 0.02, 1, 0, *[size**-0.5] * 4, 1, 0, size**-0.5, 0, hidden**-0.5, 0, 1, 0, 0.02]

    def start(rng):
        """Return normal weights, of variance 1/in in the block and 0.02^2 in embeddings and last layer; gains 1."""
        return np.concatenate(
            [
                deviation * (rng.standard_normal(prod(shape)) if len(shape) > 1 else np.ones(prod(shape)))
                for shape, deviation in zip(blocks, spread, strict=True)
            ]
        )

    units = 17 * size + 3 + heads * context + 2 * hidden + vocabulary + max(size, hidden, vocabulary, context, 3)
    return Problem(
        form="single",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=start,
        minimum=0.0,
        minimum_source="lower bound",
        blocks=blocks,
        roles=("embedding", "embedding", *("hidden" if len(shape) > 1 else "vector" for shape in blocks[2:-1]), "last"),
        data=(x[:middle], y[:middle]),
        validation=(x[middle:end], y[middle:end]),
        test=(x[end:], y[end:]),
        data_text=f"Carroll 1865, Alice's Adventures in Wonderland: {count:,} sequences of {context} letters",
        layout=(size, heads, context, hidden, vocabulary),
        work=lambda rows, runs: dim + min(rows, TOGETHER) * context * units,
        metrics=("accuracy",),
        evaluate=evaluate,
        draws_labels=context,
    )  # fmt: skip
