"""More kinds of objectives beside JAX: what a kind consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Kind:
    """One of the catalogue's problems, its loss in JAX, and its gradient in plain NumPy or PyTorch.

    ``loss(w, x, y, constants)``: ``w`` is (dim,) and the loss a number, in JAX; or, for the tuned program, (dim,
    lanes) with a loss for each lane: so it sums along the first axis. ``constants`` are those of optbench's record.
    With ``shapes`` w is a list of arrays of these shapes, as a network's parameters are in JAX, and of one run only.
    ``gradient(w, x, y, constants)``: of all lanes, (lanes, dim), in float64, and made in another way.
    """

    name: str
    problem: str
    """By the catalogue's name."""
    parameters: dict[str, Any]
    """The problem's."""
    loss: Callable[[Any, Any, Any, Any], Any]
    gradient: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    steps: tuple[int, int]
    """Of one lane, 0 for none; and of 64."""
    rates: tuple[float, float]
    """Of gd and of adam: at which all lanes move and none arrives."""
    shapes: tuple[tuple[int, ...], ...] = ()
    tuned: Callable[[Any, Any, Any, Any], Any] | None = None
    """The same loss in another way, for the tuned program of a kind with shapes."""
    longer: int = 1
    """Times as many steps with gd, at so much smaller a rate that they go as far: where they take nanoseconds, a call's
    own milliseconds would drown them. Adam goes as far each step, and its rounding with it."""
