"""Matrix products for the kernels of networks, in pieces of the size for which BLAS is fastest.

In kernels ``np.matmul(a, b, out)`` calls BLAS on matrices with one contiguous axis: unlike np.dot it takes a slice of
an array's columns without a copy.
"""

import sys

import numpy as np
from threadpoolctl import threadpool_info

_AVX512 = {"SkylakeX", "Cooperlake", "SapphireRapids"}
"""OpenBLAS's names of the processors with AVX-512, on which it does not pack small matrices first."""
# Multiplications of a product up to which it does not. On other processors no product is divided: each piece would
# pack the undivided matrix again. Measured, 64 x 784 x 64 as one product, and 16 columns at a time, GFLOP/s: with
# AVX-512 44 and 87 in float64, 94 and 173 in float32; without (OPENBLAS_CORETYPE=Haswell) 27 and 17, 39 and 32.
UNPACKED = 1_000_000 if any(each.get("architecture") in _AVX512 for each in threadpool_info()) else sys.maxsize
# Rows or columns of a piece: as many float64 as an AVX-512 register holds, so that pieces leave no rest. Measured, 64
# x 32 slopes over 1,438 examples, whole, 16 and 8 columns at a time: 36, 26, 86 GFLOP/s in float64, 77, 53, 174 in
# float32.
EIGHT = 8
# Numbers of a product a b' up to which it is left to OpenBLAS; beyond, b is transposed by a copy first. Measured over
# 64 examples, GFLOP/s of a b' and of a b in float64: 32 x 10: 50, 50; 32 x 32: 49, 80; 32 x 64: 42, 78; 128 x 128: 56,
# 84.
SMALL = 1_024


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write the product a b into ``out``, in pieces of columns, or of rows where columns cannot be divided."""
    rows, columns, inner = a.shape[0], b.shape[1], a.shape[1]
    height, width = rows, columns
    if rows * columns * inner > UNPACKED:
        width = piece(columns, rows * inner)
        if width == columns:
            height = piece(rows, columns * inner)
    for top in range(0, rows, height):
        for first in range(0, columns, width):
            bottom, last = min(top + height, rows), min(first + width, columns)
            np.matmul(a[top:bottom], b[:, first:last], out[top:bottom, first:last])


def product_with_transposed(a: np.ndarray, b: np.ndarray, out: np.ndarray, room: np.ndarray) -> None:
    """Write the product of a with the transposed b into ``out``. ``room``: scratch, as large as b."""
    if a.shape[0] * b.shape[0] <= SMALL:
        product(a, b.T, out)
        return
    turned = room[: b.shape[0] * b.shape[1]].reshape(b.shape[1], b.shape[0])
    transpose(b, turned)
    product(a, turned, out)


def transpose(a: np.ndarray, out: np.ndarray) -> None:
    """Write the transposed a into ``out``, eight rows at a time: more rows, a power of 2 apart, share cache lines."""
    rows, columns = a.shape
    whole = rows - rows % EIGHT
    for first in range(0, whole, EIGHT):
        for j in range(columns):
            target = out[j]
            for i in range(first, first + EIGHT):
                target[i] = a[i, j]
    for j in range(columns):
        for i in range(whole, rows):
            out[j, i] = a[i, j]


def piece(count: int, others: int) -> int:
    """Return how many of ``count`` rows or columns to multiply at a time, where each has ``others`` numbers."""
    most = UNPACKED // others // EIGHT
    if most == 0:
        return count
    pieces = -(-count // (EIGHT * most))
    return EIGHT * -(-count // (EIGHT * pieces))
