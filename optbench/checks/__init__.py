"""Public checks of a plug-in by the kind of its records; a failed check says in words what is wrong.

Depends on the engine; no sweep and no report is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from optbench.catalogue.loader import Catalogue
from optbench.checks import optimizer, problem, quick
from optbench.checks.failure import NotApplicable, find_title
from optbench.contract.eager import AnyOptimizer, Eager
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.contract.optimizers import Baseline, Optimizer

_CHECKS: dict[str, tuple] = {
    "optimizer": optimizer.RULE, "baseline": optimizer.BASELINE, "eager": optimizer.EAGER,
    "schedule": quick.SCHEDULE, "problem": problem.CHECKS,
}  # fmt: skip
_KINDS = {Optimizer: "optimizer", Baseline: "baseline", Eager: "eager"}
_FIRST = {*optimizer.FIRST, *problem.FIRST}
"""If one of these checks fails, the others of the record cannot run, and its runs mean nothing."""
_WRAPPED = {
    "wrapper": ("optimizer", "gd"),
    "schedule_wrapper": ("schedule", "constant"),
    "problem_wrapper": ("problem", "rosenbrock"),
}
"""A wrapper is checked around the plainest record of its kind."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check."""

    name: str
    """The title of the check."""
    ok: bool
    """True if the record passed."""
    message: str = ""
    """What is wrong, or worth knowing, in words; else ""."""
    last: bool = False
    """True if it failed, and so the others cannot run."""


def check_record(kind: str, name: str, catalogue: Catalogue) -> Iterator[CheckResult]:
    """Run the checks of the record of a kind, such as "problem", and a name, and yield a result for each that applies.

    Raises OptbenchError for an unknown name.
    """
    if kind in _WRAPPED:
        kind, inner = _WRAPPED[kind]
        name = f"{name}({inner})"
    record: Any
    if kind == "problem":
        try:
            record = catalogue.problem(name)
        except Exception as error:
            yield CheckResult("builds with its defaults", False, in_one_line(error))
            return
    else:
        record = catalogue.schedule(name) if kind == "schedule" else catalogue.optimizer(name)[0]
    yield from _check_built(record, kind)


def find_failures(record: AnyOptimizer) -> list[str]:
    """Return what the checks of an optimizer find wrong, a line each. Raises OptbenchError if it is of no use."""
    kind, found = _KINDS[type(record)], []
    for each in _check_built(record, kind):
        text = f"{kind} {record.name}: {each.name}: {each.message}"
        if each.last:
            raise OptbenchError(text)
        if not each.ok:
            found.append(text)
    return found


def _check_built(record: Any, kind: str) -> Iterator[CheckResult]:
    """Run the checks of a kind on a record, and yield a result for each that applies."""
    for check in _CHECKS[kind]:
        title = find_title(check)
        try:
            said = check(record)
        except NotApplicable:
            continue
        except (Exception, SystemExit) as error:  # a plug-in may raise anything
            last = check in _FIRST
            yield CheckResult(title, False, in_one_line(error) + _hint_argument(error, record), last)
            if last:
                return
        else:
            yield CheckResult(title, True, said or "")


def _hint_argument(error: BaseException, record: object) -> str:
    """Return the hint behind the NameError of a rule that reads the step or a power without taking it; else ""."""
    name, values = getattr(error, "name", None), getattr(record, "hyperparameters", {})
    there = name == "t" or (isinstance(name, str) and name.endswith("_t") and name[:-2] in values)
    return f": add {name} to the rule's arguments" if isinstance(error, NameError) and there else ""
