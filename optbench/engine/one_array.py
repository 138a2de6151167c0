"""One array of one's own: a run's parameters, or those of several runs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.types import DtypeName


class OneArray:
    """(dim,), one run, or (runs, dim), so many of the same setting.

    Args:
        w: C-contiguous, float64 or float32.
        blocks: shapes of the parameter blocks; None: one vector.

    Raises:
        OptbenchError: it does not serve, or the blocks do not add up.
    """

    split = False
    labels = ("0",)

    def __init__(self, w: Any, blocks: Any):
        self.w, self.rows = w, [self.row(w)]
        self.dtype: DtypeName = "float32" if w.dtype == np.float32 else "float64"
        self.shapes = [tuple(w.shape)]
        dim = self.rows[0].shape[1]
        shapes = shapes_of("stepper: blocks", blocks, dim)
        if sum(math.prod(shape) for shape in shapes) != dim:
            raise OptbenchError(f"stepper: blocks={shown(blocks)} do not add up to the {dim} parameters of w")
        self.blocks = [shapes]

    def row(self, array: Any) -> Any:
        """The array as (runs, dim). Raises OptbenchError."""
        sound = isinstance(array, np.ndarray) and array.dtype in (np.float32, np.float64) and array.ndim in (1, 2)
        if not (sound and array.flags.c_contiguous and array.flags.writeable and array.size):
            raise OptbenchError(
                "stepper: w and g must be (dim,) or (runs, dim), C-contiguous, float64 or float32, or lists of arrays"
            )
        return array if array.ndim == 2 else array[None]

    def gradients(self, g: Any) -> list[Any]:
        """The gradient as rows. Raises OptbenchError."""
        if getattr(g, "shape", None) != self.w.shape or g.dtype != self.w.dtype:
            raise OptbenchError(f"stepper: g must be {self.w.dtype} of the shape {tuple(self.w.shape)}, like w")
        if isinstance(g, np.ndarray) and not g.flags.writeable:
            g = g.copy()  # kernels are compiled for arrays that can be written
        return [self.row(g)]

    def begin(self) -> None:
        """Nothing is to be taken in."""

    def end(self) -> None:
        """Nor to be written."""

    def reported(self, rows: Sequence[Any]) -> Any:
        """The rows in w's shape."""
        return self.w if rows[0] is self.rows[0] else rows[0].reshape(self.w.shape)


def shapes_of(name: str, blocks: Any, dim: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of parameter blocks as they were given, or that of one vector. Raises OptbenchError."""
    if blocks is None:
        return ((dim,),)
    shapes = [arguments.items(name, shape) for shape in arguments.items(name, blocks)]
    return tuple(tuple(arguments.whole(name, side, 1) for side in shape) for shape in shapes) or ((dim,),)
