"""Compare two optimizers: to how many digits they agree, and at which step they part."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optbench.catalogue import loader
from optbench.catalogue.loader import Catalogue
from optbench.checks.rollouts import (
    Comparison,
    GradientStream,
    Implementation,
    RecordStepper,
    compare,
    digits,
    distance,
    given_streams,
    problem_streams,
    rollout,
)
from optbench.contract.arguments import Share, checked
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline
from optbench.engine.eager.eager_lanes import isolated_libraries

if TYPE_CHECKING:
    import pandas as pd

# Relative difference: rounding alone leaves 4e-15 to 3e-14 after 200 steps (adamw and torch.optim.AdamW, measured);
# the least planted difference, eps in another place, 3e-9 to 1
TOLERANCE = 1e-9
"""Up to this difference two optimizers are equal: rounding alone leaves about 1e-14 after 200 steps."""
# Steps: enough to see where a ratio begins; by eye
_SHOWN_STEPS = 4
# Shapes: a tall and a wide matrix, for optimizers that take nothing else
_MATRICES = ((3, 2), (2, 3))
# Shapes: as many weights again, for optimizers that take no matrix
_VECTORS = ((6,), (4,))


@dataclass(frozen=True)
class Agreement:
    """The comparison of two optimizers that :func:`optbench.agreement` returns.

    Example:
        >>> found = agreement("momentum", "heavy_ball")  # whose steps are 10 times as long
        >>> found.equal, found.comparisons[0].step
        (False, 1)
    """

    first: str
    """The name of the first."""
    second: str
    """The name of the second."""
    tolerance: float
    """The largest difference of equal optimizers."""
    comparisons: tuple[Comparison, ...]
    """The difference on each problem and on each sequence of gradients."""
    steps: tuple[tuple[int, float, float, float], ...] = ()
    """Step number, gradient, and the change of a weight by the first and by the second: where their steps part."""
    failure: str = ""
    """Why nothing is compared: a rule of the user's raised an error, crashed, or took too long."""

    def __repr__(self) -> str:
        """Return the names and the answer in a line."""
        return f"Agreement({self.first}, {self.second}, equal={self.equal}, difference={self.difference:.2g})"

    @property
    def difference(self) -> float:
        """The largest difference of all; infinite if there is no comparison."""
        return max((each.difference for each in self.comparisons if not each.refused), default=np.inf)

    @property
    def equal(self) -> bool:
        """True if no difference exceeds the tolerance."""
        return self.difference <= self.tolerance

    @property
    def digits(self) -> int:
        """The number of digits to which they agree."""
        return digits(self.difference)

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each comparison, with the names of its fields as columns."""
        import pandas as pd

        return pd.DataFrame([vars(each) for each in self.comparisons])


@checked
def agreement(
    first: str | AnyOptimizer,
    second: str | AnyOptimizer,
    *,
    tolerance: Share = TOLERANCE,
    plugin: str | Path | Iterable[str | Path] = (),
) -> Agreement:
    """Run two optimizers side by side, and say whether they are equal, and if not, from which step on they differ.

    Both get the same gradients, taken at the weights of the first one, over 200 steps in float64 with a schedule of
    the rate; so a difference is the rules' and is not made larger by the problem. The difference with each one's
    gradients at its own weights is given beside it.

    Args:
        first: a name, with hyperparameters if need be, or a record: a rule, or ``torch:AdamW``, ``optax:adamw``.
        second: the same.
        tolerance: the largest difference that counts as equal, over the way that the weights have come.
        plugin: a file, or several, with records of your own.

    Returns:
        The differences.

    Raises:
        OptbenchError: an optimizer is unknown, is a method of SciPy, or cannot step on any of the problems.

    Example:
        >>> agreement("adam(eps=1e-8, eps_root=0)", "adam_torch").equal
        True
    """
    catalogue = loader.load_all(plugin)
    return compare_all(implementation(first, catalogue), implementation(second, catalogue), catalogue, tolerance)


def implementation(text: str | AnyOptimizer, catalogue: Catalogue) -> Implementation:
    """Return the optimizer of a text or a record. Raises OptbenchError."""
    record, values = catalogue.optimizer(text)
    if isinstance(record, Baseline):
        raise OptbenchError(f"{record.name} is a method of SciPy, which takes no gradient and rate step by step")
    name = text if isinstance(text, str) else record.name
    return Implementation(name, lambda shapes: RecordStepper(record, shapes, values))


def compare_names(names: Iterable[str], other: str, tolerance: float, catalogue: Catalogue) -> list[Agreement]:
    """Return the comparison of each of some optimizers with another one. Raises OptbenchError."""
    return [
        compare_all(implementation(name, catalogue), implementation(other, catalogue), catalogue, tolerance)
        for name in names
    ]


def compare_all(a: Implementation, b: Implementation, catalogue: Catalogue, tolerance: float) -> Agreement:
    """Return the comparison of two optimizers on all streams. Raises OptbenchError if none of them suits both."""
    with isolated_libraries():
        given = list(given_streams())
        for shapes in (_MATRICES, _VECTORS):
            if compare(a, b, given[0], tolerance).refused:
                given = list(given_streams(shapes))
        streams = [*problem_streams(catalogue), *given]
        comparisons = tuple(compare(a, b, stream, tolerance) for stream in streams)
        compared = [pair for pair in zip(streams, comparisons, strict=True) if not pair[1].refused]
        if not compared:
            raise OptbenchError(comparisons[0].refused)
        result = Agreement(a.name, b.name, tolerance, comparisons)
        if result.equal:
            return result
        stream, worst = max(compared, key=lambda pair: pair[1].difference)
        return replace(result, steps=_first_differing_steps(a, b, stream, worst.rate))


def _first_differing_steps(
    a: Implementation, b: Implementation, stream: GradientStream, rate: float
) -> tuple[tuple[int, float, float, float], ...]:
    """Return the first steps that differ, each as its number, gradient, and step of a and of b, for one weight.

    It is the weight that differs most in them.
    """
    path = rollout(a, stream, rate)
    paths = [path.w, rollout(b, stream, rate, path.g).w]
    first = max(int(np.argmax(distance(paths[0], paths[1], stream.start) > 0)) - 1, 0)
    one, other = (np.diff(np.vstack([stream.start, w]), axis=0)[first : first + _SHOWN_STEPS] for w in paths)
    weight = int(np.argmax(np.nan_to_num(np.abs(one - other)).max(axis=0)))
    return tuple(
        (first + i + 1, float(path.g[first + i, weight]), float(of_a), float(of_b))
        for i, (of_a, of_b) in enumerate(zip(one[:, weight], other[:, weight], strict=True))
    )
