"""Sums over parameters for kernels in lanes form, whose additions do not all wait for each other.

Plain functions that the engine compiles together with the kernel that calls them.
"""


def add_up(terms, f):
    """f += the sum of the rows of ``terms``, (rows, runs), eight of them at a time.

    An addition waits four cycles for the one before: in a kernel that adds term after term to f, that takes longer than
    all else of a run. A loop that only stores its terms fills vectors, of one run as of many.
    """
    rows, runs = terms.shape
    whole = rows - rows % 8
    for i in range(0, whole, 8):
        a, b, c, d = terms[i], terms[i + 1], terms[i + 2], terms[i + 3]
        p, q, s, t = terms[i + 4], terms[i + 5], terms[i + 6], terms[i + 7]
        for r in range(runs):
            f[r] += ((a[r] + p[r]) + (c[r] + s[r])) + ((b[r] + q[r]) + (d[r] + t[r]))
    for i in range(whole, rows):
        for r in range(runs):
            f[r] += terms[i, r]
