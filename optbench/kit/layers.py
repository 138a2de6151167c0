"""Layers of networks for the kernels of problems of single form: one run, a batch of rows at a time, on BLAS.

A stack of dense layers is described by ``layout``: for each layer the number of its activation in ``ACTIVATIONS``, plus
``BARE`` where it has no bias; then the sizes of all layers from the input to the output. Its parameters are, layer by
layer, the weights (in, out) and the bias (out,). ``work`` holds the activations of every layer but the input, one
behind the other, then room for two layers' errors: ``scratch`` numbers. Activations and errors are (units, rows), so
that vectors of examples are full however few units a layer has.

These are plain functions that the engine compiles together with the kernel that calls them.
"""

from math import exp, log

from optbench.kit.products import product, product_turned

ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear")
BARE = len(ACTIVATIONS)

# One logarithm serves for the sums of many rows of a softmax: of products up to FOLDED, vectors of them at a time, then
# one by one until their product is larger than PRODUCT. The two multiplied are still within float32.
FOLDED = 1e18
# Product of such products: from here on it is made a logarithm. A logarithm a row took 0.3 us of a step of 64 rows
PRODUCT = 1e20
# Examples of an evaluation: their activations stay in the L1 cache. Measured, MLP 64-32-10, us of 1,438 examples at
# 32, 64, 128, 256, 512: float64 113, 110, 110, 113, 115, float32 63, 57, 55, 55, 60
TOGETHER = 128


def forward(w, x, layout, work):
    """Write the activations of all layers into ``work``; return the index in it where those of the last layer begin."""
    rows, layers = x.shape[0], layout.shape[0] // 2
    offset, place, before = 0, 0, x.T
    for layer in range(layers):
        inputs, outputs = layout[layers + layer], layout[layers + layer + 1]
        flat = work[place : place + outputs * rows]
        a = flat.reshape(outputs, rows)
        product(w[offset : offset + inputs * outputs].reshape(inputs, outputs).T, before, a)
        offset += inputs * outputs
        if layout[layer] == 0:
            add_bias_relu(a, w[offset : offset + outputs])
            offset += outputs
        else:
            if layout[layer] < BARE:
                add_bias(a, w[offset : offset + outputs])
                offset += outputs
            activate(flat, layout[layer] % BARE)
        if layer < layers - 1:
            place += outputs * rows
            before = a
    return place


def backward(w, g, x, place, layout, work):
    """Write the gradient into ``g``, after ``forward``.

    The last layer's error, the gradient of the loss by the inputs of its activation, must be in ``work`` at ``place``
    in place of the activations.
    """
    rows, count, layers = x.shape[0], layout[-1], layout.shape[0] // 2
    error = work[place : place + count * rows].reshape(count, rows)
    # The errors of the hidden layers take turns in two rooms behind the activations.
    offset, end, turn = w.shape[0], place + count * rows, 0
    for layer in range(layers - 1, -1, -1):
        inputs, outputs = layout[layers + layer], layout[layers + layer + 1]
        if layout[layer] < BARE:
            offset -= outputs
            sum_rows(error, g[offset : offset + outputs])
        offset -= inputs * outputs
        slope = g[offset : offset + inputs * outputs].reshape(inputs, outputs)
        if layer == 0:
            product(x.T, error.T, slope)
        else:
            place -= inputs * rows
            a = work[place : place + inputs * rows]
            room = work[end + turn * rows * widest(layout) :]
            product_turned(a.reshape(inputs, rows), error, slope, room)
            behind = room[: inputs * rows].reshape(inputs, rows)
            product(w[offset : offset + inputs * outputs].reshape(inputs, outputs), error, behind)
            back_through(room[: inputs * rows], a, layout[layer - 1] % BARE)
            error = behind
            turn = 1 - turn


def scratch(rows, sizes):
    """Return the size of ``work``, in numbers, for ``rows`` examples and layers of these sizes, the input's first."""
    return rows * (sum(sizes[1:]) + 2 * max(sizes[1:]))


def widest(layout):
    """Return the size of the largest layer after the input."""
    first = layout.shape[0] // 2 + 1
    size = layout[first]
    for layer in range(first + 1, layout.shape[0]):
        size = max(size, layout[layer])
    return size


def add_bias(a, bias):
    """Add a layer's bias, (outputs,), to its sums, (outputs, rows)."""
    for j in range(bias.shape[0]):
        row, own = a[j], bias[j]
        for i in range(row.shape[0]):
            row[i] += own


def add_bias_relu(a, bias):
    """Add a layer's bias to its sums and apply ReLU, in one pass."""
    for j in range(bias.shape[0]):
        row, own = a[j], bias[j]
        for i in range(row.shape[0]):
            biased = row[i] + own
            row[i] = 0.0 if biased < 0.0 else biased


def sum_rows(a, total):
    """Write the sum of each row of ``a`` into ``total``."""
    for j in range(total.shape[0]):
        row, own = a[j], 0.0
        for i in range(row.shape[0]):
            own += row[i]
        total[j] = own


def activate(a, kind):
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


def back_through(error, a, kind):
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


def softmax_error(scores, y, room):
    """Return the mean cross-entropy of the examples; its gradient by ``scores``, (classes, rows), replaces these.

    ``room``: scratch, two numbers for each example.
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
    for i in range(rows):
        scores[int(y[i]), i] -= share
    return (loss + log_of_product(total, float(classes))) * share


def softmax_report(scores, y, room, out):
    """Add to ``out`` the sum of the examples' cross-entropies and the number of correctly classified examples.

    Of equal largest scores the first counts. ``scores`` are overwritten; ``room`` as for softmax_error.
    """
    classes, rows = scores.shape
    total = room[rows : 2 * rows]
    loss, right = exponentials(scores, y, room[:rows], total)
    out[0] += loss + log_of_product(total, float(classes))
    out[1] += right


def cross_entropy_report(w, out, x, y, layout, work):
    """Write the mean softmax cross-entropy of the last layer and the accuracy into ``out``."""
    rows, classes = x.shape[0], layout[-1]
    out[0], out[1] = 0.0, 0.0
    for first in range(0, rows, TOGETHER):
        last = min(first + TOGETHER, rows)
        place = forward(w, x[first:last], layout, work)
        end = place + classes * (last - first)
        softmax_report(work[place:end].reshape(classes, last - first), y[first:last], work[end:], out)
    out[0], out[1] = out[0] / rows, out[1] / rows


def exponentials(scores, y, top, total):
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


def log_of_product(a, most):
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
