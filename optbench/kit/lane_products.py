"""Matrix products for kernels in lanes form, whose right side has a column for each run.

They are plain functions that the engine compiles together with the kernel that calls them. For a single run, loops take
a third of the time of BLAS's matrix product.
"""

import numpy as np


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write the product a b, (rows, runs), into out."""
    if b.shape[1] > 1:
        np.dot(a, b, out)
    else:
        multiply_by_vector(a, b.reshape(b.shape[0]), out.reshape(out.shape[0]))


def product_of_transposed(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write the product of the transposed a with b, (columns of a, runs), into out."""
    if b.shape[1] > 1:
        np.dot(a.T, b, out)
    else:
        multiply_transposed_by_vector(a, b.reshape(b.shape[0]), out.reshape(out.shape[0]))


def multiply_by_vector(a: np.ndarray, column: np.ndarray, result: np.ndarray) -> None:
    """Write the product of the matrix a with one vector, (columns of a,), into result, (rows,)."""
    whole = a.shape[0] - a.shape[0] % 4
    for i in range(0, whole, 4):  # four rows at a time share what they read, and do not wait for each other's sums
        p, q, s, t = a[i], a[i + 1], a[i + 2], a[i + 3]
        sum_p, sum_q, sum_s, sum_t = 0.0, 0.0, 0.0, 0.0
        for j in range(column.shape[0]):
            sum_p += p[j] * column[j]
            sum_q += q[j] * column[j]
            sum_s += s[j] * column[j]
            sum_t += t[j] * column[j]
        result[i], result[i + 1], result[i + 2], result[i + 3] = sum_p, sum_q, sum_s, sum_t
    for i in range(whole, a.shape[0]):
        row, total = a[i], 0.0
        for j in range(row.shape[0]):
            total += row[j] * column[j]
        result[i] = total


def multiply_transposed_by_vector(a: np.ndarray, column: np.ndarray, result: np.ndarray) -> None:
    """Write the product of the transposed matrix a with one vector, (rows,), into result, (columns of a,)."""
    for j in range(result.shape[0]):
        result[j] = 0.0
    whole = a.shape[0] - a.shape[0] % 4
    for i in range(0, whole, 4):
        p, q, s, t = a[i], a[i + 1], a[i + 2], a[i + 3]
        by_p, by_q, by_s, by_t = column[i], column[i + 1], column[i + 2], column[i + 3]
        for j in range(result.shape[0]):
            result[j] += (by_p * p[j] + by_q * q[j]) + (by_s * s[j] + by_t * t[j])
    for i in range(whole, a.shape[0]):
        row, factor = a[i], column[i]
        for j in range(row.shape[0]):
            result[j] += factor * row[j]
