"""Layers of networks for the kernels of problems of single form: one run, a batch of rows at a time, on BLAS.

A stack of dense layers is described by ``layout``: for each layer the number of its activation in ``ACTIVATIONS``, plus
``BARE`` where it has no bias; then the sizes of all layers from the input to the output. Its parameters are, layer by
layer, the weights (in, out) and the bias (out,). ``work`` holds the activations of every layer but the input, one
behind the other, then room for two layers' errors, then room for the blocks of a product: ``scratch`` numbers.

These are plain functions that the engine compiles together with the kernel that calls them.
"""

from math import exp, log

import numpy as np

ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear")
BARE = len(ACTIVATIONS)

# Up to here OpenBLAS multiplies without packing the matrices first, where it knows AVX-512: 1.2 to 1.6 times as fast.
UNPACKED = 1_000_000
NARROWEST = 32  # narrower blocks would not pay


def forward(w, x, layout, work):
    """Fill ``work`` with the layers' activations. Returns where the last layer's start."""
    rows, layers = x.shape[0], layout.shape[0] // 2
    offset, place, before = 0, 0, x
    for layer in range(layers):
        inputs, outputs = layout[layers + layer], layout[layers + layer + 1]
        a = work[place : place + rows * outputs].reshape(rows, outputs)
        product(before, w[offset : offset + inputs * outputs].reshape(inputs, outputs), a, layout, work)
        offset += inputs * outputs
        if layout[layer] < BARE:
            add_bias(a, w[offset : offset + outputs])
            offset += outputs
        activate(work[place : place + rows * outputs], layout[layer] % BARE)
        if layer < layers - 1:
            place += rows * outputs
            before = a
    return place


def backward(w, g, x, place, layout, work):
    """The gradient, after ``forward``, from the last layer's error: the loss's slope by what the activation was
    applied to, which stands in place of the activations, at ``place``.
    """
    rows, count, layers = x.shape[0], layout[-1], layout.shape[0] // 2
    error = work[place : place + rows * count].reshape(rows, count)
    # The errors of the hidden layers take turns in two rooms behind the activations.
    offset, end, turn = w.shape[0], place + rows * count, 0
    for layer in range(layers - 1, -1, -1):
        inputs, outputs = layout[layers + layer], layout[layers + layer + 1]
        if layout[layer] < BARE:
            offset -= outputs
            sum_rows(error, g[offset : offset + outputs])
        offset -= inputs * outputs
        slope = g[offset : offset + inputs * outputs].reshape(inputs, outputs)
        if layer == 0:
            product_transposed(x, error, slope, layout, work)
        else:
            place -= rows * inputs
            a = work[place : place + rows * inputs].reshape(rows, inputs)
            product_transposed(a, error, slope, layout, work)
            room = end + turn * rows * widest(layout)
            behind = work[room : room + rows * inputs].reshape(rows, inputs)
            weights = w[offset : offset + inputs * outputs].reshape(inputs, outputs)
            np.dot(error, weights.T, behind)
            back_through(
                work[room : room + rows * inputs], work[place : place + rows * inputs], layout[layer - 1] % BARE
            )
            error = behind
            turn = 1 - turn


def scratch(rows, sizes):
    """How many numbers ``work`` must hold for layers of these sizes, the input's first."""
    return rows * (sum(sizes[1:]) + 2 * max(sizes[1:]) + max(sizes[:-1]) + max(sizes[1:]))


def product(a, b, out, layout, work):
    """out = a b, in blocks of a's columns."""
    rows, inputs, outputs = a.shape[0], a.shape[1], b.shape[1]
    step = block_width(rows, outputs)
    if not NARROWEST <= step < inputs:
        np.dot(a, b, out)
        return
    room = work[block_room(rows, layout) :]
    part = room[rows * step : rows * (step + outputs)].reshape(rows, outputs)
    for first in range(0, inputs, step):
        last = min(first + step, inputs)
        target = part if first > 0 else out
        copied = room[: rows * (last - first)].reshape(rows, last - first)
        copy_columns(a, first, last, copied)
        np.dot(copied, b[first:last], target)
        if first > 0:
            for i in range(rows):
                total, share = out[i], part[i]
                for j in range(outputs):
                    total[j] += share[j]


def product_transposed(a, b, out, layout, work):
    """out = a' b, in blocks of a's columns."""
    rows, inputs, outputs = a.shape[0], a.shape[1], b.shape[1]
    step = block_width(rows, outputs)
    if not NARROWEST <= step < inputs:
        np.dot(a.T, b, out)
        return
    room = work[block_room(rows, layout) :]
    for first in range(0, inputs, step):
        last = min(first + step, inputs)
        copied = room[: rows * (last - first)].reshape(rows, last - first)
        copy_columns(a, first, last, copied)
        np.dot(copied.T, b, out[first:last])


def block_width(rows, outputs):
    return UNPACKED // (rows * outputs) // 8 * 8


def block_room(rows, layout):
    """Where the part of ``work`` behind the activations and the errors begins."""
    total = 0
    for layer in range(layout.shape[0] // 2 + 1, layout.shape[0]):
        total += layout[layer]
    return rows * (total + 2 * widest(layout))


def widest(layout):
    """The size of the largest layer behind the input."""
    first = layout.shape[0] // 2 + 1
    size = layout[first]
    for layer in range(first + 1, layout.shape[0]):
        size = max(size, layout[layer])
    return size


def copy_columns(a, first, last, out):
    """Some columns of a as an array of their own, for BLAS takes whole arrays."""
    for i in range(a.shape[0]):
        source, target = a[i][first:last], out[i]
        for j in range(last - first):
            target[j] = source[j]


def add_bias(a, bias):
    for i in range(a.shape[0]):
        for j in range(bias.shape[0]):
            a[i, j] += bias[j]


def sum_rows(a, total):
    for j in range(total.shape[0]):
        total[j] = 0.0
    for i in range(a.shape[0]):
        for j in range(total.shape[0]):
            total[j] += a[i, j]


def activate(a, kind):
    if kind == 0:
        for k in range(a.shape[0]):
            a[k] = 0.0 if a[k] < 0.0 else a[k]  # NaN stays
    elif kind == 1:
        for k in range(a.shape[0]):
            # exp vectorizes, which tanh does not: 4 to 8 times as fast. The error is one of rounding beside 1.
            a[k] = 1.0 - 2.0 / (1.0 + exp(2.0 * a[k]))
    elif kind == 2:
        for k in range(a.shape[0]):
            a[k] = 1.0 / (1.0 + exp(-a[k]))


def back_through(error, a, kind):
    """error *= the activation's derivative, from the activation itself."""
    if kind == 0:
        for k in range(error.shape[0]):
            error[k] = error[k] if a[k] > 0.0 else 0.0
    elif kind == 1:
        for k in range(error.shape[0]):
            error[k] *= 1.0 - a[k] * a[k]
    elif kind == 2:
        for k in range(error.shape[0]):
            error[k] *= a[k] * (1.0 - a[k])


def softmax_loss(scores, y):
    """The sum over rows of the cross-entropy; ``scores`` become the probabilities."""
    rows, classes = scores.shape
    loss = 0.0
    for i in range(rows):
        largest = scores[i, 0]
        for j in range(1, classes):
            largest = max(largest, scores[i, j])
        loss += largest - scores[i, int(y[i])]
        for j in range(classes):
            scores[i, j] -= largest
    flat = scores.reshape(rows * classes)
    for k in range(flat.shape[0]):  # one long loop: ten classes alone do not fill the vectors
        flat[k] = exp(flat[k])
    for i in range(rows):
        total = 0.0
        for j in range(classes):
            total += scores[i, j]
        loss += log(total)
        inverse = 1.0 / total
        for j in range(classes):
            scores[i, j] *= inverse
    return loss


def softmax_error(scores, y):
    """The mean cross-entropy of the rows; ``scores`` become its slope by them."""
    rows, classes = scores.shape
    loss = softmax_loss(scores, y)
    share = scores.dtype.type(1.0 / rows)
    for i in range(rows):
        scores[i, int(y[i])] -= 1.0
        for j in range(classes):
            scores[i, j] *= share
    return loss * share


def softmax_report(scores, y, out):
    """``out`` = the mean cross-entropy, and the share of rows whose largest score is the right one."""
    rows, classes = scores.shape
    right = 0.0
    for i in range(rows):
        top = 0
        for j in range(1, classes):
            top = j if scores[i, j] > scores[i, top] else top
        right += 1.0 if top == int(y[i]) else 0.0
    share = scores.dtype.type(1.0 / rows)
    out[0] = softmax_loss(scores, y) * share
    out[1] = right * share
