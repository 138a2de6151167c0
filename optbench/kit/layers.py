"""Layers of networks for the kernels of problems of single form: one run, a batch of rows at a time, on BLAS.

A stack of dense layers is described by ``layout``: for each layer the number of its activation in ``ACTIVATIONS``, plus
``BARE`` where it has no bias; then the sizes of all layers from the input to the output. Its parameters are, layer by
layer, the weights (in, out) and the bias (out,). ``work`` holds the activations of every layer but the input, one
behind the other, then room for two layers' errors, then room for the copies of products: ``scratch`` numbers.

These are plain functions that the engine compiles together with the kernel that calls them.
"""

from math import exp, log

from optbench.kit.products import product, product_back, product_transposed, products_room

ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear")
BARE = len(ACTIVATIONS)

# One logarithm serves for the sums of many rows of a softmax, until their product is larger than this: times one more
# sum, which is at most the number of classes, it is still within float32.
PRODUCT = 1e20


def forward(w, x, layout, work):
    """Fill ``work`` with the layers' activations. Returns where the last layer's start."""
    rows, layers = x.shape[0], layout.shape[0] // 2
    offset, place, before = 0, 0, x
    for layer in range(layers):
        inputs, outputs = layout[layers + layer], layout[layers + layer + 1]
        a = work[place : place + rows * outputs].reshape(rows, outputs)
        product(before, w[offset : offset + inputs * outputs].reshape(inputs, outputs), a)
        offset += inputs * outputs
        if layout[layer] == 0:
            add_bias_relu(a, w[offset : offset + outputs])
            offset += outputs
        else:
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
    copies = work[products_place(rows, layout) :]
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
            product_transposed(x, error, slope, copies)
        else:
            place -= rows * inputs
            a = work[place : place + rows * inputs].reshape(rows, inputs)
            product_transposed(a, error, slope, copies)
            room = end + turn * rows * widest(layout)
            behind = work[room : room + rows * inputs].reshape(rows, inputs)
            weights = w[offset : offset + inputs * outputs].reshape(inputs, outputs)
            product_back(error, weights, behind, copies)
            back_through(
                work[room : room + rows * inputs], work[place : place + rows * inputs], layout[layer - 1] % BARE
            )
            error = behind
            turn = 1 - turn


def scratch(rows, sizes):
    """How many numbers ``work`` must hold for layers of these sizes, the input's first."""
    return rows * (sum(sizes[1:]) + 2 * max(sizes[1:])) + products_room(rows, sizes)


def products_place(rows, layout):
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


def add_bias(a, bias):
    for i in range(a.shape[0]):
        for j in range(bias.shape[0]):
            a[i, j] += bias[j]


def add_bias_relu(a, bias):
    for i in range(a.shape[0]):
        row = a[i]
        for j in range(bias.shape[0]):
            biased = row[j] + bias[j]
            row[j] = 0.0 if biased < 0.0 else biased


def sum_rows(a, total):
    for j in range(total.shape[0]):
        total[j] = 0.0
    rows, first = a.shape[0], a.shape[0] % 4
    for i in range(first):
        for j in range(total.shape[0]):
            total[j] += a[i, j]
    for i in range(first, rows, 4):  # four at a time: each sum in memory waits for the one before
        one, two, three, four = a[i], a[i + 1], a[i + 2], a[i + 3]
        for j in range(total.shape[0]):
            total[j] += (one[j] + two[j]) + (three[j] + four[j])


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


def softmax_error(scores, y):
    """The mean cross-entropy of the rows; ``scores`` become its slope by them."""
    rows, classes = scores.shape
    loss, sums, share = 0.0, 1.0, scores.dtype.type(1.0 / rows)
    for i in range(rows):
        largest = scores[i, 0]
        for j in range(1, classes):
            largest = max(largest, scores[i, j])
        loss += largest - scores[i, int(y[i])]
        for j in range(classes):
            scores[i, j] -= largest
    exponentials(scores.reshape(rows * classes))
    for i in range(rows):
        total = 0.0
        for j in range(classes):
            total += scores[i, j]
        sums *= total
        if sums > PRODUCT:
            loss += log(sums)
            sums = 1.0
        scale = share / total
        for j in range(classes):
            scores[i, j] *= scale
    for i in range(rows):  # once the rows are done: a store of one number holds up the wider load behind it
        scores[i, int(y[i])] -= share
    return (loss + log(sums)) * share


def softmax_report(scores, y, out):
    """``out`` = the mean cross-entropy, and the share of rows whose largest score is the right one."""
    rows, classes = scores.shape
    loss, right, sums, share = 0.0, 0.0, 1.0, scores.dtype.type(1.0 / rows)
    for i in range(rows):
        top, largest = 0, scores[i, 0]
        for j in range(1, classes):
            higher = scores[i, j] > largest
            top = j if higher else top
            largest = scores[i, j] if higher else largest
        right += 1.0 if top == int(y[i]) else 0.0
        loss += largest - scores[i, int(y[i])]
        for j in range(classes):
            scores[i, j] -= largest
    exponentials(scores.reshape(rows * classes))
    for i in range(rows):
        total = 0.0
        for j in range(classes):
            total += scores[i, j]
        sums *= total
        if sums > PRODUCT:
            loss += log(sums)
            sums = 1.0
    out[0] = (loss + log(sums)) * share
    out[1] = right * share


def exponentials(a):
    for k in range(a.shape[0]):  # one long loop: ten classes alone do not fill the vectors
        a[k] = exp(a[k])
