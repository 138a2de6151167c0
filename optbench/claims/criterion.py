"""The criterion of a claim: it has thresholds, judges what was measured, and prints its sentence.

A number in one setting speaks for a claim, against it, or for neither. Over all settings: all for, `holds`; all
against, `does not hold`; some for and some against, `depends`; otherwise `undecided`, as what is open could still
turn either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from optbench.analysis.statistics import Interval
from optbench.claims.claim import (
    DEPENDS,
    ESTIMATE,
    FAILS,
    HOLDS,
    IDENTITY,
    NUMBER,
    UNDECIDED,
    Criterion,
    Kind,
    Row,
    Word,
    estimate_text,
    percent_text,
)

RULE = (
    "Where a criterion has several settings or parts: all agree, holds; all disagree, does not hold; some agree and "
    "some disagree, depends; otherwise undecided."
)
"""The rule of all criteria, which the page and the list of claims print once."""

_COUNTS = {2: "Two", 3: "Three"}
_BEGINS = {DEPENDS: "depends on", UNDECIDED: "undecided, by"}
_WHERE = {HOLDS: "holds at", FAILS: "not at", UNDECIDED: "undecided at"}
_LONGEST = 170
"""Letters of the line on where a claim holds, which has room for two lines where it is presented."""


@dataclass(frozen=True, kw_only=True)
class _Bounds:
    """One number, in one setting or in several.

    what: the number in words, such as "the ratio of the final losses". each: the words for the settings, if there are
    several ("each beta1"). on: what the claim depends on if they disagree. percent: thresholds are written so.
    """

    what: str
    each: str = ""
    on: str = "the setting"
    percent: bool = False
    chance: bool = True
    """True for an estimate with an interval."""

    kind: ClassVar[Kind] = ESTIMATE
    _otherwise: ClassVar[str] = "; else undecided"

    @property
    def _conditions(self) -> tuple[str, str]:
        """What a number must be to agree, and to disagree."""
        raise NotImplementedError

    def _judge_one(self, effect: float, low: float, high: float) -> Word:
        """Return the verdict on one number with its interval."""
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        """The criterion in words, with its thresholds."""
        subject = f"the 95% interval of {self.what}" if self.chance else self.what
        agrees, disagrees = self._conditions
        if not self.each:
            return f"Holds if {subject} {agrees}; does not hold if it {disagrees}{self._otherwise}."
        return f"For {self.each}: {subject}. A setting agrees if it {agrees}, and disagrees if it {disagrees}."

    def judge(self, cells: Mapping[str, Interval]) -> tuple[Word, str]:
        """Return (verdict, text) over the numbers of all settings; cells: setting -> (effect, low, high).

        text: what the verdict depends on, or what is undecided; "" if all settings agree.
        """
        rows = self.rows(cells)
        verdict = _combine_verdicts([each for each, *_ in rows])
        if verdict in (HOLDS, FAILS) or len(cells) < 2:
            return verdict, ""
        words = {HOLDS: "it holds at", FAILS: "not at", UNDECIDED: "undecided at"}
        parts = [
            f"{words[each]} " + ", ".join(f"{name} ({number})" for _, name, number in group)
            for each, group in groupby(rows, lambda row: row[0])
        ]
        return verdict, f"{self.on}: {'; '.join(parts)}"

    def rows(self, cells: Mapping[str, Interval]) -> tuple[Row, ...]:
        """Return (verdict, setting, number with its interval) of each setting, those that agree first."""
        rows = [(self._judge_one(*cell), name, self._interval_text(cell)) for name, cell in cells.items()]
        return tuple(sorted(rows, key=lambda row: [*_WHERE].index(row[0])))

    def where(self, cells: Mapping[str, Interval]) -> str:
        """Return where a claim holds that depends or is undecided, and where not, in one line."""
        return where_text(self.judge(cells)[0], self.on, self.rows(cells))

    @property
    def _verb(self) -> str:
        """The verb of the sentence: an interval lies, a number is."""
        return "lies" if self.chance else "is"

    def _threshold_text(self, threshold: float) -> str:
        """Return a threshold as the sentence has it: in percent if `percent` is True."""
        return f"{100 * threshold:.3g}%" if self.percent else f"{threshold:.3g}"

    def _interval_text(self, interval: Interval) -> str:
        """Return the text of an effect with its interval, or alone if it is exact."""
        return (percent_text if self.percent else estimate_text)(interval)


@dataclass(frozen=True, kw_only=True)
class _OneSided(_Bounds):
    """limit: the interval must lie beyond it to agree. against: beyond it, on the other side, it disagrees."""

    limit: float
    against: float | None = None
    """By default the limit itself."""

    _directions: ClassVar[tuple[str, str]]
    """The side of the limit on which a setting agrees, and the other one."""

    @property
    def _end(self) -> float:
        """The threshold beyond which a number disagrees."""
        return self.limit if self.against is None else self.against

    @property
    def _conditions(self) -> tuple[str, str]:
        """What a number must be to agree, and to disagree."""
        this, other = (f"{self._verb} {side}" for side in self._directions)
        return f"{this} {self._threshold_text(self.limit)}", f"{other} {self._threshold_text(self._end)}"


class Below(_OneSided):
    """An estimate that has to be small: its whole interval below `limit` agrees, above `against` disagrees."""

    _directions = ("below", "above")

    def _judge_one(self, effect: float, low: float, high: float) -> Word:
        """Return the verdict on one number with its interval."""
        return HOLDS if high < self.limit else FAILS if low > self._end else UNDECIDED


class Above(_OneSided):
    """An estimate that has to be large: its whole interval above `limit` agrees, below `against` disagrees."""

    _directions = ("above", "below")

    def _judge_one(self, effect: float, low: float, high: float) -> Word:
        """Return the verdict on one number with its interval."""
        return HOLDS if low > self.limit else FAILS if high < self._end else UNDECIDED


@dataclass(frozen=True, kw_only=True)
class Within(_Bounds):
    """An estimate of a known size: its whole interval from `least` to `most` agrees, outside of them disagrees."""

    least: float
    most: float

    @property
    def _conditions(self) -> tuple[str, str]:
        """What a number must be to agree, and to disagree."""
        within = f"within {self._threshold_text(self.least)} to {self._threshold_text(self.most)}"
        return f"{self._verb} {within}", f"{self._verb} outside of these"

    def _judge_one(self, effect: float, low: float, high: float) -> Word:
        """Return the verdict on one number with its interval."""
        if self.least <= low and high <= self.most:
            return HOLDS
        return FAILS if high < self.least or low > self.most else UNDECIDED


@dataclass(frozen=True, kw_only=True)
class AtMost(_Bounds):
    """A number without chance: at most `limit`, or not. It always decides."""

    limit: float
    chance: bool = False

    kind: ClassVar[Kind] = NUMBER
    _otherwise: ClassVar[str] = ""

    @property
    def _conditions(self) -> tuple[str, str]:
        """What a number must be to agree, and to disagree."""
        return f"is at most {self._threshold_text(self.limit)}", "is larger"

    def _judge_one(self, effect: float, low: float, high: float) -> Word:
        """Return the verdict on one number with its interval."""
        return HOLDS if effect <= self.limit else FAILS  # NaN is not at most anything


@dataclass(frozen=True, kw_only=True)
class Identity(AtMost):
    """Two expressions that are the same number in exact arithmetic: their largest difference is rounding, or it is not.

    because: why rounding stays below the limit.
    """

    because: str

    kind: ClassVar[Kind] = IDENTITY

    @property
    def sentence(self) -> str:
        """The criterion in words, with the bound and its reason."""
        return f"An identity. {super().sentence[:-1]}. The bound: {self.because}."


@dataclass(frozen=True)
class Parts:
    """A claim of several parts, each judged by itself.

    parts: name -> criterion, in order. needed: one part that does not hold refutes the claim, where it otherwise
    depends on the part.
    """

    parts: Mapping[str, Criterion]
    needed: bool = False

    kind: ClassVar[Kind] = ESTIMATE
    on: ClassVar[str] = "the part"

    @property
    def sentence(self) -> str:
        """The criteria of all parts in words."""
        each = " ".join(
            f"({place}) {name}: {part.sentence}" for place, (name, part) in enumerate(self.parts.items(), start=1)
        )
        needed = " A part that does not hold refutes the claim." if self.needed else ""
        return f"{_COUNTS[len(self.parts)]} parts. {each}{needed}"

    def judge(self, cells: Mapping[str, Mapping[str, Interval]]) -> tuple[Word, str]:
        """Return (verdict, text) over all parts; cells: part -> setting -> (effect, low, high).

        text: the parts that the verdict depends on, or that are undecided; "" if all agree.
        """
        if list(cells) != list(self.parts):
            raise ValueError(f"cells of the parts {list(cells)} where the criterion's are {list(self.parts)}")
        judged = {name: part.judge(cells[name]) for name, part in self.parts.items()}
        verdict = _combine_verdicts([each for each, _ in judged.values()])
        if self.needed and FAILS in (each for each, _ in judged.values()):
            return FAILS, ""
        if verdict in (HOLDS, FAILS):
            return verdict, ""
        return verdict, f"{self.on}: " + "; ".join(
            f"“{name}” {each}" + (f" on {on}" if each == DEPENDS else f" ({on})" if on else "")
            for name, (each, on) in judged.items()
        )

    def rows(self, cells: Mapping[str, Mapping[str, Interval]]) -> tuple[Row, ...]:
        """Return (verdict, part and setting, number with its interval) of each setting, part by part."""
        return tuple(
            (verdict, name if len(cells[name]) == 1 else f"{name}, {setting}", number)
            for name, part in self.parts.items()
            for verdict, setting, number in part.rows(cells[name])
        )

    def where(self, cells: Mapping[str, Mapping[str, Interval]]) -> str:
        """Return which parts hold of a claim that depends or is undecided, and which do not, in one line."""
        parts = (f"“{name}” {part.judge(cells[name])[0]}" for name, part in self.parts.items())
        return f"{_BEGINS[self.judge(cells)[0]]} {self.on}: {'; '.join(parts)}"


def where_text(verdict: Word, on: str, rows: Sequence[Row]) -> str:
    """Return where a claim holds and where not: "depends on the batch size: holds at 16, 64; not at full".

    on: what it depends on. Settings whose names are too many for a line are counted, and the first of them named. ""
    where all settings are undecided, which the verdict says.
    """
    if {word for word, *_ in rows} == {UNDECIDED}:
        return ""
    mark = " / " if any(", " in name for _, name, _ in rows) else ", "
    groups = {word: [name for each, name, _ in rows if each == word] for word in _WHERE}
    line = ""
    for most in (len(rows), 3, 2, 1, 0):
        parts = []
        for word, names in groups.items():
            named = mark.join(names[:most]) if word != UNDECIDED or most == len(rows) else ""
            counted = f"{len(names)} of {len(rows)}{f' ({named} …)' if named else ''}"
            parts += [f"{_WHERE[word]} {named if named and len(names) <= most else counted}"] if names else []
        line = f"{_BEGINS[verdict]} {on}: {'; '.join(parts)}"
        if len(line) <= _LONGEST:
            break
    return line


def _combine_verdicts(verdicts: list[Word]) -> Word:
    """Return one verdict of several: theirs if all agree, DEPENDS if some hold and some fail, else UNDECIDED."""
    kinds = set(verdicts)
    if len(kinds) == 1:
        return kinds.pop()
    return DEPENDS if DEPENDS in kinds or {HOLDS, FAILS} <= kinds else UNDECIDED
