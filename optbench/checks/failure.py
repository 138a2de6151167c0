"""Report that a check failed, or does not apply, under the title of the check."""

import inspect
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from optbench.contract.errors import OptbenchError


class CheckFailed(OptbenchError):
    """Raised by a check with a text that says what is wrong."""


class NotApplicable(Exception):
    """Raised by a check that has no meaning for this plug-in."""


def check_close(found: ArrayLike, expected: ArrayLike, tolerance: float, what: str) -> None:
    """Raise CheckFailed, its text behind ``what``, if two arrays differ by more than ``tolerance`` of their size."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    scale = float(np.max(np.abs(expected), initial=0.0)) + 1e-300
    worst = float(np.max(np.abs(found - expected), initial=0.0)) / scale
    if not worst <= tolerance:
        raise CheckFailed(f"{what + ' ' if what else ''}differs by {worst:.2g} of its size")


def find_title(check: Callable) -> str:
    """Return the title of a check, which its docstring has behind "Check that"."""
    return (inspect.getdoc(check) or "").removeprefix("Check that ").removeprefix("it ").removesuffix(".")
