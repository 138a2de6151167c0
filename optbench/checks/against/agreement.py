"""Whether two optimizers are the same, to how many digits, and where not, why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optbench.catalogue import loader
from optbench.catalogue.loader import Catalogue
from optbench.checks.against import meanings
from optbench.checks.against.courses import GIVEN, Course, made_courses, problem_courses
from optbench.checks.against.cures import cured, other_values
from optbench.checks.against.findings import findings
from optbench.checks.against.lengths import Finding
from optbench.checks.against.precision import is_coarse
from optbench.checks.against.probes import probe_both
from optbench.checks.against.sides import Side, side_of
from optbench.checks.against.walks import Walked, apart, compare, digits, walk
from optbench.contract import arguments
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline
from optbench.engine.eager.cohort import steady

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
# Shapes: a tall and a wide matrix, for optimizers that take nothing else
_MATRICES = ((3, 2), (2, 3))
# Shapes: as many weights again, for optimizers that take no matrix
_VECTORS = ((6,), (4,))


@dataclass(frozen=True)
class Agreement:
    """What a comparison of two optimizers gave; :func:`optbench.agreement` makes it.

    Example:
        >>> print(agreement("momentum", "heavy_ball").findings[0].text)
        the steps of heavy_ball are 10 times as long, which is 1 / (1 - beta1): give it 0.1 times the rate
    """

    first: str
    """The one."""
    second: str
    """The other."""
    tolerance: float
    """The largest difference of equal ones."""
    walks: tuple[Walked, ...]
    """What was found on each problem and on each sequence of gradients."""
    findings: tuple[Finding, ...]
    """The conventions in which they differ, as measured; empty where they are equal, or where none explains it."""
    remedy: str
    """What makes them equal, where that is a rate or a value: tried, with the digits to which they then agree."""
    values: tuple[tuple[str, float, str, float], ...]
    """Hyperparameters of the same meaning: name and value of the first, name and value of the second."""
    alone: tuple[dict[str, float], dict[str, float]]
    """The hyperparameters that only one has, with their values."""
    steps: tuple[tuple[int, float, float, float], ...]
    """Step number, gradient, and how a weight changed with the first and with the second: where it is unexplained."""

    @property
    def difference(self) -> float:
        """The largest difference of all."""
        return max(each.difference for each in self.walks if not each.refused)

    @property
    def equal(self) -> bool:
        """Whether no difference exceeds the tolerance."""
        return self.difference <= self.tolerance

    @property
    def digits(self) -> int:
        """To how many digits they agree."""
        return digits(self.difference)

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each walk, with the names of its fields as columns."""
        import pandas as pd

        return pd.DataFrame([vars(each) for each in self.walks])


def agreement(
    first: str | AnyOptimizer,
    second: str | AnyOptimizer,
    *,
    tolerance: float = TOLERANCE,
    plugin: str | Path | Iterable[str | Path] = (),
) -> Agreement:
    """Walk two optimizers side by side, and say whether they are equal, and if not, in which convention they differ.

    Both get the same gradients, taken at the weights of the first one, over 200 steps in float64 with a schedule of
    the rate; so a difference is the rules' and is not made larger by the problem. What they do each at its own weights
    is told beside it.

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
    tolerance = arguments.number("agreement: tolerance", tolerance)
    if not 0 < tolerance < 1:
        raise OptbenchError(f"agreement: tolerance={tolerance} must lie between 0 and 1")
    return compared(side(first, catalogue), side(second, catalogue), catalogue, tolerance)


def side(text: str | AnyOptimizer, catalogue: Catalogue) -> Side:
    """The side that a text or a record names. Raises OptbenchError."""
    record, values = catalogue.optimizer(text)
    if isinstance(record, Baseline):
        raise OptbenchError(f"{record.name} is a method of SciPy, which takes no gradient and rate step by step")
    return side_of(record, values, text if isinstance(text, str) else record.name)


def compared(a: Side, b: Side, catalogue: Catalogue, tolerance: float) -> Agreement:
    """Two sides on all courses. Raises OptbenchError where none of them suits both."""
    with steady():
        return _compared(a, b, catalogue, tolerance)


def _compared(a: Side, b: Side, catalogue: Catalogue, tolerance: float) -> Agreement:
    made = list(made_courses())
    for shapes in (_MATRICES, _VECTORS):
        if compare(a, b, made[0], tolerance).refused:
            made = list(made_courses(shapes))
    courses = [*problem_courses(catalogue), *made]
    walks = tuple(compare(a, b, course, tolerance) for course in courses)
    useful = [each for each in walks if not each.refused]
    if not useful:
        raise OptbenchError(walks[0].refused)
    pairs = meanings.matched(a.hyperparameters, b.hyperparameters)
    result = Agreement(
        a.name, b.name, tolerance, walks, (), "",
        tuple((one, a.hyperparameters[one], other, b.hyperparameters[other]) for one, other in pairs.items()),
        (_without(a, pairs), _without(b, pairs.values())), (),
    )  # fmt: skip
    if result.equal:
        return result
    walked = [(course, each) for course, each in zip(courses, walks, strict=True) if not each.refused]
    return _explained(result, a, b, walked)


def _without(each: Side, names: Iterable[str]) -> dict[str, float]:
    return {name: value for name, value in each.hyperparameters.items() if name not in set(names)}


def _explained(result: Agreement, a: Side, b: Side, walked: Sequence[tuple[Course, Walked]]) -> Agreement:
    """The result with what explains it; walked: the courses that suit both sides."""
    tolerance = result.tolerance
    if all(each.weights <= tolerance for _, each in walked):
        reports = [f"{each.name} {f'evaluates {each.reports}' if each.reports else 'its weights'}" for each in (a, b)]
        if not (a.reports or b.reports):  # a library's optimizer does not say what it evaluates
            reports = ["one of them evaluates other weights than those at which gradients are taken"]
        text = f"their steps agree, what is evaluated does not: {', '.join(reports)}"
        return replace(result, findings=(Finding("reported weights", text),))
    made = [(course, each) for course, each in walked if course.kind == GIVEN]
    where = _only_on_problems(a, b, walked, tolerance) if all(each.step is None for _, each in made) else None
    if where and where.name == "blocks":
        return replace(result, findings=(where,))
    coarse = [each.name for each in (a, b) if is_coarse(each)]
    kept = f"{' and '.join(coarse)} {'keep' if len(coarse) > 1 else 'keeps'} a part in float32, or in less"
    if coarse and result.difference < _SINGLE:  # what else is measured of it may be that rounding
        return replace(result, findings=(Finding("precision", f"{kept}: the difference is that of its rounding"),))
    trials = made if made and not where else walked
    courses = [course for course, each in sorted(trials, key=lambda pair: pair[1].step is not None)]
    try:
        found = findings(*probe_both(a, b), a.name, b.name)
    except OptbenchError:  # neither one number nor one matrix
        found = []
    remedy = cured(a, b, found, courses, tolerance)
    if "agree" not in remedy and (more := other_values(a, b, courses, tolerance)):
        found, remedy = more
    if not found and result.difference < _SINGLE:
        text = "a part is likely computed in float32: the difference is that of its rounding, and no other was found"
        found = [Finding("precision", text)]
    if len(coarse) == 1:
        found = [Finding("precision", f"{kept}, the other does not"), *found]
    steps = () if found else _first_steps(a, b, *max(walked, key=lambda pair: pair[1].difference))
    return replace(result, findings=tuple([where] if where and not found else found), remedy=remedy, steps=steps)


def _only_on_problems(a: Side, b: Side, walked: Sequence[tuple[Course, Walked]], tolerance: float) -> Finding | None:
    """Where sides that agree on all given gradients, if there are any, differ: on which blocks, or on whose gradients.

    It is the blocks where they differ on given gradients for such blocks, too.
    """
    if not any(course.kind == GIVEN for course, _ in walked):
        return None
    differing = [course for course, each in walked if each.step is not None]
    blocks = {course.name: tuple(map(tuple, course.shapes)) for course in differing}
    on_blocks = all(
        any(compare(a, b, course, tolerance).step is not None for course in made_courses(shapes))
        for shapes in set(blocks.values())
    )
    if on_blocks:
        listed = [f"{name} ({', '.join(map(_size, shapes))})" for name, shapes in blocks.items()]
        small = next(course.shapes for course, _ in walked if course.kind == GIVEN)
        text = f"they differ only on larger or other blocks: {'; '.join(listed)}; on blocks of "
        return Finding("blocks", f"{text}{' and '.join(map(_size, small))} they agree")
    return Finding("gradients", f"they differ only on the gradients of {', '.join(blocks)}, not on those made by hand")


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "1"


def _first_steps(a: Side, b: Side, course: Course, walked: Walked) -> tuple[tuple[int, float, float, float], ...]:
    """The first steps that differ, of the weight that differs most in them."""
    mine = walk(a, course, walked.rate)
    paths = [mine.w, walk(b, course, walked.rate, mine.g).w]
    first = max(int(np.argmax(apart(*paths, course.start) > 0)) - 1, 0)
    one, other = (np.diff(np.vstack([course.start, path]), axis=0)[first : first + _SHOWN_STEPS] for path in paths)
    weight = int(np.argmax(np.nan_to_num(np.abs(one - other)).max(axis=0)))
    return tuple(
        (first + i + 1, float(mine.g[first + i, weight]), *map(float, pair))
        for i, pair in enumerate(zip(one[:, weight], other[:, weight], strict=True))
    )
