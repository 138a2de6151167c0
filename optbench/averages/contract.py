"""Checks of the arguments of averages, and the end of the bias correction."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from optbench.contract.errors import OptbenchError, shown

FADED = 1e-17
"""Once beta^t is below this, 1 - beta^t is 1, and the correction stops."""
_MOST = 100_000_000
"""The longest range that becomes an array."""


def real_array(x: ArrayLike, owner: str) -> np.ndarray:
    """Return x as an array, float32 or float64. Raises OptbenchError, which begins with `owner`, for other values."""
    kind = shown(x) if isinstance(x, range) and len(x) > _MOST else ""
    try:
        x = np.asarray(None if kind else x)
        if x.dtype in (np.float32, np.float64):
            return x
        kind = kind or str(x.dtype)
        return x.astype(np.float64, casting="same_kind" if x.dtype.kind == "f" else "safe")
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise OptbenchError(f"{owner} must hold real numbers, not {kind or shown(x)}") from None


def checked_flag(value: Any, owner: str) -> bool:
    """Return bias_correction as a bool. Raises OptbenchError for other values."""
    if not isinstance(value, bool | np.bool_ | int | None):
        raise OptbenchError(f"{owner}: bias_correction={shown(value)} must be True or False")
    return bool(value)


def checked_beta(beta: Any, owner: str) -> float:
    """Return beta as a float. Raises OptbenchError unless it is in [0, 1)."""
    if not (isinstance(beta, int | float | np.floating) and 0 <= beta < 1):
        raise OptbenchError(f"{owner}: beta={shown(beta)} must be a number in [0, 1)")
    return float(beta)
