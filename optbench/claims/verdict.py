"""What an experiment says about a claim: the measured number with its settings, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from optbench.analysis.statistics import Interval

HOLDS, FAILS, DEPENDS, UNDECIDED = VERDICTS = ("holds", "does not hold", "depends", "undecided")

Kind = Literal["estimate", "number", "identity"]
ESTIMATE, NUMBER, IDENTITY = KINDS = ("estimate", "number", "identity")
"""A number with its interval over seeds; one in which there is no chance; the largest difference of an identity."""


def exact(number: float) -> Interval:
    """A number without chance as an interval of no width."""
    return (float(number),) * 3


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The tables of an experiment in numbers, before any verdict.

    cells: setting -> (effect, low, high), all that the criterion judges; for a criterion of several parts, part ->
    such cells. effect: the number to show, with its 95% interval. measure: what that number is; unit: the same in a
    few words that follow the number ("of the steps rise"). detail: one sentence with further numbers.
    exact: there is no chance in the number shown.
    """

    cells: Mapping[str, Interval] | Mapping[str, Mapping[str, Interval]]
    effect: Interval
    measure: str
    unit: str
    detail: str = ""
    exact: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the tables say about a claim.

    verdict: `holds`, `does not hold`, `depends` (some settings speak for the claim and some against it) or
    `undecided` (no two settings contradict each other, and not all decide). on: what it depends on, or what is
    undecided, with the numbers that show it. effect, low, high: the measured number and its 95% interval over seeds;
    measure and unit: what it is. kind: whether it is an estimate, a number without chance, or the largest
    difference of an identity; without chance all three numbers are equal.
    """

    verdict: str
    effect: float
    low: float
    high: float
    measure: str
    unit: str
    on: str = ""
    detail: str = ""
    kind: Kind = ESTIMATE

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise ValueError(f"a verdict is one of {', '.join(VERDICTS)}, got {self.verdict!r}")
        if self.on and self.verdict not in (DEPENDS, UNDECIDED) or self.verdict == DEPENDS and not self.on:
            raise ValueError("`on` belongs to the verdict `depends`, may explain `undecided`, and has no other place")
        if not (self.measure and self.unit):
            raise ValueError("a verdict needs its measure and unit: what the number is")
        if not self.low <= self.effect <= self.high:
            raise ValueError(f"the effect {self.effect} lies outside its interval [{self.low}, {self.high}]")
        if self.kind not in KINDS or self.kind != ESTIMATE and self.low != self.high:
            raise ValueError(f"a number without chance has no interval, and is one of {', '.join(KINDS[1:])}")
