"""How a check says what it found."""

import numpy as np


class Wrong(Exception):
    """What a check raises to say, in words, what is wrong."""


class NotApplicable(Exception):
    """What a check raises that has no meaning for this plug-in."""


def close(found, expected, tolerance: float, what: str) -> None:
    """Raise Wrong, ``what`` before its words, where two arrays differ by more than ``tolerance`` of their size."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    scale = float(np.max(np.abs(expected), initial=0.0)) + 1e-300
    worst = float(np.max(np.abs(found - expected), initial=0.0)) / scale
    if not worst <= tolerance:
        raise Wrong(f"{what + ' ' if what else ''}differs by {worst:.2g} of its size")
