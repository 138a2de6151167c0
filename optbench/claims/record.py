"""The records: a claim, what its experiment may spend, what came of it, and the paper that claims belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optbench.claims.verdict import ESTIMATE, NUMBER, Measured, Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from optbench.claims.criterion import Criterion

FIRST_SEED = 1000
"""Experiments draw from this seed on. Those below it served to choose settings and criteria, and report nothing."""

SECOND_SEED = 2000
"""The same for claims whose criterion was stated anew when what the seeds from 1000 on say was known."""

_ID = re.compile(r"[A-Z][1-9][0-9]*(\.[1-9][0-9]*)?")


@dataclass(frozen=True)
class Budget:
    """What an experiment may spend. It is hashable, so that claims can share one cached experiment."""

    quick: bool = False
    workers: int | None = None


def fresh_seeds(count: int, first: int = FIRST_SEED) -> range:
    """The first ``count`` of the seeds that report."""
    return range(first, first + count)


def split_seeds(tuning: int, reporting: int, first: int = FIRST_SEED) -> tuple[list[int], list[int]]:
    """So many seeds to choose rates on, and others to report on them."""
    seeds = list(fresh_seeds(tuning + reporting, first))
    return seeds[:tuning], seeds[tuning:]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence, the experiment that tries it, and the criterion stated before the number.

    id: `A3`; a claim of several parts may be split, `A3.1`. caption: what the figure shows.
    experiment: Budget -> tidy tables by name, through the package's public API.
    criterion: holds the thresholds and judges what was measured; the page shows its own sentence.
    measure: tables -> Measured; a pure function.
    figure: (tables, verdict) -> matplotlib Figure.
    """

    id: str
    sentence: str
    experiment: Callable[[Budget], dict[str, pd.DataFrame]]
    criterion: Criterion
    measure: Callable[[dict[str, pd.DataFrame]], Measured]
    figure: Callable[[dict[str, pd.DataFrame], Verdict], Figure]
    caption: str = ""

    def __post_init__(self):
        if not _ID.fullmatch(self.id):
            raise ValueError(f"a claim's id is a letter and a number, such as A3 or A3.1, got {self.id!r}")

    @property
    def section(self) -> str:
        """The letter of its section."""
        return self.id[0]

    def judged(self, tables: Mapping[str, pd.DataFrame]) -> Verdict:
        """The verdict on tables."""
        measured = self.measure(dict(tables))
        verdict, on = self.criterion.judge(measured.cells)
        kind = NUMBER if measured.exact and self.criterion.kind == ESTIMATE else self.criterion.kind
        effect, low, high = map(float, measured.effect)  # a measure may return numpy's
        return Verdict(verdict, effect, low, high, measured.measure, measured.unit, on, measured.detail, kind)


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What claims belong to: the words around them on the page. about: a sentence below the title.

    sections: letter -> title. program: the command that tries a claim when its id is added.
    """

    title: str
    about: str
    sections: Mapping[str, str]
    program: str


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

    def command(self, program: str) -> str:
        """What makes it anew."""
        return f"{program} {self.claim.id}{' --quick' if self.quick else ''}"
