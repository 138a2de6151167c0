"""The twin of the exponentially weighted average."""

import numpy as np


def ewa(x, beta, bias_correction=False):
    """Exponentially weighted average along the last axis, v_0 = 0 (lecture B1), optionally over 1 - beta^t (B5)."""
    x = np.asarray(x)
    x = x if x.dtype == np.float32 else x.astype(np.float64)
    beta = x.dtype.type(beta)
    out = np.empty_like(x)
    for row in np.ndindex(x.shape[:-1]):
        v = x.dtype.type(0)
        for t in range(1, x.shape[-1] + 1):
            v = beta * v + (1 - beta) * x[row][t - 1]
            out[row][t - 1] = v / (1 - beta**t) if bias_correction else v
    return out
