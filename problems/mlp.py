"""A multilayer perceptron with softmax cross-entropy: any depth and width, one run at a time on BLAS."""

from math import exp, log, tanh

import numpy as np

from optbench import OptbenchError, Problem, datasets, problem

ACTIVATIONS = ("relu", "tanh", "sigmoid")
INITIALIZATIONS = ("he", "xavier", "zero", "large")

# ``layout`` is (activation's number, sizes of all layers from the input to the classes); ``work`` holds the
# activations of every layer but the input, one behind the other, then room for two layers' errors, then room for
# the blocks of a product.

# Up to here OpenBLAS multiplies without packing the matrices first, where it knows AVX-512: 1.2 to 1.6 times as fast.
UNPACKED = 1_000_000
SHORTEST = 32  # narrower blocks would not pay


def product(a, b, out, layout, work):
    """out = a b, in blocks of a's columns."""
    rows, wide, tall = a.shape[0], a.shape[1], b.shape[1]
    step = block_width(rows, tall)
    if not SHORTEST <= step < wide:
        np.dot(a, b, out)
        return
    room = block_room(rows, layout, work)
    part = room[rows * step : rows * (step + tall)].reshape(rows, tall)
    for first in range(0, wide, step):
        last = min(first + step, wide)
        target = part if first > 0 else out
        np.dot(columns(a, first, last, room), b[first:last], target)
        if first > 0:
            for i in range(rows):
                total, share = out[i], part[i]
                for j in range(tall):
                    total[j] += share[j]


def product_transposed(a, b, out, layout, work):
    """out = a' b, in blocks of a's columns."""
    rows, wide, tall = a.shape[0], a.shape[1], b.shape[1]
    step = block_width(rows, tall)
    if not SHORTEST <= step < wide:
        np.dot(a.T, b, out)
        return
    room = block_room(rows, layout, work)
    for first in range(0, wide, step):
        last = min(first + step, wide)
        np.dot(columns(a, first, last, room).T, b, out[first:last])


def block_width(rows, tall):
    return UNPACKED // (rows * tall) // 8 * 8


def block_room(rows, layout, work):
    """The part of ``work`` behind the activations and the errors."""
    return work[rows * (layout[2:].sum() + 2 * max(layout[2:])) :]


def columns(a, first, last, room):
    """A copy of some columns, for BLAS takes whole arrays."""
    rows, wide = a.shape[0], last - first
    for i in range(rows):
        source, target = a[i][first:last], room[i * wide : (i + 1) * wide]
        for j in range(wide):
            target[j] = source[j]
    return room[: rows * wide].reshape(rows, wide)


def forward(w, x, layout, work):
    """Fill ``work`` with the layers' activations; the last are the scores. Returns where those start."""
    rows = x.shape[0]
    at, place, before = 0, 0, x
    for layer in range(1, layout.shape[0] - 1):
        wide, tall = layout[layer], layout[layer + 1]
        a = work[place : place + rows * tall].reshape(rows, tall)
        product(before, w[at : at + wide * tall].reshape(wide, tall), a, layout, work)
        at += wide * tall
        add_bias(a, w[at : at + tall])
        at += tall
        if layer < layout.shape[0] - 2:
            activate(work[place : place + rows * tall], layout[0])
            place += rows * tall
            before = a
    return place


def add_bias(a, bias):
    for i in range(a.shape[0]):
        for j in range(bias.shape[0]):
            a[i, j] += bias[j]


def activate(a, kind):
    if kind == 0:
        for k in range(a.shape[0]):
            a[k] = a[k] if a[k] > 0.0 else 0.0
    elif kind == 1:
        for k in range(a.shape[0]):
            a[k] = tanh(a[k])
    else:
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
    else:
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


def value_and_gradient(w, g, x, y, layout, work):
    rows, classes = x.shape[0], layout[-1]
    place = forward(w, x, layout, work)
    error = work[place : place + rows * classes].reshape(rows, classes)
    loss = softmax_loss(error, y)
    share = w.dtype.type(1.0 / rows)
    for i in range(rows):
        error[i, int(y[i])] -= 1.0
        for j in range(classes):
            error[i, j] *= share
    # Backward; the errors of the hidden layers take turns in two rooms behind the activations.
    at, end, turn = w.shape[0], place + rows * classes, 0
    for layer in range(layout.shape[0] - 2, 0, -1):
        wide, tall = layout[layer], layout[layer + 1]
        at -= wide * tall + tall
        slope = g[at : at + wide * tall].reshape(wide, tall)
        bias = g[at + wide * tall : at + wide * tall + tall]
        for j in range(tall):
            bias[j] = 0.0
        for i in range(rows):
            for j in range(tall):
                bias[j] += error[i, j]
        if layer == 1:
            product_transposed(x, error, slope, layout, work)
        else:
            place -= rows * wide
            a = work[place : place + rows * wide].reshape(rows, wide)
            product_transposed(a, error, slope, layout, work)
            room = end + turn * rows * max(layout[2:])
            behind = work[room : room + rows * wide].reshape(rows, wide)
            weights = w[at : at + wide * tall].reshape(wide, tall)
            np.dot(error, weights.T, behind)
            back_through(work[room : room + rows * wide], work[place : place + rows * wide], layout[0])
            error = behind
            turn = 1 - turn
    return loss * share


def evaluate(w, out, x, y, layout, work):
    rows, classes = x.shape[0], layout[-1]
    place = forward(w, x, layout, work)
    scores = work[place : place + rows * classes].reshape(rows, classes)
    right = 0.0
    for i in range(rows):
        top = 0
        for j in range(1, classes):
            top = j if scores[i, j] > scores[i, top] else top
        right += 1.0 if top == int(y[i]) else 0.0
    share = w.dtype.type(1.0 / rows)
    out[0] = softmax_loss(scores, y) * share
    out[1] = right * share


def scratch(rows, sizes):
    """How many numbers ``work`` must hold."""
    return rows * (sum(sizes[1:]) + 2 * max(sizes[1:]) + max(sizes[:-1]) + max(sizes[1:]))


@problem(source="Rumelhart, Hinton & Williams 1986; He et al. 2015, Glorot & Bengio 2010 (initialization)")
def mlp(data="digits", hidden=(32,), activation="relu", initialization="he"):
    """Mean softmax cross-entropy of a multilayer perceptron: ``hidden`` layers, a bias each, parameters (in, out).

    ``activation``: relu, tanh or sigmoid. ``initialization``: he (variance 2/in), xavier (2/(in + out)), zero, or
    large (standard deviation 1); biases start at 0. Metric: accuracy. The loss is bounded below by 0.
    """
    for value, valid, what in (
        (activation, ACTIVATIONS, "activation"),
        (initialization, INITIALIZATIONS, "initialization"),
    ):
        if value not in valid:
            raise OptbenchError(f"problem mlp: {what}={value!r} must be one of {', '.join(valid)}")
    if not all(isinstance(width, int) and width > 0 for width in hidden):
        raise OptbenchError(f"problem mlp: hidden={hidden!r} must be a tuple of positive widths")
    d = datasets.load_for("mlp", data, classes=True)
    sizes = (d.x.shape[1], *hidden, d.classes)
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    scale = {
        "he": lambda wide, tall: np.sqrt(2 / wide),
        "xavier": lambda wide, tall: np.sqrt(2 / (wide + tall)),
        "zero": lambda wide, tall: 0.0,
        "large": lambda wide, tall: 1.0,
    }[initialization]

    def start(rng):
        parts = [(scale(wide, tall) * rng.standard_normal(wide * tall), np.zeros(tall)) for wide, tall in pairs]
        return np.concatenate([block for part in parts for block in part])

    return Problem(
        form="single",
        dim=sum((wide + 1) * tall for wide, tall in pairs),
        value_and_gradient=value_and_gradient,
        start=start,
        minimum=0.0,
        minimum_source="lower bound",
        blocks=tuple(block for wide, tall in pairs for block in ((wide, tall), (tall,))),
        data=(d.x, d.y),
        test=(d.x_test, d.y_test),
        layout=(ACTIVATIONS.index(activation), *sizes),
        work=lambda rows, runs: scratch(rows, sizes),
        metrics=("accuracy",),
        evaluate=evaluate,
    )
