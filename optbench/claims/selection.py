"""Claims by their ids: collected in order, and chosen by what a user types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from optbench.contract.errors import unknown

if TYPE_CHECKING:
    from optbench.claims.record import Claim


def ordered(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """In the order of the ids: A3.1, A3.2, A4, B1. Raises ValueError where two share one."""
    by_id: dict[str, Claim] = {}
    for claim in claims:
        if by_id.setdefault(claim.id, claim) is not claim:
            raise ValueError(f"two claims have the id {claim.id}")
    return tuple(sorted(by_id.values(), key=lambda claim: (claim.section, *map(int, claim.id[1:].split(".")))))


def select(claims: Sequence[Claim], ids: Iterable[str] = ()) -> tuple[Claim, ...]:
    """The claims that `ids` name, all without any: a section "A", a claim "A3" with its parts, or a part "A3.1".

    Raises OptbenchError, with the nearest name, for an id that does not exist.
    """
    wanted = [text.strip().upper() for text in ids]
    for name in wanted:
        if not any(name in _names(claim.id) for claim in claims):
            raise unknown("claim", name, {near for claim in claims for near in _names(claim.id)[1:]})
    return tuple(claim for claim in claims if not wanted or set(wanted) & set(_names(claim.id)))


def _names(id: str) -> tuple[str, ...]:
    """What a claim answers to: A, A3, A3.1."""
    return id[0], id.partition(".")[0], id
