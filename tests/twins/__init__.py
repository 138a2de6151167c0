"""Naive NumPy twins of rules, of the wrappers and of the moving average.

Each twin is written from its paper or from the lecture, in the plainest NumPy that states it, and never imports
optbench: a twin that shared code with the engine would share its mistakes. Twins are slow on purpose. Powers are
`beta**t`, not running products; every state is a fresh array. How they are called stands in `twins.drive`. A rule that
another library was recorded with, at two values of its hyperparameters or more, needs no twin.

The defaults are stated here a second time on purpose: a changed default in the package must show in a test.
"""

import numpy as np

from twins.rules import TWINS
from twins.wrappers import WRAPPERS

__all__ = ["TWINS", "WRAPPERS", "ewa"]


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
