"""Products of matrices for the kernels of networks, in the pieces that BLAS takes quickest.

``room`` is scratch: as much as ``products_room`` says.
"""

import numpy as np

# Up to here OpenBLAS multiplies without packing the matrices first, where it knows AVX-512: 1.2 to 1.6 times as fast.
UNPACKED = 1_000_000
EIGHT = 8  # the rows or columns of a piece come in eights, as in BLAS's own blocks
SMALL = 8_192  # weights of a layer up to which a copy costs less than it saves


def product(a, b, out):
    """out = a b, in pieces of rows."""
    rows = a.shape[0]
    step = piece(rows, b.shape[0] * b.shape[1])
    for first in range(0, rows, step):
        last = min(first + step, rows)
        np.dot(a[first:last], b, out[first:last])


def product_transposed(a, b, out, room):
    """out = a' b: the sum over pieces of rows, or in pieces of a's columns."""
    rows, inputs, outputs = a.shape[0], a.shape[1], b.shape[1]
    step, width = piece(rows, inputs * outputs), piece(inputs, rows * outputs)
    if step < rows and inputs * outputs <= SMALL:
        np.dot(a[:step].T, b[:step], out)
        part = room[: inputs * outputs].reshape(inputs, outputs)
        for first in range(step, rows, step):
            last = min(first + step, rows)
            np.dot(a[first:last].T, b[first:last], part)
            for i in range(inputs):
                total, share = out[i], part[i]
                for j in range(outputs):
                    total[j] += share[j]
    elif width < inputs:
        for first in range(0, inputs, width):
            last = min(first + width, inputs)
            copied = room[: rows * (last - first)].reshape(rows, last - first)
            copy_columns(a, first, last, copied)
            np.dot(copied.T, b, out[first:last])
    else:
        np.dot(a.T, b, out)


def product_back(a, b, out, room):
    """out = a b'."""
    inputs, outputs = b.shape
    if inputs * outputs > SMALL:
        np.dot(a, b.T, out)
        return
    turned = room[: inputs * outputs].reshape(outputs, inputs)
    for j in range(outputs):
        target = turned[j]
        for i in range(inputs):
            target[i] = b[i, j]
    product(a, turned, out)


def products_room(rows, sizes):
    """How many numbers of scratch the products of layers of these sizes take, the input's first."""
    weights = [inputs * outputs for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True)]
    return max(rows * max(sizes[:-1]), *(count for count in [0, *weights] if count <= SMALL))


def piece(count, others):
    """How many of ``count`` rows or columns go into a piece, where each is multiplied with so many other numbers."""
    most = UNPACKED // others // EIGHT
    if most == 0 or count * others <= UNPACKED:
        return count
    pieces = -(-count // (EIGHT * most))
    return EIGHT * -(-count // (EIGHT * pieces))


def copy_columns(a, first, last, out):
    """Some columns of a as an array of their own, for BLAS takes whole arrays."""
    for i in range(a.shape[0]):
        source, target = a[i][first:last], out[i]
        for j in range(last - first):
            target[j] = source[j]
