"""The lecture, verified: every claim an experiment with a verdict that its tables give.

A section's module ends with ``CLAIMS``; they are collected from all modules of this package, in the order of the ids.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from optbench.contract.errors import unknown

if TYPE_CHECKING:
    from optbench.claims.record import Claim

SECTIONS = {
    "A": "Mini-batch gradient descent",
    "B": "Exponentially weighted averages",
    "C": "Optimizers",
    "D": "Learning-rate decay",
    "E": "Local optima",
    "F": "When a deep network learns too slowly",
}


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of the lecture."""
    found: dict[str, Claim] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for claim in getattr(import_module(module.name), "CLAIMS", ()):
            if found.setdefault(claim.id, claim) is not claim:
                raise ValueError(f"two claims have the id {claim.id}")
    return tuple(sorted(found.values(), key=lambda claim: _place(claim.id)))


def select(ids: Iterable[str] = ()) -> tuple[Claim, ...]:
    """The claims that `ids` name, all without any: a section "A", a claim "A3" with its parts, or a part "A3.1".

    Raises OptbenchError, with the nearest name, for an id that does not exist.
    """
    wanted = [text.strip().upper() for text in ids]
    chosen = set()
    for name in wanted:
        mine = [claim.id for claim in claims() if name in _names(claim.id)]
        if not mine:
            raise unknown("claim", name, {near for claim in claims() for near in _names(claim.id)[1:]})
        chosen.update(mine)
    return tuple(claim for claim in claims() if not wanted or claim.id in chosen)


def _names(id: str) -> tuple[str, ...]:
    """What a claim answers to: A, A3, A3.1."""
    return id[0], id.partition(".")[0], id


def _place(id: str) -> tuple:
    return id[0], *map(int, id[1:].split("."))
