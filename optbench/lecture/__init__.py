"""The lecture's claims, each an experiment with a verdict: a file for each, or for several, named by their ids.

Public API, `analysis` and `claims` only. A file ends with ``CLAIMS``; they are collected in the order of the ids.
"""

import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

from optbench.claims import claim
from optbench.claims.claim import Claim, Paper
from optbench.lecture.lessons import LESSONS

SECTIONS = {
    "A": "Mini-batch gradient descent",
    "B": "Exponentially weighted averages",
    "C": "Optimizers",
    "D": "Learning-rate decay",
    "E": "Local optima",
    "F": "When a deep network learns too slowly",
}


def _playground() -> dict:
    """Return the numbers of the page's widgets."""
    from optbench.lecture import playground  # imports what the list of claims does without

    return playground.numbers()


PAPER = Paper(
    title="The lecture, verified",
    about="Lecture notes on optimization algorithms for neural networks make claims.",
    sections=SECTIONS,
    program="python -m optbench lecture",
    lessons=LESSONS,
    playground=_playground,
    languages=Path(__file__).parent / "languages",
)


@cache
def claims() -> tuple[Claim, ...]:
    """Return all claims, in the order of the lecture."""
    modules = [import_module(module.name) for module in pkgutil.iter_modules(__path__, f"{__name__}.")]
    return claim.sort_claims(claim for module in modules for claim in getattr(module, "CLAIMS", ()))


def select(ids: Iterable[str] = ()) -> tuple[Claim, ...]:
    """Return the claims with these ids, such as "A", "A3" and "A3.1", or all; raise OptbenchError for another id."""
    return claim.select(claims(), ids)
