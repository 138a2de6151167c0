"""Sums over parameters for kernels in lanes form, whose additions do not all wait for each other.

Plain functions that the engine compiles together with the kernel that calls them.
"""


def add_up(terms, f):
    """f += the sum of the rows of ``terms``, (rows, runs), the first eight of which are written over.

    An addition waits up to four cycles for the one before: in a kernel that adds term after term to f, that takes
    longer than all else of a run. Eight rows side by side fill a vector, of one run as of many.
    """
    rows, runs = terms.shape
    size, fours = 8 * runs, max(rows - 8, 0) // 32 * 32
    flat = terms.reshape(rows * runs)
    sums = flat[:size]
    for first in range(8, 8 + fours, 32):
        at = first * runs
        a, b = flat[at : at + size], flat[at + size : at + 2 * size]
        c, d = flat[at + 2 * size : at + 3 * size], flat[at + 3 * size : at + 4 * size]
        for k in range(size):
            sums[k] += (a[k] + b[k]) + (c[k] + d[k])
    whole = rows // 8 * 8
    for i in range(0, whole - fours, 8):
        first = i + fours if i > 0 else 0
        a, b, c, d = terms[first], terms[first + 1], terms[first + 2], terms[first + 3]
        p, q, s, t = terms[first + 4], terms[first + 5], terms[first + 6], terms[first + 7]
        for r in range(runs):
            f[r] += ((a[r] + p[r]) + (c[r] + s[r])) + ((b[r] + q[r]) + (d[r] + t[r]))
    for i in range(whole, rows):
        for r in range(runs):
            f[r] += terms[i, r]
