"""What a way to write a problem in JAX consists of; the plain program and the tuned ones are such ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Variant:
    """One way to write a problem in JAX.

    ``pack`` makes the parameters, a pytree of arrays with the lanes first, from weights (lanes, dim), and ``unpack``
    the reverse, in NumPy. ``gradient(parameters, x, y)`` is that of one run, unless ``mapped`` is False: then it is
    that of all lanes at once, and ``rates`` makes a pytree of rates that fits the parameters. ``watched``: it gives the
    pair of the losses and that, and the program keeps the largest loss.
    """

    name: str
    pack: Callable[[np.ndarray], Any]
    unpack: Callable[[Any], np.ndarray]
    gradient: Callable[..., Any]
    mapped: bool = True
    rates: Callable[[np.ndarray], Any] | None = None
    watched: bool = False


def split_shapes(
    shapes: tuple[tuple[int, ...], ...],
) -> tuple[Callable[[np.ndarray], Any], Callable[[Any], np.ndarray]]:
    """How to turn weights (lanes, dim) into a list of arrays (lanes, *shape), and back."""
    ends = np.cumsum([prod(shape) for shape in shapes])[:-1]

    def pack(weights: np.ndarray) -> Any:
        parts = np.split(weights, ends, axis=1)
        return [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]

    return pack, lambda parameters: np.concatenate([a.reshape(len(a), -1) for a in parameters], axis=1)


def split_layers(layers: tuple[int, ...]) -> tuple[Callable[[np.ndarray], Any], Callable[[Any], np.ndarray]]:
    """How to turn weights (lanes, dim) of an MLP into [(W (lanes, in, out), b (lanes, out)), ...], and back."""
    shapes = list(zip(layers, layers[1:], strict=False))

    def pack(weights: np.ndarray) -> Any:
        parts, at = [], 0
        for inside, outside in shapes:
            size = inside * outside
            w = weights[:, at : at + size].reshape(-1, inside, outside)
            parts.append((w, weights[:, at + size : at + size + outside]))
            at += size + outside
        return parts

    def unpack(parameters: Any) -> np.ndarray:
        return np.concatenate([a.reshape(len(a), -1) for pair in parameters for a in pair], axis=1)

    return pack, unpack
