"""The chart of the first screen in numbers: where each mark and interval stands, in percent of the axis.

The template `forest.html` draws it as SVG, so that it is text of the page, prints, and needs no script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path

from optbench.analysis.answer import Answer
from optbench.analysis.verdicts import ALL, OPEN, TIE
from optbench.contract.names import count_noun
from optbench.figures.data import ReportData
from optbench.figures.forest_plot import EQUAL, compare_with_leader, find_limits, list_ticks, sort_ticks
from optbench.figures.style import COLORS, GRAY
from optbench.wording import labels
from optbench.wording.judged import format_interval, format_ratio, name_unit

MARK, ROW, LEAST = 9.0, 10, 50
"""Pixels: the size of a mark, from one to the next, and the height of a problem at least, for two lines of text."""
APART = 11.0
"""Percent of the axis from one label of a tick to the next: about as much as "1,000×" takes on a phone."""
GRAY_MARK = {"color": GRAY, "marker": "o"}
LEADER = "leader"
"""Whose ratio is 1 in a sweep; in a comparison it is a folder."""


class Mark(NamedTuple):
    """One optimizer on one problem; places in percent of the axis, NaN where there is none."""

    name: str
    """What the optimizer is called."""
    look: int
    """Its place in the list of `find_looks`."""
    x: float
    low: float
    high: float
    leads: bool
    """It is the leader of a sweep's problem."""
    hollow: bool
    """Not told apart from the leader."""
    tie: bool
    """Shown to be within 10% of the leader."""
    note: str
    beyond: bool
    """The note is the ratio of a mark beyond the axis."""
    text: str
    """What the mark says in words."""


@dataclass(frozen=True)
class Row:
    """One problem."""

    marks: Sequence[Mark]
    height: int
    left_out: int
    """Optimizers without a mark."""
    text: str
    """What the row shows, in words."""


class Look(NamedTuple):
    """Color and shape of an optimizer; shape: the path of an SVG around its middle."""

    name: str
    label: str
    color: str
    shape: str


@dataclass(frozen=True)
class Forest:
    """The rows of all problems by one measure, on one axis."""

    rows: Mapping[str, Row]
    ticks: Sequence[tuple[float, str]]
    """Places in percent with their labels; "" for a line without one."""
    band: tuple[float, float]
    """Where the green band of a tie begins, and its width."""
    title: str

    @property
    def arrows(self) -> bool:
        """Whether an interval goes on beyond the axis."""
        return any(mark.low <= 0 or mark.high >= 100 for row in self.rows.values() for mark in row.marks)

    @property
    def drawn(self) -> set[int]:
        """The looks that its marks have."""
        return {mark.look for row in self.rows.values() for mark in row.marks}


def build_forest(sweep: ReportData, answer: Answer, looks: Sequence[Look]) -> Forest:
    """Return the chart of all problems. answer: the verdicts by the measure; looks: of `find_looks`.

    A row has the leader and, of many optimizers, the best ten others. Problems without a measure that is not the
    sweep's own have no row.
    """
    lacking = answer.without if answer.judge_by != sweep.answer.judge_by else ()
    problems = [problem for problem in answer.best["problem"].unique() if problem not in lacking]
    own = sweep.results.own
    tables, left_out = {}, {}
    for problem in problems:
        names = answer.rows(problem)["optimizer"].tolist()
        shown = labels.keep_own(names, own, COLORS + 1)
        tables[problem] = compare_with_leader(answer, problem, shown)
        left_out[problem] = len(names) - len(tables[problem])
    begin, most, end = find_limits(pd.concat(tables.values()))
    units = dict.fromkeys(name_unit(answer, each) for each in problems)
    title = f"times the leader's {' or '.join(units)} (right is worse)"
    return _lay_out(tables, left_out, (begin, begin, most, end), LEADER, title, looks, answer.label)


def build_comparison(
    table: pd.DataFrame,
    letters: tuple[str, str],
    units: Sequence[str],
    looks: Sequence[Look],
    own: Collection[str],
    label: labels.Label,
) -> Forest:
    """Return the chart of B against A: for each problem a mark for each optimizer that both have.

    table: of `optbench.compare`, with the optimizers' names in the tables in a column "name"; letters: of A and B;
    units: what the ratios are of; looks: of `find_looks`; own: the user's optimizers, which are never left out.
    """
    a, b = letters
    colored = {look.name for look in looks}
    tables, left_out = {}, {}
    for problem, rows in table[table["problem"] != ALL].groupby("problem", sort=False):
        # Those in color come first
        names = sorted(rows["name"], key=lambda name: name not in colored)
        shown = labels.keep_own(names, own, COLORS + 1)
        kept = rows[rows["name"].isin(shown)]
        notes = [
            "" if math.isfinite(row["ratio"]) else row["reason"] or _blame(row, a, b) for row in kept.to_dict("records")
        ]
        tables[problem] = kept[["ratio", "low", "high"]].assign(
            optimizer=kept["name"], open=kept["verdict"] == OPEN, tie=kept["verdict"] == TIE, note=notes
        )
        left_out[problem] = len(rows) - len(kept)
    found = pd.concat(tables.values())
    _, most, end = find_limits(found)
    _, least, begin = find_limits(found.assign(ratio=1 / found["ratio"], high=1 / found["low"]))
    title = f"times {a}'s {' or '.join(units)}"
    return _lay_out(tables, left_out, (1 / begin, 1 / least, most, end), a, title, looks, label)


def _blame(row: Mapping, a: str, b: str) -> str:
    """Return why a comparison has no ratio: which side's runs all failed."""
    failed = [side for side, key in ((a, "failures_a"), (b, "failures_b")) if row[key] == 1]
    return f"every run failed in {' and '.join(failed)}" if failed else "no result"


def _lay_out(
    tables: Mapping[str, pd.DataFrame],
    left_out: Mapping[str, int],
    limits: tuple[float, float, float, float],
    one: str,
    title: str,
    looks: Sequence[Look],
    label: labels.Label,
) -> Forest:
    """Return the chart of tables like those of `compare_with_leader`, by problem.

    left_out: optimizers without a mark; limits: where the axis begins, the least and the largest ratio that is drawn in
    its place, and where the axis ends; one: whose ratio is 1, a leader or a folder; title: of the axis.
    """
    begin, least, most, end = limits
    places = {look.name: place for place, look in enumerate(looks)}

    def place(ratio: float) -> float:
        share = (math.log(ratio) - math.log(begin)) / (math.log(end) - math.log(begin)) if ratio > 0 else 0.0
        return round(100 * min(max(share, 0.0), 1.0), 2)

    rows = {}
    for problem, table in tables.items():
        marks: list = []
        for row in table.to_dict("records"):
            ratio, note = row["ratio"], row["note"]
            beyond = math.isfinite(ratio) and not least <= ratio <= most and not note
            note = f"{'→' if ratio > 1 else '←'} {format_ratio(ratio)}×" if beyond else note
            x = place(min(max(ratio, least), most)) if not math.isnan(ratio) else math.nan
            low, high = (place(max(row[end_], 0)) if not math.isnan(row[end_]) else x for end_ in ("low", "high"))
            where = places.get(row["optimizer"], len(looks) - 1)
            leads, grade = one == LEADER and not marks and math.isfinite(ratio), (row["open"], row["tie"])
            name = label(row["optimizer"])
            marks.append(Mark(name, where, x, low, high, leads, *grade, note, beyond, _say(name, row)))
        first, others = (marks[0].name, marks[1:]) if marks[0].leads else (one, marks)
        rest = [f"{count_noun(left_out[problem], 'optimizer')} not shown"] if left_out[problem] else []
        listed = "; ".join([mark.text for mark in others] + rest) or "nobody"
        text = f"Beside {first}: {listed}" if first != LEADER else f"No leader: {listed}"
        rows[problem] = Row(marks, max(LEAST, ROW * (len(marks) + 1)), left_out[problem], text)
    left = place(1 / EQUAL)
    return Forest(rows, label_ticks(list_ticks(begin, end), place, one), (left, place(EQUAL) - left), title)


def find_looks(sweep: ReportData) -> list[Look]:
    """Return the looks of all optimizers that figures show in color, as there, and last the gray one of the others."""
    styles: dict[str, dict] = {}
    for problem in (ALL, *sweep.files):
        styles = sweep.line_styles.get(problem, {}) | styles
    names = [name for name in sweep.answer.best["optimizer"].unique() if name in styles]
    found = {name: styles[name] for name in names} | {"": GRAY_MARK}
    return [
        Look(name, sweep.label(name) or "others", to_hex(style["color"]), draw_shape(style["marker"], MARK))
        for name, style in found.items()
    ]


def draw_shape(marker: str, width: float) -> str:
    """Return a marker of matplotlib as the path of an SVG, so many pixels wide around its middle."""
    style = MarkerStyle(marker)
    path = style.get_path().transformed(style.get_transform())
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    parts = []
    for points, code in path.iter_segments(simplify=False):
        pixels: Iterable[float] = (points.reshape(-1, 2) * [width, -width]).ravel() if code != Path.CLOSEPOLY else []
        parts.append(letters[code] + " ".join(f"{value:.3g}" for value in pixels))
    return "".join(parts)


def label_ticks(ticks: Sequence[float], place: Callable[[float], float], one: str) -> list[tuple[float, str]]:
    """Return the place of each tick with its label, "" where labels would touch; `one`, that of 1, comes first."""
    found: dict[float, str] = {}
    for tick in sort_ticks(ticks):
        free = all(abs(place(tick) - place(other)) >= APART for other, text in found.items() if text)
        found[tick] = (one if tick == 1 else f"{tick:,g}×") if free else ""
    return [(place(tick), found[tick]) for tick in sorted(found)]


def _say(name: str, row: Mapping) -> str:
    """Return in words what the mark of a row of `compare_with_leader` shows; name: what its optimizer is called."""
    ratio = row["ratio"]
    if row["note"]:
        return f"{name} {row['note']}"
    ends = format_interval(row["low"], row["high"])
    return f"{name} {format_ratio(ratio)}× {ends}{', could be luck' * row['open']}{', a tie' * row['tie']}"
