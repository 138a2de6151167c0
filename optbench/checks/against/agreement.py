"""Compare two optimizers: to how many digits they agree, and where they do not, which convention differs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optbench.catalogue import loader
from optbench.catalogue.loader import Catalogue
from optbench.checks.against.any_rule import explain_any_rule, leave_corrections_out
from optbench.checks.against.findings import Finding, find_differences
from optbench.checks.against.fixes import match_names, search_values, try_fixes
from optbench.checks.against.measurements import is_coarse, measure_both
from optbench.checks.against.rollouts import (
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
from optbench.contract import arguments
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.engine.eager.lanes import isolated_libraries

if TYPE_CHECKING:
    import pandas as pd

# Relative difference: rounding alone leaves 4e-15 to 3e-14 after 200 steps (adamw and torch.optim.AdamW, measured);
# the least planted difference, eps in another place, 3e-9 to 1
TOLERANCE = 1e-9
"""Up to this difference two optimizers are equal: rounding alone leaves about 1e-14 after 200 steps."""
# Steps: enough to see where a ratio begins; by eye
_SHOWN_STEPS = 4
# Relative difference: float32 has 6e-8, and some steps add up; torch.optim.NAdam, which keeps a product in float32,
# measured: 1.2e-8
_SINGLE = 1e-6
"""A difference below this may be that of numbers kept in float32."""
_ROUNDING = (
    f"the difference is that of its rounding, below the {_SINGLE:.0e} that float32 is held to; --tolerance "
    f"{_SINGLE:.0e} takes it as equal"
)
# Shapes: a tall and a wide matrix, for optimizers that take nothing else
_MATRICES = ((3, 2), (2, 3))
# Shapes: as many weights again, for optimizers that take no matrix
_VECTORS = ((6,), (4,))


@dataclass(frozen=True)
class Agreement:
    """The comparison of two optimizers that :func:`optbench.agreement` returns.

    Example:
        >>> print(agreement("momentum", "heavy_ball").findings[0].text)
        the steps of heavy_ball are 10 times as long, which is 1 / (1 - beta1): give it 0.1 times the rate
    """

    first: str
    """The name of the first."""
    second: str
    """The name of the second."""
    tolerance: float
    """The largest difference of equal optimizers."""
    comparisons: tuple[Comparison, ...]
    """The difference on each problem and on each sequence of gradients."""
    findings: tuple[Finding, ...] = ()
    """The conventions in which they differ, as measured; empty if they are equal, or if none explains it."""
    remedy: str = ""
    """The rate or the values that make them equal, if any: tried, with the digits to which they then agree."""
    values: tuple[tuple[str, float, str, float], ...] = ()
    """Hyperparameters of the same meaning: name and value of the first, name and value of the second."""
    unmatched: tuple[dict[str, float], dict[str, float]] = ({}, {})
    """The hyperparameters that only one has, with their values."""
    steps: tuple[tuple[int, float, float, float], ...] = ()
    """Step number, gradient, and the change of a weight by the first and by the second: where it is unexplained."""

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


def agreement(
    first: str | AnyOptimizer,
    second: str | AnyOptimizer,
    *,
    tolerance: float = TOLERANCE,
    plugin: str | Path | Iterable[str | Path] = (),
) -> Agreement:
    """Run two optimizers side by side, and say whether they are equal, and if not, in which convention they differ.

    Both get the same gradients, taken at the weights of the first one, over 200 steps in float64 with a schedule of
    the rate; so a difference is the rules' and is not made larger by the problem. The difference with each one's
    gradients at its own weights is given beside it.

    Args:
        first: a name, with hyperparameters if need be, or a record: a rule, or ``torch:AdamW``, ``optax:adamw``.
        second: the same.
        tolerance: the largest difference that counts as equal, over the way that the weights have come.
        plugin: a file, or several, with records of your own.

    Returns:
        The differences, and what explains them.

    Raises:
        OptbenchError: an optimizer is unknown, is a method of SciPy, or cannot step on any of the problems.

    Example:
        >>> agreement("adam(eps=1e-8, eps_root=0)", "adam_torch").equal
        True
    """
    catalogue = loader.load_all(plugin)
    tolerance = arguments.real_number("agreement: tolerance", tolerance)
    if not 0 < tolerance < 1:
        raise OptbenchError(f"agreement: tolerance={tolerance} must lie between 0 and 1")
    return compare_all(implementation(first, catalogue), implementation(second, catalogue), catalogue, tolerance)


def implementation(text: str | AnyOptimizer, catalogue: Catalogue) -> Implementation:
    """Return the optimizer of a text or a record. Raises OptbenchError."""
    record, values = catalogue.optimizer(text)
    if isinstance(record, Baseline):
        raise OptbenchError(f"{record.name} is a method of SciPy, which takes no gradient and rate step by step")
    name, reports = text if isinstance(text, str) else record.name, getattr(record, "report", None)
    left_out = leave_corrections_out(record) if isinstance(record, Optimizer) else {}
    return Implementation(
        name, values, lambda shapes, chosen: RecordStepper(record, shapes, chosen), reports, uncorrected=left_out
    )


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
        one, two = a.hyperparameters, b.hyperparameters
        pairs = match_names(one, two)
        result = Agreement(
            a.name, b.name, tolerance, comparisons,
            values=tuple((name, one[name], other, two[other]) for name, other in pairs.items()),
            unmatched=(
                {name: value for name, value in one.items() if name not in pairs},
                {name: value for name, value in two.items() if name not in pairs.values()},
            ),
        )  # fmt: skip
        return result if result.equal else _explain(result, a, b, compared)


def _explain(
    result: Agreement, a: Implementation, b: Implementation, compared: Sequence[tuple[GradientStream, Comparison]]
) -> Agreement:
    """Return the result with what explains the difference; compared: the streams that suit both, each compared."""
    tolerance = result.tolerance
    if all(each.weights <= tolerance for _, each in compared):
        return replace(result, findings=(_explain_reported_weights(a, b),))
    given = [(stream, each) for stream, each in compared if stream.is_given]
    only_problems = None
    if given and all(each.step is None for _, each in given):
        only_problems = _explain_by_problems(a, b, compared, tolerance)
        if only_problems.name == "blocks":
            return replace(result, findings=(only_problems,))
    coarse = [each.name for each in (a, b) if is_coarse(each)]
    text = f"{' and '.join(coarse)} {'keep' if len(coarse) > 1 else 'keeps'} a part in float32, or in less"
    if coarse and result.difference < _SINGLE:  # whatever else is measured may be that rounding
        return replace(result, findings=(Finding("precision", f"{text}: {_ROUNDING}"),))
    trials = given if given and not only_problems else compared
    streams = [stream for stream, each in sorted(trials, key=lambda pair: pair[1].step is not None)]
    try:
        measured = [replace(each, coarse=each.name in coarse) for each in measure_both(a, b)]
        found = find_differences(*measured)
    except OptbenchError:  # it takes neither one number nor one matrix
        found = []
    remedy = try_fixes(a, b, found, streams, tolerance)
    if "agree" not in remedy:
        better = search_values(a, b, streams, tolerance) or explain_any_rule(a, b, streams, tolerance)
        found, remedy = better or (found, remedy)
    if not found and result.difference < _SINGLE:
        text = f"a part is likely computed in float32, and no other difference was found: {_ROUNDING}"
        found = [Finding("precision", text)]
    if len(coarse) == 1:
        found = [Finding("precision", f"{text}, the other does not"), *found]
    steps = () if found else _first_differing_steps(a, b, *max(compared, key=lambda pair: pair[1].difference))
    findings = (only_problems,) if only_problems and not found else tuple(found)
    return replace(result, findings=findings, remedy=remedy, steps=steps)


def _explain_reported_weights(a: Implementation, b: Implementation) -> Finding:
    """Return the finding that both take the same steps but evaluate different weights."""
    reports = [f"{each.name} evaluates {each.reports or 'its weights'}" for each in (a, b)]
    if not (a.reports or b.reports):  # a library's optimizer does not say what it evaluates
        reports = ["one of them evaluates other weights than those at which gradients are taken"]
    text = f"their steps agree, what is evaluated does not: {', '.join(reports)}"
    return Finding("reported weights", text)


def _explain_by_problems(
    a: Implementation, b: Implementation, compared: Sequence[tuple[GradientStream, Comparison]], tolerance: float
) -> Finding:
    """Return the finding of two optimizers that differ on problems, but not on given gradients.

    Its name is "blocks" if they differ, too, on given gradients of the shapes of those problems' parameter blocks, and
    "gradients" if not. compared: all streams that suit both, each with its comparison.
    """
    blocks = {stream.name: tuple(map(tuple, stream.shapes)) for stream, each in compared if each.step is not None}
    on_blocks = all(
        any(compare(a, b, stream, tolerance).step is not None for stream in given_streams(shapes))
        for shapes in set(blocks.values())
    )
    if not on_blocks:
        text = f"they differ only on the gradients of {', '.join(blocks)}, not on those made by hand"
        return Finding("gradients", text)
    larger = [f"{name} ({', '.join(map(_shape_text, shapes))})" for name, shapes in blocks.items()]
    small = next(stream.shapes for stream, _ in compared if stream.is_given)
    text = f"they differ only on larger or other blocks: {'; '.join(larger)}; on blocks of "
    return Finding("blocks", f"{text}{' and '.join(map(_shape_text, small))} they agree")


def _shape_text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "1"


def _first_differing_steps(
    a: Implementation, b: Implementation, stream: GradientStream, comparison: Comparison
) -> tuple[tuple[int, float, float, float], ...]:
    """Return the first steps that differ, each as its number, gradient, and step of a and of b, for one weight.

    It is the weight that differs most in them.
    """
    path = rollout(a, stream, comparison.rate)
    paths = [path.w, rollout(b, stream, comparison.rate, path.g).w]
    first = max(int(np.argmax(distance(*paths, stream.start) > 0)) - 1, 0)
    one, other = (np.diff(np.vstack([stream.start, w]), axis=0)[first : first + _SHOWN_STEPS] for w in paths)
    weight = int(np.argmax(np.nan_to_num(np.abs(one - other)).max(axis=0)))
    return tuple(
        (first + i + 1, float(path.g[first + i, weight]), *map(float, pair))
        for i, pair in enumerate(zip(one[:, weight], other[:, weight], strict=True))
    )
