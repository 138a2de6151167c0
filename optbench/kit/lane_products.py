"""Matrix products for kernels in lanes form, whose right side has a column for each run.

Plain functions that the engine compiles together with the kernel that calls them.
"""

import numpy as np


def product(a, b, out):
    """out = a b, (rows, runs). For a single run row by row: BLAS's product of matrices takes three times as long."""
    if b.shape[1] > 1:
        np.dot(a, b, out)
        return
    column, result = b.reshape(b.shape[0]), out.reshape(out.shape[0])
    for i in range(a.shape[0]):
        row, total = a[i], 0.0
        for j in range(row.shape[0]):
            total += row[j] * column[j]
        result[i] = total


def product_of_transposed(a, b, out):
    """out = a' b, (columns of a, runs)."""
    if b.shape[1] > 1:
        np.dot(a.T, b, out)
        return
    column, result = b.reshape(b.shape[0]), out.reshape(out.shape[0])
    for j in range(result.shape[0]):
        result[j] = 0.0
    for i in range(a.shape[0]):
        row, factor = a[i], column[i]
        for j in range(row.shape[0]):
            result[j] += factor * row[j]
