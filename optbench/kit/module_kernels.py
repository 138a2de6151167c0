"""Losses of a stack of dense layers of any activations: the kernels of networks that were built elsewhere.

``layout`` and ``work`` are those of layers.py. Where the target of an example has several numbers, they follow the
features in ``x``, and ``work`` begins with room for a copy of the features.
"""

from math import prod

from optbench.kit.layers import (
    ACTIVATIONS,
    BARE,
    back_through,
    backward,
    cross_entropy_report,
    forward,
    scratch,
    softmax_error,
)

LINEAR = ACTIVATIONS.index("linear")


def cross_entropy(w, g, x, y, layout, work):
    """Return the mean softmax cross-entropy of the last layer over the rows, and write the gradient into ``g``."""
    rows, classes = x.shape[0], layout[-1]
    place = forward(w, x, layout, work)
    end = place + classes * rows
    flat = work[place:end]
    last = layout[layout.shape[0] // 2 - 1] % BARE
    if last == LINEAR:
        loss = softmax_error(flat.reshape(classes, rows), y, work[end:])
    else:  # the softmax is taken in place, and the activation is needed for its slope
        kept = work[work.shape[0] - rows * classes :]
        for k in range(rows * classes):
            kept[k] = flat[k]
        loss = softmax_error(flat.reshape(classes, rows), y, work[end:])
        back_through(flat, kept, last)
    backward(w, g, x, place, layout, work)
    return loss


def squared_error(w, g, x, y, layout, work):
    """Return the mean squared error over rows and outputs, and write the gradient into ``g``."""
    rows, outputs, inputs = x.shape[0], layout[-1], layout[layout.shape[0] // 2]
    room, first = work, x
    if outputs > 1:
        first = work[: rows * inputs].reshape(rows, inputs)
        copy_features(x, first)
        room = work[rows * inputs :]
    place = forward(w, first, layout, room)
    flat = room[place : place + rows * outputs]
    last = layout[layout.shape[0] // 2 - 1] % BARE
    kept = room[room.shape[0] - rows * outputs :]
    if last != LINEAR:
        for k in range(rows * outputs):
            kept[k] = flat[k]
    loss = squares(flat.reshape(outputs, rows), x, y, inputs)
    if last != LINEAR:
        back_through(flat, kept, last)
    backward(w, g, first, place, layout, room)
    return loss


def squared_error_report(w, out, x, y, layout, work):
    """Write the mean squared error over rows and outputs into ``out``."""
    rows, outputs, inputs = x.shape[0], layout[-1], layout[layout.shape[0] // 2]
    room, first = work, x
    if outputs > 1:
        first = work[: rows * inputs].reshape(rows, inputs)
        copy_features(x, first)
        room = work[rows * inputs :]
    place = forward(w, first, layout, room)
    out[0] = squares(room[place : place + rows * outputs].reshape(outputs, rows), x, y, inputs)


def copy_features(x, out):
    """Copy the features in the rows of ``x``, without the targets that follow them, into ``out``."""
    for i in range(out.shape[0]):
        source, target = x[i], out[i]
        for j in range(out.shape[1]):
            target[j] = source[j]


def squares(made, x, y, inputs):
    """Return the mean squared error of the outputs ``made``, (outputs, rows); its gradient by them replaces them."""
    outputs, rows = made.shape
    share = made.dtype.type(1.0 / (rows * outputs))
    loss = 0.0
    for j in range(outputs):
        row, part = made[j], 0.0  # a sum an output, and one of those: in float32 a single long sum would lose digits
        for i in range(rows):
            target = y[i] if outputs == 1 else x[i, inputs + j]
            difference = row[i] - target
            part += difference * difference
            row[i] = 2.0 * share * difference
        loss += part
    return loss * share


KERNELS = {"cross_entropy": (cross_entropy, cross_entropy_report), "mse": (squared_error, squared_error_report)}
"""The functions value_and_gradient and evaluate of each loss."""


def stack(loss: str, layers: list[tuple[int, int, bool, str]]) -> dict:
    """Return the keywords of a problem's record for a stack of layers, without start and data.

    ``layers``: for each layer the numbers of inputs and outputs, whether it has a bias, and its activation.
    """
    sizes = (layers[0][0], *(outputs for _, outputs, _, _ in layers))
    kinds = [ACTIVATIONS.index(activation) + (0 if bias else BARE) for _, _, bias, activation in layers]
    blocks = tuple(block for wide, tall, bias, _ in layers for block in ((wide, tall), (tall,))[: 2 if bias else 1])
    kernel, report = KERNELS[loss]
    packed = sizes[0] if loss == "mse" and sizes[-1] > 1 else 0
    return {
        "form": "single",
        "dim": sum(map(prod, blocks)),
        "blocks": blocks,
        "layout": (*kinds, *sizes),
        "work": lambda rows, runs: scratch(rows, sizes) + rows * (packed + sizes[-1]),
        "value_and_gradient": kernel,
        "evaluate": report,
        "metrics": ("accuracy",) if loss == "cross_entropy" else (),
    }
