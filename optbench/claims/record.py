"""The records of the lecture: a claim, what its experiment may spend, and the verdict that the tables give."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FIRST_SEED = 1000
"""Experiments draw from this seed on. Those below it served to choose settings and criteria, and report nothing."""

HOLDS, FAILS, DEPENDS = VERDICTS = ("holds", "does not hold", "depends")

_ID = re.compile(r"[A-Z][1-9][0-9]*(\.[1-9][0-9]*)?")


@dataclass(frozen=True)
class Budget:
    """What an experiment may spend. It is hashable, so that claims can share one cached experiment."""

    quick: bool = False
    workers: int | None = None


def fresh_seeds(count: int) -> range:
    """The first ``count`` of the seeds that report."""
    return range(FIRST_SEED, FIRST_SEED + count)


def split_seeds(tuning: int, reporting: int) -> tuple[list[int], list[int]]:
    """So many seeds to choose rates on, and others to report on them."""
    middle = FIRST_SEED + tuning
    return list(range(FIRST_SEED, middle)), list(range(middle, middle + reporting))


@dataclass(frozen=True)
class Verdict:
    """What the tables say about a claim.

    verdict: `holds`, `does not hold` or `depends`; where it depends, `on` says on what, with the numbers that show it.
    effect, low, high: the measured number and its 95% interval over seeds; all three are equal for an exact identity.
    measure: what that number is, with its unit. detail: one sentence with further computed numbers.
    """

    verdict: str
    effect: float
    low: float
    high: float
    measure: str
    on: str = ""
    detail: str = ""

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise ValueError(f"a verdict is one of {', '.join(VERDICTS)}, got {self.verdict!r}")
        if (self.verdict == DEPENDS) != bool(self.on):
            raise ValueError("`on` belongs to the verdict `depends`, and to no other")
        if not self.measure:
            raise ValueError("a verdict needs its measure: what the number is")
        if not self.low <= self.effect <= self.high:
            raise ValueError(f"the effect {self.effect} lies outside its interval [{self.low}, {self.high}]")


@dataclass(frozen=True)
class Claim:
    """One sentence of the lecture, the experiment that tries it, and the criterion stated before the number.

    id: `A3`; a claim of several parts may be split, `A3.1`. caption: what the figure shows.
    experiment: Budget -> tidy tables by name, through the package's public API.
    judge: tables -> Verdict; a pure function that can give every verdict its criterion knows.
    figure: (tables, verdict) -> matplotlib Figure.
    """

    id: str
    sentence: str
    criterion: str
    experiment: Callable[[Budget], dict[str, pd.DataFrame]]
    judge: Callable[[dict[str, pd.DataFrame]], Verdict]
    figure: Callable[[dict[str, pd.DataFrame], Verdict], Figure]
    caption: str = ""

    def __post_init__(self):
        if not _ID.fullmatch(self.id):
            raise ValueError(f"a claim's id is a letter and a number, such as A3 or A3.1, got {self.id!r}")

    @property
    def section(self) -> str:
        """The letter of the lecture's section."""
        return self.id[0]

    def judged(self, tables: Mapping[str, pd.DataFrame]) -> Verdict:
        """The verdict on tables, as plain floats (a judge may return numpy's)."""
        v = self.judge(dict(tables))
        return Verdict(v.verdict, float(v.effect), float(v.low), float(v.high), v.measure, v.on, v.detail)


@dataclass(frozen=True)
class Outcome:
    """A claim that was tried: its verdict, or the `error` that kept it from one."""

    claim: Claim
    verdict: Verdict | None
    seconds: float
    quick: bool
    tables: tuple[str, ...] = ()
    """Paths below the folder, without their endings: each is there as .parquet and .csv."""
    error: str = ""

    @property
    def figure(self) -> str:
        """Its path below the folder, without the ending: it is there as .png and .svg."""
        return f"figures/{self.claim.id}"

    @property
    def command(self) -> str:
        """What makes it anew."""
        return f"python -m optbench lecture {self.claim.id}{' --quick' if self.quick else ''}"
