"""Layers of networks for the kernels of problems of single form: one run, a batch of rows at a time, on BLAS.

A network is described by ``layout``: for each layer the number of its activation in ``ACTIVATIONS`` plus ``BARE`` times
its kind, which is 0 for a dense layer, 1 for one without bias, ``NORM`` for a normalization, and ``NORM + k`` for a
residual connection, which adds the activations before the last k layers; then the sizes of all layers from the input to
the output. Its parameters are, layer by layer, the weights (in, out) and the bias (out,), or the gains and the shifts
(units,) of a normalization. ``work`` holds the activations of every layer but the input, one behind the other, then
room for two layers' errors: ``scratch`` numbers. Activations and errors are (units, rows), so that vectors of examples
are full however few units a layer has.

These are plain functions that the engine compiles together with the kernel that calls them.
"""

from collections.abc import Sequence
from math import exp, log, sqrt

import numpy as np

from optbench.kit.products import product, product_with_transposed

ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear")
BARE = len(ACTIVATIONS)
LINEAR = ACTIVATIONS.index("linear")
NORM = 2
COMPOSED = False
"""True in the kernels of networks that are not of dense layers alone (networks.py), which take longer to compile."""
EPSILON = 1e-5
"""What is added to the variance before its root: PyTorch's default."""

# One logarithm serves for the sums of many rows of a softmax: of products up to FOLDED, vectors of them at a time, then
# one by one until their product is larger than PRODUCT. The two multiplied are still within float32.
FOLDED = 1e18
# Product of such products: from here on it is made a logarithm. A logarithm a row took 0.3 us of a step of 64 rows
PRODUCT = 1e20
# Examples of an evaluation: their activations stay in the L1 cache. Measured, MLP 64-32-10, us of 1,438 examples at
# 32, 64, 128, 256, 512: float64 113, 110, 110, 113, 115, float32 63, 57, 55, 55, 60
TOGETHER = 128


def forward(w: np.ndarray, x: np.ndarray, layout: np.ndarray, work: np.ndarray) -> int:
    """Write the activations of all layers into ``work``; return the index in it where those of the last layer begin.

    w: (dim,) weights; x: (rows, features); layout: the code of each layer, then the sizes from the input's on.
    """
    rows, layers = x.shape[0], layout.shape[0] // 2
    offset, place, before = 0, 0, x.T
    for layer in range(layers):
        inputs, outputs, kind = layout[layers + layer], layout[layers + layer + 1], layout[layer] // BARE
        flat = work[place : place + outputs * rows]
        a = flat.reshape(outputs, rows)
        if kind < NORM:
            product(w[offset : offset + inputs * outputs].reshape(inputs, outputs).T, before, a)
            offset += inputs * outputs
        if layout[layer] == 0:
            add_bias_relu(a, w[offset : offset + outputs])
            offset += outputs
        else:
            if kind == 0:
                add_bias(a, w[offset : offset + outputs])
                offset += outputs
            if COMPOSED:
                made = work[place - inputs * rows : place]
                if kind == NORM:
                    normalize(made.reshape(inputs, rows), w[offset : offset + 2 * outputs].reshape(2, outputs), a)
                    offset += 2 * outputs
                elif kind > NORM:
                    first = place_of(layer - 1 - (kind - NORM), layout, rows)
                    add(made, work[first : first + outputs * rows], flat)
            activate(flat, layout[layer] % BARE)
        if layer < layers - 1:
            place += outputs * rows
            before = a
    return place


def backward(w: np.ndarray, g: np.ndarray, x: np.ndarray, place: int, layout: np.ndarray, work: np.ndarray) -> None:
    """Write the gradient (dim,) into ``g``, after ``forward`` with the same arguments.

    The last layer's error, the gradient of the loss by the inputs of its activation, must be in ``work`` at ``place``,
    the index that ``forward`` returned, in place of the activations.
    """
    rows, count, layers = x.shape[0], layout[-1], layout.shape[0] // 2
    error = work[place : place + count * rows].reshape(count, rows)
    # The errors of the hidden layers take turns in two rooms behind the activations.
    offset, end, turn = w.shape[0], place + count * rows, 0
    for layer in range(layers - 1, -1, -1):
        inputs, outputs, kind = layout[layers + layer], layout[layers + layer + 1], layout[layer] // BARE
        if kind == 0:
            offset -= outputs
            sum_rows(error, g[offset : offset + outputs])
        if kind < NORM:
            offset -= inputs * outputs
        if layer == 0:
            product(x.T, error.T, g[offset : offset + inputs * outputs].reshape(inputs, outputs))
        else:
            place -= inputs * rows
            a = work[place : place + inputs * rows]
            room = work[end + turn * rows * widest(layout) :]
            behind = room[: inputs * rows].reshape(inputs, rows)
            if kind < NORM:
                slope = g[offset : offset + inputs * outputs].reshape(inputs, outputs)
                product_with_transposed(a.reshape(inputs, rows), error, slope, room)
                product(w[offset : offset + inputs * outputs].reshape(inputs, outputs), error, behind)
            if COMPOSED:
                if kind == NORM:
                    offset -= 2 * outputs
                    slopes = g[offset : offset + 2 * outputs].reshape(2, outputs)
                    denormalize(a.reshape(inputs, rows), w[offset : offset + outputs], error, slopes, behind)
                elif kind > NORM:  # kept in place of the sum for the other layer that was added
                    kept = work[place + inputs * rows : place + 2 * inputs * rows]
                    for k in range(inputs * rows):
                        kept[k] = error[k // rows, k % rows]
                        room[k] = kept[k]
                for later in range(layer + 1, layers):
                    if layout[later] // BARE - NORM == later - layer:
                        first = place_of(later, layout, rows)
                        add(room[: inputs * rows], work[first : first + inputs * rows], room[: inputs * rows])
            back_through(room[: inputs * rows], a, layout[layer - 1] % BARE)
            error = behind
            turn = 1 - turn


def scratch(rows: int, sizes: Sequence[int]) -> int:
    """Return the size of ``work``, in numbers, for ``rows`` examples and layers of these sizes, the input's first."""
    return rows * (sum(sizes[1:]) + 2 * max(sizes[1:]))


def widest(layout: np.ndarray) -> int:
    """Return the number of units of the largest layer after the input; layout: as of forward."""
    first = layout.shape[0] // 2 + 1
    size = layout[first]
    for layer in range(first + 1, layout.shape[0]):
        size = max(size, layout[layer])
    return size


def add_bias(a: np.ndarray, bias: np.ndarray) -> None:
    """Add a layer's bias, (outputs,), to its sums, (outputs, rows)."""
    for j in range(bias.shape[0]):
        row, own = a[j], bias[j]
        for i in range(row.shape[0]):
            row[i] += own


def add_bias_relu(a: np.ndarray, bias: np.ndarray) -> None:
    """Add a layer's bias to its sums and apply ReLU, in one pass."""
    for j in range(bias.shape[0]):
        row, own = a[j], bias[j]
        for i in range(row.shape[0]):
            biased = row[i] + own
            row[i] = 0.0 if biased < 0.0 else biased


def sum_rows(a: np.ndarray, total: np.ndarray) -> None:
    """Write the sum of each row of ``a``, (units, rows), into ``total``, (units,)."""
    for j in range(total.shape[0]):
        row, own = a[j], 0.0
        for i in range(row.shape[0]):
            own += row[i]
        total[j] = own


def activate(a: np.ndarray, kind: int) -> None:
    """Apply an activation to the numbers ``a`` in place; kind: 0 ReLU, 1 tanh, 2 sigmoid, others none."""
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


def back_through(error: np.ndarray, a: np.ndarray, kind: int) -> None:
    """Multiply ``error`` by the derivative of the activation, computed from its output ``a``; kind as in activate."""
    if kind == 0:
        for k in range(error.shape[0]):
            error[k] = error[k] if a[k] > 0.0 else 0.0
    elif kind == 1:
        for k in range(error.shape[0]):
            error[k] *= 1.0 - a[k] * a[k]
    elif kind == 2:
        for k in range(error.shape[0]):
            error[k] *= a[k] * (1.0 - a[k])


def place_of(layer: int, layout: np.ndarray, rows: int) -> int:
    """Return the index in ``work`` where the activations of a layer, counted from 0, begin; rows: of the batch."""
    place, first = 0, layout.shape[0] // 2 + 1
    for before in range(layer):
        place += layout[first + before] * rows
    return place


def add(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write the sums of the numbers ``a`` and ``b`` into ``out``."""
    for k in range(out.shape[0]):
        out[k] = a[k] + b[k]


def mean_and_scale(a: np.ndarray, i: int) -> tuple[float, float]:
    """Return the mean of an example's activations and 1 / sqrt(their variance + EPSILON); ``a``: (units, rows)."""
    share, total, spread = a.dtype.type(1.0 / a.shape[0]), 0.0, 0.0
    for j in range(a.shape[0]):
        total += a[j, i]
    mean = total * share
    for j in range(a.shape[0]):
        spread += (a[j, i] - mean) * (a[j, i] - mean)
    return mean, 1.0 / sqrt(spread * share + EPSILON)


def normalize(a: np.ndarray, parameters: np.ndarray, out: np.ndarray) -> None:
    """Write each example's activations, brought to mean 0 and variance 1, times gains plus shifts into ``out``.

    parameters: (2, units), the gains and the shifts.
    """
    for i in range(out.shape[1]):
        mean, scale = mean_and_scale(a, i)
        for j in range(out.shape[0]):
            out[j, i] = parameters[0, j] * ((a[j, i] - mean) * scale) + parameters[1, j]


def denormalize(a: np.ndarray, gains: np.ndarray, error: np.ndarray, slopes: np.ndarray, behind: np.ndarray) -> None:
    """Write the gradient by the output of a normalization of ``a``, ``error``, as that by ``a`` into ``behind``.

    slopes: (2, units), where the gradient by gains and shifts is written.
    """
    share = a.dtype.type(1.0 / a.shape[0])
    for j in range(a.shape[0]):
        slopes[0, j], slopes[1, j] = 0.0, 0.0
    for i in range(a.shape[1]):
        mean, scale = mean_and_scale(a, i)
        total, along = 0.0, 0.0
        for j in range(a.shape[0]):
            normal = (a[j, i] - mean) * scale
            slopes[0, j] += error[j, i] * normal
            slopes[1, j] += error[j, i]
            total += gains[j] * error[j, i]
            along += gains[j] * error[j, i] * normal
        for j in range(a.shape[0]):
            normal = (a[j, i] - mean) * scale
            behind[j, i] = scale * (gains[j] * error[j, i] - share * (total + normal * along))


def softmax_error(scores: np.ndarray, y: np.ndarray, room: np.ndarray) -> float:
    """Return the mean cross-entropy of the examples; its gradient by ``scores``, (classes, rows), replaces these.

    If ``y`` is negative, labels are drawn. ``room``: scratch, two numbers for each example.
    """
    classes, rows = scores.shape
    scale, total, share = room[:rows], room[rows : 2 * rows], scores.dtype.type(1.0 / rows)
    loss, _ = exponentials(scores, y, scale, total)
    for i in range(rows):
        scale[i] = share / total[i]
    for c in range(classes):
        row = scores[c]
        for i in range(rows):
            row[i] *= scale[i]
    if y[0] < 0.0:
        for i in range(rows):
            scores[drawn_class(scores[:, i], -share * y[i]), i] -= share
    else:
        for i in range(rows):
            scores[int(y[i]), i] -= share
    return (loss + log_of_product(total, float(classes))) * share


def drawn_class(shares: np.ndarray, reach: float) -> int:
    """Return the first class up to which ``shares``, (classes,), add up to ``reach``; the last one at the latest."""
    total, last = 0.0, shares.shape[0] - 1
    for c in range(last):
        total += shares[c]
        if total >= reach:
            return c
    return last


def softmax_report(scores: np.ndarray, y: np.ndarray, room: np.ndarray, out: np.ndarray) -> None:
    """Add to ``out`` the sum of the examples' cross-entropies and the number of correctly classified examples.

    Of equal largest scores the first counts. ``scores`` are overwritten; ``room`` as for softmax_error.
    """
    classes, rows = scores.shape
    total = room[rows : 2 * rows]
    loss, right = exponentials(scores, y, room[:rows], total)
    out[0] += loss + log_of_product(total, float(classes))
    out[1] += right


def exponentials(scores: np.ndarray, y: np.ndarray, top: np.ndarray, total: np.ndarray) -> tuple[float, float]:
    """Replace ``scores`` by e^(score - the example's largest), and write the sum over classes into ``total``.

    Returns the sum over examples of the largest score minus that of the true class, and the number of examples where
    the true class has the largest score. ``top``: scratch, the largest score of each example.
    """
    classes, rows = scores.shape
    row, best = scores[0], total  # the number of the class with the largest score, until the sums are needed
    for i in range(rows):
        top[i], best[i] = row[i], 0.0
    label = 0.0
    for c in range(1, classes):
        row = scores[c]
        label += 1.0
        for i in range(rows):  # all of it read before anything is written, so that it is no branch
            score, highest, leader = row[i], top[i], best[i]
            best[i] = label if score > highest else leader
            top[i] = score if score > highest else highest
    missing, right = 0.0, 0.0
    for i in range(rows):
        right += 1.0 if best[i] == y[i] else 0.0
        missing += top[i] - scores[int(y[i]), i]
    for i in range(rows):
        total[i] = 0.0
    for c in range(classes):
        row = scores[c]
        for i in range(rows):
            row[i] = exp(row[i] - top[i])
            total[i] += row[i]
    return missing, right


def log_of_product(a: np.ndarray, most: float) -> float:
    """Return the logarithm of the product of the numbers ``a``, each from 1 to ``most``; they are overwritten."""
    count, most = a.shape[0], most * most
    while count > 3 and most * most < FOLDED:  # a quarter is multiplied with the others, so that vectors are full
        quarter = count // 4
        end = count - 3 * quarter
        p, q, s, t = a[:quarter], a[end : end + quarter], a[end + quarter : count - quarter], a[count - quarter : count]
        for i in range(quarter):
            p[i] *= q[i] * (s[i] * t[i])
        count, most = end, most * most * most * most
    result, product = 0.0, 1.0
    for i in range(count):
        product *= a[i]
        if product > PRODUCT:
            result += log(product)
            product = 1.0
    return result + log(product)


# The losses of networks. ``x``: (rows, features); ``y``: (rows,). Where the target of an example has several numbers,
# they follow the features in ``x``, and ``work`` begins with room for a copy of the features.


def cross_entropy(
    w: np.ndarray, g: np.ndarray, x: np.ndarray, y: np.ndarray, layout: np.ndarray, work: np.ndarray
) -> float:
    """Return the mean softmax cross-entropy over the rows, and write the gradient into ``g``.

    ``y``: true classes; ``layout``: as of forward; ``work``: scratch for activations and errors.
    """
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


def cross_entropy_report(
    w: np.ndarray, out: np.ndarray, x: np.ndarray, y: np.ndarray, layout: np.ndarray, work: np.ndarray
) -> None:
    """Write the mean softmax cross-entropy of the last layer into ``out[0]``, and the accuracy into ``out[1]``."""
    rows, classes = x.shape[0], layout[-1]
    out[0], out[1] = 0.0, 0.0
    for first in range(0, rows, TOGETHER):
        last = min(first + TOGETHER, rows)
        place = forward(w, x[first:last], layout, work)
        end = place + classes * (last - first)
        softmax_report(work[place:end].reshape(classes, last - first), y[first:last], work[end:], out)
    out[0], out[1] = out[0] / rows, out[1] / rows


def squared_error(
    w: np.ndarray, g: np.ndarray, x: np.ndarray, y: np.ndarray, layout: np.ndarray, work: np.ndarray
) -> float:
    """Return the squared error, averaged over rows and outputs (no factor 1/2), and write the gradient into ``g``.

    Targets: ``y`` for one output; for several, the columns of ``x`` behind the features, and ``y`` is not read.
    """
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


def squared_error_report(
    w: np.ndarray, out: np.ndarray, x: np.ndarray, y: np.ndarray, layout: np.ndarray, work: np.ndarray
) -> None:
    """Write the mean squared error over rows and outputs into ``out[0]``; targets as in squared_error."""
    rows, outputs, inputs = x.shape[0], layout[-1], layout[layout.shape[0] // 2]
    room, first = work, x
    if outputs > 1:
        first = work[: rows * inputs].reshape(rows, inputs)
        copy_features(x, first)
        room = work[rows * inputs :]
    place = forward(w, first, layout, room)
    out[0] = squares(room[place : place + rows * outputs].reshape(outputs, rows), x, y, inputs)


def copy_features(x: np.ndarray, out: np.ndarray) -> None:
    """Copy the features in the rows of ``x``, without the targets that follow them, into ``out``."""
    for i in range(out.shape[0]):
        source, target = x[i], out[i]
        for j in range(out.shape[1]):
            target[j] = source[j]


def squares(made: np.ndarray, x: np.ndarray, y: np.ndarray, inputs: int) -> float:
    """Return the mean squared error of the outputs ``made``, (outputs, rows); its gradient by them replaces them.

    x, y: as in squared_error; inputs: the number of features in ``x``, where its targets begin.
    """
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
