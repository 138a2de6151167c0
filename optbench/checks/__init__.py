"""Public checks of a plug-in, a file for each kind of record: what is wrong with it, in words.

Stands on the engine; no sweep and no report is needed.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from optbench.catalogue.loader import Catalogue
from optbench.checks import baseline, eager, optimizer, problem, schedule
from optbench.checks.verdict import NotApplicable, Wrong
from optbench.contract.errors import in_one_line

_KINDS = {"optimizer": optimizer, "baseline": baseline, "eager": eager, "schedule": schedule, "problem": problem}
_WRAPPED = {"wrapper": ("optimizer", "gd"), "schedule_wrapper": ("schedule", "constant")}
"""A wrapper is checked around the plainest of what it goes around."""


@dataclass(frozen=True)
class Finding:
    """One check: what was checked, whether it holds, and if not, what is wrong."""

    name: str
    ok: bool
    message: str = ""


def run(kind: str, name: str, catalogue: Catalogue) -> Iterator[Finding]:
    """The findings on ``name``, which is of the ``kind`` that the catalogue says. Raises OptbenchError if unknown."""
    if kind in _WRAPPED:
        kind, inner = _WRAPPED[kind]
        name = f"{name}({inner})"
    if kind == "problem":
        try:
            record = catalogue.problem(name)
        except Exception as error:
            yield Finding("builds with its defaults", False, _told(error))
            return
    else:
        record = catalogue.schedule(name) if kind == "schedule" else catalogue.optimizer(name)[0]
    for check in _KINDS[kind].CHECKS:
        title = inspect.getdoc(check)
        try:
            check(record)
        except NotApplicable:
            continue
        except (Exception, SystemExit) as error:  # a plug-in may raise anything
            yield Finding(title, False, _told(error))
            if check in _KINDS[kind].FIRST:
                return
        else:
            yield Finding(title, True)


def _told(error: BaseException) -> str:
    """A check says itself what is wrong; of anything else, the kind is part of the news."""
    return str(error) if isinstance(error, Wrong) else in_one_line(error)
