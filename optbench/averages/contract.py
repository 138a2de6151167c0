"""What all forms of the averages agree on: which values and betas they take, and when the correction ends."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from optbench.contract.errors import OptbenchError

FADED = 1e-17
"""Once beta^t is below this, 1 - beta^t is 1, and the correction stops."""


def real_array(x: ArrayLike, owner: str) -> np.ndarray:
    """x as an array, float32 or float64. Raises OptbenchError for what is no real number; it begins with `owner`."""
    x = np.asarray(x)
    if x.dtype in (np.float32, np.float64):
        return x
    try:
        return x.astype(np.float64, casting="same_kind" if x.dtype.kind == "f" else "safe")
    except (TypeError, ValueError):
        raise OptbenchError(f"{owner} must hold real numbers, not {x.dtype}") from None


def checked_beta(beta: Any, owner: str) -> float:
    """beta as a float. Raises OptbenchError unless it is in [0, 1)."""
    if not (isinstance(beta, int | float | np.floating) and 0 <= beta < 1):
        raise OptbenchError(f"{owner}: beta={beta!r} must be a number in [0, 1)")
    return float(beta)
