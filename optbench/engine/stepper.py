"""An update rule on an array of one's own, one step at a time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optbench.catalogue import loader
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.engine import settings


class Stepper:
    """A compiled rule that changes ``w`` in place, with the state that it keeps.

    Args:
        optimizer: the record.
        w: (dim,), one run, or (runs, dim), so many of the same setting; C-contiguous float64 or float32. On a GPU, an
            array on the card, (runs, dim).
        lr: the learning rate.
        blocks: shapes of the parameter blocks, for rules that use them; by default one vector.
        hyperparameters: all of the rule's.
        device: "cpu" or "cuda".

    Raises:
        OptbenchError: an array or a value does not serve.

    Example:
        >>> w = np.ones((2, 3))
        >>> adam = stepper("adam", w, lr=0.1)
        >>> adam.step(w.copy())
        >>> adam.steps
        1
    """

    def __init__(
        self,
        optimizer: Optimizer,
        w: Any,
        lr: float,
        blocks: Sequence[tuple[int, ...]] | None,
        hyperparameters: Mapping[str, float],
        device: str = "cpu",
    ):
        self.w, self.steps, self.device = w, 0, arguments.word("stepper: device", device, ("cpu", "cuda"))
        self._rate = settings.checked("stepper: lr", lr)
        rows = self._rows(w)
        runs, dim = rows.shape
        shapes = shapes_of("stepper: blocks", blocks, dim)
        if sum(math.prod(shape) for shape in shapes) != dim:
            raise OptbenchError(f"stepper: blocks={shown(blocks)} do not add up to the {dim} parameters of w")
        kept = optimizer, "rows", shapes, str(rows.dtype), [hyperparameters] * runs
        self._update: Any = _update_of(device)(*kept)
        self._set_rate(self._rate)

    def step(self, g: Any, lr: float | None = None) -> None:
        """Take one step.

        Args:
            g: the gradient, of w's shape and dtype.
            lr: the learning rate from now on; None: as before.

        Raises:
            OptbenchError: g is not like w, or the rate makes no sense.
        """
        if getattr(g, "shape", None) != self.w.shape or g.dtype != self.w.dtype:
            raise OptbenchError(f"stepper: g must be {self.w.dtype} of the shape {self.w.shape}, like w")
        if lr is not None:
            self._set_rate(settings.checked("stepper: lr", lr))
        self.steps += 1
        self._update(self._rows(self.w), self._rows(g), self.steps)

    @property
    def reported(self) -> Any:
        """What the rule reports, of w's shape: w itself, or for some rules an average of it."""
        if self.device == "cuda":
            return self.w
        return self._update.reported(self._rows(self.w), self.steps).reshape(self.w.shape)

    def _set_rate(self, rate: float) -> None:
        if self.device == "cuda":
            from optbench.compiler.cuda import put

            self._update.scalars[0] = put(np.full(self._update.runs, rate, self.w.dtype))
        else:
            self._update.scalars[0] = rate

    def _rows(self, array: Any) -> Any:
        """A (runs, dim) view of the array itself."""
        if self.device == "cuda":
            return array
        sound = isinstance(array, np.ndarray) and array.dtype in (np.float32, np.float64) and array.ndim in (1, 2)
        if not (sound and array.flags.c_contiguous and array.flags.writeable and array.size):
            raise OptbenchError("stepper: w and g must be (dim,) or (runs, dim), C-contiguous, float64 or float32")
        return array if array.ndim == 2 else array[None]


def shapes_of(name: str, blocks: Any, dim: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of parameter blocks as they were given, or that of one vector. Raises OptbenchError."""
    if blocks is None:
        return ((dim,),)
    shapes = [arguments.items(name, shape) for shape in arguments.items(name, blocks)]
    return tuple(tuple(arguments.whole(name, side, 1) for side in shape) for shape in shapes) or ((dim,),)


def _update_of(device: str) -> Any:
    """The class that keeps a rule's arrays there."""
    if device == "cuda":
        from optbench.engine.cuda.update import Update as CudaUpdate

        return CudaUpdate
    from optbench.engine.cpu.update import Update

    return Update


def stepper(
    optimizer: str | Optimizer,
    w: Any,
    *,
    lr: float,
    blocks: Sequence[tuple[int, ...]] | None = None,
    device: str = "cpu",
    plugin: str | Path | Iterable[str | Path] = (),
    **hyperparameters: float,
) -> Stepper:
    """A compiled update rule for an array of your own, one step at a time.

    Args:
        optimizer: a name, with hyperparameters if need be, or a record.
        w: (dim,), or (runs, dim) for so many of the same setting; C-contiguous float64 or float32, changed in place.
        lr: the learning rate.
        blocks: shapes of the parameter blocks, for rules that use them; by default one vector.
        device: "cpu"; or "cuda", with arrays on the card.
        plugin: a file, or several, with records of your own.
        **hyperparameters: the optimizer's, by name.

    Returns:
        What steps: ``.step(g, lr=None)``, along a gradient of w's shape.

    Raises:
        OptbenchError: the optimizer does not exist, or an array or a value does not serve.

    Example:
        >>> w = np.array([3.0, 4.0])
        >>> momentum = stepper("momentum", w, lr=0.1, beta1=0.5)
        >>> momentum.step(w.copy())
        >>> w.tolist()
        [2.85, 3.8]
    """
    record, values = loader.load_all(plugin).optimizer(optimizer)
    if not isinstance(record, Optimizer):
        why = "searches its own steps" if isinstance(record, Baseline) else "steps by itself"
        raise OptbenchError(f"stepper: {record.name} {why}; it serves minimize and sweep")
    return Stepper(record, w, lr, blocks, record.with_values(values | hyperparameters), device)
