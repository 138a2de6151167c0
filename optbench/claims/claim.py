"""The records of claims: a claim, its budget, what was measured, its verdict and outcome, and the paper around it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, get_args

import numpy as np

from optbench.analysis.statistics import Interval
from optbench.contract.errors import unknown
from optbench.wording.languages import ENGLISH, Language

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PACKAGE = Path(__file__).parents[1]

FIRST_SEED = 1000
"""The first seed of experiments. Seeds below it served to choose settings and criteria, and are not reported."""

SECOND_SEED = 2000
"""The first seed of claims whose criterion was changed after results of the seeds from 1000 on were known."""

THIRD_SEED = 3000
"""The first seed of claims that were given more seeds after those from 2000 on had left them undecided."""

Word = Literal["holds", "does not hold", "depends", "undecided"]
HOLDS, FAILS, DEPENDS, UNDECIDED = VERDICTS = get_args(Word)

Row = tuple[Word, str, str]
"""The verdict on a setting, its name, and its number with the interval."""

Kind = Literal["estimate", "number", "identity"]
ESTIMATE, NUMBER, IDENTITY = get_args(Kind)
"""A number with its interval over seeds; a deterministic number; the largest difference of an identity."""


def exact(number: float) -> Interval:
    """Return a deterministic number as an interval (effect, low, high) of zero width."""
    return (float(number),) * 3


def interval_text(interval: Interval) -> str:
    """Return an effect and its interval, (effect, low, high), as a text to two digits: "12 [8.1, 15]"."""
    return "{} [{}, {}]".format(*(two_digits(value) for value in interval))


def two_digits(value: float) -> str:
    """Return a number as a text with two digits: 1,234 as "1,200"; 0.0123 as "0.012"; inf as "infinite"."""
    if not np.isfinite(value) or value == 0:
        return "infinite" if value else "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:.2g}"


def estimate_text(interval: Interval) -> str:
    """Return a number with its interval as text, to two digits: "0.51 [0.49, 0.53]"; alone if it is exact."""
    value, low, high = interval
    return two_digits(value) if low == value == high else interval_text((value, low, high))


def percent_text(interval: Interval) -> str:
    """Return a share with its interval in percent, to two digits: "30% [18, 45]"; alone if it is exact."""
    value, low, high = (two_digits(100 * number) for number in interval)
    return f"{value}%" if low == value == high else f"{value}% [{low}, {high}]"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The tables of an experiment in numbers, before any verdict.

    cells: setting -> (effect, low, high), all that the criterion judges; for a criterion of several parts, part ->
    such cells. effect: the number to show, with its 95% interval. measure: what that number is; answer: both in a whole
    sentence ("The cost of 64 examples rose in 44% [41, 47] of the steps."). detail: one sentence with further numbers.
    exact: there is no chance in the number shown.
    """

    cells: Mapping[str, Interval] | Mapping[str, Mapping[str, Interval]]
    effect: Interval
    measure: str
    answer: str
    detail: str = ""
    exact: bool = False


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim.

    verdict: `holds`, `does not hold`, `depends` (some settings speak for the claim and some against it) or
    `undecided` (no two settings contradict each other, and not all decide). on: what it depends on, or what is
    undecided, with the numbers that show it; settings: the same as rows, (verdict, setting, number with its interval);
    where: the same in one line, without the numbers.
    effect, low, high: the measured number and its 95% interval over seeds; measure: what it is; answer: both in a
    sentence. kind: whether it is an estimate, a number without chance, or the largest difference of an identity;
    without chance all three numbers are equal.
    """

    verdict: Word
    effect: float
    low: float
    high: float
    measure: str
    answer: str
    on: str = ""
    detail: str = ""
    kind: Kind = ESTIMATE
    settings: tuple[Row, ...] = ()
    where: str = ""


class Criterion(Protocol):
    """The interface of all criteria."""

    kind: ClassVar[Kind]

    @property
    def on(self) -> str:
        """What a claim depends on if its settings disagree, such as "the setting"."""

    @property
    def sentence(self) -> str:
        """The criterion in words, with its thresholds."""

    def judge(self, cells: Mapping) -> tuple[Word, str]:
        """Return (verdict, what it depends on or what is undecided, in words); cells: of a `Measured`."""

    def rows(self, cells: Mapping) -> tuple[Row, ...]:
        """Return (verdict, setting, number with its interval) of each setting, those that agree first."""

    def where(self, cells: Mapping) -> str:
        """Return where a claim holds that depends or is undecided, and where not, in one line."""


@dataclass(frozen=True)
class Budget:
    """The size of an experiment. It is hashable, so that claims can share one cached experiment."""

    quick: bool = False
    workers: int | None = None
    seeds: int | None = None
    """How many seeds report, or blocks of seeds; None: as many as each claim has by itself."""

    def count_seeds(self, quick: int, full: int) -> int:
        """Return how many seeds, or blocks, an experiment reports that by itself has so many, quick and in full."""
        return self.seeds or (quick if self.quick else full)


def fresh_seeds(count: int, first: int = FIRST_SEED) -> range:
    """Return ``count`` seeds from ``first`` on, for values that are reported."""
    return range(first, first + count)


def split_seeds(tuning: int, reporting: int, first: int = FIRST_SEED) -> tuple[list[int], list[int]]:
    """Return (tuning seeds, reporting seeds), of these lengths: `first` and those after it."""
    seeds = list(fresh_seeds(tuning + reporting, first))
    return seeds[:tuning], seeds[tuning:]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence, the experiment that tests it, and the criterion, which was stated before the measurement.

    id: `A3`; a claim of several parts may be split, `A3.1`. caption: what the figure shows.
    experiment: Budget -> tidy tables by name, through the package's public API.
    criterion: holds the thresholds and judges what was measured; the page shows its own sentence.
    measure: tables -> Measured; a pure function.
    figure: (tables, verdict) -> matplotlib Figure. formulas: what it is about, as `formula.to_mathml` reads them.
    """

    id: str
    sentence: str
    experiment: Callable[[Budget], dict[str, pd.DataFrame]]
    criterion: Criterion
    measure: Callable[[dict[str, pd.DataFrame]], Measured]
    figure: Callable[[dict[str, pd.DataFrame], Verdict], Figure]
    caption: str = ""
    formulas: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        """The letter of its section."""
        return self.id[0]

    @property
    def source(self) -> str:
        """The file and the line of its experiment, "optbench/lecture/c_paths.py:57"."""
        code = inspect.unwrap(self.experiment).__code__
        path = Path(code.co_filename)
        inside = path.is_relative_to(_PACKAGE.parent)
        return f"{path.relative_to(_PACKAGE.parent).as_posix() if inside else path.name}:{code.co_firstlineno}"

    def judge(self, tables: Mapping[str, pd.DataFrame]) -> Verdict:
        """Return the verdict on the tables of the experiment: they are measured, and the criterion judges."""
        measured = self.measure(dict(tables))
        verdict, on = self.criterion.judge(measured.cells)
        kind = NUMBER if measured.exact and self.criterion.kind == ESTIMATE else self.criterion.kind
        rows = self.criterion.rows(measured.cells) if on else ()
        where = self.criterion.where(measured.cells) if on else ""
        effect, low, high = map(float, measured.effect)
        return Verdict(
            verdict, effect, low, high, measured.measure, measured.answer, on, measured.detail, kind, rows, where
        )


@dataclass(frozen=True, kw_only=True)
class Paper:
    """The words around claims on the page. about: a sentence below the title.

    sections: letter -> title; lessons: letter -> what to know before its claims. program: the command that tries a
    claim when its id is added. playground: returns what the script of the page's widgets reads; None for a page without
    them. language: that of the page; languages: the folder of those that there are besides English, a TOML file each.
    slides: each figure is drawn for a projector, too.
    """

    title: str
    about: str
    sections: Mapping[str, str]
    program: str
    lessons: Mapping[str, str] = field(default_factory=dict)
    playground: Callable[[], Mapping] | None = None
    language: Language = ENGLISH
    languages: Path = Path()
    slides: bool = False


@dataclass(frozen=True)
class Outcome:
    """A claim after its experiment: the verdict, or the `error` that prevented one."""

    claim: Claim
    verdict: Verdict | None
    seconds: float
    quick: bool
    tables: tuple[str, ...] = ()
    """Paths below the folder, without their endings: each is there as .parquet and .csv."""
    error: str = ""
    seeds: int | None = None
    """As of `Budget`."""
    language: str = ENGLISH.code
    """That of its figure."""

    @property
    def figure(self) -> str:
        """Its path below the folder, without the ending: it is there as .png and .svg."""
        return f"figures/{self.claim.id}"

    def command(self, program: str) -> str:
        """Return the command that tests the claim again."""
        seeds = f" --seeds {self.seeds}" if self.seeds else ""
        return f"{program} {self.claim.id}{' --quick' if self.quick else ''}{seeds}"


def sort_claims(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return claims in the order of their ids: A3.1, A3.2, A4, B1. Raises ValueError if two share one."""
    by_id: dict[str, Claim] = {}
    for claim in claims:
        if by_id.setdefault(claim.id, claim) is not claim:
            raise ValueError(f"two claims have the id {claim.id}")
    return tuple(sorted(by_id.values(), key=lambda claim: (claim.section, *map(int, claim.id[1:].split(".")))))


def select(claims: Sequence[Claim], ids: Iterable[str] = ()) -> tuple[Claim, ...]:
    """Return the claims that `ids` name, all without any: a section "A", a claim "A3" with its parts, a part "A3.1".

    Raises OptbenchError, with the nearest name, for an id that does not exist.
    """
    wanted = [text.strip().upper() for text in ids]
    for name in wanted:
        if not any(name in _claim_names(claim.id) for claim in claims):
            raise unknown("claim", name, {near for claim in claims for near in _claim_names(claim.id)[1:]})
    return tuple(claim for claim in claims if not wanted or set(wanted) & set(_claim_names(claim.id)))


def _claim_names(id: str) -> tuple[str, ...]:
    """Return the names that select the claim of that id: of A3.1 these are A, A3 and A3.1."""
    return id[0], id.partition(".")[0], id
