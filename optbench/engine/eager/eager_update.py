"""Another library's optimizer in place of a rule's kernel, for all lanes of a call."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from optbench.contract.eager import Eager
from optbench.contract.errors import in_one_line
from optbench.engine.arrays import StepInputs

Second = Callable[[int, np.ndarray], tuple[np.ndarray, float]]
"""``second(lane, point)``: the gradient (dim,) and the loss of a lane's mini-batch at another point."""


class EagerUpdate:
    """Optimizers of one record for some lanes. A lane whose optimizer raises any error has failed; the others continue.

    Attributes:
        failures: the reason why each lane could not continue; "" if it could.
        preparation_seconds: seconds of preparation: instances, traces, compilation.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        hyperparameters: Sequence[Mapping[str, float]],
        w: np.ndarray,
        rows: bool,
    ):
        """Convert the hyperparameters of each lane to the optimizer's arguments; the rest as for `eager_update`."""
        self.record, self.rows, self.preparation_seconds = record, rows, 0.0
        self.blocks = tuple(tuple(shape) for shape in blocks)
        self.arguments = [record.arguments(values) for values in hyperparameters]
        self.failures = [""] * len(w)

    def step(
        self, w: np.ndarray, g: np.ndarray, inputs: StepInputs, alive: np.ndarray, second: Second | None = None
    ) -> None:
        """Make a step of every lane that is ``alive``; set ``alive`` to False for lanes that fail.

        Args:
            w, g: (runs, dim).
            inputs: with a rate and a loss for each lane.
            alive: (runs,) bool.
            second: the gradient of the same mini-batch elsewhere, for optimizers that take two.
        """
        raise NotImplementedError

    def points(self) -> dict[int, np.ndarray]:
        """Return lane -> weights (dim,) to evaluate, where these are others than the optimizer changes; else empty."""
        raise NotImplementedError

    def reported(self, w: np.ndarray, t: int) -> np.ndarray:
        """Return the weights to evaluate after step ``t``, in the shape of ``w``, the problem's form."""
        points = self.points() if t > 0 else {}
        if not points:
            return w
        out = np.array(w)
        for r, point in points.items():
            (out if self.rows else out.T)[r] = point
        return out

    def count_state(self) -> float:
        """Return the bytes that the optimizer of the first lane keeps; NaN where that is not known."""
        return math.nan

    def clear(self, lanes: np.ndarray) -> None:
        """Do nothing: a lane that has ended is not stepped again."""

    def fail(self, r: int, error: BaseException) -> None:
        """Record that lane ``r`` has failed with an error."""
        self.failures[r] = f"{self.record.name}: {in_one_line(error)}"
