"""A small convolutional network on square images with softmax cross-entropy, one run at a time on BLAS."""

from math import isqrt, prod

import numpy as np

from optbench import OptbenchError, Problem, datasets, problem
from optbench.contract.architecture import activated, probabilities
from optbench.kit.layers import ACTIVATIONS, activate, add_bias, back_through, softmax_error, softmax_report, sum_rows
from optbench.kit.learning import data_fields
from optbench.kit.networks import HIDDEN, parameter_blocks, start_of

# ``layout`` is (activation's number, stride, classes, side of the images, channels of each layer from the images' 1
# on). Images of a batch are (rows, side, side, channels). ``work`` holds, layer by layer, the patches that the filters
# are laid over, (rows * side * side, 9 * channels before), and the activations; then the scores, then an error.


def image_side(layout, layer):
    """Return the side of the images that a layer sees; ``layout[layer]`` is the number of their channels."""
    side = layout[3]
    for _ in range(4, layer):
        side = (side - 1) // layout[1] + 1
    return side


def extract_patches(image, patches, side, channels, stride, back):
    """Write the 3 x 3 neighborhoods of every ``stride``-th pixel to patches, a row each, with zeros beyond the border.

    ``back``: write the slope by the image from that by the patches instead, which adds up what was copied.
    """
    small = (side - 1) // stride + 1
    rows = image.shape[0] // (side * side * channels)
    target = image if back else patches
    for k in range(target.shape[0]):
        target[k] = 0.0
    for i in range(rows):
        for row in range(small):
            for column in range(small):
                left, right = max(column * stride - 1, 0), min(column * stride + 2, side)
                for dy in range(max(1 - row * stride, 0), min(side + 1 - row * stride, 3)):
                    pixel = (i * side + row * stride + dy - 1) * side + left
                    place = (((i * small + row) * small + column) * 3 + dy) * 3 + left - column * stride + 1
                    pixel, place = pixel * channels, place * channels
                    if back:
                        for k in range((right - left) * channels):
                            image[pixel + k] += patches[place + k]
                    else:
                        for k in range((right - left) * channels):
                            patches[place + k] = image[pixel + k]


def forward(w, x, layout, work):
    """Fill ``work`` up to the scores, and return the index at which those begin."""
    rows, classes = x.shape[0], layout[2]
    at, place, before = 0, 0, x.reshape(x.shape[0] * x.shape[1])
    for layer in range(4, layout.shape[0] - 1):
        wide, tall = 9 * layout[layer], layout[layer + 1]
        pixels = rows * image_side(layout, layer + 1) ** 2
        laid = work[place : place + pixels * wide]
        extract_patches(before, laid, image_side(layout, layer), layout[layer], layout[1], False)
        place += pixels * wide
        before = work[place : place + pixels * tall]
        place += pixels * tall
        a = before.reshape(pixels, tall)
        np.dot(laid.reshape(pixels, wide), w[at : at + wide * tall].reshape(wide, tall), a)
        at += wide * tall
        add_bias_of_pixels(a, w[at : at + tall])
        at += tall
        activate(before, layout[0])
    wide = before.shape[0] // rows
    scores = work[place : place + rows * classes].reshape(classes, rows)
    np.dot(w[at : at + wide * classes].reshape(wide, classes).T, before.reshape(rows, wide).T, scores)
    add_bias(scores, w[at + wide * classes :])
    return place


def add_bias_of_pixels(a, bias):
    """Add the bias, (channels,), to every row of a, (pixels, channels)."""
    for i in range(a.shape[0]):
        for j in range(bias.shape[0]):
            a[i, j] += bias[j]


def sum_pixels(a, total):
    """Write the sums of the columns of a, (pixels, channels), to total, (channels,)."""
    for j in range(total.shape[0]):
        total[j] = 0.0
    pixels, first = a.shape[0], a.shape[0] % 4
    for i in range(first):
        for j in range(total.shape[0]):
            total[j] += a[i, j]
    for i in range(first, pixels, 4):  # four at a time: each sum in memory waits for the one before
        one, two, three, four = a[i], a[i + 1], a[i + 2], a[i + 3]
        for j in range(total.shape[0]):
            total[j] += (one[j] + two[j]) + (three[j] + four[j])


def value_and_gradient(w, g, x, y, layout, work):
    """Return the mean cross-entropy on a batch, and write its gradient to g, layer by layer from the last."""
    rows, classes = x.shape[0], layout[2]
    place = forward(w, x, layout, work)
    scores = work[place : place + rows * classes].reshape(classes, rows)
    room = work[place + rows * classes :]  # for the error of one layer at a time
    loss = softmax_error(scores, y, room)
    wide = image_side(layout, layout.shape[0] - 1) ** 2 * layout[-1]
    at = w.shape[0] - (wide + 1) * classes
    weights = w[at : at + wide * classes].reshape(wide, classes)
    before = work[place - rows * wide : place].reshape(rows, wide)
    np.dot(before.T, scores.T, g[at : at + wide * classes].reshape(wide, classes))
    sum_rows(scores, g[at + wide * classes :])
    np.dot(scores.T, weights.T, room[: rows * wide].reshape(rows, wide))
    for layer in range(layout.shape[0] - 2, 3, -1):
        wide, tall = 9 * layout[layer], layout[layer + 1]
        pixels = rows * image_side(layout, layer + 1) ** 2
        place -= pixels * tall
        back_through(room[: pixels * tall], work[place : place + pixels * tall], layout[0])
        error = room[: pixels * tall].reshape(pixels, tall)
        place -= pixels * wide
        laid = work[place : place + pixels * wide]
        at -= (wide + 1) * tall
        weights = w[at : at + wide * tall].reshape(wide, tall)
        np.dot(laid.reshape(pixels, wide).T, error, g[at : at + wide * tall].reshape(wide, tall))
        sum_pixels(error, g[at + wide * tall : at + (wide + 1) * tall])
        if layer > 4:  # the patches have served: their slopes take their place, and the error of the layer before room
            np.dot(error, weights.T, laid.reshape(pixels, wide))
            side = image_side(layout, layer)
            extract_patches(room[: rows * side * side * layout[layer]], laid, side, layout[layer], layout[1], True)
    return loss


def evaluate(w, out, x, y, layout, work):
    """Write the mean cross-entropy and the accuracy on the examples to out."""
    rows, classes = x.shape[0], layout[2]
    place = forward(w, x, layout, work)
    end = place + classes * rows
    out[0], out[1] = 0.0, 0.0
    softmax_report(work[place:end].reshape(classes, rows), y, work[end:], out)
    out[0], out[1] = out[0] / rows, out[1] / rows


@problem(
    source="LeCun et al. 1989 (strided convolutions, no pooling)",
    limits={"activation": HIDDEN, "channels": "[1, inf)", "stride": "[1, 2]"},
)
def convolution(data="digits", channels=(8, 16), stride=2, activation="tanh", initialization="xavier"):
    """Mean softmax cross-entropy of layers of 3 x 3 filters, zeros beyond the border, and a dense layer behind them.

    ``channels`` of each layer; each halves the images' side (``stride`` 2: 8, 4, 2 on digits) or keeps it (1). Filters
    are parameters (3 * 3 * channels before, channels), row by row of the patch, the dense layer's (pixels * channels,
    classes); biases (out,). ``data``: square images of one channel. ``activation`` and ``initialization`` as for
    ``mlp``. Metric: accuracy. Weights are shared by all pixels, so that gradients of filters are sums of many terms
    and those of the dense layer are not: scales differ. The loss is bounded below by 0.
    """
    if not channels:
        raise OptbenchError("problem convolution: channels=() must name at least one number")
    d = datasets.load_for("convolution", data, classes=True)
    side = isqrt(d.x.shape[1])
    if side * side != d.x.shape[1]:
        raise OptbenchError(f"problem convolution: data {data!r} has {d.x.shape[1]} features, which is no square image")
    sides = [side]
    for _ in channels:
        sides.append((sides[-1] - 1) // stride + 1)
    before = (1, *channels[:-1])
    shapes = [(9 * wide, tall) for wide, tall in zip(before, channels, strict=True)]
    # Numbers that one example takes: patches and activations, scores, the largest error.
    laid = sum(each**2 * (wide + tall) for each, (wide, tall) in zip(sides[1:], shapes, strict=True))
    largest = max(2, *(each**2 * tall for each, tall in zip(sides[1:], channels, strict=True)))  # two for the softmax
    rows = [(0, *shape, "linear") for shape in [*shapes, (sides[-1] ** 2 * channels[-1], d.classes)]]
    blocks = parameter_blocks(rows)
    return Problem(
        form="single",
        dim=sum(map(prod, blocks)),
        blocks=blocks,
        start=start_of("convolution", rows, initialization),
        value_and_gradient=value_and_gradient,
        minimum=0.0,
        minimum_source="lower bound",
        **data_fields(d),
        layout=(ACTIVATIONS.index(activation), stride, d.classes, side, 1, *channels),
        work=lambda rows, runs: rows * (laid + d.classes + largest),
        metrics=("accuracy",),
        evaluate=evaluate,
        draws_labels=1,
        predict=lambda w, x: predict(blocks, stride, activation, w, x),
    )


def predict(blocks, stride, activation, w, x):
    """Return the probabilities of the classes, (rows, classes), in NumPy; blocks: the shapes of the parameters."""
    ends = np.cumsum([prod(shape) for shape in blocks])[:-1]
    *filters, weights, bias = (part.reshape(shape) for part, shape in zip(np.split(w, ends), blocks, strict=True))
    side = isqrt(x.shape[1])
    a = np.reshape(x, (len(x), side, side, 1))
    for filter_, shift in zip(filters[::2], filters[1::2], strict=True):
        padded = np.pad(a, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
        a = activated(np.moveaxis(patches, 3, -1).reshape(*patches.shape[:3], -1) @ filter_ + shift, activation)
    return probabilities(a.reshape(len(x), -1) @ weights + bias)
